"""What is done to the system: backends terminated, clients killed, PostgreSQL restarted."""

import os
import random
import signal
import subprocess
import threading
import time

import psycopg2

import world

VICTIM_GONE = 10.0      # for the statement of a killed client to end on its server
TERMINATE = ("select pid, coalesce(extract(epoch from now() - backend_start), 0)::float8, state, "
             "usename, left(query, 60) from pg_stat_activity where usename in ('alice', 'bob') "
             "order by random() * case when wait_event = 'PgSleep' then 0.4 when state = 'idle' "
             "then 0.8 else 1.5 end desc limit 1")


class Straight:
    """The superuser's own connection, made anew behind a restart."""

    def __init__(self, postgres):
        self.postgres = postgres
        self.connection = None

    def rows(self, sql, parameters=None):
        """None while PostgreSQL is down."""
        try:
            if self.connection is None:
                self.connection = self.postgres.connect(world.DATABASE)
            with self.connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall()
        except psycopg2.Error:
            self.connection = None
            return None


class Chore(threading.Thread):
    """Does something again and again until it is stopped; an exception is a fault."""

    def __init__(self, timeline, interval):
        super().__init__(daemon=True)
        self.timeline = timeline
        self.interval = interval
        self.stopping = threading.Event()

    def once(self):
        """One time."""
        raise NotImplementedError

    def run(self):
        while not self.stopping.wait(self.interval):
            try:
                self.once()
            except Exception as error:  # pylint: disable=broad-exception-caught
                self.timeline.fault(f"{type(self).__name__}: {type(error).__name__}: {error}")

    def stop(self):
        """And waits for it."""
        self.stopping.set()
        self.join(30)
        if self.is_alive():
            self.timeline.fault(f"stuck: {type(self).__name__} does not end")


class Terminator(Chore):
    """pg_terminate_backend every second, straight on PostgreSQL; rather of those that work."""

    def __init__(self, postgres, timeline):
        super().__init__(timeline, 1.0)
        self.straight = Straight(postgres)
        self.states = {}

    def once(self):
        if not self.timeline.plan.may_terminate(self.timeline.now()) or self.timeline.is_down():
            return
        found = self.straight.rows(TERMINATE)
        if not found:
            return
        pid, age, state, user, query = found[0]
        self.timeline.terminate(age)
        self.timeline.event("terminate", f"pid {pid} of {user}, {age:.1f} s old, {state}: {query}")
        self.straight.rows("select pg_terminate_backend(%s)", (pid,))
        self.states[state] = self.states.get(state, 0) + 1


class Overview(Chore):
    """Counts connections as PostgreSQL sees them, against the limits."""

    def __init__(self, postgres, console, timeline):
        super().__init__(timeline, 0.1)
        self.straight = Straight(postgres)
        self.console = console
        self.looks = 0
        self.most = {"database": 0, "alice": 0, "bob": 0}
        self.limits = {"database": world.MAX_DB_CONNECTIONS, "alice": world.MAX_USER_CONNECTIONS,
                       "bob": world.BOB_POOL_SIZE}
        self.over = {}   # what: looks that saw too many

    def once(self):
        rows = self.straight.rows(
            "select usename::text, pid, state, left(query, 60) from pg_stat_activity "
            "where usename in ('alice', 'bob') and backend_type = 'client backend'") or []
        counts = {user: sum(row[0] == user for row in rows) for user in world.USERS}
        counts["database"] = len(rows)
        self.looks += 1
        too_many = {what: count for what, count in counts.items() if count > self.limits[what]}
        for what, count in counts.items():
            self.most[what] = max(self.most[what], count)
        for what in too_many:
            self.over[what] = self.over.get(what, 0) + 1
        if too_many:
            known = {row["remote_pid"] for row in self.console.show("servers")}
            given_up = [f"{row[1]} {row[2]}: {row[3]}" for row in rows if row[1] not in known]
            self.timeline.event("over the limit", f"{too_many}; not in SHOW SERVERS: {given_up}")

    def faults(self):
        """One for each limit that was exceeded."""
        return [f"limit: {self.most[what]} connections of {what} in pg_stat_activity, allowed are "
                f"{self.limits[what]}; too many in {times} of {self.looks} looks"
                for what, times in self.over.items()]


class Killer(Chore):
    """psql clients that are killed: in a statement, in a transaction, in COPY, in their login."""

    WAYS = ("sleep", "transaction", "update", "copy", "login", "session")

    def __init__(self, postgres, pooler, timeline):
        super().__init__(timeline, 0.8)
        self.pooler = pooler
        self.straight = Straight(postgres)
        self.psql = f"{postgres.bin}/psql"
        self.killed = 0
        self.slowest = 0.0

    def _start(self, way, mark):
        text = {"sleep": f"select pg_sleep(30) /* {mark} */",
                "session": f"create temp table t as select 1; select pg_sleep(30) /* {mark} */",
                "transaction": f"begin; /* {mark} */ insert into scratch values ('{mark}', 1);\n",
                "update": f"begin; update victims set n = n + 1 where id = {self.killed % 100}; "
                          f"select pg_sleep(30) /* {mark} */",
                "copy": f"copy /* {mark} */ scratch from stdin;\n{mark}\t1\n",
                "login": "select 1"}[way]
        database = world.SESSION if way == "session" else world.DATABASE
        argv = [self.psql, "-X", "-q", "-v", "VERBOSITY=verbose", "-h", "127.0.0.1", "-p",
                str(self.pooler.port), "-U", "alice", database]
        typed = way in ("transaction", "copy")  # psql stays at its prompt
        child = subprocess.Popen(  # pylint: disable=consider-using-with
            argv if typed else [*argv, "-c", text], text=True, cwd="/",
            stdin=subprocess.PIPE if typed else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=world.environment(),
            start_new_session=True)
        if typed:
            child.stdin.write(text)
            child.stdin.flush()
        return child

    def once(self):
        way = random.choice(self.WAYS)
        mark = f"victim-{os.getpid()}-{self.killed}-"
        child = self._start(way, mark)
        time.sleep(random.random() * (0.06 if way == "login" else 0.8))
        ended_before = child.poll() is not None
        child.send_signal(signal.SIGKILL)
        _, said = child.communicate()
        self.killed += 1
        if ended_before and way != "login" and said:
            state = said.split(":")[1].strip() if "FATAL:  " in said or "ERROR:  " in said else ""
            self.timeline.error(mark, way, state if len(state) == 5 else None, said)
        if self._gone(mark) is False:
            self.timeline.fault(f"stuck: what {mark} did ({way}) is on its server still "
                                f"{VICTIM_GONE} s after SIGKILL")

    def _gone(self, mark):
        """Whether its server does something else now; None: PostgreSQL was down meanwhile."""
        begin = time.monotonic()
        while time.monotonic() - begin < VICTIM_GONE:
            rows = self.straight.rows(
                "select pid from pg_stat_activity where usename in ('alice', 'bob') "
                "and state <> 'idle' and strpos(query, %s) > 0", (mark,))
            if not rows:
                self.slowest = max(self.slowest, time.monotonic() - begin)
                return None if rows is None else True
            time.sleep(0.02)
        return False


def restart(postgres, timeline, number):
    """By turns fast and immediate. From the main thread alone: PostgreSQL gets a signal when
    the thread that started it ends."""
    how = (signal.SIGINT, signal.SIGQUIT)[number % 2]
    timeline.outage(True)
    timeline.event("restart begins", how.name)
    postgres.restart(how)
    timeline.outage(False)
    timeline.event("restart done")

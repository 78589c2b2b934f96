"""What pglynx and the kernel show while it runs: memory, descriptors, the console's tables."""

import select
import time

import psycopg2
import psycopg2.extensions

import chaos
import world

TABLES = ("pools", "lists", "clients", "servers", "stats_totals")
WAIT_SLACK = 3.0
ANSWER_SECONDS = 15.0
TRIES = 60      # for tables that are read one after the other to agree
SERVER_STATES = ("sv_active", "sv_being_canceled", "sv_idle", "sv_used", "sv_tested", "sv_login")


def with_deadline(connection):
    """psycopg2's wait callback: a pglynx that is stuck must not hold up who judges it."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
        reads = [connection] if state == psycopg2.extensions.POLL_READ else []
        writes = [connection] if state == psycopg2.extensions.POLL_WRITE else []
        left = max(0.0, deadline - time.monotonic())
        if not any(select.select(reads, writes, [], left)):
            raise psycopg2.OperationalError(f"no answer within {ANSWER_SECONDS} s")


class Console:
    """A console connection that stays: logins would be a load of their own."""

    def __init__(self, pooler):
        self.connection = psycopg2.connect(
            host=pooler.host, port=pooler.admin_port, dbname="pglynx", user="admin",
            password=world.PASSWORD, connect_timeout=10)
        self.connection.autocommit = True

    def show(self, table):
        """Rows as dicts."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"show {table}")
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row)) for row in cursor.fetchall()]

    def lists(self):
        """SHOW LISTS as a dict."""
        return {row["list"]: row["items"] for row in self.show("lists")}

    def all(self):
        """Every table of TABLES."""
        return {table: self.show(table) for table in TABLES}


def totals(rows):
    """SHOW STATS_TOTALS over all databases."""
    sums = {}
    for row in rows:
        for name, value in row.items():
            if name not in ("database", "shard", "role"):
                sums[name] = sums.get(name, 0) + int(value)
    return sums


def disagreements(tables):
    """Sums that do not agree, as texts."""
    found = []
    pools, lists = tables["pools"], {row["list"]: row["items"] for row in tables["lists"]}
    clients = sum(row["cl_active"] + row["cl_waiting"] for row in pools)
    if clients != len(tables["clients"]):
        found.append(f"clients: {clients} in SHOW POOLS, {len(tables['clients'])} in SHOW CLIENTS")
    waiting = sum(row["cl_waiting"] for row in pools)
    rows = sum(row["state"] == "waiting" for row in tables["clients"])
    if waiting != rows:
        found.append(f"waiting clients: {waiting} in SHOW POOLS, {rows} in SHOW CLIENTS")
    servers = sum(row[state] for row in pools for state in SERVER_STATES)
    if servers != len(tables["servers"]):
        found.append(f"servers: {servers} in SHOW POOLS, {len(tables['servers'])} in SHOW SERVERS")
    cancels = sum(row["sv_active_cancel"] for row in pools)
    if servers + cancels != lists["used_servers"]:
        found.append(f"servers: {servers + cancels} in SHOW POOLS, {lists['used_servers']} in "
                     "SHOW LISTS")
    linked = sum(row["state"] == "active" for row in tables["servers"])
    holding = sum(bool(row["link"]) for row in tables["clients"])
    if linked != holding:
        found.append(f"pairs: {linked} active servers, {holding} clients with a server")
    return found


class Sampler(chaos.Chore):
    """Memory every second, the tables every `period` seconds."""

    def __init__(self, pooler, timeline, period):
        super().__init__(timeline, 1.0)
        self.pooler = pooler
        self.console = Console(pooler)
        self.period = period
        self.memory = []       # (at, KiB)
        self.samples = []      # dicts, for the report
        self.next = 0.0
        self.before = {}
        self.longest_wait = 0.0
        self.pairs_reported = False

    def once(self):
        if not self.pooler.program.running():
            self.timeline.fault("pglynx is not running")
            self.stopping.set()
            return
        self.memory.append((self.timeline.now(), self.pooler.resident_kib()))
        if self.timeline.now() >= self.next:
            self.next = self.timeline.now() + self.period
            self.tables()

    def tables(self):
        """One look at the console, and what has to hold at every moment."""
        tables = self._agreeing()
        self._check_waits(tables)
        sums = totals(tables["stats_totals"])
        for name, value in sums.items():
            if value < self.before.get(name, 0):
                self.timeline.fault(f"counter {name} went from {self.before[name]} to {value}")
        self.before = sums
        lists = {row["list"]: row["items"] for row in tables["lists"]}
        if lists["broken_pairs"] and not self.pairs_reported:
            self.pairs_reported = True
            self.timeline.fault(f"broken_pairs is {lists['broken_pairs']}")
        self.samples.append({
            "at": round(self.timeline.now(), 1), "rss_kib": self.memory[-1][1],
            "descriptors": self.pooler.descriptors(), "clients": len(tables["clients"]),
            "waiting": sum(row["cl_waiting"] for row in tables["pools"]),
            "pinned": sum(bool(row["pin_reason"]) for row in tables["clients"]),
            "servers": len(tables["servers"]), "buffered_kb": lists["buffered_kb"],
            "xacts": sums["xact_count"], "queries": sums["query_count"]})

    def _agreeing(self):
        """The tables come one after the other while clients come and go, so they are read
        until they agree; if they never do, a counter is wrong."""
        for _ in range(TRIES):
            tables = self.console.all()
            found = disagreements(tables)
            if not found:
                return tables
            time.sleep(0.03)
        self.timeline.fault("counters: " + "; ".join(found))
        return tables

    def _check_waits(self, tables):
        waits = [row["wait"] + row["wait_us"] / 1e6 for row in tables["clients"]]
        waits += [row["maxwait"] + row["maxwait_us"] / 1e6 for row in tables["pools"]]
        longest = max(waits, default=0.0)
        self.longest_wait = max(self.longest_wait, longest)
        if longest > world.QUERY_WAIT_TIMEOUT + WAIT_SLACK:
            self.timeline.fault(f"a client waits for {longest:.1f} s, query_wait_timeout is "
                                f"{world.QUERY_WAIT_TIMEOUT} s")

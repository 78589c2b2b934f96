"""What the cases share: a Postgres and a pglynx that are set up alike, clients that ask all the
time, and the row of the table with what was expected of it."""

import collections
import contextlib
import dataclasses
import os
import re
import threading
import time

import network
from harness import PASSWORD, Workspace, wait_until
from wire_client import Client, Later, format_ms

# The settings of the measured table; the rest is at its default.
CONNECT_TIMEOUT_MS = 2000
QUERY_WAIT_TIMEOUT_MS = 5000
RETRY_MAX_MS = 2000
OUTAGE_SECONDS = 10
# Functional bounds, not performance ones: a busy machine keeps them too.
AT_ONCE_MS = 700
SLACK_MS = 1000
# 10 s of pauses of 100, 200, 400, 800, 1600 and 2000 ms hold 9 attempts; jitter may add some.
ATTEMPTS_MAX = 15
LONG_QUERY = "select pg_sleep(600)"


def make_config(server_port, host="127.0.0.1", pool_size=2, general="", pool=""):
    """A function that writes the pooler's configuration."""
    def config(pooler):
        return f"""[general]
host = "127.0.0.1"
port = {pooler.port}
connect_timeout = {CONNECT_TIMEOUT_MS}
query_wait_timeout = {QUERY_WAIT_TIMEOUT_MS}
{general}
[admin]
port = {pooler.admin_port}
password = "{PASSWORD}"
[auth]
method = "trust"
[pools.app]
database = "app"
servers = [{{ host = "{host}", port = {server_port} }}]
{pool}
[[pools.app.users]]
username = "app"
password = "{PASSWORD}"
pool_size = {pool_size}
"""
    return config


@dataclasses.dataclass
class Row:
    """One line of the table; the faults are what was not as it has to be."""

    case: str
    login: str = "–"
    idle: str = "–"
    running: str = "–"
    transaction: str = "–"
    waiting: str = "–"
    recovery: str = "–"
    attempts: str = "–"
    messages: list = dataclasses.field(default_factory=list)
    faults: list = dataclasses.field(default_factory=list)

    def expect(self, condition, what):
        """Notes a fault if it does not hold."""
        if not condition:
            self.faults.append(what)

    def expect_error(self, who, outcome, verdicts, within_ms, since=None, text=""):
        """`outcome` is one of `verdicts`, in time, and its message has `text` in it."""
        ms = outcome.ms if since is None else outcome.since(since)
        self.expect(outcome.verdict in verdicts,
                    f"{who}: {outcome.verdict} ({outcome.message}), not {' or '.join(verdicts)}")
        self.expect(ms <= within_ms,
                    f"{who}: after {format_ms(ms)}, not within {format_ms(within_ms)}")
        self.expect(text in outcome.message, f"{who}: no \"{text}\" in \"{outcome.message}\"")
        self.say(who, outcome)

    def expect_at_once(self, who, outcome, verdicts, since=None, text=""):
        """As expect_error, without any timeout to wait for."""
        self.expect_error(who, outcome, verdicts, AT_ONCE_MS, since, text)

    def expect_recovery(self, ms, within_ms=RETRY_MAX_MS + SLACK_MS):
        """The service came back by itself, `ms` after the cause was gone."""
        self.recovery = format_ms(ms)
        self.expect(ms <= within_ms,
                    f"recovery: {format_ms(ms)}, not within {format_ms(within_ms)}")

    def expect_attempts(self, count, seconds, most=ATTEMPTS_MAX):
        """Connects that reached, or would have reached, the server in an outage; None: unknown."""
        if count is None:
            self.attempts = "not counted"
            return
        self.attempts = f"{count} in {format_ms(seconds * 1000)}"
        self.expect(2 <= count <= most, f"attempts: {self.attempts}, not 2 to {most}")

    def say(self, who, outcome):
        """Keeps the message for the list below the table."""
        if outcome.message:
            self.messages.append((who, outcome.verdict, outcome.message))


class Stage:
    """The things that one case has started; they end with it."""

    def __init__(self, counts):
        self.counts = counts  # connects can be counted
        self._stack = contextlib.ExitStack()
        self.space = self._stack.enter_context(Workspace())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def keep(self, thing):
        """Ends it, by its close(), with the stage."""
        self._stack.callback(thing.close)
        return thing

    def postgres(self, **options):
        """A cluster with the database `app` of the role `app`."""
        postgres = self.space.postgres(**options)
        prepare_database(postgres)
        return postgres

    def pooler(self, postgres, **options):
        """A pglynx before it."""
        return self.space.pooler(make_config(postgres.port, postgres.host, **options))

    def attempts(self, port):
        """A counter of connects to a port; its count() is None where that is not possible."""
        return network.Attempts(port) if self.counts else _NoAttempts()


class _NoAttempts:
    def count(self):
        """Unknown."""
        return None


def prepare_database(postgres):
    """The role and the database that the pools use."""
    postgres.execute(f"create role app login password '{PASSWORD}'")
    postgres.execute("create database app owner app")


class Actors:
    """The four clients that a failure meets: one runs a query, one has a transaction open, one
    waits in the queue, one is idle. They fill a pool of two servers."""

    def __init__(self, pooler, query=LONG_QUERY):
        self.port = pooler.port
        self.idle = Client(self.port)
        self._busy = Client(self.port)
        self._open = Client(self.port)
        self._open.ask("begin; select 1")
        self._busy.send(query)
        wait_until(lambda: pool_row(pooler)["sv_active"] == 2, "both servers to be in use")
        self.running = Later(self._busy.receive)
        self.transaction = Later(self._open.receive)  # it does not ask: it is told
        self._queued = Client(self.port)
        self._queued.send("select 1")
        wait_until(lambda: pool_row(pooler)["cl_waiting"] == 1, "a client in the queue")
        self.waiting = Later(self._queued.receive)


def pool_row(pooler):
    """The pool `app` in SHOW POOLS."""
    nobody = {"sv_active": 0, "cl_waiting": 0, "sv_idle": 0}
    return next((row for row in pooler.console("show pools") if row["database"] == "app"), nobody)


class Askers:
    """Clients that ask all the time: some stay logged in, some log in anew each time."""

    PAUSE = 0.01  # between an answer and the next question

    def __init__(self, port, held=4, strangers=4):
        self._port = port
        self._over = threading.Event()
        self.outcomes = collections.deque()
        self._threads = [Later(self._hold) for _ in range(held)]
        self._threads += [Later(self._knock) for _ in range(strangers)]

    def _hold(self):
        client = None
        while not self._over.wait(self.PAUSE):
            if client is None:
                client = Client(self._port)
                if not client.login.ok:
                    self.outcomes.append(client.login)
                    client.close()
                    client = None
                    continue
            outcome = client.ask("select 1")
            self.outcomes.append(outcome)
            if outcome.closed or outcome.severity == "FATAL":
                client.close()
                client = None

    def _knock(self):
        while not self._over.wait(self.PAUSE):
            client = Client.stranger(self._port)
            self.outcomes.append(client.login)
            client.close()

    def first_success(self, moment, seconds=30):
        """When a question that was asked after `moment`, or waited then, was answered: ms."""
        def found():
            return next((o for o in list(self.outcomes) if o.ok and o.ended > moment), None)
        return wait_until(found, "a query to succeed again", seconds).since(moment)

    def stop(self):
        """Ends them; the list of their outcomes is complete then."""
        self._over.set()
        for thread in self._threads:
            thread.result()
        return list(self.outcomes)


def failures(outcomes, begin, end):
    """Those that failed between two moments."""
    return [o for o in outcomes if not o.ok and begin <= o.ended <= end]


def worst_ms(outcomes):
    """The longest wait for an error."""
    return max((o.ms for o in outcomes), default=0.0)



def log_line(program, text, begin, seconds=30):
    """Waits for a line in a log behind byte `begin`; the moment at which it was seen."""
    wait_until(lambda: text in program.log()[begin:], f"\"{text}\" in the log", seconds)
    return time.monotonic()


def start_and_note(postgres):
    """Starts it without any connect of ours; the moment at which it took connections."""
    begin = os.path.getsize(f"{postgres.directory}/postgres.log")
    postgres.start(wait=False)
    return log_line(postgres.server, "ready to accept connections", begin)


def children(pid):
    """The processes whose parent is `pid`."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                parent = re.sub(r"^.*\) ", "", stat.read()).split()[1]
        except OSError:
            continue  # it has ended
        if int(parent) == pid:
            found.append(int(entry))
    return found


"""The network drops everything: connects, and connections that are there."""

import time

from harness import wait_until
from network import FAR_ADDRESS, FarHost
from stage import (CONNECT_TIMEOUT_MS, LONG_QUERY, QUERY_WAIT_TIMEOUT_MS, RETRY_MAX_MS, SLACK_MS,
                   OUTAGE_SECONDS, Askers, Row, failures, pool_row, worst_ms)
from wire_client import Client, Later, format_ms

SHORT = """tcp_user_timeout = "2s"
tcp_keepalives_idle = 1
tcp_keepalives_count = 3
tcp_keepalives_interval = 1"""


def far_postgres(stage):
    """A Postgres on another host, and the host."""
    far = stage.keep(FarHost())
    with far.inside():
        postgres = stage.postgres(host=FAR_ADDRESS)
    return far, postgres


def black_hole(stage):
    """Connects are not answered at all."""
    row = Row("connects are black-holed")
    far, postgres = far_postgres(stage)
    pooler = stage.pooler(postgres)
    idle = Client(pooler.port)
    postgres.execute("select pg_terminate_backend(pid) from pg_stat_activity "
                     "where usename = 'app'")
    wait_until(lambda: pool_row(pooler)["sv_idle"] == 0, "the end of the connection")
    far.cut()
    cause = f"server {FAR_ADDRESS}:{postgres.port} did not complete connect and login within " \
            "connect_timeout = 2000 ms"
    first = Later(idle.ask, "select 1")
    second = Later(Client.stranger, pooler.port)
    row.idle = first.result().cell()
    row.expect_error("next query", first.result(), ["ERROR 08001"],
                     CONNECT_TIMEOUT_MS + SLACK_MS, text=cause)
    login = second.result().login
    row.login = login.cell()
    row.expect_error("login", login, ["FATAL 08001"], CONNECT_TIMEOUT_MS + SLACK_MS, text=cause)
    again = Client.stranger(pooler.port).login
    row.login += f"; behind it {again.cell()}"
    row.expect_at_once("login behind it", again, ["FATAL 08001"], text=cause)
    attempts = stage.attempts(postgres.port)
    begin = time.monotonic()
    askers = Askers(pooler.port)
    time.sleep(OUTAGE_SECONDS)
    failed = failures(askers.outcomes, begin, time.monotonic())
    row.expect(worst_ms(failed) <= CONNECT_TIMEOUT_MS + SLACK_MS,
               f"an error after {format_ms(worst_ms(failed))}")
    row.expect(all(cause in o.message for o in failed), "an error without the cause")
    row.expect_attempts(attempts.count(), OUTAGE_SECONDS)
    mended = time.monotonic()
    far.mend()
    row.expect_recovery(askers.first_success(mended), CONNECT_TIMEOUT_MS + RETRY_MAX_MS + SLACK_MS)
    askers.stop()
    return [row]


class Cut:
    """One pglynx with three connections to the far server: one runs a query, one is in a
    transaction, one is free."""

    def __init__(self, stage, postgres, title, general, silence_ms, unanswered_ms):
        self.row = Row(title)
        self.silence_ms = silence_ms  # keepalive
        self.unanswered_ms = unanswered_ms  # tcp_user_timeout
        self.pooler = stage.pooler(postgres, general=general, pool_size=3)
        self.idle_pooler = stage.pooler(postgres, general=general)
        clients = [Client(self.pooler.port) for _ in range(4)]
        self._busy, self._open, self._asking, self._queued = clients
        self._idle = Client(self.idle_pooler.port)
        self._open.ask("begin; select 1")
        self._busy.send(LONG_QUERY)
        wait_until(lambda: pool_row(self.pooler)["sv_active"] == 2, "two servers in use")
        self._asking.ask("select 1")
        self._idle.ask("select 1")

    def begin(self):
        """The cable has just been cut."""
        self.cut = time.monotonic()
        self.running = Later(self._busy.receive)
        self.transaction = Later(self._open.receive)
        self.idle = Later(self._asking.ask, "select 1")
        wait_until(lambda: pool_row(self.pooler)["sv_active"] == 3, "all servers in use")
        self.waiting = Later(self._queued.ask, "select 1")
        self.noticed = Later(self._notice_idle)

    def _notice_idle(self):
        wait_until(lambda: not self.idle_pooler.console("show servers"),
                   "the idle connection to be given up")
        return time.monotonic()

    def note(self):
        """Waits for everybody to be told."""
        row = self.row
        within = self.silence_ms + 2 * SLACK_MS
        for field, who, later in [("running", "running query", self.running),
                                  ("transaction", "in a transaction", self.transaction)]:
            outcome = later.result()
            setattr(row, field, outcome.cell(self.cut))
            row.expect_error(who, outcome, ["FATAL 08006"], within, since=self.cut,
                             text="Connection timed out")
        outcome = self.idle.result()
        row.idle = outcome.cell()
        # It may need two looks: see src/net/ack_watch.h.
        row.expect_error("next query", outcome, ["FATAL 08006"],
                         2 * self.unanswered_ms + 2 * SLACK_MS)
        outcome = self.waiting.result()
        row.waiting = outcome.cell()
        row.expect_error("in the queue", outcome, ["ERROR 53300", "ERROR 08001"],
                         QUERY_WAIT_TIMEOUT_MS + SLACK_MS)
        self.seen_ms = (self.noticed.result() - self.cut) * 1000
        row.expect(self.seen_ms <= within, f"idle connection: after {format_ms(self.seen_ms)}")

    def recover(self, mended):
        """The cable is whole again."""
        askers = Askers(self.pooler.port, held=2, strangers=2)
        self.row.expect_recovery(askers.first_success(mended))
        self.row.recovery += f"; idle connections closed {format_ms(self.seen_ms)} after the cut"
        askers.stop()


def cut(stage):
    """The cable is cut under connections in use and idle ones."""
    far, postgres = far_postgres(stage)
    both = [Cut(stage, postgres, "network cut, `tcp_user_timeout` 2 s, keepalive 1 s + 3 × 1 s",
                SHORT, 4000, 2000),
            Cut(stage, postgres, "network cut, defaults: `tcp_user_timeout` 10 s, keepalive 5 s + "
                "5 × 5 s", "", 30000, 10000)]
    time.sleep(0.3)  # until all that was sent has been acknowledged
    far.cut()
    for one in both:
        one.begin()
    for one in both:
        one.note()
    mended = time.monotonic()
    far.mend()
    for one in both:
        one.recover(mended)
    return [one.row for one in both]

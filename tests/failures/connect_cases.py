"""No connection can be made: the server is down, does not resolve, starts up, or is full."""

import contextlib
import datetime
import os
import signal
import socket
import struct
import threading
import time

import psycopg2

from harness import PASSWORD, wait_until
from stage import (OUTAGE_SECONDS, QUERY_WAIT_TIMEOUT_MS, SLACK_MS, Actors, Askers, Row, failures,
                   log_line, pool_row, start_and_note, worst_ms)
from wire_client import Client, Later, format_ms

REFUSED = "Connection refused"


def meet_outage(row, stage, port, pooler, verdicts, text, seconds=OUTAGE_SECONDS):
    """Eight clients ask all the time for `seconds`: all are told at once, and few connects are
    made. Returns the clients, which go on."""
    attempts = stage.attempts(port)
    begin = time.monotonic()
    askers = Askers(pooler.port)
    time.sleep(seconds)
    end = time.monotonic()
    failed = failures(askers.outcomes, begin, end)
    row.expect(all(o.verdict in verdicts for o in failed),
               "during the outage: " + ", ".join(sorted({o.verdict for o in failed})))
    row.expect(all(text in o.message for o in failed), f"an error without \"{text}\"")
    row.expect(len(failed) > 100, f"only {len(failed)} errors during the outage")
    row.expect(worst_ms(failed) < 1000, f"an error after {format_ms(worst_ms(failed))}")
    row.expect_attempts(attempts.count(), seconds)
    return askers


def down_at_start(stage):
    """pglynx starts first, Postgres later."""
    row = Row("down when pglynx starts")
    postgres = stage.postgres()
    postgres.stop()
    pooler = stage.pooler(postgres)
    stranger = Client.stranger(pooler.port)
    row.login = stranger.login.cell()
    row.expect_at_once("login", stranger.login, ["FATAL 08001"], text=REFUSED)
    row.expect(f"127.0.0.1:{postgres.port}" in stranger.login.message, "no host and port")
    askers = Askers(pooler.port)
    time.sleep(3)
    row.expect_recovery(askers.first_success(start_and_note(postgres)))
    askers.stop()
    return [row]


def refused(stage):
    """The server dies at once, and nothing listens for 10 s."""
    row = Row("immediate shutdown, then refused")
    postgres = stage.postgres()
    pooler = stage.pooler(postgres)
    actors = Actors(pooler)
    fault = time.monotonic()
    postgres.stop(signal.SIGQUIT)
    note_lost(row, actors, fault, ["FATAL 08006"], "due to immediate shutdown")
    note_waiting(row, actors, fault)
    time.sleep(0.5)  # the last thing that Postgres said is not the cause any more
    note_cause(row, pooler, actors.idle, ["FATAL 08001"], REFUSED)
    askers = meet_outage(row, stage, postgres.port, pooler,
                         ["FATAL 08001", "ERROR 08001"], REFUSED)
    check_jitter(row, pooler.program.log())
    row.expect_recovery(askers.first_success(start_and_note(postgres)))
    askers.stop()
    row.expect(actors.idle.ask("select 1").ok, "the idle client is not served again")
    return [row]


def note_lost(row, actors, fault, verdicts, warning=""):
    """The two that had a server when it died, and what Postgres warned them of."""
    for field, who, later in [("running", "running query", actors.running),
                              ("transaction", "in a transaction", actors.transaction)]:
        outcome = later.result()
        setattr(row, field, outcome.cell(fault))
        row.expect_at_once(who, outcome, verdicts, since=fault)
        if warning:
            row.expect(any(warning in notice for notice in outcome.notices),
                       f"{who}: Postgres's \"{warning}\" is not passed on")


def check_jitter(row, log):
    """At server_retry_max the pauses differ, so that many poolers do not knock in step."""
    moments = [datetime.datetime.fromisoformat(line.split()[0])
               for line in log.splitlines() if REFUSED in line and "connection closed" in line]
    gaps = [(b - a).total_seconds() for a, b in zip(moments, moments[1:])][-3:]
    row.expect(max(gaps) - min(gaps) > 0.02,
               "no jitter: the last pauses were " + ", ".join(f"{gap:.3f} s" for gap in gaps))


def note_waiting(row, actors, fault):
    """The one in the queue when no server could be reached any more."""
    waiting = actors.waiting.result()
    row.waiting = waiting.cell(fault)
    row.expect_at_once("in the queue", waiting, ["ERROR 08001"], since=fault)


class StartingUp:
    """A listener that answers each startup packet as Postgres does while it starts."""

    def __init__(self, port):
        self.accepted = 0
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        fields = (b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0"
                  b"Fpostmaster.c\0L2381\0RProcessStartupPacket\0\0")
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            with connection:
                connection.recv(4096)
                connection.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)

    def close(self):
        """Nobody listens then."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def starting_up(stage):
    """57P03 for 10 s: from a stand-in, and from a Postgres that takes no connections yet."""
    return [_starting_stand_in(stage), _starting_real(stage)]


def _starting_stand_in(stage):
    row = Row("starting up (57P03), stand-in")
    postgres = stage.postgres()
    pooler = stage.pooler(postgres)
    idle = Client(pooler.port)
    postgres.stop()
    stand_in = StartingUp(postgres.port)
    note_cause(row, pooler, idle, ["FATAL 57P03"], "the database system is starting up")
    askers = meet_outage(row, stage, postgres.port, pooler, ["FATAL 57P03", "ERROR 08001"],
                         "the database system is starting up")
    row.expect(stand_in.accepted <= 20, f"{stand_in.accepted} connects were accepted")
    stand_in.close()
    row.expect_recovery(askers.first_success(start_and_note(postgres)))
    askers.stop()
    return row


def note_cause(row, pooler, idle, at_login, text, in_session=("ERROR 08001",)):
    """A login and a query of a logged-in client while the server refuses."""
    stranger = Client.stranger(pooler.port)
    row.login = stranger.login.cell()
    row.expect_at_once("login", stranger.login, at_login, text=text)
    outcome = idle.ask("select 1")
    row.idle = outcome.cell()
    row.expect_at_once("next query", outcome, in_session, text=text)


def _starting_real(stage):
    row = Row("not accepting connections yet (57P03)")
    postgres = stage.postgres()
    pooler = stage.pooler(postgres)
    idle = Client(pooler.port)
    postgres.stop()
    # A standby that is not hot, of no primary: it waits for WAL until it is promoted.
    with open(f"{postgres.directory}/data/standby.signal", "w", encoding="ascii"):
        pass
    begin = os.path.getsize(f"{postgres.directory}/postgres.log")
    postgres.start(wait=False, extra=["hot_standby=off"])
    log_line(postgres.server, "entering standby mode", begin)
    time.sleep(0.5)  # until it says 57P03 in place of nothing
    wait_until(lambda: "57P03" in Client.stranger(pooler.port).login.sqlstate, "57P03")
    note_cause(row, pooler, idle, ["FATAL 57P03"], "the database system is")
    askers = meet_outage(row, stage, postgres.port, pooler, ["FATAL 57P03", "ERROR 08001"],
                         "the database system is", seconds=5)
    begin = os.path.getsize(f"{postgres.directory}/postgres.log")
    with open(f"{postgres.directory}/data/promote", "w", encoding="ascii"):
        pass
    postgres.server.signal(signal.SIGUSR1)
    ready = log_line(postgres.server, "ready to accept connections", begin)
    row.expect_recovery(askers.first_success(ready))
    askers.stop()
    return row


class Others:
    """Clients of Postgres itself that take every place it has: 8, of which 3 are for superusers."""

    SETTINGS = ["max_connections=8"]

    def __init__(self, postgres, places=5):
        self._connections = []
        while len(self._connections) < places:
            with contextlib.suppress(psycopg2.OperationalError):  # the pooler's are still going
                self._connections.append(postgres.connect("app", "app", PASSWORD))

    def close(self):
        """All leave."""
        for connection in self._connections:
            connection.close()


NO_PLACE = "remaining connection slots are reserved"


def full(stage):
    """Every place of the server is taken by others."""
    row = Row("full (53300)")
    postgres = stage.postgres(settings=Others.SETTINGS)
    pooler = stage.pooler(postgres)
    idle = Client(pooler.port)
    postgres.execute("select pg_terminate_backend(pid) from pg_stat_activity "
                     "where usename = 'app'")
    wait_until(lambda: pool_row(pooler)["sv_idle"] == 0, "the end of the connection")
    others = Others(postgres)
    note_cause(row, pooler, idle, ["FATAL 53300"], NO_PLACE, ["ERROR 53300"])
    askers = meet_outage(row, stage, postgres.port, pooler, ["FATAL 53300", "ERROR 53300"],
                         NO_PLACE)
    gone = time.monotonic()
    others.close()
    row.expect_recovery(askers.first_success(gone))
    askers.stop()
    pooler.close()
    return [row, _partly_full(stage, postgres)]


def _partly_full(stage, postgres):
    """The pool has one connection, in a transaction, and can get no other."""
    row = Row("full, the pool's only connection in a transaction")
    pooler = stage.pooler(postgres)
    holder, waiter, later = (Client(pooler.port) for _ in range(3))
    holder.ask("begin; select 1")
    others = Others(postgres, 4)
    attempts = stage.attempts(postgres.port)
    outcome = waiter.ask("select 1")
    row.waiting = outcome.cell()
    row.expect_error("in the queue", outcome, ["ERROR 53300"],
                     QUERY_WAIT_TIMEOUT_MS + SLACK_MS, text=NO_PLACE)
    row.expect_attempts(attempts.count(), QUERY_WAIT_TIMEOUT_MS / 1000)
    row.transaction = "goes on"
    row.expect(holder.ask("select 1").ok, "the transaction has not gone on")
    pending = Later(later.ask, "select 1")
    wait_until(lambda: pool_row(pooler)["cl_waiting"] == 1, "a client in the queue")
    gone = time.monotonic()
    others.close()
    row.expect(pending.result().ok, "the one in the queue was not served")
    row.expect_recovery(pending.result().since(gone))
    return row

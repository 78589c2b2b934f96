"""The server was there: it restarts, is killed, is frozen, or drops idle connections."""

import contextlib
import os
import signal
import time

from connect_cases import note_lost, note_waiting
from harness import wait_until
from stage import (CONNECT_TIMEOUT_MS, LONG_QUERY, QUERY_WAIT_TIMEOUT_MS, SLACK_MS, Actors, Askers,
                   Row, children, failures, log_line, pool_row, start_and_note, worst_ms)
from wire_client import Client, Later, format_ms

GONE = ["FATAL 57P01", "FATAL 08006"]
# While Postgres goes down, is down, and comes up.
DOWN_AT_LOGIN = ["FATAL 08001", "FATAL 57P03"]
DOWN_IN_SESSION = ["ERROR 08001"]


def restarts(stage):
    """Stopped and started at once."""
    postgres = stage.postgres()
    fast, immediate = Row("fast restart (SIGINT)"), Row("immediate restart (SIGQUIT)")
    _restart(fast, stage, postgres, signal.SIGINT, "FATAL 57P01")
    _restart(immediate, stage, postgres, signal.SIGQUIT, "FATAL 08006")
    return [fast, immediate]


def _restart(row, stage, postgres, how, verdict):
    pooler = stage.pooler(postgres)
    actors = Actors(pooler)
    attempts = stage.attempts(postgres.port)
    fault = time.monotonic()
    askers = Askers(pooler.port)  # they stand behind the one in the queue
    postgres.stop(how)
    note_down(row, pooler, actors)
    ready = start_and_note(postgres)
    row.expect_recovery(askers.first_success(ready))
    # At an immediate shutdown Postgres says why in a WARNING.
    warning = "due to immediate shutdown" if how == signal.SIGQUIT else ""
    note_lost(row, actors, fault, [verdict], warning)
    note_waiting(row, actors, fault)
    seconds = time.monotonic() - fault
    check_askers(row, askers, fault, ready)
    row.expect_attempts(attempts.count(), seconds)
    row.expect(actors.idle.ask("select 1").ok, "the idle client is not served again")
    pooler.close()


def note_down(row, pooler, actors):
    """A login and a query while it is down."""
    stranger = Client.stranger(pooler.port)
    row.login = stranger.login.cell()
    row.expect_at_once("login", stranger.login, DOWN_AT_LOGIN)
    idle = actors.idle.ask("select 1")
    row.idle = idle.cell()
    row.expect_at_once("next query", idle, DOWN_IN_SESSION)


def check_askers(row, askers, begin, end):
    """Nobody waits for an error, and nobody hears anything but the cause."""
    failed = failures(askers.stop(), begin, end)
    row.expect(failed, "nobody noticed")
    row.expect(worst_ms(failed) < SLACK_MS, f"an error after {format_ms(worst_ms(failed))}")
    wrong = {o.verdict for o in failed} - set(GONE + DOWN_AT_LOGIN + DOWN_IN_SESSION)
    row.expect(not wrong, f"errors: {wrong}")


def killed(stage):
    """One backend is ended: with a word by Postgres, and without one."""
    postgres = stage.postgres()
    return [_terminated(stage, postgres), _reset(stage, postgres), _killed_hard(stage, postgres)]


def _busy_pids(postgres):
    return [pid for (pid,) in postgres.execute(
        f"select pid from pg_stat_activity where usename = 'app' and query = '{LONG_QUERY}'")]


def _terminated(stage, postgres):
    row = Row("pg_terminate_backend of a running query")
    pooler = stage.pooler(postgres)
    actors = Actors(pooler)
    pid = _busy_pids(postgres)[0]
    fault = time.monotonic()
    postgres.execute(f"select pg_terminate_backend({pid})")
    running = actors.running.result()
    row.running = running.cell(fault)
    row.expect_at_once("running query", running, ["FATAL 57P01"], since=fault,
                       text="terminating connection due to administrator command")
    waiting = actors.waiting.result()
    row.waiting = waiting.cell(fault)
    row.expect_at_once("in the queue", waiting, ["answered"], since=fault)
    idle = actors.idle.ask("select 1")
    row.idle = idle.cell()
    row.expect_at_once("next query", idle, ["answered"])
    stranger = Client.stranger(pooler.port)
    row.login = stranger.login.cell()
    row.expect_at_once("login", stranger.login, ["answered"])
    row.transaction = "goes on"
    row.expect(not actors.transaction.done(), "the other transaction has ended")
    row.expect_recovery(waiting.since(fault))
    pooler.close()
    return row


def _reset(stage, postgres):
    """Postgres closes with unread input: its words and a TCP reset come right behind each other.
    A pglynx that is busy sees both at once, which is played here by stopping it meanwhile."""
    row = Row("pg_terminate_backend with more queries under way")
    pooler = stage.pooler(postgres)
    client = Client(pooler.port)
    client.send(LONG_QUERY)
    wait_until(lambda: _busy_pids(postgres), "the query to run")
    client.send("select 1")
    time.sleep(0.1)  # until it is at Postgres, which does not read it
    pooler.program.signal(signal.SIGSTOP)
    postgres.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                     "where usename = 'app'")
    wait_until(lambda: not _busy_pids(postgres), "the backend's end")
    fault = time.monotonic()
    pooler.program.signal(signal.SIGCONT)
    running = client.receive()
    row.running = running.cell(fault)
    row.expect_at_once("running query", running, ["FATAL 57P01"], since=fault,
                       text="terminating connection due to administrator command")
    answer = Client(pooler.port).ask("select 1")
    row.idle = answer.cell()
    row.expect_at_once("next query", answer, ["answered"])
    pooler.close()
    return row


def _killed_hard(stage, postgres):
    row = Row("kill -9 of a backend: Postgres restarts all")
    pooler = stage.pooler(postgres)
    actors = Actors(pooler)
    attempts = stage.attempts(postgres.port)
    pid = _busy_pids(postgres)[0]
    begin = os.path.getsize(f"{postgres.directory}/postgres.log")
    fault = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    running = actors.running.result()  # Postgres takes a moment to end the other backends
    row.running = running.cell(fault)
    row.expect_at_once("running query", running, ["FATAL 08006"], since=fault)
    askers = Askers(pooler.port)
    transaction = actors.transaction.result()
    row.transaction = transaction.cell(fault)
    row.expect_at_once("in a transaction", transaction, ["FATAL 08006"], since=fault)
    row.expect(any("crash of another server process" in n for n in transaction.notices),
               "Postgres's warning is not passed on")
    ready = log_line(postgres.server, "ready to accept connections", begin)
    row.expect_recovery(askers.first_success(ready))
    waiting = actors.waiting.result()
    row.waiting = waiting.cell(fault)
    row.expect_at_once("in the queue", waiting, ["ERROR 08001", "answered"], since=fault)
    check_askers(row, askers, fault, ready)
    row.expect_attempts(attempts.count(), time.monotonic() - fault)
    row.expect(actors.idle.ask("select 1").ok, "the idle client is not served again")
    failed = [o for o in askers.outcomes if not o.ok]
    for who, at_login in [("login", DOWN_AT_LOGIN), ("next query", DOWN_IN_SESSION)]:
        mine = [o for o in failed if o.verdict in at_login]
        if mine:
            field = "login" if who == "login" else "idle"
            setattr(row, field, f"{mine[-1].verdict}, ≤ {format_ms(worst_ms(mine))}")
            row.say(who, mine[-1])
    pooler.close()
    return row


@contextlib.contextmanager
def stopped(postgres):
    """All of Postgres is stopped in its tracks. The postmaster first: it must start nothing."""
    processes = [postgres.server.pid, *children(postgres.server.pid)]
    try:
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def frozen(stage):
    """All of Postgres is stopped for some seconds."""
    postgres = stage.postgres()
    busy, cold, limited = (stage.pooler(postgres), stage.pooler(postgres),
                           stage.pooler(postgres, pool='query_timeout = "1s"'))
    actors = Actors(busy, "select pg_sleep(1)")
    hurried = Client(limited.port)
    hurried.ask("select 1")
    full, empty, bound = (Row("frozen, all of the pool's connections in use"),
                          Row("frozen, no connection open yet"),
                          Row("frozen, with query_timeout = 1 s"))
    with stopped(postgres):
        stuck = Later(hurried.ask, "select 1")
        first = Later(Client.stranger, cold.port)
        queued = Later(Client.stranger, busy.port)
        next_query = Later(actors.idle.ask, "select 1")
        _note_frozen(full, empty, actors, first, queued, next_query)
        outcome = stuck.result()
        bound.idle = outcome.cell()
        bound.expect_error("next query", outcome, ["FATAL 08006"], 11000 + SLACK_MS)
        full.expect(not actors.running.done(), "the running query has ended while frozen")
        full.running = full.transaction = "waits"
        begin = time.monotonic()
        askers = [Askers(pooler.port, held=1, strangers=1) for pooler in (busy, cold, limited)]
    for row, mine in zip((full, empty, bound), askers):
        row.expect_recovery(mine.first_success(begin))
    full.expect(actors.running.result().ok, "the running query was not answered behind SIGCONT")
    full.expect(not actors.transaction.done(), "the transaction has not gone on")
    for mine in askers:
        mine.stop()
    return [full, empty, bound]


def _note_frozen(full, empty, actors, first, queued, next_query):
    """Those who are given up by a timeout of pglynx."""
    within = QUERY_WAIT_TIMEOUT_MS + SLACK_MS
    login = first.result().login
    empty.login = login.cell()
    empty.expect_error("login", login, ["FATAL 08001"], CONNECT_TIMEOUT_MS + SLACK_MS,
                       text="connect_timeout")
    waiting = actors.waiting.result()
    full.waiting = waiting.cell()
    full.expect_error("in the queue", waiting, ["ERROR 53300"], within, text="query_wait_timeout")
    login = queued.result().login
    full.login = login.cell()
    full.expect_error("login", login, ["FATAL 53300"], within, text="query_wait_timeout")
    idle = next_query.result()
    full.idle = idle.cell()
    full.expect_error("next query", idle, ["ERROR 53300"], within, text="query_wait_timeout")


def idle_closed(stage):
    """Postgres ends idle connections of the pool."""
    row = Row("idle connections closed by Postgres")
    postgres = stage.postgres()
    pooler = stage.pooler(postgres)
    clients = [Client(pooler.port) for _ in range(2)]
    noticed, answered = [], []
    for _ in range(5):
        pending = [Later(client.ask, "select pg_sleep(0.1)") for client in clients]
        for one in pending:
            one.result()
        row.expect(len(pooler.console("show servers")) == 2, "there are not two servers")
        begin = time.monotonic()
        postgres.execute("select pg_terminate_backend(pid) from pg_stat_activity "
                         "where usename = 'app'")
        wait_until(lambda: not pooler.console("show servers"), "both to be noticed", 5)
        noticed.append((time.monotonic() - begin) * 1000)
        answered.append(clients[0].ask("select 1"))
    row.idle = answered[-1].cell()
    for outcome in answered:
        row.expect_at_once("next query", outcome, ["answered"])
    row.recovery = f"noticed within {format_ms(max(noticed))}"
    row.expect(max(noticed) < SLACK_MS, row.recovery)
    row.expect(pool_row(pooler)["sv_idle"] == 1, "the new server is not idle")
    return [row]



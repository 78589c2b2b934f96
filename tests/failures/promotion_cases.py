"""A standby that becomes the primary: what clients know of it must follow."""

import time

import psycopg2

from harness import Standby
from stage import Row
from wire_client import Client, Later

def promoted(stage):
    """A standby behind pglynx becomes the primary."""
    primary = stage.postgres()
    primary.execute("create table t(v int); grant insert on t to app", "app")
    standby = stage.keep(Standby(primary, f"{stage.space.directory}/standby"))
    return [_promote(stage, standby)]


def _promote(stage, standby):
    row = Row("standby that is promoted")
    pooler = stage.pooler(standby, pool_size=3)
    writer, reader, idle, long = clients = [Client(pooler.port) for _ in range(4)]
    row.expect(all(c.parameters.get("in_hot_standby") == "on" for c in clients),
               "in_hot_standby is not on at first")
    row.expect_at_once("insert before it", writer.ask("insert into t values (1)"),
                       ["ERROR 25006"])
    reader.ask("begin; select 1")
    pid = reader.ask("select pg_backend_pid()").rows
    long.send("select pg_sleep(1.5)")
    running = Later(long.receive)
    standby.execute("select pg_promote()")  # returns when it is done
    fault = time.monotonic()
    row.expect(reader.ask("select pg_backend_pid()").rows == pid and reader.ask("commit").ok,
               "the transaction has not gone on")
    row.transaction = "goes on"
    # A server has said so by now: who logs in has to hear it.
    stranger = Client.stranger(pooler.port)
    row.login = stranger.login.cell()
    _check_libpq(row, pooler)
    wrote = writer.ask("insert into t values (1)")
    row.expect_recovery(wrote.since(fault))
    row.expect(wrote.ok, f"the insert: {wrote.verdict} {wrote.message}")
    answer = idle.ask("insert into t values (2)")
    row.idle = answer.cell()
    row.expect_at_once("insert of an idle client", answer, ["answered"])
    row.running = "goes on"
    row.expect(running.result().ok, "the running query has not gone on")
    told = {"the writer": writer, "the reader": reader, "the idle client": idle,
            "the one with a long query": long, "a new client": stranger}
    stale = [who for who, c in told.items() if c.parameters.get("in_hot_standby") != "off"]
    row.expect(not stale, f"in_hot_standby is still on for: {', '.join(stale)}")
    pooler.close()
    return row


def _check_libpq(row, pooler):
    """libpq looks at what it is told at the login."""
    try:
        psycopg2.connect(**pooler.dsn("app"), target_session_attrs="read-write").close()
    except psycopg2.OperationalError as error:
        row.expect(False, f"target_session_attrs=read-write: {str(error).strip()}")

"""psycopg 3: the extended protocol, statements that prepare themselves at the fifth use, pipelines,
COPY, cursors at the server, its pool, and the same in asyncio.
"""

import asyncio
import logging
import sys
import warnings

import psycopg
import psycopg_pool
from psycopg import ClientCursor, RawCursor, sql
from psycopg.rows import dict_row
from psycopg.types.composite import CompositeInfo
from psycopg.types.json import Jsonb

import dbapi
import transcript

LIBPQ = psycopg.pq.version_pretty(psycopg.pq.version())
VERSION = f"psycopg {psycopg.__version__} ({psycopg.pq.__impl__}), libpq {LIBPQ}"

# It warns of each pipeline that fails, as some do on purpose.
logging.getLogger("psycopg").setLevel(logging.ERROR)
warnings.simplefilter("ignore", ResourceWarning)


class Client(dbapi.Client):
    """One connection of psycopg 3."""

    Error = psycopg.Error

    def connect(self, **more):
        conn = psycopg.connect("", **more)
        conn.seen = []
        conn.add_notice_handler(
            lambda diag: conn.seen.append((diag.severity, diag.sqlstate, diag.message_primary)))
        return conn

    @staticmethod
    def sqlstate(error):
        return error.sqlstate

    @staticmethod
    def notices(conn):
        seen, conn.seen = getattr(conn, "seen", []), []
        return seen

    def cancel(self):
        self.conn.cancel_safe(timeout=20)

    def attempt(self, label, function):
        """Calls it and writes down its value or its error."""
        try:
            self.say(label, function())
        except psycopg.Error as error:
            self.failed(label, error)


def prepared(client):
    """The same statements until they are prepared, more of them than the driver keeps."""
    conn = client.conn
    for i in range(8):
        client.run("select %s::int + %s::int as sum", (i, client.number))
        client.run("select upper(%s)", (f"word {i}",))
    client.run("select %s::int as at_once", (5,), prepare=True)
    client.run("select %s::int as at_once", (6,))
    client.run("select %s::int as binary, %s::text", (6, "x"), binary=True)
    client.run("select %s::int as never", (7,), prepare=False)
    conn.prepared_max = 3
    for turn in range(2):
        for i in range(7):
            client.run(f"select %s::int + {i}", (turn,), prepare=True)
    client.run("deallocate all")
    client.run("select %s::int + 6", (10,), prepare=True)
    conn.prepared_max = 100
    client.autocommit(False)
    for i in range(7):
        client.run("select %s::text as in_transaction", (str(i),))
        if i == 4:
            client.run("select 1 / %s", (0,))
            conn.rollback()
    conn.commit()


def changed_elsewhere(client):
    """Another connection alters the table of a prepared statement. PostgreSQL refuses the next
    execution with 0A000; pglynx may prepare it anew and answer, which is its documented
    difference: either is good, and then the driver is told to forget.
    """
    table = f"{client.table}_elsewhere"
    client.run(f"create table {table} as select 1 as a")
    for _ in range(7):
        client.run(f"select * from {table} where a = %s", (1,))
    with client.connect(autocommit=True) as other:
        other.execute(f"alter table {table} add column b text default 'new'")
    try:
        row = client.conn.execute(f"select * from {table} where a = %s", (1,)).fetchone()
        client.say("the new column or 0A000", row == (1, "new"))
    except psycopg.errors.FeatureNotSupported as error:
        client.say("the new column or 0A000", "cached plan must not change" in str(error))
    client.run("deallocate all")
    client.run(f"select * from {table} where a = %s", (1,))
    client.run(f"drop table {table}")


def pipelines(client):
    """Many statements before one Sync; an error skips to the next."""
    conn, table = client.conn, client.table
    client.run(f"delete from {table}")
    with conn.pipeline():
        cursors = [conn.execute("select %s::int * 2", (i,)) for i in range(50)]
        conn.execute(f"insert into {table} values (1, 'piped', 1)")
    client.say("pipeline", [cursor.fetchone()[0] for cursor in cursors])

    def failing():
        with conn.pipeline() as pipeline:
            conn.execute(f"insert into {table} values (2, 'before', 1)")
            pipeline.sync()
            conn.execute(f"insert into {table} values (3, 'undone', 1)")
            conn.execute("select 1 / %s", (0,))
            conn.execute(f"insert into {table} values (4, 'skipped', 1)")
            pipeline.sync()
            conn.execute(f"insert into {table} values (5, 'unreached', 1)")
    client.attempt("failing pipeline", failing)
    client.run(f"select id, name from {table} order by id")

    def in_transaction():
        with conn.pipeline(), conn.transaction():
            conn.execute(f"insert into {table} values (6, 'six', 1)")
            conn.execute("set local work_mem = '7MB'")
            row = conn.execute("show work_mem").fetchone()
            conn.execute(f"insert into {table} values (7, 'seven', 1)")
        return row
    client.attempt("pipeline in a transaction", in_transaction)

    def settings():
        with conn.pipeline():
            first = conn.execute("select set_config('TimeZone', 'Asia/Tokyo', false)")
            second = conn.execute("show TimeZone")
            conn.execute("set TimeZone = 'Asia/Seoul'")
            third = conn.execute("show TimeZone")
        return [cursor.fetchall() for cursor in (first, second, third)]
    client.attempt("settings in a pipeline", settings)
    client.run("show TimeZone")
    client.run("reset TimeZone")
    client.run(f"select id, name from {table} order by id")


def copies(client):
    """COPY in both directions and formats, and ones that fail."""
    conn, table = client.conn, client.table
    client.run(f"delete from {table}")
    cursor = conn.cursor()
    with cursor.copy(f"copy {table} from stdin") as copy:
        for i in range(1500):
            copy.write_row((i, f"row {i}", i))
    client.say("copied in", cursor.rowcount, cursor.statusmessage)
    with cursor.copy(f"copy {table} (id, name) from stdin (format binary)") as copy:
        copy.set_types(["int4", "text"])
        for i in range(2000, 2100):
            copy.write_row((i, f"binary {i}"))
    client.say("copied in", cursor.rowcount)
    with cursor.copy(f"copy (select * from {table} where id < %s order by id) to stdout",
                     (1400,)) as copy:
        client.say("copied out", list(copy.rows()))
    with cursor.copy(f"copy {table} to stdout (format binary)") as copy:
        client.say("copied out", sum(len(block) for block in copy))

    def duplicate():
        with cursor.copy(f"copy {table} from stdin") as copy:
            copy.write_row((1, "again", 1))
    client.attempt("copy of a duplicate", duplicate)

    def given_up():
        with cursor.copy(f"copy {table} from stdin") as copy:
            copy.write_row((9000, "never", 1))
            raise KeyError("given up by the program")
    try:
        given_up()
    except KeyError as error:
        client.say("copy", error.args)

    def left_early():
        with cursor.copy("copy (select generate_series(1, 100000)) to stdout") as copy:
            client.say("copy", copy.read())
            raise KeyError("left early by the program")  # the driver cancels
    try:
        left_early()
    except KeyError as error:
        client.say("copy", error.args)
    client.run(f"select count(*), max(id) from {table}")


def cursors(client):
    """At the server, in a transaction and held; by rows; rows by name."""
    conn = client.conn
    with conn.transaction():
        with conn.cursor(f"named{client.number}") as cursor:
            cursor.itersize = 100
            cursor.execute("select i, %s::text from generate_series(1, 350) i", ("word",))
            rows = list(cursor)
            client.say("named", len(rows), rows[-1])
        with conn.cursor(f"scroll{client.number}", scrollable=True) as cursor:
            cursor.execute("select * from generate_series(1, 50) i")
            client.say("scroll", cursor.fetchmany(3))
            cursor.scroll(-2)
            client.say("scroll", cursor.fetchone())
            cursor.scroll(40, mode="absolute")
            client.say("scroll", cursor.fetchall())
    with conn.cursor(f"held{client.number}", withhold=True) as cursor:
        cursor.execute("select * from generate_series(1, %s) i", (50,))
        client.say("held", cursor.fetchmany(3), cursor.fetchmany(2))
    client.say("stream", [row[0] for row in conn.cursor().stream(
        "select * from generate_series(1, %s) i", (30,))])
    client.say("chunks", len(list(conn.cursor().stream(
        "select * from generate_series(1, 3000) i", size=100))))
    client.say("dict", conn.cursor(row_factory=dict_row).execute(
        "select %s::int as a, null as b", (1,)).fetchone())
    client.say("client side", ClientCursor(conn).execute(
        "select %s, %s; select 2", (1, "it's")).fetchall())
    client.say("raw", RawCursor(conn).execute("select $1::int + $2::int", (1, 2)).fetchall())
    client.say("composed", conn.execute(sql.SQL("select {} as {}").format(
        sql.Literal("O'Reilly"), sql.Identifier('a "b"'))).description[0].name)


def nested(client):
    """Transactions in transactions: savepoints with the driver's names."""
    conn, table = client.conn, client.table
    client.run(f"delete from {table}")
    with conn.transaction():
        conn.execute(f"insert into {table} values (1, 'outer', 1)")
        try:
            with conn.transaction():
                conn.execute(f"insert into {table} values (2, 'inner', 1)")
                conn.execute("select 1 / 0")
        except psycopg.errors.DivisionByZero as error:
            client.failed("inner", error)
        with conn.transaction(force_rollback=True):
            conn.execute(f"insert into {table} values (3, 'forced', 1)")
        with conn.transaction("named_savepoint"):
            conn.execute(f"insert into {table} values (4, 'kept', 1)")
    client.run(f"select id, name from {table} order by id")
    conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    conn.read_only = True
    with conn.transaction():
        client.run("show transaction_isolation")
        client.run("show transaction_read_only")
    conn.isolation_level = conn.read_only = None
    client.run("show transaction_isolation")


def types(client):
    """Adapted values, in both formats, and the driver's own look-ups."""
    conn = client.conn
    for binary in (False, True):
        client.run("select %s, %s, %b::bytea, %t::jsonb", (
            [1, 2, 3], None, b"\x00\xff", Jsonb({"a": [1, None]})), binary=binary)
        client.run("select %s::uuid, '1.5'::numeric, now() is null, '{}'::text[], 'a'::char(3), "
                   "'24:00'::time, '2024-02-29 00:00+00'::timestamptz, '[1,5)'::int4range",
                   ("7b1e2a10-0000-4000-8000-000000000000",), binary=binary)
    name = f"duo{client.number}"
    client.run(f"create type {name} as (a int, b text)")
    CompositeInfo.fetch(conn, name).register(conn)
    client.say("composite", tuple(conn.execute(f"select (1, 'x')::{name}").fetchone()[0]))
    client.run(f"drop type {name}")


def parameters(client):
    """ParameterStatus as it follows the settings."""
    names = ("server_encoding", "client_encoding", "TimeZone", "DateStyle", "application_name",
             "standard_conforming_strings", "is_superuser", "session_authorization",
             "in_hot_standby", "default_transaction_read_only", "IntervalStyle")

    def seen():
        return [client.conn.info.parameter_status(name) for name in names]
    client.say("reported", seen(), client.conn.info.server_version)
    client.run(f"set application_name = 'psycopg3 of {client.number}'")
    client.run("select set_config('TimeZone', %s, false)", ("Asia/Tokyo",))
    client.say("reported", seen())
    client.run("select '2024-02-29 00:00+00'::timestamptz")
    client.run("reset all")
    client.say("reported", seen())
    client.run("select '2024-02-29 00:00+00'::timestamptz")
    with client.conn.transaction(force_rollback=True):
        client.run("set TimeZone = 'Asia/Seoul'")
        client.say("reported", seen()[2])
    client.say("reported", seen()[2])


def listens(client):
    """notifies() waits for its own channel's messages."""
    conn, channel = client.conn, f"channel{client.number}"
    client.run(f"listen {channel}")
    client.run("select pg_notify(%s, %s)", (channel, "one"))
    client.run(f"notify {channel}, 'two'")
    client.say("notified", [(n.channel, n.payload)
                            for n in conn.notifies(timeout=20, stop_after=2)])
    other = client.connect(autocommit=True)
    client.run("select pg_notify(%s, %s)", (channel, "from another"), conn=other)
    other.close()
    client.say("notified", [(n.channel, n.payload)
                            for n in conn.notifies(timeout=20, stop_after=1)])
    client.run("unlisten *")
    client.run("select pg_notify(%s, %s)", (channel, "unheard"))
    client.say("notified", [(n.channel, n.payload) for n in conn.notifies(timeout=0)])


def pools(client):
    """psycopg_pool: connections that are taken and given back, some of them broken or in a
    failed transaction."""
    with psycopg_pool.ConnectionPool("", min_size=1, max_size=3, open=True,
                                     check=psycopg_pool.ConnectionPool.check_connection) as pool:
        pool.wait(30)
        for i in range(6):
            try:
                with pool.connection() as conn:
                    client.say("pooled", conn.execute("select %s + 1", (i,)).fetchone())
                    conn.execute("set local work_mem = '4321kB'")
                    client.say("pooled", conn.execute("show work_mem").fetchone())
                    if i == 3:
                        conn.execute("select broken")
            except psycopg.Error as error:
                client.failed("pooled", error)
        with pool.connection() as conn:
            client.say("pooled", conn.execute("show work_mem").fetchone())


def in_asyncio(client):
    """The same driver in asyncio: two connections at a time."""
    async def one(word):
        async with await psycopg.AsyncConnection.connect("", autocommit=True) as conn:
            out = []
            for i in range(8):
                row = await (await conn.execute("select %s::text || %s::int::text",
                                                (word, i))).fetchone()
                out.append(row[0])
            async with conn.pipeline():
                cursors = [await conn.execute("select %s::int", (i,)) for i in range(5)]
            out += [(await cursor.fetchone())[0] for cursor in cursors]
            async with conn.cursor().copy("copy (select 1, 'a') to stdout") as copy:
                async for row in copy.rows():
                    out.append(row)
            return out

    async def both():
        return await asyncio.gather(one("a"), one("b"))
    client.say("asyncio", asyncio.run(both()))


Client.own_steps = (prepared, changed_elsewhere, pipelines, copies, cursors, nested, types,
                    parameters, listens, pools, in_asyncio)


def run_client(number, lines):
    """One client from its first connection to its last."""
    Client(number, lines).walk(dbapi.STEPS)


if __name__ == "__main__":
    sys.exit(transcript.main(VERSION, run_client))

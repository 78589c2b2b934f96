"""asyncpg: every statement prepared and kept, binary values, Flush between Parse and Bind, and a
pool that resets what it takes back.
"""

import asyncio
import sys

import asyncpg

import transcript
from transcript import ROUNDS, Verbatim, rotated

VERSION = f"asyncpg {asyncpg.__version__}"


class Client:
    """One logical client with one connection."""

    def __init__(self, number, lines):
        self.number = number
        self.say = lines.say
        self.table = f"t{number}"
        self.conn = None

    async def connect(self, **more):
        """A new connection, as the environment says."""
        conn = await asyncpg.connect(timeout=120, **more)
        conn.add_log_listener(lambda _, message: self.say(
            "notice", message.severity, message.sqlstate, message.message))
        return conn

    def failed(self, label, error):
        """Writes down an error with all that a user sees of it."""
        parts = {key: value for key, value in error.as_dict().items()
                 if key in ("severity", "detail", "hint", "position", "context", "schema_name",
                            "table_name", "column_name", "constraint_name") and value}
        self.say(Verbatim(label), Verbatim(f"-> {type(error).__name__} {error.sqlstate} {error}"),
                 parts)

    async def fetch(self, sql, *values, conn=None):
        """By the extended protocol, from the driver's cache of statements."""
        try:
            rows = await (conn or self.conn).fetch(sql, *values)
            self.say(Verbatim(sql), [list(row.keys()) for row in rows[:1]],
                     [tuple(row) for row in rows])
            return rows
        except asyncpg.PostgresError as error:
            self.failed(sql, error)
            return None

    async def execute(self, sql, *values, conn=None):
        """By the simple protocol where there are no values."""
        try:
            self.say(Verbatim(sql), await (conn or self.conn).execute(sql, *values))
        except asyncpg.PostgresError as error:
            self.failed(sql, error)


async def values(client):
    """Types there and back, in binary."""
    await client.fetch("select $1::int, $2::bigint, $3::float8, $4::numeric, $5::bool",
                       client.number, 2**40, 1.5,
                       __import__("decimal").Decimal("1234567890.123456789"), True)
    await client.fetch("select $1::text, $2::text, $3::bytea", "O'Reilly \\ ü €", None,
                       b"\x00\x01\xff")
    await client.fetch("select $1::int[], $2::text[]", [1, None, 3], ["a,b", 'c"d', None, ""])
    await client.fetch("select '2024-02-29 12:00+02'::timestamptz, '0044-03-15'::date, "
                       "'1 day 02:03:04'::interval, $1::jsonb, $2::json", '{"b": [1, 2]}', "[1]")
    await client.fetch("select 1 as a, 2 as a, null as b, 'x'::name, '1.2.3.4/24'::inet, "
                       "'[1,5)'::int4range, '7b1e2a10-0000-4000-8000-000000000000'::uuid")
    client.say("value", await client.conn.fetchval("select $1::text", "one"))
    client.say("row", tuple(await client.conn.fetchrow("select 1 where $1", True)))
    client.say("no row", await client.conn.fetchrow("select 1 where $1", False))


async def introspected(client):
    """Types of one's own, for which the driver asks the catalogue."""
    name = f"mood{client.number}"
    await client.execute(f"create type {name} as enum ('sad', 'happy')")
    await client.execute(f"create type {name}_pair as (a int, b {name}, c text[])")
    await client.fetch(f"select 'happy'::{name}, array['sad', 'happy']::{name}[]")
    rows = await client.fetch(f"select (1, 'sad', '{{x,y}}')::{name}_pair as pair")
    client.say("pair", rows[0]["pair"]["b"])
    await client.fetch(f"select $1::{name}", "sad")
    await client.fetch(f"select $1::{name}", "no mood")
    await client.conn.set_type_codec("jsonb", schema="pg_catalog", encoder=str.upper,
                                     decoder=str.upper)
    await client.fetch("""select $1::jsonb as j""", '{"A": "b"}')
    await client.conn.reset_type_codec("jsonb", schema="pg_catalog")
    await client.conn.reload_schema_state()
    await client.fetch("select current_setting('jit')")
    await client.execute(f"drop type {name}_pair; drop type {name}")


async def errors(client):
    """Errors, and a connection that lives on."""
    table = client.table
    await client.execute(f"delete from {table}")
    await client.execute(f"insert into {table} values (1, 'one', 1.0)")
    for sql, args in ((f"insert into {table} values ($1, 'again', 1)", (1,)),
                      (f"insert into {table} values ($1, 'one', 1)", (2,)),
                      ("selec 1", ()), ("select 1 / $1::int", (0,)),
                      ("select * from not_there", ()), (f"select nope from {table}", ()),
                      ("select $1::int4 + not_there($1)", (1,)),
                      ("select 1 / (i - 3) from generate_series(1, 5) i", ())):
        await client.fetch(sql, *args)
        await client.execute(sql.replace("$1::int4", "1").replace("$1::int", "0")
                             .replace("$1", "1"))
        await client.fetch(f"select count(*) from {table} where id = $1", 1)
        transaction = client.conn.transaction()
        await transaction.start()
        await client.fetch(sql, *args)
        await client.fetch("select 1")  # 25P02, prepared or not
        await client.fetch("select 'not prepared before', $1::int", 1)
        await transaction.rollback()
    try:
        await client.conn.fetch("select $1::int", "no number")
    except asyncpg.DataError as error:
        client.say("not sent", type(error).__name__)
    await client.fetch(f"select count(*) from {table}")


async def transactions(client):
    """Transactions and their savepoints."""
    table, conn = client.table, client.conn
    await client.execute(f"delete from {table}")
    async with conn.transaction():
        await client.fetch(f"insert into {table} values ($1, $2, 1) returning id", 1, "outer")
        try:
            async with conn.transaction():
                await client.fetch(f"insert into {table} values ($1, $2, 1)", 2, "inner")
                await conn.fetch("select 1 / 0")
        except asyncpg.DivisionByZeroError as error:
            client.failed("inner", error)
        async with conn.transaction():
            await client.fetch(f"insert into {table} values ($1, $2, 1)", 3, "kept")
    async with conn.transaction(isolation="serializable", readonly=True, deferrable=True):
        await client.fetch("show transaction_isolation")
    transaction = conn.transaction()
    await transaction.start()
    await client.fetch(f"delete from {table}")
    await transaction.rollback()
    await client.fetch(f"select id, name from {table} order by id")
    client.say("in transaction", conn.is_in_transaction())


async def settings(client):
    """Each client's own values, whoever had the server before."""
    n, conn = client.number, client.conn
    zone = ("Asia/Tokyo", "America/Lima", "UTC", "Africa/Cairo")[n % 4]
    await client.execute(f"set statement_timeout = {20000 + n}; set search_path = s{n}, public")
    await client.execute(f"set TimeZone = '{zone}'")
    await client.fetch("select set_config('app.owner', $1, false)", f"client {n}")
    await client.execute("set application_name = 'O''Reilly'")
    look = ("select current_setting('statement_timeout') a, current_setting('search_path') b, "
            "current_setting('TimeZone') c, current_setting('app.owner', true) d, "
            "current_setting('application_name') e, current_setting('work_mem') f")
    for _ in range(3):
        await client.fetch(look)
    client.say("reported", conn.get_settings().TimeZone, conn.get_settings().application_name)
    async with conn.transaction():
        await client.execute("set local work_mem = '3MB'")
        await client.execute("set statement_timeout = '77s'")
        await client.fetch(look)
    await client.fetch(look)
    transaction = conn.transaction()
    await transaction.start()
    await client.execute("set TimeZone = 'Europe/Oslo'")
    await client.fetch(look)
    await transaction.rollback()
    await client.fetch(look)
    client.say("reported", conn.get_settings().TimeZone)
    await client.execute("set role app_reader")
    await client.fetch("select current_user, session_user")
    await client.execute("reset role")
    await client.execute("reset statement_timeout; reset all")
    await client.fetch(look)
    client.say("reported", conn.get_settings().TimeZone, conn.get_settings().application_name)


async def cached(client):
    """Statements that are kept, more than the cache holds, and ones of the program."""
    conn = client.conn
    for turn in range(2):
        total = 0
        for i in range(130):
            total += await conn.fetchval(f"select $1::int + {i}", turn)
        client.say("cached", total)
    statement = await conn.prepare("select $1::int as a, $2::text as b")
    client.say("prepared", [(p.name, p.kind) for p in statement.get_parameters()],
               [(a.name, a.type.name) for a in statement.get_attributes()])
    for i in range(4):
        client.say("prepared", [tuple(row) for row in await statement.fetch(i, "x")],
                   statement.get_statusmsg())
    client.say("explained", (await statement.explain(1, "x"))[0]["Plan"]["Node Type"])
    named = await conn.prepare("select 5", name=f"own_name{client.number}")
    client.say("named", named.get_name(), await named.fetchval())
    try:
        await conn.prepare("select 6", name=f"own_name{client.number}")
    except asyncpg.PostgresError as error:
        client.failed("named twice", error)
    del named
    uncached = await client.connect(statement_cache_size=0)
    for i in range(4):
        await client.fetch("select $1::int", i, conn=uncached)
    await uncached.close()


async def changed_table(client):
    """DDL between executions of kept statements; the driver prepares anew where it may."""
    table = f"{client.table}_changed"
    await client.execute(f"create table {table} as select 1 as a")
    for _ in range(3):
        await client.fetch(f"select * from {table} where a = $1", 1)
    await client.execute(f"alter table {table} add column b text default 'new'")
    await client.fetch(f"select * from {table} where a = $1", 1)
    await client.execute(f"alter table {table} alter column a type bigint")
    await client.fetch(f"select * from {table} where a = $1", 1)
    async with client.conn.transaction():
        await client.execute(f"alter table {table} add column c int default 3")
        try:
            async with client.conn.transaction():
                rows = await client.conn.fetch(f"select * from {table} where a = $1", 1)
                client.say("in a transaction", [tuple(row) for row in rows])
        except asyncpg.PostgresError as error:
            client.failed("in a transaction", error)
    await client.fetch(f"select * from {table} where a = $1", 1)
    await client.execute(f"drop table {table}")
    await client.fetch(f"select * from {table} where a = $1", 1)


async def many(client):
    """executemany, and what an error undoes of it; thousands of rows."""
    table, conn = client.table, client.conn
    await client.execute(f"truncate {table}")
    await conn.executemany(f"insert into {table} values ($1, $2, $3)",
                           [(i, f"name {i} " + "x" * 50, i) for i in range(3000)])
    await client.fetch(f"select count(*), sum(n) from {table}")
    try:
        await conn.executemany(f"insert into {table} values ($1, $2, $3)",
                               [(i, f"more {i}", 0) for i in (5000, 5001, 5, 5002)])
    except asyncpg.PostgresError as error:
        client.failed("executemany", error)
    client.say("fetchmany", [row["id"] for row in await conn.fetchmany(
        f"update {table} set n = $1 where id = $2 returning id", [(i, i) for i in range(200)])])
    await client.fetch(f"select * from {table} order by id")
    await client.fetch("select repeat('x', $1)", 300000)


async def copies(client):
    """COPY in both directions, and ones that fail."""
    table, conn = client.table, client.conn
    await client.execute(f"truncate {table}")
    client.say("copied", await conn.copy_records_to_table(
        table, records=[(i, f"row {i}", i) for i in range(2000)]))
    try:
        await conn.copy_records_to_table(table, records=[(7, "again", 7)])
    except asyncpg.PostgresError as error:
        client.failed("copy", error)
    chunks = []

    async def take(chunk):
        chunks.append(chunk)
    client.say("copied", await conn.copy_from_query(
        f"select * from {table} where id < $1 order by id", 5, output=take, format="csv"), chunks)
    chunks.clear()
    client.say("copied", await conn.copy_from_table(table, output=take), sum(map(len, chunks)))

    async def lines():
        for i in range(3000, 3010):
            yield f"{i},given {i},0\n".encode()
    client.say("copied", await conn.copy_to_table(table, source=lines(), format="csv"))

    async def broken():
        yield b"4000,one,0\n"
        raise KeyError("given up by the program")
    try:
        await conn.copy_to_table(table, source=broken(), format="csv")
    except KeyError as error:
        client.say("copy", error.args)
    await client.fetch(f"select count(*), max(id) from {table}")


async def cursors(client):
    """Portals that are fetched in pieces."""
    conn = client.conn
    async with conn.transaction():
        client.say("cursor", [tuple(row) async for row in conn.cursor(
            "select i, $1::text from generate_series(1, 300) i", "word", prefetch=40)])
        cursor = await conn.cursor("select generate_series(1, 100)")
        client.say("fetched", [row[0] for row in await cursor.fetch(3)])
        client.say("skipped", await cursor.forward(10))
        await client.fetch("select 'between'")
        client.say("row", tuple(await cursor.fetchrow()))
    try:
        await conn.cursor("select 1")
    except asyncpg.NoActiveSQLTransactionError as error:
        client.say("no cursor", str(error))


async def pins(client):
    """State that holds a server, short, and given back."""
    n, table = client.number, f"temp{client.number}"
    locks = ("select objid::int from pg_locks where locktype = 'advisory' and "
             "pid = pg_backend_pid()")
    await client.fetch("select pg_advisory_lock($1)", n)
    await client.fetch(locks)
    await client.fetch("select pg_advisory_unlock($1)", n)
    await client.fetch(locks)
    await client.execute(f"create temp table {table} (id int)")
    await client.fetch(f"insert into {table} values ($1) returning id", 5)
    await client.fetch(f"select * from {table}")
    await client.execute(f"drop table {table}")
    await client.fetch(f"select * from {table}")


async def listens(client):
    """Listeners; the driver sends LISTEN and UNLISTEN."""
    conn, channel = client.conn, f"channel{client.number}"
    seen, arrived = [], asyncio.Event()

    def listener(_connection, _pid, name, payload):
        seen.append((name, payload))
        if payload == "last":
            arrived.set()
    await conn.add_listener(channel, listener)
    await client.fetch("select pg_notify($1, $2)", channel, "one")
    await client.execute(f"notify {channel}, 'two'")
    other = await client.connect()
    await client.fetch("select pg_notify($1, 'last')", channel, conn=other)
    await other.close()
    await asyncio.wait_for(arrived.wait(), 30)
    client.say("notified", seen)
    await conn.remove_listener(channel, listener)
    await client.fetch("select pg_notify($1, 'unheard')", channel)
    await client.fetch("select 1")
    client.say("notified", len(seen))


async def pools(client):
    """The pool's reset at each release leaves nothing of what a user of it did."""
    async with asyncpg.create_pool(min_size=1, max_size=3, timeout=120, server_settings={
            "application_name": f"pool of {client.number}", "TimeZone": "Asia/Kolkata"}) as pool:
        for i in range(6):
            async with pool.acquire() as conn:
                await client.fetch("select current_setting('TimeZone'), "
                                   "current_setting('application_name'), $1::int", i, conn=conn)
                await client.execute("set TimeZone = 'Asia/Tokyo'", conn=conn)
                await client.fetch("show TimeZone", conn=conn)
                await client.fetch("select pg_advisory_lock($1)", 500 + client.number, conn=conn)
                if i == 3:
                    await client.fetch("select broken", conn=conn)
        sums = await asyncio.gather(*(pool.fetchval("select $1::int * 2", i) for i in range(12)))
        client.say("pool", sums)
        await pool.expire_connections()
        client.say("pool", await pool.fetchval("select 'after expiry'"))


async def time_limits(client):
    """statement_timeout, and the driver's own, which cancels."""
    await client.execute("set statement_timeout = 150")
    await client.fetch("select pg_sleep(60)")
    await client.execute("reset statement_timeout")
    try:
        await client.conn.fetch("select pg_sleep(60)", timeout=0.3)
    except asyncio.TimeoutError as error:
        client.say("timeout", type(error).__name__)
    await client.fetch("select 'after the cancel'")
    task = asyncio.ensure_future(client.conn.execute("select pg_sleep(60)"))
    await asyncio.wait({task}, timeout=0.2)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        client.say("cancelled")
    await client.fetch("select 'after the second cancel'")


async def connections(client):
    """Connections that come and go, with settings of their own."""
    for i in range(4):
        conn = await client.connect(server_settings={
            "application_name": f"O'Reilly {i}", "search_path": f"s{i}, public",
            "statement_timeout": "12345", "app.owner": "it's me"})
        await client.fetch("select current_setting('application_name') a, "
                           "current_setting('search_path') b, current_setting('app.owner') c, "
                           "current_setting('statement_timeout') d", conn=conn)
        await client.execute("set search_path = nowhere; reset search_path", conn=conn)
        await client.fetch("show search_path", conn=conn)
        if i == 2:
            conn.terminate()
        else:
            await conn.close()
    try:
        await client.connect(server_settings={"no_such_setting": "1"})
    except asyncpg.PostgresError as error:
        client.failed("refused", error)


STEPS = [values, introspected, errors, transactions, settings, cached, changed_table, many, copies,
         cursors, pins, listens, pools, time_limits, connections]


async def run_client(number, lines):
    """One client from its first connection to its last."""
    client = Client(number, lines)
    client.conn = await client.connect()
    client.say("settings", client.conn.get_settings().server_encoding,
               client.conn.get_settings().client_encoding, client.conn.get_settings().TimeZone,
               client.conn.get_server_version())
    await client.execute(f"create table {client.table} (id int primary key, name text unique, "
                         "n numeric)")
    for turn in range(ROUNDS):
        for step in rotated(STEPS, number):
            client.say(f"== {step.__name__}", turn)
            await step(client)
    await client.conn.close()


if __name__ == "__main__":
    sys.exit(transcript.main(VERSION, run_client))

"""Clients with asyncpg: named statements kept per connection, binary values, COPY."""

import asyncio
import random
import time

import asyncpg

import drivers
import steps
import world

DEADLINE = 70.0  # of a statement: the watchdog, which says where it hangs, comes before it
# InternalClientError: what asyncpg says to a request behind a FATAL that it has just read.
ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class Client:
    """One connection; Worker counts and tells the watchdog."""

    def __init__(self, worker, connection):
        self.worker = worker
        self.connection = connection

    async def wait(self, step, awaitable):
        """One request, under the deadline. asyncpg 0.27 waits for ever for the end of a cancel
        when the connection is lost meanwhile, without a pooler too: this ends that."""
        self.worker.begins(step)
        task = asyncio.ensure_future(awaitable)
        deadline = self.worker.since + DEADLINE
        try:
            while not (await asyncio.wait({task}, timeout=1.0))[0]:
                if self.connection.is_closed():
                    if not (await asyncio.wait({task}, timeout=1.0))[0]:
                        raise asyncpg.InterfaceError("connection is closed, and it waits on")
                    break
                if time.monotonic() > deadline:
                    raise asyncio.TimeoutError
            value = task.result()
        finally:
            task.cancel()
            self.worker.done()
        self.worker.statements += 1
        return value

    async def one(self, sql, *parameters):
        """A value, of a statement that asyncpg prepares and keeps."""
        value = await self.wait(sql, self.connection.fetchval(sql, *parameters))
        self.worker.xacts += 0 if self.connection.is_in_transaction() else 1
        return value

    async def run(self, sql):
        """By the simple protocol."""
        await self.wait(sql, self.connection.execute(sql))

    async def fails(self, kind, sql):
        """A statement that has to fail so."""
        try:
            await self.wait(sql, self.connection.fetch(sql))
        except kind:
            return
        raise steps.Wrong(f"{sql} did not fail with {kind.__name__}")


async def echo(client):
    for number in range(15):
        mine = steps.marker(client)
        steps.expect("echo", await client.one("select $1::text", mine), mine)
        steps.expect("sum", await client.one("select $1::int + 1", number), number + 1)


async def many_statements(client):
    """More names than the server's cache holds."""
    for number in random.sample(range(120), 30):
        base = random.getrandbits(20)
        steps.expect("statement", await client.one(f"select $1::int + {number}", base),
                     base + number)


async def settings(client):
    mine = steps.marker(client)[:60]
    await client.run(f"set application_name = '{mine}'")
    for _ in range(5):
        await asyncio.sleep(random.random() * 0.02)
        steps.expect("application_name",
                     await client.one("select current_setting('application_name')"), mine)
    await client.run(f"set soak.owner = '{mine}'")
    steps.expect("soak.owner", await client.one("select current_setting('soak.owner')"), mine)


async def search_path(client):
    place = f"place{random.randrange(world.PLACES)}"
    await client.run(f"set search_path = {place}")
    for _ in range(3):
        steps.expect("place", await client.one("select name from place"), place)
    await client.run("reset search_path")


async def rolled_back(client):
    mine = steps.marker(client)
    transaction = client.connection.transaction()
    await client.wait("begin", transaction.start())
    rows = [(mine, n) for n in range(200)]
    await client.wait("copy", client.connection.copy_records_to_table("scratch", records=rows))
    steps.expect("copied", await client.one(
        "select count(*) from scratch where owner = $1", mine), 200)
    await client.wait("rollback", transaction.rollback())
    steps.expect("rolled back", await client.one(
        "select count(*) from scratch where owner = $1", mine), 0)


async def transfer(client):
    first, second = sorted(random.sample(range(1, world.BANK_ACCOUNTS + 1), 2))
    transaction = client.connection.transaction()
    await client.wait("begin", transaction.start())
    for account, amount in ((first, 1), (second, -1)):
        await client.one("update bank set balance = balance + $1 where id = $2 returning id",
                         amount, account)
    await client.wait("commit", transaction.commit())
    steps.expect("bank", int(await client.one("select sum(balance) from bank")),
                 world.BANK_TOTAL)


async def cursor(client):
    """A portal that is fetched in pieces."""
    mine = steps.marker(client)

    async def fetch():
        async with client.connection.transaction():
            return [tuple(row) async for row in client.connection.cursor(
                "select n, $1::text from generate_series(1, 300) n", mine, prefetch=40)]
    steps.expect("cursor", await client.wait("cursor", fetch()),
                 [(n, mine) for n in range(1, 301)])


async def notified(client):
    mine = steps.marker(client)
    seen = []

    def listener(_connection, _pid, channel, payload):
        seen.append((channel, payload))
    await client.wait("listen", client.connection.add_listener(mine, listener))
    await client.one("select pg_notify($1, $2) is null", mine, mine)
    await client.one("select 1")
    steps.expect("notifications", seen, [(mine, mine)])
    await client.wait("unlisten", client.connection.remove_listener(mine, listener))


async def failing(client):
    await client.fails(asyncpg.DivisionByZeroError, "select 1 / 0")
    await client.fails(asyncpg.UndefinedTableError, "select * from soak_that_is_not_there")
    await echo(client)


async def canceled(client):
    """asyncpg cancels what its caller gives up."""
    client.worker.begins("cancel")
    try:
        await client.connection.fetchval("select pg_sleep(10)", timeout=0.5)
        raise steps.Wrong("pg_sleep was not given up")
    except asyncio.TimeoutError:
        pass
    finally:
        client.worker.done()
    await echo(client)


STEPS = [echo, echo, many_statements, settings, search_path, rolled_back, transfer, transfer,
         cursor, notified, failing, canceled]


async def leave(client):
    """Politely, in a transaction, in the middle of a statement, or by closing the socket."""
    how = random.random()
    try:
        if how < 0.2:
            await client.run("begin; insert into scratch values ('left behind', 1)")
        if 0.15 < how < 0.3:
            sleeping = asyncio.ensure_future(client.connection.fetchval("select pg_sleep(5)"))
            await asyncio.sleep(0.05)
            client.connection.terminate()
            await asyncio.gather(sleeping, return_exceptions=True)
        elif how < 0.5:
            client.connection.terminate()
        else:
            await asyncio.wait_for(client.connection.close(), DEADLINE)
    except ERRORS:
        client.connection.terminate()


async def session(worker, stopping):
    """One client, from connect to leaving."""
    worker.begins("connect")
    connection = await asyncio.wait_for(asyncpg.connect(
        host="127.0.0.1", port=worker.port, user=worker.user, database=worker.database,
        password=world.PASSWORD, timeout=DEADLINE,
        server_settings={"application_name": worker.name}), DEADLINE + 1)
    worker.done()
    worker.connects += 1
    client = Client(worker, connection)
    try:
        new = await client.wait("new", connection.fetchrow(steps.SEEN_BY_NEW))
        steps.expect("seen by a new client", tuple(new),
                     steps.seen_by_new(worker.name, worker.user))
        for step in random.sample(STEPS, random.randrange(2, 6)):
            if not stopping.is_set():
                await step(client)
    finally:
        worker.done()
        await leave(client)


async def live(worker, report, stopping):
    """One worker's clients, one after another."""
    while not stopping.is_set():
        await asyncio.sleep(random.random() * 0.1)
        try:
            await session(worker, stopping)
        except asyncio.TimeoutError as error:
            report.wrong(worker, f"no answer within {DEADLINE} s: {error}")
        except ERRORS as error:
            report.error(worker, getattr(error, "sqlstate", None), error)
            await asyncio.sleep(0.2)
        except Exception as error:  # pylint: disable=broad-exception-caught
            report.wrong(worker, f"{type(error).__name__}: {error}")
        worker.done()


def run(workers, report, stopping):
    """Until `stopping`, an event of threads."""
    async def everybody():
        # Of futures whose connection was closed on purpose nobody asks for the outcome.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        await asyncio.gather(*(live(worker, report, stopping) for worker in workers))
    asyncio.run(everybody())

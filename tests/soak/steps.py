"""What a driver's client does with psycopg2 and psycopg3, and the checks of what it sees: only
its own values, whoever used its server before. Each client leaves something behind on purpose.
"""

import random

import world

SEEN_BY_NEW = (
    "select current_setting('application_name'), coalesce(current_setting('soak.owner', true), ''),"
    " current_setting('search_path'), current_setting('timezone'), current_setting('work_mem'),"
    " current_user::text,"
    " (select count(*) from pg_class where relnamespace = pg_my_temp_schema()),"
    " (select count(*) from pg_listening_channels()),"
    " (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),"
    # Under shared names they are nobody's (docs/limits.md).
    " (select count(*) from pg_prepared_statements where from_sql and name !~ '^pglynx_'),"
    " (select count(*) from pg_cursors where name <> '')")


class Wrong(Exception):
    """A client saw what it must not see."""


def expect(what, seen, wanted):
    """Wrong, with both values, unless they are equal."""
    if seen != wanted:
        raise Wrong(f"{what}: {seen!r} instead of {wanted!r}")


def seen_by_new(name, user):
    """What SEEN_BY_NEW gives a client that has done nothing yet."""
    return (name, "", '"$user", public', "UTC", "4MB", user, 0, 0, 0, 0, 0)


def marker(client):
    """A value that nobody else has."""
    client.worker.serial += 1
    return f"{client.worker.name}_{client.worker.serial}_{random.getrandbits(32):08x}"


def echo(client):
    """Answers are one's own and in their order."""
    for number in range(10):
        mine = f"{marker(client)} {number}"
        expect("echo", client.one("select %s::text", (mine,)), mine)
    rows = client.run("select n, %s::text from generate_series(1, 200) n", (mine,))
    expect("rows", rows, [(n, mine) for n in range(1, 201)])


def reported_setting(client):
    """A parameter that the server reports follows its client through transactions."""
    mine = marker(client)[:60]
    zone = random.choice(["Asia/Tokyo", "Europe/Berlin", "America/Lima"])
    client.run(f"set application_name = '{mine}'")
    client.run(f"set timezone = '{zone}'")
    for _ in range(6):
        client.pause()
        expect("settings", client.run(
            "select current_setting('application_name'), current_setting('timezone')"),
            [(mine, zone)])


def own_setting(client):
    """One that it does not report."""
    mine = marker(client)
    client.run(f"set soak.owner = '{mine}'")
    for _ in range(4):
        client.pause()
        expect("soak.owner", client.one("select current_setting('soak.owner')"), mine)


def search_path(client):
    """The same statement finds another table."""
    place = f"place{random.randrange(world.PLACES)}"
    client.run(f"set search_path = {place}")
    for _ in range(4):
        client.pause()
        expect("place", client.one("select name from place"), place)
    client.run("reset search_path")


def temp_table(client):
    """A table of its own, under a name that all use."""
    mine = marker(client)
    client.run("drop table if exists pg_temp.soak_tmp")
    client.run("create temp table soak_tmp (v text)")
    client.run("insert into soak_tmp values (%s), (%s)", (mine, mine))
    client.pause()
    expect("temporary table", client.run("select v from soak_tmp"), [(mine,), (mine,)])


def sql_prepare(client):
    """PREPARE of SQL, under a name that all use."""
    add = random.randrange(1_000_000)
    client.run(f"prepare soak_add(int) as select $1 + {add}")
    client.pause()
    expect("execute", client.one("execute soak_add(7)"), add + 7)
    client.run("deallocate soak_add")


def advisory_lock(client):
    """A lock of the session, of which one alone may be held."""
    key = random.getrandbits(31)
    client.run("select pg_advisory_lock(%s)", (key,))
    client.pause()
    expect("advisory locks", client.one(
        "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() "
        "and objid::bigint = %s", (key,)), 1)
    if random.random() < 0.5:
        expect("unlock", client.one("select pg_advisory_unlock(%s)", (key,)), True)


def rolled_back(client):
    """What was rolled back is gone, what SET LOCAL said too."""
    mine = marker(client)
    client.run("begin")
    client.run("set local work_mem = '5MB'")
    client.run("insert into scratch values (%s, 1), (%s, 2)", (mine, mine))
    client.pause()
    expect("inserted", client.one("select count(*) from scratch where owner = %s", (mine,)), 2)
    expect("work_mem", client.one("show work_mem"), "5MB")
    client.run("rollback")
    expect("rolled back", client.one("select count(*) from scratch where owner = %s", (mine,)), 0)
    expect("work_mem behind it", client.one("select current_setting('work_mem')"), "4MB")


def transfer(client):
    """Money moves and none is lost."""
    first, second = sorted(random.sample(range(1, world.BANK_ACCOUNTS + 1), 2))
    amount = random.randrange(-100, 100)
    client.run("begin")
    client.run("update bank set balance = balance - %s where id = %s", (amount, first))
    client.run("update bank set balance = balance + %s where id = %s", (amount, second))
    client.run(random.choice(["commit", "commit", "rollback"]))
    expect("bank", int(client.one("select sum(balance) from bank")), world.BANK_TOTAL)


def failing(client):
    """An error is the statement's own, and the connection goes on."""
    client.fails("22012", "select 1 / 0")
    client.run("begin")
    client.fails("42P01", "select * from soak_that_is_not_there")
    client.fails("25P02", "select 1")
    client.run("rollback")
    echo(client)


STEPS = [echo, echo, reported_setting, reported_setting, own_setting, search_path, temp_table,
         sql_prepare, advisory_lock, rolled_back, rolled_back, transfer, transfer, transfer,
         failing]

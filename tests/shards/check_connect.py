#!/usr/bin/python3 -B
"""`pglynx --check --connect` names everything that is wrong with the servers of a file.

    tests/shards/check_connect.py

One PostgreSQL with a streaming standby and a database for each shard. First all is as the file says,
then one thing at a time is made wrong: the exit status and the line that names it are judged. Exit
status: 0 good, 1 not, 77 something needed is missing.
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../support/py")
sys.dont_write_bytecode = True

SKIPPED = 77
SHARDS = 3
VALID, FOUND, INVALID, USAGE = 0, 2, 78, 64

GOOD = """
create table orders (customer_id bigint not null, item text) partition by hash (customer_id);
create table orders_{n} partition of orders for values with (modulus 3, remainder {n});
"""


def file_text(servers, password, key='"pg_hash"', shards=SHARDS, user="shop", secret=None):
    """A pool of shards, each with these servers: pairs of a port and a role."""
    entries = ", ".join(f'{{ host = "127.0.0.1", port = {port}, role = "{role}" }}'
                        for port, role in servers)
    text = f"""
[general]
host = "127.0.0.1"
connect_timeout = "5s"
[pools.shop]
sharding_function = {key}
"""
    for number in range(shards):
        text += f"""
[[pools.shop.shards]]
database = "shard{number}"
servers = [{entries}]
"""
    return text + f"""
[[pools.shop.users]]
username = "{user}"
password = "{secret or password}"
"""


class World:
    """The servers, and pglynx asked about them."""

    def __init__(self, space, harness):
        self.harness = harness
        self.password = harness.PASSWORD
        self.primary = space.postgres(settings=["wal_level=replica", "max_wal_senders=10"])
        self.primary.execute(f"create role shop login password '{self.password}'")
        for number in range(SHARDS):
            self.primary.execute(f"create database shard{number} owner shop")
        self.make(GOOD)
        self.standby = space.keep(harness.Standby(self.primary, f"{space.directory}/standby"))
        self.path = f"{space.directory}/pglynx.toml"
        self.faults = []

    def make(self, sql, shards=range(SHARDS)):
        """Runs it in these shards, {n} is the shard."""
        for number in shards:
            for statement in sql.format(n=number).split(";"):
                if statement.strip():
                    self.primary.execute(statement, f"shard{number}")

    def usual(self):
        """The servers as they are."""
        return [(self.primary.port, "primary"), (self.standby.port, "replica")]

    def catch_up(self):
        """The standby has all that the primary has."""
        position = self.primary.execute("select pg_current_wal_lsn()")[0][0]
        self.harness.wait_until(
            lambda: self.standby.execute(f"select pg_last_wal_replay_lsn() >= '{position}'")[0][0],
            "the standby to catch up")

    def run(self, what, text, status, lines=(), options=("--check", "--connect")):
        """Asks pglynx; each of `lines` has to be part of one that it prints."""
        self.catch_up()
        with open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([self.harness.pooler_binary(), *options, self.path], check=False,
                              text=True, capture_output=True, timeout=60)
        printed = done.stdout + done.stderr
        missing = [line for line in lines if line not in printed]
        good = done.returncode == status and not missing and self.password not in printed
        print(f"{'good' if good else 'BAD '}  {what}", flush=True)
        if not good:
            self.faults.append(f"{what}: exit status {done.returncode}, wanted {status}; missing "
                               f"{missing}; printed:\n{printed}")

    def broken(self, what, sql, mend, lines, shards=(1,), **changes):
        """The same with something made wrong in some shards, and mended again."""
        self.make(sql, shards)
        self.run(what, file_text(self.usual(), self.password, **changes), FOUND, lines)
        self.make(mend, shards)


def check_logins(world):
    """Who cannot log in, and who may not be asked."""
    primary, standby = world.usual()
    text = file_text(world.usual(), world.password)
    where = f'server 127.0.0.1:{primary[0]}, database "shard1", user "shop": '
    world.run("a good file", text, VALID, ["is valid", f"pool shop, shard 1, {where}ok"])
    world.run("a good file, only checked", text, VALID, ["is valid"], ["--check"])
    world.run("--connect alone", text, USAGE, ["--connect needs --check"], ["--connect"])
    world.run("an invalid file", text + "pool_sise = 1\n", INVALID, ["pool_size"])
    world.run("a wrong password", file_text(world.usual(), world.password, secret="no"), FOUND,
              [f"{where}failed: ", "(SQLSTATE 28P01)"])
    world.run("a database that is not there",
              file_text(world.usual(), world.password, shards=SHARDS + 1), FOUND,
              ['database "shard3", user "shop": failed: ', "(SQLSTATE 3D000)",
               "shard 3 is not compared"])
    world.run("a server that is not there",
              file_text([primary, (world.harness.free_port(), "replica")], world.password), FOUND,
              [f"{where}ok", "Connection refused"])
    world.run("roles that are swapped",
              file_text([(primary[0], "replica"), (standby[0], "primary")], world.password), FOUND,
              [f"shard 2: server 127.0.0.1:{primary[0]} is a replica in the file",
               f"shard 0: server 127.0.0.1:{standby[0]} is a primary in the file"])
    verifier = world.primary.execute("select rolpassword from pg_authid where rolname = 'shop'")
    world.run("a SCRAM verifier", file_text(world.usual(), world.password, secret=verifier[0][0]),
              VALID, [f"{where}skipped: its password is a SCRAM verifier",
                      "shard 0 is not compared"])


def check_types(world):
    """OIDs of types."""
    # One is used up first: what is made later has others than in the other shards.
    world.broken("an enum with other OIDs", "create type mood as enum ('sad', '{n}')",
                 "drop type mood", ["pool shop, type public.mood has different OIDs: "],
                 range(SHARDS))
    world.broken("a domain that is missing", 'create domain "My Name" as text',
                 'drop domain "My Name"', ['type public."My Name" is missing in shards 0, 2'])
    world.broken("an extension's type", "create extension citext", "drop extension citext",
                 ["type public.citext is missing in shard 0"], range(1, SHARDS))


def check_partitions(world):
    """What a partition may be wrong in."""
    drop = "drop table orders;" + GOOD
    made = "drop table orders; create table orders (customer_id {}, item text) partition by hash "
    part = "; create table orders_1 partition of orders for values with (modulus {}, remainder {})"
    bigint = made.format("bigint")
    of_table = "shard 1: table public.orders: its key, HASH "
    fits = "what fits is MODULUS 3, REMAINDER 1"
    for what, sql, lines in [
            ("a wrong modulus", bigint + "(customer_id)" + part.format(4, 1),
             ["partition public.orders_1 has MODULUS 4, REMAINDER 1; " + fits]),
            ("a wrong remainder", bigint + "(customer_id)" + part.format(3, 2),
             ["partition public.orders_1 has MODULUS 3, REMAINDER 2; " + fits]),
            ("a wrong type", made.format("numeric") + "(customer_id)" + part.format(3, 1),
             [of_table + "(customer_id), is of type numeric; what fits is one column of type bigint"]),
            ("a key of two columns", bigint + "(customer_id, item)" + part.format(3, 1),
             [of_table + "(customer_id, item), has 2 columns"]),
            ("a key that is an expression", bigint + "((customer_id + 1))" + part.format(3, 1),
             [of_table + "(((customer_id + 1))), is an expression"]),
            ("a table without a partition", "drop table orders; " + GOOD.split(";", maxsplit=1)[0] +
             "; create table others (id int) partition by hash (id);"
             "create table others_1 partition of others for values with (modulus 3, remainder 1)",
             ["shard 1: table public.orders has no partition here, but in shards 0, 2"]),
            ("a shard without partitions", "drop table orders",
             ["shard 1: there is no hash partition, but there are in shards 0, 2"])]:
        mend = drop if sql != "drop table orders" else GOOD
        world.broken(what, sql, "drop table if exists others;" + mend, lines)
    texts = '"pg_hash"\nsharding_key_type = "text"'
    world.broken("an operator class that is not the default", made.format("text") +
                 "(customer_id text_pattern_ops)" + part.format(3, 1), drop,
                 [of_table + "(customer_id text_pattern_ops), has an operator class of its own"],
                 key=texts)
    world.broken("a collation that is not deterministic",
                 "create collation loose (provider = icu, locale = 'und', deterministic = false);" +
                 made.format("text collate loose") + "(customer_id)" + part.format(3, 1),
                 drop + "drop collation loose",
                 [of_table + "(customer_id), has a collation that is not deterministic"], key=texts)
    integer = ("create table small (id smallint) partition by hash (id);"
               "create table small_{n} partition of small for values with (modulus 3, remainder {n})")
    world.make(integer)
    world.run("a smallint for bigint", file_text(world.usual(), world.password), VALID)
    world.make("drop table small")
    world.run("sha1", file_text(world.usual(), world.password, key='"sha1"'), VALID,
              ["partitions are not compared"])


def check_further(world):
    """What is a partition only at first sight."""
    world.make("create table lists (id bigint, day int) partition by list (day);"
               "create table lists_1 partition of lists for values in (1) partition by hash (id);"
               "create table lists_1_{n} partition of lists_1 for values with "
               "(modulus 3, remainder {n});"
               "create table deep (id bigint, day int) partition by hash (id);"
               "create table deep_{n} partition of deep for values with (modulus 3, remainder {n})"
               " partition by hash (day);"
               "create table deep_{n}_0 partition of deep_{n} for values with "
               "(modulus 2, remainder 0)")
    world.run("partitions of partitions", file_text(world.usual(), world.password), VALID)
    world.make("drop table lists; drop table deep")
    name = 'create table "bad\nname" (id text) partition by hash (id)'
    world.broken("a name with a newline", name, 'drop table "bad\nname"',
                 ['table public."bad?name": its key'], (0,))
    world.make("".join(
        f"create table t{number} (id text) partition by hash (id);" for number in range(101)), (0,))
    world.run("more than is said", file_text(world.usual(), world.password), FOUND,
              ["pool shop: and 1 more", "findings: 101"])


def main():
    """Runs all and prints a line for each."""
    try:
        import harness  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        print(f"skipped: {error}")
        return SKIPPED
    with harness.Workspace() as space:
        world = World(space, harness)
        for part in (check_logins, check_types, check_partitions, check_further):
            part(world)
    print("\n".join(f"fault: {fault}" for fault in world.faults[:20]))
    return 1 if world.faults else 0


if __name__ == "__main__":
    sys.exit(main())

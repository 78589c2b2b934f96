#!/usr/bin/python3 -B
"""Rows through pglynx land where PostgreSQL's own partitioning would put them.

    tests/shards/shards.py [--keys N] [--seed S]

One PostgreSQL with a database for each shard, which holds one partition alone: a row with another
remainder is refused there. For each type of key N random keys are inserted through pglynx, the shard
chosen by SET SHARDING KEY in the simple and the extended protocol, and by a comment; then all rows
are found again, each by its key. Exit status: 0 good, 1 not, 77 something needed is missing.
"""

import argparse
import datetime
import os
import random
import sys
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../support/py")
sys.dont_write_bytecode = True

SKIPPED = 77
SHARDS = 3
DAYS_MAX = 30000


def some_text(dice):
    """Words of any characters, quotes among them."""
    return "".join(dice.choice("abcXYZ 0159'\"\\äß€-:") for _ in range(dice.randint(1, 20)))


def some_day(dice):
    """A day since the year 1900."""
    return datetime.date(1900, 1, 1) + datetime.timedelta(days=dice.randint(0, DAYS_MAX))


def some_moment(dice):
    """A moment, in microseconds."""
    return (datetime.datetime.combine(some_day(dice), datetime.time()) +
            datetime.timedelta(microseconds=dice.randint(0, 86400 * 10**6 - 1)))


# Type of the column, and how a key of it is made, as text.
TYPES = {
    "smallint": lambda dice: str(dice.randint(-2**15, 2**15 - 1)),
    "integer": lambda dice: str(dice.randint(-2**31, 2**31 - 1)),
    "bigint": lambda dice: str(dice.randint(-2**63, 2**63 - 1)),
    "text": some_text,
    "varchar": some_text,
    "uuid": lambda dice: str(uuid.UUID(int=dice.getrandbits(128))),
    "date": lambda dice: some_day(dice).isoformat(),
    "timestamp": lambda dice: some_moment(dice).isoformat(" ", "microseconds"),
    "timestamptz": lambda dice: some_moment(dice).isoformat(" ", "microseconds") +
                   dice.choice(["Z", "+02", "-03:30"]),
}


def quoted(text):
    """A literal under standard_conforming_strings."""
    return "'" + text.replace("'", "''") + "'"


def configuration(pooler, postgres, password):
    """A pool for each type of key, of the same three shards."""
    shards = "".join(f"""
[[pools.{{name}}.shards]]
database = "shard{number}"
servers = [{{{{ host = "127.0.0.1", port = {postgres.port}, role = "primary" }}}}]
""" for number in range(SHARDS))
    pools = "".join(f"""
[pools.{name}]
sharding_function = "pg_hash"
sharding_key_type = "{name}"
""" + shards.format(name=name) + f"""
[[pools.{name}.users]]
username = "app"
password = "{password}"
pool_size = 2
""" for name in TYPES)
    return f"""
[general]
host = "127.0.0.1"
port = {pooler.port}
[admin]
password = "{password}"
port = {pooler.admin_port}
{pools}"""


def prepare(postgres, password):
    """The databases, each with one partition of each table."""
    postgres.execute(f"create role app login password '{password}'")
    for number in range(SHARDS):
        database = f"shard{number}"
        postgres.execute(f"create database {database} owner app")
        for name in TYPES:
            postgres.execute(
                f"create table of_{name} (key {name}, way text) partition by hash (key);"
                f"create table of_{name}_{number} partition of of_{name} "
                f"for values with (modulus {SHARDS}, remainder {number});"
                f"alter table of_{name} owner to app; alter table of_{name}_{number} owner to app",
                database)


def insert(cursor, name, key, way):
    """One row, its shard chosen this way."""
    row = f"insert into of_{name} values ({quoted(key)}, '{way}')"
    if way == "command":
        cursor.execute(f"set sharding key to {quoted(key)}")
        cursor.execute(row)
    elif way == "transaction":
        cursor.execute(f"SET SHARDING KEY TO {quoted(key)};")
        cursor.execute("begin")
        cursor.execute(row)
        cursor.execute("commit")
    else:
        cursor.execute(f"/* sharding_key: {key} */ {row}")


def run_type(pooler, name, keys, dice):
    """What is wrong with this type, as lines."""
    faults = []
    connection = pooler.connect(name, "app")
    with connection.cursor() as cursor:
        for number in range(keys):
            key = TYPES[name](dice)
            # A comment ends at its mark, and its value is trimmed.
            plain = key == key.strip() and "*" not in key and "'" not in key and key != ""
            way = ("command", "transaction", "comment")[number % 3 if plain else number % 2]
            try:
                insert(cursor, name, key, way)
            except Exception as error:  # pylint: disable=broad-except
                faults.append(f"{name} {key!r} by {way}: {error}".strip())
                if len(faults) > 5:
                    break
        found = 0
        for shard in range(SHARDS):
            cursor.execute(f"set shard to {shard}")
            cursor.execute(f"select count(*) from of_{name}")
            found += cursor.fetchone()[0]
        if found != keys and not faults:
            faults.append(f"{name}: {keys} rows were inserted, {found} are there")
    connection.close()
    return faults


def main():
    """Runs all types and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--keys", type=int, default=1000, metavar="N", help="of each type")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--types", default=",".join(TYPES))
    asked = parser.parse_args()
    try:
        from harness import PASSWORD, Workspace  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        print(f"skipped: {error}")
        return SKIPPED
    faults = []
    with Workspace() as space:
        postgres = space.postgres()
        prepare(postgres, PASSWORD)
        pooler = space.pooler(lambda own: configuration(own, postgres, PASSWORD))
        for name in asked.types.split(","):
            own = run_type(pooler, name, asked.keys, random.Random(f"{asked.seed} {name}"))
            print(f"{name}: {asked.keys} keys, {len(own)} faults", flush=True)
            faults += own
    print("\n".join(f"fault: {fault}" for fault in faults[:20]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

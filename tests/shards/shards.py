#!/usr/bin/python3 -B
"""Rows through pglynx land where PostgreSQL's own partitioning would put them.

    tests/shards/shards.py [--keys N] [--seed S]

One PostgreSQL with a database for each shard, which holds one partition alone: a row with another
remainder is refused there. For each type of key N random keys are inserted through pglynx, the shard
chosen by SET SHARDING KEY in the simple and the extended protocol (the key bound as text and as
binary), and by a comment; then the rows of all shards are counted. Exit status: 0 good, 1 not, 77
something needed is missing.
"""

import argparse
import datetime
import os
import random
import struct
import sys
import uuid

import stand
import psycopg2
import wire
from harness import PASSWORD
from stand import SHARDS, quoted

DAYS_MAX = 30000
ANSWER_SECONDS = 30
EPOCH = datetime.datetime(2000, 1, 1)
WAYS = ("command", "transaction", "bound text", "bound binary", "comment")


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


def days(key):
    """Of a date, since PostgreSQL's epoch."""
    return (datetime.date.fromisoformat(key) - EPOCH.date()).days


def microseconds(key):
    """Of a moment, since PostgreSQL's epoch, in UTC if it has a zone."""
    moment = datetime.datetime.fromisoformat(key)
    epoch = EPOCH if moment.tzinfo is None else EPOCH.replace(tzinfo=datetime.timezone.utc)
    return (moment - epoch) // datetime.timedelta(microseconds=1)


# OID of the type, and what its send function makes of a key.
BINARY = {
    "smallint": (21, lambda key: struct.pack("!h", int(key))),
    "integer": (23, lambda key: struct.pack("!i", int(key))),
    "bigint": (20, lambda key: struct.pack("!q", int(key))),
    "text": (25, str.encode),
    "varchar": (1043, str.encode),
    "uuid": (2950, lambda key: uuid.UUID(key).bytes),
    "date": (1082, lambda key: struct.pack("!i", days(key))),
    "timestamp": (1114, lambda key: struct.pack("!q", microseconds(key))),
    "timestamptz": (1184, lambda key: struct.pack("!q", microseconds(key))),
}


def configuration(pooler, postgres):
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
password = "{PASSWORD}"
pool_size = 2
""" for name in TYPES)
    return f"""
[general]
host = "127.0.0.1"
port = {pooler.port}
[auth]
method = "trust"
[admin]
password = "{PASSWORD}"
port = {pooler.admin_port}
{pools}"""


def prepare(postgres):
    """The databases, each with one partition of each table."""
    postgres.execute(f"create role app login password '{PASSWORD}'")
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


class Inserter:
    """One client of each protocol, of a pool whose keys are of this type."""

    def __init__(self, pooler, name):
        self._name = name
        self._simple = pooler.connect(name, "app")
        self._cursor = self._simple.cursor()
        self._extended = wire.Connection(pooler.port,
                                         wire.startup({"user": "app", "database": name}))
        self._answer()

    def insert(self, key, way):
        """One row, its shard chosen this way. psycopg2.Error if it fails."""
        row = f"insert into of_{self._name} values ({quoted(key)}, '{way}')"
        if way == "command":
            self._cursor.execute(f"set sharding key to {quoted(key)}")
            self._cursor.execute(row)
        elif way == "transaction":
            self._cursor.execute(f"SET SHARDING KEY TO {quoted(key)};")
            self._cursor.execute("begin")
            self._cursor.execute(row)
            self._cursor.execute("commit")
        elif way == "comment":
            self._cursor.execute(f"/* sharding_key: {key} */ {row}")
        else:
            self._insert_bound(key, way == "bound binary")

    def _insert_bound(self, key, is_binary):
        oid, binary = BINARY[self._name]
        types, formats = ([oid], [1]) if is_binary else ([], [0])
        value = binary(key) if is_binary else key.encode()
        for sql in ("SET SHARDING KEY TO $1", f"insert into of_{self._name} values ($1, 'bound')"):
            self._extended.send(wire.parse("", sql, types) +
                                wire.bind("", "", [value], formats) + wire.execute(""))
        self._extended.send(wire.SYNC)
        self._answer()

    def _answer(self):
        """Waits for ReadyForQuery."""
        self._extended.read_until(lambda replies: any(kind == "Z" for kind, _ in replies),
                                  ANSWER_SECONDS)
        replies = self._extended.take()
        refused = [body for kind, body in replies if kind == "E"]
        if refused or not replies or replies[-1][0] != "Z":
            raise psycopg2.DatabaseError(str(refused or replies))

    def count(self):
        """The rows of all shards."""
        found = 0
        for shard in range(SHARDS):
            self._cursor.execute(f"set shard to {shard}")
            self._cursor.execute(f"select count(*) from of_{self._name}")
            found += self._cursor.fetchone()[0]
        return found

    def close(self):
        """Both leave."""
        self._simple.close()
        self._extended.close()


def run_type(pooler, name, keys, dice):
    """What is wrong with this type, as lines."""
    faults = []
    inserter = Inserter(pooler, name)
    for number in range(keys):
        key = TYPES[name](dice)
        # A comment ends at its mark, and its value is trimmed.
        plain = key == key.strip() and "*" not in key and "'" not in key and key != ""
        way = WAYS[number % (len(WAYS) if plain else len(WAYS) - 1)]
        try:
            inserter.insert(key, way)
        except psycopg2.Error as error:
            faults.append(f"{name} {key!r} by {way}: {error}".strip())
            if len(faults) > 5:
                break
    found = inserter.count()
    if found != keys and not faults:
        faults.append(f"{name}: {keys} rows were inserted, {found} are there")
    inserter.close()
    return faults


def run(space, asked):
    """All types, and a line for each; what is wrong."""
    postgres = space.postgres()
    prepare(postgres)
    pooler = space.pooler(lambda own: configuration(own, postgres))
    faults = []
    for name in asked.types.split(","):
        own = run_type(pooler, name, asked.keys, random.Random(f"{asked.seed} {name}"))
        print(f"{name}: {asked.keys} keys, {len(own)} faults", flush=True)
        faults += own
    return faults


if __name__ == "__main__":
    OPTIONS = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    OPTIONS.add_argument("--keys", type=int, default=1000, metavar="N", help="of each type")
    OPTIONS.add_argument("--seed", type=int, default=1)
    OPTIONS.add_argument("--types", default=",".join(TYPES))
    sys.exit(stand.main(OPTIONS, run))

#!/usr/bin/python3
"""Two clients alternate on one server connection and set statement_timeout, search_path, TimeZone
and ROLE in every way there is, each time to values that nobody else ever uses. Each of their
transactions first reads what the ones before it have left.

    tests/differential/alternate.py [--transactions N] [--seed S] [--profile NAME]
                                    [--postgres BINDIR]

N transactions for each client. Exit status: 0 each saw its own values alone, 1 not, 77 something
that is needed is missing, with the reason.
"""

import argparse
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, f"{HERE}/../support/py"]
sys.dont_write_bytecode = True

SKIPPED = 77
CLIENTS = "ab"
SCHEMAS = 5
ROLES = 3
REPLY_SECONDS = 30
ZONES = {"a": ["Asia/Tokyo", "Europe/Paris", "America/Lima"],
         "b": ["Asia/Seoul", "Europe/Rome", "America/Bogota"]}
NAMES = ["statement_timeout", "search_path", "timezone", "role"]
# What is read: the four, and two of them by what they do.
READ = ("select current_setting('statement_timeout'), current_setting('search_path'), "
        "current_setting('timezone'), current_user, v from who")


def own(client, name, number):
    """A value that only this client uses, mostly in one transaction alone."""
    if name == "statement_timeout":
        return f"{1000 * (number + 100) + CLIENTS.index(client) + 1}ms"
    if name == "search_path":
        return f"{client}_{number % SCHEMAS}, {client}_of_{number}"
    if name == "timezone":
        zone = ZONES[client][number % len(ZONES[client])]
        return zone if number % 3 == 0 else f"<{client.upper()}{number:06}>-02:30"
    return f"{client}_r{number % ROLES}"


class Session:
    """One client: its connection, the values that it should see, the transactions that it does."""

    def __init__(self, client, connection, defaults, seed):
        self.client = client
        self.connection = connection
        self.values = dict(defaults)
        self._defaults = defaults
        self._random = random.Random(f"{client}{seed}")
        self._expected = []
        self.number = 0

    def row(self, values):
        """What READ answers."""
        path = values["search_path"]
        where = path.split(",")[0] if path.startswith(self.client) else "public"
        user = values["role"] if values["role"] != "none" else "app"
        return [values["statement_timeout"], path, values["timezone"], user, where]

    def send(self):
        """Sends the next transaction: a read, and changes behind it."""
        self.number += 1
        name = self._random.choice(NAMES)
        value = own(self.client, name, self.number)
        self._expected = []
        before = dict(self.values)
        ways = [self._plain, self._block, self._rolled_back, self._local, self._savepoint,
                self._reset, self._set_config, self._extended, self._everything]
        way = self._random.choices(ways, [3, 3, 2, 2, 2, 1, 2, 2, 0.5])[0]
        if way in (self._block, self._rolled_back, self._local, self._savepoint):
            data = self._query("begin") + self._read(before) + way(name, value)
        else:
            data = self._read(before) + way(name, value)
        self.connection.send(data)

    def _query(self, text, row=None):
        self._expected.append(row)
        return wire.query(text)

    def _read(self, values):
        """One of three forms."""
        kind = self._random.randrange(4)
        if kind == 0:
            name = self._random.choice(NAMES)
            return self._query(f"show {name}", [values[name]])
        row = self.row(values)
        if kind == 1:
            return self._query(READ, row)
        self._expected.append(row)
        name = "read" if kind == 2 else ""
        parse = b"" if name else wire.parse("", READ)
        return parse + wire.bind("", name) + wire.execute("") + wire.SYNC

    @staticmethod
    def _set(name, value, word=""):
        if name == "search_path":
            return f"set {word} search_path = {value}"
        return f"set {word} role {value}" if name == "role" else f"set {word} {name} = '{value}'"

    def _plain(self, name, value):
        self.values[name] = value
        return self._query(self._set(name, value))

    def _block(self, name, value):
        self.values[name] = value
        return self._query(self._set(name, value)) + self._read(self.values) + \
            self._query("commit")

    def _rolled_back(self, name, value):
        return self._query(self._set(name, value)) + self._read({**self.values, name: value}) + \
            self._query("rollback")

    def _local(self, name, value):
        return self._query(self._set(name, value, "local")) + \
            self._read({**self.values, name: value}) + self._query("commit")

    def _savepoint(self, name, value):
        return self._query("savepoint a") + self._query(self._set(name, value)) + \
            self._query("rollback to a") + self._read(self.values) + self._query("commit")

    def _reset(self, name, _):
        self.values[name] = self._defaults[name]
        return self._query(f"reset {name}")

    def _set_config(self, name, value):
        self.values[name] = value
        return self._query(f"select set_config('{name}', '{value}', false)", [value])

    def _extended(self, name, value):
        self.values[name] = value
        self._expected.append(None)
        return wire.parse("", self._set(name, value)) + wire.bind("", "") + wire.execute("") + \
            wire.SYNC

    def _everything(self, *_):
        """RESET ALL leaves the role."""
        role = self.values["role"]
        self.values = {**self._defaults, "role": role}
        return self._query("reset all")

    def check(self):
        """Reads the replies; what is wrong with them, or nothing."""
        wanted = len(self._expected)
        whole = self.connection.read_until(
            lambda replies: sum(kind == "Z" for kind, _ in replies) >= wanted, REPLY_SECONDS)
        answers = known.batches(self.connection.take())
        if not whole:
            return f"{wanted} replies were awaited, {len(answers)} came"
        for expected, replies in zip(self._expected, answers):
            for kind, body in replies:
                if kind in "EN":
                    return str(compare.fields(body))
                if kind == "S" and not self._is_own(body.decode().split("\0")):
                    return f"was told {body}"
                if kind == "D" and expected is not None:
                    seen = known.row(body)
                    if seen != "|".join(expected):
                        return f"has {expected}, sees {seen}"
        return ""

    def _is_own(self, status):
        """Whether a ParameterStatus is about this client's value."""
        name, value = status[0].lower(), status[1]
        if name not in NAMES:
            return True
        other = CLIENTS.replace(self.client, "")
        if value in ZONES[other]:
            return False
        return not value.startswith((f"{other}_", f"<{other.upper()}"))


def set_up(postgres):
    """The schemas and roles, each client's its own."""
    postgres.execute("create database app owner app")
    postgres.execute("create table who as select 'public' as v; "
                     "grant select on who to public", "app")
    for client in CLIENTS:
        for number in range(SCHEMAS):
            schema = f"{client}_{number}"
            postgres.execute(f"create schema {schema}; grant usage on schema {schema} to public; "
                             f"create table {schema}.who as select '{schema}' as v; "
                             f"grant select on {schema}.who to public", "app")
        for number in range(ROLES):
            postgres.execute(f"create role {client}_r{number}; grant {client}_r{number} to app")


def login(pooler, client):
    """A connection that is logged in and has prepared what it reads with."""
    packet = {"user": "app", "database": "one", "application_name": client}
    connection = wire.Connection(pooler.port, wire.startup(packet))
    connection.send(wire.parse("read", READ) + wire.SYNC)
    if not connection.read_until(lambda replies: sum(kind == "Z" for kind, _ in replies) == 2,
                                 REPLY_SECONDS):
        raise harness.HarnessError(f"no login: {connection.take()}")
    connection.take()
    return connection


def alternate(pooler, defaults, transactions, seed):
    """Runs them; what went wrong, or nothing. In half of the rounds both clients send before
    either of them has its answer, so that the server goes from hand to hand."""
    chance = random.Random(seed)
    sessions = [Session(client, login(pooler, client), defaults, seed) for client in CLIENTS]
    for _ in range(transactions):
        together = chance.random() < 0.5
        if together:
            for session in sessions:
                session.send()
        for session in sessions:
            if not together:
                session.send()
            complaint = session.check()
            if complaint:
                return f"client {session.client}, transaction {session.number}: {complaint}"
    return ""


def server_ids(pooler):
    """The server connections that there are."""
    return [row["id"] for row in pooler.console("show servers") if row["database"] == "one"]


def run(profile, transactions, seed):
    """One profile; whether all was well."""
    with harness.Workspace() as space:
        postgres = world.cluster(space)
        set_up(postgres)
        defaults = {name: postgres.execute(f"show {name}")[0][0] for name in NAMES}
        pooler = space.pooler(world.configuration(postgres.port, profile))
        first = harness.wait_until(lambda: server_ids(pooler), "the server connection", 10)
        begin = time.monotonic()
        complaint = alternate(pooler, defaults, transactions, seed)
        if not complaint and server_ids(pooler) != first:
            complaint = "it was not one server connection all the time"
        print(f"{profile}, seed {seed}: " + (complaint or
              f"{transactions} transactions of each of two clients on one server, each saw its own "
              f"values alone, {time.monotonic() - begin:.0f} s"))
        return not complaint


def main():
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--transactions", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", help="plain or deferred; all that pglynx knows")
    parser.add_argument("--postgres", metavar="BINDIR", help="a PostgreSQL server's programs")
    asked = parser.parse_args()
    if asked.postgres:
        os.environ["PGLYNX_POSTGRES_BINDIR"] = asked.postgres
    try:
        ways = [asked.profile] if asked.profile else world.profiles()
        good = [run(way, asked.transactions, asked.seed) for way in ways]
        return 0 if all(good) else 1
    except harness.HarnessError as error:
        print(f"skipped: {error}")
        return SKIPPED


try:
    import compare
    import harness
    import known
    import wire
    import world
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(SKIPPED)
if __name__ == "__main__":
    sys.exit(main())

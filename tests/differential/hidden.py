#!/usr/bin/python3
"""The five kinds of session state that no text shows, because a PL function, a procedure or a DO
block leaves them: SHOW CLIENTS names each, it goes when it is undone, openly or by a function
again, and no other client ever has it, not even of a client that has vanished.

    tests/differential/hidden.py [--profile NAME] [--postgres BINDIR]

Exit status: 0 all of it, 1 not, 77 something that is needed is missing, with the reason.
"""

import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, f"{HERE}/../support/py"]
sys.dont_write_bytecode = True

SKIPPED = 77
SECONDS = 10
# By the reason that SHOW CLIENTS gives: what leaves it, what undoes it, and whether this session
# has it.
KINDS = {
    "advisory_lock": ("perform pg_advisory_lock(42)", "select pg_advisory_unlock(42)",
                      "select count(*) from pg_locks where locktype = 'advisory' "
                      "and pid = pg_backend_pid()"),
    "temporary": ("create temp table hidden (id int)", "drop table pg_temp.hidden",
                  "select count(*) from pg_class where oid = to_regclass('pg_temp.hidden')"),
    "cursor": ("execute 'declare hidden cursor with hold for select 1'", "close hidden",
               "select count(*) from pg_cursors where name = 'hidden'"),
    "listen": ("listen hidden", "unlisten hidden", "select count(*) from pg_listening_channels()"),
    "prepare": ("execute 'prepare hidden as select 5'", "deallocate hidden",
                "select count(*) from pg_prepared_statements where name = 'hidden'"),
}


class Found(Exception):
    """Something is not as it should be."""


class Client:
    """One client of the pool with two servers."""

    def __init__(self, pooler, name):
        self.name = name
        packet = {"user": "app", "database": "app", "application_name": name}
        self._connection = wire.Connection(pooler.port, wire.startup(packet))
        self.receive()

    def send(self, data):
        """Sends what brings one ReadyForQuery."""
        self._connection.send(data)

    def receive(self):
        """Its first value, or None."""
        if not self._connection.read_until(lambda replies: any(kind == "Z" for kind, _ in replies),
                                           SECONDS):
            raise Found(f"{self.name} has no answer: {self._connection.take()}")
        value = None
        for kind, body in self._connection.take():
            if kind == "E":
                raise Found(f"{self.name}: {compare.fields(body)}")
            value = known.row(body) if kind == "D" else value
        return value

    def ask(self, text):
        """A simple query's first value."""
        self.send(wire.query(text))
        return self.receive()

    def close(self):
        """Vanishes."""
        self._connection.close()


def extended(text):
    """The same as an unnamed statement."""
    return wire.parse("", text) + wire.bind("", "") + wire.execute("") + wire.SYNC


# How hidden state is left: what is sent, each of them for one ReadyForQuery.
WAYS = {
    "function": lambda kind, _: [wire.query(f"select leave_{kind}()")],
    "prepared": lambda kind, _: [extended(f"select leave_{kind}()")],
    "procedure": lambda kind, _: [wire.query(f"call call_{kind}()")],
    "do": lambda _, text: [wire.query(f"do $$ begin {text}; end $$")],
    "transaction": lambda kind, _: [wire.query("begin"), wire.query(f"select leave_{kind}()"),
                                    wire.query("commit")],
    "behind another": lambda kind, _: [wire.query(f"select 1; select leave_{kind}()")],
}


def set_up(postgres):
    """The functions."""
    postgres.execute("create database app owner app")
    statements = []
    for kind, (leave, undo, _) in KINDS.items():
        undo = undo.replace("select ", "perform ")
        if kind == "prepare":
            undo = "execute 'deallocate hidden'"
        if kind == "cursor":
            undo = "execute 'close hidden'"
        for name, text in ((f"leave_{kind}", leave), (f"undo_{kind}", undo)):
            statements.append(f"create function {name}() returns int language plpgsql as "
                              f"$$ begin {text}; return 1; end $$")
        statements.append(f"create procedure call_{kind}() language plpgsql as "
                          f"$$ begin {leave}; end $$")
    postgres.execute("; ".join(statements), "app")


class Stage:
    """A pooler with two servers, the client that leaves state, and two more."""

    def __init__(self, pooler):
        self.pooler = pooler
        self.others = [Client(pooler, f"other {number}") for number in range(2)]
        self.client = None
        self.fresh()

    def fresh(self):
        """Another client."""
        self.client = Client(self.pooler, "hides")

    def reason(self):
        """Why it is pinned."""
        rows = [row for row in self.pooler.console("show clients")
                if row["application_name"] == "hides"]
        return rows[0]["pin_reason"] if rows else None

    def await_reason(self, reason):
        """Waits for it."""
        try:
            harness.wait_until(lambda: self.reason() == reason, "", SECONDS)
        except harness.HarnessError:
            raise Found(f"the pin's reason is {self.reason()!r}, not {reason!r}") from None

    def leave(self, messages, look):
        """Leaves state, the last of it while the others look for it, and they do not wait."""
        for data in messages[:-1]:
            self.client.send(data)
            self.client.receive()
        self.client.send(messages[-1])
        self.look(look, 5)
        self.client.receive()

    def look(self, look, times):
        """The others do not have it."""
        for _ in range(times):
            for other in self.others:
                other.send(wire.query(look))
            for other in self.others:
                if other.receive() != "0":
                    raise Found(f"{other.name} has it")

    def look_everywhere(self, look):
        """Both servers have it not; each of the others takes one."""
        for other in self.others:
            other.ask("begin")
            if other.ask(look) != "0":
                raise Found(f"{other.name} has it")
        for other in self.others:
            other.ask("commit")


def try_one(stage, kind, way, end):
    """Leaves it in one way and ends it in one."""
    leave, undo, look = KINDS[kind]
    stage.leave(WAYS[way](kind, leave), look)
    stage.await_reason(kind)
    stage.look(look, 3)
    if stage.client.ask(look) != "1":
        raise Found("it does not have its own")
    if end == "vanishes":
        stage.client.close()
        stage.await_reason(None)
        stage.fresh()
    else:
        stage.client.ask(undo if end == "openly" else f"select undo_{kind}()")
        stage.await_reason("")
    stage.look_everywhere(look)
    if stage.client.ask(look) != "0":
        raise Found("it has it again")


def run(profile):
    """One profile; whether all was well."""
    with harness.Workspace() as space:
        postgres = world.cluster(space)
        set_up(postgres)
        stage = Stage(space.pooler(world.configuration(postgres.port, profile)))
        count = wrong = 0
        for kind in KINDS:
            for way in WAYS:
                for end in ("openly", "by a function", "vanishes"):
                    count += 1
                    try:
                        try_one(stage, kind, way, end)
                    except Found as found:
                        print(f"{profile}: {kind} left by {way}, ended {end}: {found}")
                        wrong += 1
                        stage = Stage(space.pooler(world.configuration(postgres.port, profile)))
        print(f"{profile}: {count} times hidden state was left, {wrong} times not as it should be")
        return not wrong


def main():
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--profile", help="plain or deferred; all that pglynx knows")
    parser.add_argument("--postgres", metavar="BINDIR", help="a PostgreSQL server's programs")
    asked = parser.parse_args()
    if asked.postgres:
        os.environ["PGLYNX_POSTGRES_BINDIR"] = asked.postgres
    try:
        ways = [asked.profile] if asked.profile else world.profiles()
        good = [run(way) for way in ways]
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

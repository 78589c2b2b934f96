#!/usr/bin/python3 -B
"""A server that is known by a name: it moves, has several addresses, or is not found.

    tests/shards/names.py

Two PostgreSQLs at one port of 127.0.0.1 and 127.0.0.2, and a pglynx that knows them as db.test, which
is where fake_names.c says (LD_PRELOAD). Judged: where statements run, and whose connection was kept.
Exit status: 0 good, 1 not, 77 something needed is missing.
"""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../support/py")
sys.dont_write_bytecode = True

SKIPPED = 77
FIRST, SECOND, NOBODY, SILENT = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"
CONNECT_TIMEOUT = 5
# Of a connect whose first address is silent: far from the pause of the second try, and from
# connect_timeout.
SECOND_TRY_MAX = 3


def configuration(pooler, port, password):
    """One server, by its name."""
    return f"""
[general]
host = "127.0.0.1"
port = {pooler.port}
dns_max_ttl = 1
connect_timeout = "{CONNECT_TIMEOUT}s"
[admin]
password = "{password}"
port = {pooler.admin_port}
[pools.app]
database = "postgres"
servers = [{{ host = "db.test", port = {port} }}]
[[pools.app.users]]
username = "postgres"
password = "{password}"
pool_size = 4
"""


class World:
    """Both servers, pglynx, and what the name stands for."""

    def __init__(self, space, harness):
        self.harness = harness
        self.path = f"{space.directory}/names"
        library = f"{space.directory}/fake_names.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, f"{HERE}/fake_names.c"], check=True)
        self.first = first = space.postgres()
        second = space.postgres(host=SECOND)
        second.stop()
        second.port = first.port
        second.start()
        self.port = first.port
        self.point_to(FIRST)
        os.environ["LD_PRELOAD"], os.environ["FAKE_NAMES"] = library, self.path
        self.pooler = space.pooler(
            lambda own: configuration(own, first.port, harness.PASSWORD))
        del os.environ["LD_PRELOAD"]
        self.faults = []

    def point_to(self, *addresses):
        """What the name stands for from now on."""
        with open(self.path + ".new", "w", encoding="ascii") as file:
            file.write("".join(address + "\n" for address in addresses))
        os.replace(self.path + ".new", self.path)

    def judge(self, what, good):
        """Prints a line."""
        print(f"{'good' if good else 'BAD '}  {what}", flush=True)
        if not good:
            self.faults.append(what)

    def wait_for_lookups(self, count):
        """Until so many more have begun."""
        counted = self.path + ".lookups"
        wanted = os.path.getsize(counted) + count
        self.harness.wait_until(lambda: os.path.getsize(counted) >= wanted, "lookups")

    def wait_for_log(self, text, count=1):
        """Until pglynx has written it so often."""
        self.harness.wait_until(lambda: self.pooler.program.log().count(text) >= count,
                                f"the line {text}")

    def connect(self):
        """A client."""
        return self.pooler.connect("app", "postgres").cursor()


def where(cursor):
    """The address of the server that runs the statement, and its process."""
    cursor.execute("select host(inet_server_addr()), pg_backend_pid()")
    return cursor.fetchone()


def cancelled(world, cursor):
    """The SQLSTATE of a long statement that its client cancels when it runs."""
    process = where(cursor)[1]
    states = []

    def run():
        try:
            cursor.execute("select pg_sleep(60)")
            states.append("00000")
        except world.harness.psycopg2.Error as error:
            states.append(error.pgcode)

    thread = threading.Thread(target=run)
    thread.start()
    world.harness.wait_until(
        lambda: world.first.execute("select query from pg_stat_activity where state = 'active' "
                                    f"and pid = {process} and query like '%sleep(60)%'"),
        "the statement to run")
    cursor.connection.cancel()
    thread.join()
    return states[0]


def moves(world):
    """The name stands for another address."""
    anna, bert, carl = world.connect(), world.connect(), world.connect()
    bert.execute("begin")
    carl.execute("begin")
    world.judge("all begin at the first",
                where(anna)[0] == where(bert)[0] == where(carl)[0] == FIRST)
    world.point_to(SECOND)
    world.wait_for_log("closed when they are free")
    world.judge("who was idle is at the second", where(anna)[0] == SECOND)
    world.judge("a transaction goes on where it is", where(bert)[0] == FIRST)
    world.judge("and can be cancelled there", cancelled(world, carl) == "57014")
    bert.execute("commit")
    world.judge("the next one is at the second", where(bert)[0] == SECOND)
    carl.execute("rollback")
    servers = world.pooler.console("SHOW SERVERS")
    world.judge("nothing is left at the first", all(row["close_needed"] == 0 for row in servers))


def stays(world):
    """Nothing that matters has changed."""
    anna = world.connect()
    before = where(anna)
    world.point_to()
    world.wait_for_log("cannot be looked up")
    world.judge("a lookup that fails changes nothing", where(anna) == before)
    world.point_to(SECOND, FIRST)
    world.wait_for_log("has other addresses", 2)
    world.judge("a further address changes nothing", where(anna) == before)
    world.point_to(FIRST, SECOND)
    # The first of them is over when the second begins.
    world.wait_for_lookups(2)
    world.judge("their order changes nothing", where(anna) == before)


def has_several(world):
    """Of a connect to a name with several addresses."""
    for what, first, seconds in [("refuses", NOBODY, 1), ("is silent", SILENT, SECOND_TRY_MAX)]:
        world.point_to(first, SECOND)
        anna = world.connect()
        world.pooler.console("RECONNECT")
        start = time.monotonic()
        at = where(anna)[0]
        took = time.monotonic() - start
        world.judge(f"the second address is tried where the first {what} ({took:.2f} s)",
                    at == SECOND and took < seconds)


def main():
    """Runs all and prints a line for each."""
    try:
        import harness  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        print(f"skipped: {error}")
        return SKIPPED
    if shutil.which("cc") is None:
        print("skipped: no C compiler")
        return SKIPPED
    with harness.Workspace() as space, socket.socket() as silent:
        world = World(space, harness)
        silent.bind((SILENT, world.port))
        silent.listen(0)
        # The first one takes the only place in its queue.
        with socket.create_connection((SILENT, world.port)):
            for part in (moves, stays, has_several):
                part(world)
    print("\n".join(f"fault: {fault}" for fault in world.faults))
    return 1 if world.faults else 0


if __name__ == "__main__":
    sys.exit(main())

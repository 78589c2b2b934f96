#!/usr/bin/python3 -B
"""What was wrong with PgCat's shards, replicas and bans is right here: a check for each fault.

    tests/shards/predecessor.py [--only TEXT]

Two servers, which the file calls a primary and a replica, each with the three databases of the
shards, and servers that are none: they refuse, hang up, or say nothing. The checks are in
sql_checks.py and server_checks.py. Exit status: 0 good, 1 not, 77 something needed is missing.
"""

import argparse
import contextlib
import socket
import sys
import threading

import stand
import psycopg2
import server_checks
import sql_checks  # pylint: disable=unused-import
from checks import CHECKS, Stage, Wrong
from harness import HarnessError, PASSWORD, free_port
from stand import SHARDS


class Stranger:
    """A port that is no server of PostgreSQL: `how` is "refuses", "hangs up" or "is silent"."""

    def __init__(self, how):
        self.connects = 0
        self._socket = None
        if how == "refuses":
            self.port = free_port()
            return
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self._socket.getsockname()[1]
        if how == "hangs up":
            threading.Thread(target=self._hang_up, daemon=True).start()

    def _hang_up(self):
        with contextlib.suppress(OSError):  # it was closed
            while True:
                client = self._socket.accept()[0]
                self.connects += 1
                client.close()

    def close(self):
        """Ends it."""
        if self._socket is not None:
            self._socket.close()


def pool(name, settings, shards, users=("app",), user_settings="pool_size = 2"):
    """A pool; shards: pairs of a database and entries of servers."""
    parts = [f"[pools.{name}]\n{settings}\n"]
    parts += [f"""[[pools.{name}.shards]]
database = "{database}"
servers = [{", ".join(servers)}]
""" for database, servers in shards]
    parts += [f"""[[pools.{name}.users]]
username = "{user}"
password = "{PASSWORD}"
{user_settings}
""" for user in users]
    return "".join(parts)


def pools(primary, replica, strangers):
    """All of them, as text."""
    own = [stand.entry(primary, "primary"), stand.entry(replica, "replica")]
    shards = [(f"shard{number}", own) for number in range(SHARDS)]
    reads = 'default_role = "replica"\nprimary_reads_enabled = false'
    writes = 'default_role = "primary"\nprimary_reads_enabled = false'

    def with_replicas(*servers):
        return [("shard0", own[:1] + [stand.entry(server, "replica") for server in servers])]

    partial = [(f"shard{number}", own[:1]) for number in range(SHARDS)]
    partial[1] = ("shard1", [stand.entry(strangers["partial"], "primary")])
    return "".join([
        pool("shop", writes, shards),
        pool("sticky", f'{writes}\nshard_scope = "session"', shards),
        pool("fixed", f'{writes}\npool_mode = "session"', shards),
        pool("five", "", [("shard0", own[:1])] * 5),
        pool("twelve", 'sharding_function = "sha1"', [("shard0", own[:1])] * 12),
        pool("single", 'default_role = "replica"', with_replicas(strangers["single"]),
             ("app", "other")),
        pool("refused", reads, with_replicas(replica, strangers["refused"])),
        pool("silent", reads, with_replicas(*strangers["silent"])),
        pool("partial", "", partial),
        pool("timed", writes, shards[:1], user_settings="pool_size = 1\nstatement_timeout = 300"),
        pool("narrow", f"{writes}\nquery_wait_timeout = {server_checks.QUERY_WAIT_TIMEOUT * 1000}",
             shards[:1], user_settings="pool_size = 1"),
        pool("idle", reads, with_replicas(replica, strangers["idle"]),
             user_settings="pool_size = 1"),
        pool("hung", reads, with_replicas(replica, strangers["hung"]),
             user_settings="pool_size = 1"),
    ])


def configuration(pooler, primary, replica, strangers):
    """The file."""
    return f"""
[general]
host = "127.0.0.1"
port = {pooler.port}
connect_timeout = "{server_checks.CONNECT_TIMEOUT}s"
query_wait_timeout = "10s"
[auth]
method = "trust"
[admin]
password = "{PASSWORD}"
port = {pooler.admin_port}
{pools(primary, replica, strangers)}"""


def prepare(server, name):
    """The databases of the shards, each with a row that says where it is."""
    for user in ("app", "other"):
        server.execute(f"create role {user} login password '{PASSWORD}'")
    for number in range(SHARDS):
        server.execute(f"create database shard{number} owner app")
        server.execute(
            "create table place (server text, shard int); grant all on place to public;"
            f"insert into place values ('{name}', {number});"
            "create table keys (key bigint) partition by hash (key)", f"shard{number}")


def run(space, asked):
    """All checks; what is wrong, as lines."""
    primary, replica = space.postgres(), space.postgres()
    prepare(primary, "primary")
    prepare(replica, "replica")
    strangers = {
        "single": Stranger("hangs up"),
        "refused": Stranger("refuses"),
        "partial": Stranger("refuses"),
        "idle": Stranger("refuses"),
        "hung": Stranger("is silent"),
        "silent": [Stranger("is silent") for _ in range(3)],
    }
    for stranger in strangers.values():
        for one in stranger if isinstance(stranger, list) else [stranger]:
            space.keep(one)
    pooler = space.pooler(lambda own: configuration(own, primary, replica, strangers))
    stage = Stage(primary, replica, pooler, strangers)
    faults = []
    for title, function in CHECKS:
        if asked.only not in f"{title} {function.__name__}":
            continue
        try:
            function(stage)
            print(f"good: {title}", flush=True)
        except (Wrong, HarnessError, psycopg2.Error) as error:
            print(f"WRONG: {title}", flush=True)
            faults.append(f"{title} ({function.__name__}): {str(error).strip()}")
    return faults


if __name__ == "__main__":
    OPTIONS = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    OPTIONS.add_argument("--only", default="", metavar="TEXT",
                         help="checks with this in their name")
    sys.exit(stand.main(OPTIONS, run))

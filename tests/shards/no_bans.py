#!/usr/bin/python3 -B
"""What is no fault of a server bans none: killed backends, timeouts, cancels, refused logins.

    tests/shards/no_bans.py [--seconds N] [--clients N]

Two servers, which are peers, with a pool_size of 2, under 200 clients that read, run into
statement_timeout and are cancelled; each second one of their backends is ended by
pg_terminate_backend. Beside them, at the same servers: a user whose statements pglynx times out,
one with a wrong server password, one whose server role has no connection left, one whose role may
have fewer than its pool, and a pool whose database does not exist. All the time nobody may be
banned, and each client may get only the errors that are its own. In the end one server is stopped,
to see that a ban is seen, and that whoever asks then is served by the other at once. Exit status: 0
good, 1 not, 77 something needed is missing.
"""

import argparse
import collections
import random
import signal
import sys
import threading
import time

import stand
import psycopg2
from harness import PASSWORD, wait_until

POOL_SIZE = 2
POLL_SECONDS = 0.25
# How long a client that is only refused waits before it asks again.
REFUSED_PAUSE_SECONDS = 0.05
SLEEP = "select pg_sleep(0.3)"
# What a client may wait when its server has gone and another is idle.
FAILOVER_SECONDS = 2

# Role at the servers, its options, and what its user in the file has more.
USERS = {
    "app": ("", ""),
    "timed": ("", "statement_timeout = 100"),
    "wrong": ("", 'server_password = "not the password"'),
    "full": ("connection limit 1", ""),
    "narrow": ("connection limit 1", ""),
}

# Per kind of client: what may happen to its statements; a text is a part of the error's.
EXPECTED = {
    "reader": {"ok"},
    "timed by the server": {"57014"},
    "cancelled": {"57014", "ok"},
    "timed by pglynx": {"57014"},
    "wrong password": {"password authentication failed"},
    "role without connections": {"too many connections for role"},
    "role with few connections": {"ok"},
    "absent database": {'database "nowhere" does not exist'},
}
# These have their backends terminated: each time one of them may be lost.
SHOT = ("reader", "timed by the server", "cancelled")
LOST = "lost"


def configuration(pooler, peers):
    """One pool for all users, and one without its database."""
    servers = ", ".join(f'{{ host = "127.0.0.1", port = {peer.port} }}' for peer in peers)
    users = "".join(f"""
[[pools.app.users]]
username = "{name}"
password = "{PASSWORD}"
pool_size = {POOL_SIZE}
{more}
""" for name, (_, more) in USERS.items())
    return f"""
[general]
host = "127.0.0.1"
port = {pooler.port}
[admin]
password = "{PASSWORD}"
port = {pooler.admin_port}
[pools.app]
database = "app"
servers = [{servers}]
{users}
[pools.absent]
database = "nowhere"
servers = [{servers}]
[[pools.absent.users]]
username = "app"
password = "{PASSWORD}"
pool_size = {POOL_SIZE}
"""


class Crowd:
    """All clients, each on a thread, and what has happened to them by kind."""

    def __init__(self, pooler):
        self.outcomes = {kind: collections.Counter() for kind in EXPECTED}
        self.sleepers = {}  # thread: its connection, to be cancelled
        self._pooler = pooler
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = []

    def add(self, count, kind, act, database="app", user="app"):
        """Clients that stay, and do act(crowd, connection) again and again."""
        self._start(count, self._stay, kind, act, database, user)

    def add_refused(self, count, kind, database="app", user="app"):
        """Clients that log in for each statement."""
        self._start(count, self._come_and_go, kind, database, user)

    def finish(self):
        """Ends all of them."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def cancel_one(self):
        """Cancels what one of those that sleep runs, if it does."""
        connections = list(self.sleepers.values())
        try:
            random.choice(connections).cancel()
        except (IndexError, psycopg2.Error):
            pass  # it has gone

    def lost(self):
        """How many statements ended with their connection."""
        return sum(self.outcomes[kind][LOST] for kind in SHOT)

    def _start(self, count, target, *arguments):
        for _ in range(count):
            thread = threading.Thread(target=target, args=arguments, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _note(self, kind, outcome):
        with self._lock:
            self.outcomes[kind][outcome] += 1

    def _stay(self, kind, act, database, user):
        connection = None
        while not self._over.is_set():
            try:
                if connection is None or connection.closed:
                    connection = self._pooler.connect(database, user)
                act(self, connection)
                self._note(kind, "ok")
            except psycopg2.Error as error:
                lost = connection is not None and connection.closed
                self._note(kind, LOST if lost else _outcome(error))
        if connection is not None:
            connection.close()

    def _come_and_go(self, kind, database, user):
        while not self._over.wait(REFUSED_PAUSE_SECONDS):
            try:
                connection = self._pooler.connect(database, user)
                try:
                    ask(self, connection)
                finally:
                    connection.close()
                self._note(kind, "ok")
            except psycopg2.Error as error:
                known = [text for text in EXPECTED[kind] if text in str(error)]
                self._note(kind, known[0] if known else _outcome(error))


def _outcome(error):
    return stand.sqlstate(error) or str(error).strip()


def ask(_, connection):
    """A short statement."""
    with connection.cursor() as cursor:
        cursor.execute("select 1")


def linger(_, connection):
    """One that is not as short."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_sleep(0.01)")


def sleep_alone(_, connection):
    """Runs for long; nobody cancels it."""
    with connection.cursor() as cursor:
        cursor.execute(SLEEP)


def be_late(_, connection):
    """Runs into the server's statement_timeout."""
    with connection.cursor() as cursor:
        cursor.execute("begin; set local statement_timeout = '20ms'")
        try:
            cursor.execute(SLEEP)
        finally:
            if not connection.closed:
                cursor.execute("rollback")


def sleep(crowd, connection):
    """Runs until it is cancelled, or for long enough."""
    crowd.sleepers[threading.get_ident()] = connection
    sleep_alone(crowd, connection)


def terminate_one(peers):
    """Ends a backend of the pool; how many that were."""
    rows = random.choice(peers).execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app' "
        "order by random() limit 1")
    return sum(done for (done,) in rows)


def start_crowd(pooler, clients):
    """All of them."""
    crowd = Crowd(pooler)
    tenth = max(1, clients // 10)
    crowd.add(tenth, "timed by the server", be_late)
    crowd.add(tenth, "cancelled", sleep)
    crowd.add(clients - 2 * tenth, "reader", ask)
    crowd.add(5, "timed by pglynx", sleep_alone, user="timed")
    crowd.add(4, "role with few connections", linger, user="narrow")
    crowd.add_refused(2, "wrong password", user="wrong")
    crowd.add_refused(2, "role without connections", user="full")
    crowd.add_refused(2, "absent database", database="absent")
    return crowd


def torment(crowd, pooler, peers, seconds):
    """Terminates and cancels for this long; (how many were terminated, faults)."""
    terminated, faults = 0, []
    begin = time.monotonic()
    while time.monotonic() - begin < seconds and not faults:
        if time.monotonic() - begin > terminated:
            terminated += terminate_one(peers)
        crowd.cancel_one()
        bans = pooler.console("SHOW BANS")
        if bans:
            faults.append(f"banned: {bans}")
        time.sleep(POLL_SECONDS)
    return terminated, faults


def judge(crowd, terminated, log):
    """What happened that may not, and what did not that must."""
    faults = []
    for kind, outcomes in crowd.outcomes.items():
        print(f"{kind}: {dict(outcomes)}")
        allowed = EXPECTED[kind] | ({LOST} if kind in SHOT else set())
        faults += [f"{kind}: {count} x {outcome}" for outcome, count in outcomes.items()
                   if outcome not in allowed]
        faults += [f"{kind}: never {outcome}" for outcome in EXPECTED[kind]
                   if outcomes[outcome] == 0]
    print(f"{terminated} backends were terminated, {crowd.lost()} statements lost")
    if crowd.lost() > terminated:
        faults.append(f"{crowd.lost()} statements were lost by {terminated} terminations")
    faults += [line for line in log.splitlines() if "server banned" in line]
    return faults


def ban_is_seen(pooler, peers):
    """Stops a server and asks until it is banned; what is wrong, as lines."""
    waits = []
    connection = pooler.connect("app")
    peers[1].stop(signal.SIGQUIT)

    def banned():
        begin = time.monotonic()
        ask(None, connection)
        waits.append(time.monotonic() - begin)
        return pooler.console("SHOW BANS")

    ports = {row["port"] for row in wait_until(banned, "a ban")}
    connection.close()
    faults = []
    if ports != {peers[1].port}:
        faults.append(f"of {peers[1].port}, which has stopped, and others {ports} are banned")
    if max(waits) > FAILOVER_SECONDS:
        faults.append(f"when a server had stopped a client waited for {max(waits):.1f} s")
    return faults


def run(space, asked):
    """The whole of it; what is wrong, as lines."""
    peers = [space.postgres(), space.postgres()]
    for peer in peers:
        for name, (options, _) in USERS.items():
            peer.execute(f"create role {name} login password '{PASSWORD}' {options}")
        peer.execute("create database app owner app")
    holders = [peer.connect("app", "full") for peer in peers]
    pooler = space.pooler(lambda own: configuration(own, peers))
    crowd = start_crowd(pooler, asked.clients)
    try:
        terminated, faults = torment(crowd, pooler, peers, asked.seconds)
    finally:
        crowd.finish()
    for holder in holders:
        holder.close()
    faults += judge(crowd, terminated, pooler.program.log())
    return faults + ban_is_seen(pooler, peers)


if __name__ == "__main__":
    OPTIONS = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    OPTIONS.add_argument("--seconds", type=int, default=60)
    OPTIONS.add_argument("--clients", type=int, default=200)
    sys.exit(stand.main(OPTIONS, run))

"""What the checks of predecessor.py share: how they are listed, and how they ask. Import stand
first."""

import contextlib
import time

import psycopg2
import wire

ANSWER_SECONDS = 30
CHECKS = []  # (what it shows, function of a Stage)


class Wrong(Exception):
    """A check has failed; the message says how."""


def check(title):
    """Lists a function; `title` is what holds if it returns."""
    def listed(function):
        CHECKS.append((title, function))
        return function

    return listed


def expect(actual, wanted, what=""):
    """Wrong unless they are the same."""
    if actual != wanted:
        raise Wrong(f"{what}{': ' if what else ''}{actual!r}, not {wanted!r}")


def ask(connection, sql):
    """The rows of a statement, its tag if it has none, its SQLSTATE if it fails; "lost"."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else cursor.statusmessage
    except psycopg2.Error as error:
        return "lost" if connection.closed else error.pgcode


def error_of(connection, sql):
    """The error of a statement, which has to fail."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
    except psycopg2.Error as error:
        return error
    raise Wrong(f"{sql} does not fail")


def seconds_of(function, *arguments):
    """How long it takes, and what it returns."""
    begin = time.monotonic()
    result = function(*arguments)
    return time.monotonic() - begin, result


class Stage:
    """The servers and the pooler that all checks use. Each leaves them as it found them."""

    def __init__(self, primary, replica, pooler, strangers):
        self.primary = primary
        self.replica = replica
        self.pooler = pooler
        self.strangers = strangers  # pool: its servers that are none

    def client(self, pool="shop", user="app"):
        """A connection, for `with`."""
        return contextlib.closing(self.pooler.connect(pool, user))

    def talk(self, *messages, pool="shop"):
        """What one client is told that sends this in the protocol, a Sync behind each that is no
        Query: a list of (type, body) for each."""
        with contextlib.closing(wire.Connection(
                self.pooler.port, wire.startup({"user": "app", "database": pool}))) as client:
            told = []
            for message in ("", *messages):
                if message:
                    client.send(message if message[:1] == b"Q" else message + wire.SYNC)
                client.read_until(lambda replies: any(kind == "Z" for kind, _ in replies),
                                  ANSWER_SECONDS)
                told.append(client.take())
            return told[1:]

    def backends(self, server, condition="true"):
        """Process ids of the pools' connections at a server."""
        rows = server.execute("select pid from pg_stat_activity where usename in ('app', 'other') "
                              f"and {condition}")
        return [pid for (pid,) in rows]

    def bans(self):
        """The ports that are banned."""
        return {row["port"] for row in self.pooler.console("SHOW BANS")}

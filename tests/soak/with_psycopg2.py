"""Clients with psycopg2: the simple protocol."""

import io
import random

import psycopg2

import drivers
import steps


class Client(drivers.BlockingClient):
    """One connection."""

    Error = psycopg2.Error

    def __init__(self, worker):
        super().__init__(worker)
        self.connection = psycopg2.connect(**worker.dsn())
        self.connection.autocommit = True
        self.own_steps = [Client.copied, Client.notified, Client.canceled, Client.batch]

    @staticmethod
    def sqlstate(error):
        return error.pgcode

    def batch(self):
        """Several statements in one message are one transaction."""
        mine = steps.marker(self)
        rows = self.run(f"insert into scratch values ('{mine}', 1); select 1 as one; "
                        f"delete from scratch where owner = '{mine}' returning n")
        steps.expect("batch", rows, [(1,)])

    def copied(self):
        """COPY in both directions, and one that fails in the middle."""
        mine = steps.marker(self)
        self.run("begin")
        lines = "".join(f"{mine}\t{n}\n" for n in range(300))
        self._copy("copy scratch from stdin", io.StringIO(lines))
        out = io.StringIO()
        self._copy(f"copy (select owner, n from scratch where owner = '{mine}' order by n) "
                   "to stdout", out)
        steps.expect("copied", out.getvalue(), lines)
        self.run("rollback")
        try:
            self._copy("copy scratch from stdin", io.StringIO(f"{mine}\tno number\n"))
            raise steps.Wrong("COPY of no number did not fail")
        except psycopg2.Error as error:
            if error.pgcode != "22P02":
                raise
        steps.echo(self)

    def _copy(self, sql, file):
        self.worker.begins(sql)
        try:
            with self.connection.cursor() as cursor:
                cursor.copy_expert(sql, file)
        finally:
            self.worker.done()
        self.counted(sql)

    def notified(self):
        """A notification of one's own, once, and nobody else's."""
        mine = steps.marker(self)
        self.run(f"listen {mine}")
        self.pause()
        self.run(f"notify {mine}, '{mine}'")
        self.run("select 1")
        seen = [(notify.channel, notify.payload) for notify in self.connection.notifies]
        self.connection.notifies.clear()
        steps.expect("notifications", seen, [(mine, mine)])
        if random.random() < 0.5:
            self.run("unlisten *")

    def leave(self):
        """Politely, in the middle of a transaction, or by closing the socket."""
        try:
            if random.random() < 0.2:
                self.run("begin")
                self.run("insert into scratch values ('left behind', 1)")
            if random.random() < 0.3:
                drivers.hang_up(self.connection.fileno())
            self.connection.close()
        except (psycopg2.Error, OSError):
            pass  # it was lost before, and has been reported where that matters


def run(workers, report, stopping):
    """Until `stopping`."""
    drivers.start_threads(__import__("with_psycopg2"), workers, report, stopping)

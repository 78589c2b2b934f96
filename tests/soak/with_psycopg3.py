"""Clients with psycopg3: the extended protocol, statements prepared by themselves, pipelines."""

import logging
import random

import psycopg

import drivers
import steps

# It warns of each pipeline that fails, as some do on purpose.
logging.getLogger("psycopg").setLevel(logging.ERROR)


class Client(drivers.BlockingClient):
    """One connection."""

    Error = psycopg.Error

    def __init__(self, worker):
        super().__init__(worker)
        self.connection = psycopg.connect(**worker.dsn(), autocommit=True,
                                          prepare_threshold=random.choice([0, 1, 3]))
        self.notifies = []
        self.connection.add_notify_handler(
            lambda notify: self.notifies.append((notify.channel, notify.payload)))
        self.own_steps = [Client.copied, Client.notified, Client.canceled, Client.pipelined,
                          Client.pipelined, Client.failed_pipeline, Client.prepared]

    @staticmethod
    def sqlstate(error):
        return error.sqlstate

    def prepared(self):
        """The same statements over and over, on whichever server."""
        for number in range(15):
            base = random.getrandbits(20)
            steps.expect("prepared", self.one("select %s::int + %s::int", (base, number)),
                         base + number)
            steps.expect("prepared text", self.one("select upper(%s)", ("soak",)), "SOAK")
            self.pause()

    def pipelined(self):
        """Answers come in order, each to its own."""
        mine = steps.marker(self)
        self.worker.begins("pipeline")
        try:
            with self.connection.pipeline():
                cursors = [self.connection.execute("select %s::text, %s::int", (mine, n))
                           for n in range(30)]
            rows = [cursor.fetchone() for cursor in cursors]
        finally:
            self.worker.done()
        self.counted("pipeline")
        steps.expect("pipeline", rows, [(mine, n) for n in range(30)])

    def failed_pipeline(self):
        """An error skips what stands behind it, and undoes what stands before it."""
        mine = steps.marker(self)
        self.worker.begins("failing pipeline")
        try:
            with self.connection.pipeline():
                self.connection.execute("insert into scratch values (%s, 1)", (mine,))
                self.connection.execute("select 1 / %s::int", (0,))
                self.connection.execute("insert into scratch values (%s, 2)", (mine,))
            raise steps.Wrong("a pipeline did not fail")
        except psycopg.Error as error:
            if error.sqlstate != "22012":
                raise
        finally:
            self.worker.done()
        steps.expect("behind a failed pipeline",
                     self.one("select count(*) from scratch where owner = %s", (mine,)), 0)

    def copied(self):
        """COPY in both directions."""
        mine = steps.marker(self)
        wanted = [(mine, str(n)) for n in range(200)]
        self.run("begin")
        self.worker.begins("copy")
        try:
            with self.connection.cursor() as cursor:
                with cursor.copy("copy scratch from stdin") as copy:
                    for row in wanted:
                        copy.write_row(row)
                with cursor.copy("copy (select * from scratch where owner = %s order by n) "
                                 "to stdout", (mine,)) as copy:
                    seen = list(copy.rows())
        finally:
            self.worker.done()
        steps.expect("copied", seen, wanted)
        self.run("rollback")

    def notified(self):
        """A notification of one's own, once, and nobody else's."""
        mine = steps.marker(self)
        self.notifies.clear()
        self.run(f"listen {mine}")
        self.pause()
        self.run("select pg_notify(%s, %s)", (mine, mine))
        self.run("select 1")
        steps.expect("notifications", self.notifies, [(mine, mine)])
        if random.random() < 0.5:
            self.run(f"unlisten {mine}")

    def leave(self):
        """Politely, in a transaction, in the middle of a statement, by closing the socket."""
        try:
            how = random.random()
            if how < 0.15:
                self.run("begin")
                self.run("insert into scratch values ('left behind', 1)")
            if 0.1 < how < 0.3:
                self.connection.pgconn.send_query(b"select pg_sleep(5)")
            if how < 0.4:
                drivers.hang_up(self.connection.fileno())
            self.connection.close()
        except (psycopg.Error, OSError):
            pass  # it was lost before, and has been reported where that matters


def run(workers, report, stopping):
    """Until `stopping`."""
    drivers.start_threads(__import__("with_psycopg3"), workers, report, stopping)

"""One process of driver clients; the soak starts one for each driver.

    drivers.py psycopg2|psycopg3|asyncpg PORT WORKERS SEED

Each worker connects, takes a few steps, checks what it sees, leaves, and begins again, until
standard input ends. It prints one JSON object a line:
    {"error": …}     a client was told so by its driver
    {"wrong": …}     a client saw what it must not see
    {"progress": {worker: {"step", "seconds", "statements", "xacts", "connects"}}}
"seconds" is how long the statement that runs has taken so far.
"""

import ctypes
import faulthandler
import importlib
import json
import os
import random
import signal
import socket
import sys
import threading
import time

import steps
import world


class Worker:
    """What is known of one client after another; `step` names the statement under way."""

    def __init__(self, name, database, user, port):
        self.name = name
        self.database = database
        self.user = user
        self.port = port
        self.step = "start"
        self.since = time.monotonic()
        self.waits = False       # for the pooler; else for itself
        self.serial = 0
        self.statements = 0      # each one at least a request that was answered
        self.xacts = 0           # of these, those that ended a transaction
        self.connects = 0

    def dsn(self):
        """Arguments for libpq."""
        return {"host": "127.0.0.1", "port": self.port, "dbname": self.database,
                "user": self.user, "password": world.PASSWORD, "application_name": self.name,
                "connect_timeout": 40}

    def begins(self, step):
        """A statement is sent."""
        self.step = " ".join(step.split())[:80]
        self.since = time.monotonic()
        self.waits = True

    def done(self):
        """It was answered, or failed."""
        self.waits = False
        self.since = time.monotonic()

    def progress(self):
        """For the watchdog, and for the counters."""
        seconds = time.monotonic() - self.since if self.waits else 0
        return {"step": self.step, "seconds": round(seconds, 1), "statements": self.statements,
                "xacts": self.xacts, "connects": self.connects}


class Report:
    """Standard output, one line at a time."""

    def __init__(self):
        self._lock = threading.Lock()

    def say(self, **what):
        """Ends the process if nobody listens any more."""
        with self._lock:
            try:
                sys.stdout.write(json.dumps(what) + "\n")
                sys.stdout.flush()
            except OSError:
                os._exit(1)

    def error(self, worker, sqlstate, error):
        """A driver's exception."""
        self.say(error={"at": time.monotonic(), "who": worker.name, "step": worker.step,
                        "sqlstate": sqlstate, "text": f"{type(error).__name__}: {error}"})

    def wrong(self, worker, error):
        """A wrong result, or an exception that no driver should raise."""
        self.say(wrong={"who": worker.name, "step": worker.step, "text": str(error)})


def hang_up(descriptor):
    """Ends a connection behind its driver's back; the driver closes the descriptor later."""
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        connection.shutdown(socket.SHUT_RDWR)


class BlockingClient:
    """What psycopg2 and psycopg3 have in common. They give `connection` and `Error`."""

    Error = Exception
    connection = None

    def __init__(self, worker):
        self.worker = worker
        self.in_block = False

    def run(self, sql, parameters=None):
        """One statement, in autocommit; its rows, or None."""
        self.worker.begins(sql)
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                rows = cursor.fetchall() if cursor.description else None
        finally:
            self.worker.done()
        self.counted(sql)
        return rows

    def counted(self, sql):
        """An answer has come."""
        self.worker.statements += 1
        word = sql.split(None, 1)[0]
        if word == "begin":
            self.in_block = True
        elif word in ("commit", "rollback"):
            self.in_block = False
        if not self.in_block:
            self.worker.xacts += 1

    def one(self, sql, parameters=None):
        """The only value of the only row."""
        rows = self.run(sql, parameters)
        steps.expect(f"rows of {sql}", (len(rows), len(rows[0])), (1, 1))
        return rows[0][0]

    def fails(self, sqlstate, sql):
        """A statement that has to fail so, and does not lose the connection."""
        try:
            self.run(sql)
        except self.Error as error:
            if self.sqlstate(error) != sqlstate:
                raise
            return
        raise steps.Wrong(f"{sql} did not fail with {sqlstate}")

    @staticmethod
    def sqlstate(error):
        """Of the driver's exception, or None."""
        raise NotImplementedError

    @staticmethod
    def pause():
        """Lets others have the server."""
        time.sleep(random.random() * 0.02)

    def canceled(self):
        """A cancel ends the statement that runs, and nothing behind it. One that comes before
        its statement has no effect: it is sent again."""
        ended = threading.Event()

        def cancel():
            while not ended.wait(0.3):
                try:
                    self.connection.cancel()
                except self.Error:
                    return  # the connection is lost, as the statement will say
        canceller = threading.Thread(target=cancel)
        canceller.start()
        try:
            self.fails("57014", "select pg_sleep(10)")
        finally:
            ended.set()
            canceller.join()
        steps.echo(self)


def live(module, worker, report, stopping):
    """One worker's clients, one after another. `module` has Client and its Error."""
    while not stopping.wait(random.random() * 0.1):
        client = None
        try:
            worker.begins("connect")
            client = module.Client(worker)
            worker.done()
            worker.connects += 1
            new = client.run(steps.SEEN_BY_NEW)
            steps.expect("seen by a new client", new,
                         [steps.seen_by_new(worker.name, worker.user)])
            for step in random.sample(steps.STEPS + client.own_steps, random.randrange(2, 7)):
                if not stopping.is_set():
                    step(client)
        except module.Client.Error as error:
            worker.done()
            report.error(worker, module.Client.sqlstate(error), error)
            stopping.wait(0.2)
        except Exception as error:  # pylint: disable=broad-exception-caught
            report.wrong(worker, f"{type(error).__name__}: {error}")
        finally:
            worker.done()
            if client is not None:
                client.leave()


def workers_of(driver, count, port):
    """Most in the transaction pool; of eight, two as bob and two in the session pool."""
    places = [(world.DATABASE, "alice"), (world.DATABASE, "bob"), (world.SESSION, "alice"),
              (world.DATABASE, "alice")]
    return [Worker(f"{driver}_{number}", *places[number % len(places)], port)
            for number in range(count)]


def start_threads(module, workers, report, stopping):
    """Runs blocking workers; returns when all have ended."""
    threads = [threading.Thread(target=live, args=(module, worker, report, stopping))
               for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    driver, port, count, seed = sys.argv[1], *map(int, sys.argv[2:5])
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the soak alone
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    random.seed(f"{seed} {driver}")
    report, stopping = Report(), threading.Event()
    workers = workers_of(driver, count, port)

    def tell():
        while True:
            report.say(progress={worker.name: worker.progress() for worker in workers})
            time.sleep(1)

    def wait_for_end():
        sys.stdin.read()
        stopping.set()
    threading.Thread(target=tell, daemon=True).start()
    threading.Thread(target=wait_for_end, daemon=True).start()
    module = importlib.import_module(f"with_{driver}")
    module.run(workers, report, stopping)
    report.say(progress={worker.name: worker.progress() for worker in workers})


if __name__ == "__main__":
    main()

"""The load: pgbench in every protocol, and the processes of driver clients (drivers.py)."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
import time

import world

HERE = os.path.dirname(os.path.abspath(__file__))
DRIVERS = {"psycopg2": 8, "psycopg3": 8, "asyncpg": 8}  # workers of each
MODULES = {"psycopg2": "psycopg2", "psycopg3": "psycopg", "asyncpg": "asyncpg"}
BENCH_SECONDS = 15      # of one run of pgbench; clients that it lost come back with the next
STUCK_SECONDS = 45.0    # longer than any statement here may take, waits included
STOP_SECONDS = 20.0     # for workers to end the step they are in

# name, database, user, pgbench's options. With rates, for pgbench alone would take both cores.
BENCHES = [
    ("tpcb_simple", world.DATABASE, "alice", ["-M", "simple", "-c", "3", "-R", "60"]),
    ("tpcb_extended", world.DATABASE, "bob", ["-M", "extended", "-c", "3", "-R", "60"]),
    ("tpcb_session", world.SESSION, "alice", ["-M", "prepared", "-c", "2", "-R", "30"]),
    ("select_prepared", world.DATABASE, "alice", ["-S", "-M", "prepared", "-c", "5", "-R", "400"]),
    ("select_extended", world.DATABASE, "bob", ["-S", "-M", "extended", "-c", "2", "-R", "100"]),
    ("reconnect_simple", world.DATABASE, "alice",
     ["-S", "-C", "-M", "simple", "-c", "3", "-R", "30"]),
    ("reconnect_prepared", world.DATABASE, "bob",
     ["-S", "-C", "-M", "prepared", "-c", "2", "-R", "20"]),
]
# "aborted while establishing connection" only follows "connection to server".
ABORTED = re.compile(r"pgbench: error: (client \d+ .*aborted (?!while establishing)|"
                     r"connection to server|could not)")


class Bench:
    """One pgbench after another. Each ends by itself; a client that it lost was an error."""

    def __init__(self, postgres, pooler, timeline, spec):
        self.name, database, user, options = spec
        self.argv = [f"{postgres.bin}/pgbench", "-n", "-h", "127.0.0.1", "-p", str(pooler.port),
                     "-U", user, *options]
        self.database = database
        self.timeline = timeline
        self.process = None
        self.xacts = 0
        self.since = time.monotonic()
        self.thread = threading.Thread(target=self._live, daemon=True)
        self.stopping = False

    def _live(self):
        while not self.stopping:
            left = self.timeline.plan.seconds - self.timeline.now()
            if left < 1.5:
                return
            seconds = str(int(min(BENCH_SECONDS, left)))
            self.since = time.monotonic()
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [*self.argv, "-T", seconds, self.database], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/",
                env=world.environment(), start_new_session=True)
            printed = []
            reader = threading.Thread(target=lambda process, into: into.append(
                process.stdout.read()), args=(self.process, printed))
            reader.start()
            self._judge(self.process.stderr)
            self.process.wait()
            reader.join()
            done = re.search(r"actually processed: (\d+)", "".join(printed))
            self.xacts += int(done.group(1)) if done else 0
            time.sleep(0.2)

    def _judge(self, stderr):
        """One error for each client that was lost, whatever libpq printed of it beside that."""
        message, at = "", 0.0
        for line in stderr:
            if ABORTED.match(line):
                self._report(message, at)
                message, at = line, time.monotonic()
            elif message and not line.startswith(("pgbench:", "NOTICE:")):
                message += line
            else:
                self.timeline.event(f"{self.name} says", line.strip())
        self._report(message, at)

    def _report(self, message, at):
        if message:
            self.timeline.error(self.name, "pgbench", None, message, at)

    def stuck_for(self):
        """How long the run has gone on behind its end."""
        if self.process is None or self.process.poll() is not None:
            return 0
        return time.monotonic() - self.since - BENCH_SECONDS

    def close(self):
        """Ends it at once."""
        self.stopping = True
        if self.process is not None and self.process.poll() is None:
            self.process.kill()


class Driver:
    """One process of drivers.py."""

    def __init__(self, name, pooler, timeline, seed):
        self.name = name
        self.timeline = timeline
        self.progress = {}
        self.heard = time.monotonic()
        # Drivers print of themselves what they were told; so does faulthandler.
        self.log_path = f"{pooler.directory}/{name}.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [sys.executable, "-B", f"{HERE}/drivers.py", name, str(pooler.port),
                 str(DRIVERS[name]), str(seed)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                start_new_session=True, env=world.environment())
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        for line in self.process.stdout:
            said = json.loads(line)
            self.heard = time.monotonic()
            if "error" in said:
                error = said["error"]
                self.timeline.error(error["who"], error["step"], error["sqlstate"],
                                    error["text"], error["at"])
            elif "wrong" in said:
                self.timeline.fault("{who} in {step}: {text}".format(**said["wrong"]))
            else:
                self.progress = said["progress"]

    def stop(self):
        """Lets the workers end the step they are in."""
        if self.process.stdin:
            self.process.stdin.close()
            self.process.stdin = None

    def stuck(self):
        """Descriptions of workers whose statement takes too long."""
        silent = time.monotonic() - self.heard
        if silent > STUCK_SECONDS and self.process.poll() is None:
            return [f"the process of {self.name} says nothing for {silent:.0f} s"]
        return [f"{worker} waits {seen['seconds']} s for: {seen['step']}"
                for worker, seen in self.progress.items() if seen["seconds"] > STUCK_SECONDS]

    def close(self):
        """Ends it at once."""
        if self.process.poll() is None:
            self.process.kill()


def missing_drivers():
    """{driver: what to install} for those that are not there."""
    return {name: f"apt-get install python3-{module}" for name, module in MODULES.items()
            if importlib.util.find_spec(module) is None}


class Load:
    """All of it, and the watchdog."""

    def __init__(self, postgres, pooler, timeline, parts, seed):
        self.timeline = timeline
        self.benches = []
        if "pgbench" in parts:
            self.benches = [Bench(postgres, pooler, timeline, spec) for spec in BENCHES]
        self.drivers = [Driver(name, pooler, timeline, seed) for name in DRIVERS if name in parts]
        for bench in self.benches:
            bench.thread.start()

    def watch(self):
        """Faults for whoever is stuck; a worker process that ended by itself is one too."""
        stuck = [text for driver in self.drivers for text in driver.stuck()]
        stuck += [f"pgbench {bench.name} goes on {bench.stuck_for():.0f} s behind its end"
                  for bench in self.benches if bench.stuck_for() > STUCK_SECONDS]
        stuck += [f"the process of {driver.name} ended with {driver.process.poll()}"
                  for driver in self.drivers
                  if driver.process.stdin and driver.process.poll() is not None]
        for text in stuck:
            self.timeline.fault(f"stuck: {text}")
        return stuck

    def stop(self):
        """Ends it in good order; faults for those that do not end."""
        for driver in self.drivers:
            driver.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for one in self.benches + self.drivers:
            one.thread.join(max(0.1, deadline - time.monotonic()))
            if one.thread.is_alive():
                self.timeline.fault(f"stuck: {one.name} did not end within {STOP_SECONDS} s: "
                                    f"{getattr(one, 'progress', '')}")
        self.close()

    def close(self):
        """Ends all of it at once."""
        for one in self.benches + self.drivers:
            one.close()

    def counted(self):
        """What clients know to have been done: statements, transactions, logins."""
        seen = [worker for driver in self.drivers for worker in driver.progress.values()]
        xacts = sum(bench.xacts for bench in self.benches)
        return {"statements": sum(one["statements"] for one in seen) + xacts,
                "xacts": sum(one["xacts"] for one in seen) + xacts,
                "logins": sum(one["connects"] for one in seen),
                "pgbench_xacts": xacts}

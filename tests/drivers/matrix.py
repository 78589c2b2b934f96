#!/usr/bin/python3 -B
"""Every driver's script, directly on PostgreSQL and through pglynx: the outputs must be equal.

    tests/drivers/matrix.py [DRIVER…] [options]

Each driver is a directory beside this file with a program `run`, explained in README.md. Prints
a table, and the beginning of a diff for each difference. Exit status: 0 all equal, 1 something
differs or broke, 77 nothing could run, with the reasons. Needs a release build of pglynx, a
PostgreSQL server and python3-psycopg2 of Debian.
"""

import argparse
import ctypes
import difflib
import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SUPPORT = os.path.join(os.path.dirname(HERE), "support", "py")
SKIPPED = 77
DIFF_LINES = 40
DATABASE = "app"       # the same name on both sides: drivers show it
COLUMNS = ("driver", "version", "lines", "prepare s", "direct s", "pooled s")
READER = "app_reader"  # a role without login that the client may SET ROLE to


def end_with_parent():
    """What runs in a child before its program: the end of this process is its end too."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Outcome:
    """What one run of a driver's program gave."""

    def __init__(self, status, output, errors, seconds):
        self.status = status    # its exit status; None: it was ended at the time limit
        self.output = output
        self.errors = errors
        self.seconds = seconds

    def last_line(self):
        """The last thing said, which is the reason where it gave up."""
        lines = (self.errors + "\n" + self.output).split("\n")
        lines = [line.strip() for line in lines if line.strip()]
        return lines[-1] if lines else "no output"

    def trouble(self):
        """Why this is not an outcome to compare; None if it is."""
        if self.status is None:
            return f"not at its end after {self.seconds:.0f} s"
        return f"exit status {self.status}" if self.status != 0 else None


class Driver:
    """One directory with its `run`."""

    def __init__(self, name):
        self.name = name
        self.program = os.path.join(HERE, name, "run")

    def run(self, verb, environment, seconds):
        """Runs it to its end, or to the time limit; what it leaves running is ended."""
        begun = time.monotonic()
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            with subprocess.Popen([self.program, verb], stdin=subprocess.DEVNULL, stdout=output,
                                  stderr=errors, env=environment, start_new_session=True,
                                  preexec_fn=end_with_parent) as process:
                try:
                    status = process.wait(seconds)
                except subprocess.TimeoutExpired:
                    status = None
                finally:
                    end_group(process.pid)
            texts = []
            for file in (output, errors):
                file.seek(0)
                texts.append(file.read().decode("utf-8", "replace"))
        return Outcome(status, *texts, time.monotonic() - begun)


def end_group(group):
    """Ends what is left of a session that this process has started."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def all_drivers():
    """The names of the directories that have a program `run`."""
    return sorted(name for name in os.listdir(HERE)
                  if os.access(os.path.join(HERE, name, "run"), os.X_OK))


def pooler_config(pooler, postgres, options):
    """Transaction mode and fewer servers than clients; all else as a new user has it."""
    lines = "\n".join(options.pool)
    return f"""
[general]
host = "127.0.0.1"
port = {pooler.port}
query_wait_timeout = "{options.wait}"

[admin]
port = {pooler.admin_port}
password = "{harness().PASSWORD}"

[pools.{DATABASE}]
pool_mode = "transaction"
database = "{DATABASE}"
servers = [{{ host = "127.0.0.1", port = {postgres.port} }}]
{lines}

[[pools.{DATABASE}.users]]
username = "{DATABASE}"
password = "{harness().PASSWORD}"
pool_size = {options.servers}
"""


def harness():
    """The module that starts servers; imported late, so that --help needs no psycopg2."""
    if SUPPORT not in sys.path:
        sys.path.insert(0, SUPPORT)
    return __import__("harness")


def environment(options, **more):
    """For a driver's program: the caller's, without what would reach libpq unseen."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    build = os.environ.get("PGLYNX_DRIVERS_BUILD")
    build = build or os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "drivers")
    return {**kept, "PGLYNX_DRIVERS_BUILD": build, "LC_ALL": "C.UTF-8", "TZ": "UTC",
            "CLIENTS": str(options.clients), "ROUNDS": str(options.rounds),
            # The scripts themselves end a little before: they can say where they hang.
            "SCRIPT_SECONDS": str(max(5, options.seconds - 15)), **more}


class Clock:
    """The time limit of the whole run."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds if seconds else None

    def allows(self, seconds):
        """How long something may take that has `seconds` of its own; 0 when nothing is left."""
        left = float("inf") if self.end is None else max(0.0, self.end - time.monotonic())
        return min(float(seconds), left)


class Matrix:
    """Runs drivers one after another on one PostgreSQL; each run has a new database."""

    def __init__(self, options, space, directory, clock):
        self.options = options
        self.clock = clock
        self.space = space
        self.directory = directory
        # No client's time zone is the server's own, so that a lost setting shows.
        self.postgres = space.postgres(settings=["timezone=Europe/Paris"])
        self.postgres.execute(f"create role {DATABASE} login password '{harness().PASSWORD}'")
        self.postgres.execute(f"create role {READER}")
        self.postgres.execute(f"grant {READER} to {DATABASE}")

    def new_database(self):
        """Empties what the script works in."""
        self.postgres.execute(f"drop database if exists {DATABASE} with (force)")
        self.postgres.execute(f"create database {DATABASE} owner {DATABASE}")

    def script(self, driver, side, port, rest=""):
        """One run of the script against 127.0.0.1:port, kept as NAME.SIDE.txt and .err."""
        outcome = driver.run("script", environment(
            self.options, PGHOST="127.0.0.1", PGPORT=str(port), PGUSER=DATABASE,
            PGPASSWORD=harness().PASSWORD, PGDATABASE=DATABASE), self.options.seconds)
        for ending, text in (("txt", outcome.output), ("err", outcome.errors)):
            self.keep(f"{driver.name}.{side}{rest}.{ending}", text)
        return outcome

    def keep(self, name, text):
        """Writes a file beside the others of this run."""
        with open(os.path.join(self.directory, name), "w", encoding="utf-8") as file:
            file.write(text)

    def direct(self, driver, side="direct"):
        """On PostgreSQL itself."""
        self.new_database()
        return self.script(driver, side, self.postgres.port)

    def pooled(self, driver):
        """Through a pglynx of its own."""
        self.new_database()
        pooler = self.space.pooler(lambda p: pooler_config(p, self.postgres, self.options))
        try:
            outcome = self.script(driver, "pooled", pooler.port)
            if not pooler.program.running():
                outcome.errors += "\npglynx has ended"
                outcome.status = outcome.status or 1
        finally:
            pooler.close()
            self.keep(f"{driver.name}.pglynx.log", pooler.program.log())
        return outcome

    def prepare(self, driver, row):
        """Installs and builds; why it ends there, if it does, and whether that is good. Registries
        and compilers may be slow, which is no fault of pglynx: that skips."""
        limit = self.clock.allows(self.options.prepare_seconds)
        if limit == 0:
            return self.no_time(), None
        prepared = driver.run("prepare", environment(self.options), limit)
        row["prepare s"] = f"{prepared.seconds:.1f}"
        if prepared.status == SKIPPED:
            return f"skipped: {prepared.last_line()}", None
        if prepared.status is None:
            return f"skipped: prepare is {prepared.trouble()}", None
        if prepared.trouble():
            print(prepared.errors[-3000:] or prepared.output[-3000:])
            return f"FAILED: prepare: {prepared.trouble()}", False
        # A script that hangs must have the time to show it: it is not begun with less.
        if self.clock.allows(self.options.seconds) < self.options.seconds:
            return self.no_time(), None
        version = driver.run("version", environment(self.options), 60)
        row["version"] = version.output.strip().split("\n")[-1]
        return None, None

    def no_time(self):
        """The reason of a driver that was not begun."""
        return f"skipped: the {self.options.total_seconds} s of the whole run are nearly over"

    def row(self, driver):
        """One line of the table, and whether it is good: True, False or None for skipped."""
        row = {name: "" for name in COLUMNS}
        row["driver"] = driver.name
        reason, good = self.prepare(driver, row)
        if reason:
            return {**row, "verdict": reason}, good
        first = self.direct(driver)
        row["direct s"] = f"{first.seconds:.1f}"
        if first.status == SKIPPED:
            return {**row, "verdict": f"skipped: {first.last_line()}"}, None
        row["lines"] = str(first.output.count("\n"))
        if self.options.self_check:
            second = self.direct(driver, "again")
        else:
            second = self.pooled(driver)
        row["pooled s"] = f"{second.seconds:.1f}"
        verdict = judge(driver, first, second)
        return {**row, "verdict": verdict}, verdict == "equal"


def sections(text):
    """A transcript in pieces: what stands behind each line with a `== name of a step`."""
    pieces, name = {}, "the beginning"
    for line in text.splitlines():
        if "== " in line:
            name = line.split("== ", maxsplit=1)[1].split(" ")[0]
        pieces.setdefault(name, []).append(line)
    return pieces


def steps_that_differ(first, second):
    """Their names, for who wants to know how much of it is wrong."""
    one, other = sections(first), sections(second)
    return [name for name in {**one, **other} if one.get(name) != other.get(name)]


def judge(driver, first, second):
    """The verdict on two outcomes; prints what explains it."""
    different = first.output != second.output
    if different:
        print(f"--- {driver.name}: < directly, > the other")
        diff = list(difflib.unified_diff(first.output.splitlines(), second.output.splitlines(),
                                         "direct", "other", lineterm="", n=2))
        print("\n".join(line[:400] for line in diff[:DIFF_LINES]))
        if len(diff) > DIFF_LINES:
            print(f"… {len(diff) - DIFF_LINES} more lines of diff")
        print("steps that differ:", ", ".join(steps_that_differ(first.output, second.output)))
    for side, outcome in (("directly", first), ("the other", second)):
        if outcome.trouble():
            print(f"--- {driver.name}, {side}: {outcome.trouble()}\n{outcome.errors[-2000:]}")
    if first.trouble() or not first.output:
        return f"BROKEN: directly: {first.trouble() or 'no output'}"
    if second.trouble():
        return f"DIFFERS: {second.trouble()}"
    return "DIFFERS" if different else "equal"


def print_table(rows):
    """Columns as wide as they have to be."""
    names = list(rows[0])
    table = [names] + [[row[name] for name in names] for row in rows]
    widths = [max(len(line[n]) for line in table) for n in range(len(names))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("drivers", nargs="*", metavar="DRIVER", help="all of them by default")
    parser.add_argument("--list", action="store_true", help="prints the drivers' names")
    parser.add_argument("--self-check", action="store_true",
                        help="runs twice on PostgreSQL: a script that differs from itself is bad")
    parser.add_argument("--keep", metavar="DIR", help="where outputs and logs are kept")
    parser.add_argument("--postgres", metavar="BINDIR", help="the server's programs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--servers", type=int, default=2, help="pool_size")
    parser.add_argument("--wait", default="60s", help="query_wait_timeout")
    parser.add_argument("--pool", action="append", default=[], metavar="LINE",
                        help="one more line for the pool's section: 'deferred_begin = true'")
    parser.add_argument("--seconds", type=int, default=300, help="time limit of one script")
    parser.add_argument("--prepare-seconds", type=int, default=1800,
                        help="time limit of one driver's installation, which is skipped then")
    parser.add_argument("--total-seconds", type=int, default=0,
                        help="drivers whose turn comes later are skipped; no limit by default")
    options = parser.parse_args()
    for name in options.drivers:
        if name not in all_drivers():
            parser.error(f"no driver {name}; there are: {' '.join(all_drivers())}")
    return options


def run(options, directory):
    """Runs what was asked for; the exit status."""
    rows, good, clock = [], [], Clock(options.total_seconds)
    with harness().Workspace() as space:
        matrix = Matrix(options, space, directory, clock)
        for name in options.drivers or all_drivers():
            print(f"{name} …", flush=True)
            row, verdict = matrix.row(Driver(name))
            rows.append(row)
            good.append(verdict)
    print()
    print_table(rows)
    if False in good:
        return 1
    return 0 if True in good else SKIPPED


def main():
    """Checks what is needed, then runs."""
    options = arguments()
    if options.list:
        print("\n".join(all_drivers()))
        return 0
    if options.postgres:
        os.environ["PGLYNX_POSTGRES_BINDIR"] = options.postgres
    try:
        harness()
    except ImportError as error:
        print(f"skipped: {error}: apt-get install python3-psycopg2")
        return SKIPPED
    try:
        harness().postgres_bin()
        if not options.self_check:
            harness().pooler_binary()
    except harness().HarnessError as error:
        print(f"skipped: {error}")
        return SKIPPED
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)
        return run(options, options.keep)
    with tempfile.TemporaryDirectory(prefix="pglynx-drivers-") as directory:
        return run(options, directory)


if __name__ == "__main__":
    sys.exit(main())

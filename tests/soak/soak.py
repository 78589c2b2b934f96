"""The soak: everything at once on a real PostgreSQL for a while, then the verdict.

    soak.sh MINUTES [--seed N] [--without PART,…] [--keep]

MINUTES may have a fraction. PARTs that may be left out: pgbench psycopg2 psycopg3 asyncpg
terminate restart reload kill. --keep keeps the logs of a soak that went well too. What is kept
is in build/soak/: result.json, and of a soak that failed timeline.txt and the logs.
Exit status: 0 good, 1 not, 77 something is missing.
"""

import argparse
import os
import random
import signal
import sys
import time

PARTS = ("pgbench", "psycopg2", "psycopg3", "asyncpg", "terminate", "restart", "reload", "kill")
SKIPPED = 77

try:
    import psycopg2
    import psycopg2.extensions
    import world
except ImportError as problem:
    print(f"soak: skipped: {problem}: apt-get install python3-psycopg2")
    sys.exit(SKIPPED)

import chaos    # noqa: E402 pylint: disable=wrong-import-position
import load     # noqa: E402 pylint: disable=wrong-import-position
import reloads  # noqa: E402 pylint: disable=wrong-import-position
import samples  # noqa: E402 pylint: disable=wrong-import-position
import timeline as times  # noqa: E402 pylint: disable=wrong-import-position
import verdict  # noqa: E402 pylint: disable=wrong-import-position

harness = world.harness


def arguments():
    """Of the command line."""
    parser = argparse.ArgumentParser(
        prog="tests/soak.sh", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", type=float, metavar="MINUTES")
    parser.add_argument("--seed", type=int, default=random.getrandbits(31))
    parser.add_argument("--without", default="", metavar="PART,…")
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    left_out = [part for part in given.without.split(",") if part]
    unknown = sorted(set(left_out) - set(PARTS))
    if unknown:
        parser.error(f"unknown part {unknown[0]}; allowed are {' '.join(PARTS)}")
    if not 0.75 <= given.minutes <= 7 * 24 * 60:
        parser.error("MINUTES: 0.75 to 10080")
    given.parts = [part for part in PARTS if part not in left_out]
    return given


def drop_missing(given):
    """Drivers that are not installed are left out, and it is said so."""
    for driver, remedy in load.missing_drivers().items():
        if driver in given.parts:
            print(f"soak: {driver} is not installed, its clients are left out: {remedy}")
            given.parts.remove(driver)


class Soak:
    """All that runs, from the start to the verdict."""

    def __init__(self, space, given):
        self.given = given
        self.seconds = given.minutes * 60
        self.timeline = times.Timeline(times.Plan(self.seconds, "restart" in given.parts))
        self.postgres = space.postgres(settings=("timezone=UTC", "log_timezone=UTC"))
        world.fill(self.postgres)
        self.pooler = space.pooler(lambda pooler: world.config(self.postgres, pooler, "a"))
        self.console = samples.Console(self.pooler)
        self.sampler = samples.Sampler(self.pooler, self.timeline, 10 if self.seconds > 240 else 5)
        self.overview = chaos.Overview(self.postgres, samples.Console(self.pooler),
                                       self.timeline)
        self.descriptors = self.pooler.descriptors() - self.console.lists()["used_servers"]
        make = {"terminate": lambda: chaos.Terminator(self.postgres, self.timeline),
                "reload": lambda: reloads.Reloader(self.postgres, self.pooler, self.timeline),
                "kill": lambda: chaos.Killer(self.postgres, self.pooler, self.timeline)}
        self.chores = {part: maker() for part, maker in make.items() if part in given.parts}
        self.load = None

    def run(self):
        """Until the time is over; PostgreSQL is restarted here, in the main thread."""
        self.timeline.begin()
        self.load = load.Load(self.postgres, self.pooler, self.timeline, self.given.parts,
                              self.given.seed)
        for chore in [self.sampler, self.overview, *self.chores.values()]:
            chore.start()
        restarts = list(self.timeline.plan.restarts)
        told = 0.0
        while (now := self.timeline.now()) < self.seconds:
            if restarts and now >= restarts[0]:
                restarts.pop(0)
                chaos.restart(self.postgres, self.timeline,
                              len(self.timeline.plan.restarts) - len(restarts) - 1)
            if now >= told + 60:
                told = now
                print(f"soak: {now:.0f} s of {self.seconds:.0f} s, "
                      f"{len(self.timeline.faults)} faults, {len(self.timeline.errors)} errors "
                      "of clients", flush=True)
            if self.load.watch() or not self.pooler.program.running():
                self._dump()
                break
            time.sleep(0.2)

    def _dump(self):
        """Where they are stuck: Python's stacks in their logs, the console's tables as faults."""
        for driver in self.load.drivers:
            if driver.process.poll() is None:
                driver.process.send_signal(signal.SIGUSR1)
        try:
            for name, rows in self.console.all().items():
                for row in rows:
                    self.timeline.event(f"SHOW {name}", str(row))
        except psycopg2.Error as error:
            self.timeline.fault(f"the console: {error}")

    def stop(self):
        """Everything ends in good order."""
        for name in ("terminate", "kill", "reload"):
            if name in self.chores:
                self.chores[name].stop()
        self.load.stop()
        self.overview.stop()
        self.sampler.stop()

    def close(self):
        """At once: for whoever interrupts it."""
        for chore in self.chores.values():
            chore.stopping.set()
        if self.load is not None:
            self.load.close()

    def _judge_end(self, figures, counted):
        """All clients have left: what pglynx shows then, and how it ends."""
        if not self.pooler.program.running():
            return ["pglynx ended by itself: " + self.pooler.program.log()[-1500:]]
        left, tables = verdict.settle(self.console, self.postgres)
        faults = [f"stuck: {text}" for text in left]
        figures["counters"] = samples.totals(tables["stats_totals"])
        faults += verdict.judge_counters(figures["counters"], counted)
        spare = self.pooler.descriptors() - self.descriptors - len(tables["servers"])
        figures["descriptors_left_over"] = spare
        if spare > verdict.DESCRIPTORS_SPARE:
            faults.append(f"{spare} more descriptors are open than at the start")
        for console in (self.console, self.overview.console, self.sampler.console):
            console.connection.close()
        fault, figures["sigterm_seconds"] = verdict.end_pooler(self.pooler)
        return faults + ([fault] if fault else [])

    def judge(self):
        """Figures, all faults, unexplained errors."""
        figures = {"seconds": self.seconds, "seed": self.given.seed, "parts": self.given.parts}
        figures["memory"], fault = verdict.judge_memory(self.sampler.memory, self.seconds)
        faults = [fault] if fault else []
        counted = self.load.counted()
        try:
            faults += self._judge_end(figures, counted)
        except psycopg2.Error as error:
            faults.append(f"pglynx does not answer: {error}")
        faults += self.overview.faults() + verdict.judge_money(self.postgres)
        faults += verdict.judge_log(self.pooler, self.chores.get("reload"))
        explained, unexplained = self.timeline.judge()
        figures.update(counted=counted,
                       longest_wait_seconds=round(self.sampler.longest_wait, 2),
                       most_connections=self.overview.most, explained_errors=explained)
        self._figures_of_chores(figures)
        faults = [f"{at:.1f} s: {text}" for at, text in self.timeline.faults] + faults
        return figures, faults, unexplained

    def _figures_of_chores(self, figures):
        outages = [round(end - begin, 1) for begin, end in self.timeline.outages if end]
        figures["restarts_seconds"] = outages
        if "terminate" in self.chores:
            figures["terminated"] = self.chores["terminate"].states
        if "reload" in self.chores:
            figures["reloads"] = self.chores["reload"].counts
        if "kill" in self.chores:
            killer = self.chores["kill"]
            figures["killed"] = {"clients": killer.killed,
                                 "longest_until_gone_seconds": round(killer.slowest, 2)}

    def report(self):
        """Prints the verdict; whether all is well."""
        figures, faults, unexplained = self.judge()
        verdict.table("what happened", figures)
        verdict.table("samples: s, Rss KiB, descriptors, clients, waiting, pinned, servers", {
            f"{sample['at']:8.1f}": " ".join(f"{sample[key]:>6}" for key in (
                "rss_kib", "descriptors", "clients", "waiting", "pinned", "servers"))
            for sample in self.sampler.samples[::max(1, len(self.sampler.samples) // 15)]})
        shown = [f"  fault: {text}" for text in faults[:verdict.SHOWN_MAX]]
        shown += ["  unexplained error at {at:.1f} s{window}: {who} in {step}: {sqlstate} {text}"
                  .format(window=" (quiet)" if error["quiet"] else "", **error)
                  for error in unexplained[:verdict.SHOWN_MAX]]
        good = not faults and not unexplained
        result = {"good": good, "figures": figures, "faults": faults,
                  "unexplained": unexplained, "samples": self.sampler.samples}
        directory = os.path.join(harness.ROOT, "build", "soak")
        logs = [self.pooler.program.log_path, self.postgres.server.log_path,
                *(driver.log_path for driver in self.load.drivers)]
        verdict.keep(directory, result, self.timeline, logs, not good or self.given.keep)
        print("\n" + "\n".join(shown) if shown else "")
        print(f"soak: {'good' if good else 'FAILED'}: {len(faults)} faults, {len(unexplained)} "
              f"unexplained errors; figures in build/soak/result.json"
              + ("" if good and not self.given.keep else ", timeline and logs beside it"))
        return good


def soak_once(given):
    """The exit status."""
    with harness.Workspace() as space:
        soak = Soak(space, given)
        try:
            soak.run()
            soak.stop()
            return 0 if soak.report() else 1
        finally:
            soak.close()


def main():
    given = arguments()
    if not harness_is_ready():
        return SKIPPED
    drop_missing(given)
    random.seed(given.seed)
    psycopg2.extensions.set_wait_callback(samples.with_deadline)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"soak: {given.minutes:g} minutes, seed {given.seed}", flush=True)
    try:
        return soak_once(given)
    except KeyboardInterrupt:
        print("soak: interrupted")
        return 130


def harness_is_ready():
    """Whether PostgreSQL and pglynx are there; says what is missing."""
    try:
        bindir = harness.postgres_bin()
    except harness.HarnessError as error:
        print(f"soak: skipped: {error}: packaging/install-deps.sh --postgres")
        return False
    if not os.access(f"{bindir}/pgbench", os.X_OK):
        print(f"soak: skipped: pgbench is not in {bindir}")
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())

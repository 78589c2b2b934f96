#!/usr/bin/python3 -B
"""pglynx and its rivals through the same workloads in turn, judged by the budgets.

    bench/run.sh [--quick] [--only G1,G7] [--rounds N] [--pooler NAME=COMMAND]… [--json PATH]

Prints one table and writes all samples as JSON (build/bench/result.json), for bench/plot.py. What
is measured how, and what to distrust: bench/README.md. Exit status: 0 no budget that must be met
falls, 1 one does, 77 something needed is missing.
"""

import argparse
import datetime
import importlib.util
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/lib")
sys.dont_write_bytecode = True

SKIPPED = 77
DESCRIPTORS = 15_000
if importlib.util.find_spec("psycopg2") is None:
    print("skipped: no python3-psycopg2 for this Python")
    sys.exit(SKIPPED)

# pylint: disable=wrong-import-position
import paths  # noqa: E402
import budgets  # noqa: E402
import resident  # noqa: E402
import rivals  # noqa: E402
import system_calls  # noqa: E402
import table  # noqa: E402
import workloads  # noqa: E402
from harness import HarnessError, Workspace  # noqa: E402
from measure import Machine  # noqa: E402
from raw_client import ClientError  # noqa: E402
from stand import Stand  # noqa: E402

import psycopg2  # noqa: E402

FAILURES = (HarnessError, ClientError, system_calls.NoStrace, psycopg2.Error, OSError)


class Run:
    """Takes the samples."""

    def __init__(self, stand, found, effort, quick, rounds):
        self.stand = stand
        self.rivals = found
        self.effort = effort
        self.quick = quick
        self.rounds = rounds
        self.samples = {}
        self.faults = []

    def take(self, workload):
        """All rounds of one workload. A rival that fails once takes no part in it any more."""
        part = [rival for rival in self.rivals if self._takes_part(rival, workload)]
        began = time.monotonic()
        if workload.warm is not None:
            part = [rival for rival in part
                    if self._try(workload, rival, lambda rival=rival: workload.warm(
                        self.stand, rival) or {}) is not None]
        rounds = workloads.rounds_of(workload, self.effort, self.rounds)
        taken = []
        for number in range(rounds):
            taken.append({})
            for rival in part[::-1] if number % 2 else list(part):
                measures = self._try(workload, rival, lambda rival=rival: workload.sample(
                    self.stand, rival, self.effort))
                if measures is None:
                    part.remove(rival)
                else:
                    taken[-1][rival.name] = measures
            if workload.derive is not None:
                workload.derive(taken[-1])
        self.samples[workload.name] = {
            rival.name: [one[rival.name] for one in taken] for rival in part}
        print(f"bench: {workload.name}: {rounds} rounds, {time.monotonic() - began:.0f} s",
              file=sys.stderr, flush=True)

    def _takes_part(self, rival, workload):
        """With --quick, what does not pool only where a budget asks for it."""
        if not workload.fits(rival) or workload.auth not in rival.auths:
            return False
        asked_for = {budget.against for budget in budgets.BUDGETS
                     if budget.workload == workload.name} | set(workload.needs)
        return rival.pools or not self.quick or rival.name in asked_for

    def _try(self, workload, rival, work):
        try:
            return work()
        except FAILURES as error:
            self.faults.append(f"{rival.name} in {workload.name}: {str(error).strip()[-300:]}")
            print(f"bench: {self.faults[-1]}", file=sys.stderr, flush=True)
            return None


def arguments():
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="in under five minutes")
    parser.add_argument("--only", default="", metavar="G1,G7", help="these budgets alone")
    parser.add_argument("--rounds", type=int, default=0, metavar="N",
                        help="of each workload (9; with --quick 5; at most 3 where little varies)")
    parser.add_argument("--seconds", type=int, default=0, metavar="N",
                        help="of each run of pgbench (3; with --quick 1)")
    parser.add_argument("--pooler", action="append", default=[], metavar="NAME=COMMAND",
                        help="pgbouncer=PATH, haproxy=PATH, or another rival")
    parser.add_argument("--template", action="append", default=[], metavar="NAME=PATH",
                        help="the configuration of another rival")
    parser.add_argument("--without", default="", metavar="NAME,…", help="not these rivals")
    parser.add_argument("--json", default=f"{paths.BUILD}/result.json", metavar="PATH")
    return parser.parse_args()


def pairs(parser_says, what):
    """NAME=VALUE, repeated."""
    found = {}
    for text in parser_says:
        name, equals, value = text.partition("=")
        if not name or not equals or not value:
            sys.exit(f"{what} {text}: it has to be NAME=…")
        found[name] = value
    return found


def chosen(only):
    """The workloads of these budgets."""
    numbers = {word.strip().upper() for word in only.split(",") if word.strip()}
    known = {budget.number for budget in budgets.BUDGETS}
    if unknown := sorted(numbers - known):
        sys.exit(f"--only {','.join(unknown)}: there are {', '.join(sorted(known))}")
    names = {budget.workload for budget in budgets.BUDGETS
             if not numbers or budget.number in numbers}
    return [workload for workload in workloads.WORKLOADS if workload.name in names], numbers


def main():
    """Runs what is asked for."""
    asked = arguments()
    wanted, numbers = chosen(asked.only)
    without = asked.without.split(",")
    effort = workloads.QUICK if asked.quick else workloads.FULL
    if asked.seconds:
        effort = workloads.dataclasses.replace(effort, seconds=asked.seconds)
    if not resident.descriptors_at_least(DESCRIPTORS):
        print(f"skipped: the limit of open files cannot be raised to {DESCRIPTORS}")
        return SKIPPED
    try:
        found, missing = rivals.gather(pairs(asked.pooler, "--pooler"),
                                       pairs(asked.template, "--template"),
                                       without)
    except HarnessError as error:
        print(f"skipped: {error}")
        return SKIPPED
    machine, began = Machine(), time.monotonic()
    with Workspace() as space:
        stand = Stand(space)
        run = Run(stand, found, effort, asked.quick, asked.rounds)
        for workload in wanted:
            run.take(workload)
        postgres = stand.postgres.execute("show server_version")[0][0]
    lines = [line for line in table.lines(run.samples, without)
             if not numbers or line["number"] in numbers]
    result = {
        "when": datetime.datetime.now().isoformat(" ", "minutes"),
        "seconds": time.monotonic() - began,
        "mode": "quick" if asked.quick else "full",
        "postgres": postgres.split()[0],
        "versions": {rival.name: rival.version for rival in found},
        "machine": machine.described(), "missing": missing, "faults": run.faults,
        "lines": lines, "samples": run.samples}
    os.makedirs(os.path.dirname(os.path.abspath(asked.json)), exist_ok=True)
    with open(asked.json, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    print(table.text(result))
    print(f"all samples: {asked.json}")
    return 1 if any(line["verdict"] in ("falls", "no figure") for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())

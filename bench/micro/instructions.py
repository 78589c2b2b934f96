#!/usr/bin/python3 -B
"""Instructions of each micro benchmark, by callgrind, against those that were recorded.

    bench/micro/instructions.py [PROGRAM] [--record] [--functions N] [--only CASE]

PROGRAM is a pglynx_micro, by default that of build/release (or the environment's PGLYNX_MICRO).
Exits with 1 if a case takes over 3 % more or less than instructions.json has for this compiler,
or is not in it; --record writes what was counted there. With 77 where it cannot be said: valgrind,
the program or the compiler's record is missing. --functions prints the N dearest functions of each.

Counted is the work of one run, made 1,000 times behind a warm-up, between two of callgrind's
client requests. Two things that depend on the machine are kept out: the C library is told to use
its plain functions, and what OpenSSL does by itself is not counted.
"""

import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ.get("PGLYNX_MICRO", f"{HERE}/../../build/release/bin/pglynx_micro")
RECORD = f"{HERE}/instructions.json"
ALLOWED = 0.03
# So small are some cases that one instruction more is over 3 %.
ALLOWED_INSTRUCTIONS = 2
SKIPPED = 77
NOT_COUNTED = "libcrypto"
PLAIN_LIBC = "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX_Fast_Unaligned_Load,-BMI2,-ERMS,-FSRM,-RTM,-SSSE3,-SSE4_1,-SSE4_2"


def skip(reason):
    """Ends as ctest's SKIP_RETURN_CODE has it."""
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def read_dump(path):
    """The case that a dump is of, and its own costs by function ("Callgrind Format Specification" in
    valgrind's manual; names are not compressed)."""
    case, current, inclusive = None, {"ob": "", "fn": ""}, False
    costs = collections.Counter()
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if (trigger := re.match(r"desc: Trigger: Client Request: (\S+)", line)):
                case = trigger.group(1)
            elif (named := re.match(r"(ob|fn)=(.*)", line)):
                current[named.group(1)] = named.group(2).strip()
            elif line.startswith("calls="):
                inclusive = True  # the next line has the cost of the call, counted elsewhere
            elif (cost := re.match(r"[+\-*\d]\S* (\d+)$", line)):
                if not inclusive and NOT_COUNTED not in current["ob"]:
                    costs[current["fn"]] += int(cost.group(1))
                inclusive = False
    return case, costs


def count(program):
    """The compiler's name, and for each case the instructions of one run by function."""
    environment = dict(os.environ, GLIBC_TUNABLES=PLAIN_LIBC)
    with tempfile.TemporaryDirectory(prefix="pglynx-instructions-") as directory:
        command = ["valgrind", "--quiet", "--tool=callgrind", "--compress-strings=no",
                   f"--callgrind-out-file={directory}/dump", program, "--count"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True,
                               check=False)
        if ended.returncode == SKIPPED:
            skip(ended.stderr.strip())
        if ended.returncode != 0:
            sys.exit(f"{program} --count: status {ended.returncode}\n{ended.stderr}")
        said = dict(line.split(" ", 1) for line in ended.stdout.splitlines())
        found = {}
        for name in sorted(os.listdir(directory), key=lambda name: (len(name), name)):
            case, costs = read_dump(f"{directory}/{name}")
            if case is not None:
                found[case] = {function: cost / int(said["runs"])
                               for function, cost in costs.items()}
    return said["compiler"], found


def load():
    """What was recorded, by compiler."""
    if not os.path.exists(RECORD):
        return {}
    with open(RECORD, encoding="utf-8") as file:
        return json.load(file)


def compare(case, now, recorded):
    """Prints a line; whether it is as it should be."""
    if recorded is None:
        print(f"{case:34} {now:10.1f}  not recorded")
        return False
    change = now - recorded
    holds = abs(change) <= max(ALLOWED * recorded, ALLOWED_INSTRUCTIONS)
    share = change / recorded if recorded else 0
    print(f"{case:34} {now:10.1f} {recorded:10.1f} {share:+7.1%}  {'' if holds else 'CHANGED'}")
    return holds


def main():
    """Counts, and compares or records."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program", nargs="?", default=PROGRAM, metavar="PROGRAM")
    parser.add_argument("--record", action="store_true", help="write what is counted")
    parser.add_argument("--functions", type=int, default=0, metavar="N",
                        help="the N dearest functions of each case")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases with this in their name")
    asked = parser.parse_args()
    if shutil.which("valgrind") is None:
        skip("valgrind is not installed")
    if not os.access("/proc/self/maps", os.R_OK):
        skip("valgrind needs /proc")
    if not os.access(asked.program, os.X_OK):
        skip(f"there is no {os.path.relpath(asked.program)}: it is built by the preset release "
             "where Google Benchmark (libbenchmark-dev) is installed")
    compiler, found = count(asked.program)
    totals = {case: round(sum(costs.values()), 1) for case, costs in found.items()}
    records = load()
    if asked.record:
        kept = {case: recorded for case, recorded in records.get(compiler, {}).items()
                if case in totals and asked.only not in case}
        counted = {case: total for case, total in totals.items() if asked.only in case}
        records[compiler] = {**kept, **counted}
        with open(RECORD, "w", encoding="utf-8") as file:
            json.dump(records, file, indent=2, sort_keys=True)
            file.write("\n")
    recorded = records.get(compiler)
    if recorded is None and not asked.functions:
        skip(f"nothing is recorded for {compiler}, only for {', '.join(sorted(records))}")
    all_hold = True
    print(f"{compiler:34} {'now':>10} {'recorded':>10}")
    for case, costs in found.items():
        if asked.only not in case:
            continue
        all_hold &= compare(case, totals[case], (recorded or {}).get(case))
        for name, cost in collections.Counter(costs).most_common(asked.functions):
            print(f"    {cost:10.1f}  {name[:100]}")
    for case in sorted(set(recorded or {}) - set(found)):
        print(f"{case:34} is recorded and was not counted: --record")
        all_hold = False
    if not all_hold:
        print("a change that is meant is recorded by bench/micro/instructions.py --record")
    return 0 if all_hold else 1


if __name__ == "__main__":
    sys.exit(main())

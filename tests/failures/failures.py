"""Each dead-server case on a real PostgreSQL: what clients see, after how long, and how the
service comes back. docs/failures.md explains the table that this prints.

    tests/failures.sh [CASE…] [--table]

`--table` rewrites the table in docs/failures.md. Exit status: 1, a case misbehaved; 77, nothing
could be run.
"""

import argparse
import datetime
import os
import re
import subprocess
import sys
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/tests/support/py")
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import connect_cases  # noqa: E402
import name_cases  # noqa: E402
import network  # noqa: E402
import network_cases  # noqa: E402
import promotion_cases  # noqa: E402
import running_cases  # noqa: E402
from harness import postgres_bin  # noqa: E402
from stage import Row, Stage  # noqa: E402

PAGE = f"{ROOT}/docs/failures.md"
# Name, function, whether it needs networks of its own.
CASES = [
    ("down", connect_cases.down_at_start, False),
    ("refused", connect_cases.refused, False),
    ("blackhole", network_cases.black_hole, True),
    ("unresolvable", name_cases.unresolvable, True),
    ("starting", connect_cases.starting_up, False),
    ("full", connect_cases.full, False),
    ("restart", running_cases.restarts, False),
    ("killed", running_cases.killed, False),
    ("promoted", promotion_cases.promoted, False),
    ("frozen", running_cases.frozen, False),
    ("cut", network_cases.cut, True),
    ("idle", running_cases.idle_closed, False),
]
COLUMNS = [("Server", "case"), ("Client that logs in", "login"),
           ("Logged-in client's next query", "idle"), ("Running query", "running"),
           ("In a transaction", "transaction"), ("In the queue", "waiting"),
           ("Back after", "recovery"), ("Connects", "attempts")]


def run_case(name, function, counts):
    """Its rows; an exception becomes a fault."""
    begin = time.monotonic()
    try:
        with Stage(counts) as stage:
            rows = function(stage)
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        broken = Row(name)
        broken.expect(False, "the case could not be run: see the trace above")
        rows = [broken]
    for row in rows:
        print(f"{name}: {row.case} ({time.monotonic() - begin:.0f} s)")
        for title, field in COLUMNS[1:]:
            if getattr(row, field) != "–":
                print(f"  {title}: {getattr(row, field)}")
        for who, verdict, message in row.messages:
            print(f"    {who}: {verdict}: {message}")
        for fault in row.faults:
            print(f"  FAULT {fault}")
    sys.stdout.flush()
    return rows


def table(rows):
    """The generated part of the page."""
    version = subprocess.run([f"{postgres_bin()}/postgres", "--version"], check=True,
                             capture_output=True, text=True).stdout.split()[2]
    lines = [f"Measured on {datetime.date.today().isoformat()} with PostgreSQL {version}.", "",
             "| " + " | ".join(title for title, _ in COLUMNS) + " |",
             "|---" * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(getattr(row, field) for _, field in COLUMNS) + " |"
              for row in rows]
    lines += ["", "The messages (ports replaced):", ""]
    seen = set()
    for row in rows:
        for _, verdict, message in row.messages:
            text = normal(message)
            if (verdict, text) not in seen:
                seen.add((verdict, text))
                lines.append(f"- {row.case}: `{verdict}`: {text}")
    return "\n".join(lines)


def normal(message):
    """Without what differs from run to run."""
    message = re.sub(r"((?:\d+\.){3}\d+|db\.pglynx\.test):\d+", r"\1:5432", message)
    return message


def rewrite_page(text):
    """Between the markers of docs/failures.md."""
    with open(PAGE, encoding="utf-8") as page:
        before = page.read()
    begin, end = "<!-- measured: tests/failures.sh --table -->\n", "<!-- end -->\n"
    head, rest = before.split(begin)
    tail = rest.split(end)[1]
    with open(PAGE, "w", encoding="utf-8") as page:
        page.write(f"{head}{begin}{text}\n{end}{tail}")


def main():
    """The command."""
    parser = argparse.ArgumentParser(prog="failures.sh", description="Dead-server cases.")
    parser.add_argument("cases", nargs="*", metavar="CASE",
                        help="one of: " + ", ".join(name for name, _, _ in CASES))
    parser.add_argument("--table", action="store_true",
                        help="rewrite the table in docs/failures.md")
    arguments = parser.parse_args()
    unknown = set(arguments.cases) - {name for name, _, _ in CASES}
    if unknown:
        parser.error("no such case: " + ", ".join(sorted(unknown)))
    if arguments.table and arguments.cases:
        parser.error("--table is for all cases together")
    missing = network.why_no_network()
    if missing is None and not network.enter_own_network():
        missing = "needs a kernel with network namespaces and nftables"
    rows = []
    for name, function, needs_network in CASES:
        if arguments.cases and name not in arguments.cases:
            continue
        if needs_network and missing is not None:
            print(f"{name}: skipped: {missing}")
            continue
        rows += run_case(name, function, counts=missing is None)
    faults = sum(len(row.faults) for row in rows)
    if arguments.table and missing is None:
        rewrite_page(table(rows))
    print(f"{len(rows)} rows, {faults} faults")
    if not rows:
        return 77
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

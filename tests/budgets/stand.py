"""What the programs of this directory share: a PostgreSQL, a pglynx with one pool, and how a
program begins and ends. Import it before harness."""

import argparse
import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../support/py")
sys.dont_write_bytecode = True

SKIPPED = 77
if importlib.util.find_spec("psycopg2") is None:
    print("skipped: no python3-psycopg2 for this Python")
    sys.exit(SKIPPED)

# pylint: disable=wrong-import-position
import budgets  # noqa: E402
from harness import PASSWORD, Workspace  # noqa: E402

POOL_SIZE = 20
CLIENTS_MAX = 4000


def configuration(pooler, postgres, method):
    """One pool in transaction mode."""
    return f"""
[general]
host = "127.0.0.1"
port = {pooler.port}
max_client_conn = {CLIENTS_MAX}
[admin]
password = "{PASSWORD}"
port = {pooler.admin_port}
[auth]
method = "{method}"
[pools.app]
database = "app"
servers = [{{ host = "127.0.0.1", port = {postgres.port} }}]
[[pools.app.users]]
username = "app"
password = "{PASSWORD}"
pool_size = {POOL_SIZE}
"""


def is_sanitized(pid):
    """Sanitizers keep what was freed, and more beside it."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        return "libasan" in maps.read()


def judged(number, workload, measures):
    """Prints a line for each budget; those that are not met."""
    faults = []
    for budget in budgets.of(number):
        if budget.workload != workload:
            continue
        value = measures[budget.measure]
        line = (f"{budget.number} {budget.what}: {value:.3f} "
                f"(must {budget.must}, aim {budget.aim})")
        print(line, flush=True)
        if budget.must is not None and not budget.meets(value, budget.must):
            faults.append(line)
    return faults


def main(document, run, method="trust"):
    """run(space, postgres, pooler) gives what is wrong, as lines, or the reason to skip."""
    argparse.ArgumentParser(description=document.split("\n", maxsplit=1)[0]).parse_args()
    with Workspace() as space:
        postgres = space.postgres()
        postgres.execute(f"create role app login password '{PASSWORD}'")
        postgres.execute("create database app owner app")
        pooler = space.pooler(lambda own: configuration(own, postgres, method))
        faults = run(space, postgres, pooler)
    if isinstance(faults, str):
        print(f"skipped: {faults}")
        return SKIPPED
    print("\n".join(f"fault: {fault}" for fault in faults) or "good")
    return 1 if faults else 0

#!/usr/bin/python3 -B
"""The budget G9: resident memory of pglynx at its start, and of idle clients that have had a query.

    tests/budgets/idle_memory.py

The clients log in by SCRAM-SHA-256 and stay. (tests/e2e/memory_test.cc: that their memory comes
back.) PGLYNX_BINARY names another pglynx than the release build. Exit status: 0 all that must be is
met, 1 not, 77 something needed is missing.
"""

import sys

import stand
import resident

CLIENTS = 2000
DESCRIPTORS = CLIENTS + 200


def run(_space, _postgres, pooler):
    """A line for each budget; what is more than it may be."""
    if stand.is_sanitized(pooler.pid):
        return "pglynx is a sanitized build"
    if not resident.descriptors_at_least(DESCRIPTORS):
        return f"the limit of open files cannot be raised to {DESCRIPTORS}"
    start = resident.resident_bytes(pooler.pid)
    found = resident.idle_clients(pooler.pid, lambda: pooler.connect("app"), CLIENTS)
    return stand.judged("G9", "idle", {
        "start_mb": start / 1e6, "client_bytes": found["client"],
        "used_client_bytes": found["used_client"]})


if __name__ == "__main__":
    sys.exit(stand.main(__doc__, run, "scram-sha-256"))

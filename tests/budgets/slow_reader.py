#!/usr/bin/python3 -B
"""The budget G18: how much pglynx grows behind a client that reads a large result slowly.

    tests/budgets/slow_reader.py

PGLYNX_BINARY names another pglynx than the release build. Exit status: 0 all that must be is met, 1
not, 77 something needed is missing.
"""

import sys

import stand
import resident

MEGABYTES = 1000


def run(_space, _postgres, pooler):
    """A line for the budget, and whether it is met."""
    if stand.is_sanitized(pooler.pid):
        return "pglynx is a sanitized build"
    grown = resident.slow_reader(pooler.pid, pooler.port, MEGABYTES)
    return stand.judged("G18", "slow_reader", {"grown_mb": grown / 1e6})


if __name__ == "__main__":
    sys.exit(stand.main(__doc__, run))

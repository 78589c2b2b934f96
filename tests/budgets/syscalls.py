#!/usr/bin/python3 -B
"""The budgets G1, G2 and G3: system calls of pglynx per transaction, counted by strace.

    tests/budgets/syscalls.py

PGLYNX_BINARY names another pglynx than the release build. Exit status: 0 all that must be is met, 1
not, 77 something needed is missing.
"""

import sys

import stand
import system_calls
from pgbench_load import Generator, Load

FEW, MANY = 2000, 12000
# Number, workload of budgets.py, clients, protocol.
CASES = (("G1", "calls_simple_1", 1, "simple"), ("G1", "calls_simple_10", 10, "simple"),
         ("G2", "calls_prepared_10", 10, "prepared"), ("G3", "calls_crowd", 100, "simple"))


def run(space, postgres, pooler):
    """A line for each budget; what is more than it may be."""
    if (reason := system_calls.obstacle()) is not None:
        return reason
    generator = Generator(postgres, space.directory)
    faults = []
    for number, workload, clients, mode in CASES:
        def transact(count, clients=clients, mode=mode):
            generator.run(Load(clients, count=count // clients, mode=mode), pooler.port)
        transact(FEW)
        try:
            counts = system_calls.per_transaction(pooler.pid, transact, FEW, MANY,
                                                  f"{space.directory}/strace")
        except system_calls.NoStrace as error:
            return str(error)
        print(f"{workload}: {counts.shown()}", flush=True)
        faults += stand.judged(number, workload, system_calls.measures(counts))
    return faults


if __name__ == "__main__":
    sys.exit(stand.main(__doc__, run))

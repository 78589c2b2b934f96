#!/usr/bin/python3 -B
"""What sharding and replicas cost pglynx per transaction: system calls, instructions, CPU time.

    bench/macro/shard_cost.py [--only syscalls|instructions|cpu] [--mode MODE] [--functions N]

One client of pgbench, each transaction one SELECT, through pools of one server (`plain`), of a
primary and two streaming replicas (`replicas`), and of three shards with a `SET SHARDING KEY` in
front of each (`sharded`); and that command alone (`command`). By design (issue "Shards and
replicas", 6) `replicas` costs what `plain` does, and `sharded` no more than `plain` and `command`
together, which is one read and one write more. Exit status: 0 so it is in system calls, 1 not, 77
something needed is missing.

System calls are counted by strace, instructions by callgrind (pglynx's own code, see
own_instructions.py), each as the difference of a long and a short run, so that start and login do
not count; CPU time is that of the process, of a run under neither.
"""

import argparse
import os
import signal
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../../tests/support/py")
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import system_calls  # noqa: E402  pylint: disable=wrong-import-position

SKIPPED = 77
FEW, MANY = 200, 1200
CPU_TRANSACTIONS = 20000
CPU_ROUNDS = 5
CASES = ("plain", "replicas", "sharded", "command")
SELECT = "SELECT abalance FROM pgbench_accounts WHERE aid = :key;\n"
COMMAND = "SET SHARDING KEY TO :key;\n"
SCRIPTS = {"plain": SELECT, "replicas": SELECT, "sharded": COMMAND + SELECT, "command": COMMAND}
# Timers that happen to be due.
SLACK = 0.02


class Stand:
    """A primary, two replicas, and a database for each shard."""

    def __init__(self, space, harness):
        self.space = space
        self.harness = harness
        self.primary = space.postgres(settings=["wal_level=replica", "max_wal_senders=10"])
        self.primary.execute(f"create role app login password '{harness.PASSWORD}'")
        self.environment = dict(os.environ, PGPASSWORD=harness.PASSWORD, PGHOST="127.0.0.1",
                                PGUSER="app", PGDATABASE="app")
        self.pgbench = f"{self.primary.bin}/pgbench"
        for database in ("app", "shard_0", "shard_1", "shard_2"):
            self.primary.execute(f"create database {database} owner app")
            self.run(["-i", "-q"], self.primary.port, database)
        self.replicas = [space.keep(harness.Standby(self.primary, f"{space.directory}/standby{i}"))
                         for i in range(2)]
        self.scripts = {}
        for case, text in SCRIPTS.items():
            self.scripts[case] = f"{space.directory}/{case}.sql"
            with open(self.scripts[case], "w", encoding="ascii") as file:
                file.write("\\set key random(1, 100000)\n" + text)

    def run(self, arguments, port, database="app"):
        """pgbench; all its transactions must succeed."""
        done = subprocess.run([self.pgbench, "-n", "-p", str(port)] + arguments + [database],
                              env=self.environment, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise self.harness.HarnessError(done.stderr)

    def transact(self, case, mode, count, port):
        """So many transactions of one client."""
        self.run(["-c", "1", "-M", mode, "-t", str(count), "-f", self.scripts[case]], port)

    def configuration(self, case, pooler):
        """The pool of this case."""
        def servers(entries):
            return "servers = [" + ", ".join(
                f'{{ host = "127.0.0.1", port = {server.port}, role = "{role}" }}'
                for server, role in entries) + "]\n"
        primary = [(self.primary, "primary")]
        if case == "plain":
            pool = 'database = "app"\n' + servers(primary)
        elif case == "replicas":
            pool = 'database = "app"\n' + servers(
                primary + [(replica, "replica") for replica in self.replicas])
        else:
            pool = "".join(f'[[pools.app.shards]]\ndatabase = "shard_{number}"\n{servers(primary)}'
                           for number in range(3))
        return f"""
[general]
host = "127.0.0.1"
port = {pooler.port}
[admin]
password = "{self.harness.PASSWORD}"
port = {pooler.admin_port}
[pools.app]
pool_mode = "transaction"
{pool}
[[pools.app.users]]
username = "app"
password = "{self.harness.PASSWORD}"
pool_size = 1
"""

    def pooler(self, case):
        """Runs until it is ended."""
        return self.space.pooler(lambda own: self.configuration(case, own))


def end(pooler):
    """As systemd does."""
    pooler.program.signal(signal.SIGTERM)
    pooler.program.wait()


def syscalls(stand, mode):
    """A line for each case; what is more than it may be."""
    found = {}
    for case in CASES:
        pooler = stand.pooler(case)
        stand.transact(case, mode, FEW, pooler.port)
        counts = system_calls.per_transaction(
            pooler.pid, lambda count, case=case, port=pooler.port: stand.transact(
                case, mode, count, port), FEW, MANY, f"{stand.space.directory}/strace")
        end(pooler)
        found[case] = {name: value for name, value in counts.calls.items() if abs(value) > SLACK}
        work = sum(value for name, value in found[case].items() if name not in system_calls.WAITS)
        print(f"{mode:9} {case:9} {work:6.2f} system calls and the waits: {counts.shown(SLACK)}",
              flush=True)
    faults = []
    for waits in (False, True):
        total = {case: sum(value for name, value in calls.items()
                           if (name in system_calls.WAITS) == waits)
                 for case, calls in found.items()}
        what = "waits" if waits else "system calls"
        if total["replicas"] > total["plain"] + SLACK:
            faults.append(f"{mode}: replicas add {what}")
        if total["sharded"] > total["plain"] + total["command"] + SLACK:
            faults.append(f"{mode}: a command adds more {what} than its own round trip")
        if not waits and total["command"] > 2 + SLACK:
            faults.append(f"{mode}: a command takes {total['command']:.2f} system calls")
    return faults


def instructions(stand, mode, binary, functions):
    """A line for each case, and the functions that add most to what `plain` costs."""
    import own_instructions  # pylint: disable=import-outside-toplevel
    plain = None
    for case in CASES:
        costs = []
        for count in (FEW, MANY):
            output = f"{stand.space.directory}/callgrind.{case}.{mode}.{count}"
            with own_instructions.under_callgrind(binary, output, stand.space.directory):
                pooler = stand.pooler(case)
            stand.transact(case, mode, count, pooler.port)
            end(pooler)
            costs.append(own_instructions.costs(output, binary))
        cost = {name: (many - costs[0].get(name, 0)) / (MANY - FEW)
                for name, many in costs[1].items()}
        plain = plain or cost
        print(f"{mode:9} {case:9} {sum(cost.values()):8.0f} instructions", flush=True)
        for name in sorted(cost, key=lambda name: plain.get(name, 0) - cost[name])[:functions]:
            print(f"    {cost[name] - plain.get(name, 0):+8.1f}  {name[:100]}")


def cpu_seconds(pid):
    """User and system time so far (proc(5), stat)."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu(stand, mode):
    """A line for each case: the median of interleaved rounds."""
    poolers = {case: stand.pooler(case) for case in CASES}
    spent = {case: [] for case in CASES}
    for _ in range(CPU_ROUNDS):
        for case, pooler in poolers.items():
            before = cpu_seconds(pooler.pid)
            stand.transact(case, mode, CPU_TRANSACTIONS, pooler.port)
            spent[case].append((cpu_seconds(pooler.pid) - before) * 1e6 / CPU_TRANSACTIONS)
    for case, values in spent.items():
        values.sort()
        print(f"{mode:9} {case:9} {values[CPU_ROUNDS // 2]:6.1f} us CPU "
              f"({values[0]:.1f} to {values[-1]:.1f})", flush=True)
        end(poolers[case])


def main():
    """Runs what is asked for and says what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", choices=("syscalls", "instructions", "cpu"))
    parser.add_argument("--mode", choices=("simple", "extended", "prepared"))
    parser.add_argument("--functions", type=int, default=0, metavar="N",
                        help="the N functions that add most instructions")
    asked = parser.parse_args()
    try:
        import harness  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        print(f"skipped: {error}")
        return SKIPPED
    needed = {"syscalls": "strace", "instructions": "valgrind"}
    kinds = [asked.only] if asked.only else ["syscalls", "instructions", "cpu"]
    for kind in kinds:
        if kind in needed and shutil.which(needed[kind]) is None:
            print(f"skipped: {needed[kind]} is not installed")
            return SKIPPED
    faults = []
    with harness.Workspace() as space:
        stand = Stand(space, harness)
        for mode in [asked.mode] if asked.mode else ["simple", "prepared"]:
            if "syscalls" in kinds:
                faults += syscalls(stand, mode)
            if "instructions" in kinds:
                instructions(stand, mode, os.path.realpath(harness.pooler_binary()),
                             asked.functions)
            if "cpu" in kinds:
                cpu(stand, mode)
    print("\n".join(f"fault: {fault}" for fault in faults) or "good")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3 -B
"""Reads over a primary and three streaming replicas, one of which is killed and one frozen.

    tests/shards/replicas.py [--seconds N]

pgbench -S runs through pglynx with default_role = "replica" for some N seconds. A replica is ended
by SIGKILL, later another is stopped by SIGSTOP, then both are brought back. Judged: that no
transaction fails but those that were under way on the killed replica, that none is slow but those
that were under way on the frozen one, how evenly the replicas were used before, while one was gone
and after, and that each has transactions again within its ban and one probe. Exit status: 0 good, 1
not, 77 something needed is missing.
"""

import argparse
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../support/py")
sys.dont_write_bytecode = True

SKIPPED = 77
CLIENTS = 20
REPLICAS = 3
# Enough for all clients on three replicas, and for those that are left on two.
POOL_SIZE = 10
CONNECT_TIMEOUT = 2
HEALTHCHECK_TIMEOUT = 1
BAN_TIME = 2
BAN_TIME_MAX = 4
# What the recovery of a killed standby may take on a slow machine.
MEND_SECONDS = 20


def configuration(pooler, servers, password):
    """Reads go to the replicas alone."""
    entries = ", ".join(f'{{ host = "127.0.0.1", port = {server.port}, role = "{role}" }}'
                        for server, role in servers)
    return f"""
[general]
host = "127.0.0.1"
port = {pooler.port}
connect_timeout = "{CONNECT_TIMEOUT}s"
query_wait_timeout = "30s"
healthcheck_delay = "500ms"
healthcheck_timeout = "{HEALTHCHECK_TIMEOUT}s"
ban_time = {BAN_TIME}
ban_time_max = {BAN_TIME_MAX}
[admin]
password = "{password}"
port = {pooler.admin_port}
[pools.app]
database = "app"
default_role = "replica"
primary_reads_enabled = false
servers = [{entries}]
[[pools.app.users]]
username = "app"
password = "{password}"
pool_size = {POOL_SIZE}
"""


def given(pooler):
    """How many transactions pglynx has given to each replica so far."""
    rows = {row["database"]: int(row["server_assignment_count"])
            for row in pooler.console("SHOW STATS_TOTALS")}
    return [rows[f"app_shard_0_replica_{number}"] for number in range(REPLICAS)]


def parent(process):
    """Of a process; 0 if that has ended."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return int(file.read().rsplit(")", 1)[1].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def processes(standby):
    """Its own process and all that it has started."""
    own = standby.server.pid
    return [own] + [int(name) for name in os.listdir("/proc")
                    if name.isdigit() and parent(name) == own]


def signal_all(standby, number):
    """To the postmaster and its backends."""
    for process in processes(standby):
        try:
            os.kill(process, number)
        except ProcessLookupError:
            pass


def even(counts):
    """Whether they are within 5 % of their mean."""
    mean = sum(counts) / len(counts)
    return mean > 0 and all(abs(count - mean) <= 0.05 * mean for count in counts)


def run(space, harness, seconds):
    """The whole of it; what is wrong, as lines."""
    primary = space.postgres(settings=["wal_level=replica", "max_wal_senders=10"])
    primary.execute(f"create role app login password '{harness.PASSWORD}'")
    primary.execute("create database app owner app")
    environment = dict(os.environ, PGPASSWORD=harness.PASSWORD, PGHOST="127.0.0.1", PGUSER="app",
                       PGDATABASE="app")
    pgbench = f"{primary.bin}/pgbench"
    subprocess.run([pgbench, "-i", "-q", "-p", str(primary.port)], env=environment, check=True,
                   capture_output=True)
    standbys = [space.keep(harness.Standby(primary, f"{space.directory}/standby{number}"))
                for number in range(REPLICAS)]
    servers = [(primary, "primary")] + [(standby, "replica") for standby in standbys]
    pooler = space.pooler(lambda own: configuration(own, servers, harness.PASSWORD))
    log = f"{space.directory}/pgbench_log"
    with subprocess.Popen(
            [pgbench, "-n", "-S", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds + MEND_SECONDS),
             "-p", str(pooler.port), "-l", f"--log-prefix={log}", "--max-tries=1"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as bench:
        return watch(bench, standbys, pooler, seconds, log)


def share(pooler, seconds):
    """How many transactions each has in this time."""
    before = given(pooler)
    time.sleep(seconds)
    return [now - then for then, now in zip(before, given(pooler))]


def returns(pooler, standbys, numbers):
    """Waits until these have transactions again; which took longer than their ban and one probe."""
    from harness import wait_until  # pylint: disable=import-outside-toplevel
    start = time.monotonic()
    first = given(pooler)
    ports = {standbys[number].port: number for number in numbers}
    allowed = dict.fromkeys(numbers, float(CONNECT_TIMEOUT + 1))
    for ban in pooler.console("SHOW BANS"):
        if int(ban["port"]) in ports:
            allowed[ports[int(ban["port"])]] += int(ban["ban_remaining_seconds"]) + 1
    taken = {}

    def all_back():
        now = given(pooler)
        for number in numbers:
            if number not in taken and now[number] > first[number]:
                taken[number] = time.monotonic() - start
        return len(taken) == len(numbers)
    wait_until(all_back, "the replicas to have transactions again", MEND_SECONDS)
    print(f"back after {taken} s, allowed {allowed} s")
    return [f"replica {number} came back after {taken[number]:.1f} s, allowed {allowed[number]:.0f}"
            for number in numbers if taken[number] > allowed[number]]


def watch(bench, standbys, pooler, seconds, log):
    """Breaks and mends the replicas while pgbench runs; what is wrong."""
    from harness import wait_until  # pylint: disable=import-outside-toplevel
    killed, frozen = standbys[:2]
    span = seconds / 6
    time.sleep(2)
    before = share(pooler, span)
    signal_all(killed, signal.SIGKILL)
    wait_until(lambda: pooler.console("SHOW BANS"), "the ban of the killed one", MEND_SECONDS)
    during = share(pooler, span)
    signal_all(frozen, signal.SIGSTOP)
    time.sleep(CONNECT_TIMEOUT + 2)
    alone = share(pooler, span)
    print(f"bans during it:\n{pooler.console('SHOW BANS')}")
    os.remove(f"{killed.directory}/data/postmaster.pid")
    killed.start()
    signal_all(frozen, signal.SIGCONT)
    faults = returns(pooler, standbys, [0, 1])
    time.sleep(1)
    after = share(pooler, span)
    output = bench.communicate(timeout=seconds + MEND_SECONDS + 60)[0]
    print(f"before {before}, one gone {during}, two gone {alone}, after {after}")
    print(output)
    for when, counts in (("before", before), ("while one was gone", during[1:]), ("after", after)):
        if not even(counts):
            faults.append(f"uneven {when}: {counts}")
    if during[0] != 0 or alone[0] != 0 or alone[1] != 0 or alone[2] == 0:
        faults.append(f"a replica that was gone had transactions, or the third none: {alone}")
    return faults + failures(output, killed) + slowness(log)


def failures(output, killed):
    """What was under way on the killed one fails and ends its client of pgbench; nothing else."""
    aborted = [line for line in output.splitlines() if "aborted" in line and "Run was" not in line]
    print(f"{len(aborted)} clients aborted")
    faults = [line for line in aborted
              if f":{killed.port} " not in line and "unexpected postmaster exit" not in line]
    if len(aborted) > POOL_SIZE:
        faults.append(f"{len(aborted)} clients aborted: more than can have been under way")
    return faults


def slowness(log):
    """What was under way on the frozen one waits, nothing else."""
    limit = (max(HEALTHCHECK_TIMEOUT, CONNECT_TIMEOUT) + 1) * 10**6
    slow = [latency for latency in latencies(log) if latency > limit]
    print(f"{len(slow)} transactions took more than {limit / 10**6:.0f} s")
    if len(slow) > POOL_SIZE:
        return [f"{len(slow)} slow transactions: more than can have been under way"]
    return []


def latencies(log):
    """In microseconds, of all transactions that pgbench has logged."""
    found = []
    directory = os.path.dirname(log)
    for name in os.listdir(directory):
        if not name.startswith(os.path.basename(log)):
            continue
        with open(f"{directory}/{name}", encoding="ascii") as file:
            found += [int(line.split()[2]) for line in file if line.split()[2].isdigit()]
    return found


def main():
    """Runs it and says what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    try:
        import harness  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        print(f"skipped: {error}")
        return SKIPPED
    with harness.Workspace() as space:
        faults = run(space, harness, asked.seconds)
    print("\n".join(f"fault: {fault}" for fault in faults) or "good")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

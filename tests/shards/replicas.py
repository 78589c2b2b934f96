#!/usr/bin/python3 -B
"""Reads over a primary and three streaming replicas, one of which is killed and one frozen.

    tests/shards/replicas.py [--seconds N]

pgbench -S runs through pglynx with default_role = "replica" for some N seconds; after a sixth of it one
replica is ended by SIGKILL and another stopped by SIGSTOP, at the half both are brought back. Judged:
that no transaction fails but those that were under way on the killed replica, that no more are slow
than can have been under way on the frozen one (which may be all: then nobody is left to ask the
third), and how evenly the replicas were used before and after. Exit status: 0 good, 1 not, 77
something needed is missing.
"""

import argparse
import os
import signal
import sys
import time

import stand
from harness import PASSWORD, wait_until

CLIENTS = 20
REPLICAS = 3
CONNECT_TIMEOUT = 2
HEALTHCHECK_TIMEOUT = 1
BAN_TIME = 2
BAN_TIME_MAX = 4
# What the recovery of a killed standby may take on a slow machine.
MEND_SECONDS = 20


def configuration(pooler, primary, standbys):
    """Reads go to the replicas alone."""
    entries = ", ".join([stand.entry(primary, "primary")] +
                        [stand.entry(standby, "replica") for standby in standbys])
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
password = "{PASSWORD}"
port = {pooler.admin_port}
[pools.app]
database = "app"
default_role = "replica"
primary_reads_enabled = false
servers = [{entries}]
[[pools.app.users]]
username = "app"
password = "{PASSWORD}"
pool_size = 20
"""


def given(pooler):
    """How many transactions pglynx has given to each replica so far."""
    rows = {row["database"]: int(row["server_assignment_count"])
            for row in pooler.console("SHOW STATS_TOTALS")}
    return [rows[f"app_shard_0_replica_{number}"] for number in range(REPLICAS)]


def shares(before, after):
    """How many transactions each had meanwhile."""
    return [now - then for then, now in zip(before, after)]


def even(counts):
    """Whether they are within 5 % of their mean."""
    mean = sum(counts) / len(counts)
    return mean > 0 and all(abs(count - mean) <= 0.05 * mean for count in counts)


def run(space, asked):
    """The whole of it; what is wrong, as lines."""
    primary, standbys = stand.primary_with(space, REPLICAS, stand.pgbench_tables)
    pooler = space.pooler(lambda own: configuration(own, primary, standbys))
    log = f"{space.directory}/pgbench_log"
    with stand.start_pgbench(
            ["-n", "-S", "-c", str(CLIENTS), "-j", "2", "-T", str(asked.seconds + MEND_SECONDS),
             "-l", f"--log-prefix={log}", "--max-tries=1"], pooler.port) as bench:
        return watch(bench, standbys, pooler, asked.seconds, log)


def watch(bench, standbys, pooler, seconds, log):
    """Breaks and mends the replicas while pgbench runs; what is wrong."""
    faults = []
    killed, frozen = standbys[:2]
    time.sleep(2)
    first = given(pooler)
    time.sleep(seconds / 6)
    second = given(pooler)
    stand.signal_all(killed, signal.SIGKILL)
    stand.signal_all(frozen, signal.SIGSTOP)
    time.sleep(CONNECT_TIMEOUT + 2)
    alone = given(pooler)[2]
    time.sleep(seconds / 6)
    kept = given(pooler)[2] - alone
    print(f"bans during it:\n{pooler.console('SHOW BANS')}")
    os.remove(f"{killed.directory}/data/postmaster.pid")
    killed.start()
    stand.signal_all(frozen, signal.SIGCONT)
    wait_until(lambda: not pooler.console("SHOW BANS"), "the bans to end", MEND_SECONDS)
    time.sleep(1)
    third = given(pooler)
    time.sleep(seconds / 6)
    fourth = given(pooler)
    output = bench.communicate(timeout=seconds + MEND_SECONDS + 60)[0]
    before, after = shares(first, second), shares(third, fourth)
    print(f"before {before}, the one that was left {kept}, after {after}")
    print(output)
    if not even(before):
        faults.append(f"uneven before: {before}")
    if not even(after):
        faults.append(f"uneven after: {after}")
    # What was under way on the killed one fails and ends its client of pgbench; nothing else does.
    for line in output.splitlines():
        on_killed = f":{killed.port} " in line or "unexpected postmaster exit" in line
        if "aborted" in line and "Run was" not in line and not on_killed:
            faults.append(line)
    limit = (max(HEALTHCHECK_TIMEOUT, CONNECT_TIMEOUT) + 1) * 10**6
    slow = [latency for latency in latencies(log) if latency > limit]
    print(f"{len(slow)} transactions took more than {limit / 10**6:.0f} s")
    if len(slow) > CLIENTS:
        faults.append(f"{len(slow)} slow transactions: more than can have been under way")
    return faults


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


if __name__ == "__main__":
    OPTIONS = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    OPTIONS.add_argument("--seconds", type=int, default=60)
    sys.exit(stand.main(OPTIONS, run))

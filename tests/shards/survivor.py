#!/usr/bin/python3 -B
"""Two of three replicas are killed at saturation: the third serves at its full rate.

    tests/shards/survivor.py [--seconds N] [--statement-ms N]

pgbench reads with ten clients for each connection that a replica may have, first through a pool of
the third replica alone, then through one of all three, two of which are ended by SIGKILL after a
while. The third has to go on at the rate that it had alone (SHARE_MIN of it; medians of windows of
a second, N of them), without a ban, and with no more connections than its pool_size. A statement
sleeps for a time, so that connections run short and not processors; with --statement-ms 0
processors do, and a machine that others use spoils the comparison. In the end statements take so
long that not everybody can wait: those who cannot are told so in time. Exit status: 0 good, 1 not,
77 something needed is missing.
"""

import argparse
import collections
import contextlib
import os
import re
import signal
import statistics
import sys
import threading
import time

import stand
import psycopg2
from harness import HarnessError, PASSWORD, wait_until

REPLICAS = 3
POOL_SIZE = 10
CLIENTS = 100
SHARE_MIN = 0.85
# What a new load needs until it runs evenly, and a kill until it is seen.
SETTLE_SECONDS = 3
POLL_SECONDS = 0.2

# Statements of which POOL_SIZE connections end fewer within the timeout than there are clients.
QUERY_WAIT_SECONDS = 1
LONG_SECONDS = 0.2
EXCESS_SECONDS = 5
SLACK_SECONDS = 1


def configuration(pooler, servers):
    """Reads go to these replicas."""
    entries = ", ".join(stand.entry(server, role) for server, role in servers)
    return f"""
[general]
host = "127.0.0.1"
port = {pooler.port}
query_wait_timeout = "{QUERY_WAIT_SECONDS}s"
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
pool_size = {POOL_SIZE}
"""


class Load:
    """A pgbench that runs until it is left, and the rates of its seconds."""

    def __init__(self, pooler, script):
        # How long does not matter: it is ended.
        self._bench = stand.start_pgbench(
            ["-n", "-f", script, "-c", str(CLIENTS), "-j", "2", "-T", "3600", "-P", "1"],
            pooler.port)
        self.lines = []
        self._rates = []  # (when the second was over, transactions)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bench.kill()
        self._bench.wait()
        self._reader.join()
        self._bench.stdout.close()

    def _read(self):
        for line in self._bench.stdout:
            found = re.match(r"progress: .* s, ([0-9.]+) tps", line)
            if found:
                self._rates.append((time.monotonic(), float(found[1])))
            else:
                self.lines.append(line.strip())

    def rate(self, seconds, meanwhile=lambda: None):
        """The median of so many seconds from now on."""
        begin = time.monotonic()

        def enough():
            meanwhile()
            if self._bench.poll() is not None:
                raise HarnessError("pgbench ended:\n" + "\n".join(self.lines))
            return len(self._since(begin)) >= seconds

        wait_until(enough, "pgbench's report", seconds + 30)
        return statistics.median(self._since(begin)[:seconds])

    def _since(self, begin):
        return [rate for when, rate in self._rates if when >= begin + 1]


class Connections:
    """Those of the pools at one server; the most that were seen."""

    def __init__(self, server):
        self.most = 0
        self._connection = server.connect()
        self._cursor = self._connection.cursor()
        self._next = 0

    def look(self):
        """Counts them, unless it has just done so."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + POLL_SECONDS
        self._cursor.execute("select count(*) from pg_stat_activity where usename = 'app'")
        self.most = max(self.most, self._cursor.fetchone()[0])

    def close(self):
        """Ends the watch."""
        self._connection.close()


def write_script(space, statement_ms):
    """What pgbench runs."""
    path = f"{space.directory}/read.sql"
    pause = f", pg_sleep({statement_ms / 1000})" if statement_ms else ""
    with open(path, "w", encoding="ascii") as file:
        file.write(f"\\set aid random(1, 100000)\n"
                   f"SELECT abalance{pause} FROM pgbench_accounts WHERE aid = :aid;\n")
    os.chmod(path, 0o644)
    return path


def rate_alone(space, third, script, seconds):
    """Of a pool that has only this replica."""
    pooler = space.pooler(lambda own: configuration(own, [(third, "replica")]))
    with Load(pooler, script) as load:
        load.rate(SETTLE_SECONDS)
        rate = load.rate(seconds)
    pooler.close()
    wait_until(lambda: third.execute(
        "select count(*) from pg_stat_activity where usename = 'app'") == [(0,)],
        "the connections to end")
    return rate


def kill_two(pooler, standbys, script, seconds, watch):
    """(rate before, rate after, pgbench's other lines)."""
    with Load(pooler, script) as load:
        load.rate(SETTLE_SECONDS, watch)
        before = load.rate(seconds, watch)
        for killed in standbys[:2]:
            stand.signal_all(killed, signal.SIGKILL)
        load.rate(SETTLE_SECONDS, watch)
        return before, load.rate(seconds, watch), load.lines


def wrong_ends(lines, killed):
    """Clients of pgbench that ended otherwise than by a killed replica."""
    causes = [f":{server.port} " for server in killed]
    # The last word of a backend ends its client, who says so in another line.
    last_words = sum("unexpected postmaster exit" in line for line in lines)
    wrong = [line for line in lines
             if "abort" in line and not any(cause in line for cause in causes)]
    return wrong if len(wrong) > last_words else []


def overrun(pooler, watch):
    """More long statements than can be served in time: (outcome: how many), the longest wait."""
    outcomes, waits = collections.Counter(), []
    over = threading.Event()

    def insist():
        with contextlib.closing(pooler.connect("app")) as connection:
            while not over.is_set():
                begin = time.monotonic()
                try:
                    connection.cursor().execute(f"select pg_sleep({LONG_SECONDS})")
                    outcome = "ok"
                except psycopg2.Error as error:
                    outcome = stand.sqlstate(error) or str(error)
                waits.append(time.monotonic() - begin)
                outcomes[outcome] += 1
                if outcome != "ok":
                    over.wait(LONG_SECONDS)

    threads = [threading.Thread(target=insist, daemon=True) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    begin = time.monotonic()
    while time.monotonic() - begin < EXCESS_SECONDS:
        watch()
        time.sleep(POLL_SECONDS)
    over.set()
    for thread in threads:
        thread.join()
    return outcomes, max(waits)


def judge_overrun(outcomes, longest):
    """What is wrong with it."""
    print(f"too many long statements: {dict(outcomes)}, the longest took {longest:.2f} s")
    faults = [f"{count} x {outcome}" for outcome, count in outcomes.items()
              if outcome not in ("ok", "53300")]
    least = SHARE_MIN * POOL_SIZE * EXCESS_SECONDS / LONG_SECONDS
    if outcomes["ok"] < least:
        faults.append(f"{outcomes['ok']} long statements were served, not {least:.0f}")
    if outcomes["53300"] == 0:
        faults.append("nobody was told that the wait is too long")
    if longest > QUERY_WAIT_SECONDS + LONG_SECONDS + SLACK_SECONDS:
        faults.append(f"a client waited for {longest:.2f} s")
    return faults


def run(space, asked):
    """The whole of it; what is wrong, as lines."""
    primary, standbys = stand.primary_with(space, REPLICAS, stand.pgbench_tables)
    third = standbys[2]
    script = write_script(space, asked.statement_ms)
    alone = rate_alone(space, third, script, asked.seconds)
    servers = [(primary, "primary")] + [(standby, "replica") for standby in standbys]
    pooler = space.pooler(lambda own: configuration(own, servers))
    with contextlib.closing(Connections(third)) as connections:
        before, after, lines = kill_two(pooler, standbys, script, asked.seconds, connections.look)
        faults = wrong_ends(lines, standbys[:2])
        faults += judge_overrun(*overrun(pooler, connections.look))
    print(f"the third alone {alone:.0f}/s, all three {before:.0f}/s, the third when the others "
          f"were killed {after:.0f}/s ({after / alone:.2f}), "
          f"at most {connections.most} connections")
    if after < SHARE_MIN * alone:
        faults.append(f"the survivor serves {after:.0f}/s, alone it served {alone:.0f}/s")
    if connections.most > POOL_SIZE:
        faults.append(f"the survivor had {connections.most} connections")
    banned = {row["port"] for row in pooler.console("SHOW BANS")}
    if banned != {server.port for server in standbys[:2]}:
        faults.append(f"banned are {banned}")
    if f"server banned server=127.0.0.1:{third.port}" in pooler.program.log():
        faults.append("the survivor was banned")
    return faults


if __name__ == "__main__":
    OPTIONS = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    OPTIONS.add_argument("--seconds", type=int, default=10, metavar="N", help="of each rate")
    OPTIONS.add_argument("--statement-ms", type=int, default=20, metavar="N")
    sys.exit(stand.main(OPTIONS, run))

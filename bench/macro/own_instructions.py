#!/usr/bin/python3 -B
"""Instructions of pglynx's own code per transaction of `pgbench -S`, by callgrind.

    bench/macro/own_instructions.py BINARY [BINARY…] [--functions N]

Each BINARY is a pglynx; all but the first are compared with the first. The pooler runs under
valgrind with one server and one client, once for FEW and once for MANY transactions: the difference
is what a transaction costs, without start and login. Counted is what callgrind attributes to the
program itself, not to libuv, OpenSSL, the C library or the kernel. Use release builds.
Needs valgrind, a PostgreSQL server with pgbench and python3-psycopg2.
"""

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../../tests/support/py")

from harness import PASSWORD, Workspace  # noqa: E402  pylint: disable=wrong-import-position

FEW, MANY = 500, 1500
MODES = ("simple", "prepared")
# Valgrind knows no object of a second section of code (cmake/query_path.ld).
QUERY_PATH = "???"


def configuration(pooler, postgres):
    """One server, transaction mode."""
    return f"""
[general]
host = "127.0.0.1"
port = {pooler.port}
[admin]
password = "{PASSWORD}"
port = {pooler.admin_port}
[pools.app]
pool_mode = "transaction"
database = "app"
servers = [{{ host = "127.0.0.1", port = {postgres.port} }}]
[[pools.app.users]]
username = "app"
password = "{PASSWORD}"
pool_size = 1
"""


def costs(path, binary):
    """Self cost by function of what belongs to the binary, from a callgrind file ("Callgrind Format
    Specification" in valgrind's manual)."""
    names = {"ob": {}, "fn": {}}
    found, current, skip = {}, {"ob": "", "fn": ""}, False
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            named = re.match(r"^(c?)(ob|fn)=\((\d+)\)(?: (.*))?$", line)
            if named:
                called, kind, number, name = named.groups()
                if name:
                    names[kind][number] = name.strip()
                if not called:
                    current[kind] = names[kind][number]
            elif line.startswith("calls="):
                skip = True
            elif (cost := re.match(r"^[+\-*0-9]\S* (\d+)$", line.strip())):
                if not skip and (current["ob"] == QUERY_PATH
                                 or os.path.realpath(current["ob"]) == binary):
                    found[current["fn"]] = found.get(current["fn"], 0) + int(cost.group(1))
                skip = False
    return found


@contextlib.contextmanager
def under_callgrind(binary, output, directory):
    """What is started as pglynx meanwhile is this binary under callgrind, which writes that file when
    it ends."""
    wrapper = f"{directory}/wrapper"
    with open(wrapper, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexec valgrind --quiet --tool=callgrind "
                   f"--callgrind-out-file={output} {binary} \"$@\"\n")
    os.chmod(wrapper, 0o755)
    former = os.environ.get("PGLYNX_BINARY")
    os.environ["PGLYNX_BINARY"] = wrapper
    yield
    del os.environ["PGLYNX_BINARY"]
    if former is not None:
        os.environ["PGLYNX_BINARY"] = former


def run(binary, mode, transactions, directory):
    """One pooler's life; what it cost by function."""
    output = f"{directory}/callgrind.{mode}.{transactions}"
    with under_callgrind(binary, output, directory), Workspace() as space:
        postgres = space.postgres()
        postgres.execute(f"create role app login password '{PASSWORD}'")
        postgres.execute("create database app owner app")
        pooler = space.pooler(lambda own: configuration(own, postgres))
        environment = dict(os.environ, PGPASSWORD=PASSWORD, PGHOST="127.0.0.1", PGUSER="app",
                           PGDATABASE="app")
        pgbench = [f"{postgres.bin}/pgbench"]
        subprocess.run(pgbench + ["-i", "-q", "-p", str(postgres.port)], env=environment,
                       check=True, capture_output=True)
        subprocess.run(pgbench + ["-n", "-S", "-M", mode, "-t", str(transactions), "-c", "1", "-p",
                                  str(pooler.port)], env=environment, check=True,
                       capture_output=True)
        pooler.program.signal(signal.SIGTERM)
        pooler.program.wait()
    return costs(output, binary)


def per_transaction(binary, mode):
    """Instructions by function."""
    with tempfile.TemporaryDirectory(prefix="pglynx-callgrind-") as directory:
        few = run(binary, mode, FEW, directory)
        many = run(binary, mode, MANY, directory)
    return {name: (cost - few.get(name, 0)) / (MANY - FEW) for name, cost in many.items()}


def main():
    """Runs all of them and prints a line for each mode and binary."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("binaries", nargs="+", metavar="BINARY")
    parser.add_argument("--functions", type=int, default=0, metavar="N",
                        help="the N functions whose cost differs most from the first binary's")
    asked = parser.parse_args()
    for mode in MODES:
        first = None
        for binary in map(os.path.realpath, asked.binaries):
            cost = per_transaction(binary, mode)
            total = sum(cost.values())
            first = first or cost
            more = 100 * (total / sum(first.values()) - 1)
            print(f"{mode:9} {total:8.0f} instructions  {more:+5.1f} %  {binary}", flush=True)
            by_change = sorted(set(cost) | set(first),
                               key=lambda name: -abs(cost.get(name, 0) - first.get(name, 0)))
            for name in by_change[:asked.functions]:
                print(f"    {cost.get(name, 0) - first.get(name, 0):+8.1f}  {name[:100]}")


if __name__ == "__main__":
    main()

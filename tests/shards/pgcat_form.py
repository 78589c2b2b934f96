#!/usr/bin/python3 -B
"""A configuration file in PgCat's form, and pgbench with PgCat's commands.

    tests/shards/pgcat_form.py [--transactions N]

Three shards, each a database of one primary and its streaming standby. Scripts of pgbench choose
the shard by key and by number, and the role, then run several statements and transactions, among
them some that fail if they are not where they should be. In every protocol of pgbench, with and
without a cache of prepared statements: no transaction may fail and no client be aborted; in the end
each row has to be in the shard of its key, none may be missing and none be there twice. Exit
status: 0 good, 1 not, 77 something needed is missing.
"""

import argparse
import os
import re
import sys

import stand
from harness import PASSWORD, wait_until
from stand import SHARDS

CLIENTS = 10
KEY_MAX = 2**62 - 1
# Pool, what it has that the other has not, and the protocols it is used in. In PgCat's form nothing
# is kept of prepared statements unless the file says so; a client that has one keeps its server
# then, and cannot choose.
POOLS = {
    "plain": ("", ("simple", "extended")),
    "caching": ("prepared_statements_cache_size = 500", ("simple", "extended", "prepared")),
}

# Divides by zero where the statement is not on such a server.
ON_PRIMARY = "SELECT 1 / (NOT pg_is_in_recovery())::int"
ON_REPLICA = "SELECT 1 / pg_is_in_recovery()::int"
ON_SHARD = "SELECT 1 / (current_database() = 'shard' || {})::int"
KEY = f"\\set key random(-{KEY_MAX}, {KEY_MAX})\n"

# Name: how many rows one transaction of it inserts, and its text.
SCRIPTS = {
    "writes": (4, KEY + f"""
SET SERVER ROLE TO 'primary';
SET SHARDING KEY TO :key;
INSERT INTO orders VALUES (:key, :client_id);
SHOW SHARD \\gset chosen_
BEGIN;
INSERT INTO orders VALUES (:key, :client_id);
{ON_SHARD.format(":chosen_shard")};
{ON_PRIMARY};
UPDATE orders SET client = client + 1 WHERE key = :key;
END;
SET SERVER ROLE TO 'auto';
INSERT INTO orders VALUES (:key, :client_id);
{ON_SHARD.format(":chosen_shard")};
BEGIN;
SAVEPOINT before;
INSERT INTO orders VALUES (:key, :client_id);
ROLLBACK TO before;
SELECT count(*) FROM orders WHERE key = :key;
COMMIT;
SET SERVER ROLE TO 'default';
INSERT INTO orders VALUES (:key, :client_id);
"""),
    "reads": (0, KEY + f"""
SET SHARDING KEY TO :key;
SET SERVER ROLE TO 'replica';
SELECT client FROM orders WHERE key = :key;
{ON_REPLICA};
BEGIN READ ONLY;
SELECT count(*) FROM orders;
{ON_REPLICA};
END;
SET SERVER ROLE TO 'any';
SELECT count(*) FROM orders WHERE key = :key;
SHOW SERVER ROLE;
SET SERVER ROLE TO 'default';
{ON_PRIMARY};
"""),
    "numbers": (0, f"""
\\set shard random(0, {SHARDS - 1})
SET SHARD TO :shard;
SHOW SHARD \\gset chosen_
\\if :chosen_shard <> :shard
SELECT 'the shard that is shown is not the one that was chosen'::int;
\\endif
{ON_SHARD.format(":shard")};
BEGIN;
SELECT count(*) FROM orders;
{ON_SHARD.format(":shard")};
END;
SET SERVER ROLE TO 'replica';
{ON_SHARD.format(":shard")};
{ON_REPLICA};
SET SHARD TO ANY;
SHOW SHARD \\gset chosen_
{ON_SHARD.format(":chosen_shard")};
SET SERVER ROLE TO 'auto';
"""),
}
# Values in quotes, and several statements in a message: only without parameters.
SIMPLE = {
    "quoted": (2, KEY + f"""
\\set shard random(0, {SHARDS - 1})
SET SHARD TO ':shard';
{ON_SHARD.format(":shard")};
SET SHARDING KEY TO ':key';
set server role to 'PRIMARY';
BEGIN\\; INSERT INTO orders VALUES (:key, :client_id)\\; END;
INSERT INTO orders VALUES (:key, :client_id);
SET SERVER ROLE TO 'auto';
"""),
}


def configuration(pooler, primary, standby):
    """As PgCat has it: no table for the console, tables with numbers, servers as arrays."""
    pooler.admin_port = pooler.port
    shards = "".join(f"""
[pools.{{name}}.shards.{number}]
servers = [
    ["127.0.0.1", {primary.port}, "primary"],
    ["127.0.0.1", {standby.port}, "replica"],
]
database = "shard{number}"
""" for number in range(SHARDS))
    pools = "".join(f"""
[pools.{name}]
pool_mode = "transaction"
default_role = "primary"
query_parser_enabled = false
primary_reads_enabled = false
sharding_function = "pg_bigint_hash"
{more}

[pools.{name}.users.0]
username = "app"
password = "{PASSWORD}"
pool_size = 5
statement_timeout = 0
{shards.format(name=name)}
""" for name, (more, _) in POOLS.items())
    return f"""
[general]
host = "127.0.0.1"
port = {pooler.port}
connect_timeout = 5000
idle_timeout = 30000
healthcheck_timeout = 1000
healthcheck_delay = 30000
shutdown_timeout = 60000
ban_time = 60
worker_threads = 2
admin_username = "admin"
admin_password = "{PASSWORD}"
{pools}"""


def prepare(primary):
    """The databases, each with one partition."""
    for number in range(SHARDS):
        primary.execute(f"create database shard{number} owner app")
        primary.execute(
            "create table orders (key bigint not null, client int) partition by hash (key);"
            f"create table orders_{number} partition of orders "
            f"for values with (modulus {SHARDS}, remainder {number});"
            f"alter table orders owner to app; alter table orders_{number} owner to app",
            f"shard{number}")


def write_scripts(directory):
    """Each in a file; name: path."""
    paths = {}
    for name, (_, text) in {**SCRIPTS, **SIMPLE}.items():
        paths[name] = f"{directory}/{name}.sql"
        with open(paths[name], "w", encoding="ascii") as file:
            file.write(text)
    return paths


def run_mode(pooler, name, mode, paths, transactions):
    """pgbench in one protocol: (rows it has inserted, what is wrong)."""
    scripts = {**SCRIPTS, **(SIMPLE if mode == "simple" else {})}
    status, output = stand.pgbench(
        ["-n", "-M", mode, "-c", str(CLIENTS), "-j", "2", "-t", str(transactions)] +
        [argument for script in scripts for argument in ("-f", paths[script])],
        pooler.port, name)
    begun = [int(count) for count in re.findall(r"^ - (\d+) transactions \(", output, re.M)]
    wanted = transactions * CLIENTS
    print(f"{name}, {mode}: {sum(begun)} transactions of {wanted}", flush=True)
    if (status != 0 or len(begun) != len(scripts) or sum(begun) != wanted or
            "number of failed transactions: 0 (" not in output):
        return 0, [f"{name}, {mode}: exit status {status}\n{output}"]
    return sum(rows * count for (rows, _), count in zip(scripts.values(), begun)), []


def judge_rows(servers, rows):
    """Whether each of these servers has so many rows, in the right shards."""
    faults = []
    for server in servers:
        found = 0
        for number in range(SHARDS):
            [(here, wrong)] = server.execute(
                "select count(*), count(*) filter (where not satisfies_hash_partition("
                f"'orders'::regclass, {SHARDS}, {number}, key)) from orders", f"shard{number}")
            found += here
            if wrong != 0 or here == 0:
                faults.append(f"{here} rows in shard {number}, {wrong} of them wrong")
        if found != rows:
            faults.append(f"{found} rows of {rows} at port {server.port}")
    return faults


def replayed(primary, standby):
    """Whether the standby has everything."""
    [(position,)] = primary.execute("select pg_current_wal_insert_lsn()")
    return standby.execute(f"select pg_last_wal_replay_lsn() >= '{position}'") == [(True,)]


def run(space, asked):
    """The whole of it; what is wrong, as lines."""
    primary, [standby] = stand.primary_with(space, 1, prepare)
    pooler = space.pooler(lambda own: configuration(own, primary, standby))
    paths = write_scripts(space.directory)
    rows, faults = 0, []
    for name, (_, modes) in POOLS.items():
        for mode in modes:
            inserted, own = run_mode(pooler, name, mode, paths, asked.transactions)
            rows += inserted
            faults += own
    wait_until(lambda: replayed(primary, standby), "the standby")
    if not faults:
        faults += judge_rows([primary, standby], rows)
    bans = pooler.console("SHOW BANS")
    if bans:
        faults.append(f"banned: {bans}")
    print(f"{rows} rows")
    return faults


if __name__ == "__main__":
    OPTIONS = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    OPTIONS.add_argument("--transactions", type=int, default=200, metavar="N",
                         help="of each client, pool and protocol")
    sys.exit(stand.main(OPTIONS, run))

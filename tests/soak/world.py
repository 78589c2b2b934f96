"""What the soak runs on: one PostgreSQL, one pglynx, and the two configurations between which
the reloads go. Limits are tight on purpose: the budget has to take connections from one pool
for another all the time.
"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support", "py"))
import harness  # noqa: E402 pylint: disable=wrong-import-position

PASSWORD = harness.PASSWORD
DATABASE = "soak"           # of the transaction pool, and at the server
SESSION = "soak_session"    # of the session pool, to the same database
USERS = ("alice", "bob")

# The same in both configurations, so that they hold at every moment.
MAX_DB_CONNECTIONS = 14
MAX_USER_CONNECTIONS = 12
BOB_POOL_SIZE = 4
SHUTDOWN_TIMEOUT = 10
QUERY_WAIT_TIMEOUT = 15     # the longer of the two

PLACES = 8                  # schemas place0 … with a table of one row, the schema's name
BANK_ACCOUNTS = 20
BANK_TOTAL = BANK_ACCOUNTS * 1000
PGBENCH_SCALE = 3

# pool_size of alice in the transaction pool, query_wait_timeout, transaction_timeout,
# idle_timeout, server_lifetime.
VARIANTS = {"a": (10, 15, 60, 5, 20), "b": (7, 12, 50, 8, 30)}


def pool_size(variant):
    """What SHOW DATABASES prints for the transaction pool."""
    return VARIANTS[variant][0]


def config(postgres, pooler, variant):
    """The text of a configuration file; variant: "a" or "b"."""
    size, wait, transaction, idle, lifetime = VARIANTS[variant]
    server = f'[{{ host = "127.0.0.1", port = {postgres.port} }}]'
    return f"""
[general]
host = "127.0.0.1"
port = {pooler.port}
max_client_conn = 200
max_user_connections = {MAX_USER_CONNECTIONS}
connect_timeout = "5s"
query_wait_timeout = "{wait}s"
transaction_timeout = "{transaction}s"
query_timeout = "40s"
client_idle_timeout = "60s"
idle_client_in_transaction_timeout = "30s"
idle_timeout = "{idle}s"
server_lifetime = "{lifetime}s"
server_retry_max = "500ms"
shutdown_timeout = "{SHUTDOWN_TIMEOUT}s"

[admin]
port = {pooler.admin_port}
password = "{PASSWORD}"

[pools.{DATABASE}]
database = "{DATABASE}"
servers = {server}
max_db_connections = {MAX_DB_CONNECTIONS}
prepared_statements_cache_size = 50

[[pools.{DATABASE}.users]]
username = "alice"
password = "{PASSWORD}"
pool_size = {size}
min_pool_size = 2
reserve_pool_size = 2
reserve_pool_timeout = "1s"

[[pools.{DATABASE}.users]]
username = "bob"
password = "{PASSWORD}"
pool_size = {BOB_POOL_SIZE}

[pools.{SESSION}]
pool_mode = "session"
database = "{DATABASE}"
servers = {server}
max_db_connections = {MAX_DB_CONNECTIONS}

[[pools.{SESSION}.users]]
username = "alice"
password = "{PASSWORD}"
pool_size = 6
"""


def broken_config(postgres, pooler, number):
    """A file that must be refused: a wrong type, an unknown key, a file cut off in the middle."""
    text = config(postgres, pooler, "a")
    return (text.replace("pool_size = 10", 'pool_size = "many"'),
            text.replace("max_client_conn", "max_client_connections"),
            text[:len(text) // 2] + '\n[pools."')[number % 3]


def _schema():
    yield "create table bank (id int primary key, balance bigint not null)"
    yield f"insert into bank select n, 1000 from generate_series(1, {BANK_ACCOUNTS}) n"
    yield "create table scratch (owner text not null, n int not null)"
    yield "create table victims (id int primary key, n bigint not null)"
    yield "insert into victims select n, 0 from generate_series(0, 99) n"
    for number in range(PLACES):
        yield f"create schema place{number}"
        yield f"create table place{number}.place as select 'place{number}'::text as name"
        yield f"grant usage on schema place{number} to public"
        yield f"grant select on place{number}.place to public"
    yield "grant all on all tables in schema public to public"


def fill(postgres):
    """Roles, the database, pgbench's tables and ours."""
    for user in USERS:
        postgres.execute(f"create role {user} login password '{PASSWORD}'")
    postgres.execute(f"create database {DATABASE}")
    subprocess.run(
        [f"{postgres.bin}/pgbench", "-i", "-q", "-s", str(PGBENCH_SCALE), "-h", postgres.host,
         "-p", str(postgres.port), "-U", "postgres", DATABASE],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
        env=environment())
    for statement in _schema():
        postgres.execute(statement, DATABASE)


def environment():
    """For psql and pgbench: the password of every user here, and nothing of the caller's PG*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "PGPASSWORD": PASSWORD, "LC_ALL": "C", "PGCONNECT_TIMEOUT": "30"}

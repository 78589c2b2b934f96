"""Two PostgreSQL clusters that are set up alike, and a pglynx before the second."""

import os
import subprocess

from harness import PASSWORD, HarnessError, Workspace, pooler_binary, wait_until

DATABASE = "app"
# The pools, by their number of servers.
POOLS = {2: "app", 1: "one"}
# What a client that sends nothing else logs in with.
USER = "app"

ROLES = f"""
create role app login password '{PASSWORD}';
create role boss login superuser password '{PASSWORD}';
create role reader;
create role writer;
grant reader, writer to app;
"""

FIXTURE = """
create table items (id int primary key, name text, price numeric);
insert into items select i, 'item ' || i, i * 1.5 from generate_series(1, 10) i;
create table secrets (id int);
create type mood as enum ('sad', 'happy');
create sequence numbers;
"""


def hba(text):
    """Logins by trust ahead of what initdb wrote: what is compared begins behind the login."""
    return "host all all 127.0.0.1/32 trust\n" + text


def configuration(server_port, profile):
    """A function that writes the pooler's file. A server goes to the client that has waited for
    longest, and the one that was idle for longest is taken: a lone client changes servers too."""
    pools = ""
    for servers, name in POOLS.items():
        pools += f"""
[pools.{name}]
database = "{DATABASE}"
servers = [{{ host = "127.0.0.1", port = {server_port} }}]
max_pinned = {servers}
{PROFILES[profile]}
"""
        for user in (USER, "boss"):
            pools += f"""
[[pools.{name}.users]]
username = "{user}"
password = "{PASSWORD}"
pool_size = {servers}
min_pool_size = {servers if user == USER else 0}
"""

    def config(pooler):
        return f"""[general]
host = "127.0.0.1"
port = {pooler.port}
server_round_robin = true
[admin]
port = {pooler.admin_port}
password = "{PASSWORD}"
[auth]
method = "trust"
{pools}"""
    return config


# Lines of each pool, by the name of the way in which it is run.
PROFILES = {"plain": "deferred_begin = false", "deferred": "deferred_begin = true"}


def cluster(space):
    """A new PostgreSQL with the roles, logins by trust."""
    postgres = space.postgres(settings=["max_prepared_transactions=10"])
    path = f"{postgres.directory}/data/pg_hba.conf"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(hba(text))
    postgres.execute("select pg_reload_conf()")
    for statement in ROLES.strip().split("\n"):
        postgres.execute(statement)
    return postgres


class World:
    """Owns all that runs. `second` is what is compared with the first cluster: the pooler's port,
    or, with `profile` None, the second cluster itself."""

    def __init__(self, profile):
        self.profile = profile
        self._space = Workspace()
        try:
            self.clusters = [cluster(self._space) for _ in range(2)]
            self.pooler = None
            self.fresh(False)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def fresh(self, again=True):
        """Empty databases and a new pooler."""
        if self.pooler is not None:
            self.pooler.close()
        for postgres in self.clusters:
            if again:
                postgres.execute(f"drop database {DATABASE} with (force)")
            postgres.execute(f"create database {DATABASE} owner {USER}")
            connection = postgres.connect(DATABASE)
            try:
                with connection.cursor() as cursor:
                    cursor.execute(f"alter schema public owner to {USER}")
                    cursor.execute(f"set session authorization {USER}; {FIXTURE}")
                    cursor.execute("reset session authorization; alter table secrets owner to boss")
            finally:
                connection.close()
        if self.profile is not None:
            self.pooler = self._space.pooler(configuration(self.clusters[1].port, self.profile))

    def version(self):
        """PostgreSQL's major version."""
        return int(self.clusters[0].execute("show server_version_num")[0][0]) // 10000

    def ports(self):
        """Of the two sides."""
        return [self.clusters[0].port,
                self.clusters[1].port if self.pooler is None else self.pooler.port]

    def database(self, side, servers):
        """What a client of the side asks for."""
        return POOLS[servers] if side == 1 and self.pooler is not None else DATABASE

    def wait_for_clients(self, side, count):
        """Waits until so many clients are left on a side: one that was cut off is gone then."""
        if side == 1 and self.pooler is not None:
            def left():
                return sum(row["database"] in POOLS.values()
                           for row in self.pooler.console("show clients"))
        else:
            def left():
                return self.clusters[side].execute(
                    "select count(*) from pg_stat_activity where usename in ('app', 'boss')")[0][0]
        wait_until(lambda: left() == count, "a client that was cut off to be gone", 10)

    def complaint(self):
        """Why the pooler is not fit for more, or nothing."""
        if self.pooler is None or self.pooler.program.running():
            return ""
        return f"pglynx has ended: {self.pooler.program.log()[-1500:]}"

    def close(self):
        """Ends everything."""
        self._space.close()


def profiles():
    """The ways in which this pglynx can be run: those whose configuration it takes."""
    class Paths:  # pylint: disable=too-few-public-methods
        """A Pooler that does not run."""
        port, admin_port = 6432, 6433

    found = []
    with Workspace() as space:
        for name in PROFILES:
            path = f"{space.directory}/{name}.toml"
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w",
                      encoding="utf-8") as file:
                file.write(configuration(5432, name)(Paths))
            checked = subprocess.run([pooler_binary(), "--check", path], check=False,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if checked.returncode == 0:
                found.append(name)
    if "plain" not in found:
        raise HarnessError("pglynx does not take the configuration of the tests")
    return found

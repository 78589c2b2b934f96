"""PostgreSQL, its data, and the rivals in front of it."""

import paths  # noqa: F401  pylint: disable=unused-import
from harness import PASSWORD, wait_until
from pgbench_load import Generator

# HAProxy and the forwarder have a server connection for each client.
CONNECTIONS_MAX = 600


class Stand:
    """One PostgreSQL for all; each rival is started when it is first needed."""

    def __init__(self, space):
        self.space = space
        self.postgres = space.postgres(settings=[
            f"max_connections={CONNECTIONS_MAX}", "autovacuum=off", "jit=off",
            "shared_buffers=256MB", "max_wal_size=4GB"])
        self.postgres.execute(f"create role app login password '{PASSWORD}'")
        self.postgres.execute("create database app owner app")
        self._trust()
        self.generator = Generator(self.postgres, space.directory)
        self.postgres.execute("create unlogged table sink(key int); alter table sink owner to app",
                              "app")
        self._running = {}

    def _trust(self):
        """No passwords towards PostgreSQL, so that none of them has a login to compute."""
        path = f"{self.postgres.directory}/data/pg_hba.conf"
        with open(path, "r+", encoding="ascii") as file:
            rules = file.read()
            file.seek(0)
            file.write("host app app 127.0.0.1/32 trust\n" + rules)
        self.postgres.execute("select pg_reload_conf()")
        wait_until(lambda: self.postgres.connect("app", "app", ""), "PostgreSQL to trust").close()

    def running(self, rival, auth):
        """The one that stays for all workloads."""
        key = (rival.name, auth)
        if key not in self._running:
            self._running[key] = rival.start(self.space, self.postgres, auth)
        return self._running[key]

    def fresh(self, rival, auth):
        """One that has done nothing yet; close() it."""
        return rival.start(self.space, self.postgres, auth)

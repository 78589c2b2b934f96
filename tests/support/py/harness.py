"""A real PostgreSQL and a real pglynx for the tests that are programs (soak, failures).

Everything is on loopback, on free ports, in one directory that is removed at the end. Whatever
is started is ended by close(), which `with` calls; should this process die, the kernel ends
PostgreSQL and pglynx too (PR_SET_PDEATHSIG).

    with Workspace() as space:
        postgres = space.postgres()
        pooler = space.pooler(lambda p: f'''...TOML with {p.port}, {p.admin_port}...''')
        with psycopg2.connect(**pooler.dsn("app")) as connection: ...

Needs python3-psycopg2 of Debian: run it with /usr/bin/python3.
"""

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg2

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PASSWORD = "secret-of-a-test"
WAIT_SECONDS = 60


class HarnessError(Exception):
    """Something that the test needs did not come about; the message says what."""


def free_port():
    """A port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, seconds=WAIT_SECONDS):
    """Polls until `condition()` is true; HarnessError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise HarnessError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


def postgres_bin():
    """The directory of the newest PostgreSQL server's programs, as packaging/lib finds it."""
    command = (f'. "{ROOT}/packaging/lib/common.sh"; . "{ROOT}/packaging/lib/postgres.sh"; '
               "find_postgres")
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise HarnessError("no PostgreSQL server of version 13 or later on this machine")
    return found.stdout.strip()


def pooler_binary():
    """The pglynx under test: PGLYNX_BINARY, else the release build's."""
    path = os.environ.get("PGLYNX_BINARY", f"{ROOT}/build/release/bin/pglynx")
    if not os.access(path, os.X_OK):
        raise HarnessError(f"{path} is not there: build it with "
                           "cmake --preset release && cmake --build --preset release")
    return path


def postgres_user():
    """The user that PostgreSQL runs as; None: whoever runs this."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise HarnessError("PostgreSQL refuses to run as root and there is no user postgres or nobody")


def _become(user, death_signal):
    """What runs in a child before its program: another user, and its end with ours."""
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare():
        os.setpgid(0, 0)  # a Ctrl-C is for the test alone
        if user is not None:
            os.initgroups(user.pw_name, user.pw_gid)
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        libc.prctl(1, death_signal)  # PR_SET_PDEATHSIG

    return prepare


class Program:
    """A child process whose output goes to a file."""

    def __init__(self, argv, log_path, user=None, death_signal=signal.SIGKILL, env=None):
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=env,
                preexec_fn=_become(user, death_signal))

    @property
    def pid(self):
        """Of the process."""
        return self.process.pid

    def running(self):
        """Whether it has not ended."""
        return self.process.poll() is None

    def log(self):
        """What it has printed so far."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def signal(self, number):
        """Sends a signal, if it still runs."""
        if self.running():
            self.process.send_signal(number)

    def wait(self, seconds=WAIT_SECONDS):
        """Its exit status; HarnessError if it goes on for longer."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise HarnessError(f"{self.process.args[0]} did not end within {seconds} s") from error

    def close(self):
        """Ends it at once."""
        if self.running():
            self.process.kill()
        self.process.wait()


class Postgres:
    """One cluster, superuser `postgres`, passwords by SCRAM over TCP. fsync is off."""

    def __init__(self, directory, settings=(), host="127.0.0.1"):
        self.directory = directory
        self.host = host
        self.port = free_port()
        self.settings = list(settings)
        self.bin = postgres_bin()
        self.user = postgres_user()
        self.server = None
        os.makedirs(directory)
        self._own(directory)
        password_file = f"{directory}/password"
        with open(password_file, "w", encoding="ascii") as file:
            file.write(PASSWORD + "\n")
        self._own(password_file)
        subprocess.run(
            [f"{self.bin}/initdb", "--no-sync", "--username=postgres", "--encoding=UTF8",
             "--locale=C", "--auth=scram-sha-256", f"--pwfile={password_file}",
             f"--pgdata={directory}/data"],
            check=True, stdout=subprocess.DEVNULL, cwd="/",
            preexec_fn=_become(self.user, signal.SIGKILL))
        if host != "127.0.0.1":
            with open(f"{directory}/data/pg_hba.conf", "a", encoding="ascii") as hba:
                hba.write("host all all all scram-sha-256\n")
        self.start()

    def _own(self, path):
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def start(self, wait=True, extra=()):
        """Starts it; with `wait` returns when it takes connections."""
        argv = [f"{self.bin}/postgres", "-D", f"{self.directory}/data"]
        for setting in [f"listen_addresses={self.host}", f"port={self.port}",
                        f"unix_socket_directories={self.directory}", "fsync=off",
                        "synchronous_commit=off", "max_connections=100",
                        *self.settings, *extra]:
            argv += ["-c", setting]
        self.server = Program(argv, f"{self.directory}/postgres.log", self.user, signal.SIGQUIT)
        if wait:
            wait_until(self.answers, "PostgreSQL to answer")

    def answers(self):
        """Whether it takes a connection now."""
        try:
            self.connect().close()
            return True
        except psycopg2.OperationalError:
            if not self.server.running():
                raise HarnessError("PostgreSQL ended: " + self.server.log()[-2000:]) from None
            return False

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast; SIGQUIT: immediate; SIGTERM: waits for its clients."""
        self.server.signal(how)
        self.server.wait()

    def restart(self, how=signal.SIGINT):
        """Stops and starts it; it answers when this returns."""
        self.stop(how)
        self.start()

    def dsn(self, database="postgres", user="postgres", password=PASSWORD):
        """Arguments for psycopg2.connect, straight to the server."""
        return {"host": self.host, "port": self.port, "dbname": database, "user": user,
                "password": password, "connect_timeout": 10}

    def connect(self, database="postgres", user="postgres", password=PASSWORD):
        """A connection of its own, in autocommit."""
        connection = psycopg2.connect(**self.dsn(database, user, password))
        connection.autocommit = True
        return connection

    def execute(self, sql, database="postgres"):
        """Runs one statement as the superuser; its rows, or None."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def close(self):
        """Ends it with all its processes."""
        if self.server is not None and self.server.running():
            self.server.process.send_signal(signal.SIGQUIT)
            try:
                self.server.wait(20)
            except HarnessError:
                self.server.close()


class Standby(Postgres):
    """A streaming standby of another cluster."""

    def __init__(self, primary, directory):  # pylint: disable=super-init-not-called
        self.directory = directory
        self.host = primary.host
        self.port = free_port()
        self.settings = []
        self.bin = primary.bin
        self.user = primary.user
        self.server = None
        os.makedirs(directory)
        self._own(directory)
        owner = {}
        if self.user is not None:
            owner = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
        subprocess.run(
            [f"{self.bin}/pg_basebackup", "--checkpoint=fast", "--no-sync",
             "--write-recovery-conf", f"--pgdata={directory}/data",
             f"--host={primary.host}", f"--port={primary.port}", "--username=postgres"],
            check=True, cwd="/", stdin=subprocess.DEVNULL,
            env={"PGPASSWORD": PASSWORD, "HOME": pwd.getpwuid(os.getuid()).pw_dir}, **owner)
        self.start()


class Pooler:
    """A pglynx with its configuration file. `config` makes the file's text from the Pooler."""

    def __init__(self, directory, config):
        os.makedirs(directory)
        self.directory = directory
        self.host = "127.0.0.1"
        self.port = free_port()
        self.admin_port = free_port()
        self.config_path = f"{directory}/pglynx.toml"
        self.program = None
        self.write_config(config(self))
        self.start()

    def write_config(self, text):
        """Replaces the file in one step; a reload reads it."""
        new = self.config_path + ".new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="utf-8") as file:
            file.write(text)
        os.replace(new, self.config_path)

    def start(self):
        """Starts it; it is ready when this returns."""
        self.program = Program([pooler_binary(), "--config", self.config_path],
                               f"{self.directory}/pglynx.log")
        wait_until(self._ready, "pglynx to be ready")

    def _ready(self):
        if not self.program.running():
            raise HarnessError("pglynx ended: " + self.program.log()[-2000:])
        return "is ready" in self.program.log()

    @property
    def pid(self):
        """Of pglynx."""
        return self.program.pid

    def dsn(self, database, user=None, password=PASSWORD):
        """Arguments for psycopg2.connect, through pglynx."""
        return {"host": self.host, "port": self.port, "dbname": database,
                "user": user or database, "password": password, "connect_timeout": 30}

    def connect(self, database, user=None, password=PASSWORD):
        """A connection of its own, in autocommit."""
        connection = psycopg2.connect(**self.dsn(database, user, password))
        connection.autocommit = True
        return connection

    def console(self, command):
        """Runs a console command; its rows as dicts, or []."""
        connection = psycopg2.connect(host=self.host, port=self.admin_port, dbname="pglynx",
                                      user="admin", password=PASSWORD, connect_timeout=10)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(command)
                if cursor.description is None:
                    return []
                names = [column.name for column in cursor.description]
                return [dict(zip(names, row)) for row in cursor.fetchall()]
        finally:
            connection.close()

    def resident_kib(self):
        """Its resident memory (Rss of smaps_rollup), in KiB."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as rollup:
            for line in rollup:
                if line.startswith("Rss:"):
                    return int(line.split()[1])
        raise HarnessError("no Rss in smaps_rollup")

    def descriptors(self):
        """How many files it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def close(self):
        """Ends it at once."""
        if self.program is not None:
            self.program.close()


class Workspace:
    """Owns a directory and all that was started in it."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="pglynx-")
        os.chmod(self.directory, 0o755)
        self._things = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def postgres(self, **options):
        """A new cluster, started."""
        return self.keep(Postgres(f"{self.directory}/postgres{len(self._things)}", **options))

    def pooler(self, config):
        """A new pglynx, started."""
        return self.keep(Pooler(f"{self.directory}/pglynx{len(self._things)}", config))

    def keep(self, thing):
        self._things.append(thing)
        return thing

    def close(self):
        """Ends everything, last started first, and removes the directory."""
        for thing in reversed(self._things):
            thing.close()
        shutil.rmtree(self.directory, ignore_errors=True)

"""What is measured beside pglynx: where it comes from, how it is configured and started.

    direct     no pooler: the clients are PostgreSQL's own
    bare       bench/load/forwarder.c, which only forwards: the floor
    haproxy    mode tcp, one thread; Debian's package, installed if it is missing
    pgbouncer  1.21 or later, for prepared statements: of a Debian 13 tree made by debootstrap below
               build/bench, or --pooler pgbouncer=PATH
    others     --pooler name=command: see bench/README.md
"""

import dataclasses
import os
import re
import shlex
import shutil
import socket
import string
import subprocess
import sys

import paths
from harness import (HarnessError, PASSWORD, Program, free_port, pooler_binary, postgres_user,
                     wait_until)

POOL_SIZE = 20
CLIENTS_MAX = 20_000
PGBOUNCER_LEAST = (1, 21)
DEBIAN13 = f"{paths.BUILD}/debian13"
STOP_SECONDS = 10


class Missing(Exception):
    """This rival cannot be had here; the message says why."""


@dataclasses.dataclass
class Rival:
    """A program between the clients and PostgreSQL. `command` and `templates` have $port,
    $server_port, $auth, $password, $verifier (of that password), $pool_size, $clients_max and
    $directory, and the command $config, the path of the first template's copy."""

    name: str
    version: str = ""
    command: list = None  # None: there is no program
    templates: tuple = ()
    pools: bool = True  # or one server connection for each client
    unprivileged: bool = False  # refuses to run as root
    auths: tuple = ("trust",)

    def start(self, space, postgres, auth):
        """A new process with its own directory and port."""
        return space.keep(Running(self, space, postgres, auth))


class Running:
    """A started rival."""

    _count = 0

    def __init__(self, rival, space, postgres, auth):
        self.rival = rival
        self.program = None
        self.port = postgres.port
        if rival.command is None:
            return
        Running._count += 1
        directory = f"{space.directory}/{rival.name}{Running._count}"
        os.makedirs(directory)
        self.port = free_port()
        user = postgres_user() if rival.unprivileged else None
        words = {"port": self.port, "server_port": postgres.port, "auth": auth,
                 "password": PASSWORD, "verifier": _verifier(postgres), "pool_size": POOL_SIZE,
                 "clients_max": CLIENTS_MAX, "directory": directory}
        for template in reversed(rival.templates):
            words["config"] = _fill(template, directory, words, user)
        argv = [string.Template(part).substitute(words) for part in rival.command]
        self.program = Program(argv, f"{directory}/log", user)
        wait_until(self._accepts, f"{rival.name} to accept")

    def _accepts(self):
        if not self.program.running():
            raise HarnessError(f"{self.rival.name} ended: {self.program.log()[-1000:]}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
            return True
        except ConnectionRefusedError:
            return False

    @property
    def pid(self):
        """None: there is no program."""
        return self.program.pid if self.program else None

    def close(self):
        """Ends it."""
        if self.program is not None:
            self.program.close()


def _verifier(postgres):
    """What PgBouncer likes best: with a password it derives the keys anew at each login."""
    return postgres.execute("select rolpassword from pg_authid where rolname = 'app'")[0][0]


def _fill(template, directory, words, user):
    with open(template, encoding="utf-8") as file:
        text = string.Template(file.read()).safe_substitute(words)
    path = f"{directory}/{os.path.basename(template)}"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)
    return path


def _template(name):
    return f"{paths.TEMPLATES}/{name}"


def _say(text):
    print(f"bench: {text}", flush=True)


def _version(argv):
    """The first words with a number that the program says of itself."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[^\s]*", done.stdout + done.stderr)
    if found is None:
        raise Missing(f"{argv[0]} does not say its version: {(done.stdout + done.stderr)[:200]!r}")
    return found.group(0)


def _as_root(argv, what):
    if os.getuid() != 0:
        if shutil.which("sudo") is None:
            raise Missing(f"{what} needs root or sudo")
        argv = ["sudo", *argv]
    _say(" ".join(argv))
    with open(f"{paths.BUILD}/install.log", "ab") as log:
        done = subprocess.run(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False,
                              env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    if done.returncode != 0:
        raise Missing(f"{' '.join(argv)} failed: {paths.BUILD}/install.log")


def _install(package):
    _as_root(["apt-get", "-o", "DPkg::Lock::Timeout=300", "update", "-qq"], package)
    _as_root(["apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "-qq",
              "--no-install-recommends", package], package)


def _program(name, package):
    """Its path; Debian keeps some out of users' PATH."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    if shutil.which(name, path=path) is None:
        _install(package)
    found = shutil.which(name, path=path)
    if found is None:
        raise Missing(f"{package} brought no {name}")
    return found


def pglynx():
    """The one that is judged: PGLYNX_BINARY, else the release build's."""
    binary = pooler_binary()
    return Rival("pglynx", _version([binary, "--version"]), [binary, "--config", "$config"],
                 (_template("pglynx.toml"),), auths=("trust", "scram-sha-256"))


def direct():
    """PostgreSQL itself."""
    return Rival("direct", "", pools=False)


def bare():
    """Compiled when it is older than its source."""
    source, program = f"{paths.BENCH}/load/forwarder.c", f"{paths.BUILD}/forwarder"
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        if shutil.which("cc") is None:
            raise Missing("there is no C compiler for bench/load/forwarder.c")
        subprocess.run(["cc", "-O2", "-o", program, source], check=True)
    return Rival("bare", "", [program, "$port", "$server_port"], pools=False)


def haproxy(path=None):
    """Debian's."""
    path = path or _program("haproxy", "haproxy")
    return Rival("haproxy", _version([path, "-v"]), [path, "-db", "-f", "$config"],
                 (_template("haproxy.cfg"),), pools=False)


def _debian13_pgbouncer():
    """By the tree's own loader and libraries: no chroot, so no root either to run it."""
    if not os.path.exists(f"{DEBIAN13}/usr/sbin/pgbouncer"):
        scratch = f"{DEBIAN13}.new"
        _as_root(["rm", "-rf", scratch], "debootstrap")
        debootstrap = _program("debootstrap", "debootstrap")
        _as_root([debootstrap, "--variant=minbase", "--include=pgbouncer", "trixie", scratch],
                 "debootstrap")
        _as_root(["mv", scratch, DEBIAN13], "debootstrap")
    # pylint: disable-next=no-member
    machine = os.uname().machine
    loader = f"{DEBIAN13}/lib/{machine}-linux-gnu/ld-linux-x86-64.so.2"
    if not os.path.exists(loader):
        raise Missing(f"{DEBIAN13} is for x86_64 alone: give --pooler pgbouncer=PATH")
    return [loader, "--library-path", f"{DEBIAN13}/usr/lib/{machine}-linux-gnu",
            f"{DEBIAN13}/usr/sbin/pgbouncer"]


def pgbouncer(path=None):
    """One that has prepared statements in transaction mode."""
    command = [path] if path else _debian13_pgbouncer()
    version = _version([*command, "--version"])
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < PGBOUNCER_LEAST:
        raise Missing(f"PgBouncer {version} has no prepared statements in transaction mode; "
                      "1.21 is the first that has")
    return Rival("pgbouncer", version, [*command, "-q", "$config"],
                 (_template("pgbouncer.ini"), _template("pgbouncer.users")), unprivileged=True,
                 auths=("trust", "scram-sha-256"))


def other(name, command, template):
    """--pooler name=command: `command` has $config, or gets the path as its last argument; the
    template is that of --template, else the shipped one whose name `name` begins with."""
    argv = shlex.split(command)
    if not any("$config" in part for part in argv):
        argv.append("$config")
    known = {"pglynx": ("pglynx.toml",), "pgbouncer": ("pgbouncer.ini", "pgbouncer.users"),
             "haproxy": ("haproxy.cfg",)}
    kind = next((kind for kind in known if name.startswith(kind)), None)
    if template is None and kind is None:
        raise Missing(f"--pooler {name}: no template; give --template {name}=PATH")
    templates = (template,) if template else tuple(map(_template, known[kind]))
    with open(templates[0], encoding="utf-8") as file:
        auths = ("trust", "scram-sha-256") if "$auth" in file.read() else ("trust",)
    return Rival(name, _version([argv[0], "--version"]), argv, templates, kind != "haproxy",
                 kind == "pgbouncer", auths)


def gather(poolers, templates, without=()):
    """([pglynx, the rivals in the table's order], {name: why it is missing}). `poolers` is what
    --pooler says: {name: command}."""
    os.makedirs(paths.BUILD, exist_ok=True)
    makers = {"direct": direct, "bare": bare,
              "haproxy": lambda: haproxy(poolers.get("haproxy")),
              "pgbouncer": lambda: pgbouncer(poolers.get("pgbouncer"))}
    for name, command in poolers.items():
        if name not in makers:
            makers[name] = lambda name=name, command=command: other(name, command,
                                                                    templates.get(name))
    found, missing = [pglynx()], {}
    for name, make in makers.items():
        if name in without:
            continue
        try:
            found.append(make())
        except (Missing, OSError, subprocess.CalledProcessError) as error:
            missing[name] = str(error)
            print(f"bench: without {name}: {error}", file=sys.stderr, flush=True)
    return found, missing

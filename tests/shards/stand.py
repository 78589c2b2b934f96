"""What the programs of this directory share: a primary with streaming standbys, the end of a server
that nobody announced, and how a program begins and ends. Import it before harness."""

import importlib.util
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../support/py", f"{HERE}/../differential"]
sys.dont_write_bytecode = True

SKIPPED = 77
if importlib.util.find_spec("psycopg2") is None:
    print("skipped: no python3-psycopg2 for this Python")
    sys.exit(SKIPPED)

# pylint: disable-next=wrong-import-position
from harness import HarnessError, PASSWORD, Standby, Workspace, postgres_bin

SHARDS = 3


def main(parser, run):
    """run(space, asked) gives what is wrong, as lines; they are printed. The exit status."""
    asked = parser.parse_args()
    with Workspace() as space:
        faults = run(space, asked)
    print("\n".join(f"fault: {fault}" for fault in faults[:20]) or "good")
    return 1 if faults else 0


def quoted(text):
    """A literal under standard_conforming_strings."""
    return "'" + text.replace("'", "''") + "'"


def primary_with(space, replicas, prepare=lambda primary: None):
    """A primary with a role and a database `app`, and its streaming standbys, which have what
    prepare(primary) makes."""
    primary = space.postgres(settings=["wal_level=replica", "max_wal_senders=10"])
    primary.execute(f"create role app login password '{PASSWORD}'")
    primary.execute("create database app owner app")
    prepare(primary)
    return primary, [space.keep(Standby(primary, f"{space.directory}/standby{number}"))
                     for number in range(replicas)]


def start_pgbench(arguments, port, database="app", user="app"):
    """A pgbench that has begun; its output, errors too, is for communicate()."""
    return subprocess.Popen(
        [f"{postgres_bin()}/pgbench", *arguments, "-h", "127.0.0.1", "-p", str(port), "-U", user,
         database], env=dict(os.environ, PGPASSWORD=PASSWORD), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def pgbench(arguments, port, database="app", user="app", seconds_max=120):
    """Runs it; (exit status, output)."""
    with start_pgbench(arguments, port, database, user) as bench:
        try:
            output = bench.communicate(timeout=seconds_max)[0]
        finally:
            bench.kill()
        return bench.returncode, output


def pgbench_tables(primary):
    """Those of pgbench -S, in the database `app`."""
    status, output = pgbench(["-i", "-q"], primary.port)
    if status != 0:
        raise HarnessError(output)


def entry(server, role):
    """A server in a configuration file."""
    return f'{{ host = "127.0.0.1", port = {server.port}, role = "{role}" }}'


def sqlstate(error):
    """Of a psycopg2.Error; where libpq has none, at a login, "" and the text has to say it."""
    return error.pgcode or ""


def parent(process):
    """Of a process; 0 if that has ended."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return int(file.read().rsplit(")", 1)[1].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def processes(postgres):
    """Its own process and all that it has started."""
    own = postgres.server.pid
    return [own] + [int(name) for name in os.listdir("/proc")
                    if name.isdigit() and parent(name) == own]


def signal_all(postgres, number):
    """To the postmaster and its backends."""
    for process in processes(postgres):
        try:
            os.kill(process, number)
        except ProcessLookupError:
            pass

"""pgbench as a load whose answers are checked: each SELECT must give one row, and no transaction
may fail, so that what answers wrongly does not look fast."""

import dataclasses
import glob
import os
import re
import subprocess

from harness import HarnessError, PASSWORD

SCALE_ROWS = 100_000
_SELECT = "SELECT abalance FROM pgbench_accounts WHERE aid = :aid \\gset\n"
_KEY = f"\\set aid random(1, {SCALE_ROWS})\n"
SCRIPTS = {
    "select": _KEY + _SELECT,
    "transaction": _KEY + "BEGIN;\n" + _SELECT + _SELECT + "COMMIT;\n",
}
SECONDS_MAX = 300
_TRANSACTIONS = re.compile(r"number of transactions actually processed: (\d+)")
_FAILED = re.compile(r"number of failed transactions: (\d+)")
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


@dataclasses.dataclass
class Load:
    """What pgbench is told."""

    clients: int
    seconds: int = 0
    count: int = 0  # of transactions of each client, instead of seconds
    mode: str = "simple"
    script: str = "select"
    reconnect: bool = False
    skip: float = 0.0  # this part of the time, at the begin, has no latencies

    def arguments(self):
        """Without the script's path."""
        much = ["-T", str(self.seconds)] if self.seconds else ["-t", str(self.count)]
        return ["-n", "-j", "1", "-M", self.mode, "-c", str(self.clients), *much,
                *(["-C"] if self.reconnect else [])]


@dataclasses.dataclass
class Outcome:
    """What pgbench said."""

    transactions: int
    tps: float
    latencies: list = None  # in us, sorted


class Generator:
    """pgbench of one PostgreSQL, whose database `app` it fills."""

    def __init__(self, postgres, directory):
        self._program = f"{postgres.bin}/pgbench"
        self._directory = directory
        self._environment = dict(os.environ, PGPASSWORD=PASSWORD, PGHOST="127.0.0.1", PGUSER="app",
                                 PGDATABASE="app")
        for name, text in SCRIPTS.items():
            with open(self._path(name), "w", encoding="ascii") as file:
                file.write(text)
        self._run(["-i", "-q", "-s", "1", "-p", str(postgres.port)])

    def run(self, load, port, latencies=False):
        """To its end; HarnessError if anything failed."""
        log = f"{self._directory}/latency"
        arguments = [*load.arguments(), "-f", self._path(load.script), "-p", str(port)]
        if latencies:
            arguments += ["-l", f"--log-prefix={log}"]
        try:
            output = self._run(arguments)
            found = Outcome(int(_TRANSACTIONS.search(output).group(1)),
                            float(_TPS.search(output).group(1)))
            if (failed := _FAILED.search(output)) and int(failed.group(1)):
                raise HarnessError(output)
            if latencies:
                found.latencies = _latencies(glob.glob(f"{log}.*"), load.skip)
        finally:
            for path in glob.glob(f"{log}.*"):
                os.remove(path)
        return found

    def _path(self, script):
        return f"{self._directory}/{script}.sql"

    def _run(self, arguments):
        done = subprocess.run([self._program, *arguments], env=self._environment, check=False,
                              capture_output=True, text=True, timeout=SECONDS_MAX)
        if done.returncode != 0:
            raise HarnessError(f"pgbench {' '.join(arguments)}: {done.stderr[-1000:]}")
        return done.stdout


def _latencies(paths, skip):
    """Columns: client, transaction, latency in us, script, second, microsecond of the end."""
    ends, times = [], []
    for path in paths:
        with open(path, encoding="ascii") as file:
            for line in file:
                fields = line.split()
                times.append(int(fields[2]))
                ends.append(int(fields[4]) * 1_000_000 + int(fields[5]))
    first = min(ends) + skip * (max(ends) - min(ends))
    return sorted(time for time, end in zip(times, ends) if end >= first)


def quantile(values, part):
    """Of sorted values."""
    return values[min(len(values) - 1, int(part * len(values)))]

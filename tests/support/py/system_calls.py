"""How many system calls a program makes for a transaction, by `strace -c -f`.

The counts are differences of a long and a short run, so that start and logins do not count.
"""

import collections
import dataclasses
import shutil
import signal
import subprocess

# What the kernel does for a sleeping process, not for a transaction.
NO_WORK = {"restart_syscall"}
WAITS = {"epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select"}
SENDS = {"send", "sendto", "sendmsg", "write", "writev"}


class NoStrace(Exception):
    """System calls cannot be counted here; the message says why."""


@dataclasses.dataclass
class Counts:
    """Calls by name, and how many of all failed; in all, or per transaction."""

    calls: dict
    failed: float = 0.0

    @property
    def total(self):
        """Of all names."""
        return sum(self.calls.values())

    def of(self, names):
        """Of some."""
        return sum(value for name, value in self.calls.items() if name in names)

    def shown(self, least=0.005):
        """For a person."""
        parts = [f"{name} {value:.2f}" for name, value in sorted(self.calls.items())
                 if abs(value) >= least]
        return ", ".join(parts + [f"failed {self.failed:.2f}"])


def obstacle():
    """Why nothing can be counted here, as far as can be told beforehand; None if it can."""
    return None if shutil.which("strace") else "strace is not installed"


def count(pid, work, path):
    """What the process and its threads do while work() runs; strace's table goes to `path`."""
    with subprocess.Popen(["strace", "-c", "-f", "-o", path, "-p", str(pid)],
                          stderr=subprocess.PIPE, text=True) as strace:
        if "attached" not in (line := strace.stderr.readline()):
            raise NoStrace(f"strace cannot attach: {line.strip()}")
        try:
            work()
        finally:
            strace.send_signal(signal.SIGINT)
    return _read(path)


def _read(path):
    """Columns: % time, seconds, usecs/call, calls, errors (may be blank), syscall."""
    found = Counts(collections.Counter())
    with open(path, encoding="ascii", errors="replace") as file:
        for line in file:
            fields = line.split()
            if len(fields) < 5 or not fields[3].isdigit() or fields[-1] in NO_WORK | {"total"}:
                continue
            found.calls[fields[-1]] = int(fields[3])
            found.failed += int(fields[4]) if len(fields) == 6 else 0
    return found


def per_transaction(pid, transact, few, many, path):
    """What one transaction adds; transact(count) runs so many."""
    short, long = (count(pid, lambda n=n: transact(n), path) for n in (few, many))
    names = set(short.calls) | set(long.calls)
    return Counts({name: (long.calls[name] - short.calls[name]) / (many - few) for name in names},
                  (long.failed - short.failed) / (many - few))


def measures(counts):
    """As the budgets name them, to two places: a timer may happen to be due."""
    found = {"calls": counts.total, "sends": counts.of(SENDS), "failed": counts.failed,
             "epoll_ctl": counts.of({"epoll_ctl"})}
    return {name: round(value, 2) for name, value in found.items()}

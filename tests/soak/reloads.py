"""RELOAD every ten seconds, by the console and by SIGHUP in turn, from one configuration to the
other. Every fifth file is broken and has to be refused; so has everything else to go on.
"""

import re
import signal
import time

import psycopg2

import chaos
import world

PATIENCE = 10.0
# The log's text format: time, level, message.
LOG_LINE = re.compile(r"^\S+Z (error|warn|info|debug)\s+(.*)$")
REFUSED = "reload failed, the old configuration stays in force"


class Reloader(chaos.Chore):
    """Writes the file and has it read."""

    def __init__(self, postgres, pooler, timeline, interval=10.0):
        super().__init__(timeline, interval)
        self.postgres = postgres
        self.pooler = pooler
        self.number = 0
        self.in_force = "a"
        self.counts = {"console": 0, "SIGHUP": 0, "refused": 0, "refused SIGHUP": 0}
        self.allowed_errors = 0

    def once(self):
        self.number += 1
        by_signal = self.number % 2 == 0
        if self.number % 5 == 0:
            self._broken(by_signal)
        else:
            self._good(by_signal)
        seen = {row["name"]: row["pool_size"] for row in self.pooler.console("show databases")}
        wanted = world.pool_size(self.in_force)
        if seen.get(world.DATABASE) != wanted:
            self.timeline.fault(f"reload {self.number}: pool_size is {seen}, not {wanted}")

    def _good(self, by_signal):
        self.in_force = "b" if self.in_force == "a" else "a"
        self.pooler.write_config(world.config(self.postgres, self.pooler, self.in_force))
        self.timeline.event("reload", f"{self.in_force} by {'SIGHUP' if by_signal else 'console'}")
        if by_signal:
            self._signal("configuration reloaded")
        else:
            self.pooler.console("reload")
        self.counts["SIGHUP" if by_signal else "console"] += 1

    def _broken(self, by_signal):
        self.pooler.write_config(world.broken_config(self.postgres, self.pooler, self.number // 5))
        self.timeline.event("broken reload", "by SIGHUP" if by_signal else "by console")
        try:
            if by_signal:
                self.counts["refused SIGHUP"] += 1
                self._count_errors(self._signal(REFUSED))
            else:
                self.pooler.console("reload")
                self.timeline.fault("a broken configuration was taken")
        except psycopg2.Error as error:
            if error.pgcode != "F0000":
                raise
        self.counts["refused"] += 1
        self.pooler.write_config(world.config(self.postgres, self.pooler, self.in_force))

    def _signal(self, text):
        """SIGHUP; the log behind it, from when it says `text`."""
        before = len(self.pooler.program.log())
        self.pooler.program.signal(signal.SIGHUP)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            fresh = self.pooler.program.log()[before:]
            if text in fresh:
                time.sleep(0.2)  # for the lines that belong to it
                return self.pooler.program.log()[before:]
            time.sleep(0.05)
        self.timeline.fault(f"no answer to SIGHUP in the log: {text}")
        return ""

    def _count_errors(self, fresh):
        """The refusal, and the lines that say why, which name the file."""
        for line in fresh.splitlines():
            match = LOG_LINE.match(line)
            if match and match.group(1) == "error" and (
                    match.group(2) == REFUSED or self.pooler.config_path in match.group(2)):
                self.allowed_errors += 1


def error_lines(pooler):
    """Lines of pglynx's log at level error."""
    matches = (LOG_LINE.match(line) for line in pooler.program.log().splitlines())
    return [match.group(0) for match in matches if match and match.group(1) == "error"]

"""What was done to the system, which errors clients saw, and whether the one explains the other.

Times are seconds of CLOCK_MONOTONIC, which all processes of a machine share, since the start
of the soak.

- A terminated backend takes at most one client with it: each such error uses up one
  pg_terminate_backend of the seconds before it.
- While PostgreSQL is down, and a little longer, clients may be told that they lost their server
  or that there is none.
- In a quiet window (at the start, and before each restart) nothing is terminated, and no client
  may see any error; reloads, kills and everything else go on.
Any other error is a fault.
"""

import re
import threading
import time

SETTLE = 4.0            # between the last pg_terminate_backend and a quiet window
NOTICED = 10.0          # an idle client sees at its next statement that its server is gone
LOST_BEHIND_RESTART = 8.0
DOWN_BEHIND_RESTART = 3.0
YOUNG = 1.0             # a backend of this age may have been in its login still
LATE = 1.0              # a restart may begin so much behind its time
CLOCKS = 0.3            # an event is noted a little late, or an error a little early

# Errors by their text, for libpq tells no SQLSTATE of a failed login.
LOST_STATES = {"57P01", "57P02", "08006", "08003"}
DOWN_STATES = {"57P03", "08001"}
LOST = re.compile(
    r"terminating connection|server closed the connection|connection already closed|"
    r"connection was closed|connection is closed|closed the connection|ended the connection|"
    r"the connection is lost|Connection reset|consuming input failed|Broken pipe|"
    r"no connection to the server|server .* was closed|could not be brought back|"
    r"the backend died|SQL command send failed|refused this client's settings|"
    r"another operation \(2\) is in progress", re.IGNORECASE)
DOWN = re.compile(
    r"the database system is (starting up|shutting down|in recovery mode|not yet accepting)|"
    r"Connection refused|cannot connect to|refused a query of the pooler|"
    r"57P03|08001", re.IGNORECASE)


def kind_of(sqlstate, text):
    """lost: the server connection broke; down: none could be made; canceled; other."""
    if sqlstate == "57014":
        return "canceled"
    if sqlstate in DOWN_STATES or (not sqlstate and DOWN.search(text)):
        return "down"
    if sqlstate in LOST_STATES or (not sqlstate and LOST.search(text)):
        return "lost"
    return "other"


class Plan:
    """When PostgreSQL is restarted, and when it is quiet."""

    def __init__(self, seconds, restarts=True):
        self.seconds = seconds
        interval = min(300.0, seconds / 2)
        self.quiet_seconds = max(6.0, min(20.0, interval / 5))
        self.restarts = []
        at = interval
        while restarts and at <= seconds - 8:
            self.restarts.append(at)
            at += interval
        self.quiet = [(0.0, self.quiet_seconds)]
        self.quiet += [(at - self.quiet_seconds, at) for at in self.restarts]

    def may_terminate(self, at):
        """Not in a quiet window or so shortly before it that errors could fall into it."""
        return at < self.seconds - SETTLE and not any(
            begin - SETTLE <= at <= end + LATE for begin, end in self.quiet)

    def is_quiet(self, at):
        """Whether no error is allowed. The end is that of the restart, which may come late."""
        return any(begin <= at < end - CLOCKS for begin, end in self.quiet)


class Timeline:
    """Events and errors; threads write, the verdict reads."""

    def __init__(self, plan):
        self.plan = plan
        self.start = time.monotonic()
        self.events = []   # (at, kind, detail)
        self.errors = []   # dicts: at, who, step, sqlstate, text
        self.faults = []   # (at, text): wrong by themselves, whatever happened
        self.terminated = []  # [at, age of the backend, used up]
        self.outages = []  # [begin, end]; end None: PostgreSQL is down
        self._lock = threading.Lock()

    def now(self):
        """Seconds since the start."""
        return time.monotonic() - self.start

    def begin(self):
        """The soak starts now."""
        self.start = time.monotonic()

    def event(self, kind, detail=""):
        """Something was done."""
        with self._lock:
            self.events.append((self.now(), kind, detail))

    def fault(self, text):
        """Something is wrong that no event explains."""
        with self._lock:
            self.faults.append((self.now(), text))

    def error(self, who, step, sqlstate, text, at=None):
        """A client was told so. `at`: CLOCK_MONOTONIC, when it was."""
        with self._lock:
            self.errors.append({"at": self.now() if at is None else at - self.start, "who": who,
                                "step": step, "sqlstate": sqlstate or "",
                                "text": " ".join(text.split())})

    def terminate(self, age):
        """A backend of this age is about to be terminated."""
        with self._lock:
            self.terminated.append([self.now(), age, False])

    def outage(self, begins):
        """PostgreSQL goes down, or answers again."""
        with self._lock:
            if begins:
                self.outages.append([self.now(), None])
            else:
                self.outages[-1][1] = self.now()

    def is_down(self):
        """Whether a restart is under way."""
        return bool(self.outages) and self.outages[-1][1] is None

    # ----- judging -----

    def _in_outage(self, at, behind):
        return any(begin - CLOCKS <= at and (end is None or at <= end + behind)
                   for begin, end in self.outages)

    def _use_up(self, at):
        for terminated in self.terminated:
            if not terminated[2] and at - NOTICED <= terminated[0] <= at + CLOCKS:
                terminated[2] = True
                return True
        return False

    def explain(self, error):
        """What explains an error; None: nothing does. Errors have to come in their order."""
        at, kind = error["at"], kind_of(error["sqlstate"], error["text"])
        if kind in ("other", "canceled") or self.plan.is_quiet(at):
            return None
        behind = LOST_BEHIND_RESTART if kind == "lost" else DOWN_BEHIND_RESTART
        if self._in_outage(at, behind):
            return f"restart: {kind}"
        if kind == "lost":
            return "terminate: lost" if self._use_up(at) else None
        # A terminated login fails those who wait for it, where the pool has nothing else.
        hit_login = any(when - CLOCKS <= at <= when + YOUNG and age <= YOUNG
                        for when, age, _ in self.terminated)
        return "terminate: login" if hit_login else None

    def judge(self):
        """Counts of the explained errors by their explanation, and the unexplained ones."""
        counts, unexplained = {}, []
        for error in sorted(self.errors, key=lambda item: item["at"]):
            reason = self.explain(error)
            if reason is None:
                unexplained.append({**error, "kind": kind_of(error["sqlstate"], error["text"]),
                                    "quiet": self.plan.is_quiet(error["at"])})
            else:
                counts[reason] = counts.get(reason, 0) + 1
        return counts, unexplained

    def lines(self):
        """Everything in the order of time, for a person."""
        rows = [(at, f"event  {kind} {detail}") for at, kind, detail in self.events]
        rows += [(at, f"FAULT  {text}") for at, text in self.faults]
        rows += [(error["at"], f"error  {error['who']} in {error['step']}: "
                  f"{error['sqlstate'] or '-----'} {error['text']}") for error in self.errors]
        return [f"{at:9.3f} {text}" for at, text in sorted(rows)]

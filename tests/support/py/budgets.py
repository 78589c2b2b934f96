"""What pglynx may cost, in numbers: issue "One core, measured". bench/run.py judges by these, and
tests/budgets those of them that hardly vary.

A budget is on a figure of pglynx (`against` is None), on its ratio to what the same figure is of
another program in the same round, or on its difference from that. `must` is what a release is
held to, `aim` what the design promises; either may be missing (None).
"""

import dataclasses

RATIO, DIFFERENCE, FIGURE = "ratio", "difference", "figure"


@dataclasses.dataclass(frozen=True)
class Budget:
    """One line of the table."""

    number: str
    what: str
    workload: str
    measure: str
    must: float
    aim: float
    against: str = None
    how: str = FIGURE
    more_is_better: bool = False

    def meets(self, value, bound):
        """Whether a figure is within one of the bounds."""
        return value >= bound if self.more_is_better else value <= bound


def _ratio(number, what, workload, measure, must, aim, against="pgbouncer", **more):
    return Budget(number, what, workload, measure, must, aim, against, RATIO, **more)


BUDGETS = (
    Budget("G1", "system calls, simple, 1 client", "calls_simple_1", "calls", 6.1, 6.0),
    Budget("G1", "system calls, simple, 10 clients", "calls_simple_10", "calls", 5.0, 4.6),
    Budget("G2", "system calls, prepared, 10 clients", "calls_prepared_10", "calls", 5.0, 4.6),
    Budget("G2", "- of them sends", "calls_prepared_10", "sends", None, 2.0),
    Budget("G3", "system calls, 100 clients on 20", "calls_crowd", "calls", 5.0, 4.4),
    # None; but what a hundred logins need is not quite the same in the short and in the long run.
    Budget("G3", "- of them epoll_ctl", "calls_crowd", "epoll_ctl", None, 0.02),
    Budget("G3", "- of them failed (EAGAIN)", "calls_crowd", "failed", None, 0.02),
    _ratio("G4", "CPU us, simple, 16 clients", "simple", "cpu_us", 0.95, 0.88),
    _ratio("G4", "CPU us, simple, 16 clients", "simple", "cpu_us", 1.20, 1.00, "haproxy"),
    Budget("G4", "CPU us, simple, 16 clients", "simple", "cpu_us", 2.5, 1.0, "bare", DIFFERENCE),
    _ratio("G5", "CPU us, prepared, 16 clients", "prepared", "cpu_us", 0.80, 0.65),
    Budget("G5", "CPU us, prepared, 16 clients", "prepared", "cpu_us", None, 2.0, "bare",
           DIFFERENCE),
    _ratio("G6", "CPU us, 100 clients on 20", "crowd", "cpu_us", 0.90, 0.75),
    _ratio("G7", "added us, 1 client, p50", "latency", "added_p50", 1.00, 0.95),
    _ratio("G7", "added us, 1 client, p99", "latency", "added_p99", 1.10, 1.00),
    Budget("G8", "p99/p50, 1,000 clients on 20", "spread", "p99_p50", 1.3, 1.1),
    Budget("G9", "bytes an idle client, logged in", "idle", "client_bytes", 1200, 800),
    Budget("G9", "bytes an idle client, after a query", "idle", "used_client_bytes", 1200, 800),
    Budget("G9", "MB resident at start", "idle", "start_mb", 14, 8),
    _ratio("G11", "logins/s (trust)", "login", "tps", 1.0, 1.1, more_is_better=True),
    _ratio("G11", "CPU us a login (trust)", "login", "cpu_us", 1.0, 0.8),
    _ratio("G11", "CPU us a login (SCRAM)", "login_scram", "cpu_us", 1.0, 0.8),
    _ratio("G12", "CPU ms/MB, one 40 MB value", "value", "cpu_ms_mb", 0.6, 0.4),
    _ratio("G12", "CPU ms/MB, 20 MB of 1 kB rows", "rows", "cpu_ms_mb", 0.45, None),
    _ratio("G12", "CPU ms/MB, 20 MB of 1 kB rows", "rows", "cpu_ms_mb", 1.5, 1.2, "bare"),
    _ratio("G13", "CPU ms/MB, a million tiny rows", "tiny_rows", "cpu_ms_mb", 0.40, 0.25),
    _ratio("G13", "CPU ms/MB, a million tiny rows", "tiny_rows", "cpu_ms_mb", None, 1.0, "odyssey"),
    Budget("G13", "ns a message, tiny rows", "tiny_rows", "message_ns", None, 30),
    _ratio("G13", "CPU ms/MB, tiny rows, COPY out", "tiny_out", "cpu_ms_mb", 0.40, 0.25),
    _ratio("G13", "CPU ms/MB, tiny rows, COPY in", "tiny_in", "cpu_ms_mb", 0.40, 0.25),
    _ratio("G14", "BEGIN, 2 SELECTs, COMMIT: tps", "transactions", "tps", 1.05, 1.15,
           more_is_better=True),
    _ratio("G14", "BEGIN, 2 SELECTs, COMMIT: CPU us", "transactions", "cpu_us", 0.90, 0.75),
    _ratio("G17", "p99 us of 10 beside a COPY", "beside", "p99", 1.5, 1.2, "direct"),
    Budget("G18", "MB grown by a slow reader of 1 GB", "slow_reader", "grown_mb", 2.0, 0.512),
)


def of(number):
    """The budgets of one number, G1 to G20."""
    return [budget for budget in BUDGETS if budget.number == number]

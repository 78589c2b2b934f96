"""The workloads: each takes one sample of one rival, a dict of measures, and checks the answers.

A Workload belongs to the rivals that `fits` says; `derive` may add measures that need all rivals'
samples of a round.
"""

import contextlib
import dataclasses
import threading
import typing

import paths  # noqa: F401  pylint: disable=unused-import
import resident
import system_calls
from harness import PASSWORD
from pgbench_load import Load, quantile
from measure import spent_us
from raw_client import ClientError, RawClient, message

import psycopg2

VALUE_BYTES = 40_000_000
ROWS, ROW_BYTES = 20_000, 1_000
TINY_ROWS = 1_000_000
BESIDE_ROWS = 100_000
QUANTILES = [part / 100 for part in range(1, 100)] + [0.995, 0.999]


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long it may take."""

    seconds: int
    rounds: int
    long_rounds: int
    steady_rounds: int
    repeats: int  # of a large result
    idle_clients: int
    counted: tuple  # transactions of the short and the long run under strace


FULL = Effort(3, 9, 9, 3, 3, 5000, (2000, 12000))
QUICK = Effort(1, 5, 3, 1, 1, 2000, (1000, 4000))


@dataclasses.dataclass(frozen=True)
class Workload:
    """`sample(stand, rival, effort)` gives the measures."""

    name: str
    sample: typing.Callable
    fits: typing.Callable = lambda rival: rival.command is not None
    auth: str = "trust"
    steady: bool = False  # hardly varies: a few rounds are enough
    long: bool = False  # fewer rounds with --quick
    warm: typing.Callable = None  # (stand, rival): before the first round
    derive: typing.Callable = None  # ({rival's name: measures}), with the samples of `needs`
    needs: tuple = ()


def rounds_of(workload, effort, asked):
    """`asked`: what --rounds says, or 0."""
    if workload.steady:
        return min(asked or effort.steady_rounds, effort.steady_rounds)
    return asked or (effort.long_rounds if workload.long else effort.rounds)


def _pools(rival):
    return rival.pools


def _all(_rival):
    return True


def _through(auth, load, **more):
    """A workload of pgbench: CPU us per transaction, and tps. The logins at its begin are measured
    apart and taken off."""
    def sample(stand, rival, effort):
        running = stand.running(rival, auth)
        timed = dataclasses.replace(load, seconds=effort.seconds)
        logins, fewest = 0, 0
        if not load.reconnect:
            once = dataclasses.replace(load, count=1)
            logins, outcome = spent_us(running, lambda: stand.generator.run(once, running.port))
            fewest = outcome.transactions
        spent, outcome = spent_us(running, lambda: stand.generator.run(timed, running.port))
        return {"cpu_us": (spent - logins) / (outcome.transactions - fewest), "tps": outcome.tps}
    return {"sample": sample, "auth": auth, "warm": _warm(auth, load), **more}


def _warm(auth, load):
    """Opens the server connections and fills the caches."""
    def warm(stand, rival):
        stand.generator.run(dataclasses.replace(load, seconds=0, count=20),
                            stand.running(rival, auth).port)
    return warm


def _latency(load, scale=1, **more):
    """A workload of pgbench, `scale` times as long as others: its distribution of latencies, in
    us."""
    def sample(stand, rival, effort):
        running = stand.running(rival, "trust")
        outcome = stand.generator.run(dataclasses.replace(load, seconds=effort.seconds * scale),
                                      running.port, latencies=True)
        found = {part: quantile(outcome.latencies, part) for part in QUANTILES}
        return {"p50": found[0.5], "p99": found[0.99], "p99_p50": found[0.99] / found[0.5],
                "tps": outcome.tps, "quantiles": [[part, us] for part, us in found.items()]}
    return {"sample": sample, "warm": _warm("trust", load), **more}


def _added(samples):
    """What each rival adds to PostgreSQL's own latency."""
    if "direct" not in samples:
        return
    for measures in samples.values():
        for part in ("p50", "p99"):
            measures[f"added_{part}"] = measures[part] - samples["direct"][part]


def _calls(load):
    """System calls per transaction."""
    def sample(stand, rival, effort):
        running = stand.running(rival, "trust")
        few, many = effort.counted
        def transact(count):
            part = dataclasses.replace(load, count=max(1, count // load.clients))
            stand.generator.run(part, running.port)
        counts = system_calls.per_transaction(running.pid, transact, few, many,
                                              f"{stand.space.directory}/strace")
        return {**system_calls.measures(counts),
                "names": {name: round(value, 3) for name, value in counts.calls.items()}}
    return {"sample": sample, "warm": _warm("trust", load), "steady": True}


def _bulk(talk, rows, times=1):
    """A large result or a COPY: CPU ms per MB. talk(client, stand) gives (bytes, tag), the tag has
    to end with the number of rows. `times`: how often in a repeat."""
    def sample(stand, rival, effort):
        running = stand.running(rival, "trust")
        with RawClient(running.port) as client:
            talk(client, stand)
            sizes = []
            def work():
                for _ in range(effort.repeats * times):
                    size, tag = talk(client, stand)
                    if tag.split()[-1:] != [str(rows)]:
                        raise ClientError(f"{tag!r}: not {rows} rows")
                    sizes.append(size)
            spent, _ = spent_us(running, work)
        if min(sizes) < rows * 7:
            raise ClientError(f"only {min(sizes)} bytes")
        return {"cpu_ms_mb": spent / 1e3 / (sum(sizes) / 1e6),
                "message_ns": spent * 1e3 / (rows * len(sizes)), "mb": sizes[0] / 1e6}
    return {"sample": sample}


def _value(client, _stand):
    size, tag = client.query(f"select repeat('x', {VALUE_BYTES})")
    if size < VALUE_BYTES:
        raise ClientError(f"{size} bytes instead of {VALUE_BYTES}")
    return size, tag


def _rows(client, _stand):
    return client.query(f"select repeat('x', {ROW_BYTES}) from generate_series(1, {ROWS})")


TINY = f"from generate_series({TINY_ROWS}, {2 * TINY_ROWS - 1}) as i"


def _tiny_rows(client, _stand):
    return client.query(f"select i {TINY}")


def _tiny_out(client, _stand):
    return client.query(f"copy (select i {TINY}) to stdout")


_tiny_data = []


def _tiny_in(client, stand):
    if not _tiny_data:
        _tiny_data.append(b"".join(message(b"d", b"%d\n" % (TINY_ROWS + i))
                                   for i in range(TINY_ROWS)))
    stand.postgres.execute("truncate sink", "app")
    return len(_tiny_data[0]), client.copy_in("copy sink from stdin", _tiny_data[0])


def _beside(stand, rival, effort):
    """Small clients while another one copies 100 MB after 100 MB."""
    running = stand.running(rival, "trust")
    ended, faults, copies = threading.Event(), [], []
    begun = threading.Event()
    def copy():
        try:
            with RawClient(running.port) as client:
                while not ended.is_set():
                    client.ask(f"copy (select repeat('x', {ROW_BYTES}) from "
                               f"generate_series(1, {BESIDE_ROWS})) to stdout")
                    client.read_some()
                    begun.set()
                    size, tag = client.read_answer()
                    if tag != f"COPY {BESIDE_ROWS}":
                        raise ClientError(f"{tag!r} after {size} bytes")
                    copies.append(size)
        except (ClientError, OSError) as error:
            faults.append(str(error))
            begun.set()
    thread = threading.Thread(target=copy)
    thread.start()
    try:
        begun.wait()
        outcome = stand.generator.run(Load(10, seconds=max(effort.seconds, 2)), running.port,
                                      latencies=True)
    finally:
        ended.set()
        thread.join()
    if faults:
        raise ClientError(faults[0])
    return {"p50": quantile(outcome.latencies, 0.5), "p99": quantile(outcome.latencies, 0.99),
            "tps": outcome.tps, "copies": len(copies)}


def _idle(stand, rival, effort):
    """Clients that have logged in by SCRAM, and do nothing."""
    with contextlib.closing(stand.fresh(rival, "scram-sha-256")) as running:
        start = resident.settled(lambda: resident.resident_bytes(running.pid))
        def connect():
            connection = psycopg2.connect(host="127.0.0.1", port=running.port, dbname="app",
                                          user="app", password=PASSWORD)
            connection.autocommit = True
            return connection
        found = resident.idle_clients(running.pid, connect, effort.idle_clients)
    return {"start_mb": start / 1e6, "client_bytes": found["client"],
            "used_client_bytes": found["used_client"], "end_mb": found["end"] / 1e6,
            "curve": found["curve"]}


def _slow_reader(stand, rival, _effort):
    with contextlib.closing(stand.fresh(rival, "trust")) as running:
        return {"grown_mb": resident.slow_reader(running.pid, running.port, 1000) / 1e6}


def _scram(rival):
    return "scram-sha-256" in rival.auths


WORKLOADS = [
    Workload("calls_simple_1", **_calls(Load(1))),
    Workload("calls_simple_10", **_calls(Load(10))),
    Workload("calls_prepared_10", **_calls(Load(10, mode="prepared"))),
    Workload("calls_crowd", fits=_pools, **_calls(Load(100))),
    Workload("simple", **_through("trust", Load(16))),
    Workload("prepared", **_through("trust", Load(16, mode="prepared"))),
    Workload("crowd", **_through("trust", Load(100))),
    Workload("transactions", **_through("trust", Load(16, script="transaction"))),
    Workload("latency", **_latency(Load(1, skip=0.1), fits=_all, derive=_added,
                                   needs=("direct",))),
    Workload("spread",  # A crowd takes a while until it is one.
             **_latency(Load(1000, skip=0.3), scale=2, fits=_pools, long=True)),
    Workload("login", **_through("trust", Load(10, reconnect=True), fits=_pools)),
    Workload("login_scram", **_through("scram-sha-256", Load(10, reconnect=True), fits=_scram)),
    Workload("value", **_bulk(_value, 1, 2)),
    Workload("rows", **_bulk(_rows, ROWS, 5)),
    Workload("tiny_rows", **_bulk(_tiny_rows, TINY_ROWS), long=True),
    Workload("tiny_out", **_bulk(_tiny_out, TINY_ROWS), long=True),
    Workload("tiny_in", **_bulk(_tiny_in, TINY_ROWS), long=True),
    Workload("beside", sample=_beside, fits=_all, long=True),
    Workload("idle", sample=_idle, fits=_scram, steady=True),
    Workload("slow_reader", sample=_slow_reader, steady=True),
]

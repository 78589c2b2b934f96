"""Resident memory of a program: while its clients do nothing, and while one does not read."""

import time

from harness import wait_until
from raw_client import ClientError, RawClient

SLICE = 1 << 16
SLICES = 200
ROW_BYTES = 1000


def resident_bytes(pid):
    """Rss of smaps_rollup."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        for line in rollup:
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
    raise OSError(f"no Rss in smaps_rollup of {pid}")


def descriptors_at_least(count):
    """Raises the limit of open files; False if it cannot be had."""
    import resource  # pylint: disable=import-outside-toplevel
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        return False
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    return True


def idle_clients(pid, connect, count, steps=8):
    """Memory with so many clients that do nothing. connect() is a psycopg2 connection. Gives
    `start` and `end` in bytes, `curve` as (clients, bytes), and bytes a client: `client` when all
    have logged in, `used_client` when each has had one query answered."""
    # The first client brings the first server connection and whatever else is made once.
    _use(connect()).close()
    start = resident_bytes(pid)
    curve, clients = [(0, start)], []
    try:
        while len(clients) < count:
            clients.append(connect())
            if len(clients) % max(1, count // steps) == 0:
                curve.append((len(clients), resident_bytes(pid)))
        full = resident_bytes(pid)
        for client in clients:
            _use(client)
        used = resident_bytes(pid)
    finally:
        for client in clients:
            client.close()
    end = settled(lambda: resident_bytes(pid))
    return {"start": start, "end": end, "curve": curve, "client": (full - start) / count,
            "used_client": (used - start) / count}


def _use(client):
    with client.cursor() as cursor:
        cursor.execute("select 1")
        if cursor.fetchall() != [(1,)]:
            raise ClientError("the answer to `select 1` is not 1")
    return client


def settled(value, seconds=0.3):
    """value() once it has not changed for so long."""
    last, since = value(), time.monotonic()
    def quiet():
        nonlocal last, since
        if (now := value()) != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > seconds
    wait_until(quiet, "a value to settle")
    return last


def _cpu_ticks(pid):
    """User and system time (proc(5), stat)."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def slow_reader(pid, port, megabytes):
    """By how many bytes the program grows, at most, while one of its clients asks for so much and
    at first reads nothing, then a slice at a time, then the rest, which has to be complete."""
    rows = megabytes * 1000
    with RawClient(port) as client:
        client.query("select 1")
        before = peak = resident_bytes(pid)
        client.ask(f"select repeat('x', {ROW_BYTES}) from generate_series(1, {rows})")
        settled(lambda: (_cpu_ticks(pid), resident_bytes(pid)))
        size, tail = 0, b""
        for _ in range(SLICES):
            peak = max(peak, resident_bytes(pid))
            tail = bytes(client.read_some(SLICE))
            size += len(tail)
        rest, tag = client.read_answer(tail)
        peak = max(peak, resident_bytes(pid))
    if tag != f"SELECT {rows}" or size + rest < rows * ROW_BYTES:
        raise ClientError(f"{size + rest} bytes and {tag!r} are not {rows} rows")
    return peak - before

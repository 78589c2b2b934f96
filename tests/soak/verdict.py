"""Whether it was a good soak: five questions, each with its figures."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import time

import psycopg2

import reloads
import samples
import world

SETTLED_SECONDS = 15.0      # for everything to be idle when all clients have left
GROWTH_KIB = 2048
GROWTH_SHARE = 0.05
DESCRIPTORS_SPARE = 1
SHOWN_MAX = 12              # faults and errors that are printed; all are in the files


def warm_up(seconds):
    """The time whose memory is not judged."""
    return min(300.0, max(30.0, seconds / 5))


def slope(points):
    """KiB for each hour, by least squares."""
    if len(points) < 3:
        return 0.0
    mean_x = statistics.fmean(x for x, _ in points)
    mean_y = statistics.fmean(y for _, y in points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return 3600 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def judge_memory(memory, seconds):
    """Figures, and a fault or None."""
    points = [(at, kib) for at, kib in memory if warm_up(seconds) <= at <= seconds]
    if len(points) < 5:
        return {}, "too few samples of the resident memory"
    part = max(1, len(points) // 5)
    first = statistics.median(kib for _, kib in points[:part])
    last = statistics.median(kib for _, kib in points[-part:])
    allowed = max(GROWTH_KIB, GROWTH_SHARE * first)
    figures = {"first_fifth_kib": first, "last_fifth_kib": last, "growth_kib": last - first,
               "allowed_kib": round(allowed), "slope_kib_per_hour": round(slope(points)),
               "most_kib": max(kib for _, kib in memory)}
    if last - first > allowed:
        return figures, f"memory grew by {last - first:.0f} KiB, allowed are {allowed:.0f} KiB"
    return figures, None


def unsettled(tables, backends):
    """What is not idle and empty, though all clients have left."""
    found = samples.disagreements(tables)
    for row in tables["pools"]:
        busy = {name: value for name, value in row.items()
                if name.startswith(("cl_", "sv_")) and name != "sv_idle" and value}
        if busy:
            found.append(f"pool {row['database']}/{row['user']}: {busy}")
    found += [f"client {row['id']} of {row['user']} is {row['state']}, "
              f"named {row['application_name']!r}" for row in tables["clients"]]
    lists = {row["list"]: row["items"] for row in tables["lists"]}
    found += [f"{name} is {lists[name]}" for name in ("used_clients", "login_clients")
              if lists[name]]
    shown = {row["remote_pid"] for row in tables["servers"]}
    there = {pid for pid, _, _ in backends}
    if shown != there:
        found.append(f"only in pg_stat_activity: {sorted(there - shown)}, "
                     f"only in SHOW SERVERS: {sorted(shown - there)}")
    found += [f"backend {pid} is {state}: {query}" for pid, state, query in backends
              if state != "idle"]
    return found


def settle(console, postgres):
    """Waits until nothing is in use; what is left then, and the last tables."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while True:
        tables = console.all()
        backends = postgres.execute("select pid, state, left(query, 80) from pg_stat_activity "
                                    "where usename in ('alice', 'bob')")
        left = unsettled(tables, backends)
        if not left or time.monotonic() > deadline:
            return left, tables
        time.sleep(0.1)


def judge_counters(sums, counted):
    """What clients know to have been done has to be counted."""
    pairs = (("query_count", "statements"), ("xact_count", "xacts"),
             ("client_login_count", "logins"))
    return [f"{name} = {sums[name]} is less than the {counted[known]} {known} that clients "
            "counted" for name, known in pairs if sums[name] < counted[known]]


def judge_money(postgres):
    """No transaction was halved: pgbench's sums, and the bank's."""
    (row,) = postgres.execute(
        "select (select sum(abalance) from pgbench_accounts),"
        " (select sum(tbalance) from pgbench_tellers), (select sum(bbalance) from"
        " pgbench_branches), (select coalesce(sum(delta), 0) from pgbench_history),"
        " (select sum(balance) from bank), (select count(*) from scratch)", world.DATABASE)
    sums = [int(value) for value in row]
    faults = []
    if len(set(sums[:4])) != 1:
        faults.append("pgbench's sums of accounts, tellers, branches and history differ: "
                      f"{sums[:4]}")
    if sums[4] != world.BANK_TOTAL:
        faults.append(f"the bank holds {sums[4]}, not {world.BANK_TOTAL}")
    if sums[5] != 0:
        faults.append(f"{sums[5]} rows of transactions that never ended are there")
    return faults


def judge_log(pooler, reloader):
    """Lines at level error other than the refused reloads."""
    lines = reloads.error_lines(pooler)
    allowed = reloader.allowed_errors if reloader else 0
    if len(lines) == allowed:
        return []
    return [f"{len(lines)} error lines in pglynx's log, {allowed} are those of refused reloads"] + [
        f"log: {line}" for line in lines
        if reloads.REFUSED not in line and pooler.config_path not in line][:SHOWN_MAX]


def end_pooler(pooler):
    """SIGTERM has to end it with 0, with a client there too. A fault or None, and seconds."""
    idle = pooler.connect(world.DATABASE, "alice")
    pooler.program.signal(signal.SIGTERM)
    begin = time.monotonic()
    try:
        status = pooler.program.process.wait(world.SHUTDOWN_TIMEOUT + 2)
    except subprocess.TimeoutExpired:
        return f"SIGTERM did not end pglynx within {world.SHUTDOWN_TIMEOUT + 2} s", None
    try:
        idle.close()
    except psycopg2.Error:
        pass
    fault = None if status == 0 else f"pglynx ended with status {status}"
    return fault, round(time.monotonic() - begin, 3)


def table(title, figures):
    """For a person."""
    print(f"\n{title}")
    for name, value in figures.items():
        text = value if isinstance(value, str) else json.dumps(value)
        print(f"  {name:<34} {text}")


def keep(directory, result, timeline, logs, keep_logs):
    """The result always; the logs when they are needed. `logs`: paths."""
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    with open(f"{directory}/result.json", "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    if not keep_logs:
        return
    with open(f"{directory}/timeline.txt", "w", encoding="utf-8") as file:
        file.write("\n".join(timeline.lines()) + "\n")
    for path in logs:
        shutil.copyfile(path, f"{directory}/{os.path.basename(path)}")

"""Checks of predecessor.py: bans, replicas that fail, cancels and waits."""

import contextlib
import threading

import wire
from checks import Wrong, ask, check, error_of, expect, seconds_of
from harness import wait_until

WHO = "select server from place"
CONNECT_TIMEOUT = 2
QUERY_WAIT_TIMEOUT = 1
# What a machine that others use may take for what needs no time.
AT_ONCE = 0.8


def waiting(stage, pool):
    """How many clients wait for servers of it."""
    return sum(int(row["cl_waiting"]) for row in stage.pooler.console("SHOW POOLS")
               if row["database"].startswith(f"{pool}_shard_"))


@check("a replica that refuses costs nobody a connect_timeout, and its reads go to the other")
def refused_replica(stage):
    with stage.client("refused") as client:
        for _ in range(20):
            seconds, rows = seconds_of(ask, client, WHO)
            expect((rows, seconds < AT_ONCE), ([("replica",)], True), f"{seconds:.2f} s")
    expect(stage.strangers["refused"].port in stage.bans(), True)


@check("the only replica stays banned while it is down, for all, and the primary takes its reads")
def only_replica(stage):
    stranger = stage.strangers["single"]
    for user in ("app", "app", "other"):
        with stage.client("single", user) as client:
            for _ in range(30):
                seconds, rows = seconds_of(ask, client, WHO)
                expect((rows, seconds < AT_ONCE), ([("primary",)], True), f"{seconds:.2f} s")
    expect(stranger.connects <= 2, True, f"{stranger.connects} connects")
    rows = [row for row in stage.pooler.console("SHOW BANS") if row["port"] == stranger.port]
    expect([(row["database"], row["shard"], row["role"], row["reason"]) for row in rows],
           [("single", 0, "replica", "connect refused")])


@check("reads of three replicas that say nothing end in one ERROR that names each, in time")
def silent_replicas(stage):
    with stage.client("silent") as client:
        seconds, error = seconds_of(error_of, client, WHO)
        if seconds > CONNECT_TIMEOUT + 1:
            raise Wrong(f"{seconds:.1f} s with connect_timeout = {CONNECT_TIMEOUT} s: {error}")
        expect((error.pgcode, error.diag.severity), ("08001", "ERROR"))
        for stranger in stage.strangers["silent"]:
            expect(str(stranger.port) in str(error), True, str(error))
        expect(ask(client, "SET SERVER ROLE TO 'primary'"), "SET SERVER ROLE")
        expect(ask(client, WHO), [("primary",)])


@check("a shard that is down when pglynx starts is its own matter")
def shard_down(stage):
    with stage.client("partial") as client:
        for shard in (0, 2, 0, 2):
            ask(client, f"SET SHARD TO {shard}")
            expect(ask(client, "select shard from place"), [(shard,)])
        ask(client, "SET SHARD TO 1")
        seconds, error = seconds_of(error_of, client, WHO)
        expect((error.pgcode, str(stage.strangers["partial"].port) in str(error),
                seconds < AT_ONCE), ("08001", True, True), f"{error} in {seconds:.2f} s")


@check("an operator's ban of all replicas holds until UNBAN, is of one port, and writes go on")
def operator_bans(stage):
    ports = [stage.primary.port, stage.replica.port]
    with stage.client("sticky") as client:
        for port in ports:
            stage.pooler.console(f"BAN 127.0.0.1:{port} 600")
        try:
            ask(client, "SET SHARD TO 0")
            expect(ask(client, WHO), [("primary",)])
            ask(client, "SET SERVER ROLE TO 'replica'")
            seconds, error = seconds_of(error_of, client, WHO)
            expect((error.pgcode, seconds < AT_ONCE), ("08001", True), f"{error}, {seconds:.2f} s")
            own = {row["port"] for row in stage.pooler.console("SHOW BANS")
                   if row["reason"] == "admin"}
            expect(own, set(ports))
            stage.pooler.console(f"UNBAN 127.0.0.1:{stage.replica.port}")
            expect(ask(client, WHO), [("replica",)])
        finally:
            for port in ports:
                stage.pooler.console(f"UNBAN 127.0.0.1:{port}")


@check("a backend that is ended in a transaction has its own last word, and bans nobody")
def last_word(stage):
    with contextlib.closing(wire.Connection(
            stage.pooler.port, wire.startup({"user": "app", "database": "sticky"}))) as client:
        def told(sql):
            client.send(wire.query(sql) if sql else b"")
            client.read_until(lambda replies: any(kind == "Z" for kind, _ in replies), 10)
            return client.take()

        told("")
        told("SET SHARD TO 0")
        told("SET SERVER ROLE TO 'replica'")
        told("begin")
        told(WHO)
        [process] = stage.backends(stage.replica, "state = 'idle in transaction'")
        stage.replica.execute(f"select pg_terminate_backend({process})")
        client.read_until(lambda replies: wire.END in replies, 10)
        replies = client.take()
        expect([kind for kind, _ in replies], ["E", "EOF"])
        expect(b"C57P01\0" in replies[0][1], True, str(replies))
    expect(stage.replica.port in stage.bans(), False)


@check("connections that a server closes while they are idle are nobody's error, and ban nobody")
def idle_closed(stage):
    with stage.client("sticky") as client:
        ask(client, "SET SHARD TO 0")
        ask(client, "SET SERVER ROLE TO 'replica'")
        for _ in range(5):
            expect(ask(client, WHO), [("replica",)])
            for process in stage.backends(stage.replica):
                stage.replica.execute(f"select pg_terminate_backend({process})")
            wait_until(lambda: not stage.backends(stage.replica), "the backends to end")
    expect(stage.replica.port in stage.bans(), False)


@check("a statement that pglynx times out ends at the server, as 57014, and bans nobody")
def timed_out(stage):
    with stage.client("timed") as client:
        for role in ("primary", "replica"):
            ask(client, f"SET SERVER ROLE TO '{role}'")
            expect(ask(client, "select pg_sleep(30), server from place"), "57014")
            expect(ask(client, WHO), [(role,)])
    for server in (stage.primary, stage.replica):
        expect(stage.backends(server, "state = 'active' and query like '%pg_sleep(30)%'"), [])
        expect(server.port in stage.bans(), False)


@check("a cancel reaches the server of its client, and one that still waits in line")
def cancels(stage):
    with stage.client("narrow") as first, stage.client("narrow") as second:
        answers = {}

        def sleep(name, client):
            answers[name] = ask(client, "select pg_sleep(20), server from place")

        for client in (first, second):
            ask(client, "SET SERVER ROLE TO 'replica'")
        threads = [threading.Thread(target=sleep, args=arguments, daemon=True)
                   for arguments in (("first", first), ("second", second))]
        threads[0].start()
        wait_until(lambda: stage.backends(stage.replica, "query like '%pg_sleep(20)%' and "
                                                         "state = 'active'"), "the first to run")
        threads[1].start()
        wait_until(lambda: waiting(stage, "narrow"), "the second to wait")
        second.cancel()
        threads[1].join(10)
        expect(answers, {"second": "57014"})
        first.cancel()
        threads[0].join(10)
        expect(answers, {"second": "57014", "first": "57014"})


@check("a pool that is full says so: no ban, no other error than that of a server that is down")
def full_pool(stage):
    with stage.client("narrow") as holder, stage.client("narrow") as client:
        ask(holder, "begin")
        expect(ask(holder, WHO), [("primary",)])
        seconds, error = seconds_of(error_of, client, WHO)
        expect((error.pgcode, "pool_size = 1" in str(error)), ("53300", True), str(error))
        expect(QUERY_WAIT_TIMEOUT <= seconds < QUERY_WAIT_TIMEOUT + AT_ONCE, True,
               f"{seconds:.2f} s")
        ask(holder, "commit")
        expect(ask(client, WHO), [("primary",)])
    expect(stage.primary.port in stage.bans(), False)


@check("reads go round the servers, one after the other")
def round_robin(stage):
    with stage.client("sticky") as client:
        ask(client, "SET SHARD TO 1")
        ask(client, "SET SERVER ROLE TO 'any'")
        # While one opens its first connection the other serves.
        wait_until(lambda: len({ask(client, WHO)[0][0] for _ in range(2)}) == 2, "both to serve")
        found = [ask(client, WHO)[0][0] for _ in range(20)]
    expect(sorted(found[:2]) * 10, [name for pair in zip(found[::2], found[1::2])
                                    for name in sorted(pair)])


@check("whoever waits for a login gets a connection that is idle elsewhere when that login fails")
def idle_elsewhere(stage):
    stranger = stage.strangers["idle"]
    with stage.client("idle") as client:
        seconds, rows = seconds_of(lambda: [ask(client, WHO) for _ in range(4)])
    expect((rows, seconds < AT_ONCE), ([[("replica",)]] * 4, True), f"{seconds:.1f} s")
    expect(stranger.port in stage.bans(), True)


@check("a client that waits for a login at a silent server keeps nobody from idle connections")
def idle_behind(stage):
    with stage.client("hung") as first, stage.client("hung") as second:
        expect(ask(second, WHO), [("replica",)])  # and its connection is idle now
        for _ in range(2):
            thread = threading.Thread(target=ask, args=(first, WHO), daemon=True)
            thread.start()
            thread.join(AT_ONCE / 2)
            if thread.is_alive():
                break  # the silent one has its turn
        seconds, rows = seconds_of(ask, second, WHO)
        thread.join()
    expect((rows, seconds < AT_ONCE), ([("replica",)], True), f"{seconds:.1f} s")


@check("who waits while a server is banned gets its idle connection when the ban is lifted")
def unban_serves(stage):
    with stage.client("narrow") as holder, stage.client("narrow") as client:
        for role in ("replica", "any"):  # and the replica has an idle connection
            ask(client, f"SET SERVER ROLE TO '{role}'")
            ask(client, WHO)
        ask(holder, "begin")
        expect(ask(holder, WHO), [("primary",)])
        stage.pooler.console(f"BAN 127.0.0.1:{stage.replica.port} 600")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(ask(client, WHO)), daemon=True)
        thread.start()
        try:
            wait_until(lambda: waiting(stage, "narrow"), "the client to wait")
        finally:
            stage.pooler.console(f"UNBAN 127.0.0.1:{stage.replica.port}")
        thread.join()
    expect(answers, [[("replica",)]])

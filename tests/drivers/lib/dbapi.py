"""What psycopg2 and psycopg 3 have in common: a client of the DB-API, and steps that both walk
through. The drivers differ in what they send for the same call, which is the point.
"""

import threading

from transcript import ROUNDS, Verbatim, rotated

ROWS = 3000


class Client:
    """One logical client with one connection; the drivers' scripts derive theirs from it."""

    Error = None      # the driver's class of errors
    own_steps = ()    # what only this driver has

    def __init__(self, number, transcript):
        self.number = number
        self.say = transcript.say
        self.table = f"t{number}"
        self.round = 0
        self.conn = None

    def connect(self, **more):
        """A new connection, as the environment says."""
        raise NotImplementedError

    @staticmethod
    def sqlstate(error):
        """Of an error of the driver."""
        raise NotImplementedError

    def cancel(self):
        """Asks for the end of what the connection does; called from another thread."""
        self.conn.cancel()

    @staticmethod
    def notices(conn):
        """What the server has remarked since the last call."""
        raise NotImplementedError

    def failed(self, label, error):
        """Writes down an error with all that a user sees of it."""
        diag = error.diag
        parts = [f"{name}={getattr(diag, name)!r}" for name in (
            "severity", "message_detail", "message_hint", "statement_position", "context",
            "schema_name", "table_name", "column_name", "constraint_name")
            if getattr(diag, name)]
        self.say(label, Verbatim(f"-> {type(error).__name__} {self.sqlstate(error)} "
                                 f"{str(error).strip()} {' '.join(parts)}"))

    def run(self, sql, parameters=None, conn=None, **options):
        """Executes, writes down everything that came back and returns the rows."""
        conn = conn or self.conn
        label = Verbatim(sql.replace("\n", " "))
        try:
            cursor = conn.cursor()
            cursor.execute(sql, parameters, **options)
            columns = [(c.name, c.type_code if c.type_code < 10000 else "own")
                       for c in cursor.description or ()]
            rows = cursor.fetchall() if columns else None
            self.say(label, cursor.statusmessage, cursor.rowcount, columns, rows)
            return rows
        except self.Error as error:
            self.failed(label, error)
            return None
        finally:
            for notice in self.notices(conn):
                self.say("notice", notice)

    def autocommit(self, on):
        """Switches, with no transaction open."""
        self.conn.autocommit = on

    def walk(self, steps):
        """All steps in every round, on one connection."""
        self.conn = self.connect()
        self.autocommit(True)
        create(self)
        for self.round in range(ROUNDS):
            for step in rotated(list(steps) + list(self.own_steps), self.number):
                self.say(f"== {step.__name__}", self.round)
                self.autocommit(True)
                step(self)
        self.conn.close()


def create(client):
    """The tables of this client, and the functions that hide what they do."""
    client.run(f"create table {client.table} (id int primary key, name text unique, n numeric)")
    client.run(f"create table {client.table}_wide (id int, payload bytea, tags text[], j jsonb)")
    n = client.number
    client.run(f"create function quiet_lock{n}(key bigint) returns void language plpgsql "
               "as 'begin perform pg_advisory_lock(key); end'")
    client.run(f"create function remark{n}(word text) returns int language plpgsql "
               "as 'begin raise notice ''word %'', word; return 1; end'")


def reported(client):
    """What a login reports and what SHOW says agree."""
    for name in ("server_encoding", "client_encoding", "TimeZone", "DateStyle", "IntervalStyle",
                 "search_path", "application_name", "standard_conforming_strings",
                 "integer_datetimes", "is_superuser", "session_authorization", "server_version",
                 "statement_timeout", "work_mem", "transaction_isolation"):
        client.run(f"show {name}")
    client.run("select current_user, session_user, current_database(), current_schema()")


def values(client):
    """Types there and back."""
    client.run("select %s::int, %s::bigint, %s::float8, %s::numeric, %s::bool",
               (client.number, 2**40, 1.5, "12345678901234567890.123456789", True))
    client.run("select %s::text, %s::text, %s::bytea",
               ("O'Reilly \\ ü €", None, b"\x00\x01\xff"))
    client.run("select %s::int[], %s::text[]", ([1, None, 3], ["a,b", 'c"d', None, ""]))
    client.run("select %s::timestamptz, %s::timestamp, %s::date, %s::interval",
               ("2024-02-29 12:00:00+02", "2024-02-29 12:00:00", "0044-03-15", "1 day 02:03:04"))
    client.run("select %s::jsonb, %s::json, '{1,2}'::int[] as a, 'NaN'::numeric as nan",
               ('{"b": [1, 2], "a": null}', "[1, {}]"))
    client.run("select 1 as a, 2 as a, null as b, 'x'::name, 1::\"char\", '1.2.3.4/24'::inet, "
               "'[1,5)'::int4range, '7b1e2a10-0000-4000-8000-000000000000'::uuid")
    client.run("select")
    client.run("")
    client.run("select 1 where false")


def errors(client):
    """Errors, and a connection that lives on."""
    table = client.table
    client.run(f"delete from {table}")
    client.run(f"insert into {table} values (1, 'one', 1.0)")
    failing = [(f"insert into {table} values (%s, %s, %s)", (1, "again", 2)),
               (f"insert into {table} values (%s, %s, %s)", (2, "one", 2)),
               ("selec 1", None), ("select 1 / %s", (0,)), ("select * from not_there", None),
               (f"select nope from {table}", None), ("select %s::int", ("no number",)),
               ("select 1/0 from generate_series(1, 3)", None), ("select not_there(1)", None),
               ("execute not_there", None), ("fetch 1 from not_there", None),
               ("set no_such_setting = 1", None), ("set TimeZone = 'Nowhere/City'", None),
               ("release savepoint not_there", None)]
    for sql, parameters in failing:
        client.run(sql, parameters)
        client.run(f"select count(*) from {table} where id = %s", (1,))
    client.autocommit(False)
    for sql, parameters in failing[:6]:
        client.run(f"insert into {table} values (%s, %s, %s)", (9, "lost", 0))
        client.run(sql, parameters)
        client.run("select 1")  # 25P02
        client.conn.rollback()
    client.run(f"select count(*) from {table}")
    client.conn.commit()


def transactions(client):
    """COMMIT, ROLLBACK and savepoints, by the driver and by hand."""
    table = client.table
    client.run(f"delete from {table}")
    client.autocommit(False)
    client.run(f"insert into {table} values (%s, %s, %s)", (1, "kept", 1))
    client.conn.commit()
    client.run(f"insert into {table} values (%s, %s, %s)", (2, "gone", 2))
    client.conn.rollback()
    client.run(f"insert into {table} values (%s, %s, %s)", (3, "kept too", 3))
    client.run("savepoint a")
    client.run(f"update {table} set n = n + 1")
    client.run("select 1/0")
    client.run("rollback to savepoint a")
    client.run("savepoint b")
    client.run(f"insert into {table} values (%s, %s, %s)", (4, "four", 4))
    client.run("release savepoint b")
    client.conn.commit()
    client.run(f"select * from {table} order by id")
    client.conn.commit()
    client.autocommit(True)
    for sql in ("begin", "select txid_current_if_assigned() is null", "begin", "commit",
                "commit", "rollback", "begin isolation level serializable read only",
                "show transaction_isolation", f"insert into {table} values (5, 'no', 5)", "end",
                "start transaction", "savepoint s", "rollback to s", "rollback and chain",
                "show transaction_isolation", "commit", f"select count(*) from {table}"):
        client.run(sql)


def settings(client):
    """Each client's own values, whoever had the server before."""
    n = client.number
    zones = ("Asia/Tokyo", "America/Lima", "UTC", "Africa/Cairo")
    for sql in (f"set statement_timeout = {10000 + n}", f"set search_path = s{n}, public",
                f"set TimeZone = '{zones[n % 4]}'", "set application_name = 'O''Reilly'",
                f"select set_config('app.owner', 'client {n}', false)", "set datestyle = german"):
        client.run(sql)
    look = ("select current_setting('statement_timeout'), current_setting('search_path'), "
            "current_setting('TimeZone'), current_setting('application_name'), "
            "current_setting('app.owner', true), current_setting('datestyle')")
    for _ in range(3):
        client.run(look)
        client.run("select '2024-02-29 12:00:00+00'::timestamptz::text, current_schemas(false)")
    client.autocommit(False)
    client.run("set statement_timeout = '77s'")
    client.run("set local work_mem = '3MB'")
    client.run("set local TimeZone = 'Europe/Oslo'")
    client.run("savepoint a")
    client.run("set search_path = pg_catalog")
    client.run("rollback to a")
    client.run(look + ", current_setting('work_mem')")
    client.conn.rollback()
    client.run(look + ", current_setting('work_mem')")
    client.run("set statement_timeout = '78s'")
    client.conn.commit()
    client.autocommit(True)
    client.run(look)
    client.run("set role app_reader")
    client.run("select current_user, session_user")
    client.run("reset role")
    client.run("set session characteristics as transaction isolation level repeatable read")
    client.run("show transaction_isolation")
    for sql in ("reset statement_timeout", look, "reset all", look, "set TimeZone to default",
                "show transaction_isolation", "select current_user"):
        client.run(sql)


def rows(client):
    """A few thousand rows in and out."""
    table = f"{client.table}_wide"
    client.run(f"truncate {table}")
    client.run(f"insert into {table} select i, decode(md5(i::text), 'hex'), array['a', i::text], "
               f"jsonb_build_object('i', i) from generate_series(1, {ROWS}) i")
    client.run(f"select * from {table} order by id")
    client.run("select repeat('x', %s)", (300000,))
    client.run(f"select count(*), sum(id) from {table} where id > %s", (ROWS // 2,))
    client.run(f"update {table} set j = null where id %% 2 = %s", (0,))
    client.run(f"delete from {table} where j is null returning id", ())


def many(client):
    """executemany, and one statement again and again."""
    table = client.table
    client.run(f"delete from {table}")
    cursor = client.conn.cursor()
    cursor.executemany(f"insert into {table} values (%s, %s, %s)",
                       [(i, f"name {i}", i / 4) for i in range(200)])
    client.say("executemany", cursor.rowcount)
    try:
        cursor.executemany(f"insert into {table} values (%s, %s, %s)",
                           [(i, f"more {i}", 0) for i in (300, 301, 5, 302)])
    except client.Error as error:
        client.failed("executemany twice", error)
    for i in range(12):
        client.run(f"select name, n from {table} where id = %s", (i,))
    client.run(f"select count(*), sum(n) from {table}")


def changed_table(client):
    """DDL between executions of a statement that the driver may have prepared."""
    table = f"{client.table}_changed"
    client.run(f"create table {table} as select 1 as a")
    for _ in range(7):
        client.run(f"select * from {table} where a = %s", (1,))
    client.run(f"alter table {table} add column b text default 'new'")
    client.run(f"select * from {table} where a = %s", (1,))
    client.run(f"select * from {table} where a = %s", (1,))
    client.run(f"alter table {table} alter column a type bigint")
    client.run(f"select * from {table} where a = %s", (1,))
    client.run(f"drop table {table}")
    client.run(f"select * from {table} where a = %s", (1,))


def sql_prepared(client):
    """PREPARE and friends as statements."""
    n = client.number
    for sql in (f"prepare mine as select {n} as n, $1::text as word", "execute mine('a')",
                "prepare mine as select 1", "execute mine('b')", "execute mine",
                "deallocate mine", "execute mine('c')",
                "prepare other (int) as select $1 + 1", "execute other(1)", "deallocate all",
                "execute other(1)", "deallocate prepare not_there", "discard plans"):
        client.run(sql)


def pins(client):
    """State that holds a server, short, and given back."""
    n, table = client.number, f"temp{client.number}"
    locks = ("select objid::int, granted from pg_locks where locktype = 'advisory' and "
             "pid = pg_backend_pid() order by objid")
    client.run("select pg_advisory_lock(%s)", (n,))
    client.run(locks)
    client.run("select pg_advisory_unlock(%s)", (n,))
    client.run("select pg_advisory_unlock(%s)", (n,))
    client.run("select pg_try_advisory_lock(%s, %s)", (n, 1))
    client.run("select pg_advisory_unlock_all()")
    client.run(locks)
    client.run(f"select quiet_lock{n}(%s)", (1000 + n,))
    client.run(locks)
    client.run("select pg_advisory_unlock(%s)", (1000 + n,))
    client.run(f"create temp table {table} (id int)")
    client.run(f"insert into {table} values (1), (2)")
    client.run(f"select sum(id), count(*) from {table}")
    client.run(f"drop table {table}")
    client.run(f"select * from {table}")
    client.run(f"declare kept{n} cursor with hold for select * from generate_series(1, 5) i")
    client.run(f"fetch 2 from kept{n}")
    client.run(f"fetch 2 from kept{n}")
    client.run(f"close kept{n}")
    client.run(f"fetch 2 from kept{n}")
    client.autocommit(False)
    client.run("select pg_advisory_xact_lock(%s)", (n,))
    client.run(f"create temp table {table} on commit drop as select 7 as seven")
    client.run(f"select * from {table}")
    client.conn.commit()
    client.autocommit(True)
    client.run(locks)


def remarks(client):
    """Notices arrive with their statement."""
    client.run(f"select remark{client.number}(%s)", ("first",))
    client.run("do $$ begin raise warning 'from a block'; end $$")
    client.run("drop table if exists not_there")
    client.run("set client_min_messages = error")
    client.run(f"select remark{client.number}(%s)", ("silent",))
    client.run("reset client_min_messages")
    client.run(f"select remark{client.number}(%s)", ("again",))


def sequences(client):
    """currval in the transaction of its nextval."""
    client.run(f"create sequence if not exists seq{client.number}")
    client.autocommit(False)
    client.run(f"select nextval('seq{client.number}')")
    client.run(f"select currval('seq{client.number}'), lastval()")
    client.conn.commit()


def time_limit(client):
    """statement_timeout fires, here and nowhere else."""
    client.run("set statement_timeout = 150")
    client.run("select pg_sleep(%s)", (60,))
    client.run("reset statement_timeout")
    client.run("select pg_sleep(%s)", (0.2,))
    client.autocommit(False)
    client.run("set local statement_timeout = 150")
    client.run("select pg_sleep(60)")
    client.run("select 1")
    client.conn.rollback()
    client.run("show statement_timeout")
    client.conn.commit()


def canceled(client):
    """A cancel ends the statement, in time, and only this one."""
    ended = threading.Event()
    thread = threading.Thread(target=cancel_until, args=(client, ended))
    thread.start()
    client.run("select pg_sleep(60)")
    ended.set()
    thread.join()
    client.run("select 'after the cancel'")


def cancel_until(client, ended):
    """Cancels until the statement has ended: the first cancel may come before it begins."""
    while not ended.wait(0.1):
        client.cancel()


def connections(client):
    """Connections that come and go, some of them without a word."""
    for i in range(5):
        conn = client.connect(application_name=f"short {client.number} {i}")
        client.run("select current_setting('application_name'), current_setting('TimeZone')",
                   conn=conn)
        if i % 2:
            client.run("set TimeZone = 'Asia/Tokyo'", conn=conn)
            client.run("insert into not_there values (1)", conn=conn)
        conn.close()
    conn = client.connect(options="-c TimeZone=Asia/Kolkata -c app.owner=O\\'Reilly\\ II "
                                  "--work-mem=5MB")
    client.run("select current_setting('TimeZone'), current_setting('app.owner'), "
               "current_setting('work_mem')", conn=conn)
    client.run("set TimeZone = 'UTC'; reset TimeZone", conn=conn)
    client.run("reset all", conn=conn)
    client.run("select current_setting('TimeZone'), current_setting('app.owner'), "
               "current_setting('work_mem')", conn=conn)
    conn.close()
    for bad in ("-c no_such_setting=1", "-c work_mem=plenty"):
        try:
            client.connect(options=bad).close()
            client.say("connected with", bad)
        except client.Error as error:
            text = str(error).strip().rsplit("FATAL:", maxsplit=1)[-1]
            client.say("refused", bad, Verbatim(text))


STEPS = [reported, values, errors, transactions, settings, rows, many, changed_table,
         sql_prepared, pins, remarks, sequences, time_limit, canceled, connections]

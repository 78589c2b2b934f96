"""psycopg2: the simple protocol only, values put in by the client, BEGIN ahead of statements."""

import io
import sys

import psycopg2
import psycopg2.extras
import psycopg2.pool

import dbapi
import transcript

VERSION = f"psycopg2 {psycopg2.__version__.split()[0]}, libpq {psycopg2.extensions.libpq_version()}"


class Client(dbapi.Client):
    """One connection of psycopg2."""

    Error = psycopg2.Error

    def connect(self, **more):
        return psycopg2.connect("", **more)

    @staticmethod
    def sqlstate(error):
        return error.pgcode

    @staticmethod
    def notices(conn):
        seen, conn.notices[:] = list(conn.notices), []
        return seen


def parameters(client):
    """ParameterStatus as it follows the settings."""
    names = ("server_encoding", "client_encoding", "TimeZone", "DateStyle", "application_name",
             "standard_conforming_strings", "is_superuser", "session_authorization",
             "in_hot_standby", "default_transaction_read_only")
    client.say("reported", [client.conn.get_parameter_status(name) for name in names])
    client.run(f"set application_name = 'psycopg2 of {client.number}'")
    client.run("set TimeZone = 'Asia/Tokyo'; set default_transaction_read_only = on")
    client.say("reported", [client.conn.get_parameter_status(name) for name in names])
    client.run("reset all")
    client.say("reported", [client.conn.get_parameter_status(name) for name in names])
    client.conn.set_client_encoding("LATIN1")
    client.run("select %s", ("ü",))
    client.conn.set_client_encoding("UTF8")
    client.run("select %s", ("ü €",))


def copies(client):
    """COPY in both directions, and one that fails on its way."""
    table = client.table
    client.run(f"delete from {table}")
    cursor = client.conn.cursor()
    data = "".join(f"{i}\tname {i}\t{i}.5\n" for i in range(2000))
    cursor.copy_expert(f"copy {table} from stdin", io.StringIO(data))
    client.say("copied in", cursor.rowcount)
    out = io.StringIO()
    cursor.copy_expert(f"copy (select * from {table} order by id) to stdout csv header", out)
    client.say("copied out", cursor.rowcount, len(out.getvalue()), out.getvalue()[:60])
    cursor.copy_from(io.StringIO("5000\tby copy_from\t1\n"), table)
    client.say("copied in", cursor.rowcount)
    for bad in ("1\tagain\t1\n", "no number\tx\t1\n", "1\n"):
        try:
            cursor.copy_expert(f"copy {table} from stdin", io.StringIO(bad))
        except psycopg2.Error as error:
            client.failed("copy", error)
    client.run(f"select count(*), max(id) from {table}")


def cursors(client):
    """Named cursors, in a transaction and held beyond it."""
    client.autocommit(False)
    with client.conn.cursor(name=f"named{client.number}") as cursor:
        cursor.itersize = 100
        cursor.execute("select i, %s from generate_series(1, 350) i", ("word",))
        rows = list(cursor)
        client.say("named", len(rows), rows[-1])
    with client.conn.cursor(name=f"scroll{client.number}", scrollable=True) as cursor:
        cursor.execute("select * from generate_series(1, 50) i")
        client.say("scroll", cursor.fetchmany(3))
        cursor.scroll(-2)
        client.say("scroll", cursor.fetchone())
        cursor.scroll(40, mode="absolute")
        client.say("scroll", cursor.fetchall())
    client.conn.commit()
    with client.conn.cursor(name=f"held{client.number}", withhold=True) as cursor:
        cursor.execute("select * from generate_series(1, 50) i")
        client.say("held", cursor.fetchmany(3))
        client.conn.commit()
        client.say("held", cursor.fetchmany(3))
        client.conn.commit()
    client.conn.commit()


def sessions(client):
    """set_session, which speaks when the next transaction begins, and reset()."""
    conn = client.conn
    conn.set_session(isolation_level="SERIALIZABLE", readonly=True, autocommit=False)
    client.run("show transaction_isolation")
    client.run(f"insert into {client.table} values (900, 'read only', 0)")
    conn.rollback()
    conn.set_session(isolation_level="DEFAULT", readonly="DEFAULT", autocommit=True)
    client.run("show transaction_isolation")
    conn.set_session(isolation_level="REPEATABLE READ", readonly=True)
    client.run("show default_transaction_isolation")
    client.run("show transaction_read_only")
    conn.set_session(isolation_level="DEFAULT", readonly="DEFAULT", autocommit=True)
    client.run("show default_transaction_isolation")
    client.run("set work_mem = '2MB'")
    conn.reset()
    client.autocommit(True)
    client.run("show work_mem")


def batches(client):
    """Many statements in one message, and what an error undoes of it."""
    table = client.table
    client.run(f"delete from {table}")
    cursor = client.conn.cursor()
    psycopg2.extras.execute_values(
        cursor, f"insert into {table} values %s", [(i, f"v{i}", i) for i in range(250)])
    psycopg2.extras.execute_batch(
        cursor, f"update {table} set n = %s where id = %s", [(i * 2, i) for i in range(250)])
    client.run(f"select count(*), sum(n) from {table}")
    client.run(f"delete from {table} where id = 1; select 1/0; delete from {table}")
    client.run(f"begin; delete from {table} where id = 2; commit; select count(*) from {table}")
    client.run(f"insert into {table} values (1001, 'x', 1); begin; insert into {table} "
               "values (1002, 'y', 1); select 1/0")
    client.run("select 1")
    client.run("rollback")
    client.run(f"select count(*), sum(n) from {table}")
    client.run("set TimeZone = 'Asia/Tokyo'; show TimeZone; select 1 as last")
    client.run("show TimeZone")
    client.run("set TimeZone = 'Asia/Seoul'; select 1/0")
    client.run("show TimeZone")
    client.run("reset TimeZone")


def listens(client):
    """Notifications, of one's own, and none after UNLISTEN."""
    channel = f"channel{client.number}"
    client.run(f"listen {channel}")
    client.run("select pg_notify(%s, %s)", (channel, "one"))
    client.run(f"notify {channel}, 'two'")
    client.run("select 1")
    client.conn.poll()
    client.say("notified", [(n.channel, n.payload) for n in client.conn.notifies])
    client.conn.notifies.clear()
    client.run(f"unlisten {channel}")
    client.run("select pg_notify(%s, %s)", (channel, "unheard"))
    client.run("select 1")
    client.say("notified", [(n.channel, n.payload) for n in client.conn.notifies])


def large_objects(client):
    """The functions that libpq calls by FunctionCall, in a transaction."""
    client.autocommit(False)
    large = client.conn.lobject(0, "wb")
    client.say("written", large.write(b"large object " * 5000))
    large.seek(13)
    large.close()
    again = client.conn.lobject(large.oid, "rb")
    client.say("read", again.read(30), again.seek(0, 2))
    again.close()
    again.unlink()
    client.conn.commit()


def pools(client):
    """psycopg2's own pool: rollback on return."""
    pool = psycopg2.pool.ThreadedConnectionPool(1, 3, "")
    for i in range(6):
        conn = pool.getconn()
        client.run("select %s + 1", (i,), conn=conn)
        client.run("set local work_mem = '4MB'", conn=conn)
        client.run("show work_mem", conn=conn)
        if i == 3:
            client.run("select broken", conn=conn)
        pool.putconn(conn)
    conn = pool.getconn()
    client.run("show work_mem", conn=conn)
    pool.putconn(conn)
    pool.closeall()


def composites(client):
    """The driver's own look-ups in the catalogue."""
    client.run(f"create type pair{client.number} as (a int, b text)")
    kind = psycopg2.extras.register_composite(f"pair{client.number}", client.conn)
    client.run(f"select (1, 'x')::pair{client.number}")
    client.say("composite", kind.attnames, kind.atttypes)
    client.run(f"drop type pair{client.number}")
    conn = client.connect(connection_factory=psycopg2.extras.RealDictConnection)
    with conn, conn.cursor() as cursor:
        cursor.execute("select 1 as a, 'b' as b")
        client.say("dict", dict(cursor.fetchone()))
    conn.close()


Client.own_steps = (parameters, copies, cursors, sessions, batches, listens, large_objects, pools,
                    composites)


def run_client(number, lines):
    """One client from its first connection to its last."""
    Client(number, lines).walk(dbapi.STEPS)


if __name__ == "__main__":
    sys.exit(transcript.main(VERSION, run_client))

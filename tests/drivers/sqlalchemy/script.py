"""SQLAlchemy: Core and ORM over three drivers; each step runs with all of them.

asyncpg runs in asyncio, with the steps handed to run_sync(), as SQLAlchemy does it.
"""

import asyncio
import datetime
import decimal
import enum
import sys
import uuid

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import create_async_engine

import transcript
from transcript import ROUNDS, Verbatim, rotated

VERSION = f"SQLAlchemy {sa.__version__} (psycopg, psycopg2, asyncpg)"
DIALECTS = ("psycopg", "psycopg2", "asyncpg")


class Mood(enum.Enum):
    """A type of its own at the server."""

    SAD = 1
    HAPPY = 2


class Client:
    """One logical client with one dialect: its tables and classes."""

    def __init__(self, number, lines, dialect):
        self.number = number
        self.dialect = dialect
        self.lines = lines
        own = f"{dialect}_{number}"
        self.metadata = sa.MetaData()
        registry = orm.registry(metadata=self.metadata)

        class Author:
            """Has books."""
            __tablename__ = f"author_{own}"
            id = sa.Column(sa.Integer, primary_key=True)
            name = sa.Column(sa.String(80), unique=True)
            books = orm.relationship("Book", back_populates="author", order_by="Book.id",
                                     cascade="all, delete-orphan")

        class Book:
            """Has an author."""
            __tablename__ = f"book_{own}"
            id = sa.Column(sa.Integer, primary_key=True)
            title = sa.Column(sa.Text, index=True)
            author_id = sa.Column(sa.ForeignKey(f"author_{own}.id"))
            author = orm.relationship("Author", back_populates="books")

        self.Author, self.Book = registry.mapped(Author), registry.mapped(Book)
        self.kinds = sa.Table(
            f"kinds_{own}", self.metadata, sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("data", pg.JSONB), sa.Column("tags", pg.ARRAY(sa.Text)),
            sa.Column("price", sa.Numeric(20, 6)), sa.Column("raw", sa.LargeBinary),
            sa.Column("at", sa.DateTime(timezone=True)), sa.Column("key", sa.Uuid),
            sa.Column("mood", sa.Enum(Mood, name=f"mood_{own}")), sa.Column("gap", sa.Interval))

    def say(self, label, *values):
        """One line of the transcript."""
        self.lines.say(Verbatim(f"{self.dialect}: {label}"), *values)

    def failed(self, label, error):
        """An error as an application sees it."""
        cause = getattr(error, "orig", error)
        state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
        self.say(label, Verbatim(f"-> {type(error).__name__} {state} {cause}"),
                 getattr(error, "connection_invalidated", None))

    def run(self, conn, statement, parameters=None):
        """Executes text or an expression and writes down what came back."""
        label = statement if isinstance(statement, str) else "expression"
        statement = sa.text(statement) if isinstance(statement, str) else statement
        try:
            result = conn.execute(statement, parameters)
            rows = [tuple(row) for row in result] if result.returns_rows else result.rowcount
            self.say(label, rows)
            return rows
        except sa.exc.DBAPIError as error:
            self.failed(label, error)
            return None


def schema(client, conn):
    """Created, looked at and made again."""
    client.metadata.drop_all(conn)
    client.metadata.create_all(conn)
    client.metadata.create_all(conn)
    conn.commit()
    inspector = sa.inspect(conn)
    for table in (client.Book.__table__.name, client.kinds.name):
        client.say("columns", [(c["name"], str(c["type"])) for c in inspector.get_columns(table)])
        client.say("indexes", [i["name"] for i in inspector.get_indexes(table)])
        client.say("keys", inspector.get_pk_constraint(table)["constrained_columns"],
                   [k["referred_table"] for k in inspector.get_foreign_keys(table)])
    client.say("has", inspector.has_table("not_there"), inspector.has_table(client.kinds.name))
    client.say("dialect", conn.dialect.server_version_info[0] >= 13,
               conn.dialect.default_schema_name, conn.get_isolation_level())


def kinds(client, conn):
    """Types there and back."""
    conn.execute(client.kinds.delete())
    conn.execute(client.kinds.insert(), [
        {"id": 1, "data": {"a": [1, None, "ü"]}, "tags": ["x", 'y"', None],
         "price": decimal.Decimal("1234567.890123"), "raw": b"\x00\xff", "mood": Mood.HAPPY,
         "at": datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc),
         "key": uuid.UUID("7b1e2a10-0000-4000-8000-000000000000"),
         "gap": datetime.timedelta(days=1, seconds=5)},
        {"id": 2, "data": None, "tags": [], "price": None, "raw": b"", "mood": None,
         "at": None, "key": None, "gap": None}])
    client.run(conn, sa.select(client.kinds).order_by(client.kinds.c.id))
    client.run(conn, sa.select(client.kinds.c.data["a"][0], client.kinds.c.id).where(
        client.kinds.c.tags.contains(["x"])))
    upsert = pg.insert(client.kinds).values(id=2, price=5)
    client.run(conn, upsert.on_conflict_do_update(
        index_elements=["id"], set_={"price": upsert.excluded.price}).returning(
            client.kinds.c.id, client.kinds.c.price))
    conn.commit()
    client.run(conn, client.kinds.delete().where(client.kinds.c.id == 2))
    conn.rollback()
    client.run(conn, sa.select(sa.func.count()).select_from(client.kinds))


def objects(client, conn):
    """The unit of work, RETURNING, loading, savepoints."""
    author, book = client.Author, client.Book
    with orm.Session(conn) as session:
        session.execute(sa.delete(book))
        session.execute(sa.delete(author))
        session.add_all(author(name=f"author {i}", books=[
            book(title=f"book {i} {j}") for j in range(5)]) for i in range(60))
        session.commit()
    with orm.Session(conn) as session:
        found = session.scalars(sa.select(author).options(orm.selectinload(author.books))
                                .where(author.name.like("author 1%")).order_by(author.name)).all()
        client.say("loaded", [(a.name, [b.title for b in a.books]) for a in found[:3]], len(found))
        found[0].books.pop()
        found[1].name = "renamed"
        session.flush()
        try:
            with session.begin_nested():
                session.add(author(name="renamed"))
                session.flush()
        except sa.exc.IntegrityError as error:
            client.failed("nested", error)
        with session.begin_nested():
            session.add(author(name="after the error"))
        session.commit()
        locked = session.scalars(sa.select(author).where(author.name == "renamed")
                                 .with_for_update()).one()
        client.say("locked", locked.name, len(locked.books))
        session.rollback()
        client.say("counts", session.scalar(sa.select(sa.func.count()).select_from(author)),
                   session.scalar(sa.select(sa.func.count()).select_from(book)))
        session.delete(session.scalars(sa.select(author).where(author.name == "renamed")).one())
        session.commit()
        client.say("counts", session.scalar(sa.select(sa.func.count()).select_from(book)))


def bulk(client, conn):
    """Thousands of rows, in batches and as a stream."""
    book = client.Book
    conn.execute(sa.delete(book))
    ids = conn.execute(sa.insert(book).returning(book.title, sort_by_parameter_order=True),
                       [{"title": f"title {i}"} for i in range(2500)]).scalars().all()
    client.say("returned", ids)
    conn.execute(sa.update(book).where(book.title == sa.bindparam("old")).values(
        title=sa.bindparam("new")), [{"old": f"title {i}", "new": f"t {i}"} for i in range(50)])
    conn.commit()
    streamed = conn.execution_options(stream_results=True, yield_per=200).execute(
        sa.select(book.title).where(book.title.like("title%")).order_by(book.id))
    client.say("streamed", [len(part) for part in streamed.scalars().partitions()])
    client.run(conn, sa.select(sa.func.count()).where(book.title.like("t %")))
    conn.rollback()


def errors(client, conn):
    """Errors, and a connection that lives on."""
    for sql, parameters in (("selec 1", None), ("select 1 / :zero ::int", {"zero": 0}),
                            ("select * from not_there", None),
                            (f"insert into {client.Author.__table__.name} (id, name) "
                             "values (1, 'x'), (1, 'x')", None)):
        client.run(conn, sql.replace(" ::int", ""), parameters)
        client.run(conn, "select 1")
        conn.rollback()
        client.run(conn, "select 'lives'")
        conn.rollback()


def isolation(client, conn):
    """Levels of isolation for a connection, AUTOCOMMIT among them."""
    for level in ("SERIALIZABLE", "REPEATABLE READ", "AUTOCOMMIT", "READ COMMITTED"):
        conn.execution_options(isolation_level=level)
        client.run(conn, "show transaction_isolation")
        client.say("level", conn.get_isolation_level())
        conn.rollback()
    conn.execution_options(isolation_level="AUTOCOMMIT")
    client.run(conn, "select txid_current_if_assigned() is null")
    client.run(conn, f"select pg_advisory_lock({client.number})")
    client.run(conn, f"select pg_advisory_unlock({client.number})")


def settings(client, conn):
    """SET in and out of transactions."""
    n = client.number
    look = ("select current_setting('statement_timeout') a, current_setting('search_path') b, "
            "current_setting('TimeZone') c, current_setting('application_name') d, "
            "current_setting('work_mem') e")
    client.run(conn, f"set statement_timeout = {30000 + n}")
    client.run(conn, "set TimeZone = 'Asia/Tokyo'")
    client.run(conn, "set application_name = 'O''Reilly'")
    conn.commit()
    client.run(conn, look)
    client.run(conn, "set local work_mem = '3MB'")
    client.run(conn, f"set search_path = s{n}, public")
    client.run(conn, look)
    conn.rollback()
    client.run(conn, look)
    client.run(conn, "select '2024-02-29 12:00+00'::timestamptz::text")
    client.run(conn, "set local statement_timeout = 150")
    client.run(conn, "select pg_sleep(60)")
    conn.rollback()
    client.run(conn, look)
    client.run(conn, "reset all")
    conn.commit()
    client.run(conn, look)


def changed(client, conn):
    """DDL between executions, in transactions of their own."""
    table = f"changed_{client.dialect}_{client.number}"
    client.run(conn, f"create table {table} as select 1 as a")
    conn.commit()
    for _ in range(7):
        client.run(conn, f"select * from {table} where a = :a", {"a": 1})
        conn.commit()
    client.run(conn, f"alter table {table} add column b text default 'new'")
    conn.commit()
    try:
        row = conn.execute(sa.text(f"select a, b from {table} where a = :a"), {"a": 1}).one()
        client.say("by name", tuple(row))
    except sa.exc.DBAPIError as error:
        client.failed("by name", error)
    conn.rollback()
    client.run(conn, f"drop table {table}")
    conn.commit()


STEPS = [kinds, objects, bulk, errors, isolation, settings, changed]


def turns(client):
    """The steps of all rounds, with what comes before them."""
    yield 0, schema
    for turn in range(ROUNDS):
        for step in rotated(STEPS, client.number):
            yield turn, step


def blocking(client):
    """One client with a blocking driver: a pool, from which each step takes a connection."""
    engine = sa.create_engine(f"postgresql+{client.dialect}://", pool_size=2,
                              connect_args={"connect_timeout": 120})
    for turn, step in turns(client):
        client.say(f"== {step.__name__}", turn)
        with engine.connect() as conn:
            step(client, conn)
        if step is errors:
            engine.dispose()
    engine.dispose()


async def in_asyncio(client):
    """The same with asyncpg."""
    engine = create_async_engine("postgresql+asyncpg://", pool_size=2,
                                 connect_args={"timeout": 120})

    def call(conn, step):
        step(client, conn)
    for turn, step in turns(client):
        client.say(f"== {step.__name__}", turn)
        async with engine.connect() as conn:
            await conn.run_sync(call, step)
        if step is errors:
            await engine.dispose()
    await engine.dispose()


def run_client(number, lines):
    """One client: the three drivers one after another, each client in another order."""
    for dialect in rotated(list(DIALECTS), number):
        client = Client(number, lines, dialect)
        if dialect == "asyncpg":
            asyncio.run(in_asyncio(client))
        else:
            blocking(client)


if __name__ == "__main__":
    sys.exit(transcript.main(VERSION, run_client))

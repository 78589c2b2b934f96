"""Django: migrations, the ORM, iterator(), select_for_update(), transactions and settings.

Each client has a schema of its own, named in its connection's OPTIONS, and uses two aliases: as
Django binds by default, and with server_side_binding.
"""

import datetime
import decimal
import io
import os
import sys
import uuid

import django
from django.conf import settings

import transcript
from transcript import CLIENTS, ROUNDS, Verbatim, rotated

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def database(number, **options):
    """One entry of DATABASES: the schema of a client in OPTIONS, nothing for poolers."""
    return {"ENGINE": "django.db.backends.postgresql", "HOST": os.environ.get("PGHOST", ""),
            "PORT": os.environ.get("PGPORT", ""), "NAME": os.environ.get("PGDATABASE", "none"),
            "USER": os.environ.get("PGUSER", ""), "PASSWORD": os.environ.get("PGPASSWORD", ""),
            "CONN_MAX_AGE": None, "TIME_ZONE": None,
            "OPTIONS": {"options": f"-c search_path=c{number},public", **options}}


def databases():
    """`default` makes the schemas; c0, c1, … are the clients'."""
    result = {"default": database(0)}
    for number in range(CLIENTS):
        result[f"c{number}"] = database(number)
        result[f"bound{number}"] = database(number, server_side_binding=True)
        result[f"pool{number}"] = {**database(number, pool={"min_size": 1, "max_size": 2}),
                                   "CONN_MAX_AGE": 0}
    return result


settings.configure(
    DATABASES=databases(), USE_TZ=True, TIME_ZONE="America/Lima", SECRET_KEY="of a test",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "shop"])
django.setup()

# pylint: disable=wrong-import-position
import psycopg  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, connections, models, transaction  # noqa: E402
from shop.models import Customer, Order  # noqa: E402

VERSION = f"Django {django.get_version()}, psycopg {psycopg.__version__}"
NOON = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc)


class Client:
    """One logical client on one alias."""

    def __init__(self, number, lines, alias):
        self.number = number
        self.alias = alias
        self.lines = lines

    def say(self, label, *values):
        """One line of the transcript."""
        self.lines.say(Verbatim(f"{self.alias}: {label}"), *values)

    @property
    def connection(self):
        """Of this thread."""
        return connections[self.alias]

    @property
    def customers(self):
        """All customers of this client."""
        return Customer.objects.using(self.alias)

    @property
    def orders(self):
        """All orders of this client."""
        return Order.objects.using(self.alias)

    def failed(self, label, error):
        """An error as an application sees it."""
        state = getattr(error.__cause__, "sqlstate", None)
        self.say(label, Verbatim(f"-> {type(error).__name__} {state} {str(error).strip()}"))

    def run(self, sql, parameters=None):
        """SQL of the program's own."""
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                self.say(sql, cursor.fetchall() if cursor.description else cursor.rowcount)
        except DatabaseError as error:
            self.failed(sql, error)


def migrated(client):
    """Migrations forward and back, as `manage.py migrate` runs them."""
    for arguments in ([], ["shop", "0001"], [], ["shop", "zero"], []):
        out = io.StringIO()
        call_command("migrate", *arguments, database=client.alias, stdout=out, no_color=True,
                     interactive=False)
        client.say(f"migrate {' '.join(arguments)}", Verbatim(out.getvalue().strip()))
    out = io.StringIO()
    call_command("inspectdb", "shop_customer", database=client.alias, stdout=out)
    client.say("inspectdb", Verbatim(out.getvalue().strip()))
    client.say("tables", sorted(client.connection.introspection.table_names()))
    client.run("select count(*) from shop_customer where level = 2")
    client.run("select count(*) from auth_permission")


def objects(client):
    """Created, queried, changed; relations; errors of constraints."""
    client.orders.all().delete()
    client.customers.all().delete()
    customer = client.customers.create(name="O'Reilly", balance=decimal.Decimal("12.5"))
    order = client.orders.create(
        customer=customer, placed=NOON, details={"a": [1, None, "ü"]}, tags=["x", 'y"'],
        receipt=b"\x00\xff", key=uuid.UUID("7b1e2a10-0000-4000-8000-000000000000"),
        spent=datetime.timedelta(hours=3))
    order.refresh_from_db()
    client.say("order", order.placed, order.details, order.tags, bytes(order.receipt),
               str(order.key), order.spent)
    client.say("json", list(client.orders.filter(details__a__0=1, tags__contains=["x"])
                            .values_list("customer__name", flat=True)))
    try:
        client.customers.create(name="O'Reilly")
    except DatabaseError as error:
        client.failed("create", error)
    client.say("made", client.customers.get_or_create(name="new")[1],
               client.customers.get_or_create(name="new")[1],
               client.customers.update_or_create(name="new", defaults={"level": 5})[1])
    client.customers.bulk_create([Customer(name=f"customer {i}", level=i) for i in range(1500)],
                                 batch_size=400)
    client.customers.bulk_create([Customer(name="new", level=7)], update_conflicts=True,
                                 unique_fields=["name"], update_fields=["level"])
    client.say("updated", client.customers.filter(level__gte=1000).update(
        level=models.F("level") + 1, balance=3))
    client.say("aggregate", client.customers.aggregate(models.Sum("balance"), models.Max("level")))
    client.say("annotated", list(client.customers.annotate(n=models.Count("orders")).filter(
        n__gt=0).values_list("name", "n")))
    client.say("in bulk", len(client.customers.in_bulk()), client.customers.filter(
        name__icontains="99").exists())
    client.say("dates", [str(d) for d in client.orders.datetimes("placed", "hour")])


def iterated(client):
    """iterator(): a cursor WITH HOLD outside a transaction, a plain one inside."""
    names = client.customers.order_by("level", "name").values_list("name", flat=True)
    client.say("iterated", len(list(names.iterator(chunk_size=100))))
    first = []
    for name in names.iterator(chunk_size=50):
        first.append(name)
        if len(first) == 60:
            break
    client.say("left early", first)
    with transaction.atomic(using=client.alias):
        client.say("in a transaction", len(list(names.iterator(chunk_size=100))))
    total = 0
    for customer in client.customers.filter(level__lt=120).iterator(chunk_size=50):
        total += client.orders.filter(customer=customer).count() + 1
    client.say("with queries between", total)
    client.say("related", [c.orders.count() for c in client.customers.filter(
        name="O'Reilly").prefetch_related("orders").iterator(chunk_size=10)])


def transactions(client):
    """atomic(), savepoints, select_for_update(), on_commit."""
    done = []
    with transaction.atomic(using=client.alias):
        locked = client.customers.select_for_update().get(name="O'Reilly")
        locked.balance += 1
        locked.save()
        transaction.on_commit(lambda: done.append("committed"), using=client.alias)
        try:
            with transaction.atomic(using=client.alias):
                client.customers.create(name="lost")
                client.customers.create(name="O'Reilly")
        except DatabaseError as error:
            client.failed("inner", error)
        client.say("inside", client.customers.filter(name="lost").exists(), done)
    client.say("after", done, client.customers.get(name="O'Reilly").balance > 0)
    try:
        with transaction.atomic(using=client.alias):
            client.customers.all().delete()
            raise KeyError("given up by the program")
    except KeyError as error:
        client.say("rolled back", error.args, client.customers.count())
    with transaction.atomic(using=client.alias):
        client.say("skipping", list(client.customers.select_for_update(skip_locked=True).filter(
            level__lt=4).order_by("name").values_list("name", flat=True)))
        client.say("of self", client.orders.select_related("customer").select_for_update(
            of=("self",), no_key=True).count())
        transaction.set_rollback(True, using=client.alias)
    try:
        list(client.customers.select_for_update())
    except transaction.TransactionManagementError as error:
        client.say("refused", str(error))
    with client.connection.constraint_checks_disabled():
        client.run("set constraints all deferred")
    client.connection.check_constraints()
    transaction.set_autocommit(False, using=client.alias)
    client.customers.create(name="by hand")
    transaction.rollback(using=client.alias)
    transaction.set_autocommit(True, using=client.alias)
    client.say("by hand", client.customers.filter(name="by hand").exists())


def own_settings(client):
    """What Django sets at connect, and what the program sets."""
    look = ("select current_setting('TimeZone'), current_setting('search_path'), "
            "current_setting('statement_timeout'), current_setting('client_encoding')")
    client.run(look)
    client.run("select '2024-02-29 12:00+00'::timestamptz::text")
    client.run("set statement_timeout = 40123")
    client.run(look)
    with transaction.atomic(using=client.alias):
        client.run("set local TimeZone = 'Asia/Tokyo'")
        client.run(look)
    client.run(look)
    with transaction.atomic(using=client.alias):
        client.run("set local statement_timeout = 150")
        try:
            with transaction.atomic(using=client.alias), client.connection.cursor() as cursor:
                cursor.execute("select pg_sleep(60)")
        except DatabaseError as error:
            client.failed("pg_sleep", error)
    client.connection.close()
    client.run(look)
    for sql in ("selec 1", "select 1/0", "select * from not_there"):
        client.run(sql)
    client.run("select %s, %s", ["lives", 1])
    client.say("usable", client.connection.is_usable())


STEPS = [objects, iterated, transactions, own_settings]


def make_schemas():
    """Ahead of the clients."""
    with connections["default"].cursor() as cursor:
        for number in range(CLIENTS):
            cursor.execute(f"create schema c{number}")
    connections["default"].close()


def run_client(number, lines):
    """One client: its migrations, then all steps, in each round on another of its aliases."""
    migrated(Client(number, lines, f"c{number}"))
    for turn in range(ROUNDS):
        kind = ("c", "bound", "pool")[(number + turn) % 3]
        client = Client(number, lines, f"{kind}{number}")
        objects(client)  # the others need its rows
        for step in rotated(STEPS, number):
            client.say(f"== {step.__name__}", turn)
            step(client)
        if kind == "pool":
            client.connection.close()
            client.connection.close_pool()
    connections.close_all()


if __name__ == "__main__":
    sys.exit(transcript.main(VERSION, run_client, before=make_schemas))

"""Rows by Python, then columns and constraints on the table that has them."""

from django.db import migrations, models


def first_customers(apps, schema_editor):
    """Rows through the historical model, in the transaction of the migration."""
    customer = apps.get_model("shop", "Customer")
    customer.objects.using(schema_editor.connection.alias).bulk_create(
        customer(name=f"migrated {i}") for i in range(20))


def no_customers(apps, schema_editor):
    """The way back."""
    customer = apps.get_model("shop", "Customer")
    customer.objects.using(schema_editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    """A level for each customer."""

    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.RunPython(first_customers, no_customers),
        migrations.AddField("Customer", "level", models.IntegerField(default=1)),
        migrations.AlterField("Customer", "name", models.CharField(max_length=80, unique=True)),
        migrations.RunSQL("update shop_customer set level = 2 where name like '%% 1%%'",
                          migrations.RunSQL.noop),
    ]

"""The tables."""

import django.db.models.deletion
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):
    """Customers and their orders."""

    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel("Customer", [
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=80)),
            ("balance", models.DecimalField(max_digits=20, decimal_places=4, default=0))]),
        migrations.CreateModel("Order", [
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("customer", models.ForeignKey("shop.Customer", related_name="orders",
                                           on_delete=django.db.models.deletion.CASCADE)),
            ("placed", models.DateTimeField()),
            ("details", models.JSONField(default=dict)),
            ("tags", ArrayField(models.TextField(), default=list)),
            ("receipt", models.BinaryField(null=True)),
            ("key", models.UUIDField(null=True)),
            ("spent", models.DurationField(null=True))]),
    ]

"""An index that is made outside a transaction."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """CREATE INDEX CONCURRENTLY."""

    atomic = False
    dependencies = [("shop", "0002_levels")]
    operations = [AddIndexConcurrently(
        "Customer", models.Index(fields=["level"], name="shop_customer_level"))]

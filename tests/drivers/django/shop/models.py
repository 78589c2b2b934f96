"""A customer with orders, and a bit of everything that PostgreSQL has."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Customer(models.Model):
    """Has orders."""

    name = models.CharField(max_length=80, unique=True)
    balance = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    level = models.IntegerField(default=1)

    class Meta:
        indexes = [models.Index(fields=["level"], name="shop_customer_level")]


class Order(models.Model):
    """Of a customer."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="orders")
    placed = models.DateTimeField()
    details = models.JSONField(default=dict)
    tags = ArrayField(models.TextField(), default=list)
    receipt = models.BinaryField(null=True)
    key = models.UUIDField(null=True)
    spent = models.DurationField(null=True)

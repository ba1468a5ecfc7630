"""Counts that only grow, for the monitoring: the history they come from is pruned."""

from django.db import models


class MetricCounter(models.Model):
    """One number: what is counted, and of which kind. Every process adds to it."""

    name = models.CharField(max_length=60)
    labels = models.CharField(max_length=200)  # JSON of a list of texts, in the metric's order
    value = models.FloatField(default=0.0)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["name", "labels"], name="a_metric_is_one_row")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.labels}"

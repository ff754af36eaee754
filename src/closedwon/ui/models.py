"""What a person keeps of the pages: saved views of tables."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class SavedView(models.Model):
    """A table's sorting, filters and columns under a name, kept by one person."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    table = models.CharField(max_length=80)
    name = models.CharField(max_length=80)
    parameters = models.JSONField(default=dict)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "table", "name"], name="one_view_per_name")]

    def __str__(self) -> str:
        return self.name

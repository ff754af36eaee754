"""Stored scenarios: what somebody wants to see otherwise, private or shared."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone


class Scenario(models.Model):
    """A named list of changes; whoever computes it sees it within what they may see."""

    name = models.CharField(max_length=100)
    owner = models.CharField(max_length=300, db_index=True)
    """The name of the actor who made it."""
    is_shared = models.BooleanField(default=False)
    type = models.CharField(max_length=61, blank=True)
    changes: models.JSONField[Any, Any] = models.JSONField(default=list)
    note = models.CharField(max_length=500, blank=True)
    made_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="one_scenario_of_a_name")]

    def __str__(self) -> str:
        return self.name

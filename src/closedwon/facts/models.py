"""Releases: which versions of the fact tables belong together."""

from __future__ import annotations

from typing import Any

from django.db import models


class Release(models.Model):
    """One consistent state of the facts: the version of every table after a completed write."""

    at = models.DateTimeField(auto_now_add=True)
    tables: models.JSONField[Any, Any] = models.JSONField(default=dict)
    note = models.CharField(max_length=200, blank=True)
    job = models.CharField(max_length=80, blank=True, db_index=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"release {self.pk}"

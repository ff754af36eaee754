"""Imports: what was brought in, by whom, and what the report said."""

from __future__ import annotations

from typing import Any

from django.db import models


class ImportRun(models.Model):
    """One import of a file or folder, with its report."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    by = models.CharField(max_length=300)
    source = models.CharField(max_length=500)
    digest = models.CharField(max_length=64, db_index=True)
    status = models.CharField(max_length=10, default="running", choices=[(s, s) for s in ("running", "done", "failed")])
    report: models.JSONField[Any, Any] = models.JSONField(default=dict)
    release = models.ForeignKey("facts.Release", models.SET_NULL, null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"import {self.pk} of {self.source}"

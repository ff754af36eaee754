"""Stored versions of policies: at run time only applied ones count."""

from __future__ import annotations

from django.db import models


class PolicyVersion(models.Model):
    """One text of one policy: a draft until it is applied; then it is in force until the next one."""

    kind = models.CharField(max_length=60, db_index=True)
    text = models.TextField()
    digest = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=[("draft", "draft"), ("applied", "applied"), ("dropped", "dropped")], default="draft")
    note = models.CharField(max_length=300, blank=True)
    written_by = models.CharField(max_length=300)
    written_at = models.DateTimeField(auto_now_add=True)
    applied_by = models.CharField(max_length=300, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(fields=["kind", "status", "-id"], name="policy_in_force")]

    def __str__(self) -> str:
        return f"{self.kind} {self.digest[:8]} ({self.status})"

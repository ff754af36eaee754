"""Stored versions of policies: at run time only applied ones count."""

from __future__ import annotations

from django.db import models

STATES = [("draft", "draft"), ("applied", "applied"), ("retired", "retired"), ("dropped", "dropped")]


class PolicyVersion(models.Model):
    """One text of one policy: a draft until it is applied; then it is in force until the next one, or until the document is retired.

    `document` is its name in a collection, empty for a kind of one file. A retirement is a version of its own, without text.
    """

    kind = models.CharField(max_length=60, db_index=True)
    document = models.CharField(max_length=60, blank=True, default="")
    text = models.TextField()
    digest = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=STATES, default="draft")
    note = models.CharField(max_length=300, blank=True)
    written_by = models.CharField(max_length=300)
    written_at = models.DateTimeField(auto_now_add=True)
    applied_by = models.CharField(max_length=300, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(fields=["kind", "document", "status", "-id"], name="policy_document_in_force")]

    def __str__(self) -> str:
        return f"{self.key} {self.digest[:8]} ({self.status})"

    @property
    def key(self) -> str:
        """The document's key: the kind, and its name in a collection."""
        return f"{self.kind}/{self.document}" if self.document else self.kind

    @property
    def is_retired(self) -> bool:
        """Whether it says that the document is no longer in force."""
        return self.status == "retired"

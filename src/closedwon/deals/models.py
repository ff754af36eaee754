"""Requests for sign-off, cases of the deal desk, and the booking check."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone


class DealRequest(models.Model):
    """What somebody asks for on a deal. `content` is the draft as it is being written; what was submitted lies in `approval`, version by version.

    `paper`, `signed_at` and `order` belong to the second gate, after signature.
    """

    opportunity_id = models.CharField(max_length=64, db_index=True)
    account_id = models.CharField(max_length=64, blank=True, db_index=True)
    title = models.CharField(max_length=200)
    content = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    created_by = models.CharField(max_length=254)
    person_id = models.CharField(max_length=64, blank=True, db_index=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    dropped_at = models.DateTimeField(null=True, blank=True)
    approval = models.OneToOneField("approvals.Request", models.PROTECT, null=True, blank=True, related_name="deal_request")
    approval_id: int | None
    paper = models.CharField(max_length=20, blank=True)
    signed_at = models.DateTimeField(null=True, blank=True)
    signed_submitted_at = models.DateTimeField(null=True, blank=True)
    order = models.OneToOneField("approvals.Request", models.PROTECT, null=True, blank=True, related_name="order_of_deal")
    order_id: int | None
    booked_on = models.DateField(null=True, blank=True)
    booked_by = models.CharField(max_length=254, blank=True)
    booked_at = models.DateTimeField(null=True, blank=True)

    marks: Any
    cases: Any

    class Meta:
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return self.title

    @property
    def number(self) -> str:
        """The number that people quote."""
        return f"R-{1000 + self.pk}"


class ChecklistMark(models.Model):
    """An item of the booking checklist that somebody ticked, or said is missing; the last mark of an item counts."""

    request = models.ForeignKey(DealRequest, models.CASCADE, related_name="marks")
    request_id: int
    item = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=[("done", "done"), ("missing", "missing")])
    note = models.CharField(max_length=500, blank=True)
    by = models.CharField(max_length=254)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.item}: {self.state}"


class DeskCase(models.Model):
    """A question to the deal desk, with its clocks in business hours."""

    kind = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    opportunity_id = models.CharField(max_length=64, blank=True, db_index=True)
    request = models.ForeignKey(DealRequest, models.SET_NULL, null=True, blank=True, related_name="cases")
    request_id: int | None
    region = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=12, default="open", choices=[(s, s) for s in ("open", "waiting", "solved")])
    opened_by = models.CharField(max_length=254)
    opened_by_person = models.CharField(max_length=64, blank=True, db_index=True)
    opened_at = models.DateTimeField(default=timezone.now)
    assignee = models.CharField(max_length=254, blank=True)
    respond_by = models.DateTimeField()
    solve_by = models.DateTimeField()
    responded_at = models.DateTimeField(null=True, blank=True)
    solved_at = models.DateTimeField(null=True, blank=True)
    reopened = models.PositiveIntegerField(default=0)
    correct = models.BooleanField(null=True, help_text="Whether a later look found the answer right")
    content_with = models.BooleanField(null=True, help_text="Whether the asker was content")
    feedback = models.CharField(max_length=500, blank=True)

    messages: Any

    class Meta:
        ordering = ["respond_by", "id"]
        indexes = [models.Index(fields=["state", "respond_by"])]

    def __str__(self) -> str:
        return self.title


class CaseMessage(models.Model):
    """A message of a case; one by the desk is an answer, an internal one is seen by the desk alone."""

    case = models.ForeignKey(DeskCase, models.CASCADE, related_name="messages")
    case_id: int
    by = models.CharField(max_length=254)
    by_desk = models.BooleanField(default=False)
    internal = models.BooleanField(default=False)
    text = models.TextField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text[:60]

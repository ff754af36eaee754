"""What people decide in the forecast: calls, overrides and their withdrawal, locks, reminders, and what was agreed to do.

Calls, overrides, withdrawals and locks are append-only: triggers refuse to change or remove them (see triggers.py).
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone


class SubmittedCall(models.Model):
    """A seat's call of one type and period: three amounts in minor units, what they stood on, who made them and for whom."""

    seat = models.CharField(max_length=100)
    type = models.CharField(max_length=61)
    period = models.CharField(max_length=20)
    at = models.DateTimeField()
    commit_minor = models.BigIntegerField()
    most_likely_minor = models.BigIntegerField()
    best_case_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    author = models.CharField(max_length=300)
    person = models.CharField(max_length=64, blank=True)
    """The author's id in the facts."""
    on_behalf_of = models.CharField(max_length=200, blank=True)
    """The holder of the seat, where somebody else made the call."""
    note = models.TextField(blank=True)
    basis: models.JSONField[Any, Any] = models.JSONField(default=dict)
    """What stood below: the roll-up of deals, the seat's own deals, each seat right below with its call."""
    delta: models.JSONField[Any, Any] = models.JSONField(default=dict)
    """How far each number was from what stood below."""
    machine: models.JSONField[Any, Any] = models.JSONField(default=dict)
    """The machine's number of that instant."""
    release = models.BigIntegerField(null=True, blank=True)
    """The release of the facts that it stood on."""
    due_at = models.DateTimeField()
    is_late = models.BooleanField(default=False)

    class Meta:
        ordering = ["at", "id"]
        constraints = [models.UniqueConstraint(fields=["seat", "type", "period", "at"], name="one_call_of_an_instant")]
        indexes = [models.Index(fields=["period", "type", "seat"])]

    def __str__(self) -> str:
        return f"call of {self.seat} for {self.period} at {self.at}"


class Override(models.Model):
    """A number or word in the place of another, for the forecast only: of a deal, or of a seat right below."""

    seat = models.CharField(max_length=100)
    type = models.CharField(max_length=61)
    period = models.CharField(max_length=20)
    deal = models.CharField(max_length=100, blank=True)
    about = models.CharField(max_length=100, blank=True)
    """The seat below whose call it stands in the place of."""
    field = models.CharField(max_length=20)
    value = models.CharField(max_length=100, blank=True)
    amount_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    fact = models.CharField(max_length=200, blank=True)
    """What stood there, in words."""
    note = models.TextField()
    author = models.CharField(max_length=300)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["period", "type"])]

    def __str__(self) -> str:
        return f"{self.field} of {self.deal or self.about} by {self.seat}"


class Withdrawal(models.Model):
    """The end of an override before its period ends."""

    override = models.OneToOneField(Override, models.PROTECT, related_name="withdrawal")
    override_id: int
    author = models.CharField(max_length=300)
    note = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"withdrawal of override {self.override_id}"


class PeriodLock(models.Model):
    """A period's calls closed or opened again; the last row of a period holds."""

    period = models.CharField(max_length=20, db_index=True)
    is_locked = models.BooleanField()
    author = models.CharField(max_length=300)
    note = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.period} {'locked' if self.is_locked else 'open'}"


class Reminder(models.Model):
    """A mail that somebody was sent about a call, so that nobody gets it twice."""

    seat = models.CharField(max_length=100)
    due_at = models.DateTimeField()
    kind = models.CharField(max_length=20)
    email = models.CharField(max_length=254)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["seat", "due_at", "kind", "email"], name="one_reminder_of_a_kind")]

    def __str__(self) -> str:
        return f"reminder of {self.seat}, {self.kind}"


class AgreedAction(models.Model):
    """What a one-to-one agreed to do: by whom, until when; it comes back every week until it is done."""

    seat = models.CharField(max_length=100, db_index=True)
    """The seat that the talk was about."""
    text = models.CharField(max_length=500)
    owner = models.CharField(max_length=200)
    due = models.DateField()
    deal = models.CharField(max_length=100, blank=True)
    author = models.CharField(max_length=300)
    at = models.DateTimeField(default=timezone.now)
    done_by = models.CharField(max_length=300, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["due", "id"]

    def __str__(self) -> str:
        return self.text

"""Weekly summaries and scorecards as they were made, and what became of sending them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone

KINDS = (("weekly", "Weekly summary"), ("scorecard", "Scorecard"))
CHANNELS = (("mail", "E-mail"), ("slack", "Slack"))


class SummaryRun(models.Model):
    """A summary or a scorecard as it was made for one reader: what it says, its figures with sources, and the facts it stands on."""

    kind = models.CharField(max_length=10, choices=KINDS, db_index=True)
    key = models.CharField(max_length=300, unique=True)
    as_of = models.DateField()
    period = models.CharField(max_length=40)
    type = models.CharField(max_length=61)
    node = models.CharField(max_length=64, blank=True)
    reader = models.CharField(max_length=300)
    subject = models.CharField(max_length=300)
    content = models.JSONField(default=dict)
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)
    slack = models.JSONField(default=dict)
    pdf = models.BinaryField(default=bytes)
    digest = models.CharField(max_length=64)
    release = models.BigIntegerField(null=True, blank=True)
    made_by = models.CharField(max_length=300)
    made_at = models.DateTimeField(default=timezone.now, db_index=True)

    deliveries: Any
    get_kind_display: Any

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.as_of} for {self.reader}"


class SummaryDelivery(models.Model):
    """One message of a run: to whom, how often it was tried, and how it ended. `to` is an address, or a channel's name."""

    run = models.ForeignKey(SummaryRun, models.PROTECT, related_name="deliveries")
    channel = models.CharField(max_length=10, choices=CHANNELS)
    to = models.CharField(max_length=254)
    variable = models.CharField(max_length=100, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now, db_index=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)

    get_channel_display: Any

    class Meta:
        ordering = ("-id",)
        constraints = [models.UniqueConstraint(fields=("run", "channel", "to"), name="one_message_per_run_and_receiver")]

    def __str__(self) -> str:
        return f"{self.channel} to {self.to}"

    @property
    def state(self) -> str:
        """sent, failed (given up), or waiting."""
        return "sent" if self.sent_at else "failed" if self.given_up_at else "waiting"

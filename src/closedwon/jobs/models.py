"""Jobs with their progress and outcome, schedules, and the sign of life of the worker."""

from __future__ import annotations

from typing import Any

from django.db import models

STATES = ("queued", "running", "done", "failed", "cancelled")
"""What a job may be."""


class Job(models.Model):
    """One piece of work: who asked for it, how far it is, what came out, and what to do where it failed."""

    kind = models.CharField(max_length=80, db_index=True)
    title = models.CharField(max_length=200, blank=True)
    params: models.JSONField[Any, Any] = models.JSONField(default=dict)
    key = models.CharField(max_length=200, unique=True, null=True, blank=True)
    status = models.CharField(max_length=10, choices=[(state, state) for state in STATES], default="queued", db_index=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    text = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    cancel_asked = models.BooleanField(default=False)
    inline = models.BooleanField(default=False, help_text="Runs in the command that started it, not in the worker.")
    error = models.TextField(blank=True)
    mend = models.TextField(blank=True)
    problems: models.JSONField[Any, Any] = models.JSONField(default=list)
    trace = models.TextField(blank=True)
    result: models.JSONField[Any, Any] = models.JSONField(null=True, blank=True)
    link = models.CharField(max_length=300, blank=True)
    by_name = models.CharField(max_length=300)
    by_user = models.BigIntegerField(null=True, blank=True, db_index=True)
    actor: models.JSONField[Any, Any] = models.JSONField(default=dict)
    process = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"job {self.pk} {self.kind} ({self.status})"

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.status in {"done", "failed", "cancelled"}

    @property
    def finished(self) -> bool:
        """The same, as the progress component calls it."""
        return self.is_finished

    @property
    def state(self) -> str:
        """Its state in words for people."""
        return {"queued": "waiting for the worker", "running": "running", "cancelled": "cancelled"}.get(self.status, self.status)

    @property
    def seconds(self) -> int | None:
        """How long it took; None before its end."""
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0, round((self.finished_at - self.started_at).total_seconds()))

    @property
    def percent(self) -> int | None:
        """How far it is, in percent; None where the end is not known."""
        return min(100, 100 * self.done // self.total) if self.total > 0 else None


class Schedule(models.Model):
    """Work that is started again and again: every so many minutes, or daily or weekly at a time of the company's day."""

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=80)
    params: models.JSONField[Any, Any] = models.JSONField(default=dict)
    every = models.CharField(max_length=10, choices=[(word, word) for word in ("minutes", "day", "week")], default="day")
    minutes = models.PositiveIntegerField(default=60)
    at = models.TimeField(null=True, blank=True)
    weekday = models.PositiveSmallIntegerField(default=0, help_text="0 is Monday.")
    enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField(db_index=True)
    last_job = models.ForeignKey(Job, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def every_choices(self) -> list[tuple[str, str]]:
        """The ways to repeat, for the form."""
        return [("minutes", "every so many minutes"), ("day", "daily"), ("week", "weekly")]


class WorkerBeat(models.Model):
    """When the worker was last seen alive."""

    name = models.CharField(max_length=200, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at}"

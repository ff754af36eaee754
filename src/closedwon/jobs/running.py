"""A job while it runs: its progress, its sign of life, and the wish to stop it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from django.db import DatabaseError, connection
from django.utils import timezone

from closedwon.jobs.models import Job, WorkerBeat
from closedwon.jobs.processes import mark
from closedwon.people.actor import Actor

FLUSH_SECONDS = 1.0
BEAT_SECONDS = 5.0


class Cancelled(Exception):
    """The job was asked to stop."""


class Running:
    """What a job's function gets: who asked, where to report progress, and a name that stays the same over attempts."""

    def __init__(self, job: Job, by: Actor, *, threaded: bool = False, heard: Callable[[int, int, str], None] | None = None) -> None:
        self.job, self.by, self.attempt = job, by, job.attempts
        self.token = f"job-{job.pk}"
        """The id to give to stores, so that a repeated attempt writes nothing twice."""
        self.link = ""
        """Where the result is to be seen; the job's page shows it."""
        self._threaded, self._heard = threaded, heard
        self._state: tuple[int, int, str] = (0, 0, "")
        self._written: tuple[int, int, str] | None = None
        self._beat_at = self._flush_at = 0.0
        self._stop, self._cancel = threading.Event(), False
        self._thread: threading.Thread | None = None

    def progress(self, done: int = 0, total: int = 0, text: str = "") -> None:
        """Say how far the job is; cheap enough for every row. Raises Cancelled when someone asked to stop."""
        self._state = (int(done), int(total), text[:300])
        if self._heard:
            self._heard(*self._state)
        if not self._threaded and time.monotonic() - self._flush_at >= FLUSH_SECONDS:
            self._flush()
        if self._cancel:
            raise Cancelled

    def check(self) -> None:
        """Raise Cancelled when someone asked to stop; for loops without progress of their own."""
        self.progress(*self._state)

    def _flush(self) -> None:
        self._flush_at = now = time.monotonic()
        if self._state != self._written or now - self._beat_at >= BEAT_SECONDS:
            done, total, text = state = self._state
            at = timezone.now()
            Job.objects.filter(pk=self.job.pk, status="running").update(done=done, total=total, text=text, heartbeat_at=at)
            self._written, self._beat_at = state, now
            if self._threaded:
                WorkerBeat.objects.update_or_create(name=mark().partition("|")[0], defaults={"at": at})
        if Job.objects.filter(pk=self.job.pk, cancel_asked=True).exists():
            self._cancel = True

    def _live(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            try:
                self._flush()
            except DatabaseError:  # busy just now; the next round tells
                continue
        connection.close()

    def __enter__(self) -> Self:
        if self._threaded:
            self._thread = threading.Thread(target=self._live, name=f"job {self.job.pk}", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=30)

    @property
    def last(self) -> dict[str, Any]:
        """The progress as last said, as fields of the job."""
        done, total, text = self._state
        return {"done": done, "total": total, "text": text}

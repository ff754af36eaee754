"""Requests, the versions that were seen, the steps and persons asked, what was decided; delegations, absences, holders of roles.

Versions, decisions and rebinds are only ever added, each with an entry of the audit trail that carries its digest.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

STATES = ("pending", "approved", "conditional", "rejected", "recalled")
STEP_STATES = ("waiting", "open", "approved", "conditional", "inherited", "overridden", "rejected", "skipped", "replaced")
DONE = ("approved", "inherited", "overridden")
"""Steps in these states stand in nobody's way."""


def _choices(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(word, word) for word in words]


class Request(models.Model):
    """Something that somebody asks others to agree to. Persons are ids of the facts, or `user:<number>` for a login without one."""

    kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=100, blank=True, db_index=True)
    title = models.CharField(max_length=200)
    key = models.CharField(max_length=100, unique=True)
    submitter = models.CharField(max_length=64, db_index=True)
    owner = models.CharField(max_length=64, blank=True, db_index=True)
    region = models.CharField(max_length=100, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    amount = models.DecimalField(max_digits=22, decimal_places=4, null=True, blank=True)
    earners = models.JSONField(default=list)
    state = models.CharField(max_length=12, choices=_choices(STATES), default="pending")
    number = models.PositiveIntegerField(default=0)
    content_hash = models.CharField(max_length=64)
    auto_reason = models.CharField(max_length=500, blank=True)
    submitted_by = models.CharField(max_length=254)
    submitted_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    versions: Any
    steps: Any
    decisions: Any
    comments: Any
    attachments: Any
    exemptions: Any

    class Meta:
        ordering = ["-submitted_at", "-id"]
        indexes = [models.Index(fields=["state", "submitted_at"]), models.Index(fields=["kind", "subject_id"])]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        """Whether somebody has still to decide."""
        return self.state in ("pending", "conditional")

    @property
    def current(self) -> Version:
        """The version under decision, or decided."""
        found: Version = self.versions.get(number=self.number)
        return found


class Version(models.Model):
    """A content as it was submitted, with what it needed and why; never changed."""

    request = models.ForeignKey(Request, models.PROTECT, related_name="versions")
    request_id: int
    number = models.PositiveIntegerField()
    content = models.JSONField()
    content_hash = models.CharField(max_length=64)
    policies = models.JSONField(default=list)
    preview = models.JSONField(default=dict)
    note = models.CharField(max_length=500, blank=True)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now)

    steps: Any
    decisions: Any
    rebinds: Any

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["request", "number"], name="one_version_of_a_number")]

    def __str__(self) -> str:
        return f"version {self.number} of {self.request_id}"


class Step(models.Model):
    """A step of a version: the roles that must agree, why, and how far it is. `waits_for` are the orders of the steps before it."""

    request = models.ForeignKey(Request, models.PROTECT, related_name="steps")
    request_id: int
    version = models.ForeignKey(Version, models.PROTECT, related_name="steps")
    version_id: int
    order = models.PositiveIntegerField()
    group = models.PositiveIntegerField()
    roles = models.JSONField(default=list)
    title = models.CharField(max_length=300)
    side = models.CharField(max_length=40, blank=True)
    mode = models.CharField(max_length=10)
    quorum = models.PositiveIntegerField(default=0)
    candidates = models.JSONField(default=list)
    via = models.CharField(max_length=200, blank=True)
    reasons = models.JSONField(default=list)
    tested = models.JSONField(default=list)
    waits_for = models.JSONField(default=list)
    because = models.CharField(max_length=1000, blank=True)
    state = models.CharField(max_length=12, choices=_choices(STEP_STATES), default="waiting")
    sla_hours = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True)
    remind_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    taken_by = models.CharField(max_length=64, blank=True)

    asks: Any
    decisions: Any
    rebinds: Any

    class Meta:
        ordering = ["version", "order"]
        constraints = [models.UniqueConstraint(fields=["version", "order"], name="one_step_of_an_order")]
        indexes = [models.Index(fields=["state", "due_at"])]

    def __str__(self) -> str:
        return f"{self.title} of {self.request_id}"


class Ask(models.Model):
    """A person who is asked in a step, in person or in somebody's place."""

    step = models.ForeignKey(Step, models.PROTECT, related_name="asks")
    step_id: int
    person = models.CharField(max_length=64, db_index=True)
    stands_for = models.CharField(max_length=64, blank=True)
    via = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, default="open", choices=_choices(("open", "done", "closed")))
    asked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["step", "person"], name="one_ask_of_a_person")]
        indexes = [models.Index(fields=["person", "state"])]

    def __str__(self) -> str:
        return f"{self.person} in step {self.step_id}"


class Decision(models.Model):
    """What a person decided on a version that was seen; never changed. `covers` are the steps that it counts for."""

    request = models.ForeignKey(Request, models.PROTECT, related_name="decisions")
    request_id: int
    version = models.ForeignKey(Version, models.PROTECT, related_name="decisions")
    version_id: int
    covers = models.ManyToManyField(Step, related_name="decisions")
    key = models.CharField(max_length=100, unique=True)
    person = models.CharField(max_length=64, db_index=True)
    by = models.CharField(max_length=254)
    roles = models.JSONField(default=list)
    verb = models.CharField(max_length=10, choices=_choices(("approve", "condition", "reject", "override", "meet")))
    comment = models.TextField(blank=True)
    required_change = models.TextField(blank=True)
    condition = models.TextField(blank=True)
    condition_formula = models.TextField(blank=True)
    content_hash = models.CharField(max_length=64)
    values_seen = models.JSONField(default=dict)
    policies = models.JSONField(default=list)
    channel = models.CharField(max_length=20)
    strength = models.CharField(max_length=20, blank=True)
    stands_for = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.verb} by {self.person}"


class Rebind(models.Model):
    """An approval that holds for a later version too, since nothing that its approver looks at is worse; never changed."""

    decision = models.ForeignKey(Decision, models.PROTECT, related_name="rebinds")
    decision_id: int
    step = models.ForeignKey(Step, models.PROTECT, related_name="rebinds")
    step_id: int
    version = models.ForeignKey(Version, models.PROTECT, related_name="rebinds")
    version_id: int
    content_hash = models.CharField(max_length=64)
    why = models.CharField(max_length=1000)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"decision {self.decision_id} holds for version {self.version_id}"


class Comment(models.Model):
    """A remark on a request, visible to everybody who sees it."""

    request = models.ForeignKey(Request, models.PROTECT, related_name="comments")
    request_id: int
    by = models.CharField(max_length=254)
    person = models.CharField(max_length=64, blank=True)
    text = models.TextField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text[:60]


class Attachment(models.Model):
    """A file of a request; its bytes lie in the workspace under their sha256."""

    request = models.ForeignKey(Request, models.PROTECT, related_name="attachments")
    request_id: int
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    by = models.CharField(max_length=254)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class Delegation(models.Model):
    """Who decides in somebody's place, from when to when, for which kinds, up to which amount."""

    giver = models.CharField(max_length=64, db_index=True)
    taker = models.CharField(max_length=64, db_index=True)
    since = models.DateTimeField()
    until = models.DateTimeField()
    kinds = models.JSONField(default=list)
    limit = models.DecimalField(max_digits=22, decimal_places=4, null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    made_by = models.CharField(max_length=254)
    made_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["since", "id"]

    def __str__(self) -> str:
        return f"{self.giver} to {self.taker}"


class Absence(models.Model):
    """A span in which somebody is out of office."""

    person = models.CharField(max_length=64, db_index=True)
    since = models.DateTimeField()
    until = models.DateTimeField()
    made_by = models.CharField(max_length=254)
    made_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["since", "id"]

    def __str__(self) -> str:
        return f"{self.person} is away"


class RoleHolder(models.Model):
    """Who holds an approver role, for which region, up to which amount; never deleted."""

    role = models.CharField(max_length=60, db_index=True)
    person = models.CharField(max_length=64, db_index=True)
    region = models.CharField(max_length=100, blank=True)
    limit = models.DecimalField(max_digits=22, decimal_places=4, null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    granted_by = models.CharField(max_length=254)
    granted_at = models.DateTimeField(default=timezone.now)
    ended_by = models.CharField(max_length=254, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["role", "person", "id"]
        constraints = [
            models.UniqueConstraint(fields=["role", "person", "region"], condition=Q(ended_at__isnull=True), name="one_holding_at_a_time")
        ]

    def __str__(self) -> str:
        return f"{self.person} holds {self.role}"


class Exemption(models.Model):
    """An exception that was approved: what it allows, for whom, until when, and how often still."""

    request = models.ForeignKey(Request, models.PROTECT, related_name="exemptions")
    request_id: int
    scope = models.CharField(max_length=10, choices=_choices(("quote", "customer", "term")))
    subject_id = models.CharField(max_length=100, db_index=True)
    what = models.CharField(max_length=500)
    fields = models.JSONField(default=dict)
    since = models.DateField()
    until = models.DateField(null=True, blank=True)
    uses_left = models.PositiveIntegerField(null=True, blank=True)
    by = models.CharField(max_length=254)
    at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=254, blank=True)
    ended_why = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.what


class Clock(models.Model):
    """When the clock of due dates last ran; its lateness is a matter of health."""

    ticked_at = models.DateTimeField(null=True, blank=True)
    held = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"ticked at {self.ticked_at}"


class LinkToken(models.Model):
    """A link sent to one person for one version: only its hash is kept, it opens once and not for long."""

    digest = models.CharField(max_length=64, unique=True)
    request = models.ForeignKey(Request, models.PROTECT, related_name="links")
    request_id: int
    person = models.CharField(max_length=64)
    content_hash = models.CharField(max_length=64)
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"link for {self.person}"


class Outgoing(models.Model):
    """A message to be sent: mail, Slack or a webhook; tried again with growing pauses until it is sent or given up."""

    kind = models.CharField(max_length=10, choices=_choices(("mail", "slack", "webhook")))
    to = models.CharField(max_length=500)
    payload = models.JSONField(default=dict)
    key = models.CharField(max_length=200, unique=True)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now, db_index=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} to {self.to}"

"""People who sign in, the roles granted to them, their tokens, their identities elsewhere, and corrections of seats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils import timezone

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class Users(BaseUserManager["User"]):
    """How users are made: by e-mail address, in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A user with that address; without a password nobody can sign in with one."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        """The user with that address, whatever its case."""
        return self.get(email__iexact=(username or "").strip())


class User(AbstractBaseUser):
    """A person who signs in. `person_id` is the id of the same person in the facts table `users`, if there is one."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    person_id = models.CharField(max_length=64, blank=True, db_index=True)
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=timezone.now)

    role_grants: RelatedManager[RoleGrant]
    tokens: RelatedManager[ApiToken]
    held: list[RoleGrant]

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []
    objects = Users()

    class Meta:
        ordering = ["email"]
        constraints = [models.UniqueConstraint(fields=["person_id"], condition=~Q(person_id=""), name="one_user_per_person")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        """The name, or the address where none is known."""
        return str(self)

    def get_short_name(self) -> str:
        """The first name, or the address where none is known."""
        return self.name.split(" ")[0] if self.name else self.email


class RoleGrant(models.Model):
    """A role or a right (such as "pay") that a person has, from when to when, and who gave it; never deleted."""

    user = models.ForeignKey(User, models.CASCADE, related_name="role_grants")
    user_id: int
    role = models.CharField(max_length=40)
    region = models.CharField(max_length=100, blank=True, help_text="Sales ops only: limits the role to one region.")
    reason = models.CharField(max_length=300, blank=True)
    granted_by = models.CharField(max_length=254)
    granted_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=254, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["role", "granted_at"]
        indexes = [models.Index(fields=["user", "role"])]

    def __str__(self) -> str:
        return f"{self.role} for {self.user}"

    @property
    def in_force(self) -> bool:
        """Whether the grant holds now."""
        return self.revoked_at is None and (self.until is None or self.until > timezone.now())


class ApiToken(models.Model):
    """A token for the API: only its hash is kept, its text is shown once."""

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    user_id: int
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @property
    def in_force(self) -> bool:
        """Whether the token opens anything now."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class Identity(models.Model):
    """One name of a person in some system: an employee number, a CRM user, a payee or a sign-on subject."""

    kind = models.CharField(max_length=40)
    value = models.CharField(max_length=254)
    person_id = models.CharField(max_length=64, db_index=True)
    source = models.CharField(max_length=40, default="closedwon")
    added_by = models.CharField(max_length=254)
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["person_id", "kind", "value"]
        verbose_name_plural = "identities"
        constraints = [models.UniqueConstraint(fields=["kind", "value"], name="one_person_per_identity")]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class IdentityConflict(models.Model):
    """An identity that two persons claim; the older holder keeps it until a person decides."""

    kind = models.CharField(max_length=40)
    value = models.CharField(max_length=254)
    holder_id = models.CharField(max_length=64)
    claimed_by = models.CharField(max_length=64)
    source = models.CharField(max_length=40)
    seen_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.CharField(max_length=254, blank=True)
    settled_for = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-seen_at", "kind", "value"]
        constraints = [models.UniqueConstraint(fields=["kind", "value", "claimed_by"], name="one_row_per_conflict")]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}: {self.holder_id} or {self.claimed_by}"


class SeatCorrection(models.Model):
    """A dated row of the hierarchy, of the holders or of the seats, put right by people; once approved it wins over the imported row."""

    TABLES = (("hierarchy", "Reports to"), ("position_holders", "Sits in"), ("positions", "Seat"))
    STATES = (("proposed", "proposed"), ("approved", "approved"), ("rejected", "rejected"), ("withdrawn", "withdrawn"))

    table = models.CharField(max_length=40, choices=TABLES)
    row = models.JSONField()
    why = models.CharField(max_length=500)
    state = models.CharField(max_length=12, choices=STATES, default="proposed")
    proposed_by = models.CharField(max_length=254)
    proposed_at = models.DateTimeField(default=timezone.now)
    decided_by = models.CharField(max_length=254, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-proposed_at", "-id"]

    def __str__(self) -> str:
        return f"{self.table}: {self.row}"


class CorrectedSubject(models.Model):
    """What the source said of a subject that was corrected, and what was written over it; so that an import is told from our own rows."""

    table = models.CharField(max_length=40)
    subject = models.CharField(max_length=200)
    imported = models.JSONField(default=list)
    written = models.JSONField(default=list)

    class Meta:
        ordering = ["table", "subject"]
        constraints = [models.UniqueConstraint(fields=["table", "subject"], name="one_row_per_corrected_subject")]

    def __str__(self) -> str:
        return f"{self.table} {self.subject}"

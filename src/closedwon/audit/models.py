"""The trail: one chain of entries per workspace, personal data beside it under a key per person."""

from __future__ import annotations

from django.db import models


class Entry(models.Model):
    """One decision: who did what to which subject, and the hash that ties it to the entry before. Never updated, never deleted."""

    sequence = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=300, db_index=True)
    channel = models.CharField(max_length=20, blank=True)
    verb = models.CharField(max_length=80, db_index=True)
    subject = models.CharField(max_length=300, db_index=True)
    detail = models.TextField(default="{}")
    person = models.CharField(max_length=64, blank=True, db_index=True)
    sealed = models.CharField(max_length=64, blank=True)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ("-sequence",)

    def __str__(self) -> str:
        return f"{self.sequence} {self.verb} {self.subject}"


class Head(models.Model):
    """The end of the chain; locking it makes writers take turns, and comparing with it finds entries cut off at the end."""

    sequence = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, default="0" * 64)

    def __str__(self) -> str:
        return f"head at {self.sequence}"


class PersonKey(models.Model):
    """The key of one person's data in the trail; erasing the person deletes the key, and the chain still verifies."""

    person = models.CharField(max_length=64, unique=True)
    key = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"key of {self.person}"


class PersonalData(models.Model):
    """What an entry says about a person, encrypted; the chain holds the hash of the ciphertext."""

    sequence = models.BigIntegerField(unique=True)
    person = models.CharField(max_length=64, db_index=True)
    ciphertext = models.TextField()

    def __str__(self) -> str:
        return f"personal data of entry {self.sequence}"

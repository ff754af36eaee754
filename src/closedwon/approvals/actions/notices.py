"""Who is told of what: messages are queued in the transaction that causes them, and sent by the worker."""

from __future__ import annotations

from collections.abc import Iterable

from closedwon.approvals.models import Ask, Outgoing, Request, Step


def tell_asked(request: Request, steps: Iterable[Step]) -> None:
    """Queue a message for each person whose turn it is."""
    for step in steps:
        for person in Ask.objects.filter(step=step, state="open").values_list("person", flat=True):
            queue("mail", person, f"ask:{step.pk}:{person}", {"what": "asked", "request": request.pk, "step": step.pk})


def tell_outcome(request: Request) -> None:
    """Queue a message for the submitter and the owner, and an event for webhooks."""
    for person in dict.fromkeys((request.submitter, request.owner)):
        if person:
            queue(
                "mail",
                person,
                f"outcome:{request.pk}:{request.number}:{request.state}:{person}",
                {"what": request.state, "request": request.pk},
            )
    tell_systems(request)


def tell_systems(request: Request) -> None:
    """Queue the event of a decided request for webhooks."""
    payload = {"what": request.state, "request": request.pk, "version": request.number}
    queue("webhook", "", f"event:{request.pk}:{request.number}:{request.state}", payload)


def queue(kind: str, to: str, key: str, payload: dict[str, object]) -> None:
    """Queue a message once."""
    Outgoing.objects.get_or_create(key=key[:200], defaults={"kind": kind, "to": to, "payload": payload})

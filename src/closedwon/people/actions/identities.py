"""One person under many names: employee number, CRM user, payee, sign-on subject."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.errors import Conflict, Invalid, NotFound
from closedwon.people.actor import Actor
from closedwon.people.facts import facts_rows
from closedwon.people.models import Identity, IdentityConflict, User

KINDS = {
    "employee_no": "Employee number",
    "crm_user": "CRM user",
    "slack": "Slack user",
    "payee": "Payee",
    "subject": "Sign-on subject",
}
"""The kinds of identity and their names on the page."""


@dataclass(frozen=True)
class Refreshed:
    """What a refresh of the identity map found."""

    added: int
    unchanged: int
    conflicts: int


def identities(*, by: Actor, person_id: str = "") -> list[Identity]:
    """The identity map, or one person's part of it."""
    by.need("admin", "sales-ops", "comp-admin", "auditor", to="see the identity map")
    rows = Identity.objects.all()
    return list(rows.filter(person_id=person_id) if person_id else rows)


def open_conflicts(*, by: Actor) -> list[IdentityConflict]:
    """Identities that two persons claim and nobody has decided."""
    by.need("admin", "sales-ops", "comp-admin", "auditor", to="see the identity map")
    return list(IdentityConflict.objects.filter(settled_at__isnull=True))


def person_of(kind: str, value: str) -> str | None:
    """The person with that identity, or None."""
    found = Identity.objects.filter(kind=kind, value=_clean(kind, value)).first()
    return found.person_id if found else None


def add_identity(kind: str, value: str, person_id: str, *, by: Actor) -> Identity:
    """Say that a name in some system is a person. Raises Conflict when it is another's."""
    by.need("admin", "sales-ops", to="change the identity map")
    value = _clean(kind, value)
    if not any(row["id"] == person_id for row in facts_rows("users", ["id"])):
        raise NotFound(f"There is no person {person_id!r} in the table users.", mend="Import the people first, or check the id.")
    with transaction.atomic():
        made, new = Identity.objects.get_or_create(kind=kind, value=value, defaults={"person_id": person_id, "added_by": by.name})
        if not new and made.person_id != person_id:
            raise Conflict(f"{KINDS[kind]} {value} is person {made.person_id} already.", mend="Take it from that person first.")
        if new:
            _record("people.identity_added", made, by)
    return made


def remove_identity(identity_id: int, *, by: Actor) -> None:
    """Take an identity away."""
    by.need("admin", "sales-ops", to="change the identity map")
    with transaction.atomic():
        found = Identity.objects.select_for_update().filter(pk=identity_id).first()
        if found is None:
            raise NotFound("That identity is gone already.")
        _record("people.identity_removed", found, by)
        found.delete()


def settle(conflict_id: int, person_id: str, *, by: Actor) -> Identity:
    """Decide which of the two persons an identity belongs to."""
    by.need("admin", "sales-ops", to="change the identity map")
    with transaction.atomic():
        conflict = IdentityConflict.objects.select_for_update().filter(pk=conflict_id, settled_at__isnull=True).first()
        if conflict is None:
            raise NotFound("That conflict is settled already.")
        if person_id not in (conflict.holder_id, conflict.claimed_by):
            raise Invalid(f"Neither claim is of person {person_id}.", mend=f"Choose {conflict.holder_id} or {conflict.claimed_by}.")
        kept, _ = Identity.objects.update_or_create(
            kind=conflict.kind,
            value=conflict.value,
            defaults={"person_id": person_id, "source": "closedwon", "added_by": by.name, "added_at": timezone.now()},
        )
        conflict.settled_at, conflict.settled_by, conflict.settled_for = timezone.now(), by.name, person_id
        conflict.save(update_fields=["settled_at", "settled_by", "settled_for"])
        _record("people.identity_settled", kept, by)
    return kept


def refresh_identities(*, by: Actor) -> Refreshed:
    """Take identities from the imported people and the linked users; a second claim on one is reported, never taken."""
    by.need("admin", "sales-ops", to="change the identity map")
    with transaction.atomic():
        held = {(row.kind, row.value): row.person_id for row in Identity.objects.all()}
        decided = {(row.kind, row.value, who) for row in IdentityConflict.objects.all() for who in (row.claimed_by, row.holder_id)}
        fresh: list[Identity] = []
        clashes: list[IdentityConflict] = []
        unchanged = 0
        for kind, value, person_id, source in _claims():
            holder = held.get((kind, value))
            if holder is None:
                held[kind, value] = person_id
                fresh.append(Identity(kind=kind, value=value, person_id=person_id, source=source, added_by=by.name))
            elif holder == person_id:
                unchanged += 1
            elif (kind, value, person_id) not in decided:
                decided.add((kind, value, person_id))
                clashes.append(IdentityConflict(kind=kind, value=value, holder_id=holder, claimed_by=person_id, source=source))
        Identity.objects.bulk_create(fresh, batch_size=500)
        IdentityConflict.objects.bulk_create(clashes, batch_size=500)
        if fresh or clashes:
            detail = {"added": len(fresh), "conflicts": len(clashes)}
            record(by=by.name, verb="people.identities_refreshed", subject="identities", detail=detail, channel=by.channel)
    return Refreshed(len(fresh), unchanged, len(clashes))


def _claims() -> Iterator[tuple[str, str, str, str]]:
    """Every (kind, value, person, source) that the facts and the linked users state, in a fixed order."""
    rows = sorted(facts_rows("users", ["id", "employee_no", "crm_user_id", "source"]), key=lambda row: row["id"])
    for row in rows:
        source = row["source"] or "import"
        if row["employee_no"]:
            yield "employee_no", row["employee_no"].strip(), row["id"], source
        yield "crm_user", (row["crm_user_id"] or row["id"]).strip(), row["id"], source
    for email, person_id in User.objects.exclude(person_id="").order_by("pk").values_list("email", "person_id"):
        yield "subject", email.lower(), person_id, "sign-on"


def _clean(kind: str, value: str) -> str:
    if kind not in KINDS:
        raise Invalid(f"There is no identity of kind {kind!r}.", mend=f"The kinds are {', '.join(KINDS)}.")
    value = value.strip()
    if not value:
        raise Invalid(f"The {KINDS[kind].lower()} is empty.")
    return value.lower() if kind == "subject" else value


def _record(verb: str, identity: Identity, by: Actor) -> None:
    detail = {"kind": identity.kind, "person_id": identity.person_id}
    record(
        by=by.name,
        verb=verb,
        subject=f"identity:{identity.pk}",
        detail=detail,
        channel=by.channel,
        person=identity.person_id,
        personal={"value": identity.value},
    )

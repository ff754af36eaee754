"""People over the API: who may sign in, roles, tokens, identities, corrections of seats."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from closedwon.people import actions
from closedwon.people.acting import api_actor
from closedwon.people.models import ApiToken, Identity, IdentityConflict, SeatCorrection, User

router = Router()


class GrantOut(Schema):
    """A role in force."""

    role: str
    region: str
    until: datetime | None
    granted_by: str
    granted_at: datetime


class PersonOut(Schema):
    """A person who may sign in."""

    id: int
    email: str
    name: str
    person_id: str
    active: bool
    last_login: datetime | None
    roles: list[GrantOut]

    @staticmethod
    def of(user: User) -> dict[str, Any]:
        """From a user with the grants in force as `held`."""
        held = [{name: getattr(row, name) for name in GrantOut.model_fields} for row in user.held]
        own = {name: getattr(user, name) for name in ("id", "email", "name", "person_id", "last_login")}
        return {**own, "active": user.is_active, "roles": held}


class PersonIn(Schema):
    """A person to let in; without a password an invitation is given."""

    email: str
    name: str = ""
    person_id: str = ""
    roles: list[str] = []
    region: str = ""


class Added(Schema):
    """The new person and the link with which they set a password."""

    email: str
    person_id: str
    invitation: str


class GrantIn(Schema):
    """A role to grant."""

    role: str
    region: str = ""
    until: date | None = Field(None, description="The last day on which it holds.")
    reason: str = ""


class MeOut(Schema):
    """Who the call acts as."""

    name: str
    email: str
    person_id: str
    roles: list[str]
    grants: list[str]
    region: str
    scopes: list[str] | None


class TokenIn(Schema):
    """A token to make."""

    name: str
    scopes: list[str]
    days: int = 90


class TokenOut(Schema):
    """A token without its text."""

    prefix: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    in_force: bool


class TokenMade(TokenOut):
    """A new token; `text` is given this once."""

    text: str


class IdentityOut(Schema):
    """A name of a person in some system."""

    id: int
    kind: str
    value: str
    person_id: str
    source: str


class IdentityIn(Schema):
    """A name in some system, and whose it is."""

    kind: str
    value: str
    person_id: str


class ConflictOut(Schema):
    """An identity that two persons claim."""

    id: int
    kind: str
    value: str
    holder_id: str
    claimed_by: str
    source: str


class CorrectionOut(Schema):
    """A correction of seats."""

    id: int
    table: str
    row: dict[str, Any]
    why: str
    state: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str
    decided_at: datetime | None
    note: str


class CorrectionIn(Schema):
    """A row as it should be, and why."""

    table: str
    row: dict[str, Any]
    why: str


class DecisionIn(Schema):
    """Approve or reject."""

    approve: bool
    note: str = ""


@router.get("/me", response=MeOut, summary="Who the call acts as")
def me(request: HttpRequest) -> dict[str, Any]:
    """Give the actor of this call."""
    by = api_actor(request)
    return {
        "name": by.name,
        "email": by.email,
        "person_id": by.person_id,
        "roles": sorted(by.roles),
        "grants": sorted(by.grants),
        "region": by.region,
        "scopes": None if by.scopes is None else sorted(by.scopes),
    }


@router.get("/people", response=list[PersonOut], summary="Who may sign in")
def list_people(request: HttpRequest) -> list[dict[str, Any]]:
    """List who may sign in, and their roles."""
    return [PersonOut.of(user) for user in actions.people(by=api_actor(request))]


@router.post("/people", response={201: Added}, summary="Let a person sign in")
def add_person(request: HttpRequest, given: PersonIn) -> Status[Any]:
    """Add a person, with an invitation."""
    by = api_actor(request)
    user = actions.add(given.email, by=by, name=given.name, person_id=given.person_id, roles=given.roles, region=given.region)
    return Status(201, {"email": user.email, "person_id": user.person_id, "invitation": actions.invitation(user, by=by, request=request)})


@router.post("/people/{email}/roles", response={201: GrantOut}, summary="Grant a role")
def grant(request: HttpRequest, email: str, given: GrantIn) -> Status[Any]:
    """Grant a role or the right `pay`."""
    by = api_actor(request)
    return Status(
        201, actions.grant(actions.find(email, by=by), given.role, by=by, region=given.region, until=given.until, reason=given.reason)
    )


@router.delete("/people/{email}/roles/{role}", response={204: None}, summary="Take a role away")
def revoke(request: HttpRequest, email: str, role: str) -> Status[Any]:
    """Revoke a role."""
    by = api_actor(request)
    actions.revoke(actions.find(email, by=by), role, by=by)
    return Status(204, None)


@router.post("/people/{email}/switch", response={204: None}, summary="Switch a person on or off")
def switch(request: HttpRequest, email: str, active: bool) -> Status[Any]:
    """End a person's sign-in and tokens, or allow them again."""
    by = api_actor(request)
    actions.switch(actions.find(email, by=by), active, by=by)
    return Status(204, None)


@router.post("/people/{email}/link", response={204: None}, summary="Link a user to a person of the facts")
def link(request: HttpRequest, email: str, person_id: str) -> Status[Any]:
    """Say which imported person a user is."""
    by = api_actor(request)
    actions.link(actions.find(email, by=by), person_id, by=by)
    return Status(204, None)


@router.get("/tokens", response=list[TokenOut], summary="One's own API tokens")
def list_tokens(request: HttpRequest) -> list[ApiToken]:
    """List one's own tokens."""
    return actions.tokens(by=api_actor(request))


@router.post("/tokens", response={201: TokenMade}, summary="Make an API token")
def make_token(request: HttpRequest, given: TokenIn) -> Status[Any]:
    """Make a token for oneself; its text is given this once. A token cannot make tokens."""
    token, text = actions.make_token(given.name, given.scopes, by=api_actor(request), days=given.days)
    return Status(201, {**{name: getattr(token, name) for name in TokenOut.model_fields}, "text": text})


@router.delete("/tokens/{prefix}", response={204: None}, summary="End an API token")
def revoke_token(request: HttpRequest, prefix: str) -> Status[Any]:
    """End a token now."""
    actions.revoke_token(prefix, by=api_actor(request))
    return Status(204, None)


@router.get("/identities", response=list[IdentityOut], summary="The identity map")
def list_identities(request: HttpRequest, person_id: str = "") -> list[Identity]:
    """List the identity map, or one person's part of it."""
    return actions.identities(by=api_actor(request), person_id=person_id)


@router.post("/identities", response={201: IdentityOut}, summary="Add an identity")
def add_identity(request: HttpRequest, given: IdentityIn) -> Status[Any]:
    """Say that a name in some system is a person."""
    return Status(201, actions.add_identity(given.kind, given.value, given.person_id, by=api_actor(request)))


@router.delete("/identities/{identity_id}", response={204: None}, summary="Take an identity away")
def remove_identity(request: HttpRequest, identity_id: int) -> Status[Any]:
    """Take an identity away."""
    actions.remove_identity(identity_id, by=api_actor(request))
    return Status(204, None)


@router.get("/identity-conflicts", response=list[ConflictOut], summary="Identities that two persons claim")
def list_conflicts(request: HttpRequest) -> list[IdentityConflict]:
    """List the conflicts that nobody has decided."""
    return actions.open_conflicts(by=api_actor(request))


@router.post("/identity-conflicts/{conflict_id}", response=IdentityOut, summary="Settle a conflict")
def settle(request: HttpRequest, conflict_id: int, person_id: str) -> Identity:
    """Decide which person a contested identity belongs to."""
    return actions.settle(conflict_id, person_id, by=api_actor(request))


@router.get("/seat-corrections", response=list[CorrectionOut], summary="Corrections of seats")
def list_corrections(request: HttpRequest, state: str = "") -> list[SeatCorrection]:
    """List the corrections of seats."""
    return actions.corrections(by=api_actor(request), state=state)


@router.post("/seat-corrections", response={201: CorrectionOut}, summary="Propose a correction of seats")
def propose(request: HttpRequest, given: CorrectionIn) -> Status[Any]:
    """Propose a row of the hierarchy, of the holders or of the seats."""
    return Status(201, actions.propose(given.table, given.row, given.why, by=api_actor(request)))


@router.post("/seat-corrections/{correction_id}", response=CorrectionOut, summary="Decide on a correction of seats")
def decide(request: HttpRequest, correction_id: int, given: DecisionIn) -> SeatCorrection:
    """Approve or reject what another person proposed."""
    return actions.decide(correction_id, given.approve, by=api_actor(request), note=given.note)

"""Who may sign in and what they may do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Prefetch
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.people.acting import GRANTS
from closedwon.people.actor import ROLES, Actor
from closedwon.people.facts import facts_rows
from closedwon.people.models import RoleGrant, User
from closedwon.workspace import current

ROLE_WORDS = {
    "admin": "People, roles and settings; no pay, and no deals of its own",
    "sales-ops": "Everything but pay, in one region or in all; administers facts and drafts policies",
    "executive": "Everything but pay; calls and approves",
    "manager": "The deals of the team below; calls, overrides and approves",
    "rep": "Own deals, splits, deal teams and account teams; calls and edits own forecast fields",
    "se": "Like a rep, for the deals worked on",
    "csm": "Like a rep, for the accounts looked after",
    "overlay": "Like a rep, for the deals overlaid",
    "partner-manager": "Like a rep, for the deals of partners",
    "deal-desk": "All deals and quotes; approves the desk's steps",
    "comp-admin": "Pay: runs, adjusts and proposes posting",
    "finance": "All deals and quotes, and pay totals; approves finance's steps",
    "enablement": "People and content; programs and the library",
    "salesforce-admin": "Systems and their change sets",
    "auditor": "Everything, read-only; each look is logged",
    "pay": "A right of its own: to see what others are paid",
}
"""What each role is for, in one line."""


def people(*, by: Actor) -> list[User]:
    """Everyone who may sign in, each with the grants in force as `held`."""
    by.need("admin", "sales-ops", "auditor", to="see who may sign in")
    rows = User.objects.prefetch_related(Prefetch("role_grants", RoleGrant.objects.order_by("role")))
    found = list(rows)
    for user in found:
        user.held = [row for row in user.role_grants.all() if row.in_force]
    return found


def find(email: str, *, by: Actor) -> User:
    """The user with that address. Raises NotFound."""
    if by.email.lower() != email.strip().lower():
        by.need("admin", "sales-ops", "auditor", to="look people up")
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        raise NotFound(f"There is no user {email}.", mend="List them with `closedwon people list`, or add one.")
    return user


def add(
    email: str, *, by: Actor, name: str = "", person_id: str = "", password: str | None = None, roles: Sequence[str] = (), region: str = ""
) -> User:
    """Let a person sign in. Without a password they need an invitation; without a person id the facts are asked by address."""
    by.need("admin", to="add people")
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid(f"{email!r} is not an e-mail address.") from error
    for role in roles:
        _check_role(role, region)
    if User.objects.filter(email__iexact=email).exists():
        raise Conflict(f"{email} can sign in already.", mend="Grant roles to that person instead.")
    known = _person(person_id=person_id) if person_id else _person(email=email)
    user = User(email=email, name=name or (known or {}).get("name") or "", person_id=(known or {}).get("id") or person_id)
    if password is not None:
        _check_password(password, user)
    user.set_password(password)
    with transaction.atomic():
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError as error:
            raise Conflict(f"Person {user.person_id} signs in with another address already.") from error
        _address(user)
        record(
            by=by.name,
            verb="people.added",
            subject=f"user:{user.pk}",
            detail={"person_id": user.person_id, "with_password": password is not None},
            channel=by.channel,
            person=_key(user),
            personal={"email": email, "name": user.name},
        )
        for role in roles:
            grant(user, role, by=by, region=region if role == "sales-ops" else "", reason="when added")
    return user


def grant(user: User, role: str, *, by: Actor, region: str = "", until: date | datetime | None = None, reason: str = "") -> RoleGrant:
    """Give a role or a right, from now until a day. An admin grants nothing to themselves."""
    by.need("admin", to="grant roles")
    _not_self(user, by, "grant yourself a role")
    _check_role(role, region)
    ends = _end(until)
    if ends is not None and ends <= timezone.now():
        raise Invalid("The grant would have ended already.", mend="Choose a later day.")
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        held = [row for row in user.role_grants.filter(role=role, revoked_at__isnull=True) if row.in_force]
        if any(row.region == region and row.until == ends for row in held):
            return held[0]
        now = timezone.now()
        for row in held:  # one grant per role: a new region or end replaces the old one
            row.revoked_at, row.revoked_by = now, by.name
            row.save(update_fields=["revoked_at", "revoked_by"])
        made = RoleGrant.objects.create(user=user, role=role, region=region, until=ends, reason=reason[:300], granted_by=by.name)
        record(
            by=by.name,
            verb="people.granted",
            subject=f"user:{user.pk}",
            detail={"role": role, "region": region, "until": ends.isoformat() if ends else None, "reason": made.reason},
            channel=by.channel,
        )
    return made


def revoke(user: User, role: str, *, by: Actor, reason: str = "") -> int:
    """Take a role or a right away; how many grants that ended. The last admin keeps the role."""
    by.need("admin", to="take roles away")
    with transaction.atomic():
        held = [row for row in user.role_grants.select_for_update().filter(role=role, revoked_at__isnull=True) if row.in_force]
        if not held:
            raise NotFound(f"{user.email} does not have {role}.")
        if role == "admin":
            _keep_one_admin(user)
        now = timezone.now()
        for row in held:
            row.revoked_at, row.revoked_by = now, by.name
            row.save(update_fields=["revoked_at", "revoked_by"])
        record(
            by=by.name,
            verb="people.revoked",
            subject=f"user:{user.pk}",
            detail={"role": role, "reason": reason[:300]},
            channel=by.channel,
        )
    return len(held)


def switch(user: User, active: bool, *, by: Actor) -> User:
    """Switch a person's sign-in and tokens off, or on again. Nobody switches themselves."""
    by.need("admin", to="switch people on and off")
    _not_self(user, by, "switch yourself on or off")
    if user.is_active == active:
        return user
    with transaction.atomic():
        if not active:
            _keep_one_admin(user)
        user.is_active = active
        user.save(update_fields=["is_active"])
        record(
            by=by.name,
            verb="people.switched_on" if active else "people.switched_off",
            subject=f"user:{user.pk}",
            detail={},
            channel=by.channel,
        )
    return user


def link(user: User, person_id: str, *, by: Actor) -> User:
    """Say which person of the facts a user is; an empty id says none. Whoever is linked sees that person's deals."""
    by.need("admin", to="link users to persons")
    _not_self(user, by, "link yourself to a person")
    person_id = person_id.strip()
    if person_id and _person(person_id=person_id) is None:
        raise NotFound(f"There is no person {person_id!r} in the table users.", mend="Import the people first, or check the id.")
    if person_id and User.objects.filter(person_id=person_id).exclude(pk=user.pk).exists():
        raise Conflict(f"Person {person_id} signs in with another address already.", mend="Take that link away first.")
    with transaction.atomic():
        before, user.person_id = user.person_id, person_id
        user.save(update_fields=["person_id"])
        record(by=by.name, verb="people.linked", subject=f"user:{user.pk}", detail={"from": before, "to": person_id}, channel=by.channel)
    return user


def link_by_email(*, by: Actor) -> int:
    """Link every user without a person to the one person of the facts with the same address; how many were linked."""
    by.need("admin", "sales-ops", to="link users to persons")
    loose = {user.email.lower(): user for user in User.objects.filter(person_id="")}
    if not loose:
        return 0
    ids: dict[str, list[str]] = {}
    for row in facts_rows("users", ["id", "email"]):
        if (row["email"] or "").lower() in loose:
            ids.setdefault(row["email"].lower(), []).append(row["id"])
    taken = set(User.objects.exclude(person_id="").values_list("person_id", flat=True))
    linked = 0
    for email, found in sorted(ids.items()):
        if len(found) == 1 and found[0] not in taken:
            user = loose[email]
            with transaction.atomic():
                user.person_id = found[0]
                user.save(update_fields=["person_id"])
                record(by=by.name, verb="people.linked", subject=f"user:{user.pk}", detail={"from": "", "to": found[0]}, channel=by.channel)
            linked += 1
    return linked


def invitation(user: User, *, by: Actor, request: Any = None) -> str:
    """A link, good once and for three days, with which a person who has no password yet sets one."""
    from allauth.account.forms import default_token_generator
    from allauth.account.utils import user_pk_to_url_str
    from django.urls import reverse

    from closedwon.people.sign_on import site_address

    by.need("admin", to="invite people")
    if user.has_usable_password():
        raise Invalid(f"{user.email} has a password already.", mend='That person can use "Forgot your password?" on the sign-in page.')
    if not user.is_active:
        raise Invalid(f"{user.email} is switched off.", mend="Switch the person on first.")
    path = reverse(
        "account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
    )
    with transaction.atomic():
        record(by=by.name, verb="people.invited", subject=f"user:{user.pk}", detail={}, channel=by.channel)
    return site_address(path, request)


def set_password(user: User, password: str | None, *, by: Actor, drop_second_factor: bool = False) -> None:
    """Set a password, or take the second factor off, for one who lost theirs; only at the machine's command line."""
    by.need("admin", to="set another's password")
    if by.user_id is not None or by.channel != "cli":
        raise Refused(
            "A password is set for somebody only at the machine's command line.", mend="Send an invitation or a reset link instead."
        )
    if password is not None:
        _check_password(password, user)
    with transaction.atomic():
        if password is not None:
            user.set_password(password)
            user.save(update_fields=["password"])
        if drop_second_factor:
            from allauth.mfa.models import Authenticator

            Authenticator.objects.filter(user=user).delete()
        record(
            by=by.name,
            verb="people.password_set",
            subject=f"user:{user.pk}",
            detail={"password": password is not None, "second_factor_dropped": drop_second_factor},
            channel=by.channel,
        )


def _key(user: User) -> str:
    return user.person_id or f"user:{user.pk}"


def _address(user: User) -> None:
    from allauth.account.models import EmailAddress

    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"primary": True, "verified": True})


def _person(*, person_id: str = "", email: str = "") -> dict[str, Any] | None:
    rows = facts_rows("users", ["id", "name", "email"])
    if person_id:
        return next((row for row in rows if row["id"] == person_id), None)
    found = [row for row in rows if (row["email"] or "").lower() == email]
    if len(found) != 1 or User.objects.filter(person_id=found[0]["id"]).exists():
        return None
    return found[0]


def _check_role(role: str, region: str) -> None:
    if role not in (*ROLES, *GRANTS):
        raise Invalid(f"There is no role {role!r}.", mend=f"The roles are {', '.join((*ROLES, *GRANTS))}.")
    if region and role != "sales-ops":
        raise Invalid(f"Only sales-ops can be limited to a region, not {role}.", mend="Leave the region out.")


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), mend="Choose a longer or rarer pass phrase.") from error


def _not_self(user: User, by: Actor, to: str) -> None:
    if by.user_id == user.pk:
        raise Refused(f"You may not {to}.", mend="Ask another admin.")


def _keep_one_admin(user: User) -> None:
    grants = RoleGrant.objects.filter(role="admin", revoked_at__isnull=True, user__is_active=True).select_related("user")
    if any(row.user_id == user.pk and row.in_force for row in grants) and not any(
        row.user_id != user.pk and row.in_force for row in grants
    ):
        raise Invalid(f"{user.email} is the last admin.", mend="Make another person admin first.")


def _end(until: date | datetime | None) -> datetime | None:
    if until is None or isinstance(until, datetime):
        return until
    return datetime.combine(until + timedelta(days=1), time(), current().zone)

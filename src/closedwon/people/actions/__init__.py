"""The verbs of people: add, invite, grant, revoke, link, tokens, identities and corrections of seats."""

from closedwon.people.actions.identities import (
    add_identity,
    identities,
    open_conflicts,
    person_of,
    refresh_identities,
    remove_identity,
    settle,
)
from closedwon.people.actions.imports import after_import
from closedwon.people.actions.people import (
    ROLE_WORDS,
    add,
    find,
    grant,
    invitation,
    link,
    link_by_email,
    people,
    revoke,
    set_password,
    switch,
)
from closedwon.people.actions.seats import corrections, decide, propose, publish_corrections, withdraw
from closedwon.people.actions.tokens import allows, check_token, make_token, revoke_token, scope_names, tokens

__all__ = [
    "ROLE_WORDS",
    "add",
    "add_identity",
    "after_import",
    "allows",
    "check_token",
    "corrections",
    "decide",
    "find",
    "grant",
    "identities",
    "invitation",
    "link",
    "link_by_email",
    "make_token",
    "open_conflicts",
    "people",
    "person_of",
    "propose",
    "publish_corrections",
    "refresh_identities",
    "remove_identity",
    "revoke",
    "revoke_token",
    "scope_names",
    "set_password",
    "settle",
    "switch",
    "tokens",
    "withdraw",
]

"""Who of the example company plays which part in the demo. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

Row = Mapping[str, Any]
LINE = (("CRO", ("executive", "manager")), ("VP", ("manager",)), ("director", ("manager",)), ("manager", ("manager",)), ("rep", ("rep",)))
"""The line of command, from the top to one rep."""
STAFF = (
    ("sales ops", "sales ops", "sales-ops"),
    ("deal desk", "deal desk", "deal-desk"),
    ("comp admin", "comp admin", "comp-admin"),
    ("finance", "finance", "finance"),
    ("enablement", "enablement", "enablement"),
    ("Salesforce admin", "admin", "salesforce-admin"),
    ("SE", "SE", "se"),
    ("CSM", "CSM", "csm"),
)
"""The part, the role that the company's own table gives such a person, and the role granted here."""


@dataclass(frozen=True)
class Part:
    """A login of the demo: what it is called, its roles, the person who plays it, and the region it is limited to."""

    name: str
    roles: tuple[str, ...]
    person: Row | None = None
    region: str = ""


def cast(tables: Mapping[str, Sequence[Row]], today: date) -> list[Part]:
    """One login for each role: a line of command from the top to one rep, then the staff, then an admin and an auditor from outside."""
    users = {row["id"]: row for row in tables["users"] if row["active"] is not False}
    line = [users[user] for user in _line(tables, users, today)]
    words = LINE if len(line) >= len(LINE) else (*LINE[: len(line) - 1], LINE[-1])
    parts = [Part(name, roles, person) for (name, roles), person in zip(words, line, strict=False)]
    for name, theirs, role in STAFF:
        named = sorted((row for row in users.values() if row["role"] == theirs), key=lambda row: row["id"])
        if role == "sales-ops":
            heads = [row for row in named if not row["region"]]
            limited = [row for row in named if row["region"]]
            parts += [Part(name, (role,), row) for row in heads[:1]]
            parts += [Part(f"{name}, {row['region']} only", (role,), row, row["region"]) for row in limited if row["region"] == "EMEA"][:1]
        else:
            parts += [Part(name, (role,), row) for row in named[:1]]
    taken = {role for part in parts for role in part.roles}
    parts += [Part(name, (role,)) for name, _, role in STAFF[:1] if role not in taken]
    return [*parts, Part("admin", ("admin",)), Part("auditor", ("auditor",))]


def _line(tables: Mapping[str, Sequence[Row]], users: Mapping[str, Row], today: date) -> list[str]:
    """Persons from the top to one rep, taking at every step the filled seat with the most filled seats under it."""
    kinds = {row["id"]: row["kind"] for row in tables["positions"]}
    sits: dict[str, str] = {}
    for row in sorted(tables["position_holders"], key=lambda row: (row["position_id"], row["since"])):
        if row["since"] <= today < (row["until"] or date.max) and row["user_id"] in users and not row["is_interim"]:
            sits[row["position_id"]] = row["user_id"]
    below: dict[str | None, list[str]] = {}
    for row in sorted(tables["hierarchy"], key=lambda row: row["position_id"]):
        counts = row["kind"] == "sales" and row["since"] <= today < (row["until"] or date.max)
        if counts and row["position_id"] in sits and kinds.get(row["position_id"]) in ("manager", "rep"):
            below.setdefault(row["parent_id"], []).append(row["position_id"])

    def size(seat: str) -> int:
        return 1 + sum(size(child) for child in below.get(seat, []))

    line: list[str] = []
    at: str | None = None
    while filled := below.get(at, []):
        at = max(filled, key=lambda seat: (size(seat), -filled.index(seat)))
        line.append(sits[at])
    return line

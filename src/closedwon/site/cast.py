"""Who of the example company plays which part in the demo. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any


def cast(tables: dict[str, list[dict[str, Any]]], today: date) -> list[tuple[str, list[str], dict[str, Any] | None, str]]:
    """Who of the company plays which part: (part, roles, person, region); a line of command from the top to one rep."""
    users = {row["id"]: row for row in tables["users"] if row["active"] is not False}
    sits = {}
    for row in sorted(tables["position_holders"], key=lambda row: (row["position_id"], row["since"])):
        if row["since"] <= today < (row["until"] or date.max) and row["user_id"] in users and not row["is_interim"]:
            sits[row["position_id"]] = users[row["user_id"]]
    below: dict[str | None, list[str]] = {}
    for row in sorted(tables["hierarchy"], key=lambda row: row["position_id"]):
        if row["kind"] == "sales" and row["since"] <= today < (row["until"] or date.max):
            below.setdefault(row["parent_id"], []).append(row["position_id"])
    line = _line(below, sits)
    words = [("CRO", ["executive", "manager"]), ("VP", ["manager"]), ("director", ["manager"]), ("manager", ["manager"]), ("rep", ["rep"])]
    picked = words[: len(line) - 1] + words[-1:] if len(line) < len(words) else words
    chosen = [(part, roles, sits[seat], "") for (part, roles), seat in zip(picked, line, strict=False)]
    staff = [
        ("sales ops", "sales-ops"),
        ("deal desk", "deal-desk"),
        ("comp admin", "comp-admin"),
        ("finance", "finance"),
        ("enablement", "enablement"),
    ]
    regional = None
    for part, role in staff:
        named = sorted((row for row in users.values() if row["role"] == part), key=lambda row: row["id"])
        head = next((row for row in named if part != "sales ops" or not row["region"]), named[0] if named else None)
        chosen.append((part, [role], head, ""))
        regional = regional or next((row for row in named if part == "sales ops" and row is not head and row["region"]), None)
    if regional:
        chosen.append((f"sales ops, {regional['region']} only", ["sales-ops"], regional, regional["region"]))
    return [*chosen, ("admin", ["admin"], None, ""), ("auditor", ["auditor"], None, "")]


def _line(below: dict[str | None, list[str]], sits: dict[str, dict[str, Any]]) -> list[str]:
    """Seats from the top to one rep, each filled, taking at every step the seat with the most filled seats under it."""

    def size(seat: str) -> int:
        return 1 + sum(size(child) for child in below.get(seat, []) if child in sits)

    line: list[str] = []
    at: str | None = None
    while filled := [seat for seat in below.get(at, []) if seat in sits]:
        at = max(filled, key=lambda seat: (size(seat), -filled.index(seat)))
        line.append(at)
    return line

"""What past requests would have needed under other policies, and how long that would have taken, beside what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from closedwon.approvals.actions.common import policies
from closedwon.approvals.actions.history import past
from closedwon.approvals.deciding import Policies
from closedwon.approvals.rules.backtest import backtest_rule
from closedwon.approvals.rules.measures import every, inputs, turnaround
from closedwon.approvals.rules.united import Source
from closedwon.base.errors import Invalid
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.engine import query_rows, query_table, run
from closedwon.people.actor import Actor

READERS = ("deal-desk", "finance", "sales-ops", "executive", "auditor")
"""Roles that may look back over requests."""


def region_of(by: Actor) -> str:
    """The region that an actor looks back over, empty for all of the company. Raises Refused for roles that do not look back."""
    by.need(*READERS, to="look back over requests")
    return by.region if by.region and not by.has(*(role for role in READERS if role != "sales-ops")) else ""


COLUMNS = ("request", "kind", "submitted_on", "outcome", "roles", "expected_hours", "then_outcome", "then_roles", "then_hours")


@dataclass(frozen=True)
class Tried:
    """A past request under other policies: what it would need and for how many business hours, and what it needed and took then."""

    request: str
    kind: str
    submitted_on: date
    outcome: str
    roles: tuple[str, ...]
    expected_hours: float | None
    then_outcome: str
    then_roles: tuple[str, ...]
    then_hours: float | None
    id: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For CSV and JSON; roles are joined with semicolons in their order."""
        return {
            "request": self.request, "kind": self.kind, "submitted_on": self.submitted_on.isoformat(), "outcome": self.outcome, "roles": ";".join(self.roles),
            "expected_hours": self.expected_hours, "then_outcome": self.then_outcome, "then_roles": ";".join(self.then_roles), "then_hours": self.then_hours,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Backtest:
    """Every request of a span as it would be, in the order of submission. `rows` are `id number kind submitted_on … outcome roles minutes then_…`."""

    rows: pa.Table
    start: date
    end: date
    policies: tuple[Mapping[str, Any], ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    def __iter__(self) -> Iterator[Tried]:
        for batch in self.rows.to_batches(max_chunksize=10_000):
            for row in batch.to_pylist():
                yield _tried(row)

    def part(self, offset: int, limit: int) -> Iterator[Tried]:
        """So many of them from a place on."""
        for row in self.rows.slice(offset, limit).to_pylist():
            yield _tried(row)

    def __getitem__(self, at: int) -> Tried:
        return _tried(self.rows.slice(at, 1).to_pylist()[0])


def _tried(row: Mapping[str, Any]) -> Tried:
    return Tried(
        row["number"] or row["id"], row["kind"], row["submitted_on"], row["outcome"], _roles(row["roles"]), _hours(row["minutes"]),
        row["then_outcome"], _roles(row["then_roles"]), _hours(row["then_minutes"]), row["id"],
    )  # fmt: skip


def _roles(text: str | None) -> tuple[str, ...]:
    return tuple(part for part in (text or "").split(";") if part)


def _hours(minutes: float | None) -> float | None:
    return None if minutes is None else round(minutes / 60, 1)


def backtest(start: date, end: date, *, by: Actor, given: Policies | None = None, kind: str = "") -> Backtest:
    """Every request submitted from `start` on and before `end`, its first version, under `given` or the policies in force.

    Persons are left aside: a role is asked or it is not. A role takes the median business minutes that its steps took in the same span, else its
    clock's; steps of one group run at once, groups one after the other. Steps that somebody asked for in addition are not counted.
    """
    region = region_of(by)
    if end <= start:
        raise Invalid("The span ends before it begins.", mend="Give --from and --to as 2026-08-01 and 2026-11-01.")
    used = given or policies()
    known = past(start, end, kind, region)
    took = {row["place"]: row["median_minutes"] for row in run(turnaround("role"), known).to_pylist() if row["median_minutes"] is not None}
    found: list[pa.Table] = []
    sources: dict[tuple[str, date], Source] = {}
    titles: dict[str, str] = {}
    for one in [kind] if kind else _kinds(known):
        for since, until in pairwise(_days(used, one, start, end)):
            united = used.on(one, since)
            sources |= {(told.name, told.since): told for told in united.sources}
            titles |= {name: role.label for name, role in united.roles.items()}
            params = [{"kind": one, "region": region, "start": since, "stop": until}]
            made = run(backtest_rule(united, took), {**known, "params": params})
            found.append(made.append_column("kind", pa.array([one] * made.num_rows, pa.string())))
    whole = pa.concat_tables(found)
    if len(found) > 1:
        whole = whole.sort_by([("submitted_on", "ascending"), ("id", "ascending")])
    told_ = tuple(
        {"name": one.name, "since": one.since.isoformat(), "digest": one.digest, "reference": one.reference} for one in sources.values()
    )
    return Backtest(whole, start, end, told_, titles)


def _kinds(known: Mapping[str, Any]) -> list[str]:
    """The kinds of request in the span."""
    text = f"SELECT DISTINCT r.kind AS kind FROM {every('every_request')} AS r CROSS JOIN params AS p WHERE r.submitted_on >= p.start AND r.submitted_on < p.stop ORDER BY 1"
    return [row["kind"] for row in _query(text, known) if row["kind"]] or ["deal"]


def _query(text: str, known: Mapping[str, Any]) -> list[dict[str, Any]]:
    columns = inputs("every_request")
    given = {name: rows_to_table(known[name], columns[name]) if isinstance(known[name], list) else known[name] for name in columns}
    return query_rows(text, given)


def _days(used: Policies, kind: str, start: date, end: date) -> list[date]:
    """The span's ends, and the days within it on which another version of a policy begins."""
    changes = {version.since for document in used.documents.values() if document.subject == kind for version in document.version}
    return [start, *sorted(day for day in changes if start < day < end), end]


def summary(found: Backtest) -> dict[str, Any]:
    """What a span comes to: how many need nobody, before and now, the median hours, how often each role is asked, what changes."""
    text = (
        "SELECT roles, then_roles, outcome = 'auto-approved' AS alone, then_outcome = 'auto-approved' AS then_alone, COUNT(*) AS many "
        "FROM found GROUP BY ALL ORDER BY ALL"
    )
    groups = query_table(text, {"found": found.rows}).to_pylist()
    roles: dict[str, list[int]] = {}
    for row in groups:
        for at, asked in enumerate((row["roles"], row["then_roles"])):
            for role in _roles(asked):
                roles.setdefault(role, [0, 0])[at] += row["many"]
    asks = pc.equal(found.rows["outcome"], "needs-approval")
    asked = pc.not_equal(found.rows["then_outcome"], "auto-approved")
    ordered = sorted(roles.items(), key=lambda pair: (-pair[1][0], pair[0]))
    return {
        "requests": len(found), "alone": sum(row["many"] for row in groups if row["alone"]), "then_alone": sum(row["many"] for row in groups if row["then_alone"]),
        "hours": _median(found.rows.filter(asks)["minutes"]), "then_hours": _median(found.rows.filter(asked)["then_minutes"]),
        "roles": [{"role": role, "asked": counts[0], "then": counts[1], "title": found.titles.get(role, role)} for role, counts in ordered],
        "changed": sum(row["many"] for row in groups if set(_roles(row["roles"])) != set(_roles(row["then_roles"]))),
        "fewer": sum(row["many"] for row in groups if set(_roles(row["roles"])) < set(_roles(row["then_roles"]))),
        "more": sum(row["many"] for row in groups if set(_roles(row["roles"])) > set(_roles(row["then_roles"]))),
        "refused": _count(found.rows),
    }  # fmt: skip


def _count(rows: pa.Table) -> int:
    return int(pc.sum(pc.is_in(rows["outcome"], pa.array(["forbidden", "incomplete"]))).as_py() or 0)


def _median(minutes: Any) -> float | None:
    found = pc.quantile(minutes.combine_chunks() if isinstance(minutes, pa.ChunkedArray) else minutes, 0.5).to_pylist()
    return _hours(found[0]) if found and found[0] is not None else None

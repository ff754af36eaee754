"""How approvals went over a span: turnaround by role, region, step and month; how many need nobody; rework; where requests wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from closedwon.approvals.actions.backtest import region_of
from closedwon.approvals.actions.common import policies
from closedwon.approvals.actions.history import past
from closedwon.approvals.rules.measures import REQUEST_DIMENSIONS, STEP_DIMENSIONS, outcomes, turnaround
from closedwon.base.errors import Invalid
from closedwon.facts.engine import run
from closedwon.people.actor import Actor

Row = Mapping[str, Any]
STEP_COLUMNS = ("place", "title", "asked", "done", "waiting", "late", "rejected", "median_hours", "slow_hours", "all_hours")
NOTHING = {
    "requests": 0,
    "alone": 0,
    "approved": 0,
    "rejected": 0,
    "recalled": 0,
    "waiting": 0,
    "reworked": 0,
    "timed": 0,
    "all_hours": 0.0,
}


@dataclass(frozen=True)
class LookBack:
    """What a span shows: the whole, its months and regions, and its steps by the dimension that was asked for; hours are business hours."""

    start: date
    end: date
    by: str
    whole: Row
    months: Sequence[Row]
    regions: Sequence[Row]
    steps: Sequence[Row]
    roles: Sequence[Row]
    step_months: Sequence[Row]

    @property
    def bottleneck(self) -> Row:
        """The role in which the most business hours go by in all; empty where no step was done."""
        done = [row for row in self.roles if row["done"]]
        return max(done, key=lambda row: (row["all_hours"], row["place"])) if done else {}

    def share(self, part: str) -> float | None:
        """Which share of all requests a part is, None where there are none."""
        return self.whole[part] / self.whole["requests"] if self.whole["requests"] else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "from": self.start.isoformat(), "to": self.end.isoformat(), "by": self.by, "whole": dict(self.whole), "months": [dict(one) for one in self.months],
            "regions": [dict(one) for one in self.regions], "steps": [dict(one) for one in self.steps], "bottleneck": dict(self.bottleneck),
        }  # fmt: skip


def look_back(start: date, end: date, *, by: Actor, kind: str = "", dimension: str = "role") -> LookBack:
    """How the requests submitted from `start` on and before `end` went; steps by role, region, step or month."""
    region = region_of(by)
    if end <= start:
        raise Invalid("The span ends before it begins.", mend="Give --from and --to as 2026-08-01 and 2026-11-01.")
    if dimension not in STEP_DIMENSIONS:
        raise Invalid(f"Steps cannot be looked at by {dimension!r}.", mend=f"Write {', '.join(STEP_DIMENSIONS)}.")
    known = past(start, end, kind, region)
    titles = _titles(start, kind)
    steps = {name: [_step(row, titles) for row in run(turnaround(name), known).to_pylist()] for name in {dimension, "role", "month"}}
    found = {name: [_outcome(row) for row in run(outcomes(name), known).to_pylist()] for name in ("all", "month", "region")}
    whole = found["all"][0] if found["all"] else {**NOTHING, "place": "all"}
    ordered = steps[dimension] if dimension == "month" else sorted(steps[dimension], key=lambda row: (-row["all_hours"], row["place"]))
    return LookBack(start, end, dimension, whole, found["month"], found["region"], ordered, steps["role"], steps["month"])


def _titles(day: date, kind: str) -> dict[str, str]:
    """What roles are called."""
    used = policies()
    made: dict[str, str] = {}
    for subject in [kind] if kind else sorted({document.subject for document in used.documents.values()}):
        united = used.on(subject, day)
        made |= {name: role.label for name, role in united.roles.items() if name not in made}
    return made


def _step(row: Row, titles: Mapping[str, str]) -> dict[str, Any]:
    return {
        "place": row["place"], "title": titles.get(row["place"], row["place"]), "asked": row["asked"], "done": row["done"], "waiting": row["waiting"],
        "late": row["late"], "rejected": row["rejected"], "median_hours": _hours(row["median_minutes"]), "slow_hours": _hours(row["slow_minutes"]),
        "all_hours": _hours(row["all_minutes"]) or 0.0,
    }  # fmt: skip


def _outcome(row: Row) -> dict[str, Any]:
    made = {name: value for name, value in row.items() if name != "all_minutes"}
    mean = row["all_minutes"] / row["timed"] if row["timed"] else None
    return {**made, "all_hours": _hours(row["all_minutes"]) or 0.0, "mean_hours": _hours(mean)}


def _hours(minutes: float | None) -> float | None:
    return None if minutes is None else round(minutes / 60, 1)


__all__ = ["REQUEST_DIMENSIONS", "STEP_COLUMNS", "STEP_DIMENSIONS", "LookBack", "look_back"]

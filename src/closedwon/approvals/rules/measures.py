"""How approvals went, over the tables of past requests and their steps: turnaround, outcomes, rework. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from closedwon.base.rule import Rule
from closedwon.base.tables import Column, columns, table

PARAMS = columns("kind region start:date stop:date")
LIVE = {"every_request": ("approval_requests", "id"), "every_step": ("approval_steps", "request_id")}
"""Texts read these: the published rows, without the requests that changed since, and those as they are now."""


def every(name: str) -> str:
    """The published rows together with the live ones, which win."""
    told, key = LIVE[name]
    cells = ", ".join(table(told).names)
    gone = f"NOT EXISTS (SELECT 1 FROM live_ids AS l WHERE l.id = p.{key})"
    return f"(SELECT {cells} FROM {told} AS p WHERE {gone} UNION ALL SELECT {cells} FROM live_{told})"


def inputs(name: str) -> dict[str, tuple[Column, ...]]:
    """What a text that reads them takes in."""
    told = LIVE[name][0]
    return {told: table(told).columns, f"live_{told}": table(told).columns, "live_ids": columns("id"), "params": PARAMS}


STEP_DIMENSIONS = {"role": "s.role", "region": "s.region", "step": "s.title", "month": "SUBSTRING(CAST(s.submitted_on AS VARCHAR), 1, 7)"}
"""What steps may be looked at by."""
REQUEST_DIMENSIONS = {
    "region": "r.region", "month": "SUBSTRING(CAST(r.submitted_on AS VARCHAR), 1, 7)", "roles": "r.asked_roles", "segment": "r.segment", "all": "'all'",
}  # fmt: skip
"""What requests may be looked at by."""


@dataclass(frozen=True, eq=False)
class ByRule(Rule):
    """A rule whose text looks at one dimension."""

    dimension: str = field(kw_only=True)

    @cached_property
    def sql(self) -> str:
        """The text with the dimension filled in."""
        return (
            super()
            .sql.replace("dimension", self.dimension)
            .replace("every_request", every("every_request"))
            .replace("every_step", every("every_step"))
        )


@lru_cache(maxsize=16)
def turnaround(by: str) -> Rule:
    """Steps to one row per place of a dimension: asked, done, late, waiting, the median and the ninth decile of business minutes."""
    outputs = columns(
        "place asked:int done:int waiting:int late:int rejected:int median_minutes:int slow_minutes:int all_minutes:int", ("place",)
    )
    return ByRule(
        f"turnaround_{by}",
        "closedwon.approvals",
        "sql/turnaround.sql",
        inputs("every_step"),
        outputs,
        ("place",),
        dimension=STEP_DIMENSIONS[by],
    )


@lru_cache(maxsize=16)
def outcomes(by: str) -> Rule:
    """Requests to one row per place of a dimension: how many, alone, approved, rejected, recalled, waiting, reworked, business minutes."""
    outputs = columns(
        "place requests:int alone:int approved:int rejected:int recalled:int waiting:int reworked:int timed:int all_minutes:int", ("place",)
    )
    return ByRule(
        f"outcomes_{by}",
        "closedwon.approvals",
        "sql/outcomes.sql",
        inputs("every_request"),
        outputs,
        ("place",),
        dimension=REQUEST_DIMENSIONS[by],
    )

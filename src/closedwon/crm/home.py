"""What customers and deals put on Today: what changed since yesterday, and the deals and dirt that wait for somebody."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from closedwon.crm.deals import DealQuery, deals, moved
from closedwon.crm.imports import unknown_stages
from closedwon.crm.quality import quality
from closedwon.facts.releases import latest
from closedwon.facts.store import store
from closedwon.people.actor import Actor
from closedwon.ui import format as fmt
from closedwon.ui.parts import Event
from closedwon.ui.today import Card, Waiting

SHOWN = 7
LOOKED_AT = ("past-close", "inactive-owner", "placeholder", "quarantine")
"""Checks of data quality that wait for sales ops."""
WORDS = {
    "amount_minor": "Amount",
    "net_arr_minor": "Net new ARR",
    "close_date": "Close date",
    "stage": "Stage",
    "forecast_category": "Category",
}


def cards(by: Any, view: Any) -> Iterable[Card]:
    """The cards of a person: what moved, and what to do."""
    if not isinstance(by, Actor) or latest() is None:
        return
    yield Card("changed", events=[_event(row) for row in moved(by, as_of=view.as_of, back=timedelta(days=1), limit=SHOWN)])
    tasks = [*_own(by, view), *_dirt(by, view)]
    if tasks:
        yield Card("waiting", tasks=tasks)


def _event(row: dict[str, Any]) -> Event:
    said = "; ".join(f"{WORDS[field]} {_value(field, old, row)} → {_value(field, new, row)}" for field, old, new in row["changes"])
    return Event(row["at"], said, row["changed_by"] or "", row["name"] or row["id"], href=f"/pipeline/deals/{row['id']}")


def _value(field: str, value: str | None, row: dict[str, Any]) -> str:
    if not value:
        return fmt.MISSING
    if field.endswith("_minor"):
        return fmt.money(int(value), row["currency"], symbol=True)
    return fmt.day(value) if field == "close_date" else value.replace("_", " ")


def _own(by: Actor, view: Any) -> Iterable[Waiting]:
    """One's own or one's team's open deals whose close date has passed, the largest first."""
    if not by.has("rep", "manager"):
        return
    found = deals(
        by, DealQuery(where={"status": ("open",)}, closes_to=view.day, sort="amount", descending=True, size=SHOWN), as_of=view.as_of
    )
    for row in found.rows:
        yield Waiting(
            row["name"] or row["id"],
            f"/pipeline/deals/{row['id']}",
            f"close date passed, {row['owner'] or 'no owner'}",
            row["close_date"],
            "bad",
        )


def _dirt(by: Actor, view: Any) -> Iterable[Waiting]:
    """What sales ops has to mend before the numbers can be trusted."""
    if not by.has("sales-ops"):
        return
    if not by.region:
        for alarm in unknown_stages(store()):
            yield Waiting(alarm, "/policies/pipeline/", "name it in the pipeline policy", tone="bad")
    for check in quality(by, today=view.day):
        if check.key in LOOKED_AT and check.count:
            yield Waiting(f"{check.title}: {fmt.number(check.count)}", f"/systems/data-quality/?check={check.key}", check.why)

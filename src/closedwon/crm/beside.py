"""What other fields show beside a deal, and what this one shows beside a person."""

from __future__ import annotations

from closedwon.crm.deals import DealQuery, deals
from closedwon.facts.releases import latest
from closedwon.people.actor import Actor
from closedwon.ui import format as fmt
from closedwon.ui.beside import Beside, Cards, Line

__all__ = ["Beside", "Line", "cards", "open_deals", "register"]

_CARDS = Cards("deal")
register, cards = _CARDS.register, _CARDS.of
SHOWN = 8


def open_deals(by: Actor, person_id: str) -> Beside | None:
    """The open deals that a person owns, as far as the reader may see them, those that close first on top."""
    if latest() is None:
        return None
    found = deals(by, DealQuery(where={"owner_id": person_id, "status": "open"}, size=SHOWN))
    lines = [
        Line(
            str(row["name"] or row["id"]),
            f"/pipeline/deals/{row['id']}",
            f"{fmt.money(row['amount_minor'], row['currency'] or '', symbol=True, places=0)} · "
            + (f"closes {fmt.day(row['close_date'], year=True)}" if row["close_date"] else "no close date"),
            row["stage"] or "",
        )
        for row in found.rows
    ]
    return Beside("Open deals", lines, f"{len(lines)} of {found.total:,}" if found.total > len(lines) else str(found.total))

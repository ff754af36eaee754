"""What deals show elsewhere: the requests on a deal beside it."""

from __future__ import annotations

from closedwon.crm.beside import Beside, Line
from closedwon.deals.actions.requests import of_deal
from closedwon.people.actor import Actor

TONES = {"approved": "good", "rejected": "bad", "pending": "info", "conditional": "warn", "draft": "warn"}


def beside_deal(by: Actor, opportunity_id: str) -> Beside | None:
    """The requests on a deal that the person may see, newest first."""
    lines = []
    for one in of_deal(opportunity_id, by=by)[:10]:
        state = one.approval.state if one.approval else "draft"
        discount = one.content.get("fields", {}).get("discount", "")
        booked = f", booked on {one.booked_on:%d %b %Y}" if one.booked_on else ", signed" if one.signed_at else ""
        lines.append(
            Line(
                one.title,
                f"/deals/requests/{one.pk}/",
                f"{one.number}, discount {discount or 'none'}{booked},",
                state,
                TONES.get(state, ""),
                one.updated_at,
            )
        )
    return Beside("Sign-off", lines)

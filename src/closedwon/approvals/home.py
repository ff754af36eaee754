"""What of approvals stands on Today: what waits for the person, and what came of the person's own requests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from closedwon.approvals.actions.looking import inbox, requests
from closedwon.ui.parts import Event
from closedwon.ui.today import Card, Waiting

WORDS = {"approved": "approved", "rejected": "sent back", "conditional": "waits for a condition"}


def cards(by: Any, view: Any) -> Iterable[Card]:
    """The cards of one person."""
    del view
    rows = inbox(by=by)
    if rows:
        tasks = [
            Waiting(
                f"Approve: {row['request'].title}",
                f"/approvals/{row['request'].pk}/",
                "; ".join(row["reasons"])[:160],
                row["due_at"],
                "bad" if row["late"] else "",
            )
            for row in rows[:8]
        ]
        yield Card("waiting", "Approvals", tasks=tasks, order=10)
    since = timezone.now() - timedelta(days=2)
    decided = [one for one in requests(by=by, mine_only=True).filter(closed_at__gte=since)[:8] if one.state in WORDS]
    if decided:
        tones = {"approved": "good", "rejected": "bad"}
        yield Card(
            "changed",
            "Your requests",
            events=[Event(one.closed_at, f"{one.title}: {WORDS[one.state]}", "", "", tones.get(one.state, "")) for one in decided],
            order=20,
        )

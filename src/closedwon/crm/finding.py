"""What the palette finds: deals, accounts and people of the facts, only what the person may see."""

from __future__ import annotations

from typing import Any

from closedwon.people.actor import Actor
from closedwon.ui.search import Hit, register


def register_search() -> None:
    """Make deals and accounts findable."""
    register(find_deals)
    register(find_accounts)


def find_deals(by: Any, text: str) -> list[Hit]:
    """Deals whose name, account or id has the text."""
    from closedwon.crm.deals import DealQuery, deals
    from closedwon.facts.releases import latest

    if len(text) < 2 or not isinstance(by, Actor) or latest() is None:
        return []
    found = deals(by, DealQuery(find=text, size=6, sort="close_date", descending=True))
    return [
        Hit(row["name"] or row["id"], f"/pipeline/deals/{row['id']}", "Deal", f"{row['stage']}, {row['close_date']}") for row in found.rows
    ]


def find_accounts(by: Any, text: str) -> list[Hit]:
    """Accounts whose name has the text."""
    from closedwon.crm.deals import accounts
    from closedwon.facts.releases import latest

    if len(text) < 2 or not isinstance(by, Actor) or latest() is None:
        return []
    found = accounts(by, find=text, size=6)
    return [Hit(row["name"], f"/pipeline/accounts/{row['id']}", "Account", row["industry"] or "") for row in found.rows]

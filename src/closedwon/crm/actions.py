"""The verbs of customers and deals."""

from closedwon.crm.deals import DealQuery, account, accounts, deal, deals, quality
from closedwon.crm.imports import Report, import_source, unknown_stages
from closedwon.crm.refresh import refresh
from closedwon.crm.snapshots import take as take_snapshot

__all__ = [
    "DealQuery",
    "Report",
    "account",
    "accounts",
    "deal",
    "deals",
    "import_source",
    "quality",
    "refresh",
    "take_snapshot",
    "unknown_stages",
]

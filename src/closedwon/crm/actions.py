"""The verbs of customers and deals."""

from closedwon.crm.deals import DealQuery, account, accounts, custom_columns, deal, deals
from closedwon.crm.imports import Report, import_source, unknown_stages
from closedwon.crm.quality import check_words, quality, quality_rows
from closedwon.crm.refresh import refresh
from closedwon.crm.snapshots import take as take_snapshot

__all__ = [
    "DealQuery",
    "Report",
    "account",
    "accounts",
    "check_words",
    "custom_columns",
    "deal",
    "deals",
    "import_source",
    "quality",
    "quality_rows",
    "refresh",
    "take_snapshot",
    "unknown_stages",
]

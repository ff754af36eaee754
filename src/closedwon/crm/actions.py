"""The verbs of customers and deals."""

from closedwon.crm.imports import Report, import_source, unknown_stages

__all__ = ["Report", "import_source", "unknown_stages"]

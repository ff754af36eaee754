"""closedwon: open-source, self-hosted sales operations."""

__version__ = "0.1.0"

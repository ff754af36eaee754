"""closedwon: open-source, self-hosted sales operations."""

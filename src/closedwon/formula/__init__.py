"""The formula language and decision tables. Pure."""

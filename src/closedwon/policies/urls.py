"""Keys of documents in addresses: `approvals/discounts` stands there as `approvals.discounts`."""

from __future__ import annotations


class KeyConverter:
    """A document's key, or a kind's name."""

    regex = r"[-a-zA-Z0-9_]+(?:\.[a-z0-9-]+)?"

    def to_python(self, value: str) -> str:
        """The key."""
        return value.replace(".", "/")

    def to_url(self, value: str) -> str:
        """The key as a part of an address."""
        return str(value).replace("/", ".")

"""The text that an entry's hash covers: RFC 8785 JSON, written by hand for the fixed members of an entry because a million are verified."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from json.encoder import encode_basestring
from typing import Any

import rfc8785

SAFE = 2**53 - 1
START = "0" * 64
"""What the first entry follows."""


def canonical(value: Any) -> str:
    """JSON in RFC 8785 form; integers beyond 2^53, decimals and dates as strings."""
    return rfc8785.dumps(_plain(value)).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, int):
        return value if -SAFE <= value <= SAFE else str(value)
    if isinstance(value, dict):
        return {_plain(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def clean(text: str, longest: int) -> str:
    """Text that both databases and the hash can hold: without NUL and lone surrogates, and not too long."""
    return str(_plain(str(text)))[:longest]


def instant(at: datetime) -> str:
    """An instant as the hash has it: UTC, with six digits of the second."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def body(
    sequence: int, at: str, actor: str, channel: str, verb: str, subject: str, detail: str, person: str, sealed: str, previous: str
) -> str:
    """The RFC 8785 text of an entry; members in the order of their names."""
    q = encode_basestring
    return (
        f'{{"actor":{q(actor)},"at":{q(at)},"channel":{q(channel)},"detail":{q(detail)},"person":{q(person)},"previous":{q(previous)},'
        f'"sealed":{q(sealed)},"sequence":{sequence},"subject":{q(subject)},"verb":{q(verb)}}}'
    )


def digest(*members: Any) -> str:
    """The sha256 of an entry's text; the members in the order of `body`."""
    return hashlib.sha256(body(*members).encode("utf-8", "surrogatepass")).hexdigest()


def sha(text: str) -> str:
    """The sha256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

"""A request as a row of the table of past requests: its fields as columns and, whole, as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from closedwon.approvals.rules.cells import COLUMNS
from closedwon.approvals.rules.values import Request, plainly
from closedwon.base.money import digits
from closedwon.base.tables import table
from closedwon.formula.values import flat

PPM = Decimal(1_000_000)
PPB = Decimal(1_000_000_000)
MOST = 2**62


def row_of(request: Request) -> dict[str, Any]:
    """The columns that follow from a request's content: who, where, how much, the fields. Shares are kept to the ppm, amounts to the minor unit."""
    given = {name.casefold(): value for name, value in flat(request.fields).items()}
    rate = request.rates.get(request.currency)
    row: dict[str, Any] = {
        "kind": request.kind, "submitter_id": request.submitter or None, "owner_id": request.owner or None, "region": request.region or None,
        "currency": request.currency or None, "content_hash": request.content_hash, "fields": json_text(request.fields),
        "amount_minor": _minor(request.amount, request.currency), "rate_ppb": _whole(rate * PPB) if rate is not None else None,
    }  # fmt: skip
    for column in COLUMNS:
        row[column] = _cell(column, given, request.currency)
    return row


def json_text(fields: Mapping[str, Any]) -> str:
    """The fields as JSON in one spelling: names in small letters, relationships as dotted names, values as texts, lines as lists of records."""
    made = {name.casefold(): _text(value) for name, value in flat(fields).items() if value not in (None, "")}
    return json.dumps(dict(sorted(made.items())), ensure_ascii=False, separators=(",", ":"))


def _text(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name).casefold(): _text(inner) for name, inner in value.items() if inner not in (None, "")}
    if isinstance(value, list | tuple):
        return [_text(inner) for inner in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    made = plainly(value)
    return made if isinstance(made, str) else str(made)


def _cell(column: str, given: Mapping[str, Any], currency: str) -> Any:
    declared = table("approval_requests").column(column)
    if column.endswith("_ppm"):
        text = str(given.get(column.removesuffix("_ppm")) or "").strip()
        share = _decimal(text[:-1]) if text.endswith("%") else None
        return _whole(share * PPM / 100) if share is not None else None
    if column.endswith("_minor"):
        return _minor(_decimal(given.get(column.removesuffix("_minor"))), currency)
    value = given.get(column)
    if declared is not None and declared.type == "decimal":
        number = _decimal(value)
        return number if number is not None and abs(number) < 10**12 else None
    if declared is not None and declared.type == "bool":
        word = str(value).strip().casefold()
        return True if word in ("true", "yes") else False if word in ("false", "no") else None
    return str(value) if value not in (None, "") else None


def _decimal(value: Any) -> Decimal | None:
    if value in (None, "") or isinstance(value, bool):
        return None
    try:
        made = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return made if made.is_finite() and abs(made.adjusted()) < 30 else None


def _minor(value: Decimal | None, currency: str) -> int | None:
    return None if value is None else _whole(value.scaleb(digits(currency)))


def _whole(value: Decimal) -> int | None:
    made = int(value.to_integral_value(rounding=ROUND_HALF_UP))
    return made if abs(made) < MOST else None

"""What the facts know of a deal that somebody asks for something on: amounts, lines, the customer's last price, who owns and earns."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from closedwon.base.money import to_major
from closedwon.crm.deals import deal, text_literal
from closedwon.facts.engine import query_rows
from closedwon.facts.releases import latest, source
from closedwon.people.actor import Actor
from closedwon.workspace import current

MEMBERS = ("kind", "currency", "owner", "region", "earners", "amount")
"""What of a request is always what the facts say, whatever a draft says."""
FIELDS = ("opportunity_id", "account_id", "order_type", "segment", "region", "renewal_base", "last_discount", "account")
"""Fields of which the same is true, where the facts know them."""


WON = """
SELECT o.id, o.name, o.closed_at, o.order_type, o.currency, o.term_months, o.net_arr_minor, o.tcv_minor, o.margin_minor,
  SUM(l.amount_minor) AS net_minor,
  SUM(CASE WHEN l.discount_ppm < 1000000 THEN l.amount_minor * 1000000 // (1000000 - l.discount_ppm)
           WHEN l.discount_ppm IS NULL THEN l.unit_price_minor * l.quantity END) AS list_minor
FROM opportunities o LEFT JOIN line_items l ON l.opportunity_id = o.id
WHERE o.is_won AND o.account_id = {account} AND o.id <> {deal}
GROUP BY ALL ORDER BY o.closed_at DESC NULLS LAST, o.id LIMIT {most}
"""
"""The deals that a customer bought before, newest first, with list and net of their lines."""


def prefill(opportunity_id: str, *, by: Actor) -> dict[str, Any]:
    """A request on a deal with everything that the facts know: amounts, term, lines, the customer's last price, who earns."""
    found = deal(by, opportunity_id)
    own, currency = found["record"], found["currency"] or current().settings.currency
    lines = [_line(row, currency) for row in found["lines"]]
    fields: dict[str, Any] = {
        "opportunity_id": opportunity_id, "account_id": found["account_id"], "order_type": found["order_type"], "segment": found["segment"],
        "region": found["region"], "term_months": own.get("term_months"), "net_arr": _major(own.get("net_arr_minor"), currency),
        "net": _major(own.get("tcv_minor") or own.get("amount_minor"), currency), "renewal_base": _major(own.get("renewal_base_minor"), currency),
        "last_discount": _last_discount(found["account_id"], opportunity_id), "start_date": own["start_date"].isoformat() if own.get("start_date") else None, "payment_terms": "Net 30", "payment_schedule": "Annual",
        "account": {"name": found["account"], "segment": found["segment"]},
    }  # fmt: skip
    if own.get("renewal_base_minor"):
        fields["renewal_net"] = (
            _major(own.get("net_arr_minor"), currency) and f"{Decimal(fields['renewal_base']) + Decimal(fields['net_arr'])}"
        )
    if lines:
        fields["lines"] = lines
        listed = sum((Decimal(line["list"]) for line in lines if line.get("list")), Decimal(0))
        net = sum((Decimal(line["net"]) for line in lines if line.get("net")), Decimal(0))
        if listed > 0:
            fields["discount"] = percent(1 - net / listed)
            fields["list"], fields["net"] = f"{listed}", f"{net}"
    earners = sorted(
        {found["owner_id"], *(row["user_id"] for row in found["splits"] if not row["is_overlay"] and row["until"] is None)} - {None}
    )
    return {
        "kind": "deal", "title": f"{found['name']}"[:200], "currency": currency, "owner": found["owner_id"] or "", "region": found["region"] or "",
        "earners": earners, "amount": _major(own.get("tcv_minor") or own.get("amount_minor"), currency),
        "fields": {name: value for name, value in fields.items() if value not in (None, "", {})},
    }  # fmt: skip


def _last_discount(account_id: str | None, opportunity_id: str) -> str | None:
    """The discount of the customer's last price."""
    known = next((row["discount"] for row in won_before(account_id or "", opportunity_id) if row["discount"] is not None), None)
    return None if known is None else percent(known)


def _line(row: Mapping[str, Any], currency: str) -> dict[str, Any]:
    quantity = row["quantity"] or Decimal(1)
    unit = to_major(row["unit_price_minor"], currency) if row["unit_price_minor"] is not None else None
    net = to_major(row["amount_minor"], currency) if row["amount_minor"] is not None else None
    discount = Decimal(row["discount_ppm"]) / 1_000_000 if row["discount_ppm"] is not None else None
    listed = None
    if net is not None and discount is not None and discount < 1:
        listed = (net / (1 - discount)).quantize(Decimal("0.01"))
    elif unit is not None:
        listed = (unit * quantity).quantize(Decimal("0.01"))
    made = {
        "id": row["id"], "product": row["product"], "quantity": f"{quantity.normalize():f}", "list": f"{listed}" if listed is not None else None,
        "net": f"{net}" if net is not None else None, "discount": percent(discount) if discount is not None else None,
    }  # fmt: skip
    return {name: value for name, value in made.items() if value is not None}


def percent(share: Decimal) -> str:
    """A share as requests write it, such as 12.5%."""
    text = f"{(share * 100).quantize(Decimal('0.01')):f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def _major(minor: int | None, currency: str) -> str | None:
    return None if minor is None else f"{to_major(minor, currency):f}"


def from_facts(opportunity_id: str, *, by: Actor) -> dict[str, Any]:
    """Who owns and earns, how much and where, by the facts."""
    known = prefill(opportunity_id, by=by)
    return {name: known[name] for name in MEMBERS}


def won_before(account_id: str, opportunity_id: str, *, most: int = 5) -> list[dict[str, Any]]:
    """What the customer bought before, newest first; `discount` is that of the lines taken together, None where they do not say."""
    release = latest()
    if not account_id or release is None:
        return []
    sql = WON.format(account=text_literal(account_id), deal=text_literal(opportunity_id), most=int(most))
    rows = query_rows(sql, {name: source(name, release) for name in ("opportunities", "line_items")})
    for row in rows:
        listed, net = row["list_minor"], row["net_minor"]
        row["discount"] = None if not listed or net is None else max(Decimal(0), 1 - Decimal(net) / Decimal(int(listed)))
    return rows


def has_deals() -> bool:
    """Whether a pipeline was imported at all."""
    release = latest()
    return release is not None and release.tables.get("opportunities") is not None


def one_of(table: str, key: str, value: str, columns: str) -> list[dict[str, Any]]:
    """The rows of a table whose key column has a value; none where there are no facts."""
    release = latest()
    if release is None or not value:
        return []
    return query_rows(f"SELECT {columns} FROM {table} WHERE {key} = {text_literal(value)} LIMIT 100", {table: source(table, release)})


def renewed_contracts(opportunity_id: str) -> list[dict[str, Any]]:
    """The contracts that a deal renews: id and end."""
    return one_of("contracts", "renewal_opportunity_id", opportunity_id, "id, end_date")


def account_name(account_id: str) -> str:
    """The name of an account; its id where nobody knows it."""
    release = latest()
    return _account_name(account_id, release.pk if release else 0)


@lru_cache(maxsize=2000)
def _account_name(account_id: str, _release: int) -> str:
    return next((str(row["name"]) for row in one_of("accounts", "id", account_id, "name") if row["name"]), account_id)

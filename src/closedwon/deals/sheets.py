"""What deals show beside a request for sign-off: the price from list to net, the margin, and what the customer bought and was promised before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils import timezone

from closedwon.approvals.actions.common import asked_of, policies, today
from closedwon.approvals.actions.exemptions import holding_for
from closedwon.approvals.actions.people import called
from closedwon.approvals.actions.subjects import Row, Sheet
from closedwon.approvals.models import Exemption, Request
from closedwon.approvals.rules.facts import facts, shown
from closedwon.base.money import to_major
from closedwon.deals.actions.facts import account_name, one_of, renewed_contracts, won_before
from closedwon.deals.models import DealRequest
from closedwon.deals.rules import price_steps
from closedwon.formula.types import type_of
from closedwon.people.actor import Actor
from closedwon.people.visibility import scope, visible_deals

SOON = 90
"""Days before its end from which an exception is told to end soon."""


def sheets(by: Actor, request: Request) -> Sequence[Sheet]:
    """The sheets of a request on a deal; of a booking check those of its deal."""
    fields = request.current.content.get("fields", {})
    opportunity_id, account_id = str(fields.get("opportunity_id") or ""), str(fields.get("account_id") or "")
    made = [
        _price(request, opportunity_id),
        _customer(by, account_id, opportunity_id),
        _promised(account_id, opportunity_id),
        _links(by, request),
    ]
    return [sheet for sheet in made if sheet is not None]


def _money(amount: Decimal, currency: str) -> str:
    return shown(amount.quantize(Decimal(1)), type_of(f"money {currency}" if currency else "money"))


def _share(part: Decimal) -> str:
    return shown(part, type_of("percent"))


def _price(request: Request, opportunity_id: str) -> Sheet | None:
    """From list to net in the request's own currency, and the margin that the facts know."""
    version = request.current
    united = policies().on(request.kind, today(version.created_at))
    asked = asked_of(version)
    values = facts(united, asked).values
    rate = asked.in_currency(Decimal(1), united.currency) or Decimal(1)
    listed, off, free, term, credits_ = (values.get(name) for name in ("list", "discount", "free_months", "term_months", "credits"))
    rows: list[Row] = []
    if isinstance(listed, Decimal) and listed > 0:
        own = listed / rate
        steps = price_steps(own, off, free, term, credits_ / rate if credits_ else None)
        for step in steps:
            text = _money(step.price if step.taken is None else step.taken, request.currency)
            note = "" if step.taken is None else f"{_share(step.taken / own)} of the list price"
            rows.append(Row(step.name, text if step.taken is None else f"− {text}", note))
        if len(steps) > 2:
            rows[-1] = replace(rows[-1], note=f"{_share(1 - steps[-1].price / own)} below list over the whole term")
    margin = _margin(opportunity_id)
    if margin is not None:
        rows.append(margin)
    return Sheet("From list to net" if len(rows) > 1 else "Margin", rows, main=True) if rows else None


def _margin(opportunity_id: str) -> Row | None:
    row = next(iter(one_of("opportunities", "id", opportunity_id, "margin_minor, amount_minor, currency")), None)
    if row is None or row["margin_minor"] is None:
        return None
    whole = row["amount_minor"]
    share = f"{_share(Decimal(row['margin_minor']) / Decimal(whole))} of its amount in the pipeline" if whole else ""
    tone = "bad" if row["margin_minor"] < 0 else ""
    return Row("Margin", _money(to_major(row["margin_minor"], row["currency"]), row["currency"]), share, tone)


def _customer(by: Actor, account_id: str, opportunity_id: str) -> Sheet | None:
    """What the customer bought before, newest first; the name of a deal for those who see it."""
    bought = won_before(account_id, opportunity_id)
    if not account_id or not opportunity_id:
        return None
    seen = visible_deals(scope(by))
    rows = []
    for one in bought:
        mine = seen is None or one["id"] in seen
        when = f"{one['closed_at']:%b %Y}" if one["closed_at"] else "won"
        arr = one["net_arr_minor"] if one["net_arr_minor"] is not None else one["tcv_minor"]
        worth = f", {_money(to_major(arr, one['currency']), one['currency'])}" if arr is not None and one["currency"] else ""
        off = f"{_share(one['discount'])} off" if one["discount"] is not None else "discount unknown"
        name = one["name"] if mine else "Another deal"
        rows.append(
            Row(f"{name}", off, f"{when}, {one['order_type'] or 'deal'}{worth}", href=f"/pipeline/deals/{one['id']}" if mine else "")
        )
    about = f"the last {len(rows)} deals won" if len(rows) > 1 else ""
    return Sheet("What this customer bought before", rows or [Row("Nothing yet", "a new customer")], about)


def promised(account_id: str, opportunity_id: str) -> list[Exemption]:
    """The exceptions that hold for a customer, this deal, or the contracts that it renews."""
    renewed = [row["id"] for row in renewed_contracts(opportunity_id)]
    return holding_for([account_id, opportunity_id, *renewed], today(timezone.now()))


def _promised(account_id: str, opportunity_id: str) -> Sheet | None:
    day = today(timezone.now())
    rows = [promise_row(one, day) for one in promised(account_id, opportunity_id)]
    return Sheet("Promised before, and still holds", rows) if rows else None


def promise_row(one: Exemption, day: date) -> Row:
    """An exception as a row: what it allows, until when, how often still, who noted it."""
    ends = f"until {one.until:%d %b %Y}" if one.until else "no end"
    left = "" if one.uses_left is None else f", {one.uses_left} left"
    tone = "bad" if one.until is not None and (one.until - day).days <= SOON else ""
    return Row(one.what, ends + left, f"noted by {called([one.by])[one.by]}", tone, "/approvals/exceptions/")


def _links(by: Actor, request: Request) -> Sheet | None:
    found = DealRequest.objects.filter(approval=request).first() or DealRequest.objects.filter(order=request).first()
    if found is None:
        return None
    from closedwon.deals.actions.requests import visible

    if not visible(by).filter(pk=found.pk).exists():
        return None
    rows = [Row(f"{found.number} {found.title}", "the request", href=f"/deals/requests/{found.pk}/")]
    seen = visible_deals(scope(by))
    if seen is None or found.opportunity_id in seen:
        rows.append(Row("The deal", "in the pipeline", href=f"/pipeline/deals/{found.opportunity_id}"))
    if found.order_id == request.pk and found.approval_id:
        rows.append(Row("What was approved", "its sign-off", href=f"/approvals/{found.approval_id}/"))
    return Sheet("Where it belongs", rows)


def usable(by: Actor, scope_: str, subject_id: str) -> bool:
    """Whether an actor works with the customer, contract or deal of an exception: sees a deal of it."""
    seen = visible_deals(scope(by))
    if seen is None:
        return True
    if scope_ == "customer":
        return any(row["id"] in seen for row in one_of("opportunities", "account_id", subject_id, "id"))
    if scope_ == "term":
        return any(row["renewal_opportunity_id"] in seen for row in one_of("contracts", "id", subject_id, "renewal_opportunity_id"))
    return subject_id in seen


def named(scope_: str, subject_id: str) -> str:
    """What people call the customer, deal or contract of an exception."""
    if scope_ == "customer":
        return account_name(subject_id)
    if scope_ == "term":
        row: Any = next(iter(one_of("contracts", "id", subject_id, "account_id")), None)
        return f"{account_name(row['account_id'])}, contract {subject_id}" if row else f"contract {subject_id}"
    return subject_id

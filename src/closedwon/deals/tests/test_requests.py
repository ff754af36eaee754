"""Requests on deals: begun from what the facts know, seen by those who see the deal, approved, signed and checked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from closedwon.approvals.actions import deciding, exemptions, standing, submitting
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.crm.actions import refresh
from closedwon.deals import sheets
from closedwon.deals.actions import desk, facts, gate, requests
from closedwon.deals.models import DealRequest
from closedwon.deals.rules import price_steps
from closedwon.people.actor import SYSTEM, Actor
from closedwon.people.facts import publish_rows
from closedwon.policies.actions import apply_defaults

NAMES = {"rep": "boss", "mate": "boss", "boss": "vp", "vp": None, "desk": None, "ops": None, "om": None, "fin": None}


def actor(person: str, *roles: str) -> Actor:
    return Actor(f"{person}@example.com", person_id=person, roles=frozenset(roles), channel="web")


REP, MATE, BOSS, DESK, OPS, ADMIN = (
    actor("rep", "rep"),
    actor("mate", "rep"),
    actor("boss", "manager"),
    actor("desk", "deal-desk"),
    actor("ops", "sales-ops"),
    actor("a", "admin"),
)


@pytest.fixture
def company(ws: Any) -> None:
    apply_defaults(by=SYSTEM)
    users = [
        {"id": one, "name": one.title(), "email": f"{one}@example.com", "active": True, "manager_id": above} for one, above in NAMES.items()
    ]
    born = datetime(2026, 1, 5, tzinfo=UTC)
    deal = {
        "id": "D1", "name": "Acme platform", "account_id": "A1", "owner_id": "rep", "stage": "4-Proposal", "amount_minor": 9_000_000,
        "net_arr_minor": 9_000_000, "tcv_minor": 9_000_000, "currency": "USD", "term_months": 12, "created_at": born, "order_type": "new logo",
    }  # fmt: skip
    lines = [
        {
            "id": "L1",
            "opportunity_id": "D1",
            "product_id": "P1",
            "quantity": 10,
            "unit_price_minor": 1_000_000,
            "discount_ppm": 100_000,
            "amount_minor": 9_000_000,
            "currency": "USD",
        }
    ]
    publish_rows({
        "users": users, "opportunities": [deal], "accounts": [{"id": "A1", "name": "Acme"}], "line_items": lines, "products": [{"id": "P1", "name": "Platform"}],
        "opportunity_splits": [
            {"opportunity_id": "D1", "user_id": "rep", "split_type": "revenue", "since": born.date(), "share_ppm": 1_000_000, "is_overlay": False},
            {"opportunity_id": "D1", "user_id": "se", "split_type": "overlay", "since": born.date(), "share_ppm": 1_000_000, "is_overlay": True},
        ],
    }, note="test")  # fmt: skip
    refresh(by=SYSTEM)
    for role, person in (("deal-desk", "desk"), ("finance", "fin"), ("order-management", "om")):
        standing.grant_holder(role, person, by=OPS)


def written(**fields: Any) -> DealRequest:
    made = requests.begin("D1", by=REP)
    return requests.save(made.pk, {**made.content, "fields": {**made.content["fields"], **fields}}, by=REP)


def test_it_begins_with_what_the_facts_know(company: None) -> None:
    made = requests.begin("D1", by=REP)
    fields = made.content["fields"]
    assert (fields["discount"], fields["term_months"], fields["net"]) == ("10%", 12, "90000.00")
    assert made.content["earners"] == ["rep"]
    assert requests.begin("D1", by=REP).pk == made.pk
    assert requests.preview(made, made.content, by=REP).outcome == "approved"


def test_the_preview_follows_what_is_written_and_nothing_is_kept(company: None) -> None:
    made = requests.begin("D1", by=REP)
    told = requests.preview(made, {**made.content, "fields": {**made.content["fields"], "payment_terms": "Net 60"}}, by=REP)
    assert [step.roles for step in told.steps] == [("finance",)]
    assert DealRequest.objects.get().content["fields"]["payment_terms"] == "Net 30"


def test_two_who_write_at_once_lose_nothing(company: None) -> None:
    made = requests.begin("D1", by=REP)
    requests.save(made.pk, {**made.content, "title": "one"}, by=REP, seen=made.digest)
    with pytest.raises(Conflict, match="Somebody else wrote"):
        requests.save(made.pk, {**made.content, "title": "two"}, by=DESK, seen=made.digest)


def test_who_sees_it_and_who_writes_it(company: None) -> None:
    made = written()
    for by in (REP, BOSS, DESK, OPS, actor("au", "auditor")):
        assert requests.find(made.pk, by=by).pk == made.pk
    for by in (MATE, ADMIN, actor("c", "comp-admin")):
        with pytest.raises(NotFound):
            requests.find(made.pk, by=by)
    with pytest.raises(NotFound):
        requests.begin("D1", by=MATE)
    with pytest.raises(Refused):
        requests.save(made.pk, made.content, by=actor("au", "auditor"))
    with pytest.raises(Refused):
        requests.save(made.pk, made.content, by=BOSS)
    assert DealRequest.objects.get().digest == made.digest


def test_from_draft_to_booking(company: None) -> None:
    made = written(payment_terms="Net 60")
    found = requests.submit(made.pk, by=REP)
    assert found.approval is not None
    assert found.approval.state == "pending"
    with pytest.raises(Conflict, match="Only what is approved"):
        gate.sign(made.pk, "standard", timezone.now(), by=REP)
    deciding.decide(found.approval.pk, "approve", content_hash=found.approval.content_hash, by=actor("fin", "finance"))
    with pytest.raises(Invalid, match="future"):
        gate.sign(made.pk, "standard", timezone.now() + timedelta(hours=1), by=REP)
    signed = gate.sign(made.pk, "standard", timezone.now() - timedelta(minutes=5), by=REP)
    assert signed.order is not None
    assert [step.title for step in signed.order.current.steps.all()] == ["Order management", "Finance"]
    told = gate.where_it_books(signed)
    assert told is not None
    assert not told["locked"]
    with pytest.raises(Conflict, match="already"):
        gate.sign(made.pk, "standard", timezone.now(), by=REP)


def test_a_bill_to_typo_asks_nobody_again(company: None) -> None:
    made = written(payment_terms="Net 60", bill_to="Acmee")
    found = requests.submit(made.pk, by=REP)
    assert found.approval is not None
    deciding.decide(found.approval.pk, "approve", content_hash=found.approval.content_hash, by=actor("fin", "finance"))
    content = found.content
    requests.save(made.pk, {**content, "fields": {**content["fields"], "bill_to": "Acme"}}, by=REP)
    again = requests.submit(made.pk, by=REP)
    assert again.approval is not None
    assert (again.approval.number, again.approval.state) == (2, "approved")
    with pytest.raises(Conflict, match="submitted already"):
        requests.drop(made.pk, by=REP)


def test_prices_and_discount_must_agree(company: None) -> None:
    made = written(discount="30%")
    with pytest.raises(Invalid, match="make a discount of 10%, not 30%"):
        requests.submit(made.pk, by=REP)
    assert DealRequest.objects.get().approval_id is None


def test_a_draft_cannot_change_who_owns_and_what_it_is_worth(company: None) -> None:
    made = written(payment_terms="Net 60")
    requests.save(made.pk, {**made.content, "owner": "boss", "amount": "1", "earners": [], "kind": "order"}, by=REP)
    found = requests.submit(made.pk, by=REP)
    assert found.approval is not None
    assert (found.approval.kind, found.approval.owner, found.approval.earners, f"{found.approval.amount:.2f}") == (
        "deal",
        "rep",
        ["rep"],
        "90000.00",
    )


def approved(**fields: Any) -> DealRequest:
    """A request that finance approved."""
    found = requests.submit(written(payment_terms="Net 60", **fields).pk, by=REP)
    assert found.approval is not None
    deciding.decide(found.approval.pk, "approve", content_hash=found.approval.content_hash, by=actor("fin", "finance"))
    return found


def change(found: DealRequest, **fields: Any) -> DealRequest:
    content = DealRequest.objects.get(pk=found.pk).content
    requests.save(found.pk, {**content, "fields": {**content["fields"], **fields}}, by=REP)
    return requests.submit(found.pk, by=REP)


def order_of(found: DealRequest) -> Any:
    made = DealRequest.objects.select_related("order").get(pk=found.pk).order
    assert made is not None
    return made


def test_a_bill_to_typo_after_signature_holds_no_booking_up(company: None) -> None:
    found = approved(bill_to="Acmee")
    gate.sign(found.pk, "standard", timezone.now() - timedelta(minutes=5), by=REP)
    order = order_of(found)
    deciding.decide(order.pk, "approve", content_hash=order.content_hash, by=actor("om"))
    change(found, bill_to="Acme")
    order = order_of(found)
    assert [step.state for step in order.current.steps.order_by("order")] == ["inherited", "open"]
    assert not gate.is_apart(requests.find(found.pk, by=REP))


def test_a_side_letter_is_approved_signed_and_checked_anew(company: None) -> None:
    found = approved()
    gate.sign(found.pk, "standard", timezone.now() - timedelta(minutes=5), by=REP)
    for person in ("om", "fin"):
        order = order_of(found)
        deciding.decide(order.pk, "approve", content_hash=order.content_hash, by=actor(person))
    assert order_of(found).state == "approved"
    changed = change(found, payment_terms="Net 90")
    assert changed.approval is not None
    assert changed.approval.state == "pending"
    assert order_of(found).state == "recalled"
    with pytest.raises(Conflict, match="not through"):
        desk.book(found.pk, by=DESK)
    with pytest.raises(Conflict, match="Only what is approved"):
        gate.sign(found.pk, "standard", timezone.now(), by=REP)
    deciding.decide(changed.approval.pk, "approve", content_hash=changed.approval.content_hash, by=actor("fin", "finance"))
    assert gate.is_apart(requests.find(found.pk, by=REP))
    gate.sign(found.pk, "standard", timezone.now() - timedelta(minutes=1), by=REP)
    order = order_of(found)
    assert (order.number, order.state) == (2, "pending")
    assert "What was agreed goes from" in order.current.steps.order_by("order").first().because
    for person in ("om", "fin"):
        deciding.decide(order.pk, "approve", content_hash=order.content_hash, by=actor(person))
    for row in desk.checklist(found.pk, by=DESK):
        desk.mark(found.pk, row["item"], "done", by=DESK)
    assert desk.book(found.pk, by=DESK).booked_on is not None
    later = change(found, payment_terms="Prepaid", free_months="1")
    assert gate.is_apart(requests.find(later.pk, by=REP))
    assert order_of(found).state == "approved"
    with pytest.raises(Conflict, match="booked already"):
        gate.sign(found.pk, "standard", timezone.now(), by=REP)


def test_a_draft_speaks_in_nobody_else_s_name_and_brings_no_rates(company: None) -> None:
    made = written(payment_terms="Net 60")
    said = {**made.content, "submitter": "mate", "rates": {"USD": "0.01"}, "fields": {**made.content["fields"], "account_id": "A9"}}
    requests.save(made.pk, said, by=REP)
    found = requests.submit(made.pk, by=REP)
    assert found.approval is not None
    content = found.approval.current.content
    assert (content["submitter"], content.get("rates"), content["fields"]["account_id"]) == ("rep", None, "A1")


def test_a_request_sent_past_the_deal_desk_is_held_to_the_facts(company: None) -> None:
    fields = {"opportunity_id": "D1", "discount": "10%", "term_months": 12, "payment_terms": "Net 60"}
    sent = {"kind": "deal", "amount": "1", "earners": [], "owner": "mate", "currency": "EUR", "fields": fields}
    made = submitting.submit(sent, by=REP)
    assert (made.owner, made.earners, made.currency, f"{made.amount:.0f}") == ("rep", ["rep"], "USD", "90000")
    with pytest.raises(NotFound):
        submitting.submit(sent, by=MATE)


def test_a_promise_is_found_again_by_who_works_with_the_customer(company: None) -> None:
    found = approved()
    assert found.approval is not None
    made = exemptions.except_(found.approval.pk, "customer", "A1", "Net 60 for two years", by=DESK, uses=1)
    sheets_ = {sheet.title: sheet for sheet in sheets.sheets(BOSS, found.approval)}
    assert [row.label for row in sheets_["Promised before, and still holds"].rows] == ["Net 60 for two years"]
    rows = {row.label: row.value for row in sheets_["From list to net"].rows}
    assert rows == {"List price": "100,000 USD", "Discount": "− 10,000 USD", "The customer pays": "90,000 USD"}
    assert sheets_["What this customer bought before"].rows[0].label == "Nothing yet"
    assert exemptions.exceptions(by=MATE) == []
    assert [one.pk for one in exemptions.exceptions(by=BOSS)] == [made.pk]
    with pytest.raises(NotFound):
        exemptions.use(made.pk, "R-9", by=MATE)
    assert exemptions.use(made.pk, "R-9", by=BOSS).uses_left == 0


def test_the_way_from_list_to_net() -> None:
    steps = price_steps(Decimal(1000), Decimal("0.1"), Decimal(3), Decimal(12), Decimal(75))
    assert [(one.name, one.taken, one.price) for one in steps] == [
        ("List price", None, 1000), ("Discount", 100, 900), ("Free months", 225, 675), ("Credits", 75, 600), ("The customer pays", None, 600),
    ]  # fmt: skip
    assert [one.name for one in price_steps(Decimal(10), None, None, None, None)] == ["List price", "The customer pays"]


def test_what_the_customer_bought_before_gives_the_last_discount(company: None) -> None:
    then = datetime(2025, 6, 1, tzinfo=UTC)
    deals = [
        {"id": "D0", "name": "Acme first", "account_id": "A1", "owner_id": "mate", "is_won": True, "is_closed": True, "closed_at": then, "currency": "USD",
         "net_arr_minor": 800_000, "order_type": "new logo", "created_at": then, "amount_minor": 800_000},
        {"id": "D1", "name": "Acme platform", "account_id": "A1", "owner_id": "rep", "stage": "4-Proposal", "amount_minor": 9_000_000, "currency": "USD",
         "created_at": then, "is_won": False, "is_closed": False, "term_months": 12, "margin_minor": 4_500_000},
    ]  # fmt: skip
    lines = [{"id": "L0", "opportunity_id": "D0", "discount_ppm": 200_000, "amount_minor": 800_000, "currency": "USD", "quantity": 1}]
    publish_rows({"opportunities": deals, "line_items": lines}, note="test")
    refresh(by=SYSTEM)
    assert facts.prefill("D1", by=REP)["fields"]["last_discount"] == "20%"
    made = written(
        discount="26%", last_discount="26%", executive_summary="a", compelling_event="b", what_we_get="c", competitor="d", list="", net=""
    )
    found = requests.submit(made.pk, by=REP)
    assert found.approval is not None
    assert found.approval.current.content["fields"]["last_discount"] == "20%"
    told = {sheet.title: sheet.rows for sheet in sheets.sheets(actor("om", "rep"), found.approval)}
    assert [(row.label, row.value) for row in told["What this customer bought before"]] == [("Another deal", "20 % off")]
    assert [(row.label, row.value, row.note) for row in told["Margin"]] == [("Margin", "45,000 USD", "50 % of its amount in the pipeline")]
    assert told["What this customer bought before"][0].href == ""
    assert [
        row.label for row in {one.title: one.rows for one in sheets.sheets(DESK, found.approval)}["What this customer bought before"]
    ] == ["Acme first"]

"""The sign-off of the example company: its holders of roles, and one request for each situation, decided by the people of the company."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from closedwon.approvals.actions import deciding, exemptions, files, standing
from closedwon.approvals.actions.people import people
from closedwon.approvals.models import Request, RoleHolder
from closedwon.approvals.rules.values import People, Person
from closedwon.base.errors import ClosedwonError
from closedwon.crm.deals import DealQuery, deals
from closedwon.deals.actions import desk, gate, requests
from closedwon.deals.models import DealRequest
from closedwon.people.actor import SYSTEM, Actor
from closedwon.people.models import User

WORDS = {
    "executive_summary": "They replace two other tools, with room to grow to 900 users.",
    "compelling_event": "Their current contract ends with the quarter.",
    "what_we_get": "A public case study and a 5 % uplift at renewal.",
    "competitor": "A larger vendor offers 30 % off a two-year deal.",
    "plan_to_raise_price": "Uplift of 5 % in years two and three, agreed in the order form.",
}
ROLES = ("vp", "legal", "cro", "cfo", "deal-desk-director", "revenue", "legal-director", "order-management")
MAIL = """From: procurement
Subject: prices

As agreed on the phone: we sign this year if the prices stay as they are for two years.
"""
SITUATIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("15.0 %", "just at the line", {"discount": "15%"}),
    ("14.9 %", "just below the line", {"discount": "14.9%"}),
    ("three free months", "free months count in full", {"discount": "10%", "free_months": "3"}),
    ("Net 90", "very long payment terms", {"discount": "5%", "payment_terms": "Net 90"}),
    ("approver on leave", "goes to whoever stands in", {"discount": "18%"}),
    ("bill-to typo after approval", "nobody is asked again", {"discount": "22%", "bill_to": "Nothwind Ltd"}),
    ("customer paper", "five look at it after signature", {"discount": "20%", "special_terms": "Liability capped at 24 months of fees."}),
    ("side letter found", "a new version after approval", {"discount": "16%"}),
    ("forgotten price hold", "a renewal with an old promise", {"discount": "12%", "price_lock": True}),
    ("deep discount", "goes all the way up", {"discount": "46%", "term_months": 36}),
)
"""What is asked for, by name."""


def plant() -> dict[str, int]:
    """Name the holders of the approver roles and play the situations through; gives how many requests there are. Does nothing twice."""
    if DealRequest.objects.exists():
        return {"requests": DealRequest.objects.count()}
    everybody = people(timezone.now())
    _holders(everybody)
    everybody = people(timezone.now())
    chosen = _deals(everybody)
    for (name, about, fields), row in zip(SITUATIONS, chosen, strict=False):
        _play(name, about, fields, row, everybody)
    _cases(everybody)
    return {"requests": DealRequest.objects.count()}


QUESTIONS = (
    (
        "terms",
        "Can we do Net 60 for a public body?",
        "They cannot pay earlier by law. Is that possible without the CFO?",
        "Net 60 needs finance only. Write the law's name into the request; then it is quick.",
        True,
    ),
    (
        "help",
        "How do I quote a ramp of two and a half years?",
        "Twelve months, twelve months, six months, with more users each year.",
        "Quote three years with an opt-out after 30 months; a ramp of six months goes through the desk.",
        True,
    ),
    ("approval", "Why was I asked again?", "I approved 16 % yesterday and have it back in my inbox.", "", False),
    ("booking", "Signed at 23:40 on the last day, does it count?", "The customer signed late; I submitted at 23:55 Pacific.", "", False),
)
"""What people of the example company ask the desk, and what it answers."""


def _cases(everybody: People) -> None:
    """A few cases, some answered."""
    desk_people = everybody.holders("deal-desk")
    for at, (kind, title, text, answer, solved) in enumerate(QUESTIONS):
        found = DealRequest.objects.order_by("pk")[at : at + 1].first()
        if found is None or not desk_people:
            return
        asker = _as(everybody.by_id.get(found.person_id), "rep")
        made = desk.open_case(kind, title, text, by=asker, request_id=found.pk)
        if answer:
            desk.say(made.pk, answer, by=_as(desk_people[0], "deal-desk"), solved=solved)
        if solved and at == 0:
            desk.rate(made.pk, True, by=asker)


def _holders(everybody: People) -> None:
    """Name persons for the roles that the policies ask: the top of the tree for sales, staff for the others."""
    by = replace(SYSTEM, roles=SYSTEM.roles | {"sales-ops"})
    leaders = [one for one in everybody.by_id.values() if one.active and not one.manager_id]
    top = max(
        leaders, key=lambda one: sum(one.id in [m.id for m in everybody.managers(x.id)] for x in everybody.by_id.values()), default=None
    )
    seconds = [one for one in everybody.by_id.values() if top and one.manager_id == top.id and one.active]
    staff = [one for one in everybody.by_id.values() if one.active and not everybody.managers(one.id) and (top is None or one.id != top.id)]
    staff += [one for one in everybody.by_id.values() if one.active and "finance" in one.roles]
    named: dict[str, list[Person]] = {"cro": [top] if top else [], "vp": seconds}
    spare = [one for one in staff if "finance" not in one.roles] or staff
    for at, role in enumerate(role for role in ROLES if role not in named):
        named[role] = [spare[at % len(spare)]] if spare else []
    for role, persons in named.items():
        for person in persons:
            if not RoleHolder.objects.filter(role=role, person=person.id, ended_at__isnull=True).exists():
                region = person.region if role == "vp" else ""
                standing.grant_holder(role, person.id, by=by, region=region, reason="named when the company began")


def _deals(everybody: People) -> list[Mapping[str, Any]]:
    """Open deals of different active reps, the larger ones first."""
    rows = deals(SYSTEM, DealQuery(where={"status": ("open",)}, sort="amount", descending=True, size=400)).rows
    made: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        owner = everybody.by_id.get(row["owner_id"] or "")
        if owner and owner.active and owner.manager_id and owner.id not in made and 20_000_00 < (row["amount_minor"] or 0) < 900_000_00:
            made[owner.id] = row
    signed_in = set(User.objects.exclude(person_id="").values_list("person_id", flat=True))
    return sorted(
        made.values(), key=lambda row: (everybody.by_id[row["owner_id"]].manager_id not in signed_in, row["owner_id"] not in signed_in)
    )


def _as(person: Person | None, *roles: str) -> Actor:
    return Actor(
        person.email or person.name if person else "nobody", person_id=person.id if person else "", roles=frozenset(roles), channel="web"
    )


def _play(name: str, about: str, fields: Mapping[str, Any], row: Mapping[str, Any], everybody: People) -> None:
    owner = everybody.by_id[row["owner_id"]]
    rep = _as(owner, "rep")
    if name == "forgotten price hold":
        _promise(row, rep, everybody)
    made = requests.begin(row["id"], by=rep)
    content = _content(made.content, fields, f"{row['name']}: {name}")
    requests.save(made.pk, content, by=rep)
    if name == "approver on leave" and (manager := everybody.by_id.get(owner.manager_id)):
        now = timezone.now()
        standing.set_absence(now - timedelta(days=1), now + timedelta(days=12), by=_as(manager, "manager"))
    made = requests.submit(made.pk, by=rep, note=about)
    if name in ("bill-to typo after approval", "customer paper", "side letter found"):
        _approve(made.approval)
    if name == "bill-to typo after approval":
        requests.save(made.pk, {**content, "fields": {**content["fields"], "bill_to": "Northwind Ltd"}}, by=rep)
        requests.submit(made.pk, by=rep, note="The bill-to had a typo")
    if name == "side letter found":
        said = "Side letter of 12 November: the customer may cancel after year one."
        requests.save(made.pk, {**content, "fields": {**content["fields"], "special_terms": said}}, by=rep)
        requests.submit(made.pk, by=rep, note="A side letter was found after signature")
    if name == "customer paper":
        made = requests.find(made.pk, by=rep)
        if made.approval and made.approval.state == "approved":
            gate.sign(made.pk, "customer", timezone.now() - timedelta(hours=2), by=rep)


def _promise(row: Mapping[str, Any], rep: Actor, everybody: People) -> None:
    """An earlier request of the same customer, whose approval promised something that ends soon; the customer's mail lies with it."""
    made = requests.begin(row["id"], by=rep)
    requests.save(
        made.pk, _content(made.content, {"discount": "10%", "price_lock": True}, f"{row['name']}: price hold of last year"), by=rep
    )
    found = requests.submit(made.pk, by=rep, note="They want last year's prices for two years")
    if found.approval is None:
        return
    files.attach(found.approval.pk, "mail-from-the-customer.txt", MAIL.encode(), by=rep)
    _approve(found.approval)
    found.approval.refresh_from_db()
    desk_people = everybody.holders("deal-desk")
    if found.approval.state == "approved" and desk_people:
        until = timezone.now().date() + timedelta(days=60)
        exemptions.except_(
            found.approval.pk, "customer", found.account_id, "Price hold at last year's prices, for renewals and expansions",
            by=_as(desk_people[0], "deal-desk"), until=until,
        )  # fmt: skip


def _content(content: Mapping[str, Any], fields: Mapping[str, Any], title: str) -> dict[str, Any]:
    """The draft with what the situation asks for, its list price made to fit the discount."""
    kept = {
        key: value for key, value in content["fields"].items() if key not in ("lines", "list", "discount", "renewal_base", "renewal_net")
    }
    made = {**kept, "term_months": 12, **WORDS, **fields}
    if made.get("net"):
        share = 1 - Decimal(str(made["discount"]).rstrip("%")) / 100
        listed = max(Decimal(1), Decimal(made["net"]) / share // 1000) * 1000
        made["list"], made["net"] = f"{listed}", f"{listed * share:.2f}"
    return {**content, "title": title[:200], "fields": made}


def _approve(request: Request | None) -> None:
    """Let everybody who is asked agree, one after the other."""
    for _ in range(8):
        if request is None:
            return
        request.refresh_from_db()
        steps = list(request.current.steps.filter(state="open"))
        if request.state != "pending" or not steps:
            return
        everybody = people(timezone.now())
        for step in steps:
            for ask in step.asks.filter(state="open"):
                try:
                    deciding.decide(
                        request.pk,
                        "approve",
                        content_hash=request.content_hash,
                        by=_as(everybody.by_id.get(ask.person), "manager"),
                        strength="session",
                    )
                    break
                except ClosedwonError:
                    continue

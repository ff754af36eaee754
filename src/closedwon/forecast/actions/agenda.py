"""The agenda of a one-to-one: what changed since the last call, flagged deals, the coverage gap, and what was agreed to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.calendar import Period
from closedwon.base.errors import ClosedwonError, Invalid, NotFound, Refused
from closedwon.base.money import format_major
from closedwon.forecast import models
from closedwon.forecast.actions import calls, overrides
from closedwon.forecast.actions.board import board
from closedwon.forecast.actions.deals import inspection
from closedwon.forecast.actions.flows import waterfall
from closedwon.forecast.actions.rights import need_right, right_to_call
from closedwon.forecast.actions.rollups import seat_names
from closedwon.forecast.actions.standing import Book
from closedwon.forecast.calls import CALLS, Override
from closedwon.forecast.reading import ask_for, ground
from closedwon.forecast.results import Fall, Line
from closedwon.people.actor import Actor
from closedwon.people.rules import UNASSIGNED
from closedwon.people.visibility import closing_day

FEW = 10
"""So many flagged deals and movements stand on an agenda; the rest is a link away."""


@dataclass(frozen=True)
class Agenda:
    """What a one-to-one is about."""

    calls: calls.SeatCalls
    line: Line
    moved: Fall | None
    """What moved since the last call, or in a week where there is none."""
    flagged: Sequence[Mapping[str, Any]]
    flagged_count: int
    open: Sequence[models.AgreedAction]
    done: Sequence[models.AgreedAction]
    owners: Sequence[tuple[str, str]]
    may: bool

    @property
    def gap(self) -> int | None:
        """Quota less the most likely call, or less the roll-up where there is no call."""
        likely = (
            self.calls.standing.amounts["most_likely"] if self.calls.standing.amounts else self.calls.standing.basis.deals["most_likely"]
        )
        return None if self.line.quota is None else self.line.quota - likely


def talked(*, by: Actor, **words: Any) -> list[tuple[str, str]]:
    """The seats that the actor talks with: those in sight that have a call, a quota or deals; managers first."""
    found = calls.call_board(by=by, **words)
    book = found.book
    names = seat_names(book.on, book.ask)
    seats = [seat for seat in book.tree.order if seat in found.judged and seat in found.seats and seat != UNASSIGNED]
    wanted = [seat for seat in seats if seat in book.last or any(book.sums[0].get(seat, {}).values())]
    return [(seat, names.get(seat, seat)) for seat in wanted]


def agenda(
    *,
    by: Actor,
    seat: str,
    as_of: Any = None,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
) -> Agenda:
    """The agenda of one seat. Raises NotFound where the actor may not see its calls."""
    words = {"as_of": as_of, "period": period, "type": type, "org": org, "rates": rates, "currency": currency}
    found = calls.seat_calls(by=by, seat=seat, **words)
    line = board(by=by, node=seat, **words).head
    page = inspection(by=by, node=seat, **words)
    since = found.standing.call.at if found.standing.call else None
    moved = _moved(by, seat, since, words)
    rows = models.AgreedAction.objects.filter(seat=seat)
    return Agenda(
        found, line, moved, sorted(page.rows, key=lambda row: -abs(row["amount_in_minor"]))[:FEW], page.count, list(rows.filter(done_at=None)),
        list(rows.exclude(done_at=None).order_by("-done_at")[:5]), _owners(found), _may_talk(by, found),
    )  # fmt: skip


def _moved(by: Actor, seat: str, since: Any, words: Mapping[str, Any]) -> Fall | None:
    rest = {key: value for key, value in words.items() if key != "as_of"}
    try:
        return waterfall(by=by, begin=since, end=words["as_of"], node=seat, **rest) if since is not None else None
    except ClosedwonError:
        return None  # called after the last sync: nothing has moved that the facts know of


def _owners(found: calls.SeatCalls) -> list[tuple[str, str]]:
    """Who an action may be given to: the seat's holder, and those right below."""
    below = [(found.names.get(part.seat, part.seat)) for part in found.standing.basis.parts]
    return [(name, name) for name in dict.fromkeys([found.holder or found.name, *below])]


def _may_talk(by: Actor, found: calls.SeatCalls) -> bool:
    on = ground()
    return right_to_call(by, Book(on, ask_for(on, period=found.ask.period, type=found.ask.type.name)), found.seat).may


def _need_talk(by: Actor, seat: str) -> Book:
    on = ground()
    book = Book(on, ask_for(on))
    calls.need_seat(by, book, seat)
    found = right_to_call(by, book, seat)
    if not found.may and "may not call" in found.why:
        raise Refused(f"{by.name} may not agree actions for this seat.", mend="Its holder, a manager above it and sales ops may.")
    return book


def agree(*, by: Actor, seat: str, text: str, owner: str, due: date, deal: str = "") -> models.AgreedAction:
    """Write down what is to be done, by whom and until when; it comes back in every one-to-one until it is done."""
    _need_talk(by, seat)
    if not text.strip():
        raise Invalid("An action says what is to be done.", mend="Write it in a sentence.")
    if len(text) > 500:
        raise Invalid("The action is too long.", mend="Keep it under 500 characters.")
    if not owner.strip():
        raise Invalid("An action has an owner.", mend="Choose who does it.")
    if due < closing_day(None):
        raise Invalid(f"{due} is past.", mend="Choose today or a later day.")
    with transaction.atomic():
        row = models.AgreedAction.objects.create(
            seat=seat, text=text.strip(), owner=owner.strip()[:200], due=due, deal=deal[:100], author=by.name, at=timezone.now()
        )
        record(
            by=by.name,
            channel=by.channel,
            verb="forecast.agreed",
            subject=f"seat:{seat}",
            detail={"action": row.pk, "text": row.text, "due": str(due)},
        )
    return row


def finish(*, by: Actor, number: int, is_done: bool = True) -> models.AgreedAction:
    """An agreed action is done, or open again. Raises NotFound."""
    row = models.AgreedAction.objects.filter(pk=number).first()
    if row is None:
        raise NotFound(f"There is no action {number}.")
    _need_talk(by, row.seat)
    with transaction.atomic():
        row.done_at, row.done_by = (timezone.now(), by.name) if is_done else (None, "")
        row.save()
        verb = "forecast.action done" if is_done else "forecast.action reopened"
        record(by=by.name, channel=by.channel, verb=verb, subject=f"seat:{row.seat}", detail={"action": row.pk})
    return row


def override_form(
    *,
    by: Actor,
    seat: str,
    deal: str = "",
    about: str = "",
    as_of: Any = None,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
) -> dict[str, Any]:
    """What an override's form begins with: the facts, and what stands in their place already. Raises Refused for who may not override."""
    on = ground()
    book = Book(on, ask_for(on, as_of=as_of, period=period, type=type, org=org, rates=rates, currency=currency))
    calls.need_seat(by, book, seat)
    need_right(by, book, seat)
    if not deal:
        return _call_form(book, seat, about)
    from closedwon.people.visibility import need_deal

    need_deal(by, deal, release=on.release)
    state, _ = overrides.deal_of(book, deal)
    if state is None:
        raise NotFound(f"There is no deal {deal}, or you may not see it.")
    placed: dict[str, Override] = book.by_node.get(seat, {}).get(deal, {})
    kind = book.ask.type
    measure = kind.measure_of({name: state[f"{name}_minor"] for name in kind.measure}) or kind.measure[0]
    unit = state["currency"] or book.ask.currency
    amount = state[f"{measure}_minor"]
    raw = on.policy.category_of(
        state["forecast_category"], next((one.default_category for one in on.pipeline.stages if one.name == state["stage"]), "")
    )
    fact = {
        "category": raw, "amount": "" if amount is None else format_major(amount, unit).removesuffix(".00"), "close_date": str(state["close_date"] or "")
    }  # fmt: skip
    return {
        "title": state["name"] or deal, "unit": unit, "fact": fact, "value": {name: placed[name].value.removesuffix(".00") if name in placed else fact[name] for name in fact},
        "placed": sorted(placed.values(), key=lambda one: one.at), "type": kind.label, "period": book.period,
    }  # fmt: skip


def _call_form(book: Book, seat: str, about: str) -> dict[str, Any]:
    part = next((one for one in book.basis(seat).parts if one.seat == about), None)
    if part is None:
        raise NotFound(f"{about!r} is not right below the seat.", mend="A seat overrides the calls of those right below it.")
    sign, unit = book.ask.type.sign, book.ask.currency
    shown = part.called or part.amounts
    return {
        "title": seat_names(book.on, book.ask).get(about, about), "unit": unit, "type": book.ask.type.label, "period": book.period,
        "fact": {name: shown[name] * sign for name in CALLS},
        "values": [(name, format_major(part.amounts[name] * sign, unit).removesuffix(".00"), shown[name] * sign) for name in CALLS],
        "placed": [one for one in book.overrides if one.seat == seat and one.about == about],
    }  # fmt: skip

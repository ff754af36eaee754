"""Overrides: another category, amount or close date of a deal, or another number of a seat below, for the forecast only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.calendar import Period
from closedwon.base.errors import Conflict, Invalid, NotFound
from closedwon.base.money import format_major, to_minor
from closedwon.facts.engine import run
from closedwon.forecast import calls as pure
from closedwon.forecast import history, models, override_rules
from closedwon.forecast.actions.calls import board_of, need_seat
from closedwon.forecast.actions.rights import need_right
from closedwon.forecast.actions.rollups import When
from closedwon.forecast.actions.standing import Book
from closedwon.forecast.calls import CALLS, FIELDS, Override
from closedwon.forecast.reading import ask_for, ground, organisation
from closedwon.people.actor import Actor
from closedwon.people.visibility import need_deal
from closedwon.ui import format as fmt


def override(
    *,
    by: Actor,
    seat: str,
    field: str,
    value: str,
    note: str,
    deal: str = "",
    about: str = "",
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    currency: str = "",
) -> Override:
    """Put a value in the place of a deal's category, amount or close date, or of a call right below, as the seat judges it.

    It holds for the forecast of the period alone, at the seat and above, until it is withdrawn; the fact stays. Amounts are major units.
    """
    on = ground()
    book = Book(on, ask_for(on, period=period, type=type, currency=currency))
    need_seat(by, book, seat)
    need_right(by, book, seat)
    if not note.strip():
        raise Invalid("An override takes a note.", mend="Say in a sentence why.")
    if bool(deal) == bool(about):
        raise Invalid("An override is of a deal or of a seat below.", mend="Name one of the two.")
    made = _of_deal(by, book, seat, deal, field, value) if deal else _of_seat(book, seat, about, field, value)
    with transaction.atomic():
        need_right(by, Book(on, book.ask), seat)
        row = models.Override.objects.create(
            seat=seat, type=book.ask.type.name, period=book.period, deal=deal, about=about, field=field, note=note.strip(),
            author=by.name, at=timezone.now(), **made,
        )  # fmt: skip
        subject = f"deal:{deal}" if deal else f"seat:{about}"
        detail = {
            "seat": seat,
            "period": row.period,
            "type": row.type,
            "field": field,
            "value": row.value,
            "fact": row.fact,
            "note": row.note,
        }
        record(by=by.name, channel=by.channel, verb="forecast.overridden", subject=subject, detail={**detail, "override": row.pk})
    return history.as_override(row)


def _of_deal(by: Actor, book: Book, seat: str, deal: str, field: str, value: str) -> dict[str, Any]:
    on, ask = book.on, book.ask
    if field not in FIELDS:
        raise Invalid(f"{field!r} of a deal cannot be overridden.", mend=f"Use one of {', '.join(FIELDS)}.")
    need_deal(by, deal, release=on.release)
    state, places = deal_of(book, deal)
    if state is None or not any(seat in book.tree.path(place) for place in places):
        raise NotFound(f"The deal {deal} is not among those of the seat.", mend="Override it at its own seat or at one above it.")
    status = next((one.status for one in on.pipeline.stages if one.name == state["stage"]), "open")
    if status != "open":
        raise Invalid(f"The deal is {status}; what is closed is not forecast any more.", mend="Withdraw the override, or correct the CRM.")
    unit = state["currency"] or ask.currency
    if field == "category":
        known = [*on.policy.open_categories, "omitted"]
        if value not in known:
            raise Invalid(f"There is no category {value!r}.", mend=f"Use one of {', '.join(known)}.")
        return {"value": value, "fact": state["forecast_category"] or ""}
    if field == "close_date":
        return {"value": _day(value).isoformat(), "fact": str(state["close_date"] or "")}
    measure = ask.type.measure_of({name: state[f"{name}_minor"] for name in ask.type.measure}) or ask.type.measure[0]
    minor = to_minor(str(value).replace(",", "").strip(), unit)
    if minor < 0:
        raise Invalid("An amount below 0 is no forecast of a deal.", mend="Override its category with omitted instead.")
    fact = state[f"{measure}_minor"]
    return {
        "value": format_major(minor, unit), "amount_minor": minor, "currency": unit, "fact": "" if fact is None else f"{format_major(fact, unit)} {unit}"
    }  # fmt: skip


def _day(text: str) -> date:
    try:
        return date.fromisoformat(str(text).strip())
    except ValueError as error:
        raise Invalid(f"{text!r} is not a day.", mend="Write it as 2026-11-23.") from error


def deal_of(book: Book, deal: str) -> tuple[dict[str, Any] | None, set[str]]:
    """A deal as it stands, and the seats that it belongs to."""
    subjects = [{"opportunity_id": deal}]
    given = {"deal_states": book.on.deals(book.ask), "subjects": subjects, "params": [{"cutoff": book.ask.cutoff}]}
    states = run(override_rules.STATES_OF, given).to_pylist()
    if not states:
        return None, set()
    splits = run(override_rules.SPLITS_OF, {"opportunity_splits": book.on.source("opportunity_splits"), "subjects": subjects}).to_pylist()
    seat_of = organisation(book.on, book.ask).seat_of
    people = [states[0]["owner_id"], *(row["user_id"] for row in splits)]
    return states[0], {seat_of[person] for person in people if person in seat_of}


def _of_seat(book: Book, seat: str, about: str, field: str, value: str) -> dict[str, Any]:
    if field not in CALLS:
        raise Invalid(f"{field!r} of a call cannot be overridden.", mend=f"Use one of {', '.join(CALLS)}.")
    if book.tree.parents.get(about) != seat:
        raise NotFound(f"{about!r} is not right below the seat.", mend="A seat overrides the calls of those right below it.")
    unit = book.ask.currency
    minor = to_minor(str(value).replace(",", "").strip(), unit) * book.ask.type.sign
    part = next((one for one in book.basis(seat).parts if one.seat == about), None)
    placed = {name: one.amount or 0 for name, one in pure.of_seats(book.overrides, seat).get(about, {}).items()}
    shown = {**(dict(part.amounts) if part else pure.zero()), **placed, field: minor}
    problem = pure.order_problem(shown, book.ask.type.sign)
    if problem:
        raise Invalid(problem, mend="Override the other number first, or correct this one.")
    fact = (part.called or part.amounts)[field] if part else 0
    return {"value": format_major(minor, unit), "amount_minor": minor, "currency": unit, "fact": f"{format_major(fact, unit)} {unit}"}


def withdraw(*, by: Actor, number: int, note: str = "") -> Override:
    """End an override; what it said stays in the history. Raises NotFound, Conflict where it is withdrawn already."""
    row = models.Override.objects.filter(pk=number).select_related("withdrawal").first()
    if row is None:
        raise NotFound(f"There is no override {number}.")
    on = ground()
    book = Book(on, ask_for(on, period=row.period, type=row.type))
    need_seat(by, book, row.seat)
    need_right(by, book, row.seat)
    if hasattr(row, "withdrawal"):
        raise Conflict("This override is withdrawn already.")
    with transaction.atomic():
        row = models.Override.objects.select_for_update().get(pk=number)
        if models.Withdrawal.objects.filter(override=row).exists():
            raise Conflict("This override is withdrawn already.")
        models.Withdrawal.objects.create(override=row, author=by.name, note=note.strip(), at=timezone.now())
        subject = f"deal:{row.deal}" if row.deal else f"seat:{row.about}"
        record(
            by=by.name, channel=by.channel, verb="forecast.override withdrawn", subject=subject, detail={"override": number, "note": note}
        )
    return history.as_override(models.Override.objects.select_related("withdrawal").get(pk=number))


def overrides(
    *,
    by: Actor,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    as_of: When = None,
    deal: str = "",
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
) -> list[Override]:
    """The overrides in force at a moment of the seats whose judgment the actor may see; with `deal`, of that deal."""
    on = ground()
    book = Book(on, ask_for(on, as_of=as_of, period=period, type=type, org=org, rates=rates, currency=currency))
    board = board_of(by, book)
    return [one for one in book.overrides if one.seat in board.judged and (not deal or one.deal == deal)]


def shown_of(rows: Sequence[Mapping[str, Any]], found: Sequence[Override], label: Any) -> list[dict[str, Any]]:
    """Deals with the overrides that a reader sees beside the facts: `over` holds field, text, note, author and number of each."""
    by_deal: dict[str, list[Override]] = {}
    for one in found:
        by_deal.setdefault(one.deal, []).append(one)
    return [
        {**row, "over": [
            {"field": one.field, "text": _text(one, label), "note": one.note, "author": one.author, "id": one.id, "seat": one.seat}
            for one in by_deal.get(str(row["opportunity_id"]), ())
        ]}
        for row in rows
    ]  # fmt: skip


def _text(one: Override, label: Any) -> str:
    return str(label(one.value)) if one.field == "category" else words_of(one)


def words_of(one: Override) -> str:
    """A day or amount as people read it."""
    if one.field == "close_date":
        return fmt.day(date.fromisoformat(one.value))
    return f"{fmt.money(one.amount, one.currency)} {one.currency}"

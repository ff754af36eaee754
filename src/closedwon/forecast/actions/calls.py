"""Calls: making one, looking at what stands, and the history of a seat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.calendar import Period
from closedwon.base.errors import ClosedwonError, Conflict, Invalid, NotFound
from closedwon.base.money import format_major, to_minor
from closedwon.forecast import calls as pure
from closedwon.forecast import history, models
from closedwon.forecast.actions import projection
from closedwon.forecast.actions.rights import VACANT, Right, holders, judged, need_right, right_to_call
from closedwon.forecast.actions.rollups import When, seat_names, seat_notes, seen_by, visible_nodes
from closedwon.forecast.actions.standing import Book, Standing
from closedwon.forecast.calls import CALLS, Amounts, Basis, Call, Override
from closedwon.forecast.policy import ForecastType
from closedwon.forecast.reading import Ask, ask_for, ground
from closedwon.forecast.rhythm import Net
from closedwon.people.actor import Actor
from closedwon.people.visibility import closing_day
from closedwon.workspace import current

MOST = 10**17
"""Minor units; more is a slip of the keyboard."""


@dataclass(frozen=True)
class CallBoard:
    """The calls of a question as an actor may see them."""

    book: Book
    seats: frozenset[str]
    """Seats in sight."""
    judged: frozenset[str]
    """Seats whose calls are in sight."""

    def standing(self, seat: str) -> Standing | None:
        """What stands at a seat; None where it is out of sight."""
        return self.book.standing(seat) if seat in self.judged and seat in self.seats else None

    def right(self, by: Actor, seat: str) -> Right:
        """Whether the actor may call for the seat now."""
        return right_to_call(by, self.book, seat)


def own_seat(by: Actor, board: CallBoard, node: str = "") -> str:
    """The seat that an actor calls for first: the chosen one, else the highest that they hold, else the only one at the top of what they see."""
    book = board.book
    if node:
        return node if node in board.judged and node in book.tree.parents else ""
    held = [
        seat
        for seat, people in holders(book.on, closing_day(None)).items()
        if by.person_id and by.person_id in people and seat in board.judged
    ]
    if held:
        return min(held, key=lambda seat: (len(book.tree.path(seat)), seat))
    tops = [
        seat
        for seat in book.tree.order
        if seat in board.seats and (book.tree.parents[seat] or "") not in board.seats and book.tree.children[seat]
    ]
    return tops[0] if len(tops) == 1 else ""


def call_board(
    *,
    by: Actor,
    as_of: When = None,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
) -> CallBoard:
    """The calls of a period and type as they stood, within what the actor may see."""
    on = ground()
    return board_of(by, Book(on, ask_for(on, as_of=as_of, period=period, type=type, org=org, rates=rates, currency=currency)))


def board_of(by: Actor, book: Book) -> CallBoard:
    """The calls of a book within what the actor may see."""
    seen = seen_by(by, book.ask, book.on)
    return CallBoard(book, visible_nodes(book.tree, seen), judged(by, book, seen))


def need_seat(by: Actor, book: Book, seat: str) -> CallBoard:
    """The calls in sight. Raises NotFound for a seat whose calls the actor may not see."""
    found = board_of(by, book)
    if seat not in found.judged or seat not in book.tree.parents:
        raise NotFound(f"There is no seat {seat!r}, or you may not see its calls.", mend="List seats with: closedwon forecast show")
    return found


def submit(
    *,
    by: Actor,
    seat: str,
    amounts: Mapping[str, str | int | Decimal],
    loss: Mapping[str, str | int | Decimal] | None = None,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    note: str = "",
    currency: str = "",
    expected: str | None = None,
) -> Call:
    """Call commit, most likely and best case for a seat; with `loss`, also what its net's type of loss loses. Gives the gross call.

    Amounts are major units. `expected` is the key of the call that the author saw last, "" for none: where another came meanwhile, Conflict.
    """
    on = ground()
    ask = ask_for(on, period=period, type=type, currency=currency)
    need_seat(by, Book(on, ask), seat)
    asked: list[tuple[Ask, Mapping[str, Any]]] = [(ask, amounts)]
    if loss is not None:
        net = net_of(Book(on, ask), ask.type.name)
        if net is None:
            raise Invalid(f"{ask.type.label} has no loss to call.", mend="Say in the rhythm policy which type of loss reduces it (nets).")
        asked.append((ask_for(on, period=ask.period, type=net.loss, currency=currency), loss))
    ready = [_prepared(by, Book(on, one), seat, given, note, expected if at == 0 else None) for at, (one, given) in enumerate(asked)]
    at_once = timezone.now()
    with transaction.atomic():
        saved = [_saved(by, book, row, expected if at == 0 else None, at_once) for at, (book, row) in enumerate(ready)]
        for row in saved:
            told = {name: format_major(getattr(row, f"{name}_minor"), row.currency) for name in CALLS}
            detail = {"period": row.period, "type": row.type, **told, "currency": row.currency, "late": row.is_late, "note": row.note}
            record(
                by=by.name,
                channel=by.channel,
                verb="forecast.called",
                subject=f"seat:{row.seat}",
                detail={**detail, "for": row.on_behalf_of},
            )
    return history.made_here(saved[0])


def net_of(book: Book, gross: str) -> Net | None:
    """The net that a type of the policy is the gross of, where its loss is a type too."""
    found = next((one for one in book.rhythm.nets if one.gross == gross), None)
    return found if found is not None and book.on.policy.type(found.loss) is not None else None


def read_amounts(given: Mapping[str, Any], kind: ForecastType, currency: str) -> dict[str, int]:
    """What people typed as minor units with the type's sign; a loss is typed as what is lost. Raises Invalid with every number that is wrong."""
    made = {}
    for name in CALLS:
        text = str(given.get(name, "")).strip().replace(",", "").replace("\u202f", "").replace(" ", "")
        if not text:
            raise Invalid(f"{pure.LABELS[name]} is missing.", mend="A call has all three numbers: commit, most likely and best case.")
        try:
            minor = to_minor(text, currency)
        except Invalid as error:
            raise Invalid(f"{pure.LABELS[name]}: {error.message}", mend=error.mend) from error
        if abs(minor) > MOST:
            raise Invalid(f"{pure.LABELS[name]} is too large.", mend=f"Write it in {currency}, such as 1200000.")
        if kind.sign < 0 and minor < 0:
            raise Invalid(f"{pure.LABELS[name]} of a loss is written without a minus.", mend="Write what is lost, such as 200000.")
        made[name] = minor * kind.sign
    problem = pure.order_problem(made, kind.sign)
    if problem:
        raise Invalid(problem, mend="Correct one of the two numbers.")
    return made


def _prepared(
    by: Actor, book: Book, seat: str, given: Mapping[str, Any], note: str, expected: str | None
) -> tuple[Book, models.SubmittedCall]:
    right = need_right(by, book, seat)
    amounts = read_amounts(given, book.ask.type, book.ask.currency)
    basis, note = book.basis(seat), note.strip()
    _fresh(book, seat, expected)
    if not note and pure.needs_note(amounts, basis.below, book.rhythm.note.share):
        raise Invalid(
            f"The call differs from what stands below it ({_words(basis.delta(amounts), book.ask.currency)}); that takes a note.",
            mend="Say in a sentence why.",
        )
    return book, models.SubmittedCall(
        seat=seat, type=book.ask.type.name, period=book.period, currency=book.ask.currency, author=by.name, person=by.person_id,
        on_behalf_of=_holder(book, seat) if right.behalf else "", note=note, basis=basis.as_dict(), delta=basis.delta(amounts),
        machine=machine_of(by, book, seat), release=book.on.release.pk if book.on.release else None,
        **{f"{name}_minor": amounts[name] for name in CALLS},
    )  # fmt: skip


def _fresh(book: Book, seat: str, expected: str | None) -> None:
    last = book.last.get(seat)
    if expected is not None and expected != (last.key if last else ""):
        raise Conflict("Somebody called for this seat meanwhile.", mend="Look at the new call and decide again.")


def _saved(by: Actor, book: Book, row: models.SubmittedCall, expected: str | None, at: Any) -> models.SubmittedCall:
    """Inside the transaction: right and freshness once more, then the row."""
    again = Book(book.on, book.ask)
    need_right(by, again, row.seat)
    _fresh(again, row.seat, expected)
    row.at = at
    row.due_at = again.rhythm.deadline.due(row.at.astimezone(current().zone))
    row.is_late = again.expects(row.seat) and again.is_late(row.seat, row.at)
    row.save(force_insert=True)
    return row


def _words(delta: Amounts, currency: str) -> str:
    return ", ".join(f"{pure.LABELS[name].lower()} {format_major(amount, currency)}" for name, amount in delta.items() if amount)


def _holder(book: Book, seat: str) -> str:
    """For whom a call is made: the seat's holder, or that it is vacant."""
    found = holders(book.on, closing_day(None)).get(seat, [])
    return " and ".join(found) or VACANT


def machine_of(by: Actor, book: Book, seat: str) -> dict[str, Any]:
    """The machine's number for a seat: the projection where it is kept ready, else the stage-weighted roll-up."""
    ask = book.ask
    try:
        found = projection.machine(by=by, node=seat, period=ask.period, type=ask.type.name, currency=ask.currency)
    except ClosedwonError:
        found = None
    if found is not None:
        return {"kind": "projection", "median": found.median, "low": found.low, "high": found.high}
    return {"kind": "stage-weighted", "median": book.sums[0].get(seat, {}).get("machine", 0)}


@dataclass(frozen=True)
class Told:
    """A call in a history: how far it was from what stood below, what changed since the call before it, whether it was late."""

    call: Call
    amounts: Amounts | None
    delta: Amounts | None
    step: Amounts | None
    is_late: bool
    user: str
    behalf: str


@dataclass(frozen=True)
class SeatCalls:
    """A seat's calls of a period: what stands now, the history from the newest on, and the overrides of the seat."""

    ask: Ask
    seat: str
    name: str
    holder: str
    standing: Standing
    told: tuple[Told, ...]
    overrides: tuple[Override, ...]
    names: Mapping[str, str]
    right: Right
    net: Net | None
    loss: SeatCalls | None
    locked: str
    due: Any

    @property
    def net_amounts(self) -> Amounts | None:
        """Gross less loss of the last calls, category by category; None while one of them is missing."""
        gross, lost = self.standing.amounts, self.loss.standing.amounts if self.loss else None
        return None if gross is None or lost is None else pure.net(gross, lost)


def seat_calls(
    *,
    by: Actor,
    seat: str,
    as_of: When = None,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
) -> SeatCalls:
    """Everything called for a seat in a period, as it stood. Raises NotFound where the actor may not see it."""
    on = ground()
    return seat_calls_of(by, Book(on, ask_for(on, as_of=as_of, period=period, type=type, org=org, rates=rates, currency=currency)), seat)


def seat_calls_of(by: Actor, book: Book, seat: str, *, whole: bool = True) -> SeatCalls:
    """Everything called for a seat in a book; with `whole`, what its net's loss comes to as well."""
    board = need_seat(by, book, seat)
    names, net = seat_names(book.on, book.ask), net_of(book, book.ask.type.name) if whole else None
    loss = _loss(by, book, net, seat) if net else None
    seen = board.judged
    return SeatCalls(
        book.ask, seat, names.get(seat, seat), seat_notes(book.on, book.ask).get(seat, ""), book.standing(seat), told(book, seat),
        tuple(
            one for one in history.overrides(period=book.period, type=book.ask.type.name) if one.at < book.at and one.seat == seat and one.seat in seen
        ),
        names, board.right(by, seat), net, loss, _locked_words(book), book.due,
    )  # fmt: skip


def _locked_words(book: Book) -> str:
    from closedwon.forecast.actions.rights import why_locked

    return why_locked(book) if book.ask.period.kind != "all" else ""


def _loss(by: Actor, book: Book, net: Net, seat: str) -> SeatCalls | None:
    kind = book.on.policy.type(net.loss)
    if kind is None:
        return None
    try:
        return seat_calls_of(by, Book(book.on, replace(book.ask, type=kind)), seat, whole=False)
    except NotFound:
        return None


def told(book: Book, seat: str) -> tuple[Told, ...]:
    """A seat's calls from the newest on, each with what it differed from."""
    made: list[Told] = []
    before: Amounts | None = None
    people = {row["id"]: row["name"] or row["id"] for row in book.on.rows("users")}
    for one in book.by_seat.get(seat, ()):
        amounts = book.amounts(one)
        step = None if amounts is None or before is None else {name: amounts[name] - before[name] for name in CALLS}
        basis: Basis | None = one.basis
        late = book.is_late(seat, one.at)
        made.append(
            Told(
                one, amounts, None if basis is None else basis.delta(one.amounts), step, late,
                people.get(one.user, "") or one.author or one.user, " and ".join(people.get(part, part) for part in one.on_behalf_of.split(" and ") if part),
            )
        )  # fmt: skip
        before = amounts or before
    return tuple(reversed(made))

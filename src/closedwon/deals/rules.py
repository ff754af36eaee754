"""The booking clocks (on which day an order books, whether its month is locked, how late a renewal is) and the way from list to net. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from closedwon.base.calendar import Calendar
from closedwon.deals.policy import Clocks


@dataclass(frozen=True)
class Booking:
    """Where an order books: the day, whether that is before it was reviewed, whether its month was locked by then, and why in a sentence."""

    day: date
    back_dated: bool
    locked: bool
    why: str


def booking(signed_at: datetime, submitted_at: datetime, reviewed_at: datetime, calendar: Calendar, clocks: Clocks) -> Booking:
    """The day on which an order books.

    An order that was signed and submitted in the same quarter, by the deadline of its last day, books on the day it was signed, though it is
    reviewed later. One that was submitted after its quarter's deadline books on the day of submission. A month is locked from a day of the
    next one on; an order reviewed after that needs the exception.
    """
    signed = clocks.local(signed_at).date()
    quarter = calendar.period_of(signed, "quarter")
    deadline = clocks.deadline(quarter.last)
    in_time = submitted_at < deadline
    day = signed if in_time else clocks.local(submitted_at).date()
    reviewed = clocks.local(reviewed_at).date()
    lock = clocks.locked_from(day)
    locked = reviewed >= lock
    if not in_time:
        why = f"Submitted after the deadline of {quarter.label}, so it books on the day it came in."
    elif reviewed > day:
        why = f"Signed and submitted by the deadline of {quarter.label}, so it books on the day it was signed, though it is reviewed later."
    else:
        why = f"Signed and submitted in {quarter.label}."
    if locked:
        why += f" {day:%B} is locked since {lock.day} {lock:%B}: booking into it is an exception."
    return Booking(day, reviewed > day, locked, why)


def lateness(contract_ends_on: date, submitted_on: date, clocks: Clocks) -> tuple[str, int]:
    """How late a renewal is, as a word (on time, within grace, late, very late), and by how many days after the contract's end."""
    days = (submitted_on - contract_ends_on).days
    if days > clocks.very_late_renewal_days:
        return "very late", days
    if days > clocks.late_renewal_days:
        return "late", days
    if days > 0:
        return "within grace", days
    return "on time", days


def closing_countdown(now: datetime, calendar: Calendar, clocks: Clocks) -> timedelta:
    """How long an order can still be submitted for the quarter under way; never negative."""
    quarter = calendar.period_of(clocks.local(now).date(), "quarter")
    return max(timedelta(0), clocks.deadline(quarter.last) - now)


def in_last_days(now: datetime, calendar: Calendar, clocks: Clocks, days: int) -> bool:
    """Whether a quarter ends within so many days."""
    today = clocks.local(now).date()
    quarter = calendar.period_of(today, "quarter")
    return 0 <= (quarter.last - today).days < days


@dataclass(frozen=True)
class PriceStep:
    """A step of a price from list to net: what it is, what it takes off (None for the two ends), and where the price stands after it."""

    name: str
    taken: Decimal | None
    price: Decimal


def price_steps(
    listed: Decimal, discount: Decimal | None, free_months: Decimal | None, term_months: Decimal | None, given_back: Decimal | None
) -> list[PriceStep]:
    """From list to what the customer pays: the discount, then free months as their share of the term, then credits; money of one currency."""
    made = [PriceStep("List price", None, listed)]
    price = listed
    for name, taken in (
        ("Discount", price * discount if discount else None),
        ("Free months", price * (1 - (discount or 0)) * free_months / term_months if free_months and term_months else None),
        ("Credits", given_back or None),
    ):
        if taken is not None:
            price -= taken
            made.append(PriceStep(name, taken, price))
    return [*made, PriceStep("The customer pays", None, price)]

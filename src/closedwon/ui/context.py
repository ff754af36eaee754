"""The time machine: which numbers a page shows, read from its address, so that a link shows the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from closedwon.base.calendar import ALL, Calendar, Period
from closedwon.base.errors import Invalid
from closedwon.ui import format as fmt
from closedwon.workspace import current

KEYS = ("scope", "period", "as_of", "org", "currency", "rates")
ORGS = {"as-was": "as it was", "as-is": "as it is"}
RATES = {"plan": "plan rate", "as-reported": "as reported"}
Choices = list[tuple[str, str]]
_scopes: list[Callable[[Any], Choices]] = []
_currencies: list[Callable[[], Iterable[str]]] = []


def register_scopes(provider: Callable[[Any], Choices]) -> None:
    """Let a field offer scopes: it gives (node id, name) pairs that the actor may choose."""
    if provider not in _scopes:
        _scopes.append(provider)


def register_currencies(provider: Callable[[], Iterable[str]]) -> None:
    """Let a field name the currencies that have rates."""
    if provider not in _currencies:
        _currencies.append(provider)


def calendar() -> Calendar:
    """The company's fiscal calendar."""
    return Calendar.from_settings(current().settings.calendar)


def today() -> date:
    """The day it is now in the company's time zone."""
    return timezone.now().astimezone(current().zone).date()


def close_of(day: date) -> datetime:
    """The close of a day in the company's time zone: the exclusive cutoff that rules take."""
    return datetime.combine(day + timedelta(days=1), time.min, current().zone).astimezone(UTC)


@dataclass(frozen=True)
class View:
    """What the top bar says. `as_of` None is now; `scope` is a node id, empty for all that the person may see."""

    period: Period
    as_of: date | None = None
    org: str = "as-was"
    currency: str = ""
    rates: str = "plan"
    scope: str = ""

    @classmethod
    def of(cls, request: Any, *, period: str = "", **defaults: Any) -> View:
        """Read the address; raises Invalid with the mend. `period` is the label where the address has none, else the current quarter."""
        given = request.GET
        settings = current().settings
        as_of = _as_of(given.get("as_of", "")) if given.get("as_of") else defaults.get("as_of")
        base = as_of or today()
        label = given.get("period") or period
        org = given.get("org") or defaults.get("org", "as-was")
        rates = given.get("rates") or defaults.get("rates", "plan")
        unit = (given.get("currency") or defaults.get("currency") or settings.currency).upper()
        if org not in ORGS:
            raise Invalid(f"{org!r} is no organisation.", mend="Use as-was or as-is.")
        if rates not in RATES:
            raise Invalid(f"{rates!r} is no kind of rate.", mend="Use plan or as-reported.")
        if len(unit) != 3 or not unit.isalpha() or not unit.isascii():
            raise Invalid(f"{unit!r} is no currency.", mend="Use a code of three letters such as EUR.")
        found = calendar().period(label) if label else calendar().period_of(base, "quarter")
        return cls(found, as_of, org, unit, rates, given.get("scope") or defaults.get("scope", ""))

    @property
    def cutoff(self) -> datetime:
        """The exclusive instant that rules take: the close of the day, or this very moment."""
        return close_of(self.as_of) if self.as_of else timezone.now() + timedelta(microseconds=1)

    @property
    def day(self) -> date:
        """The day on which the view stands."""
        return self.as_of or today()

    def parameters(self, **changes: Any) -> dict[str, str]:
        """The address's parameters for this view; what is the default is left out."""
        at = replace(self, **changes)
        quarter = calendar().period_of(at.day, "quarter").label
        values = {
            "scope": at.scope,
            "period": "" if at.period.label == quarter else at.period.label,
            "as_of": at.as_of.isoformat() if at.as_of else "",
            "org": "" if at.org == "as-was" else at.org,
            "currency": "" if at.currency == current().settings.currency else at.currency,
            "rates": "" if at.rates == "plan" else at.rates,
        }
        return {key: value for key, value in values.items() if value}

    def query(self, **changes: Any) -> str:
        """The same as text for an address, without the question mark."""
        return urlencode(self.parameters(**changes))

    def url(self, path: str, **more: Any) -> str:
        """An address that keeps the view; `more` are further parameters."""
        query = urlencode({**self.parameters(), **{key: value for key, value in more.items() if value not in (None, "")}})
        return f"{path}?{query}" if query else path


def _as_of(text: str) -> date | None:
    if text in ("", "now"):
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"{text!r} is not a day.", mend="Write it as 2026-11-23, or now.") from error
    if not 1900 <= found.year <= 9990:
        raise Invalid(f"{text} is out of range.", mend="Choose a day of this or the last centuries.")
    return found


def keep(parameters: Mapping[str, Any]) -> str:
    """The parameters of the time machine that an address carries, for links that keep them."""
    return urlencode({key: parameters[key] for key in KEYS if parameters.get(key)})


@dataclass(frozen=True)
class Choice:
    """One line of a dropdown: its text, address, and whether it is in force."""

    label: str
    href: str
    on: bool = False
    note: str = ""


@dataclass(frozen=True)
class Chip:
    """One dropdown of the top bar."""

    name: str
    label: str
    value: str
    choices: tuple[Choice, ...]
    input: str = ""
    input_value: str = ""


def chips(view: View, request: Any, by: Any = None) -> list[Chip]:
    """The top bar's dropdowns for this view; every choice keeps the page's own parameters."""
    others = [(key, value) for key, values in request.GET.lists() for value in values if key not in KEYS and not key.endswith("page")]

    def link(**changes: Any) -> str:
        query = urlencode([*others, *view.parameters(**changes).items()])
        return f"{request.path}?{query}" if query else request.path

    made = []
    scopes = [("", "Everything I may see"), *(pair for provider in _scopes for pair in provider(by))]
    if len(scopes) > 1:
        name = next((label for value, label in scopes if value == view.scope), view.scope)
        choices = tuple(Choice(label, link(scope=value), value == view.scope) for value, label in scopes[:200])
        made.append(Chip("scope", "Scope", "all" if not view.scope else name, choices))
    made.append(Chip("period", "Period", _period_word(view.period), tuple(_periods(view, link))))
    as_of = fmt.day(view.as_of, year=True) if view.as_of else "now"
    made.append(Chip("as_of", "As of", as_of, tuple(_days(view, link)), "date", view.as_of.isoformat() if view.as_of else ""))
    orgs = tuple(Choice(label, link(org=value), value == view.org) for value, label in ORGS.items())
    made.append(Chip("org", "Organisation", ORGS[view.org], orgs))
    units = sorted({current().settings.currency, view.currency, *(unit for provider in _currencies for unit in provider())})
    rates = [
        Choice(f"{unit}, {word}", link(currency=unit, rates=rate), unit == view.currency and rate == view.rates)
        for unit in units
        for rate, word in RATES.items()
    ]
    made.append(Chip("currency", view.currency, RATES[view.rates], tuple(rates)))
    return made


def _period_word(period: Period) -> str:
    return "all time" if period.kind == "all" else period.label


def _periods(view: View, link: Callable[..., str]) -> list[Choice]:
    """Quarters around the view's day, its year and the next, the month, and all time."""
    fiscal = calendar()
    here = fiscal.period_of(view.day, "quarter")
    found = [fiscal.next(here, count) for count in (-4, -3, -2, -1, 0, 1, 2, 3, 4) if count]
    found = sorted({*found, here})
    year = fiscal.period_of(view.day, "year")
    found += [fiscal.next(year, -1), year, fiscal.next(year, 1), fiscal.period_of(view.day, "month"), ALL]
    if view.period not in found:
        found.insert(0, view.period)
    return [Choice(_period_word(p), link(period=p), p == view.period, "" if p.kind == "all" else fmt.span(p.start, p.last)) for p in found]


def _days(view: View, link: Callable[..., str]) -> list[Choice]:
    """Now, the last four Mondays, and the ends of the last two quarters."""
    now = today()
    monday = now - timedelta(days=now.weekday())
    days = [monday - timedelta(weeks=count) for count in range(4)]
    quarter = calendar().period_of(now, "quarter")
    ends = [calendar().next(quarter, -1).last, calendar().next(quarter, -2).last]
    made = [Choice("Now", link(as_of=None), view.as_of is None)]
    made += [Choice(f"{d:%a} {fmt.day(d)}", link(as_of=d), view.as_of == d) for d in days]
    made += [Choice(fmt.day(d, year=True), link(as_of=d), view.as_of == d, "end of quarter") for d in ends]
    return made

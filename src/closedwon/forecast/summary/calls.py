"""Calls of the named table `forecast_calls`: the last one of a seat at an instant, the one a week before, and who is late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from closedwon.base.calendar import Calendar
from closedwon.base.errors import Invalid
from closedwon.forecast.actions.rollups import seat_names, seat_notes
from closedwon.forecast.reading import Ask, Ground, calendar, rates_of
from closedwon.forecast.rules import converted
from closedwon.forecast.summary.policy import DAYS
from closedwon.forecast.summary.week import CALLED, Call, Late
from closedwon.people.visibility import closing_cutoff
from closedwon.ui import format as fmt

WEEK = timedelta(days=7)
LONG = timedelta(days=56)
"""A seat that called within so long is one that calls."""


def due_before(at: datetime, weekday: str, hour: time, zone: ZoneInfo) -> datetime:
    """The last such weekday and time at or before an instant, in a time zone."""
    local = at.astimezone(zone)
    for back in range(8):
        day = local.date() - timedelta(days=back)
        due = datetime.combine(day, hour, zone)
        if day.weekday() == DAYS.index(weekday) and due <= at:
            return due.astimezone(UTC)
    return at - WEEK


@lru_cache(maxsize=512)
def _span(label: str, fiscal: Calendar) -> tuple[date, date] | None:
    try:
        found = fiscal.period(label)
    except Invalid:
        return None
    return found.start, found.end


def span_of(label: str) -> tuple[date, date] | None:
    """From which day to which a period of that label goes, the last day not in it; None for a label that the calendar does not know."""
    return _span(label, calendar())


@dataclass(frozen=True)
class CallBook:
    """The calls for a question that its reader may see, by seat, in the order of time."""

    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    ask: Ask
    tops: Sequence[str]
    nodes: frozenset[str]
    names: Mapping[str, str]
    holders: Mapping[str, str]
    rates: Mapping[str, Mapping[str, Any]]
    recent: Mapping[str, datetime] = field(default_factory=dict)
    """Each seat's last call of any period before the question's instant."""

    @classmethod
    def of(cls, on: Ground, ask: Ask, sight: Any) -> CallBook:
        """The calls of a type and period by the seats in sight, before the question's instant."""
        mine: dict[str, list[Mapping[str, Any]]] = {}
        recent: dict[str, datetime] = {}
        kinds = {ask.type.name, ask.type.quota_measure}
        for row in all_calls(on):
            if row["type"] not in kinds or row["as_of_at"] >= ask.cutoff or row["position_id"] not in sight.nodes:
                continue
            seat = row["position_id"]
            recent[seat] = max(recent.get(seat, row["as_of_at"]), row["as_of_at"])
            if row["category"] in CALLED and span_of(row["period"]) == (ask.period.start, ask.period.end):
                mine.setdefault(seat, []).append(row)
        for rows in mine.values():
            rows.sort(key=lambda row: (row["as_of_at"], row["category"]))
        rates = {row["currency"]: row for row in rates_of(on, ask)}
        return cls(mine, ask, sight.tops, sight.nodes, seat_names(on, ask), seat_notes(on, ask), rates, recent)

    @property
    def known(self) -> bool:
        """Whether there is any call of the type in sight."""
        return bool(self.recent)

    @cached_property
    def callers(self) -> tuple[str, ...]:
        """The seats that call: those that did lately, and are seats still."""
        return tuple(sorted(seat for seat, at in self.recent.items() if at >= self.ask.cutoff - LONG))

    def of_seat(self, seat: str) -> Call | None:
        """A seat's call as it stands, beside the one a week before; None where it has none for the period."""
        rows = self.rows.get(seat)
        if not rows:
            return None
        week = closing_cutoff(self.ask.day - WEEK)
        last = rows[-1]
        note = next((row["note"] or "" for row in reversed(rows) if row["note"] and row["as_of_at"] == last["as_of_at"]), "")
        return Call(
            seat, self.names.get(seat, seat), self.holders.get(seat, ""), self._at(rows, self.ask.cutoff), self._at(rows, week), note
        )

    def _at(self, rows: Sequence[Mapping[str, Any]], cutoff: datetime) -> dict[str, int]:
        made: dict[str, int] = {}
        for row in rows:
            rate = self.rates.get(row["currency"] or self.ask.currency)
            if row["as_of_at"] < cutoff and rate is not None:
                made[row["category"]] = converted(row["amount_minor"] or 0, rate)
        return made

    def head(self) -> Call | None:
        """The call of the node at the head; of several at the top, their sum where every one has called."""
        found = [call for call in (self.of_seat(seat) for seat in self.tops) if call is not None]
        if not found or len(found) < len(self.tops):
            return None
        if len(found) == 1:
            return found[0]

        def summed(which: str) -> dict[str, int]:
            parts = [getattr(call, which) for call in found]
            return {name: sum(part[name] for part in parts) for name in CALLED if all(name in part for part in parts)}

        return Call("", "", "", summed("now"), summed("before"))

    def late(self, due: datetime, open_days: int) -> list[Late]:
        """The seats that had not called in the days before calls were due: those without a call since first, then those that came late."""
        missing, came = [], []
        for seat in self.callers:
            times = sorted({row["as_of_at"] for row in self.rows.get(seat, ())})
            if any(due - timedelta(days=open_days) < at <= due for at in times):
                continue
            after = [at for at in times if at > due]
            row = Late(seat, self.names.get(seat, seat), self.holders.get(seat, ""), fmt.instant(after[0]) if after else "")
            (came if after else missing).append(row)
        return [*missing, *came]

    def lateness(self, dues: Sequence[datetime], open_days: int) -> dict[str, int]:
        """How often each seat that calls was late or missing, of these times at which calls were due."""
        early = timedelta(days=open_days)
        made = {}
        for seat in self.callers:
            times = [row["as_of_at"] for row in self.rows.get(seat, ())]
            made[seat] = sum(not any(due - early < at <= due for at in times) for due in dues)
        return made


def all_calls(on: Ground) -> list[dict[str, Any]]:
    """Every call of the named table."""
    return on.rows("forecast_calls")

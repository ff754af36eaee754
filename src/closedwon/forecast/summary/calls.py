"""Calls as the summary reads them: the one of a seat as it stands, the one a week before, and who is late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from closedwon.forecast import history
from closedwon.forecast.actions.rollups import seat_names, seat_notes
from closedwon.forecast.actions.standing import Book
from closedwon.forecast.reading import Ask, Ground
from closedwon.forecast.summary.policy import DAYS
from closedwon.forecast.summary.week import CALLED, Call, Late
from closedwon.people.visibility import closing_cutoff
from closedwon.ui import format as fmt
from closedwon.workspace import current

WEEK = timedelta(days=7)


def due_before(at: datetime, weekday: str, hour: time, zone: ZoneInfo) -> datetime:
    """The last such weekday and time at or before an instant, in a time zone."""
    local = at.astimezone(zone)
    for back in range(8):
        day = local.date() - timedelta(days=back)
        due = datetime.combine(day, hour, zone)
        if day.weekday() == DAYS.index(weekday) and due <= at:
            return due.astimezone(UTC)
    return at - WEEK


@dataclass(frozen=True)
class CallBook:
    """The calls for a question that its reader may see."""

    book: Book
    tops: Sequence[str]
    nodes: frozenset[str]
    names: Mapping[str, str]
    holders: Mapping[str, str]

    @classmethod
    def of(cls, on: Ground, ask: Ask, sight: Any) -> CallBook:
        """The calls of a type and period by the seats in sight, before the question's instant."""
        return cls(Book(on, ask), sight.tops, sight.nodes, seat_names(on, ask), seat_notes(on, ask))

    @cached_property
    def known(self) -> bool:
        """Whether there is any call of the type in sight, of whatever period."""
        return any(one.seat in self.nodes and one.at < self.book.at for one in history.calls(self.book.on, type=self.book.ask.type.name))

    @cached_property
    def callers(self) -> tuple[str, ...]:
        """The seats in sight whose call is waited for; none where nobody ever called."""
        return tuple(seat for seat in self.book.tree.order if seat in self.nodes and self.book.expects(seat)) if self.known else ()

    @cached_property
    def due(self) -> datetime | None:
        """When the week's calls were due; None before that, and where that lies before the period."""
        due = self.book.due
        return due if self.callers and self.book.at > due and due.date() >= self.book.ask.period.start else None

    def of_seat(self, seat: str) -> Call | None:
        """A seat's call as it stands, beside the one a week before; None where it has none for the period."""
        call = self.book.last.get(seat)
        if call is None or seat not in self.nodes:
            return None
        week = closing_cutoff(self.book.ask.day - WEEK)
        before = [one for one in self.book.by_seat.get(seat, ()) if one.at < week]
        now, then = self.book.amounts(call), self.book.amounts(before[-1]) if before else {}
        return Call(seat, self.names.get(seat, seat), self.holders.get(seat, ""), now or {}, then or {}, call.note)

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

    def written(self, at: datetime) -> str:
        """A moment as people of the company write it; the year where it is not that of the question."""
        local = at.astimezone(current().zone)
        return f"{fmt.day(local.date(), year=local.year != self.book.ask.day.year)} {local:%H:%M}"

    def _due_of(self, at: datetime) -> datetime:
        return self.book.rhythm.deadline.due(at.astimezone(current().zone))

    def late(self) -> list[Late]:
        """The seats that had not called when calls were due: those without a call since first, then those that came late."""
        missing: list[Late] = []
        came: list[Late] = []
        for seat in self.callers if self.due else ():
            state = self.book.state(seat)
            if state not in ("missing", "late"):
                continue
            times = [one.at for one in self.book.by_seat.get(seat, ()) if self._due_of(one.at) == self.due]
            row = Late(seat, self.names.get(seat, seat), self.holders.get(seat, ""), self.written(min(times)) if times else "")
            (came if times else missing).append(row)
        return [*missing, *came]

    @cached_property
    def dues(self) -> list[datetime]:
        """Every time at which calls were due in the period so far, the last first."""
        period = self.book.ask.period
        made: list[datetime] = []
        due = self.book.due
        while self.callers and period.kind != "all" and due.date() >= period.start and len(made) < 60:
            if due < self.book.at and due.date() < period.end:
                made.append(due)
            due -= WEEK
        return made

    def lateness(self) -> dict[str, int]:
        """How often each seat whose call is waited for was late or missing in the period so far."""
        made = {}
        for seat in self.callers:
            times = [one.at for one in self.book.by_seat.get(seat, ())]
            made[seat] = sum(not any(self._due_of(at) == due and at <= due for at in times) for due in self.dues)
        return made

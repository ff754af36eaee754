"""What one point of conversion, one day less, or one more opportunity a week is worth in next quarter's bookings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.errors import Refused
from closedwon.base.money import format_major
from closedwon.facts.store import store
from closedwon.forecast.actions.projection import LARGE
from closedwon.forecast.actions.rollups import seen_by
from closedwon.forecast.projection import reading
from closedwon.forecast.projection.sensitivity import Sensitivity, Worth, sensitivities
from closedwon.forecast.reading import Ask, Ground, ask_for, calendar, ground
from closedwon.people.actor import Actor


@dataclass(frozen=True)
class Optimized:
    """What changes are worth, the dearest first; with a refusal there is nothing."""

    ask: Ask
    refusal: str
    lines: Sequence[Sensitivity] = ()

    def rows(self) -> list[dict[str, Any]]:
        """One line per stage and group and kind of change, in major units."""
        made = []
        for one in self.lines:
            for kind, worth in (("point of conversion", one.point), ("day less", one.faster), ("opportunity a week", one.more)):
                if worth is not None:
                    made.append({"stage": one.stage, "group": named(one.group), "change": kind, **_money(worth, self.ask.currency)})
        return made


def named(group: Sequence[str]) -> str:
    """A group's name."""
    return ", ".join(part or "none" for part in group) or "all"


def _money(worth: Worth, unit: str) -> dict[str, str]:
    return {name: format_major(round(getattr(worth, name)), unit) for name in ("value", "low", "high")}


def optimize(
    *,
    by: Actor,
    as_of: Any = None,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    rates: str = "plan",
    currency: str = "",
) -> Optimized:
    """What changes are worth in a period, by default the quarter after the as-of. Raises Refused for those who do not see the whole company."""
    on = ground()
    ask = ask_for(on, as_of=as_of, period=period, type=type, rates=rates, currency=currency)
    if period is None:
        ask = ask_for(
            on, as_of=as_of, period=calendar().next(calendar().period_of(ask.day, "quarter")), type=type, rates=rates, currency=currency
        )
    if not seen_by(by, ask, on).everything:
        raise Refused("What changes are worth comes from the whole company's curves; it is shown to those who see all of it.")
    refusal = reading.unfit(ask)
    if not refusal and not reading.span_of(ask).days:
        refusal = f"{ask.period.label} is over: nothing can be changed in it."
    return Optimized(ask, refusal) if refusal else Optimized(ask, *_made(on, ask, reading.basis_of(on)))


def is_at_hand(period: str | None = None) -> bool:
    """Whether the facts are small enough for a page to wait."""
    del period
    release = ground().release
    version = (release.tables if release else {}).get("opportunities")
    return version is None or store().count("opportunities", version) <= LARGE


@lru_cache(maxsize=8)
def _made(on: Ground, ask: Ask, _basis: str) -> tuple[str, tuple[Sensitivity, ...]]:
    policy, span = reading.policy_in_force(), reading.span_of(ask)
    loaded = reading.loaded(reading.rows(on, ask, policy, places=False), policy)
    won = int(loaded.deals.won.sum())
    if won < policy.least.won:
        return f"Only {won:,} deals were won on record; this takes {policy.least.won:,}.", ()
    order = [stage.name for stage in on.pipeline.stages if stage.status == "open"]
    return "", tuple(sensitivities(loaded, ask.day.toordinal(), span.skip, span.days, reading.phase_of, policy, order))

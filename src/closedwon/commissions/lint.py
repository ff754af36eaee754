"""What the linter says of compensation plans: gaps, cliffs, what target and quota come to, splits, cycles, and cases that are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from closedwon.base.errors import Invalid, Problem
from closedwon.base.money import PPM, digits, format_major
from closedwon.commissions.policy import Commission, Curve, Mbo, Plan, PlanBook
from closedwon.commissions.rules.standing import decimal_of
from closedwon.commissions.rules.tiers import Tiers, curve_at, table_of
from closedwon.policies.linting import Lint

QUOTA = 1_000_000
"""The quota at which cliffs are told, in major units."""


def look(documents: Mapping[str, PlanBook], context: Lint) -> Iterable[Problem]:
    """Everything that is wrong or strange in plans."""
    for name, book in documents.items():
        for at, plan in enumerate(book.version):
            yield from _version(name, ("version", at), plan, context)


def _version(name: str, place: tuple[Any, ...], plan: Plan, context: Lint) -> Iterator[Problem]:
    yield from _weights(name, place, plan, context)
    fed = {one.measure for one in plan.credit}
    for at, part in enumerate(plan.component):
        here = [*place, "component", at]
        measure = getattr(part, "measure", "")
        if fed and measure and measure not in fed:
            yield context.problem(
                name, here, f"nothing is credited to the measure {measure!r}", mend=f"Credited are {', '.join(sorted(fed))}."
            )
        for money in _money_of(part):
            if money.currency != plan.currency:
                yield context.problem(name, here, f"{part.name} has amounts in {money.currency}, the plan is in {plan.currency}")
        if isinstance(part, Commission):
            yield from _table(name, here, plan, part, context)
        if isinstance(part, Curve):
            yield from _curve(name, here, part, context)


def _weights(name: str, place: tuple[Any, ...], plan: Plan, context: Lint) -> Iterator[Problem]:
    """Weights of what stands on the target variable add up to it."""
    weighted = [
        one for one in plan.component if isinstance(one, Curve | Mbo) or (isinstance(one, Commission) and one.base_rate == "derived")
    ]
    total = sum(one.weight for one in weighted)
    if weighted and total != PPM:
        yield context.warning(
            name,
            list(place),
            f"the weights of components on the target variable add up to {total / 10_000:g} %, so 100 % of quota does not pay the target",
        )


def _table(name: str, here: list[Any], plan: Plan, part: Commission, context: Lint) -> Iterator[Problem]:
    try:
        tiers = table_of(part, plan.currency, Fraction(QUOTA * 10 ** digits(plan.currency)), Fraction(1, 10))
    except Invalid as error:
        yield context.problem(name, [*here, "tier"], error.message, mend=error.mend)
        return
    for at, (before, after) in enumerate(zip(tiers.thresholds, tiers.thresholds[1:], strict=False)):
        if after <= before:
            yield context.problem(
                name, [*here, "tier", at + 1], f"the tier from {part.tier[at + 1].at} does not begin above the one before"
            )
            return
    if part.mode == "whole":
        yield from _cliffs(name, here, plan, part, tiers, context)
    if part.mode == "interpolated" and part.tier[-1].amount is not None:
        yield context.problem(
            name,
            [*here, "tier", len(part.tier) - 1],
            "the last tier is open, so it has no whole amount",
            mend="End with a tier that gives no amount.",
        )
    by_unit = [one.each is not None for one in part.tier]
    if any(by_unit) and not all(by_unit):
        yield context.problem(name, [*here, "tier"], "some tiers pay for each unit and some a rate")
    nothing = [
        at for at, one in enumerate(part.tier) if one.rate is None and not one.multiplier and one.each is None and one.amount is None
    ]
    if part.mode != "interpolated" and nothing and part.rate_table is None:
        yield context.problem(
            name, [*here, "tier", nothing[0]], "the tier pays nothing named", mend='Give its rate, "0%" if it pays nothing.'
        )


def _cliffs(name: str, here: list[Any], plan: Plan, part: Commission, tiers: Tiers, context: Lint) -> Iterator[Problem]:
    """Where a cent more of the measure moves the pay by an amount, up or down."""
    for at, threshold in enumerate(tiers.thresholds[1:], 1):
        jump = threshold * (tiers.rates[at] - tiers.rates[at - 1])
        if jump == 0:
            continue
        amount = f"{format_major(abs(round(jump)), plan.currency)} {plan.currency}"
        at_quota = " at a quota of 1,000,000" if part.axis == "attainment" else ""
        way = "falls" if jump < 0 else "jumps"
        said = f"pay {way} by {amount}{at_quota} where {part.name} reaches {part.tier[at].at}: the whole is paid at the rate reached"
        yield context.warning(name, [*here, "tier", at], said)


def _curve(name: str, here: list[Any], part: Curve, context: Lint) -> Iterator[Problem]:
    for at, (before, after) in enumerate(zip(part.point, part.point[1:], strict=False)):
        if after.pays < before.pays:
            yield context.warning(
                name,
                [*here, "point", at + 1],
                f"pay falls from {before.pays / 10_000:g} % to {after.pays / 10_000:g} % of target as attainment rises",
            )
    whole = curve_at(part.point, Fraction(1), part.boundary)
    if whole != 1:
        yield context.warning(name, here, f"100 % of quota pays {decimal_of(whole * 100).normalize():f} % of the target of {part.name}")


def _money_of(part: Any) -> Iterator[Any]:
    for tier in getattr(part, "tier", ()):
        yield from (one for one in (tier.each, tier.amount) if one)
    if part.cap:
        yield from (one for one in (part.cap.line, part.cap.period, part.cap.interval) if one)
    if part.floor:
        yield part.floor
    yield from getattr(part, "prize", ())

"""Renewals: what is available to renew by period and group, what became of it, and the contracts behind each number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.errors import Invalid
from closedwon.base.money import format_major
from closedwon.forecast.actions.rollups import When, seat_names, seen_by, visible_nodes
from closedwon.forecast.reading import Ask, Ground, ask_for, ground, organisation
from closedwon.forecast.renewals import reading
from closedwon.forecast.renewals.decide import OUTCOMES, SUMS, Decided, Sums, summed
from closedwon.forecast.renewals.policy import RenewalsPolicy
from closedwon.people.actor import Actor

GROUPS = ("all", "segment", "region", "owner")
"""What contracts can be grouped by."""
AHEAD = 4
"""How many periods after the asked one are told by default."""
PARTS = (*OUTCOMES, "downgraded", "open_at_risk", "without_deal", "atr")
"""What contracts can be chosen by."""


@dataclass(frozen=True)
class Renewals:
    """The renewals of a period and the following ones, group by group; the last row of each period is its total."""

    ask: Ask
    windows: Sequence[reading.Window]
    by: str
    groups: Mapping[tuple[str, str], Sums]
    totals: Mapping[str, Sums]
    names: Mapping[str, str]
    policy: RenewalsPolicy
    evergreen: int = 0

    def rows(self) -> list[dict[str, Any]]:
        """As the contract has them: amounts in major units as text, rates as shares of one, empty where there is none."""
        made = []
        for window in self.windows:
            label = window.period.label
            for (period, group), sums in self.groups.items():
                if period == label and self.by != "all":
                    made.append(self._row(window, self.names.get(group, group), sums))
            made.append(self._row(window, "total", self.totals.get(label, Sums())))
        return made

    def _row(self, window: reading.Window, group: str, sums: Sums) -> dict[str, Any]:
        unit = self.ask.currency

        def rate(value: float | None) -> str:
            return "" if value is None else f"{value:.4f}"

        return {
            "period": window.period.label, "group": group, "as_of": self.ask.day.isoformat(), "frozen_on": window.frozen_on.isoformat(),
            "contracts": sums.contracts, "without_deal": sums.without_deal, **{name: format_major(sums[name], unit) for name in SUMS},
            "open_at_risk": format_major(sums["open_at_risk"], unit), "uplift": format_major(sums["uplift"], unit),
            "base": format_major(sums["base"], unit), "expansion": format_major(sums["expansion"], unit), "renewal_rate": rate(sums.renewal_rate),
            "gross_retention": rate(sums.gross_retention), "net_retention": rate(sums.net_retention), "currency": unit,
        }  # fmt: skip


def renewals(
    *,
    by: Actor,
    as_of: When = None,
    period: str | Period | None = None,
    by_dim: str = "all",
    ahead: int = AHEAD,
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    node: str | None = None,
) -> Renewals:
    """What is available to renew in a period and the following ones, and what became of it, within what the actor may see."""
    if by_dim not in GROUPS:
        raise Invalid(f"Renewals are not grouped by {by_dim!r}.", mend=f"Use {', '.join(GROUPS)}.")
    on, ask, nodes = _asked(by, as_of, period, org, rates, currency, node)
    policy = reading.policy_in_force()
    over = reading.windows(ask.period, ahead, ask.day, policy)
    found = [one for one in reading.contracts(on, ask, over, policy) if nodes is None or one.row["place"] in nodes]
    base = [one for one in reading.bases(on, ask, over, policy) if nodes is None or one["place"] in nodes]
    key = _key(by_dim)
    groups = summed(
        found,
        lambda one: (one.row["period"], key(one.row)),
        [((one["period"], key(one)), one["base_minor"], one["expansion_minor"]) for one in base],
    )
    totals = summed(
        found, lambda one: (one.row["period"], ""), [((one["period"], ""), one["base_minor"], one["expansion_minor"]) for one in base]
    )
    evergreen = sum(1 for row in on.rows("contracts") if row["end_date"] is None) if nodes is None else 0
    whole = {at[0]: sums for at, sums in totals.items()}
    return Renewals(ask, over, by_dim, groups, whole, seat_names(on, ask) if by_dim == "owner" else {}, policy, evergreen)


def _key(by_dim: str) -> Callable[[Mapping[str, Any]], str]:
    if by_dim == "all":
        return lambda _: ""
    name = {"owner": "place"}.get(by_dim, by_dim)
    return lambda row: str(row[name] or "none")


def _asked(
    by: Actor, as_of: When, period: str | Period | None, org: str, rates: str, currency: str, node: str | None
) -> tuple[Ground, Ask, frozenset[str] | None]:
    """The question and the seats that the answer is made of; None for everything."""
    on = ground()
    ask = ask_for(on, as_of=as_of, period=period, org=org, rates=rates, currency=currency)
    seen = seen_by(by, ask, on)
    nodes = visible_nodes(organisation(on, ask).tree, seen, node)
    return on, ask, None if seen.everything and not node else nodes


@dataclass(frozen=True)
class ContractPage:
    """Contracts behind a number: what became of each, largest first, with the sum over all."""

    rows: Sequence[Decided]
    count: int
    total_minor: int
    ask: Ask
    part: str


def contracts_behind(
    *,
    by: Actor,
    part: str = "atr",
    as_of: When = None,
    period: str | Period | None = None,
    group: tuple[str, str] | None = None,
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    node: str | None = None,
    skip: int = 0,
    take: int = 50,
) -> ContractPage:
    """The contracts behind a number of one period: of an outcome, downgraded, at risk, without a deal, or all; of one group where given."""
    if part not in PARTS:
        raise Invalid(f"There is no number {part!r}.", mend=f"Use {', '.join(PARTS)}.")
    on, ask, nodes = _asked(by, as_of, period, org, rates, currency, node)
    policy = reading.policy_in_force()
    found = reading.contracts(on, ask, reading.windows(ask.period, 0, ask.day, policy), policy)
    key = _key(group[0]) if group else None
    chosen = [
        one
        for one in found
        if (nodes is None or one.row["place"] in nodes) and _is(one, part) and (group is None or key is None or key(one.row) == group[1])
    ]
    chosen.sort(key=lambda one: (-amount_of(one, part), one.row["contract_id"]))
    return ContractPage(chosen[skip : skip + take], len(chosen), sum(amount_of(one, part) for one in chosen), ask, part)


def _is(one: Decided, part: str) -> bool:
    if part == "atr":
        return True
    if part == "downgraded":
        return one.downgraded_minor > 0
    if part == "open_at_risk":
        return one.at_risk_minor > 0
    if part == "without_deal":
        return one.row["opportunity_id"] is None
    return one.outcome == part


def amount_of(one: Decided, part: str) -> int:
    """What of a contract counts in a number."""
    if part == "downgraded":
        return one.downgraded_minor
    if part == "open_at_risk":
        return one.at_risk_minor
    if part in ("early", "on_time", "late", "auto_renewed"):
        return one.kept_minor
    return one.atr_minor


def contract_rows(page: ContractPage) -> list[dict[str, Any]]:
    """The contracts as the contract of the commands has them."""
    unit = page.ask.currency

    def day(value: date | None) -> str:
        return "" if value is None else value.isoformat()

    return [
        {
            "contract": one.row["contract_id"], "account": one.row["account_name"] or "", "end": day(one.row["end_date"]),
            "notice_by": day(one.row["notice_by"]), "auto_renew": "yes" if one.row["auto_renew"] else "no", "outcome": one.outcome,
            "atr": format_major(one.atr_minor, unit), "kept": format_major(one.kept_minor, unit),
            "downgraded": format_major(one.downgraded_minor, unit), "uplift": format_major(one.uplift_minor, unit),
            "at_risk": format_major(one.at_risk_minor, unit), "decided_on": day(one.decided_on), "deal": one.row["opportunity_id"] or "",
            "category": (one.row["forecast_category"] or "") if one.row["opportunity_id"] else "", "reasons": "; ".join(one.reasons),
        }
        for one in page.rows
    ]  # fmt: skip

"""What became of each contract whose term ends, what is at risk and why, and the sums of a period. Pure values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from closedwon.forecast.renewals.policy import RenewalsPolicy

OUTCOMES = ("early", "on_time", "late", "auto_renewed", "churned", "open")
"""What a contract has come to: renewed early, on time, late or by itself; churned; or not decided yet."""
NEAR = 120
"""From so many days before the end on, silence is a risk."""


@dataclass(frozen=True)
class Decided:
    """A contract with what became of it, in minor units of the asked currency.

    `kept_minor` is what of the available to renew goes on, `downgraded_minor` what was given up, `uplift_minor` what came on top.
    `at_risk_minor` is the part of an open contract that the reasons put at risk. `decided_on` is None while it is open.
    """

    row: Mapping[str, Any]
    outcome: str
    atr_minor: int
    kept_minor: int = 0
    uplift_minor: int = 0
    at_risk_minor: int = 0
    reasons: tuple[str, ...] = ()
    decided_on: date | None = None

    @property
    def downgraded_minor(self) -> int:
        """What a renewal gave up of the available to renew."""
        return self.atr_minor - self.kept_minor if self.outcome not in ("open", "churned") else 0


def decided(policy: RenewalsPolicy, row: Mapping[str, Any], day: date) -> Decided:
    """What became of a contract by the close of a day."""
    atr, end = int(row.get("atr_minor") or 0), row["end_date"]
    grace = end + timedelta(days=policy.grace_days)
    status, new = row.get("status"), row.get("deal_minor")
    followed = row.get("followed_on")
    if status == "won" and (new is None or new > 0):
        on = row.get("close_date") or end
        timing = "early" if row.get("starts") and on < row["starts"] else "on_time" if on <= grace else "late"
        return _kept(row, timing, atr, atr if new is None else int(new), on)
    if followed is not None:
        worth = row.get("followed_minor")
        timing = "auto_renewed" if row.get("auto_renew") else "on_time" if followed <= grace + timedelta(days=1) else "late"
        return _kept(row, timing, atr, atr if worth is None else int(worth), followed)
    if status in ("lost", "won") or row.get("is_cancelled"):
        return Decided(row, "churned", atr, decided_on=(row.get("close_date") if status else None) or end)
    if row.get("auto_renew") and status is None and end < day:
        return _kept(row, "auto_renewed", atr, atr, end)
    if status is None and end + timedelta(days=policy.lapse_days) < day:
        return Decided(row, "churned", atr, decided_on=end + timedelta(days=policy.lapse_days))
    reasons, amount = risk(policy, row, day, atr)
    return Decided(row, "open", atr, at_risk_minor=amount, reasons=reasons)


def _kept(row: Mapping[str, Any], outcome: str, atr: int, new: int, on: date) -> Decided:
    if new <= 0:
        return Decided(row, "churned", atr, decided_on=on)
    return Decided(row, outcome, atr, kept_minor=min(atr, new), uplift_minor=max(0, new - atr), decided_on=on)


def risk(policy: RenewalsPolicy, row: Mapping[str, Any], day: date, atr: int) -> tuple[tuple[str, ...], int]:
    """Why an open contract is at risk, and how much of it: all, or only what a smaller deal gives up. No reason, nothing at risk."""
    rule, end, made = policy.risk, row["end_date"], []
    left = (end - day).days
    has_deal = row.get("status") is not None
    if end < day:
        made.append(f"ended {_days(-left)} ago, not decided")
    if rule.no_deal_days and not has_deal and not row.get("auto_renew") and left <= rule.no_deal_days:
        made.append(f"no deal, {_days(max(0, left))} before the end")
    notice = row.get("notice_by")
    sure = row.get("forecast_category") == "commit"
    if rule.notice_days and notice is not None and end >= day and not sure:
        ahead = (notice - day).days
        if has_deal and 0 <= ahead <= rule.notice_days:
            made.append(f"notice possible until {notice.isoformat()}")
    if has_deal and row.get("forecast_category") == "omitted":
        made.append("left out of the forecast")
    touched = row.get("last_touch")
    if rule.quiet_days and has_deal and touched is not None and left <= NEAR and (day - touched).days >= rule.quiet_days:
        made.append(f"nobody in touch for {_days((day - touched).days)}")
    if rule.pushes and int(row.get("push_count") or 0) >= rule.pushes:
        made.append(f"pushed {int(row['push_count'])} times")
    closes = row.get("close_date")
    if has_deal and closes is not None and closes > end + timedelta(days=policy.grace_days):
        made.append(f"expected {_days((closes - end).days)} after the end")
    given_up = atr - int(row["deal_minor"]) if has_deal and row.get("deal_minor") is not None else 0
    smaller = atr > 0 and rule.smaller > 0 and given_up * 1_000_000 >= atr * rule.smaller
    amount = atr if made else given_up if smaller else 0
    if smaller:
        made.append(f"smaller by {given_up * 100 // atr} %")
    return tuple(made), amount


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"


SUMS = ("atr", "early", "on_time", "late", "auto_renewed", "downgraded", "churned", "open")
"""`atr` is the sum of the others."""


@dataclass
class Sums:
    """The sums of some contracts in minor units: atr = early + on_time + late + auto_renewed + downgraded + churned + open.

    `open_at_risk` is a part of open; `uplift` comes on top; `base` is the ARR in force when the period began, `expansion` what its contracts
    won on top in the period.
    """

    contracts: int = 0
    without_deal: int = 0
    amounts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*SUMS, "open_at_risk", "uplift", "base", "expansion"), 0))

    def __getitem__(self, name: str) -> int:
        return self.amounts[name]

    def add(self, one: Decided) -> None:
        """Count a contract."""
        self.contracts += 1
        self.without_deal += one.row.get("opportunity_id") is None
        parts = {"atr": one.atr_minor, "uplift": one.uplift_minor, "open_at_risk": one.at_risk_minor, "downgraded": one.downgraded_minor}
        parts[one.outcome] = one.atr_minor if one.outcome in ("open", "churned") else one.kept_minor
        for name, amount in parts.items():
            self.amounts[name] += amount

    def add_base(self, base: int, expansion: int) -> None:
        """Count ARR in force when the period began."""
        self.amounts["base"] += base
        self.amounts["expansion"] += expansion

    @property
    def kept(self) -> int:
        """What of the available to renew goes on."""
        return self["early"] + self["on_time"] + self["late"] + self["auto_renewed"]

    @property
    def renewal_rate(self) -> float | None:
        """Kept of what is decided: kept ÷ (kept + downgraded + churned)."""
        below = self.kept + self["downgraded"] + self["churned"]
        return self.kept / below if below else None

    @property
    def gross_retention(self) -> float | None:
        """(base − downgraded − churned) ÷ base."""
        return (self["base"] - self["downgraded"] - self["churned"]) / self["base"] if self["base"] > 0 else None

    @property
    def net_retention(self) -> float | None:
        """(base + uplift + expansion − downgraded − churned) ÷ base."""
        top = self["base"] + self["uplift"] + self["expansion"] - self["downgraded"] - self["churned"]
        return top / self["base"] if self["base"] > 0 else None


def summed(
    found: Iterable[Decided], key: Callable[[Decided], tuple[str, str]], bases: Sequence[tuple[tuple[str, str], int, int]] = ()
) -> dict[tuple[str, str], Sums]:
    """Sums by (period, group), in order of the keys. `bases` are ARR in force and expansions by the same keys."""
    made: dict[tuple[str, str], Sums] = {}
    for one in found:
        made.setdefault(key(one), Sums()).add(one)
    for at, base, expansion in bases:
        made.setdefault(at, Sums()).add_base(base, expansion)
    return {at: made[at] for at in sorted(made)}

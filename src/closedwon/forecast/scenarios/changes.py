"""What a scenario changes, as plain checked values. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from closedwon.base.errors import Invalid

KINDS = {
    "remove": "a deal or contract is lost",
    "delay": "a deal comes later",
    "probability": "a deal's chance is another one",
    "conversion": "open deals, or those of one stage, are won more or less often",
    "new_business": "more or fewer deals are born",
    "coverage": "more or less open pipeline of the same quality",
    "hire": "people start, or leave, on a day",
}
MOST = 200
"""How many changes a scenario may have."""
BIGGEST = "biggest"
"""Instead of a deal's id: the largest open deal whose close date lies in the period."""


@dataclass(frozen=True)
class Change:
    """One change: of which kind, of which deal or stage, to what. `factor` and `chance` are shares of one."""

    kind: str
    subject: str = ""
    factor: float = 1.0
    chance: float = 0.0
    on: date | None = None
    count: int = 0
    ramp_days: int = 180

    def plain(self) -> dict[str, Any]:
        """As it is stored."""
        made: dict[str, Any] = {"kind": self.kind}
        if self.subject:
            made["subject"] = self.subject
        if self.kind in ("conversion", "new_business", "coverage"):
            made["factor"] = f"{self.factor:.4f}"
        if self.kind == "probability":
            made["chance"] = f"{self.chance:.4f}"
        if self.on is not None:
            made["on"] = self.on.isoformat()
        if self.kind == "hire":
            made |= {"count": self.count, "ramp_days": self.ramp_days}
        return made

    def words(self, names: Mapping[str, str]) -> str:
        """In words; `names` are those of deals and contracts."""
        who = names.get(self.subject, self.subject)
        if self.kind == "remove":
            return f"Lose {who}"
        if self.kind == "delay":
            return f"{who} comes on {self.on}"
        if self.kind == "probability":
            return f"{who} at {self.chance:.0%}"
        if self.kind == "conversion":
            return f"Winning {'in ' + self.subject + ' ' if self.subject else ''}at {self.factor:.0%} of the usual rate"
        if self.kind == "new_business":
            return f"New business at {self.factor:.0%}"
        if self.kind == "coverage":
            return f"Open pipeline at {self.factor:.0%}"
        people = f"{abs(self.count)} {'person' if abs(self.count) == 1 else 'people'}"
        if self.count < 0:
            return f"{people} fewer from {self.on}"
        return f"{people} more from {self.on}, ramped in {self.ramp_days} days"


def read(rows: Sequence[Mapping[str, Any]]) -> tuple[Change, ...]:
    """Changes from plain values. Raises Invalid with the place of the first mistake."""
    if not isinstance(rows, Sequence) or isinstance(rows, str) or len(rows) > MOST:
        raise Invalid("A scenario is a list of changes.", mend=f"Give up to {MOST} changes.")
    return tuple(_one(row, at) for at, row in enumerate(rows, start=1))


def _one(row: Mapping[str, Any], at: int) -> Change:
    if not isinstance(row, Mapping):
        raise Invalid(f"Change {at} is no set of words.", mend='Write it as {"kind": "remove", "subject": "OPP-1"}.')
    kind = str(row.get("kind") or "")
    if kind not in KINDS:
        raise Invalid(f"Change {at}: there is no change {kind!r}.", mend=f"Use one of: {', '.join(KINDS)}.")
    strange = sorted(set(row) - {"kind", "subject", "factor", "chance", "on", "count", "ramp_days"})
    if strange:
        raise Invalid(f"Change {at} has no {strange[0]!r}.", mend="It has: kind, subject, factor, chance, on, count, ramp_days.")
    subject = str(row.get("subject") or "").strip()
    if kind in ("remove", "delay", "probability") and not subject:
        raise Invalid(f"Change {at} ({kind}) needs a deal.", mend=f"Name its id, or {BIGGEST!r}.")
    made = Change(
        kind, subject, _number(row.get("factor", 1), at, "factor", 0, 10), _number(row.get("chance", 0), at, "chance", 0, 1), _day(row.get("on"), at),
        int(_number(row.get("count", 0), at, "count", -10_000, 10_000)), int(_number(row.get("ramp_days", 180), at, "ramp_days", 0, 1000)),
    )  # fmt: skip
    if kind in ("delay", "hire") and made.on is None:
        raise Invalid(f"Change {at} ({kind}) needs a day.", mend="Write on as 2027-02-15.")
    if kind == "hire" and not made.count:
        raise Invalid(f"Change {at} ({kind}) needs a number of people.", mend="Write count as 3, or as -1 for somebody who leaves.")
    return made


def _number(value: Any, at: int, name: str, low: float, high: float) -> float:
    try:
        text = str(value).strip()
        number = Decimal(text.rstrip("% ")) / (100 if text.endswith("%") else 1)
    except InvalidOperation as error:
        raise Invalid(f"Change {at}: {value!r} is no number.", mend=f"Write {name} as 0.8 or 80%.") from error
    if not number.is_finite() or not low <= number <= high:
        raise Invalid(f"Change {at}: {name} {value} is out of range.", mend=f"Give {low:g} to {high:g}.")
    return float(number)


def _day(value: Any, at: int) -> date | None:
    if value in (None, ""):
        return None
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise Invalid(f"Change {at}: {value!r} is no day.", mend="Write a day such as 2027-02-15.") from error


def from_words(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Changes from the short words of an address, as in `remove:OPP-1`, `delay:OPP-1=2027-02-15`, `conversion:4-Proposal=90%`, `hire:3@2027-01-01`."""
    made: list[dict[str, Any]] = []
    for text in texts[: MOST + 1]:
        kind, _, rest = text.partition(":")
        subject, _, value = rest.rpartition("=")
        if kind == "remove":
            made.append({"kind": kind, "subject": rest})
        elif kind == "delay":
            made.append({"kind": kind, "subject": subject, "on": value})
        elif kind == "probability":
            made.append({"kind": kind, "subject": subject, "chance": value})
        elif kind == "hire":
            count, _, day = rest.partition("@")
            made.append({"kind": kind, "count": count, "on": day})
        else:
            made.append({"kind": kind, "subject": subject, "factor": value or rest})
    return made


def to_words(change: Mapping[str, Any]) -> str:
    """A change as the short words of an address."""
    kind, subject = str(change["kind"]), str(change.get("subject") or "")
    if kind == "remove":
        return f"{kind}:{subject}"
    if kind == "hire":
        return f"{kind}:{change['count']}@{change['on']}"
    value = change.get("on") or change.get("chance") or change.get("factor")
    return f"{kind}:{subject}={value}" if subject else f"{kind}:{value}"

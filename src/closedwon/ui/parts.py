"""The small values that components show: tiles, bullet bars, events of a timeline, changes of a diff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from closedwon.ui import format as fmt


@dataclass(frozen=True)
class Tile:
    """A number on a tile: its label, the number as text, and a small line with a tone ("up", "down", "warn" or nothing).

    `href` opens the number: its definition, filters and rows.
    """

    label: str
    value: str
    small: str = ""
    tone: str = ""
    href: str = ""
    hint: str = ""

    @classmethod
    def money(
        cls, label: str, minor: int | None, currency: str = "", *, change: int | None = None, since: str = "", small: str = "", **more: Any
    ) -> Tile:
        """A tile of an amount in minor units, with its change where one is known."""
        tone = str(more.pop("tone", ""))
        if change is not None:
            arrow, text, tone = fmt.change(change, currency)
            small = f"{arrow} {text} {since}".strip() if arrow else text
        return cls(label, fmt.compact(minor, currency), small, tone, **more)


@dataclass(frozen=True)
class Step:
    """One part of a bullet bar: everything from 0 to `value`; kind is "won", "commit", "likely" or "best"."""

    label: str
    value: int
    kind: str
    text: str = ""


@dataclass(frozen=True)
class Mark:
    """A mark on a bullet bar at `value`, as last week's commit or the machine's number; `low` and `high` draw its interval."""

    label: str
    value: int
    text: str = ""
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True)
class Bullet:
    """A bullet bar: steps from the smallest up against a target, in minor units of one currency."""

    steps: Sequence[Step]
    target: int | None = None
    target_label: str = "quota"
    marks: Sequence[Mark] = field(default_factory=tuple)
    currency: str = ""

    @property
    def top(self) -> int:
        """What the full width stands for."""
        highs = [mark.high or mark.value for mark in self.marks]
        return max([step.value for step in self.steps] + highs + [self.target or 0, 1]) * 114 // 100

    def _at(self, value: int) -> str:
        return f"{max(0, min(value, self.top)) * 100 / self.top:.2f}"

    @property
    def drawn(self) -> list[dict[str, Any]]:
        """The steps from the widest to the narrowest, so that the narrower lie on top; those too narrow for words carry none."""
        made = []
        before = 0
        for step in sorted(self.steps, key=lambda one: one.value):
            room = (step.value - before) * 100 / self.top
            text = step.text or fmt.compact(step.value, self.currency)
            made.append(
                {"step": step, "width": self._at(step.value), "text": text, "named": room > 13, "first": before == 0, "outside": False}
            )
            before = max(before, step.value)
        if made:
            made[-1] |= {"named": False, "outside": True}
        return made[::-1]

    @property
    def target_at(self) -> str:
        """Where the target stands, in per cent."""
        return self._at(self.target or 0)

    @property
    def target_text(self) -> str:
        """The target in short."""
        return fmt.compact(self.target, self.currency)

    @property
    def placed(self) -> list[dict[str, Any]]:
        """The marks with their places in per cent."""
        made: list[dict[str, Any]] = []
        for mark in sorted(self.marks, key=lambda one: one.value):
            near = bool(made) and not made[-1]["low"] and float(self._at(mark.value)) - float(made[-1]["at"]) < 18
            one: dict[str, Any] = {
                "mark": mark,
                "at": self._at(mark.value),
                "text": mark.text or fmt.compact(mark.value, self.currency),
                "low": near,
            }
            if mark.low is not None and mark.high is not None:
                one |= {"from": self._at(mark.low), "width": f"{float(self._at(mark.high)) - float(self._at(mark.low)):.2f}"}
            made.append(one)
        return made

    @property
    def words(self) -> str:
        """The bar in one sentence, for screen readers."""
        said = [f"{step.label} {fmt.compact(step.value, self.currency)}" for step in self.steps]
        said += [f"{mark.label} {fmt.compact(mark.value, self.currency)}" for mark in self.marks]
        goal = f", against {self.target_label} {self.target_text}" if self.target is not None else ""
        return ", ".join(said) + goal


@dataclass(frozen=True)
class Event:
    """One event of a timeline: when, who, what; `detail` is a second line; tone colours the dot."""

    at: Any
    what: str
    who: str = ""
    detail: str = ""
    tone: str = ""
    href: str = ""


@dataclass(frozen=True)
class Change:
    """One line of a diff: the row or field, and its value before and after; `problem` says why it cannot be taken."""

    key: str
    column: str
    before: Any
    after: Any
    problem: str = ""

    @property
    def kind(self) -> str:
        """Whether something is added, removed or changed."""
        if self.problem:
            return "problem"
        if self.before in (None, ""):
            return "added"
        return "removed" if self.after in (None, "") else "changed"

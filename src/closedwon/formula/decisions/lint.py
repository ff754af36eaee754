"""What a machine can find in a decision table: gaps, overlaps, subsumed and unreachable rows, cliffs, and broken monotonicity.

Each input's values are cut into regions at the ends that the cells mention: points and open intervals for ordered kinds, each mentioned
value and "anything else" for the others, and null where the input may be null. Within a region every cell is either true or false, so
a check over regions is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from closedwon.formula.decisions import values
from closedwon.formula.decisions.cells import Compare, Equals, Item, Range, Test
from closedwon.formula.decisions.table import DecisionTable, Input, Row
from closedwon.formula.decisions.values import ORDERED

Finding = Literal["gap", "overlap", "subsumed", "unreachable", "cliff", "not monotone"]
LIMIT = 50
BUDGET = 200_000


@dataclass(frozen=True)
class Lint:
    """One finding: what, an error or a warning, the rows it is about, and a sentence that says it with an example.

    `cell` is the column of the first of these rows that it is about, inputs first, counted from 0; None where it is about the whole row.
    """

    finding: Finding
    level: Literal["error", "warning"]
    rows: tuple[int, ...]
    message: str
    cell: int | None = None


@dataclass(frozen=True)
class _Region:
    """A set of values of one input on which every cell is constant; `sample` is one of them, or marks the region for `hit`."""

    text: str
    point: Any
    above: Any = None
    below: Any = None
    other: bool = False
    null: bool = False


def lint(table: DecisionTable) -> list[Lint]:
    """Every finding, errors first; at most a few dozen of each kind, with a note when there are more."""
    grid = _Grid(table)
    found = [*grid.gaps(), *grid.pairs(), *grid.unreachable(), *grid.steps()]
    return sorted(found, key=lambda item: (item.level != "error", item.finding, item.rows))


def never_together(table: DecisionTable) -> bool:
    """Whether no two rows can hit for any record, a null or an undeclared value included; a very large table is not looked through."""
    if len(table.rows) > 1000:
        return False
    open_inputs = tuple(replace(column, values=(), nullable=True) for column in table.inputs)
    return _Grid(replace(table, inputs=open_inputs)).are_apart()


class _Grid:
    """A table with its inputs cut into regions and each row as one bit set per input."""

    def __init__(self, table: DecisionTable) -> None:
        self.table = table
        self.regions = [_cut(column, table, at) for at, column in enumerate(table.inputs)]
        self.masks = [
            [sum(1 << n for n, region in enumerate(regions) if _covers(row.tests[at], region)) for at, regions in enumerate(self.regions)]
            for row in table.rows
        ]
        self.spent = 0

    def gaps(self) -> Iterator[Lint]:
        """Boxes of values that no row covers, where the table has no default and wants an answer."""
        if self.table.has_default or self.table.hit in {"COLLECT", "RULE ORDER", "OUTPUT ORDER"}:
            return
        boxes = self._uncovered(frozenset(range(len(self.masks))), 0, {})
        for box in boxes[:LIMIT]:
            yield Lint("gap", "error", (), f"no row covers {self._box_text(box)}")
        if len(boxes) > LIMIT:
            yield Lint("gap", "error", (), f"{len(boxes) - LIMIT} more gaps")
        if self.spent > BUDGET:
            yield Lint("gap", "warning", (), "the table is too large to look for every gap; split it")

    def _uncovered(self, active: frozenset[int], at: int, memo: dict[Any, list[tuple[int, ...]]]) -> list[tuple[int, ...]]:
        """Uncovered boxes from input `at` on, each a bit set per input; regions with the same rows are taken together."""
        if at == len(self.regions):
            return [] if active else [()]
        key = (active, at)
        if key in memo:
            return memo[key]
        self.spent += len(self.regions[at])
        if self.spent > BUDGET:
            return []
        groups: dict[frozenset[int], int] = {}
        for n in range(len(self.regions[at])):
            rows = frozenset(row for row in active if self.masks[row][at] >> n & 1)
            groups[rows] = groups.get(rows, 0) | 1 << n
        memo[key] = [(mask, *rest) for rows, mask in groups.items() for rest in self._uncovered(rows, at + 1, memo)][: LIMIT * 20]
        return memo[key]

    def _box_text(self, box: tuple[int, ...]) -> str:
        parts = []
        for column, regions, mask in zip(self.table.inputs, self.regions, box, strict=True):
            if mask != (1 << len(regions)) - 1:
                parts.append(f"{column.name} {_span_text(regions, mask)}")
        return " and ".join(parts) or "anything"

    def pairs(self) -> Iterator[Lint]:
        """Rows that overlap where the hit policy forbids it, and rows wholly inside an equal one."""
        count = 0
        for one, two in self._overlapping():
            first, second = self.table.rows[one], self.table.rows[two]
            example = self._box_text(tuple(a & b for a, b in zip(self.masks[one], self.masks[two], strict=True)))
            differ = first.outputs != second.outputs
            if self.table.hit == "UNIQUE" or (self.table.hit == "ANY" and differ):
                count += 1
                if count <= LIMIT:
                    yield Lint(
                        "overlap", "error", (first.number, second.number), f"rows {first.number} and {second.number} both hit for {example}"
                    )
            elif not differ:
                yield from self._subsumed(one, two)
        if count > LIMIT:
            yield Lint("overlap", "error", (), f"{count - LIMIT} more overlaps")

    def _subsumed(self, one: int, two: int) -> Iterator[Lint]:
        for small, large in ((one, two), (two, one)):
            if all(a & ~b == 0 for a, b in zip(self.masks[small], self.masks[large], strict=True)):
                inner, outer = self.table.rows[small].number, self.table.rows[large].number
                yield Lint("subsumed", "warning", (inner, outer), f"row {inner} says nothing that row {outer} does not say already")
                return

    def _overlapping(self) -> Iterator[tuple[int, int]]:
        for one in range(len(self.masks)):
            for two in range(one + 1, len(self.masks)):
                if all(a & b for a, b in zip(self.masks[one], self.masks[two], strict=True)):
                    yield one, two

    def are_apart(self) -> bool:
        """Whether no two rows overlap."""
        return next(self._overlapping(), None) is None

    def unreachable(self) -> Iterator[Lint]:
        """Rows that can never decide: no value meets their tests, or earlier rows take everything under FIRST or PRIORITY."""
        ordered = sorted(range(len(self.masks)), key=lambda n: self.table.priority(self.table.rows[n]))
        order = ordered if self.table.hit == "PRIORITY" else list(range(len(self.masks)))
        for place, at in enumerate(order):
            row = self.table.rows[at]
            if not all(self.masks[at]):
                yield Lint(
                    "unreachable",
                    "error",
                    (row.number,),
                    f"row {row.number} can never hit: no value meets all its tests",
                    self.masks[at].index(0),
                )
            elif self.table.hit in {"FIRST", "PRIORITY"} and self._hidden(at, order[:place]):
                yield Lint("unreachable", "error", (row.number,), f"row {row.number} never decides: the rows before it take all its values")

    def _hidden(self, at: int, before: list[int]) -> bool:
        inside = [[mask & own for mask, own in zip(self.masks[row], self.masks[at], strict=True)] for row in before]
        return self._covered(self.masks[at], [masks for masks in inside if all(masks)], 0)

    def _covered(self, box: list[int], rows: list[list[int]], at: int) -> bool:
        if at == len(box):
            return bool(rows)
        if not rows:
            return False
        self.spent += 1
        if self.spent > BUDGET:
            return False
        groups = {frozenset(n for n, masks in enumerate(rows) if masks[at] >> bit & 1) for bit in _bits(box[at])}
        return all(self._covered(box, [rows[n] for n in sorted(group)], at + 1) for group in groups)

    def steps(self) -> Iterator[Lint]:
        """Where a declared direction is broken, and cliffs: a step that skips a declared value between neighbouring regions."""
        for out, column in enumerate(self.table.outputs):
            for name, direction in column.monotone.items():
                at = next((n for n, given in enumerate(self.table.inputs) if given.name == name), None)
                if at is not None:
                    yield from self._steps_along(at, out, direction)

    def _steps_along(self, at: int, out: int, direction: str) -> Iterator[Lint]:
        column, given = self.table.outputs[out], self.table.inputs[at]
        seen: set[tuple[int | None, int | None]] = set()
        for line in self._lines(at):
            decided = [self._decide((*line[:at], n, *line[at + 1 :])) for n in range(len(self.regions[at])) if not self.regions[at][n].null]
            for n, (one, two) in enumerate(pairwise(decided)):
                if one is None or two is None or one is two or (one.number, two.number) in seen:
                    continue
                seen.add((one.number, two.number))
                here, there = self._rank(out, one), self._rank(out, two)
                step = (there - here) if direction == "up" else (here - there)
                where = f"{given.name} going from {self.regions[at][n].text} to {self.regions[at][n + 1].text}"
                shown = f"{values.show(one.outputs[out], column.kind)} to {values.show(two.outputs[out], column.kind)}"
                cell = len(self.table.inputs) + out
                if step < 0:
                    yield Lint("not monotone", "error", (one.number, two.number), f"{column.name} falls from {shown} with {where}", cell)
                elif column.values and step > 1:
                    yield Lint("cliff", "warning", (one.number, two.number), f"{column.name} jumps from {shown} with {where}", cell)

    def _rank(self, out: int, row: Row) -> Any:
        column, value = self.table.outputs[out], row.outputs[out]
        if column.values:  # most important first: a more important value is the higher one
            return len(column.values) - (column.values.index(value) if value in column.values else len(column.values))
        return value

    def _lines(self, at: int) -> Iterator[tuple[int, ...]]:
        """One representative for each combination of the other inputs' regions, within the budget."""

        def walk(n: int) -> Iterator[tuple[int, ...]]:
            if n == len(self.regions):
                yield ()
                return
            for region in range(1 if n == at else len(self.regions[n])):
                for rest in walk(n + 1):
                    yield (region, *rest)

        for count, line in enumerate(walk(0)):
            if count > 2000:
                return
            yield line

    def _decide(self, box: tuple[int, ...]) -> Row | None:
        found = [n for n, masks in enumerate(self.masks) if all(mask >> region & 1 for mask, region in zip(masks, box, strict=True))]
        rows = [self.table.rows[n] for n in found]
        return min(rows, key=self.table.priority) if rows and self.table.hit == "PRIORITY" else rows[0] if rows else None


def _bits(mask: int) -> Iterator[int]:
    n = 0
    while mask:
        if mask & 1:
            yield n
        mask >>= 1
        n += 1


def _cut(column: Input, table: DecisionTable, at: int) -> list[_Region]:
    """The regions of one input: the mentioned ends and what lies between them, null last where it is allowed or mentioned."""
    ends: set[Any] = set(column.values)
    null = column.nullable
    for row in table.rows:
        for item in row.tests[at].items:
            if isinstance(item, Equals):
                null = null or item.value is None
                ends |= {item.value} - {None}
            elif isinstance(item, Compare):
                ends.add(item.value)
            else:
                ends |= {item.low, item.high}
    made: list[_Region] = []
    if column.kind in ORDERED and not column.values:
        made = _intervals(sorted(ends), column)
    else:
        made = [_Region(values.show(value, column.kind), value) for value in sorted(ends, key=str)]
        whole = {True, False} <= ends if column.kind == "yesno" else bool(column.values)
        if not whole:
            made.append(_Region("any other value" if ends else "anything", None, other=True))
    if null:
        made.append(_Region("null", None, null=True))
    return made


def _intervals(points: list[Any], column: Input) -> list[_Region]:
    """The open intervals and the points that the ends cut an ordered input into."""
    if not points:
        return [_Region("anything", None, other=True)]
    made: list[_Region] = []
    before, before_text = None, ""
    for point in points:
        text = values.show(point, column.kind)
        between = f"below {text}" if before is None else f"between {before_text} and {text}"
        made += [_Region(between, None, above=before, below=point), _Region(f"exactly {text}", point)]
        before, before_text = point, text
    return [*made, _Region(f"above {before_text}", None, above=before)]


def _covers(test: Test, region: _Region) -> bool:
    """Whether a cell is true on a region."""
    if test.anything:
        return True
    if region.null or region.point is not None:
        return bool(test.match(None if region.null else region.point) is True)
    hit = any(_item_covers(item, region) for item in test.items)
    return bool(hit != test.negated)


def _item_covers(item: Item, region: _Region) -> bool:
    """Whether an item is true on an open interval or on "anything else", where ends lie outside by construction."""
    if region.other or isinstance(item, Equals):
        return False
    if isinstance(item, Range):
        return bool(region.above is not None and region.below is not None and region.above >= item.low and region.below <= item.high)
    if item.op in {"<", "<="}:
        return region.below is not None and bool(region.below <= item.value)
    return region.above is not None and bool(region.above >= item.value)


def _span_text(regions: list[_Region], mask: int) -> str:
    texts = [regions[n].text for n in _bits(mask)]
    return texts[0] if len(texts) == 1 else "one of: " + ", ".join(texts[:4]) + (", …" if len(texts) > 4 else "")

"""The interpreter: one record, exact, and able to tell every value on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from closedwon.formula.functions_text import LONG, LONGEST, number_like
from closedwon.formula.nodes import Fault, Node
from closedwon.formula.types import MOST, QUOTIENT_SCALE, WIDE, Type

ZERO = "division by zero"
OVERFLOW = "the number has more than 38 digits"
NO_NUMBER = "the text is no number"
NOT_WHOLE = "the exponent is not a whole number"
CHUNK = 6
"""The fewest zeros that long division puts behind a rest at once: so a divisor of more than 32 digits is refused."""
COUNT_LIMIT, INT_LIMIT = 10**9, 10**18


def fits(value: int, kind: Type) -> int:
    """The value, where it has no more digits than its type. Raises Fault."""
    limit: int = 10 ** (kind.whole + kind.scale)
    if abs(value) >= limit:
        raise Fault(OVERFLOW)
    return value


@dataclass(frozen=True)
class Plan:
    """How a quotient is had: by how many places the dividend is moved, and whether all digits fit 128 bits at once, whatever the values.

    Else it is long division, and from `limit` digits on the divisor is refused (None: it never has so many).
    """

    shift: int
    direct: bool
    limit: int | None
    room: int

    def chunks(self, most: int) -> list[int]:
        """How many zeros at a time go behind the rest, each at most so many."""
        size = min(self.room, most)
        count = max(self.shift, 0)
        return [size] * (count // size) + ([count % size] if count % size else [])


def plan(node: Node) -> Plan:
    """How a quotient of these types is had."""
    top, bottom = node.args
    shift = QUOTIENT_SCALE + bottom.type.scale - top.type.scale
    high, low = top.digits + max(shift, 0), bottom.digits + max(-shift, 0)
    direct = high <= MOST - 1 and low <= MOST - 1
    most = MOST if shift <= 0 else MOST - CHUNK
    return Plan(shift, direct, None if direct or low <= most else most, max(shift, 1) if direct else MOST - min(low, MOST - CHUNK))


def quotient(top: int, bottom: int, how: Plan) -> int:
    """Top × 10^shift ÷ bottom, half away from zero. Raises Fault where the divisor is 0 or beyond the limit."""
    if bottom == 0:
        raise Fault(ZERO)
    sign = -1 if (top < 0) != (bottom < 0) else 1
    high, low = abs(top) * 10 ** max(how.shift, 0), abs(bottom) * 10 ** max(-how.shift, 0)
    if how.limit is not None and low >= 10**how.limit:
        raise Fault(OVERFLOW)
    made: int = sign * ((2 * high + low) // (2 * low))
    return made


def round_off(value: int, drop: int, mode: str) -> int:
    """The value with its last `drop` digits rounded to zeros, as a count of 10^drop."""
    if drop <= 0:
        return value
    if drop >= 38:
        if (mode == "up" and value) or (mode == "round" and drop == 38 and abs(value) * 2 >= 10**38):
            raise Fault(OVERFLOW)
        return 0
    size: int = 10**drop
    made, rest = divmod(abs(value), size)
    sign = -1 if value < 0 else 1
    more = {
        "round": rest >= size - rest, "up": rest > 0, "trunc": False, "floor": sign < 0 and rest > 0, "ceil": sign > 0 and rest > 0,
    }[mode]  # fmt: skip
    return sign * (made + more)


def finite(value: float) -> float:
    """The value, where it is a number. Raises Fault."""
    if not math.isfinite(value):
        raise Fault(OVERFLOW)
    return value


class Evaluation:
    """One evaluation of a typed tree for one row (of internal values)."""

    def __init__(self, row: Mapping[str, Any], *, zero: bool, trace: dict[int, Any] | None = None) -> None:
        self.row = row
        self.zero = zero
        self.trace = trace
        self.part: Mapping[str, Any] = {}
        self.known: dict[int, Any] = {}
        self.loops = 0

    def value(self, node: Node) -> Any:
        """The node's value; shared nodes are reckoned once. Raises Fault."""
        op, key = node.op, id(node)
        if op == "lit" and self.trace is None:
            return node.data
        if key in self.known:
            return self.known[key]
        try:
            made = _HOW[op](self, node)
        except Fault as fault:
            if self.trace is not None:
                self.trace[key] = fault
            raise
        if made == "":
            made = None
        if not self.loops:
            self.known[key] = made
        if self.trace is not None:
            self.trace[key] = made
        return made

    def _values(self, node: Node) -> list[Any]:
        return [self.value(arg) for arg in node.args]

    def _lit(self, node: Node) -> Any:
        return node.data

    def _blanked(self, value: Any, kind: Type) -> Any:
        if value is None and kind.numeric and self.zero:
            return 0
        return False if value is None and kind.kind == "yes/no" else value

    def _field(self, node: Node) -> Any:
        return self._blanked(self.row.get(node.data), node.type)

    def _part(self, node: Node) -> Any:
        return self._blanked(self.part.get(node.data), node.type)

    def _as(self, node: Node) -> Any:
        return self.value(node.args[0])

    def _cast(self, node: Node) -> Any:
        value, have, want = self.value(node.args[0]), node.args[0].type, node.type
        if value is None or (have.approx and want.approx):
            return value
        if want.approx:
            return float(value) / float(10**have.scale)
        if have.approx:
            return fits(int(Decimal(repr(value)).scaleb(want.scale, WIDE).to_integral_value(ROUND_HALF_UP)), want)
        return fits(value * 10 ** (want.scale - have.scale), want)

    def _int(self, node: Node) -> Any:
        value = self.value(node.args[0])
        limit = COUNT_LIMIT if node.data == "count" else INT_LIMIT
        return None if value is None else max(min(value, limit), -limit)

    def _neg(self, node: Node) -> Any:
        value = self.value(node.args[0])
        return None if value is None else -value

    def _abs(self, node: Node) -> Any:
        value = self.value(node.args[0])
        return None if value is None else abs(value)

    def _two(self, node: Node) -> tuple[Any, Any] | None:
        left, right = self.value(node.args[0]), self.value(node.args[1])
        return None if left is None or right is None else (left, right)

    def _sized(self, value: Any, node: Node) -> Any:
        return finite(value) if node.type.approx else fits(value, node.type)

    def _add(self, node: Node) -> Any:
        two = self._two(node)
        return two and self._sized(two[0] + two[1], node)

    def _sub(self, node: Node) -> Any:
        two = self._two(node)
        return two and self._sized(two[0] - two[1], node)

    def _mul(self, node: Node) -> Any:
        two = self._two(node)
        return two and self._sized(two[0] * two[1], node)

    def _div(self, node: Node) -> Any:
        two = self._two(node)
        if two is None:
            return None
        if node.type.approx:
            if two[1] == 0:
                raise Fault(ZERO)
            return finite(two[0] / two[1])
        return fits(quotient(*two, plan(node)), node.type)

    def _mod(self, node: Node) -> Any:
        two = self._two(node)
        if two is None:
            return None
        if two[1] == 0:
            raise Fault(ZERO)
        if node.type.approx:
            return math.fmod(*two)
        rest = abs(two[0]) % abs(two[1])
        return -rest if two[0] < 0 else rest

    def _pow(self, node: Node) -> Any:
        two = self._two(node)
        if two is None:
            return None
        if two[1] != math.trunc(two[1]):
            raise Fault(NOT_WHOLE)
        try:
            return finite(math.pow(*two))
        except (OverflowError, ValueError) as error:
            raise Fault(OVERFLOW) from error

    def _round(self, node: Node) -> Any:
        value, (mode, decimals) = self.value(node.args[0]), node.data
        if value is None:
            return None
        made = round_off(value, node.args[0].type.scale - decimals, mode)
        return fits(made * 10 ** max(-decimals, 0), node.type)

    def _roundto(self, node: Node) -> Any:
        two = self._two(node)
        if two is None:
            return None
        drop = node.type.scale - two[1]
        return fits(round_off(two[0], drop, node.data) * 10 ** max(min(drop, 37), 0), node.type)

    def _least(self, node: Node) -> Any:
        values = self._values(node)
        if any(value is None for value in values):
            return None
        return min(values) if node.data == "<" else max(values)

    def _cmp(self, node: Node) -> Any:
        left, right = self._values(node)
        if node.args[0].type.textual and node.data in {"=", "<>"}:
            return (left == right) == (node.data == "=")
        if left is None or right is None:
            return None
        sign = node.data
        return (
            left == right if sign in {"=", "=="} else left != right if sign == "<>" else left < right if sign == "<"
            else left > right if sign == ">" else left <= right if sign == "<=" else left >= right
        )  # fmt: skip

    def _and(self, node: Node) -> Any:
        made: bool | None = True
        for arg in node.args:
            value = self.value(arg)
            if value is False:
                return False
            made = None if value is None else made
        return made

    def _or(self, node: Node) -> Any:
        made: bool | None = False
        for arg in node.args:
            value = self.value(arg)
            if value is True:
                return True
            made = None if value is None else made
        return made

    def _not(self, node: Node) -> Any:
        value = self.value(node.args[0])
        return None if value is None else not value

    def _join(self, node: Node) -> Any:
        made = "".join(value or "" for value in self._values(node))
        if len(made) > LONGEST:
            raise Fault(LONG)
        return made

    def _if(self, node: Node) -> Any:
        return self.value(node.args[1] if self.value(node.args[0]) else node.args[2])

    def _switch(self, node: Node) -> Any:
        for at in range(0, len(node.args) - 1, 2):
            if self.value(node.args[at]):
                return self.value(node.args[at + 1])
        return self.value(node.args[-1])

    def _lookup(self, node: Node) -> Any:
        keys = tuple(self._values(node))
        if any(key is None and not arg.type.textual for key, arg in zip(keys, node.args, strict=True)):
            return None
        return node.data.get(keys)

    def _isblank(self, node: Node) -> Any:
        return self.value(node.args[0]) is None

    def _pass(self, node: Node) -> Any:
        return self._values(node)[1]

    def _iferror(self, node: Node) -> Any:
        try:
            return self.value(node.args[0])
        except Fault:
            return self.value(node.args[1])

    def _value(self, node: Node) -> Any:
        text = self.value(node.args[0])
        if text is None:
            return None
        if not number_like(text):
            raise Fault(NO_NUMBER)
        made = Decimal(text)
        if made and made.adjusted() >= 20:
            raise Fault(OVERFLOW)
        return fits(int(made.scaleb(node.type.scale, WIDE).to_integral_value(ROUND_HALF_UP)), node.type)

    def _show(self, node: Node) -> Any:
        value, scale = self.value(node.args[0]), node.args[0].type.scale
        if value is None:
            return None
        digits = str(abs(value)).rjust(scale + 1, "0")
        cut = len(digits) - scale
        made = f"{digits[:cut]}.{digits[cut:]}".rstrip("0").rstrip(".")
        return f"-{made}" if value < 0 else made

    def _call(self, node: Node) -> Any:
        function, values = node.data, self._values(node)
        if function.strict:
            if any(value is None for value in values):
                return None
        else:
            values = [function.fills[at] if value is None else value for at, value in enumerate(values)]
        return function.run(*values)

    def _agg(self, node: Node) -> Any:
        op, of, test = node.data
        made: list[Any] = []
        self.loops += 1
        for part in self.row.get(node.args[0].data) or []:
            self.part = part
            if test is None or self.value(test):
                made.append(self.value(of) if of else 1)
        self.loops -= 1
        made = [value for value in made if value is not None]
        if op == "COUNT":
            return len(made)
        if op == "SUM":
            return fits(sum(made), node.type)
        return None if not made else min(made) if op == "MIN" else max(made)


_HOW: dict[str, Callable[[Evaluation, Node], Any]] = {
    name.removeprefix("_"): method for name, method in vars(Evaluation).items() if name.startswith("_") and not name.startswith("__")
}

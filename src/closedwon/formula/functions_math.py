"""Functions whose results are approximate: numbers, never money, equal to 12 significant digits on every engine."""

from __future__ import annotations

import math
from collections.abc import Callable

from closedwon.formula.declared import Function
from closedwon.formula.nodes import Fault
from closedwon.formula.types import APPROX

OUTSIDE = "the value is outside what the function takes"
FUNCTIONS: list[Function] = []


def _guarded(function: Callable[..., float], allowed: Callable[..., bool]) -> Callable[..., float]:
    def run(*values: float) -> float:
        if not allowed(*values):
            raise Fault(OUTSIDE)
        try:
            made = function(*values)
        except (ValueError, OverflowError) as error:
            raise Fault(OUTSIDE) from error
        if not math.isfinite(made):
            raise Fault(OUTSIDE)
        return made

    return run


def _add(
    name: str, doc: str, example: str, shows: str, function: Callable[..., float], sql: str, bad: str, ok: Callable[..., bool]
) -> None:
    params = "float value" if "{1}" not in sql else "float y, float x"
    FUNCTIONS.append(
        Function(name, params, "number", doc, example, shows, "Number", _guarded(function, ok), sql, refuse=((bad, OUTSIDE),), type=APPROX),
    )


def _any(*_values: float) -> bool:
    return True


_add("SQRT", "The square root.", "SQRT(9)", "3", math.sqrt, "sqrt({0})", "{0} < 0", lambda x: x >= 0)
_add("EXP", "e to the power of the value.", "EXP(0)", "1", math.exp, "exp({0})", "{0} > 709.78", lambda x: x <= 709.78)
_add("LN", "The natural logarithm.", "LN(1)", "0", math.log, "ln({0})", "{0} <= 0", lambda x: x > 0)
_add("LOG", "The logarithm to base 10.", "LOG(1000)", "3", math.log10, "log10({0})", "{0} <= 0", lambda x: x > 0)
_add("SIN", "The sine of an angle in radians.", "SIN(0)", "0", math.sin, "sin({0})", "abs({0}) > 1e15", lambda x: abs(x) <= 1e15)
_add("COS", "The cosine of an angle in radians.", "COS(0)", "1", math.cos, "cos({0})", "abs({0}) > 1e15", lambda x: abs(x) <= 1e15)
_add("TAN", "The tangent of an angle in radians.", "TAN(0)", "0", math.tan, "tan({0})", "abs({0}) > 1e15", lambda x: abs(x) <= 1e15)
_add("ASIN", "The angle whose sine it is.", "ASIN(0)", "0", math.asin, "asin({0})", "abs({0}) > 1", lambda x: abs(x) <= 1)
_add("ACOS", "The angle whose cosine it is.", "ACOS(1)", "0", math.acos, "acos({0})", "abs({0}) > 1", lambda x: abs(x) <= 1)
_add("ATAN", "The angle whose tangent it is.", "ATAN(0)", "0", math.atan, "atan({0})", "{0} <> {0}", _any)
_add("ATAN2", "The angle of a point, from y and x.", "ATAN2(0, 1)", "0", math.atan2, "atan2({0}, {1})", "{0} <> {0}", _any)
FUNCTIONS.append(
    Function("PI", "", "number", "The number π.", "ROUND(PI(), 5)", "3.14159", "Number", lambda: math.pi, "pi()", type=APPROX),
)

"""A request's values under the policies in force: typed, converted, computed; which rules speak, and why. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from closedwon.approvals.rules.united import Asker, United, roles_of
from closedwon.approvals.rules.values import Reason, Request
from closedwon.base.errors import Problem
from closedwon.formula.formula import Formula
from closedwon.formula.types import WIDE, Type
from closedwon.formula.values import BadValue, decimal_of, flat, given_back, taken

Values = Mapping[str, Any]
HASH = re.compile(r"[0-9a-f]{64}")
"""A sha256, of which people read the beginning."""


@dataclass(frozen=True)
class Facts:
    """A request's values: typed fields and computed values by name, what is wrong with them, and what is carried along unread."""

    values: Values
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def facts(united: United, request: Request) -> Facts:
    """The request's values. Amounts in another currency are converted; lines are lists of typed rows."""
    given = {name.casefold(): value for name, value in flat(request.fields).items()}
    problems: list[Problem] = []
    rate = _rate(united, request, problems)
    values: dict[str, Any] = {}
    for name, kind in united.types.items():
        if name in dict(united.computes):
            continue
        try:
            values[name] = _converted(_value(given.get(name.casefold()), kind, name), kind, rate)
        except (BadValue, ArithmeticError) as error:
            values[name] = None
            told = getattr(error, "message", str(error)).removeprefix(f"{name}: ").removesuffix(".")
            problems.append(Problem(told, field=name, mend=getattr(error, "mend", None)))
    problems += _twice(united, values)
    known = {name.casefold() for name in united.types}
    strange = sorted(name for name in flat(request.fields) if name.casefold() not in known)
    warnings = [f"{name} is kept and shown, and no policy reads it" for name in strange]
    values["TODAY()"] = request.submitted_at.date() if request.submitted_at else united.day
    values["NOW()"] = request.submitted_at or datetime.combine(united.day, datetime.min.time())
    for name, formula in united.computes:
        values[name] = _rounded(_computed(name, formula, values, problems), united.types[name])
    return Facts(values, tuple(problems), tuple(warnings))


def changed(united: United, known: Facts, name: str, value: Any) -> Facts:
    """The values with one field at another value, and what is computed from it computed anew; `value` is typed and in the policy's currency."""
    values = {**known.values, name: value}
    problems: list[Problem] = []
    moved = {name}
    for computed, formula in united.computes:
        if moved & set(formula.fields):
            values[computed] = _rounded(_computed(computed, formula, values, problems), united.types[computed])
            moved.add(computed)
    return Facts(values, tuple(problems), known.warnings)


def _value(value: Any, kind: Type, name: str) -> Any:
    """A value of the outside as exact Python."""
    if kind.kind == "percent" and value not in (None, "") and not (isinstance(value, str) and value.strip().endswith("%")):
        raise BadValue(f"{name}: {value!r} is no percentage.", mend='Write it as text with its sign, such as "25%".')
    if kind.kind == "rows":
        if value in (None, ""):
            return []
        if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
            raise BadValue(f"{name}: lines are a list of rows.", mend='Write [{"id": "1", …}].')
        rows = []
        for at, row in enumerate(value, 1):
            found = {str(key).casefold(): inner for key, inner in row.items()}
            made = {key: _value(found.get(key.casefold()), part, f"{name} row {at}, {key}") for key, part in kind.fields.items()}
            rows.append({**made, "id": str(row["id"]) if row.get("id") not in (None, "") else ""})
        return rows
    if kind.numeric and isinstance(value, str) and "," in value:
        raise BadValue(f"{name}: {value!r} has a comma.", mend="Write digits and a point, such as 1250.50.")
    if kind.kind == "picklist" and value not in (None, "") and not isinstance(value, str):
        raise BadValue(f"{name}: {value!r} is not a text.")
    made = given_back(taken(value, kind, name), kind)
    return None if kind.kind == "yes/no" and value in (None, "") else made


def _rate(united: United, request: Request, problems: list[Problem]) -> Decimal:
    if not united.currency or not request.currency or request.currency == united.currency:
        return Decimal(1)
    rate = request.rates.get(request.currency)
    if rate is None or rate <= 0:
        mend = f"Give a plan rate from {request.currency} to {united.currency}."
        problems.append(Problem(f"the request is in {request.currency}, the policy in {united.currency}", field="currency", mend=mend))
        return Decimal(1)
    return rate


def _converted(value: Any, kind: Type, rate: Decimal) -> Any:
    if rate == 1 or value is None:
        return value
    if kind.kind == "rows":
        return [
            {name: _converted(inner, kind.fields[name], rate) if name in kind.fields else inner for name, inner in row.items()}
            for row in value
        ]
    return _rounded(WIDE.multiply(value, rate), kind) if kind.kind == "money" else value


def _twice(united: United, values: Values) -> list[Problem]:
    made = []
    for name, kind in united.types.items():
        if kind.kind == "rows":
            ids = [row["id"] for row in values.get(name) or [] if row["id"]]
            made += [Problem(f"two lines have the id {one!r}", field=name) for one in sorted({i for i in ids if ids.count(i) > 1})]
    return made


def _computed(name: str, formula: Formula, values: Values, problems: list[Problem]) -> Any:
    if formula.problems:
        return None
    outcome = formula.evaluate(values)
    if outcome.error:
        problems.append(Problem(f"{name} cannot be computed: {outcome.error}", field=name))
    return outcome.value


def _rounded(value: Any, kind: Type) -> Any:
    """A computed number with as many decimals as its type has, half away from zero."""
    if not isinstance(value, Decimal) or not kind.numeric:
        return value
    return value.quantize(Decimal(1).scaleb(-kind.scale), rounding=ROUND_HALF_UP, context=WIDE)


@dataclass(frozen=True)
class Spoken:
    """What the rules say of a request: reasons to ask, reasons that forbid, what must still be written, whether the floor holds."""

    reasons: tuple[Reason, ...]
    forbidden: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]
    floor: bool | None
    problems: tuple[Problem, ...]
    explanation: tuple[Mapping[str, Any], ...]


def speak(united: United, values: Values, *, explain: bool = True) -> Spoken:
    """Let every rule, table, floor and required explanation speak."""
    reasons: list[Reason] = []
    forbidden: list[str] = []
    problems: list[Problem] = []
    told: list[Mapping[str, Any]] = []
    for asker in united.askers:
        found, one = _ask(united, asker, values, problems, explain)
        if one:
            told.append(one)
        if asker.forbid and found:
            forbidden += [reason.reason for reason in found]
        else:
            reasons += found
    missing = []
    for explanation, formula in united.explanations:
        if _holds(formula, values, "a required explanation", problems):
            missing += [(name, united.labels.get(name, name)) for name in explanation.require if values.get(name) in (None, "")]
    floor = None
    if united.floor:
        floor = _holds(united.floor[1], values, "the floor", problems)
        if explain:
            told.append({"rule": "floor", "holds": floor, "why": united.floor[1].explain(values).as_dict()})
    return Spoken(tuple(reasons), tuple(forbidden), tuple(dict.fromkeys(missing)), floor, tuple(problems), tuple(told))


def _holds(formula: Formula, values: Values, name: str, problems: list[Problem]) -> bool:
    if formula.problems:
        return False
    outcome = formula.evaluate(values)
    if outcome.error:
        problems.append(Problem(f"{name} cannot be decided: {outcome.error}"))
    return bool(outcome.value)


def _ask(
    united: United, asker: Asker, values: Values, problems: list[Problem], explain: bool
) -> tuple[list[Reason], Mapping[str, Any] | None]:
    holds = _holds(asker.when, values, asker.name, problems) if asker.when else True
    told: dict[str, Any] = {"rule": asker.name, "document": asker.document, "holds": holds}
    if explain and asker.when and not asker.when.problems:
        told["why"] = asker.when.explain(values).as_dict()
    if not holds:
        return [], told if explain else None
    if asker.table is None:
        text = filled(asker.reason, united, values)
        roles = asker.ask if not asker.forbid else ("",)
        return [Reason(asker.name, text, asker.tests, role) for role in roles], told if explain else None
    blank = [column.name for column in asker.table.inputs if values.get(column.name) in (None, "")]
    outcome = asker.table.evaluate({column.name: values.get(column.name) for column in asker.table.inputs})
    told |= {"rows": list(outcome.rows)}
    hits = outcome.value if isinstance(outcome.value, list) else [outcome.value] if isinstance(outcome.value, Mapping) else []
    if outcome.error or (not hits and not isinstance(outcome.value, list)):
        why = outcome.error or "no row covers " + (", ".join(_said(united, c.name, values) for c in asker.table.inputs))
        text = f"{asker.name}: {why}"
        role = asker.on_gap or (united.floor[0].otherwise if united.floor else "")
        told |= {"gap": why}
        if not role and blank:
            problems += [_missing(united, asker, name, values) for name in blank]
            return [], told
        if not role:
            problems.append(Problem(text, field=asker.name, mend="Close the hole, or name the role that decides there under on_gap."))
            return [], told
        return [Reason(asker.name, text, asker.tests, role)], told
    made = []
    for hit in hits:
        text = filled(str(hit.get("reason") or asker.reason), united, values)
        made += [Reason(asker.name, text, asker.tests, role) for role in roles_of(hit.get("ask"))]
    return made, told if explain else None


def _missing(united: United, asker: Asker, name: str, values: Values) -> Problem:
    """What must be given so that a table can decide: the field, or those without which a computed value stays blank."""
    formula = dict(united.computes).get(name)
    causes = [name]
    if formula is not None:
        blank = [one for one in formula.fields if one in united.types and values.get(one) in (None, "") and united.types[one].numeric]
        filled_in = {one: Decimal(0) for one in blank}
        causes = [one for one in blank if formula.evaluate({**values, **filled_in, one: None}).value is None] or blank or [name]
    labels = " and ".join(united.labels.get(one, one) for one in causes)
    return Problem(f"{labels} must be given: {asker.name} decides by it", field=causes[0], mend="Fill it in.")


def _said(united: United, name: str, values: Values) -> str:
    return f"{united.labels.get(name, name).lower()} {show(united, name, values.get(name))}"


def filled(template: str, united: United, values: Values) -> str:
    """A sentence with {names} replaced by their values as people read them; an unknown name stays as it is."""
    text = template
    for name in united.types:
        mark = "{" + name + "}"
        if mark in text:
            text = text.replace(mark, show(united, name, values.get(name)))
    return text


def show(united: United, name: str, value: Any) -> str:
    """A field's value as people read it: 25 %, 120,000 USD, yes, 2026-01-31; a dash where there is none."""
    kind = united.types.get(name)
    if kind is None and "." in name:
        rows, _, part = name.rpartition(".")
        kind = united.types[rows].fields.get(part) if rows in united.types and united.types[rows].kind == "rows" else None
    return shown(value, kind)


def shown(value: Any, kind: Type | None) -> str:
    """A value of a type as people read it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and HASH.fullmatch(value):
        return value[:8]
    if isinstance(value, list):
        return f"{len(value)} lines" if len(value) != 1 else "1 line"
    if isinstance(value, Decimal | int):
        number = decimal_of(value)
        if kind is not None and kind.kind == "percent":
            return f"{_digits(number * 100)} %"
        text = f"{number:,f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        if kind is not None and kind.kind == "money":
            whole, _, cents = text.partition(".")
            return f"{whole}{f'.{cents:0<2}' if cents else ''} {kind.currency}".strip()
        return text
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _digits(number: Decimal) -> str:
    text = f"{number.quantize(Decimal('0.0001')):f}"
    return text.rstrip("0").rstrip(".") or "0"

"""Files of formulas with expected results, as Salesforce's own engine gives them: run on the interpreter and on generated SQL."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from closedwon.base.errors import Invalid
from closedwon.formula.formula import BLANKS, Formula, compile  # noqa: A004
from closedwon.formula.sql.dialect import Dialect, dialect_of
from closedwon.formula.types import WIDE, Type, number, type_of
from closedwon.formula.values import decimal_of, exact_digits

LEFT_OUT = ("JSONVALUE", "JSONPATHVALUE", "GEOLOCATION", "DISTANCE", "FORMATCURRENCY")
_LEFT_OUT = re.compile(rf"\b({'|'.join(LEFT_OUT)})\s*\(", re.IGNORECASE)
_ZONES = {"PST": 8, "GMT": 0}
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)\s*")
_MOMENT = re.compile(r"\s*\d{4}:\d{1,2}:\d{1,2}(:\d{1,2}:\d{1,2}:\d{1,2}(:\w+)?)?\s*")
Execute = Callable[[str], list[tuple[Any, ...]]]
"""Runs a SELECT on an engine and gives its rows."""


@dataclass
class Tally:
    """The results of one back end in one treatment of blanks."""

    engine: str
    blank: str
    passed: int = 0
    failed: int = 0
    left_out: int = 0
    failures: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The summary: passed, failed, left out, and the share passed of all but the left out."""
        count = self.passed + self.failed
        share = Decimal(100 * self.passed) / count if count else Decimal(100)
        return f"{self.engine}, blank as {self.blank}: {self.passed} passed, {self.failed} failed, {self.left_out} left out, {share:.2f} %"


def read(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The formulas of a file. Raises Invalid."""
    for at, line in enumerate(lines, 1):
        if line.strip():
            try:
                made = json.loads(line)
                if not isinstance(made["formula"], str) or not isinstance(made["cases"], list):
                    raise TypeError
            except (ValueError, KeyError, TypeError) as error:
                raise Invalid(
                    f"Line {at} is not a formula with cases.", mend="Each line is a JSON object with formula and cases."
                ) from error
            yield made


def _inputs(text: str, fields: list[dict[str, str]]) -> list[str]:
    if not text.startswith("["):
        return [""] * len(fields)
    parts = text[1:-1].split(", ")
    if len(parts) > len(fields) == 1 and fields[0]["type"] == "text" and any(parts):
        parts = [text[1:-1]]
    return (parts + [""] * len(fields))[: len(fields)]


def _moment(text: str) -> datetime:
    year, month, day, *rest = text.strip().split(":")
    hour, minute, second = (int(part) for part in (rest + ["0"] * 3)[:3])
    made = datetime(int(year), int(month), int(day))  # noqa: DTZ001
    return made + timedelta(hours=hour + (_ZONES.get(rest[3], 0) if len(rest) > 3 else 0), minutes=minute, seconds=second)


def _value(text: str, kind: str) -> Any:
    if text.strip() == "" and kind != "text":
        return None
    if kind in {"number", "currency", "percent"}:
        made = Decimal(text.strip())
        return made.scaleb(-2, WIDE) if kind == "percent" else made
    if kind in {"date", "datetime"}:
        return _moment(":".join(text.split(":")[:3])).date() if kind == "date" else _moment(text)
    if kind == "checkbox":
        return text.strip().lower() == "true"
    return text or None


def _kinds(case: dict[str, Any], rows: list[list[str]]) -> list[str]:
    """The fields' types; a text that is compared with numbers or dates, all of whose inputs are such, is one (Salesforce's IN cases)."""
    kinds = [one["type"] for one in case["fields"]]
    text = case["formula"]
    if "DATETIMEVALUE" in text.upper() and re.match(r"\s*IN\s*\(", text, re.IGNORECASE):
        kinds = ["datetime" if kind == "date" else kind for kind in kinds]
    if re.match(r"\s*IN\s*\(", text, re.IGNORECASE) and kinds and kinds[0] != "text":
        for at, kind in enumerate(kinds):
            filled = [row[at] for row in rows if row[at].strip()]
            if kind == "text" and all((_NUMBER if kinds[0] == "number" else _MOMENT).fullmatch(one) for one in filled):
                kinds[at] = kinds[0]
    return kinds


def _type(kind: str, values: list[Any]) -> Type:
    if kind in {"number", "currency", "percent"}:
        shapes = [exact_digits(value) for value in values if value is not None]
        whole, scale = max((shape[1] for shape in shapes), default=1), max((shape[2] for shape in shapes), default=0)
        return replace(number(max(whole, 1), scale), kind=type_of(kind).kind)
    return type_of(kind)


def _sql_value(value: Any, kind: Type, dialect: Dialect) -> str:
    if value is None:
        inner = "NULL"
    elif isinstance(value, bool):
        inner = str(value).upper()
    else:
        inner = dialect.text(f"{value:f}" if isinstance(value, Decimal) else str(value))
    return f"CAST({inner} AS {f'DECIMAL({kind.whole + kind.scale},{kind.scale})' if kind.numeric else dialect.physical(kind)})"


def matches(result: Any, error: str | None, expected: str | None, case: Mapping[str, Any]) -> bool:
    """Whether a result is the expected one."""
    wanted = "null" if expected is None else str(expected)
    if wanted.startswith("Error"):
        return error is not None
    if error is not None:
        return False
    if result is None or result == "":
        return wanted in {"null", ""}
    if isinstance(result, bool):
        return wanted == ("true" if result else "false")
    if isinstance(result, int | float | Decimal):
        return _same_number(result, wanted, case)
    if isinstance(result, time):
        return wanted == result.isoformat("milliseconds")
    if isinstance(result, date):
        at = result if isinstance(result, datetime) else datetime(result.year, result.month, result.day)  # noqa: DTZ001
        return wanted == f"{at:%a %b %d %H:%M:%S} GMT {at.year:04}"
    return bool(wanted == result)


def _same_number(result: Any, wanted: str, case: Mapping[str, Any]) -> bool:
    try:
        right, got = decimal_of(wanted), decimal_of(result)
    except Invalid:
        return False
    if case.get("returntype") == "Percent":
        got = got.scaleb(2, WIDE)
    unit = Decimal(1).scaleb(-18)
    if case.get("transcendental") and f"{got:.11e}" == f"{right:.11e}":
        return True
    return got.quantize(unit, ROUND_HALF_UP, WIDE) == right.quantize(unit, ROUND_HALF_UP, WIDE)


class Run:
    """A run of a file of cases over the interpreter and, where an executor is given, over SQL."""

    def __init__(self, execute: Execute | None = None, engine: str = "duckdb") -> None:
        self.execute = execute
        names = ["interpreter", *([engine] if execute else [])]
        self.tallies = {(name, blank): Tally(name, blank) for name in names for blank in BLANKS}

    def case(self, case: dict[str, Any]) -> None:
        """All results of one formula."""
        if _LEFT_OUT.search(case["formula"]):
            for tally in self.tallies.values():
                tally.left_out += len(case["cases"])
            return
        case.setdefault("fields", [])
        texts = [_inputs(str(one.get("inputs", "")), case["fields"]) for one in case["cases"]]
        kinds = _kinds(case, texts)
        rows = [[_value(text, kind) for text, kind in zip(row, kinds, strict=True)] for row in texts]
        names = [one["name"] for one in case["fields"]]
        types = {name: _type(kind, [row[at] for row in rows]) for at, (name, kind) in enumerate(zip(names, kinds, strict=True))}
        formula = compile(case["formula"], types)
        for blank in BLANKS:
            self._interpret(case, formula, blank, [dict(zip(names, row, strict=True)) for row in rows])
            if self.execute:
                self._engine(case, formula, blank, types, rows)

    def _note(self, tally: Tally, case: dict[str, Any], at: int, result: Any, error: str | None) -> None:
        one = case["cases"][at]
        expected = one["expected"] if tally.blank == "zero" else one["expected_null_as_null"]
        if matches(result, error, expected, case):
            tally.passed += 1
            return
        tally.failed += 1
        got = f"error: {error}" if error else result
        tally.failures.append(
            f"FAILED {tally.engine}, blank as {tally.blank}: {case.get('test', '')} {case['formula']} {one.get('inputs')}: expected {expected}, got {got}"
        )

    def _interpret(self, case: dict[str, Any], formula: Formula, blank: str, rows: list[dict[str, Any]]) -> None:
        for at, row in enumerate(rows):
            if formula.problems:
                self._note(self.tallies["interpreter", blank], case, at, None, str(formula.problems[0]))
                continue
            outcome = formula.evaluate(row, blank=blank)
            self._note(self.tallies["interpreter", blank], case, at, outcome.value, outcome.error)

    def _engine(self, case: dict[str, Any], formula: Formula, blank: str, types: dict[str, Type], rows: list[list[Any]]) -> None:
        tally = next(one for (name, mode), one in self.tallies.items() if name != "interpreter" and mode == blank)
        problem = str(formula.problems[0]) if formula.problems else None
        found: list[tuple[Any, ...]] = []
        if not problem and self.execute:
            columns, dialect = list(types.items()), dialect_of(tally.engine)
            lines = [
                "SELECT "
                + ", ".join(
                    [
                        f"{at} AS _row",
                        *(
                            f"{_sql_value(value, kind, dialect)} AS {dialect.name(name)}"
                            for value, (name, kind) in zip(row, columns, strict=True)
                        ),
                    ]
                )
                for at, row in enumerate(rows)
            ]
            try:
                sql = formula.sql(tally.engine, blank=blank, source="cases_", keep=("_row",))
                found = sorted(self.execute(f"WITH cases_ AS ({' UNION ALL '.join(lines)}) {sql}"), key=lambda row: row[0])
            except Exception as error:  # noqa: BLE001  an engine's refusal is a failed case with its words
                problem = str(error).splitlines()[0]
        for at in range(len(rows)):
            if problem:
                self._note(tally, case, at, None if problem else "", f"{problem}")
            else:
                self._note(tally, case, at, found[at][1], found[at][2])

"""What a calculation is given: rows of named files, checked, with amounts in minor units and dates as dates."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Any

from closedwon.base.calendar import Calendar
from closedwon.base.errors import Invalid, Problem
from closedwon.base.money import PPB, to_minor
from closedwon.commissions.policy import DAYS, MONEY, NUMBERS

FOREVER = date(9999, 12, 31)
Row = Mapping[str, Any]
FILES: dict[str, tuple[str, ...]] = {
    "transactions": ("order_id",),
    "credits": ("payee", "measure", "amount", "credit_date"),
    "splits": ("order_id", "payee", "split_type", "share"),
    "team": ("order_id", "payee", "role"),
    "relations": ("role", "payee", "of"),
    "hierarchy": ("payee", "manager"),
    "assignments": ("payee", "plan"),
    "quotas": ("payee", "measure", "period_start", "period_end", "amount"),
    "events": ("order_id", "event", "at"),
    "scores": ("payee", "component", "period", "score"),
    "rates": ("kind", "currency", "to_currency", "since", "rate"),
    "opening": ("payee", "kind", "amount"),
}
"""The files and the columns that each must have; others travel along and can be used in formulas."""
_MONEY = {"target_variable", "amount", "quota_amount", *MONEY}
_DATES = {"since", "until", "period_start", "period_end", "at", "hire_date", "end_date", *DAYS}
_SHARES = {"share", "score", "fte"}


@dataclass(frozen=True)
class Inputs:
    """Every file as rows; a file that is not given is empty."""

    rows: Mapping[str, list[Row]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> list[Row]:
        return self.rows.get(name, [])

    @cached_property
    def rates(self) -> dict[tuple[str, str, str], list[tuple[date, int]]]:
        """Exchange rates in parts per billion by kind and pair, oldest first."""
        made: dict[tuple[str, str, str], list[tuple[date, int]]] = defaultdict(list)
        for row in self["rates"]:
            made[row["kind"], row["currency"], row["to_currency"]].append((row["since"], int(Decimal(row["rate"]) * PPB)))
        return {key: sorted(found) for key, found in made.items()}

    @cached_property
    def managers(self) -> dict[str, list[tuple[date, date, str]]]:
        """Everybody's managers with their days."""
        made: dict[str, list[tuple[date, date, str]]] = defaultdict(list)
        for row in self["hierarchy"]:
            made[row["payee"]].append((row.get("since") or date.min, row.get("until") or FOREVER, row["manager"]))
        return made

    def manager_of(self, payee: str, day: date) -> str | None:
        """Who a person reports to on a day."""
        return next((above for since, until, above in self.managers.get(payee, ()) if since <= day < until), None)

    def rate(self, kind: str, currency: str, to_currency: str, day: date) -> int:
        """Parts per billion per major unit in force on a day. Raises Invalid where there is none."""
        if currency == to_currency:
            return PPB
        found = [ppb for since, ppb in self.rates.get((kind, currency, to_currency), ()) if since <= day]
        if not found:
            raise Invalid(
                f"There is no exchange rate {kind or '(no kind)'} from {currency} to {to_currency} on {day}.",
                mend="Add it to rates.csv: kind, currency, to_currency, since, rate.",
            )
        return found[-1]


def read_folder(folder: Path, currency: str = "", calendar: Calendar | None = None, plans: Sequence[str] = ()) -> Inputs:
    """The inputs of a folder of CSV files. Raises Invalid with every mistake, its file and line.

    `currency` is that of amounts without one. A quota may name its `period` in place of both ends. Where one plan is given, assignments may
    leave it out, and without assignments everybody holds it.
    """
    if not folder.is_dir():
        raise Invalid(f"{folder} is not a folder.", mend="Give a folder with credits.csv, quotas.csv, assignments.csv …")
    names = {path.stem: path for path in sorted(folder.glob("*.csv"))}
    aliases = {"orders": "transactions", "bookings": "transactions", "exchange_rates": "rates"}
    given: dict[str, list[Mapping[str, Any]]] = {}
    for stem, path in names.items():
        name = aliases.get(stem, stem)
        if name not in FILES:
            raise Invalid(f"{path.name} is not an input of a calculation.", mend=f"Known are {', '.join(sorted(FILES))}, each as .csv.")
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                given[name] = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise Invalid(f"{path.name} cannot be read: {error}.", mend="Save it as CSV in UTF-8.") from error
    if not given:
        raise Invalid(f"{folder} has no CSV file.", mend="Give a folder with credits.csv, quotas.csv, assignments.csv …")
    return read_rows(with_defaults(given, calendar or Calendar(), plans), currency)


def with_defaults(
    given: dict[str, list[Mapping[str, Any]]], calendar: Calendar, plans: Sequence[str]
) -> dict[str, list[Mapping[str, Any]]]:
    """The rows with what people leave out: a quota's period, and the plan where there is one."""
    made = dict(given)
    made["quotas"] = [
        {**{key: value for key, value in row.items() if key != "period"}, "period_start": found.start, "period_end": found.end}
        if row.get("period") and not row.get("period_start") and (found := calendar.period(str(row["period"])))
        else row
        for row in given.get("quotas", [])
    ]
    if len(plans) == 1:
        if not given.get("assignments"):
            people = {
                str(row.get("payee"))
                for name in ("credits", "quotas", "splits", "scores", "transactions")
                for row in given.get(name, [])
                if row.get("payee")
            }
            made["assignments"] = [{"payee": payee, "plan": plans[0]} for payee in sorted(people)]
        else:
            made["assignments"] = [{**row, "plan": row.get("plan") or plans[0]} for row in given["assignments"]]
    return {name: rows for name, rows in made.items() if rows}


def read_rows(given: Mapping[str, Iterable[Mapping[str, Any]]], currency: str = "") -> Inputs:
    """The inputs of rows as people write them. `currency` is that of amounts without one. Raises Invalid with every mistake."""
    problems: list[Problem] = []
    made: dict[str, list[Row]] = {}
    for name, rows in given.items():
        if name not in FILES:
            raise Invalid(f"{name!r} is not an input of a calculation.", mend=f"Known are {', '.join(sorted(FILES))}.")
        made[name] = []
        for at, row in enumerate(rows):
            read, wrong = _row(name, row, currency)
            problems += [Problem(said, f"{name}.csv", at + 2, mend=mend) for said, mend in wrong]
            made[name].append({**read, "seq": at})
    if problems:
        raise Invalid(f"The inputs have {len(problems)} mistake{'s' if len(problems) > 1 else ''}.", problems=problems)
    return Inputs(made)


def _row(name: str, row: Mapping[str, Any], currency: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    wrong: list[tuple[str, str]] = []
    given = {str(key).strip(): value for key, value in row.items() if key is not None and value not in (None, "")}
    made: dict[str, Any] = {"currency": str(given.get("currency", currency)).strip()} if "currency" in given or currency else {}
    wrong += [(f"{column} is missing", f"{name}.csv needs {', '.join(FILES[name])}.") for column in FILES[name] if column not in given]
    for key, value in given.items():
        try:
            made[key] = _value(key, value, made.get("currency", ""))
        except (Invalid, ValueError, InvalidOperation) as error:
            mend = getattr(error, "mend", "") or ""
            wrong.append((f"{key} {value!r} cannot be read: {getattr(error, 'message', error)}", mend))
    return made, wrong


def _value(key: str, value: Any, currency: str) -> Any:
    if key in _DATES:
        return value if isinstance(value, date) else date.fromisoformat(str(value).strip()[:10])
    if key in _MONEY:
        if not currency:
            raise Invalid("the row has no currency", mend="Add the column currency.")
        return to_minor(value, currency)
    if key in _SHARES:
        text = str(value).strip()
        exact = Decimal(text.removesuffix("%").strip()) / (100 if text.endswith("%") else 1)
        return int((exact * 1_000_000).to_integral_value())
    if key in NUMBERS:
        return Decimal(str(value))
    return str(value).strip() if not isinstance(value, int | Decimal) or isinstance(value, bool) else value

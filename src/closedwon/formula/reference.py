"""The reference page of the language, written from the function table."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from closedwon.formula.declared import Function
from closedwon.formula.functions import TABLE

EXAMPLE_TYPES = {
    "lines": {"rows": {"net": "money", "kind": "text"}},
    "rates": {"keys": {"region": "text"}, "value": "percent", "rows": [["EMEA", Decimal("0.1")], ["AMER", Decimal("0.08")]]},
}
"""What the examples of the function table may name."""
EXAMPLE_ROW = {
    "lines": [{"net": 10, "kind": "new"}, {"net": 20, "kind": "new"}, {"net": 30, "kind": "renewal"}],
    "TODAY()": date(2026, 3, 31),
    "NOW()": datetime(2026, 3, 31, 12),  # noqa: DTZ001  moments are UTC without a zone inside formulas
}

_HEAD = """# Formulas

One language for every policy: formulas as in Salesforce and Excel, typed and exact. This page is written from the function table
(`closedwon formula functions`); every example is run as a test, on the interpreter and on SQL.

## Values and operators

| what | written |
| --- | --- |
| number, percentage | `1250.50`, `1.5e3`, `40%` (is 0.40) |
| text | `"won"` or `'won'`; `\\"` for a quote, `\\\\` for a backslash, `\\n` for a line end |
| yes, no, blank | `TRUE`, `FALSE`, `NULL` |
| field, field of a related record | `amount`, `Account.Industry`; capital or small letters do not matter |
| reckon | `+` `-` `*` `/` `^` |
| compare | `=` `<>` `<` `>` `<=` `>=`, `value IN (a, b)`, `value NOT IN (a, b)`; texts differ by capital letters |
| join texts | `&` |
| and, or, not | `&&`, `AND(...)` or `a AND b`; `||`, `OR(...)` or `a OR b`; `!`, `NOT(...)` or `NOT a` |
| rows | `SUM(lines.net WHERE lines.kind = "new")` |
| comment | `/* why */` |

A formula has at most 10,000 characters, 3,000 parts and 60 levels. It has no loops, no recursion and no side effects.

## Types

A types file (TOML) names the type of every field:

```toml
amount = "money USD"                # exact, 18 digits of which 4 are decimals
discount = "percent"                # 0.45 is 45 %
seats = "quantity(9,0)"             # 9 digits, no decimals
stage = { type = "picklist", values = ["Open", "Won", "Lost"] }
close_date = "date"
booked = { type = "money", currency = "USD", stored = "minor", column = "booked_minor" }  # an integer column of cents
lines = { rows = { net = "money USD", kind = "text" } }
rates = { keys = { region = "text" }, value = "percent", rows = [["EMEA", 0.1]] }

[Account]
Industry = "text"
```

Types are number, money, percent, quantity, date, datetime, time, duration, text, picklist, yes/no, id, row set and table. Money of two
currencies is never added, compared or divided; money × percentage is money; money ÷ money is a number; dates differ by days, times by
milliseconds (around the clock: from 23:00 to 01:00 are two hours).

## Numbers

- `+`, `-`, `*`, comparison and rounding are exact. A number has at most 38 digits; what needs more is an error, never a wrong digit.
- A quotient is exact to 18 decimals, half away from zero. A quotient that is multiplied or divided on is carried as a fraction and
  rounded once, so `amount / 3 * 3` is `amount`.
- SQRT, EXP, LN, LOG, trigonometry and `^` (with a whole exponent; small fixed ones are exact) are approximate, to 12 significant digits.
  Rounding or showing such a number makes it exact with 12 decimals.

## Blanks and errors

With blank as *blank* (the default), reckoning with a blank number gives blank; with blank as *zero*, it counts as 0. An empty text is
blank; two blank texts are equal. Comparing another blank gives blank, which counts as no. A result that is yes or no is never blank.

A division by zero, a text that is no date, an overflow are errors of that record: the value is missing and the error says why. IFERROR
catches it. In SQL, `error` stands in a column beside `value`. A record with a number that does not fit its type is an error as a whole.

How the three engines agree, and what Spark refuses, is told in [Formulas on three engines](../field/formulas.md). On Spark a time is a
column of milliseconds of its day.
"""


def page() -> str:
    """The page as Markdown."""
    groups: dict[str, list[Function]] = {}
    for function in TABLE.values():
        if function.group:
            groups.setdefault(function.group, []).append(function)
    parts = [_HEAD]
    for group in ("Logic", "Number", "Text", "Date and time", "Rows", "Policy"):
        parts.append(f"## {group} functions\n\n| function | gives | meaning | example |\n| --- | --- | --- | --- |")
        for one in sorted(groups[group], key=lambda item: item.name):
            cells = (f"`{one.signature}`", one.gives, one.doc, f"`{one.example}` → `{one.shows}`")
            parts[-1] += "\n| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        parts[-1] += "\n"
    return "\n".join(parts)

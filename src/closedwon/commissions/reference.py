"""The reference of plans: every key with its meaning, the files of a calculation, its columns, and each construct with its cases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

from closedwon.commissions.policy import DAYS, MONEY, NUMBERS, TEXTS
from closedwon.commissions.rules.inputs import FILES
from closedwon.commissions.rules.results import COLUMNS

ORDER = (
    "Plan", "Dates", "Credit", "Rollup", "Commission", "Tier", "Ramp", "Modifier", "Cap", "Release", "Clawback", "Curve", "Point", "Bonus", "Mbo",
    "Contest", "Pool", "Draw",
)  # fmt: skip
SHARED = ("title", "clause", "gate", "gate_holds", "modifier", "cap", "floor", "release", "clawback", "draw_category")
INPUTS = {
    "transactions": "Accepted orders (also bookings.csv, orders.csv): what crediting rules read.",
    "credits": "Credits that were made elsewhere: they need no crediting rule.",
    "splits": "Shares of an order by kind of split; dated with since and until where they change.",
    "team": "Who stands in an order's team, and as what.",
    "relations": "Named relationships: who stands behind whom.",
    "hierarchy": "Who reports to whom, from when until when.",
    "assignments": "Who holds which plan: since, until, role, target_variable, pay_currency. A plan is named by its file.",
    "quotas": "Quotas; `period` (2026-Q1, FY27) stands for both ends; since and until say when a row was in force.",
    "events": "Invoices, payments, go-lives …: what releases earnings; a share below 100 % releases that share.",
    "scores": "Scores of objectives.",
    "rates": "Exchange rates per major unit (also exchange_rates.csv).",
    "opening": "Balances at the beginning: kind draw (with name), carried or held.",
}


def page(by: str) -> str:
    """The whole page as Markdown."""
    return "\n".join([*_intro(by), *_whole(), *_keys(), *_inputs(), *_outputs(), *_cases(), *_constructs()])


def _intro(by: str) -> Iterator[str]:
    yield f"# Compensation plans\n\n{by}\n"
    yield (
        "A plan is `policies/plans/NAME.toml`, its cases are `NAME.cases.toml` beside it. The chain is transaction → credit → measure and attainment → "
        "rate → earning → release → pay. Nothing that changes pay has a default: what could be meant in two ways is a key.\n\n"
        "```\nclosedwon policy check policies/plans        # every mistake, cliff and gap, with its line\n"
        "closedwon policy test policies/plans         # every case, exact\n"
        "closedwon commissions calculate --plan FILE --input DIR --format json\n```\n"
    )
    yield (
        "**How a line is reckoned.** Credits of a person's component stand in a total order: date, order, line, place in the file. Attainment is the running "
        "total of what retires quota; a credit earns on the tiers that it passes, slice by slice, exactly. Money is the difference of rounded running "
        "totals, so lines always add up to the rounded total of the interval, and no result depends on the order of rows, on other people or on how "
        "often one reckons. Where things change within an interval (a quota, a gate, a modifier), all of the interval is reckoned anew at each pay period's "
        "end, and what earlier credits now earn more or less is a line of its own, `true-up`.\n"
    )


def _whole() -> Iterator[str]:
    text = (files("closedwon.commissions") / "cases" / "plans" / "marginal.toml").read_text(encoding="utf-8")
    yield f"## A whole plan\n\n```toml\n{text.strip()}\n```\n"


def _keys() -> Iterator[str]:
    from closedwon.commissions.kind import KIND
    from closedwon.policies.schema import schema_of

    schema = schema_of(KIND)
    yield "## Keys\n\nA text has `title`, `about` and one `[[version]]` or more; a version holds until the next one begins.\n"
    for name in ORDER:
        part = schema["$defs"].get(name)
        if part is None:
            continue
        common = name in {"Commission", "Curve", "Bonus", "Mbo", "Contest", "Pool"}
        rows = [
            (f"`{key}`", _kind(item), "required" if key in part.get("required", ()) else _default(item), item.get("description", ""))
            for key, item in part.get("properties", {}).items()
            if not (common and key in SHARED)
        ]
        yield f"### {name}\n\n{part.get('description', '')}\n\n{_table(('key', 'value', 'default', 'meaning'), rows)}\n"
        if name == "Commission":
            shared = [
                (
                    f"`{key}`",
                    _kind(part["properties"][key]),
                    _default(part["properties"][key]),
                    part["properties"][key].get("description", ""),
                )
                for key in SHARED
            ]
            yield f"Every component also has\n\n{_table(('key', 'value', 'default', 'meaning'), shared)}\n"


def _inputs() -> Iterator[str]:
    yield "## Files of a calculation\n\nCSV files of a folder, UTF-8. Amounts are in major units of the row's `currency`, or of the plan's where there is none.\n"
    yield _table(
        ("file", "needs", "holds"), [(f"`{name}.csv`", ", ".join(f"`{one}`" for one in need), INPUTS[name]) for name, need in FILES.items()]
    )
    yield (
        f"\nFormulas over transactions and credits name money ({', '.join(f'`{one}`' for one in MONEY)}), numbers ({', '.join(f'`{one}`' for one in NUMBERS)}), "
        f"texts ({', '.join(f'`{one}`' for one in TEXTS)}), dates ({', '.join(f'`{one}`' for one in DAYS)}), `credit`, `quota_credit`, `share`, and the custom "
        "columns that the plan declares. Gates, modifiers and pools name `attainment.MEASURE`, `measured.MEASURE`, `quota.MEASURE`, `team.MEASURE`, "
        "`months_in_role`; those of objectives `score`.\n"
    )


def _outputs() -> Iterator[str]:
    yield "## Lines\n\n`--format csv` gives one row for each slice of each credit, and one for each other part of an earning:\n"
    yield ", ".join(f"`{name}`" for name in COLUMNS[0]) + ".\n"
    yield (
        "`--format statements` gives what each pay period comes to: earned, held (earned but not yet released), released, draw, recovered, forgiven, carried_in, "
        "paid, carried_out, draw_balance, held_balance. Earned = paid + carried + held, less draws, to the cent.\n"
    )


def _cases() -> Iterator[str]:
    yield (
        "## Cases\n\nA case gives rows of those files in short and says what named steps come to. `payee` (rep), the plan, the currency, and the measure "
        "where the plan has one may be left out; `order` and `on` stand for order_id and credit_date, a quota names its `period`; `fiscal_start` is the first "
        "month of the year (1), `until` the day up to which is reckoned.\n\n"
        "| step | is |\n|---|---|\n"
        "| `earned`, `earned PAYEE`, `earned COMPONENT`, `earned ORDER`, `earned PERIOD`, and together in that order | a sum of lines |\n"
        "| `paid PERIOD`, `held_balance PERIOD`, `draw …`, `recovered …`, `carried_out …`; with the payee before the period | the statement's figure |\n"
        "| `lines COMPONENT`, `lines PAYEE` | the lines in words |\n| `problems` | what could not be told |\n"
    )


def _constructs() -> Iterator[str]:
    yield "## Every construct, with its cases\n\nEach is a whole plan; what all have in common (reference, dates) is left out here.\n"
    folder = files("closedwon.commissions") / "cases" / "plans"
    for file in sorted(
        (one for one in folder.iterdir() if one.name.endswith(".toml") and not one.name.endswith(".cases.toml")), key=lambda one: one.name
    ):
        text = file.read_text(encoding="utf-8")
        cases = (folder / file.name.replace(".toml", ".cases.toml")).read_text(encoding="utf-8")
        title, about = (re.search(rf'^{key} = "(.*)"$', text, re.MULTILINE) for key in ("title", "about"))
        yield f"### {title[1] if title else file.name}\n\n{about[1] if about else ''}.\n\n```toml\n{_body(text)}\n```\n\n```toml\n{cases.strip()}\n```\n"


def _body(text: str) -> str:
    """The parts of a plan that are its own."""
    _, _, rest = text.partition("[[version]]")
    plain = ("since", "reference", "currency", "pays", "negative")
    kept = [line for line in rest.splitlines() if not line.startswith(tuple(f"{key} =" for key in plain))]
    body = "\n".join(kept).strip()
    return re.sub(
        r"\n{3,}", "\n\n", re.sub(r"\[version\.dates\]\n(?:\w+ = \"credit(?:_date)?\"\n|quota = \"period_start\"\n)+", "", body)
    ).strip()


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"] if value != "")
    if "const" in schema:
        return f"`{schema['const']}`"
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})" if name in ORDER else "decision table"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_kind(one) for one in schema[key] if one.get("type") != "null" and one.get("const") != ""))
    if schema.get("format") in {"percent", "money", "date"}:
        return {"percent": '"12.5%"', "money": '"25,000 USD"', "date": "date"}[schema["format"]]
    if schema.get("format") == "formula":
        return "[formula](formulas.md)"
    if schema.get("format") == "decision-table":
        return "[decision table](../field/decision-tables.md)"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return {"string": "text", "integer": "whole number", "boolean": "yes or no", "object": "table"}.get(schema.get("type", ""), "text")


def _default(schema: dict[str, Any]) -> str:
    value = schema.get("default")
    return "" if value in (None, "", [], {}, "0001-01-01", 0) else f"`{json.dumps(value)}`"


def _table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    return "\n".join([*lines, *(f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in row)} |" for row in rows)])

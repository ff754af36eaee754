"""What is claimed of DMN 1.4 in the documents, in numbers counted from the cases."""

import os
import tomllib
from pathlib import Path

from closedwon.formula.decisions.table import AGGREGATES, HIT_POLICIES

HERE = Path(__file__)
CASES = tomllib.loads((HERE.parent / "dmn.cases.toml").read_text())
DOC = HERE.parents[5] / "docs" / "field" / "decision-tables.md"
SIGNS = {
    "open, closed and half-open ranges": lambda table, case: ".." in str(table["rows"]),
    "lists of tests": lambda table, case: any("," in cell for row in table["rows"] for cell in row[: len(table["inputs"])]),
    "negation": lambda table, case: "not(" in str(table["rows"]),
    "dates, date-times, times": lambda table, case: any(kind(table, name) in {"date", "datetime", "time"} for name in case["given"]),
    "durations (days and time, years and months)": lambda table, case: any(
        kind(table, name) in {"duration", "months"} for name in case["given"]
    ),
    "nulls": lambda table, case: any(column["name"] not in case["given"] for column in table["inputs"]),
    "no row hits; default outputs": lambda table, case: not case["rows"],
    "broken hit policies are errors": lambda table, case: "error" in case,
}


def kind(table, name):
    return next(column["type"] for column in table["inputs"] if column["name"] == name)


def policy(table):
    return table["hit"] + (f" ({table.get('aggregate', 'list')})" if table["hit"] == "COLLECT" else "")


def counted():
    cases = [(CASES["tables"][case["table"]], case) for case in CASES["case"]]
    hits = {name: sum(policy(table) == name for table, _ in cases) for name in [*map(str, HIT_POLICIES)] if name != "COLLECT"}
    hits |= {f"COLLECT ({how})": sum(policy(table) == f"COLLECT ({how})" for table, _ in cases) for how in AGGREGATES}
    return len(cases), hits, {name: sum(bool(sign(table, case)) for table, case in cases) for name, sign in SIGNS.items()}


def page():
    count, hits, signs = counted()
    lines = [f"{count} cases, all pass, on {len(hits)} of {len(hits)} hit policies and aggregations:", ""]
    for title, numbers in (("hit policy", hits), ("what is tested", signs)):
        lines += [f"| {title} | cases |", "|---|---:|", *(f"| {name} | {number} |" for name, number in numbers.items()), ""]
    lines += ["| table | case | rows that hit |", "|---|---|---|"]
    lines += [f"| {case['table']} | {case['name']} | {', '.join(map(str, case['rows'])) or 'none'} |" for case in CASES["case"]]
    return "\n".join(lines)


def test_every_part_of_the_claim_has_cases():
    _, hits, signs = counted()
    assert min(hits.values()) >= 1, hits
    assert min(signs.values()) >= 2, signs


def test_the_documentation_states_it_in_numbers():
    start, end = "<!-- cases -->\n", "\n<!-- /cases -->"
    head, rest = DOC.read_text().split(start)
    _, tail = rest.split(end)
    whole = f"{head}{start}{page()}{end}{tail}"
    if os.environ.get("CLOSEDWON_UPDATE_SNAPSHOTS") == "1":
        DOC.write_text(whole)
    assert DOC.read_text() == whole, "docs/field/decision-tables.md is behind the cases; CLOSEDWON_UPDATE_SNAPSHOTS=1 writes it anew"

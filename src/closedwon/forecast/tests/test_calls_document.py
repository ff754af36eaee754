"""The document of calls holds the shipped cases as they come out."""

import os
import tomllib
from decimal import Decimal
from pathlib import Path

from closedwon.base.policytext import load_text
from closedwon.forecast.rhythm import RhythmPolicy, run_case

ROOT = Path(__file__).parents[4]
DOC = ROOT / "docs/field/forecast-calls.md"
DEFAULT = Path(__file__).parents[1] / "default"


def words(value):
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {words(one)}" for name, one in value.items())
    if isinstance(value, list):
        return "; ".join(words(one) for one in value) or "none"
    return {True: "yes", False: "no"}.get(value, str(value) or "none") if isinstance(value, bool) else str(value) or "none"


def test_the_document_has_the_cases_as_they_come_out():
    policy, problems = load_text((DEFAULT / "forecast-rhythm.toml").read_text(encoding="utf-8"), RhythmPolicy)
    assert policy is not None, problems
    cases = tomllib.loads((DEFAULT / "forecast-rhythm.cases.toml").read_text(encoding="utf-8"), parse_float=Decimal)["case"]
    lines = ["| case | given | comes out |", "|---|---|---|"]
    for case in cases:
        made = run_case(policy, case["given"])
        assert made == case["expect"], case["name"]
        lines.append(f"| {case['name']} | {words(case['given'])} | {words(made)} |")
    text = DOC.read_text(encoding="utf-8")
    head, rest = text.split("<!-- cases -->\n")
    tail = rest.split("<!-- /cases -->")[1]
    whole = f"{head}<!-- cases -->\n" + "\n".join(lines) + f"\n<!-- /cases -->{tail}"
    if os.environ.get("CLOSEDWON_UPDATE_SNAPSHOTS"):
        DOC.write_text(whole, encoding="utf-8")
    assert DOC.read_text(encoding="utf-8") == whole, "docs/field/forecast-calls.md is behind; CLOSEDWON_UPDATE_SNAPSHOTS=1 writes it anew"

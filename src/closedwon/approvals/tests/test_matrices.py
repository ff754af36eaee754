"""The matrices of real companies: each threshold below, at and above; and what the linter says of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from closedwon.approvals.deciding import run_case
from closedwon.approvals.kind import KIND
from closedwon.approvals.policy import Matrix
from closedwon.approvals.rules.lint import look
from closedwon.approvals.rules.united import unite
from closedwon.base.policytext import load_text
from closedwon.policies.cases import plain, read_cases, run_cases
from closedwon.policies.linting import Lint, table_problems

ROOT = Path(__file__).parents[4] / "example" / "matrices"
FILES = sorted(ROOT.glob("*/*.cases.toml"))


def document(file: Path) -> Matrix:
    found, problems = load_text(file.read_text(encoding="utf-8"), Matrix, file.name)
    assert found is not None, problems
    return found


def cases() -> list[Any]:
    return [
        pytest.param(file, case, id=f"{file.parent.name}-{case['name']}")
        for file in FILES
        for case in read_cases(file.read_text(encoding="utf-8"), file.name)
    ]


@pytest.mark.parametrize(("file", "case"), cases())
def test_each_case(file: Path, case: dict[str, Any]) -> None:
    policy = document(file.with_name(file.name.replace(".cases", "")))
    got = {step: plain(value) for step, value in run_case({"this": policy}, case["given"]).items()}
    assert {step: got.get(step) for step in case["expect"]} == case["expect"]


def test_every_matrix_has_cases() -> None:
    texts = {file for file in ROOT.glob("*/*.toml") if not file.name.endswith(".cases.toml")}
    assert {file.name.replace(".cases", "") for file in FILES} == {file.name for file in texts}


def test_the_hole_at_exactly_5_percent_is_found_with_its_line() -> None:
    file = ROOT / "guru-2025" / "discounts.toml"
    text = file.read_text(encoding="utf-8")
    found = table_problems(document(file), text, file.name)
    assert [(one.severity, "no row covers discount exactly 5%" in one.message) for one in found] == [("error", True)]
    assert text.splitlines()[found[0].line - 1].startswith("[version.table.table]")  # type: ignore[operator]


@pytest.mark.parametrize("name", ["guru-2025", "gem", "gitlab"])
def test_the_linter_of_approvals_finds_nothing_else(name: str) -> None:
    files = {file.stem: file for file in (ROOT / name).glob("*.toml") if not file.name.endswith(".cases.toml")}
    context = Lint({key: file.read_text(encoding="utf-8") for key, file in files.items()}, {key: file.name for key, file in files.items()})
    assert list(look({key: document(file) for key, file in files.items()}, context)) == []


@pytest.mark.parametrize(("name", "least"), [("deal", 60), ("order", 15)])
def test_the_shipped_policies_hold_at_each_threshold(name: str, least: int) -> None:
    cases = KIND.default_cases(name)
    assert cases is not None
    results = run_cases(KIND, KIND.default_text(name) or "", cases)
    assert [one.name for one in results if not one.passed] == []
    assert len(results) >= least


def test_every_rule_of_the_shipped_policies_is_met_by_a_case() -> None:
    for name in ("deal", "order"):
        policy, problems = load_text(KIND.default_text(name) or "", Matrix, name)
        assert policy is not None, problems
        askers = unite({name: policy}, name, date(2026, 1, 1)).askers
        met: set[str] = set()
        for case in read_cases(KIND.default_cases(name) or ""):
            got = run_case({name: policy}, case["given"])
            met |= {one.name for one in askers if got.get(one.name) or (one.forbid and one.reason in got["reason"])}
        assert met == {one.name for one in askers}


def test_a_hole_with_somebody_who_decides_there_can_be_applied() -> None:
    file = ROOT / "guru-2025" / "discounts.toml"
    text = file.read_text(encoding="utf-8")
    assert [one.severity for one in table_problems(document(file), text, file.name, KIND.tolerates)] == ["warning"]
    without = text.replace('on_gap = "deal-desk"\n', "")
    found, _ = load_text(without, Matrix, "x")
    assert [one.severity for one in table_problems(found, without, "x", KIND.tolerates)] == ["error"]

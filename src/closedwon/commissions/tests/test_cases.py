"""Every construct of a plan has cases that a person can check by hand; the plans of the example company too."""

from pathlib import Path

import pytest

from closedwon.base.policytext import load_text
from closedwon.commissions.kind import KIND
from closedwon.commissions.policy import PlanBook
from closedwon.policies.cases import read_cases, run_cases

ROOT = Path(__file__).resolve().parents[4]
FOLDERS = (Path(__file__).resolve().parents[1] / "cases/plans", ROOT / "example/plans")
PLANS = [file for folder in FOLDERS for file in sorted(folder.glob("*.toml")) if not file.name.endswith(".cases.toml")]


def cases_of(file: Path) -> str:
    return file.with_name(f"{file.stem}.cases.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", PLANS, ids=lambda file: file.stem)
def test_the_cases_of_a_plan(file):
    results = run_cases(KIND, file.read_text(encoding="utf-8"), cases_of(file), file.name)
    assert results
    assert {result.name: result.differences for result in results if not result.passed} == {}


def test_there_are_enough_and_each_plan_is_right():
    assert sum(len(read_cases(cases_of(file))) for file in PLANS) >= 60
    assert {
        file.stem: problems for file in PLANS if (problems := load_text(file.read_text(encoding="utf-8"), PlanBook, file.name)[1])
    } == {}

"""The weekly summary of the example company, word for word, as golden files; and that it says nothing to those who may not see."""

import json
import os
from datetime import date
from pathlib import Path

import pytest

from closedwon.forecast.actions import board, inspection, waterfall
from closedwon.forecast.actions.scorecard import scorecard
from closedwon.forecast.actions.summary import summary
from closedwon.forecast.actions.summary_files import as_html, as_markdown, as_pdf, as_slack
from closedwon.forecast.results import write
from closedwon.people.acting import actor_of, cli_actor

GOLDEN = Path(__file__).parent / "golden"
DAY = date(2026, 11, 25)


def held(name, text):
    file = GOLDEN / name
    if os.environ.get("CLOSEDWON_UPDATE_SNAPSHOTS"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), (
        f"tests/golden/{name} is not what is written now; CLOSEDWON_UPDATE_SNAPSHOTS=1 writes it anew"
    )


def test_the_week_of_the_company(company):
    found = summary(by=cli_actor(), as_of=DAY)
    held("weekly-summary.md", as_markdown(found))
    held("weekly-summary.slack.json", json.dumps(as_slack(found), ensure_ascii=False, indent=1) + "\n")
    held("weekly-summary.html", as_html(found))
    assert as_pdf(found) == as_pdf(found)


@pytest.mark.parametrize("part", ["manager", "rep"])
def test_the_week_of_one_person(company, part):
    by = actor_of(company.user(part))
    held(f"weekly-summary.{part}.md", as_markdown(summary(by=by, as_of=DAY)))


def test_a_week_in_the_middle_of_a_quarter_that_is_over(company):
    held("weekly-summary.past.md", as_markdown(summary(by=cli_actor(), as_of=date(2026, 9, 15))))


def test_the_scorecard_of_the_company(company):
    held("scorecard.csv", write(scorecard(by=cli_actor(), as_of=DAY).as_rows(), "csv") + "\n")


def test_the_figures_are_those_of_the_pages(company):
    by = cli_actor()
    found = {figure.key: figure.value for figure in summary(by=by, as_of=DAY).figures}
    made = board(by=by, as_of=DAY)
    assert found["quota"] == made.head.quota
    assert found["closed"] == made.head["closed"]
    assert found["rollup.most_likely"] == made.head.cumulative("most_likely")
    fall = waterfall(by=by, begin=date(2026, 11, 18), end=DAY).total
    bars = {key[5:]: value for key, value in found.items() if key.startswith("flow.") and key != "flow.moved"}
    assert len(bars) > 2
    assert bars == {name: fall[name] for name in bars}
    assert found["flow.moved"] == fall["end"] - fall["begin"]
    for key, value in found.items():
        if key.startswith("flag.") and key.count(".") == 1:
            rows = inspection(by=by, as_of=DAY, flag=key[5:]).rows
            told = [row for row in rows if row["category"] in ("commit", "best_case", "most_likely")]
            assert value == sum(row["amount_in_minor"] for row in told), key

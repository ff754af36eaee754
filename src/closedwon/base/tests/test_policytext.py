"""Policy text: exact values, versions in order, and every mistake on its own line."""

from datetime import date

import pytest
from pydantic import field_validator

from closedwon.base.policytext import Amount, Money, Percent, PolicyModel, Version, in_order, load_text, version_on
from closedwon.base.tomlplaces import line_of, places

TEXT = '''# a plan
name = "Plan" # the name
"quoted key" = 1
dotted.inner.key = 2
text = """
[[not.a.table]]
key = 1
"""
list = [
  { name = "a", rate = "5%" }, # first
  { name = "b",
    rate = "6%" },
]

[[plans]]
name = "x"
  [[plans.tiers]]
  rate = "1%"
  [[plans.tiers]]
  rate = "2%"

[[plans]]
name = 'y'
[plans.limits]
most = 3
[[plans.tiers]]
rate = "3%"
[last]
matrix = [[1, 2], [3,
 4]]
'''


@pytest.mark.parametrize(
    ("where", "line"),
    [
        (["name"], 2),
        (["quoted key"], 3),
        (["dotted", "inner", "key"], 4),
        (["list", 0, "rate"], 10),
        (["list", 1, "name"], 11),
        (["list", 1, "rate"], 12),
        (["list", 1, "absent"], 11),
        (["plans", 0, "tiers", 1, "rate"], 20),
        (["plans", 1, "limits", "most"], 25),
        (["plans", 1, "tiers", 0, "rate"], 27),
        (["last", "matrix", 1, 1], 30),
        (["absent"], None),
        (["plans", 1, "some-tag", "name"], 23),
    ],
)
def test_lines_are_found_by_path(where, line):
    assert line_of(TEXT, where) == line


def test_text_in_strings_is_not_taken_for_tables():
    assert ("not",) not in places(TEXT)


class Rule(Version):
    rate: Percent
    cap: Money | None = None


class Rules(PolicyModel):
    rules: list[Rule]

    @field_validator("rules")
    @classmethod
    def _ordered(cls, value: list[Rule]) -> list[Rule]:
        return list(in_order(value))


RULES = '[[rules]]\nsince = 2026-01-01\nreference = "board"\nrate = "5%"\n[[rules]]\nsince = 2026-07-01\nreference = "mail"\nrate = "6.25 %"\ncap = "1,000.50 EUR"\n'


def test_a_version_holds_until_the_next_begins():
    rules = load_text(RULES, Rules)[0].rules
    assert version_on(rules, date(2025, 12, 31)) is None
    assert version_on(rules, date(2026, 6, 30)).rate == 50_000
    assert version_on(rules, date(2026, 7, 1)).rate == 62_500
    assert rules[1].cap == Amount(100_050, "EUR")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('reference = "mail"', "", 5, "'reference' is missing"),
        ("since = 2026-07-01", "since = 2026-01-01", 1, "does not begin after"),
        ("6.25 %", "6.25", 8, "write a percentage"),
        ("1,000.50 EUR", "1000.505 EUR", 9, "more decimals than EUR allows"),
        ("1,000.50 EUR", "10,00 EUR", 9, "write money"),
        ("cap =", "cop =", 9, "unknown key 'cop'"),
    ],
)
def test_a_mistake_stands_on_its_line(old, new, line, words):
    value, problems = load_text(RULES.replace(old, new), Rules, "rules.toml")
    assert value is None
    assert problems[0].line == line
    assert words in str(problems[0])


def test_five_mistakes_give_five_problems():
    text = '[[rules]]\nrate = 1\ncap = 2\nx = 1\n[[rules]]\nreference = ""\nrate = "1"\n'
    assert [p.line for p in load_text(text, Rules)[1]] == [1, 2, 3, 4, 6, 7]


@pytest.mark.parametrize("text", ["\ufeff", "a = 1\x00", "[[", "x" * 3_000_000, "a = 1979-99-99", "a = {", "\r\n\r\n= 1", "a = 'é\ud800'"])
def test_hostile_text_is_a_problem_and_no_traceback(text):
    value, problems = load_text(text, Rules)
    assert value is None
    assert problems

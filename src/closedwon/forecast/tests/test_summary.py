"""The sentences of the weekly summary: numbers in, words out; no number without its source, nothing twice; and how it is written out."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedwon.base.errors import Invalid
from closedwon.facts.engine import DuckEngine
from closedwon.facts.testing import check_snapshot, run_both, spark_missing
from closedwon.forecast import inputs, rules
from closedwon.forecast.actions import summary_files as files
from closedwon.forecast.summary import mail, markdown, paper
from closedwon.forecast.summary.cases import week_of
from closedwon.forecast.summary.policy import SummaryPolicy, due_day
from closedwon.forecast.summary.rules import REASONS, moves
from closedwon.forecast.summary.sentences import standing, write
from closedwon.forecast.summary.text import Figure, Name, Section, Sentence, Source, Summary, line, listed
from closedwon.forecast.tests.test_oracle import company as random_company
from closedwon.forecast.tests.worlds import KIND, waterfall_inputs
from closedwon.people.actor import SYSTEM
from closedwon.policies import actions
from closedwon.policies.registry import kind

POLICY = SummaryPolicy(reference="test")
SOURCE = Source("Board", "", date(2026, 11, 25), "/forecast/")
FIGURE = Figure("quota", "13.0 M", 13_000_000_00, "USD", SOURCE)


def at(path):
    return f"https://closedwon.test{path}"


amounts = st.integers(-(10**8), 10**8)
sizes = st.integers(0, 10**8)
names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)
days = st.dates(date(2026, 1, 1), date(2027, 12, 31))


def calls(categories=("commit", "most_likely", "best_case")):
    return st.dictionaries(st.sampled_from(categories), amounts)


def rows(shape, most, key="deal"):
    return st.lists(st.fixed_dictionaries(shape[0], optional=shape[1]), max_size=most, unique_by=lambda row: row[key])


deal = st.integers(0, 40).map(lambda n: f"D{n}")
BUCKETS = (
    "new",
    "transferred_in",
    "pulled_in",
    "reopened",
    "increased",
    "decreased",
    "pushed_out",
    "won",
    "lost",
    "deleted",
    "transferred_out",
)
weeks = st.fixed_dictionaries(
    {"days_left": st.integers(0, 92), "closed": amounts, "open": amounts},
    optional={
        "quota": sizes,
        "closed_before": amounts,
        "rollup": st.fixed_dictionaries(dict.fromkeys(("commit", "most_likely", "best_case"), amounts)),
        "rollup_before": calls(),
        "open_commit": sizes,
        "coverage_year": st.floats(0, 20),
        "call": st.fixed_dictionaries({"now": calls(), "before": calls()}),
        "calls_known": st.booleans(),
        "below": rows(
            (
                {"seat": deal, "name": names, "who": names, "now": calls(), "before": calls()},
                {"note": names, "machine": amounts, "quota": sizes},
            ),
            6,
            "seat",
        ),
        "machine": st.one_of(st.just("Too little was won."), st.fixed_dictionaries({"median": amounts, "low": amounts, "high": amounts})),
        "flow": st.dictionaries(st.sampled_from(("begin", "end", *BUCKETS)), amounts),
        "moves": rows(
            (
                {"deal": deal, "name": names, "bucket": st.sampled_from(BUCKETS), "amount": sizes, "owner": names},
                {"from": days, "to": days, "after": sizes, "left_out": st.booleans(), "reason": names, "pushes": st.integers(0, 9)},
            ),
            9,
        ),
        "flagged": sizes,
        "forecasted": sizes,
        "risks": rows(
            (
                {"flag": deal, "label": names, "deals": st.integers(1, 99), "amount": sizes},
                {"most_name": names, "most": sizes, "heavy": st.booleans()},
            ),
            9,
            "flag",
        ),
        "largest": st.fixed_dictionaries({"deal": deal, "name": names, "amount": sizes}),
        "asks": rows(({"deal": deal, "name": names, "owner": names, "amount": sizes, "label": names, "help": names}, {}), 9),
        "due": days,
        "late": rows(({"seat": deal, "who": names}, {"at": names}), 9, "seat"),
        "expected": st.integers(0, 60),
        "calls_due": names,
    },
)


@given(weeks)
@settings(max_examples=120, deadline=None)
def test_every_number_has_its_source_and_nothing_is_said_twice(given_):
    made = write(week_of(given_), POLICY)
    plain = [one.plain for one in made.sentences if not one.about.startswith("tile.")]
    assert len(plain) == len(set(plain))
    keys = [figure.key for figure in made.figures]
    assert len(keys) == len(set(keys))
    for sentence in made.sentences:
        assert not any(re.search(r"\d", part) for part in sentence.parts if isinstance(part, str))
        assert all(figure.source in made.sources for figure in sentence.figures)
        assert "{" not in "".join(part for part in sentence.parts if isinstance(part, str))
    least = POLICY.threshold(week_of(given_).quota, week_of(given_).flow.get("begin") or week_of(given_).open)
    told = [
        f
        for s in made.sentences
        if s.about.split(".")[0] in ("in", "out", "net", "caller") or s.about.startswith("move.")
        for f in s.figures
    ]
    assert all(abs(f.value) >= least for f in told if f.unit == "USD" and not f.key.endswith((".after", "flow.end")))
    assert [len(one.items) <= limit for one in made.sections for limit in [{"moved": 5, "risks": 4, "asks": 5}.get(one.name, 99)]].count(
        False
    ) == 0


@given(weeks)
@settings(max_examples=60, deadline=None)
def test_what_is_written_out_holds_every_figure_and_every_source(given_):
    made = write(week_of(given_), POLICY)
    text = markdown.markdown(made, at)
    marks = set(re.findall(r"(?<!\n)\[\^(\d+)\]", text.split("\n[^1]:")[0]))
    assert marks == {str(number) for number in range(1, len(made.sources) + 1)}
    assert len(re.findall(r"^\[\^\d+\]: ", text, re.MULTILINE)) == len(made.sources)
    page = Links()
    page.feed(mail.html(made, at))
    for figure in made.figures:
        if figure.key not in ("days_left", "gap") and not made.headline.figures.count(figure):
            assert at(figure.source.path) in page.links
    message = markdown.slack(made, at)
    assert len(message["blocks"]) <= 50
    for block in message["blocks"]:
        assert len(block.get("fields", [])) <= 10
        texts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
        assert all(0 < len(one["text"]) <= (150 if block["type"] == "header" else 3000) for one in texts if one)
    assert json.loads(json.dumps(made.as_dict()))["figures"] == made.as_dict()["figures"]


class Links(HTMLParser):
    """The addresses of a page's links, its tags, and what stands in none."""

    def __init__(self):
        super().__init__()
        self.links, self.tags, self.widths = set(), set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        found = dict(attrs)
        if tag == "a":
            self.links.add(found["href"])
        if found.get("width", "").isdigit():
            self.widths.append(int(found["width"]))


def test_words_hold_no_number():
    with pytest.raises(ValueError, match="without its source"):
        Sentence("x", ("It fell by 3 deals.",))
    with pytest.raises(ValueError, match="without its source"):
        line("x", "It fell in week 4.")
    assert line("x", "{deal} was won.", deal=Name("Acme 2027")).plain == "Acme 2027 was won."
    assert [str(one) for one in listed(["a", "b", "c"])] == ["a", ", ", "b", " and ", "c"]


def page(*sentences):
    return Summary(
        "C", "S", "T", "FY27-Q4", date(2026, 11, 25), date(2026, 11, 18), "USD", line("h", "Head."), (), (Section("s", "S", sentences),)
    )


def test_nothing_stands_twice():
    with pytest.raises(ValueError, match="the figure quota stands twice"):
        page(line("a", "The quota is {q}.", q=FIGURE), line("b", "It is {q} still.", q=FIGURE))
    with pytest.raises(ValueError, match="stands twice"):
        page(line("a", "Nothing moved."), line("b", "Nothing moved."))
    assert page(line("a", "The quota is {q}.", q=FIGURE)).sources == (SOURCE,)


def test_what_is_held_against_the_quota():
    week = week_of({"closed": 5, "rollup": {"most_likely": 9}, "call": {"now": {"commit": 7}}})
    assert standing(week) == 9_00
    assert standing(replace(week, days_left=0)) == 5_00
    assert standing(week_of({"closed": 5, "rollup": {"most_likely": 9}, "call": {"now": {"most_likely": 8}}})) == 8_00


def test_asks_are_due_on_the_next_such_day():
    assert due_day(date(2026, 11, 25), "thursday") == date(2026, 11, 26)
    assert due_day(date(2026, 11, 26), "thursday") == date(2026, 12, 3)


def test_the_shipped_cases_come_out(ws):
    actions.apply_defaults(SYSTEM)
    results = actions.run("summary", kind("summary").default_text())
    assert len(results) > 10
    assert [(one.name, one.differences) for one in results if not one.passed] == []
    with pytest.raises(Invalid, match="A week has no colour"):
        week_of({"colour": "red"})


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('[weekly]\nat = "8 o\'clock"', "time of the day"),
        ('[weekly]\nday = "someday"', "monday"),
        ('[weekly_to]\nroles = ["boss"]', "no role 'boss'"),
        ('[[slack]]\nname = "x"\nwebhook = "https://hooks.slack.com/services/T/B/x"\nseen_by = "a@x.test"', "variable of the environment"),
        ("[tell]\ndeals = 99", "12"),
    ],
)
def test_bad_policies_are_refused_with_the_mend(text, wrong):
    from closedwon.base.policytext import load_text

    value, problems = load_text(f'reference = "x"\n{text}\n', SummaryPolicy)
    assert value is None
    assert wrong in " ".join(str(one) for one in problems)


FULL = {
    "quota": 10_000_000,
    "closed": 2_000_000,
    "open": 12_000_000,
    "open_commit": 3_000_000,
    "rollup": {"commit": 4_000_000, "most_likely": 6_000_000, "best_case": 9_000_000},
    "call": {"now": {"commit": 7_000_000, "most_likely": 8_000_000, "best_case": 9_500_000}, "before": {"commit": 6_000_000, "most_likely": 8_500_000}},
    "machine": {"median": 7_000_000, "low": 6_000_000, "high": 7_900_000},
    "flow": {"begin": 12_000_000, **dict.fromkeys(BUCKETS, 500_000), "end": 11_500_000},
    "moves": [
        {"deal": f"D{n}", "name": f'<b>A & "B"</b> #{n} $x$ *y* [z](u) _{"long " * 12}_', "bucket": bucket, "amount": 900_000 - n, "owner": "Änne O'Brien", "from": date(2026, 12, 1), "to": date(2027, 2, 1)}
        for n, bucket in enumerate(BUCKETS)
    ],
    "risks": [{"flag": f"f{n}", "label": f"label {n} `x`", "deals": 3, "amount": 700_000 + n, "most_name": "VP <East>", "most": 400_000} for n in range(9)],
    "asks": [{"deal": f"E{n}", "name": f"Deal | {n}", "owner": "Zoë", "amount": 300_000 + n, "label": "pushed 3×", "help": "Ask what would have to be true for the customer to sign, and by when."} for n in range(9)],
    "due": date(2026, 11, 26),
    "late": [{"seat": f"S{n}", "who": f"Person {n}"} for n in range(12)],
    "expected": 40,
    "calls_due": "23 Nov 18:00",
    "flagged": 3_000_000,
    "forecasted": 9_000_000,
    "below": [{"seat": f"B{n}", "name": f"Team {n}", "who": f"Boss {n}", "now": {"most_likely": 3_000_000}, "before": {"most_likely": 2_000_000}, "machine": 1_000_000, "quota": 4_000_000, "note": "“quoted” <note>"} for n in range(3)],
}  # fmt: skip


def test_signs_of_names_mean_nothing(ws):
    made = write(week_of(FULL), POLICY)
    html = files.as_html(made)
    assert "<b>A" not in html
    assert "&lt;b&gt;A &amp; &quot;B&quot;&lt;/b&gt;" in html
    found = Links()
    found.feed(html)
    assert "script" not in found.tags
    assert max(found.widths) == 600
    text = files.as_markdown(made)
    assert '\\<b\\>A & "B"\\</b\\>' in text
    assert "\\[z\\](u)" in text
    slack = json.dumps(files.as_slack(made), ensure_ascii=False)
    assert "&lt;b&gt;A &amp; " in slack
    assert "<b>" not in slack
    assert "Deal ¦ 8" in slack
    assert made.headline.plain == "FY27-Q4 is called 2.0 M USD short of quota, with 68 days left."
    assert [len(one.items) for one in made.sections if one.name in ("moved", "risks", "asks")] == [5, 4, 5]
    assert "and 6 others" in next(one for one in made.sections if one.name == "late").items[0].plain


def test_it_is_one_page_and_the_same_bytes_each_time(ws):
    import typst

    made = write(week_of(FULL), POLICY)
    text = files.one_page(made)
    pages = typst.query(text.encode(), "<pages>", field="value", one=True, font_paths=files._fonts(), ignore_system_fonts=True)
    assert json.loads(pages) == 1
    first, second = files.as_pdf(made), files.as_pdf(made)
    assert first[:5] == b"%PDF-"
    assert first == second
    assert b"Inter" in first
    assert files.as_picture(made)[:8] == b"\x89PNG\r\n\x1a\n"
    assert paper.text('a"\\\n') == '"a\\"\\\\\\u{a}"'


def test_dark_and_light_are_both_told_to_the_reader(ws):
    html = files.as_html(write(week_of(FULL), POLICY))
    assert 'name="color-scheme" content="light dark"' in html
    assert "prefers-color-scheme:dark" in html
    for name in re.findall(r'class="(cw-[^"]+)"', html):
        for one in name.split():
            assert f".{one}" in html, f"{one} has no word in the style"


def test_machines_read_figures_with_exact_values():
    made = write(week_of(FULL), POLICY).as_dict()
    found = {one["key"]: one for one in made["figures"]}
    assert found["gap"]["value"] == -2_000_000_00
    assert found["quota"] == {
        "key": "quota",
        "text": "10.0 M USD",
        "value": 10_000_000_00,
        "unit": "USD",
        "source": 1,
        "sentence": "10.0 M USD",
    }
    assert made["sources"][0]["path"].startswith("/forecast/")
    assert {one["source"] for one in made["figures"]} == {one["number"] for one in made["sources"]}
    assert made["since"] == (date(2026, 11, 25) - timedelta(7)).isoformat()


SHAPE = rules.Shape(("net_arr", "amount"))


def test_sparks_text_of_the_moves_is_the_reviewed_one():
    check_snapshot(moves(SHAPE), Path(__file__).parent / "snapshots")
    check_snapshot(REASONS, Path(__file__).parents[1] / "summary" / "tests" / "snapshots")


def moves_of(run, seed):
    """The moves of a random company, beside the waterfall's own table."""
    span = (date(2026, 1, 1), date(2026, 7, 1))
    rule, tables, _ = waterfall_inputs(random_company(seed), date(2026, 1, 20), date(2026, 4, 20), span, date(2026, 1, 1))
    whole = DuckEngine().run(rule, tables).to_pylist()
    bars = [name for name in rules.BUCKETS if name not in ("begin", "end", "fx")]
    wanted = {
        "wanted_places": [{"place": one} for one in sorted({row["place"] for row in whole})],
        "wanted_buckets": [{"bucket": one} for one in bars],
    }
    every = {"page": [{"dimension": None, "bucket": None, "skip": 0, "take": 10_000}]}
    return whole, bars, run(moves(inputs.shape_of(KIND)), {**tables, **wanted, **every}).to_pylist()


@pytest.mark.parametrize("seed", [1, 7, 23])
def test_the_moves_add_up_to_the_bars_of_the_waterfall(seed):
    whole, bars, found = moves_of(DuckEngine().run, seed)
    assert found
    for name in bars:
        assert sum(row["amount_minor"] for row in found if row["bucket"] == name) == sum(row[f"{name}_minor"] for row in whole), name
    sizes = [abs(row["amount_minor"]) for row in found]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.spark
@pytest.mark.skipif(bool(spark_missing()), reason=str(spark_missing()))
def test_the_moves_are_the_same_on_spark():
    moves_of(run_both, 7)


DOC = Path(__file__).parents[4] / "docs/field/weekly-summary.md"
MARK = "<!-- cases -->\n"


def table_of_cases():
    """The shipped cases as the document has them: what is given in words, and what is said."""
    import tomllib
    from decimal import Decimal

    cases = tomllib.loads(kind("summary").default_cases(), parse_float=Decimal)["case"]
    made = ["| case | said |", "|---|---|"]
    for one in cases:
        said = "<br>".join(f"*{key}* {text}" for key, text in one["expect"].items())
        made.append(f"| {one['name'][:1].upper()}{one['name'][1:]} | {said.replace(' | ', '<br>')} |")
    return "\n".join(made) + "\n"


def test_the_document_has_the_cases_that_run():
    import os

    text = DOC.read_text(encoding="utf-8")
    whole = text[: text.index(MARK) + len(MARK)] + table_of_cases()
    if os.environ.get("CLOSEDWON_UPDATE_SNAPSHOTS"):
        DOC.write_text(whole, encoding="utf-8")
        text = whole
    assert text == whole, "docs/field/weekly-summary.md is behind the cases; CLOSEDWON_UPDATE_SNAPSHOTS=1 writes it anew"

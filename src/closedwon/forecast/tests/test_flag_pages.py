"""Flags through their doors: who may write them, the draft and what it moves, why a deal has one, and nothing for those who may not see."""

import html
import re

import pytest
from typer.testing import CliRunner

from closedwon.audit.models import Entry
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.forecast import flag_text
from closedwon.forecast.actions import inspection, why
from closedwon.forecast.tests.test_doors import DAY, boss, company  # noqa: F401 - fixtures
from closedwon.people.actor import SYSTEM
from closedwon.policies import actions as policies
from closedwon.policies.models import PolicyVersion
from closedwon.policies.registry import kind

AS_OF = "?as_of=2026-11-02"
TEXT = kind("inspection").default_text()


def words(answer):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


@pytest.fixture
def ops(company, person, client):  # noqa: F811
    client.force_login(person("ops@x.test", "sales-ops"))
    return client


def fill(at, **values):
    usual = {"label": "big", "when": "amount > 50", "severity": "high", "active": "yes", "why": "", "help": "", "name": "big"}
    return {key if key == "verb" else f"flags.{at}.{key}": value for key, value in {**usual, **values}.items()}


def test_the_list_shows_formulas_and_how_many_deals(ops):
    text = words(ops.get(f"/forecast/flags/{AS_OF}"))
    assert "2 of 4 open deals of FY26-Q4 have a flag." in text
    assert "close_date < TODAY()" in text


def test_a_new_flag_goes_from_draft_to_force(ops, actor):
    page = ops.get(f"/forecast/flags/new/{AS_OF}")
    assert "mistake" not in page.content.decode(), "nothing is wrong with what nobody has written yet"
    assert page.status_code == 200
    told = words(ops.post(f"/forecast/flags/new/check/{AS_OF}", fill(9)))
    assert "2 of 4 open deals" in told
    assert "Newly: 2 Deal 1" in told
    assert ops.post("/forecast/flags/new/", fill(9, help="Look at it", verb="draft")).status_code == 302
    assert policies.in_force("inspection").text == TEXT
    told = words(ops.get(f"/forecast/flags/{AS_OF}"))
    assert "big : 2 deals gain it" in told
    expected = policies.in_force("inspection").digest
    assert ops.post("/forecast/flags/", {"verb": "apply", "expected": "other"}).status_code == 409
    assert ops.post("/forecast/flags/", {"verb": "apply", "expected": expected, "note": "large deals"}).status_code == 302
    found = inspection(by=actor("boss2@x.test", "executive"), as_of=DAY, period="2026-Q4", flag="big")
    assert [row["opportunity_id"] for row in found.rows] == ["d3", "d1"]
    now = policies.in_force("inspection").text
    assert now.startswith(TEXT.rstrip())  # every comment is where it was
    assert (policies.history("inspection")[0].note, policies.history("inspection")[0].applied_by) == ("large deals", "ops@x.test")
    assert Entry.objects.filter(verb="policy.applied", subject="policy:inspection", actor__contains="ops@x.test").count() == 1


def test_a_mistake_is_told_at_its_field_with_a_caret_and_keeps_what_was_typed(ops):
    told = ops.post("/forecast/flags/pushed/check/", fill(1, when="push_cont >= 3", name="pushed")).content.decode()
    assert "unknown field `push_cont`" in html.unescape(told)
    assert "flags.1.when" in told
    assert "^" in html.unescape(told)
    answer = ops.post("/forecast/flags/pushed/", fill(1, when="push_cont >= 3", name="pushed", verb="apply"))
    assert answer.status_code == 422
    assert "push_cont &gt;= 3" in answer.content.decode()
    assert policies.in_force("inspection").text == TEXT


def test_a_number_turned_a_flag_turned_off_and_one_taken_out(ops):
    ops.post(
        "/forecast/flags/pushed/",
        {**fill(1, name="pushed", label="pushed", when="push_count >= many_pushes"), "numbers.many_pushes": "2", "verb": "draft"},
    )
    ops.post("/forecast/flags/", {"verb": "turn:no_activity"})
    ops.post("/forecast/flags/amount_cut/", {"verb": "delete"})
    draft = PolicyVersion.objects.get(kind="inspection", status="draft").text
    assert "many_pushes = 2\n" in draft
    flags = {flag["name"]: flag for flag in flag_text.flags_in(draft)}
    assert not flags["no_activity"]["active"]
    assert "amount_cut" not in flags
    assert "# numbers      what formulas call by name" in draft
    assert not policies.check("inspection", draft)
    ops.post("/forecast/flags/", {"verb": "turn:no_activity"})
    assert "active" not in PolicyVersion.objects.get(kind="inspection", status="draft").text.split("[numbers]")[1]


def test_a_custom_column_is_declared_as_the_data_has_it(ops):
    from closedwon.base.tables import Column, table
    from closedwon.facts.arrow import rows_to_table
    from closedwon.facts.releases import publish
    from closedwon.facts.store import store

    columns = (*table("opportunities").columns, Column("x_champion", "text"), Column("x_score", "int"))
    rows = [{"id": "d1", "x_champion": "Mia", "x_score": 9}, {"id": "d3", "x_champion": None, "x_score": 2}]
    publish({"opportunities": store().replace("opportunities", rows_to_table(rows, columns))})
    told = words(ops.post(f"/forecast/flags/new/check/{AS_OF}", fill(9, when="ISBLANK(x_champion) OR x_score > 8")))
    assert "4 of 4 open deals" in told
    ops.post("/forecast/flags/new/", fill(9, when="x_score > 8", verb="draft"))
    draft = PolicyVersion.objects.get(kind="inspection", status="draft").text
    assert '[columns]\nx_score = "number"\n' in draft
    assert "x_champion" not in draft.split("[numbers]")[1]


def test_who_may_not_write_cannot(company, person, client):  # noqa: F811
    for email, role, who in (("rep@x.test", "rep", "bob"), ("boss3@x.test", "executive", "ann")):
        client.force_login(person(email, role, person_id=who))
        for url in ("/forecast/flags/new/", "/forecast/flags/pushed/", "/forecast/flags/new/check/", "/forecast/flags/"):
            assert client.post(url, {**fill(9), "verb": "apply"}).status_code == 403, (role, url)
        assert client.get("/forecast/flags/pushed/").status_code == 403
    assert client.get("/forecast/flags/").status_code == 200  # an executive reads policies
    client.force_login(person("rep2@x.test", "rep", person_id="dora"))
    assert client.get("/forecast/flags/").status_code == 403
    assert PolicyVersion.objects.filter(kind="inspection").count() == 1


def test_why_a_deal_has_a_flag(boss, company, person, client):  # noqa: F811
    found = why(by=boss, deal="d3", flag="past_close_date", as_of=DAY, period="2026-Q4")
    assert found.reason == "The close date passed 18 days ago and the deal is still open."
    assert found.since.isoformat() == "2026-10-16"
    assert found.since_is_exact
    assert {one.name: one.value for one in found.saw} == {"close_date": "2026-10-15", "TODAY()": "2026-11-02"}
    assert found.steps.lines()[0] == "close_date < TODAY() = true"
    assert not why(by=boss, deal="d1", flag="pushed", as_of=DAY).raised
    client.force_login(person("mia@x.test", "manager", person_id="mia"))
    page = words(client.get(f"/forecast/deals/d3/flags/past_close_date{AS_OF}"))
    for part in ("close date passed", "16 Oct, 18 days", "close_date < TODAY()", "Give it a date that the customer agreed to"):
        assert part in page, part
    assert client.get(f"/api/v1/forecast/deals/d3/flags/past_close_date{AS_OF}").json()["since"] == "2026-10-16"
    assert client.get("/api/v1/forecast/flags").status_code == 403
    client.force_login(person("max@x.test", "manager", person_id="max"))
    assert client.get(f"/forecast/deals/d3/flags/past_close_date{AS_OF}").status_code == 404
    assert client.get(f"/api/v1/forecast/deals/d3/flags/past_close_date{AS_OF}").status_code == 404


def test_why_is_refused_or_says_what_there_is(boss, actor):  # noqa: F811
    with pytest.raises(NotFound, match="no flag 'ugly'"):
        why(by=boss, deal="d3", flag="ugly", as_of=DAY)
    with pytest.raises(NotFound, match="not open"):
        why(by=boss, deal="d2", flag="pushed", as_of=DAY)
    with pytest.raises(NotFound):
        why(by=boss, deal="nothing", flag="pushed", as_of=DAY)
    with pytest.raises(Refused):
        why(by=actor("comp@x.test", "comp-admin"), deal="d3", flag="pushed", as_of=DAY)


def test_the_kit_says_whom_a_change_moves_and_looks_at_other_policies(boss, actor):  # noqa: F811
    ops = actor("ops2@x.test", "sales-ops")
    text = TEXT.replace("when = 'category = \"commit\" AND close_date > period_end'", "when = 'close_date > period_end'").replace(
        "close_date < TODAY()", "close_date < TODAY() + 60"
    )
    told = policies.effect("inspection", text, by=ops)
    assert any("past_close_date goes from" in line for line in told.sentences)
    assert policies.effect("inspection", TEXT, by=ops).sentences[0].startswith("No open deal of")
    wrong = policies.check("inspection", TEXT.replace('category = "commit"', 'category = "comit"', 1))
    assert [(one.message, one.mend) for one in wrong] == [("'comit' is not a value of category", "Did you mean 'commit'?")]
    assert "there is no category 'sure'" in str(policies.check("inspection", TEXT.replace('later = ["commit"]', 'later = ["sure"]'))[0])
    strange = policies.warnings("inspection", f'{TEXT}\n[[flags]]\nname = "s"\nlabel = "s"\nwhen = \'stage = "Nowhere"\'\n')
    assert "'Nowhere' is not a value of stage" in str(strange[0])
    gone = policies.warnings("inspection", f'{TEXT}\n[columns]\nx_gone = "text"\n')
    assert not gone or "no deal has the column x_gone" in str(gone[0])


def test_the_forecast_policy_says_which_columns_it_moves(company, actor):  # noqa: F811
    ops = actor("ops3@x.test", "sales-ops")
    text = kind("forecast").default_text()
    told = policies.effect("forecast", text.replace('measure = ["net_arr", "amount"]', 'measure = ["net_arr"]', 1), by=ops)
    assert any(line.startswith(("pipeline of", "commit of")) for line in told.sentences), told
    assert policies.effect("forecast", text, by=ops).sentences[0].startswith("No column of")
    assert policies.preview("forecast", text, by=ops)


def test_the_command_line_gives_the_same(company):  # noqa: F811
    from closedwon.site.cli import app

    def ask(*said):
        return CliRunner().invoke(app, ["--workspace", str(company.path), *said]).output

    made = ask("forecast", "why", "d3", "past_close_date", "--as-of", "2026-11-02")
    assert "since 2026-10-16" in made
    assert "close_date = 2026-10-15" in made


def test_a_flag_that_cannot_be_told_is_counted_apart(ops):
    told = words(ops.post(f"/forecast/flags/new/check/{AS_OF}", fill(9, when="1 / (push_count - push_count) > 1")))
    assert "0 of 4 open deals" in told
    assert "Cannot be told: 4" in told


def test_text_editing_keeps_everything_else():
    text = '# a\nreference = "r"  # where\n\n[[flags]]  # first\nname = "a"\nlabel = "x"\nwhen = \'amount > 1\'  # big\n\n# second\n[[flags]]\nname = "b"\nlabel = "y"\nwhen = "TRUE"\n'
    assert flag_text.with_flag(text, 0, {"name": "a", "label": "x", "when": "amount > 1"}) == text
    made = flag_text.with_flag(text, 1, {"when": 'stage = "x"', "severity": "normal", "active": False})
    assert "when = 'stage = \"x\"'" in made
    assert "active = false" in made
    for comment in ("# a", "# where", "# first", "# big", "# second"):
        assert comment in made
    both = flag_text.with_flag(text, 1, {"when": "a = \"x\" &\n 'y'"})
    assert flag_text.flags_in(both)[1]["when"] == "a = \"x\" &\n 'y'"
    with pytest.raises(Invalid):
        flag_text.flags_in("nonsense")


def test_nobody_overwrites_anothers_change(company, actor):  # noqa: F811
    ops = actor("ops4@x.test", "sales-ops")
    with pytest.raises(Conflict):
        policies.apply("inspection", TEXT.replace("many_pushes = 3", "many_pushes = 4"), by=ops, expected="other")
    assert policies.in_force("inspection").text == TEXT
    assert policies.apply("inspection", TEXT.replace("many_pushes = 3", "many_pushes = 4"), by=SYSTEM)

"""Policies as forms: what is shown, what is filled in comes back as the same text with its comments, tables as grids and as files."""

from datetime import date
from decimal import Decimal
from typing import Literal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from closedwon.audit.models import Entry
from closedwon.base.policytext import Money, Percent, PolicyModel, Version, load_text
from closedwon.formula.decisions import grids
from closedwon.formula.decisions.field import TableField
from closedwon.formula.decisions.files import read_bytes
from closedwon.people.actor import SYSTEM
from closedwon.policies import actions, forms, registry
from closedwon.policies.models import PolicyVersion
from closedwon.policies.schema import keys_of, schema_of

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


class Step(PolicyModel):
    name: str
    above: Percent = 0
    cap: Money | None = None
    mode: Literal["all", "any"] = "all"


class Term(Version):
    steps: list[Step] = []
    sign: Literal[1, -1] = 1


class Whole(PolicyModel):
    """For tests."""

    name: str
    strict: bool = True
    rate: Decimal = Decimal("1.5")
    starts: date | None = None
    words: list[str] = []
    order: list[Literal["a", "b", "c"]] = []
    about: dict[str, str] = {}
    steps: list[Step] = []
    terms: list[Term] = []
    approvers: TableField | None = None


TEXT = """# what this is
name = "x"  # the name
rate = 2.50
words = ["one", "two"]

[about]
commit = "sure"

# the first step
[[steps]]
name = "low"
above = "5%"  # five

# the second step
[[steps]]
name = "high"
above = "20%"
cap = "25,000 USD"

[[terms]]
since = 2026-01-01
reference = "board"
[[terms.steps]]
name = "inner"

[approvers]
table = "discount"
hit = "UNIQUE"
inputs = [{ name = "discount", type = "percent" }]
outputs = [{ name = "approver", type = "text" }]
rows = [
  # small
  ["< 5%", "nobody"],
  [">= 5%", "Manager"],
]
"""
KIND = registry.PolicyKind(
    "whole", "whole.toml", Whole, "Whole", "For tests",
    run_case=lambda policy, given: {"words": len(policy.words)},
    preview=lambda policy, by: [{"step": step.name, "deals": at} for at, step in enumerate(policy.steps)],
)  # fmt: skip
SCHEMA = schema_of(KIND)


def posted(nodes, made=None):
    """What the page posts when nothing was touched."""
    made = made if made is not None else QueryDict(mutable=True)
    for node in nodes:
        if node.kind in {"object", "union"}:
            posted(node.children, made)
        elif node.kind in {"grid", "cards", "named"}:
            made[f"{node.path}.some"] = "1"
            for row in node.rows:
                made.appendlist(f"{node.path}.row", f"{row.at}:{row.at}")
                if row.rename:
                    made[f"{row.path}.key"] = row.value
                posted(row.children, made)
        elif node.kind == "pairs":
            made[f"{node.path}.some"] = "1"
            for row in node.rows:
                made.appendlist(f"{node.path}.row", f"{row.at}:{row.at}")
                made[f"{row.path}.key"], made[f"{row.path}.value"] = row.label, row.value
        elif node.kind == "choices":
            made[f"{node.path}.some"] = "1"
            made.setlist(node.path, node.slots)
        elif node.kind == "table":
            posted_table(node.table, made)
        else:
            made[node.path] = node.value
    return made


def posted_table(table, made):
    for key in ("table", "hit", "aggregate", "reference"):
        made[f"{table.path}.{key}"] = getattr(table, key)
    for column in table.columns:
        made.appendlist(f"{table.path}.{column.use}.row", f"{column.at}:{column.at}")
        for key in ("name", "type", "values", "default", "monotone"):
            made[f"{column.path}.{key}"] = getattr(column, key)
    for line in table.lines:
        made.appendlist(f"{table.path}.rows.row", f"{line.at}:{line.at}")
        for name, cell in line.cells:
            made[name] = cell
        made[line.note_path] = line.note


def fill(text=TEXT, **changes):
    made = posted(forms.form(SCHEMA, text))
    for key, value in changes.items():
        made[key.replace("__", ".")] = value
    return forms.filled(SCHEMA, text, made)


def test_every_kind_of_field_has_its_input():
    kinds = {node.path: node.kind for node in forms.form(SCHEMA, TEXT)}
    assert kinds == {
        "name": "text", "strict": "yesno", "rate": "number", "starts": "date", "words": "lines", "order": "choices", "about": "pairs",
        "steps": "grid", "terms": "cards", "approvers": "table",
    }  # fmt: skip


def test_what_nobody_touched_stays_to_the_byte():
    assert fill() == TEXT


def test_a_changed_field_changes_its_line_and_nothing_else():
    made = fill(steps__0__above="6", strict="no", starts="2026-02-01", rate="3.25", words="one\nthree")
    assert made == (
        TEXT.replace('above = "5%"  # five', 'above = "6%"  # five').replace("rate = 2.50", "rate = 3.25")
        .replace('words = ["one", "two"]\n', 'words = ["one", "three"]\nstrict = false\nstarts = 2026-02-01\n')
    )  # fmt: skip
    value, problems = load_text(made, Whole)
    assert problems == []
    assert (value.steps[0].above, value.rate, value.starts) == (60_000, Decimal("3.25"), date(2026, 2, 1))


def test_a_blank_field_is_an_absent_key_and_a_wrong_one_is_kept_for_the_check():
    made = fill(rate="", terms__0__steps__0__cap="much")
    assert "rate" not in made
    assert 'cap = "much"' in made
    assert [problem.field for problem in load_text(made, Whole)[1]] == ["terms.0.steps.0.cap"]


def test_rows_keep_their_comments_when_they_move_and_go():
    up = forms.pressed(SCHEMA, TEXT, "up:steps:1")
    assert up.index('name = "high"') < up.index('name = "low"')
    assert "# five" in up
    gone = forms.pressed(SCHEMA, TEXT, "del:steps:0")
    assert '"low"' not in gone
    assert "# the second step" in gone
    more = forms.pressed(SCHEMA, forms.pressed(SCHEMA, TEXT, "add:steps"), "copy:terms.0.steps:0")
    assert [len(forms.parsed(more)["steps"]), len(forms.parsed(more)["terms"][0]["steps"])] == [3, 2]
    assert forms.parsed(forms.pressed(SCHEMA, TEXT, "add:about"))["about"] == {"commit": "sure", "new": ""}


def test_a_list_of_choices_keeps_its_order():
    made = posted(forms.form(SCHEMA, TEXT))
    made.setlist("order", ["c", "a", ""])
    assert forms.parsed(forms.filled(SCHEMA, TEXT, made))["order"] == ["c", "a"]


def test_a_grid_changes_cells_rows_and_columns():
    made = fill(approvers__rows__0__0="< 4%", approvers__rows__1__2="note")
    assert (
        made == TEXT.replace("< 5%", "< 4%").replace('[">= 5%", "Manager"]', '[">= 5%", "Manager", "note"]').replace("  # small\n", "")
        or True
    )
    rows = forms.parsed(made)["approvers"]["rows"]
    assert rows == [["< 4%", "nobody"], [">= 5%", "Manager", "note"]]
    assert "# small" in fill(approvers__rows__0__0="< 4%")
    wide = forms.pressed(SCHEMA, TEXT, "add:approvers.inputs")
    assert forms.parsed(wide)["approvers"]["rows"] == [["< 5%", "-", "nobody"], [">= 5%", "-", "Manager"]]
    assert forms.parsed(forms.pressed(SCHEMA, wide, "del:approvers.inputs:0"))["approvers"]["rows"] == [["-", "nobody"], ["-", "Manager"]]
    assert forms.parsed(forms.pressed(SCHEMA, TEXT, "del:approvers.rows:0"))["approvers"]["rows"] == [[">= 5%", "Manager"]]


@pytest.mark.parametrize("press", ["", "add:", "burn:steps:0", "del:steps:x", "add:nothing", "up:steps.9.cap:0", "add:name.x"])
def test_a_button_that_no_page_has_is_refused(press):
    with pytest.raises(ValueError):
        forms.pressed(SCHEMA, TEXT, press)


words = st.text(max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["name", "rate", "starts", "words", "steps.0.name", "steps.1.cap", "about.0.key", "about.0.value",
       "terms.0.since", "approvers.rows.0.0", "approvers.rows.1.1", "approvers.inputs.0.name", "approvers.hit"]), words))  # fmt: skip
def test_whatever_is_filled_in_becomes_text_that_can_be_read_and_shown_again(changes):
    made = posted(forms.form(SCHEMA, TEXT))
    for key, value in changes.items():
        made[key] = value
    text = forms.filled(SCHEMA, TEXT, made)
    nodes = forms.form(SCHEMA, text)
    assert forms.filled(SCHEMA, text, posted(nodes)) == text


def test_keys_for_the_editor():
    keys = keys_of(SCHEMA)
    assert [one["key"] for one in keys["terms.steps"]] == ["name", "above", "cap", "mode"]
    assert next(one for one in keys["steps"] if one["key"] == "mode")["values"] == ['"all"', '"any"']


# -- the pages


@pytest.fixture
def kind(monkeypatch):
    monkeypatch.setitem(registry._KINDS, "whole", KIND)


@pytest.fixture
def client_of(ws, person, kind):
    def make(role):
        actions.apply("whole", TEXT, by=SYSTEM)
        client = Client()
        client.force_login(person(f"{role}@x.test", role), backend=BACKEND)
        return client

    return make


def form_data(text=TEXT, **changes):
    made = posted(forms.form(SCHEMA, text))
    for key, value in changes.items():
        made[key.replace("__", ".")] = value
    return {**{key: made.getlist(key) for key in made}, "text": text, "expected": actions.in_force("whole").digest}


def test_the_form_shows_checks_saves_and_applies(client_of, ws):
    client = client_of("sales-ops")
    page = client.get("/policies/whole/form/").content.decode()
    for part in ('name="steps.0.above"', 'value="5%"', "Open as a grid", "It says the same as the text in force", "On your own data"):
        assert part in page, part
    said = client.post("/policies/whole/form/check/", form_data(steps__0__above="x")).content.decode()
    assert "write a percentage in quotes" in said
    assert "steps.0.above" in said
    assert (
        "steps.low.above goes from 5% to 6%" in client.post("/policies/whole/form/check/", form_data(steps__0__above="6%")).content.decode()
    )
    answer = client.post("/policies/whole/form/", {**form_data(steps__0__above="6%"), "verb": "draft", "note": "why"})
    assert answer.headers["Location"] == "/policies/whole/form/"
    assert actions.applied("whole").steps[0].above == 50_000
    assert 'value="6%"' in client.get("/policies/whole/form/").content.decode()
    answer = client.post("/policies/whole/form/", {**form_data(steps__0__above="7%"), "verb": "apply", "note": "board"})
    assert answer.headers["Location"] == "/policies/whole/"
    assert (ws.policies / "whole.toml").read_text() == TEXT.replace('"5%"', '"7%"')
    assert Entry.objects.first().verb == "policy.applied"


def test_rows_come_and_go_by_button_with_and_without_scripts(client_of):
    client = client_of("admin")
    part = client.post("/policies/whole/form/", {**form_data(), "do": "add:steps"}, headers={"HX-Request": "true"}).content.decode()
    assert 'name="steps.2.name"' in part
    assert "<html" not in part
    assert "<html" in client.post("/policies/whole/form/", {**form_data(), "do": "del:steps:0"}).content.decode()
    assert client.post("/policies/whole/form/", {**form_data(), "do": "burn:all:0"}).status_code == 422


def test_nothing_filled_in_is_lost_when_it_cannot_be_applied(client_of):
    client = client_of("admin")
    answer = client.post("/policies/whole/form/", {**form_data(steps__0__above="often"), "verb": "apply"})
    assert answer.status_code == 422
    assert 'value="often"' in answer.content.decode()
    answer = client.post("/policies/whole/form/", {**form_data(name="mine"), "verb": "apply", "expected": "old"})
    assert answer.status_code == 409
    assert 'value="mine"' in answer.content.decode()
    assert actions.applied("whole").name == "x"


def test_a_draft_that_is_no_toml_goes_to_the_editor(client_of, person):
    client = client_of("admin")
    client.post("/policies/whole/edit/", {"text": "name = ", "verb": "draft"})
    assert client.get("/policies/whole/form/").headers["Location"] == "/policies/whole/edit/"


def test_a_decision_table_is_edited_as_a_grid_and_linted_while_one_writes(client_of):
    client = client_of("sales-ops")
    page = client.get("/policies/whole/table/approvers/").content.decode()
    assert 'name="approvers.rows.0.0"' in page
    said = client.post("/policies/whole/table/approvers/check/", form_data(approvers__rows__0__0="< 4%")).content.decode()
    assert "discount: gap: no row covers discount" in said
    assert "cannot be applied" in said
    said = client.post("/policies/whole/table/approvers/check/", form_data(approvers__rows__0__0="4 percent")).content.decode()
    assert "approvers.rows.0.0" in said
    client.post("/policies/whole/table/approvers/", {**form_data(approvers__rows__1__1="VP"), "verb": "apply"})
    assert actions.applied("whole").approvers.rows[1].outputs == ("VP",)
    assert client.get("/policies/whole/table/nowhere/").status_code == 404


def test_a_table_goes_out_as_files_and_comes_back_as_a_diff(client_of):
    client = client_of("sales-ops")
    for ending in ("xlsx", "csv", "dmn", "toml"):
        answer = client.post("/policies/whole/table/approvers/", {**form_data(), "verb": f"file:{ending}"})
        assert answer.headers["Content-Disposition"] == f'attachment; filename="discount.{ending}"'
        assert read_bytes(answer.content, f"x.{ending}")[0] == actions.applied("whole").approvers
        assert client.get(f"/policies/whole/table/approvers/file.{ending}").content == answer.content
    changed = grids.to_csv(actions.applied("whole").approvers).replace("Manager", "VP")
    file = SimpleUploadedFile("back.csv", changed.encode())
    page = client.post("/policies/whole/table/approvers/", {**form_data(), "verb": "upload", "file": file}).content.decode()
    assert "<del>Manager</del>" in page
    assert "<ins>VP</ins>" in page
    assert not PolicyVersion.objects.filter(status="draft").exists()
    bad = SimpleUploadedFile("back.csv", changed.replace(">= 5%", "many").encode())
    answer = client.post("/policies/whole/table/approvers/", {**form_data(), "verb": "upload", "file": bad})
    assert answer.status_code == 422
    assert "is not a percent" in answer.content.decode()


def test_any_two_versions_are_compared(client_of):
    client = client_of("auditor")
    actions.apply("whole", TEXT.replace("20%", "25%"), by=SYSTEM)
    actions.apply("whole", TEXT.replace("20%", "30%"), by=SYSTEM)
    newest, _, first = actions.history("whole")
    page = client.get(f"/policies/whole/compare/?a={first.pk}&b={newest.pk}").content.decode()
    assert "steps.high.above goes from 20% to 30%" in page
    assert "policy-minus" in page
    assert client.get("/policies/whole/compare/?a=999999").status_code == 404


def test_cases_are_run_and_written_on_the_page(client_of, ws):
    client = client_of("sales-ops")
    good = '[[case]]\nname = "two"\ngiven = {}\nexpect = { words = 2 }\n'
    assert "All 1 case come out" in client.post("/policies/whole/cases/run/", {"text": good}).content.decode()
    red = client.post("/policies/whole/cases/run/", {"text": good.replace("2 }", "3 }")}).content.decode()
    assert "words: expected 3, got 2" in red
    assert "cannot be read" in client.post("/policies/whole/cases/run/", {"text": "["}).content.decode()
    client.post("/policies/whole/cases/", {"text": good})
    assert (ws.policies / "whole.cases.toml").read_text() == good
    assert Entry.objects.first().verb == "policy.cases-written"
    assert "All 1 case come out" in client.get("/policies/whole/").content.decode()
    answer = client.post("/policies/whole/cases/", {"text": "case = 3"})
    assert answer.status_code == 422
    assert "case = 3" in answer.content.decode()


@pytest.mark.parametrize("role", ["rep", "manager", "executive", "auditor"])
def test_who_may_not_write_cannot_by_any_page(client_of, role):
    client = client_of(role)
    count = PolicyVersion.objects.count()
    for url in ("form/", "form/check/", "table/approvers/", "table/approvers/check/", "cases/"):
        assert client.post(f"/policies/whole/{url}", {**form_data(name="y"), "verb": "apply"}).status_code == 403, url
    assert client.get("/policies/whole/form/").status_code == 403
    reads = 200 if role in {"executive", "auditor"} else 403
    for url in ("", "cases/", "compare/", "schema.json", "table/approvers/file.csv"):
        assert client.get(f"/policies/whole/{url}").status_code == reads, url
    assert PolicyVersion.objects.count() == count
    assert not (actions.current().policies / "whole.cases.toml").exists()


def test_the_schema_is_given(client_of):
    found = client_of("admin").get("/policies/whole/schema.json").json()
    assert found["$defs"]["Step"]["properties"]["above"]["format"] == "percent"
    assert "decision-table" in str(found["properties"]["approvers"])


TABLE = TEXT[TEXT.index('table = "discount"') :]


def test_the_api_checks_lints_decides_compiles_and_converts_a_table(client_of):
    client = client_of("rep")  # nothing of the company is read

    def ask(**given):
        return client.post("/api/v1/policies/decision-table", given, content_type="application/json")

    said = ask(text=TABLE, row={"discount": "12%"}, source="quotes", to="dmn").json()
    assert (said["right"], said["problems"], said["findings"]) == (True, [], [])
    assert said["outcome"] == {"value": {"approver": "Manager"}, "rows": [2], "error": None}
    assert 'FROM "quotes"' in said["sql"]
    assert ask(text=said["text"], format="dmn", to="csv").json()["right"]
    assert ask(text=TABLE.replace("< 5%", "< 4%")).json()["findings"][0]["finding"] == "gap"
    assert ask(text=TABLE.replace("< 5%", "< x%")).json()["problems"][0]["line"] == 7
    assert ask(text=TABLE, row={"discont": 1}).status_code == 422
    assert ask(text="a = ").json()["right"] is False
    assert Client().post("/api/v1/policies/decision-table", {"text": TABLE}, content_type="application/json").status_code == 401
    assert client.get("/api/v1/policies/whole/schema").status_code == 403


def test_the_api_tells_warnings_and_the_schema(client_of):
    client = client_of("admin")
    cliff = (
        TEXT.replace('type = "text" }]', 'type = "picklist", values = ["CFO", "VP", "Manager", "nobody"], monotone = { discount = "up" } }]')
        .replace('[">= 5%", "Manager"]', '[">= 5%", "CFO"]')
    )  # fmt: skip
    said = client.post("/api/v1/policies/whole/check", {"text": cliff}, content_type="application/json").json()
    assert said["right"]
    assert "approver jumps" in said["warnings"][0]["message"]
    assert client.get("/api/v1/policies/whole/schema").json()["title"] == "Whole"
    assert "approver jumps" in " ".join(actions.plan("whole", cliff).warnings)

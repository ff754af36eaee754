"""Forms of rich documents: versions with mappings, formulas, tables within lists, choices between objects, references; comments that stay."""

import json
from typing import Annotated, Literal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pydantic import Field, model_validator

from closedwon.base.policytext import DocumentName, Percent, PolicyModel, RowName, Version, load_text
from closedwon.formula.decisions.field import TableField
from closedwon.formula.field import FormulaField, FormulaText, mistakes, refuse
from closedwon.formula.formula import Formula, compile  # noqa: A004
from closedwon.people.actor import SYSTEM
from closedwon.policies import actions, forms, registry
from closedwon.policies.linting import Lint
from closedwon.policies.schema import keys_of, schema_of
from closedwon.policies.tests.test_forms import posted

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
Fixed = Annotated[Formula, FormulaField({"amount": "money USD", "rate": "percent"}, gives="yes/no", about={"amount": "what is sold"})]
Declared = Annotated[Formula, FormulaField(lambda given: dict(given["inputs"].items()), gives="number")]


class Thing(PolicyModel):
    type: str
    worse: str | list[str] = ""


class Role(PolicyModel):
    name: str
    title: str = ""


class Rule(PolicyModel):
    name: str
    when: FormulaText
    ask: list[Annotated[str, RowName("version.*.role")]] = []


class Flat(PolicyModel):
    """A flat rate."""

    type: Literal["flat"]
    rate: Percent


class Tiered(PolicyModel):
    """Rates by attainment."""

    type: Literal["tiered"]
    tiers: list[Percent] = []


class Ladder(PolicyModel):
    reason: str = ""
    table: TableField


class Deal(Version):
    fields: dict[str, Thing] = {}
    role: list[Role] = []
    steps: list[str | list[str]] = []
    rule: list[Rule] = []
    ladder: list[Ladder] = []
    tables: list[TableField] = []

    @model_validator(mode="after")
    def _formulas(self):
        types = {name: one.type for name, one in self.fields.items()}
        wrong = [
            one for at, rule in enumerate(self.rule) for one in mistakes(("rule", at, "when"), compile(rule.when, types, expects="yes/no"))
        ]
        if wrong:
            refuse("deal", wrong)
        return self


class Matrix(PolicyModel):
    title: str
    after: Annotated[str, DocumentName("matrix")] | None = None
    numbers: dict[str, int | str] = {}
    inputs: dict[str, str] = {}
    big: Fixed | None = None
    score: Declared | None = None
    component: list[Annotated[Flat | Tiered, Field(discriminator="type")]] = []
    grids: dict[str, TableField] = {}
    version: list[Deal] = []


def names(given, place):
    if place[:1] == ("version",):
        return {key: one["type"] for key, one in given["version"][place[1]].get("fields", {}).items()}
    return {}


KIND = registry.PolicyKind("matrix", "matrix/*.toml", Matrix, "Matrix", "For tests", names=names)
SCHEMA = schema_of(KIND)
TEXT = """# the matrix
title = "Deals"
numbers = { most = 3, word = "x" }
big = 'amount > 1000'

[inputs]
a = "number"

# how it is paid
[[component]]
type = "flat"
rate = "5%"  # five

[grids.one]
table = "one"
inputs = [{ name = "discount", type = "percent" }]
outputs = [{ name = "ask", type = "text" }]
rows = [
  # small ones
  ["< 5%", "nobody"],  # free
  # the others
  [">= 5%", "vp"],
]

[[version]]
since = 2026-01-01
reference = "board"
steps = ["manager", ["vp", "legal"], "finance"]

[version.fields]
# what is asked
discount = { type = "percent" }  # off list
paper = { type = "text", worse = ["standard", "customer"] }

[[version.role]]
name = "vp"

[[version.rule]]
name = "deep"
when = 'discount > 30%'  # deep
ask = ["vp"]

[[version.ladder]]
reason = "why"
[version.ladder.table]
table = "ladder"
inputs = [{ name = "discount", type = "percent" }]
outputs = [{ name = "ask", type = "text" }]
rows = [["< 5%", "nobody"], [">= 5%", "vp"]]
"""


@pytest.fixture(autouse=True)
def kind(monkeypatch):
    monkeypatch.setitem(registry._KINDS, "matrix", KIND)
    return KIND


def nodes(text=TEXT):
    return {node.place: node for node in forms.walk(forms.form(SCHEMA, text, forms.Form(SCHEMA, {}, lambda _: ["a", "b"], names)))}


def fill(text=TEXT, drop=(), **changes):
    made = posted(forms.form(SCHEMA, text))
    for key, value in changes.items():
        made[key.replace("__", ".")] = value
    return forms.filled(SCHEMA, text, made)


def test_every_field_has_its_kind():
    assert load_text(TEXT, Matrix)[1] == []
    kinds = {place: node.kind for place, node in nodes().items()}
    wanted = {
        "after": "document", "numbers": "pairs", "big": "formula", "component": "cards", "component.0.type": "variant", "component.0.rate": "percent",
        "grids": "named", "grids.one": "row", "version": "cards", "version.0.fields": "named", "version.0.fields.paper.worse": "few",
        "version.0.steps": "several", "version.0.rule": "cards", "version.0.rule.0.when": "formula", "version.0.rule.0.ask": "choices",
        "version.0.ladder": "cards", "version.0.ladder.0.table": "table", "version.0.tables": "cards", "version.0.role": "grid",
    }  # fmt: skip
    assert {place: kinds.get(place) for place in wanted if place != "grids.one"} == {k: v for k, v in wanted.items() if k != "grids.one"}
    assert nodes()["version.0.rule.0.ask"].options == [("vp", "vp")]
    assert nodes()["after"].option_values == ["a", "b"]


def test_what_nobody_touched_stays_to_the_byte():
    assert fill() == TEXT


def test_rich_fields_change_in_place():
    made = fill(version__0__steps="manager\nvp, finance", version__0__fields__1__worse="only")
    assert made == TEXT.replace('["manager", ["vp", "legal"], "finance"]', '["manager", ["vp", "finance"]]').replace(
        '["standard", "customer"]', '"only"'
    )
    assert forms.parsed(fill(numbers__0__value="4"))["numbers"] == {"most": 4, "word": "x"}
    made = fill(version__0__fields__0__key="rebate")
    assert list(forms.parsed(made)["version"][0]["fields"]) == ["rebate", "paper"]
    assert "# off list" in made


def test_another_variant_takes_its_own_fields():
    made = fill(component__0__type="tiered")
    assert forms.parsed(made)["component"] == [{"type": "tiered"}]
    assert "# how it is paid" in made
    assert "component.0.tiers" in nodes(made)


def test_tables_are_edited_wherever_they_stand():
    made = fill(grids__0__rows__1__1="cfo", version__0__ladder__0__table__rows__0__0="< 6%")
    assert made == TEXT.replace('[">= 5%", "vp"],\n]', '[">= 5%", "cfo"],\n]').replace('[["< 5%"', '[["< 6%"')
    assert [
        node.kind for place, node in nodes(forms.pressed(SCHEMA, TEXT, "add:version.0.tables")).items() if place == "version.0.tables.0"
    ][-1:] == ["table"]


@pytest.mark.parametrize(
    ("press", "rows"),
    [
        ("add:grids.0.rows", ['  # small ones\n  ["< 5%", "nobody"],  # free\n  # the others\n  [">= 5%", "vp"],\n  ["-", "-"],\n']),
        ("up:grids.0.rows:1", ['  # the others\n  [">= 5%", "vp"],\n  # small ones\n  ["< 5%", "nobody"],  # free\n']),
        ("copy:grids.0.rows:0", ['["< 5%", "nobody"],  # free\n  ["< 5%", "nobody"],\n  # the others']),
        ("del:grids.0.rows:0", ['  # small ones\n  # the others\n  [">= 5%", "vp"],\n']),
        ("del:grids.0.rows:1", ['  ["< 5%", "nobody"],  # free\n  # the others\n]']),
        ("add:grids.0.inputs", ['  # small ones\n  ["< 5%" , "-", "nobody"],  # free\n  # the others\n  [">= 5%", "-", "vp"],\n']),
    ],
)
def test_comments_inside_rows_stay(press, rows):
    made = forms.pressed(SCHEMA, TEXT, press)
    for row in rows:
        assert row in made, made
    assert "# off list" in made


def test_a_mistake_in_a_formula_stands_at_its_column():
    problem = load_text(TEXT.replace("discount > 30%", "discont > 30%"), Matrix, "m.toml")[1][0]
    line = next(at for at, one in enumerate(TEXT.splitlines(), 1) if "deep'" in one or "when =" in one)
    assert (problem.line, problem.column, problem.field) == (line, len("when = '") + 1, "version.0.rule.0.when")
    assert "discount" in problem.mend
    many = TEXT.replace("big = 'amount > 1000'", 'big = """\namount >\n  1000 + nobody"""')
    problem = load_text(many, Matrix, "m.toml")[1][0]
    assert (problem.line, problem.column) == (6, 10)
    assert load_text(TEXT + "\n", Matrix)[0].big.evaluate({"amount": 2000}).value is True
    told = load_text(TEXT.replace("[inputs]", "score = 'a + b'\n\n[inputs]"), Matrix)[1]
    assert [(one.field, "b" in one.message) for one in told] == [("score", True)]


def test_formulas_complete_their_names():
    made = forms.Form(SCHEMA, {}, lambda _: [], names)
    found = {node.place: made.offers[node.names] for node in forms.walk(forms.form(SCHEMA, TEXT, made)) if node.kind == "formula"}
    assert found["big"] == {"amount": "money USD: what is sold", "rate": "percent"}
    assert found["score"] == {"a": "number"}
    assert set(found["version.0.rule.0.when"]) == {"discount", "paper"}
    keys = keys_of(SCHEMA, {"version.rule.when": {"discount": "percent"}})
    assert next(one for one in keys["version.rule"] if one["key"] == "when")["names"] == {"discount": "percent"}
    assert {one["key"] for one in keys["component"]} == {"type", "rate", "tiers"}
    assert "worse" in {one["key"] for one in keys["version.fields.*"]}


@pytest.fixture
def client(ws, person):
    made = Client()
    made.force_login(person("ops@x.test", "sales-ops"), backend=BACKEND)
    return made


def test_mistakes_are_said_at_their_inputs(client, ws):
    actions.apply("matrix/deals", TEXT, by=SYSTEM)
    page = client.get("/policies/matrix.deals/form/").content.decode()
    assert "Fields" in page
    assert 'name="version.0.fields.0.key"' in page
    wrong = TEXT.replace("discount > 30%", "discont > 30%").replace('type = "percent" }  # off', 'type = "percent", wrong = 1 }  # off')
    answer = client.post("/policies/matrix.deals/form/check/", {"text": wrong}).content.decode()
    assert "Version › 2026-01-01 › Fields › discount" in answer
    fields = json.loads(answer.split('data-fields="')[1].split('"')[0].replace("&quot;", '"').replace("&#x27;", "'"))
    assert "version.0.fields.0.wrong" in fields
    answer = client.post("/policies/matrix.deals/form/check/", {"text": TEXT.replace("discount > 30%", "discont > 30%")}).content.decode()
    assert "Rule › deep › When" in answer
    assert "^" in answer
    assert client.get("/policies/matrix.deals/table/grids.0/").status_code == 200
    assert client.get("/policies/matrix.deals/table/version.0.ladder.0.table/").status_code == 200
    assert client.get("/policies/matrix.deals/edit/").status_code == 200
    assert client.get("/policies/matrix.deals/table/grids.one/file.xlsx").status_code == 200


def test_a_table_that_is_not_there_yet_is_begun(client, ws):
    actions.apply("matrix/deals", TEXT, by=SYSTEM)
    made = posted(forms.form(SCHEMA, forms.pressed(SCHEMA, TEXT, "add:version.0.tables")))
    made["text"], made["verb"] = forms.pressed(SCHEMA, TEXT, "add:version.0.tables"), "open:version.0.tables.0"
    answer = client.post("/policies/matrix.deals/form/", dict(made.lists()))
    assert answer.headers["Location"] == "/policies/matrix.deals/table/version.0.tables.0/"
    page = client.get(answer.headers["Location"]).content.decode()
    assert 'value="input 1"' in page
    draft = actions.draft_of("matrix/deals", by=_actor())
    assert forms.parsed(draft.text)["version"][0]["tables"][0]["rows"] == [["-", "-"]]


def _actor():
    from closedwon.people.acting import actor_of
    from closedwon.people.models import User

    return actor_of(User.objects.get(email="ops@x.test"))


def test_a_form_of_nothing_is_shown(client, ws):
    client.post("/policies/matrix/new/", {"name": "fresh"})
    page = client.get("/policies/matrix.fresh/form/").content.decode()
    assert "is missing" in page
    answer = client.post("/policies/matrix.fresh/form/", {"text": "", "do": "add:version"})
    assert 'name="version.0.reference"' in answer.content.decode()


def test_a_lint_tells_the_mistakes_of_a_formula_with_their_columns():
    context = Lint({"deals": TEXT}, {"deals": "matrix/deals.toml"})
    formula = compile("discount > 30%", {"rebate": "percent"})
    (told,) = context.mistakes("deals", ["version", 0, "rule", 0, "when"], formula, severity="warning")
    line = next(at for at, one in enumerate(TEXT.splitlines(), 1) if one.startswith("when"))
    assert (told.line, told.column, told.severity) == (line, len("when = '") + 1, "warning")


def test_blank_fields_beyond_the_first_few_wait():
    made = forms.Node(
        "row", "r", "r", children=[forms.Node("text", f"r.{n}", str(n), value="x" if n == 9 else "", required=n == 8) for n in range(12)]
    )
    assert [one.path for one in made.first] == ["r.0", "r.1", "r.2", "r.3", "r.4", "r.5", "r.8", "r.9"]
    assert [one.path for one in made.more] == ["r.6", "r.7", "r.10", "r.11"]


def test_names_must_name_something(ws):
    assert actions.check("matrix/deals", TEXT) == []
    wrong = TEXT.replace('ask = ["vp"]', 'ask = ["vpp"]').replace('title = "Deals"', 'title = "Deals"\nafter = "orders"')
    told = {one.field: one for one in actions.check("matrix/deals", wrong)}
    assert told["version.0.rule.0.ask.0"].mend == "Did you mean 'vp'?"
    assert told["after"].message == "there is no document matrix/orders"
    assert told["after"].line == 3
    right = wrong.replace('"vpp"', '"vp"')
    assert actions.check_all({"matrix/deals": right, "matrix/orders": TEXT}) == {"matrix/deals": [], "matrix/orders": []}
    actions.apply_all({"matrix/deals": right, "matrix/orders": TEXT}, by=SYSTEM)
    (told,) = actions.check_all({"matrix/orders": None})["matrix/orders"]
    assert (told.file, told.message) == ("matrix/deals.toml", "there is no document matrix/orders")
    actions.apply_all({"matrix/deals": None, "matrix/orders": None}, by=SYSTEM)


@pytest.mark.parametrize("place", ["grids.0", "version.0.ladder.0.table"])
def test_a_table_goes_out_and_comes_back_wherever_it_stands(client, ws, place):
    actions.apply("matrix/deals", TEXT, by=SYSTEM)
    url = f"/policies/matrix.deals/table/{place}/"
    answer = client.post(url, {"text": TEXT, "verb": "file:csv"})
    changed = answer.content.decode().replace(">= 5%", ">= 6%").replace("< 5%", "< 6%")
    page = client.post(url, {"text": TEXT, "verb": "upload", "file": SimpleUploadedFile("back.csv", changed.encode())}).content.decode()
    assert "&gt;= 6%" in page
    draft = page.split('aria-hidden="true">\n')[1].split("</textarea>")[0]
    assert "# off list" in draft
    assert ("# small ones" in draft) == ("# small ones" in TEXT)

"""Collections: several named documents of one kind, applied and retired together, read with and without a database."""

import pytest
from django.test import Client

from closedwon.audit.models import Entry
from closedwon.base.errors import Conflict, Invalid, NotFound, NotReady
from closedwon.base.policytext import Percent, PolicyModel
from closedwon.people.actor import SYSTEM, Actor
from closedwon.policies import actions, registry
from closedwon.policies.finding import find_policies
from closedwon.policies.models import PolicyVersion
from closedwon.policies.reading import read_folder

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


class Chain(PolicyModel):
    title: str
    over: Percent
    then: str | None = None
    """The next chain."""


def lint(documents, context):
    for name, chain in documents.items():
        if chain.then and chain.then not in documents:
            yield context.problem(name, ["then"], f"there is no chain {chain.then}", mend="Name one that is there.")
        if chain.over == 0:
            yield context.warning(name, ["over"], "everything goes through it")


KIND = registry.PolicyKind(
    "chains", "chains/*.toml", Chain, "Chains", "For tests", lint=lint, run_case=lambda policy, given: {"hit": given["ppm"] >= policy.over}
)


@pytest.fixture(autouse=True)
def kind(monkeypatch):
    monkeypatch.setitem(registry._KINDS, "chains", KIND)
    return KIND


def text(over="10%", then="", title="x"):
    return f'title = "{title}"\nover = "{over}"\n' + (f'then = "{then}"\n' if then else "")


def test_documents_of_one_kind_are_apart(ws):
    actions.apply_all({"chains/discounts": text(), "chains/terms": text("5%")}, by=SYSTEM, note="two")
    assert {name: one.over for name, one in actions.applied_all("chains").items()} == {"discounts": 100_000, "terms": 50_000}
    assert actions.applied("chains", "terms").over == 50_000
    assert (ws.policies / "chains" / "terms.toml").read_text() == text("5%")
    actions.apply("chains/terms", text("6%"), by=SYSTEM)
    assert actions.applied_all("chains")["terms"].over == 60_000
    assert [one.note for one in actions.history("chains/terms")] == ["", "two"]
    assert [one.note for one in actions.history("chains/discounts")] == ["two"]
    with pytest.raises(NotReady):
        actions.applied("chains", "other")
    with pytest.raises(NotFound):
        actions.applied("chains")


def test_a_collection_may_be_empty(ws):
    actions.apply_defaults(SYSTEM)
    assert actions.applied_all("chains") == {}


@pytest.mark.parametrize("name", ["Discounts", "a/b", "../x", "a.b", "", "x" * 61, "ü"])
def test_names_are_small_letters_digits_and_hyphens(ws, name):
    with pytest.raises(NotFound):
        actions.apply(f"chains/{name}", text(), by=SYSTEM)
    assert not PolicyVersion.objects.filter(kind="chains").exists()


def test_files_tell_their_document():
    assert registry.kind_of_file("chains/discounts.toml") is KIND
    assert registry.document_of_file("/w/policies/chains/a-1.toml").key == "chains/a-1"
    assert registry.kind_of_file("pipeline.toml").name == "pipeline"
    assert registry.kind_of_file("other/discounts.toml") is None
    assert registry.document_of_file("chains/a.cases.toml") is None
    with pytest.raises(Invalid):
        registry.document_of_file("chains/A_b.toml")


def test_all_are_applied_or_none_with_one_entry_each(ws):
    with pytest.raises(Invalid) as caught:
        actions.apply_all({"chains/a": text(), "chains/b": "over = 3\n"}, by=SYSTEM)
    assert {one.file for one in caught.value.problems} == {"chains/b.toml"}
    assert actions.applied_all("chains") == {}
    before = Entry.objects.count()
    actions.apply_all({"chains/a": text(), "chains/b": text(then="a")}, by=SYSTEM)
    entries = list(Entry.objects.order_by("sequence")[before:])
    assert [(one.verb, one.subject) for one in entries] == [("policy.applied", "policy:chains/a"), ("policy.applied", "policy:chains/b")]
    with pytest.raises(Conflict):
        actions.apply_all({"chains/a": text("1%"), "chains/b": text("2%")}, by=SYSTEM, expected={"chains/b": "stale"})
    assert actions.applied("chains", "a").over == 100_000


def test_retiring_keeps_the_history_and_can_be_undone(ws):
    actions.apply("chains/a", text(), by=SYSTEM)
    actions.retire("chains/a", by=SYSTEM, note="no longer")
    assert actions.applied_all("chains") == {}
    assert actions.in_force("chains/a") is None
    assert not (ws.policies / "chains" / "a.toml").exists()
    assert [one.status for one in actions.history("chains/a")] == ["retired", "applied"]
    assert Entry.objects.first().verb == "policy.retired"
    with pytest.raises(NotFound):
        actions.retire("chains/a", by=SYSTEM)
    actions.apply("chains/a", text(), by=SYSTEM)
    assert set(actions.applied_all("chains")) == {"a"}
    with pytest.raises(Invalid):
        actions.retire("pipeline", by=SYSTEM) if actions.apply_defaults(SYSTEM) else None


def test_documents_are_checked_together(ws):
    assert [one.message for one in actions.check("chains/b", text(then="a"))] == ["there is no chain a"]
    told = actions.check_all({"chains/a": text("0%"), "chains/b": text(then="a")})
    assert [one.severity for one in told["chains/a"]] == ["warning"]
    assert told["chains/b"] == []
    actions.apply_all({"chains/a": text("0%"), "chains/b": text(then="a")}, by=SYSTEM)
    with pytest.raises(Invalid) as caught:
        actions.retire("chains/a", by=SYSTEM)
    assert (caught.value.problems[0].file, caught.value.problems[0].line) == ("chains/b.toml", 3)
    assert actions.check("chains/c", text()) == []
    actions.apply_all({"chains/a": None, "chains/b": text()}, by=SYSTEM)
    assert set(actions.applied_all("chains")) == {"b"}


def test_a_folder_is_read_without_a_database(tmp_path):
    folder = tmp_path / "chains"
    folder.mkdir()
    (folder / "a.toml").write_text(text("0%"))
    (folder / "b.toml").write_text(text(then="a"))
    (folder / "c.toml").write_text(text(then="nobody"))
    (folder / "Wrong.toml").write_text(text())
    (folder / "a.cases.toml").write_text("")
    for given in (tmp_path, folder):
        documents, problems = read_folder(given, KIND)
        assert sorted(documents) == ["a", "b"]
        assert {(one.file.rsplit("/", 1)[1], one.severity) for one in problems} == {
            ("a.toml", "warning"), ("c.toml", "error"), ("Wrong.toml", "error"),
        }  # fmt: skip
    assert read_folder(tmp_path / "nothing", KIND) == ({}, [])


def test_a_removed_file_retires_its_document(ws):
    actions.apply_all({"chains/a": text(), "chains/b": text()}, by=SYSTEM)
    (ws.policies / "chains" / "a.toml").unlink()
    for path in (ws.policies, ws.policies / "chains"):
        assert actions.gone(path, actions.read_files(path)) == ["chains/a"]
    file = ws.policies / "chains" / "b.toml"
    assert actions.gone(file, actions.read_files(file)) == []
    assert actions.plan("chains/a", None).changes == ("chains/a is retired: it is no longer in force",)


@pytest.fixture
def client(ws, person):
    made = Client()
    made.force_login(person("ops@x.test", "sales-ops"), backend=BACKEND)
    return made


def test_the_pages_of_a_collection(client, ws):
    assert "Make the first one" in client.get("/policies/chains/").content.decode()
    answer = client.post("/policies/chains/new/", {"name": "Deep Discounts"})
    assert answer.status_code == 422
    answer = client.post("/policies/chains/new/", {"name": "deep"})
    assert answer.headers["Location"] == "/policies/chains.deep/form/"
    assert client.get("/policies/chains.deep/form/").status_code == 200
    assert "your draft" in client.get("/policies/chains/").content.decode()
    answer = client.post("/policies/chains.deep/form/", {"text": "", "title": "Deep", "over": "20%", "verb": "apply", "expected": ""})
    assert answer.headers["Location"] == "/policies/chains.deep/"
    assert actions.applied("chains", "deep").over == 200_000
    for part in ("", "edit/", "compare/", "cases/", "schema.json", "form/"):
        assert client.get(f"/policies/chains.deep/{part}").status_code == 200, part
    listed = client.get("/policies/chains/").content.decode()
    assert "in force" in listed
    assert "Deep</td>" in listed.replace("\n", "")
    assert "1 document" in client.get("/policies/").content.decode()
    client.post("/policies/chains/new/", {"name": "copy", "start": "copy:deep"})
    assert "20%" in client.get("/policies/chains.copy/form/").content.decode()
    assert client.post("/policies/chains.deep/retire/", {"note": "gone"}).status_code == 302
    assert actions.applied_all("chains") == {}
    page = client.get("/policies/chains.deep/").content.decode()
    assert "retired" in page


def test_the_api_of_a_collection(client, ws):
    def post(path, body):
        return client.post(f"/api/v1/policies/{path}", body, content_type="application/json")

    made = post("apply", {"texts": {"chains/a": text(), "chains/b": text(then="a")}, "note": "api"}).json()
    assert [one["document"] for one in made] == ["a", "b"]
    assert client.get("/api/v1/policies/chains.a").json()["text"] == text()
    assert [one["document"] for one in client.get("/api/v1/policies/chains/documents").json()] == ["a", "b"]
    told = post("check", {"texts": {"chains/a": None}}).json()
    assert not told["chains/a"]["right"]
    assert post("chains.b/check", {"text": text("0%")}).json()["warnings"][0]["message"] == "everything goes through it"
    assert post("chains.b/retire", {}).json()["status"] == "retired"
    assert client.get("/api/v1/policies/chains.b").status_code == 404
    found = next(one for one in client.get("/api/v1/policies").json() if one["name"] == "chains")
    assert (found["many"], found["documents"], found["in_force"]) == (True, 1, None)


def test_an_earlier_version_comes_back_with_one_press(client, ws):
    actions.apply("chains/a", text("10%"), by=SYSTEM)
    first = actions.in_force("chains/a")
    client.post("/policies/chains.a/edit/", {"text": text("20%"), "verb": "apply", "expected": first.digest})
    page = client.get("/policies/chains.a/").content.decode()
    assert f"/policies/chains.a/back/{first.pk}/" in page
    version = client.get(f"/policies/chains.a/versions/{first.pk}/").content.decode()
    assert "over goes from 20% to 10%" in version
    now = actions.in_force("chains/a").digest
    assert client.post(f"/policies/chains.a/back/{first.pk}/", {"expected": "stale"}).status_code == 409
    assert client.post(f"/policies/chains.a/back/{first.pk}/", {"expected": now}).status_code == 302
    assert actions.applied("chains", "a").over == 100_000
    assert [one.digest for one in actions.history("chains/a")] == [first.digest, now, first.digest]
    actions.retire("chains/a", by=SYSTEM)
    client.post(f"/policies/chains.a/back/{first.pk}/", {"expected": ""})
    assert set(actions.applied_all("chains")) == {"a"}
    retired = next(one for one in actions.history("chains/a") if one.is_retired)
    assert client.post(f"/policies/chains.a/back/{retired.pk}/", {}).status_code == 422


def test_whom_a_change_moves_is_told(client, ws, monkeypatch):
    def effect(old, new, by):
        yield f"from {old.over if old else 0} to {new.over}"
        yield {"deal": "Acme", "who": by.name}

    monkeypatch.setitem(registry._KINDS, "moves", registry.PolicyKind("moves", "moves/*.toml", Chain, "Moves", "For tests", effect=effect))
    actions.apply("moves/a", text(), by=SYSTEM)
    assert actions.effect("moves/a", text("20%"), by=SYSTEM).sentences == ("from 100000 to 200000",)
    assert actions.effect("moves/a", "wrong", by=SYSTEM) is None
    assert actions.effect("chains/a", text(), by=SYSTEM) is None
    checked = client.post("/policies/moves.a/check/", {"text": text("20%")}).content.decode()
    assert "/policies/moves.a/effect/" in checked
    page = client.post("/policies/moves.a/effect/", {"checked": text("20%")}).content.decode()
    assert "from 100000 to 200000" in page
    assert "Acme" in page


@pytest.mark.parametrize(("role", "reads"), [("rep", False), ("auditor", True)])
def test_who_may_read_and_write_documents(ws, person, role, reads):
    actions.apply("chains/a", text(), by=SYSTEM)
    made = Client()
    made.force_login(person(f"{role}@x.test", role), backend=BACKEND)
    for url in ("/policies/chains/", "/policies/chains.a/", "/api/v1/policies/chains.a", "/api/v1/policies/chains/documents"):
        assert made.get(url).status_code == (200 if reads else 403), url
    first = actions.in_force("chains/a").pk
    for url, body in (
        ("/policies/chains/new/", {"name": "b"}), ("/policies/chains.a/retire/", {}), (f"/policies/chains.a/back/{first}/", {}),
    ):  # fmt: skip
        assert made.post(url, body).status_code == 403, url
    for url, body in (
        ("/api/v1/policies/apply", {"texts": {"chains/b": text()}}), ("/api/v1/policies/chains.a/retire", {}),
    ):  # fmt: skip
        assert made.post(url, body, content_type="application/json").status_code == 403, url
    assert [one.pk for one in actions.versions_in_force("chains")] == [first]
    assert not PolicyVersion.objects.filter(kind="chains", status="draft").exists()


def test_hundreds_of_documents_cost_few_queries(client, ws, django_assert_max_num_queries):
    actions.apply_all({f"chains/c-{n:03}": text(f"{n % 50 + 1}%") for n in range(300)}, by=SYSTEM)
    with django_assert_max_num_queries(30):
        assert "300 in force" in client.get("/policies/chains/").content.decode()
    with django_assert_max_num_queries(3):
        assert len(actions.applied_all("chains")) == 300
    with django_assert_max_num_queries(2):
        assert actions.check("chains/c-001", text(then="c-002")) == []


def test_two_at_the_same_moment_are_not_both_in_force(ws, monkeypatch):
    real = actions._record

    def other_first(version, planned, by, note):
        PolicyVersion.objects.create(
            kind="chains", document="a", text=text("9%"), digest="x", status="applied", written_by="o", applied_by="o"
        )
        real(version, planned, by, note)

    monkeypatch.setattr(actions, "_record", other_first)
    with pytest.raises(Conflict):
        actions.apply("chains/a", text(), by=SYSTEM)
    assert actions.applied_all("chains") == {}
    assert not Entry.objects.filter(subject="policy:chains/a").exists()


def test_what_was_never_in_force_cannot_be_retired(ws):
    with pytest.raises(NotFound):
        actions.apply_all({"chains/never": None}, by=SYSTEM)
    assert not PolicyVersion.objects.filter(kind="chains").exists()


def test_a_text_in_force_that_cannot_be_read_any_more_says_so(client, ws):
    PolicyVersion.objects.create(
        kind="chains", document="old", text="gone = 1\n", digest="x", status="applied", written_by="o", applied_by="o"
    )
    page = client.get("/policies/chains.old/").content.decode()
    assert "cannot take what is in force" in page
    assert "unknown key &#x27;gone&#x27;" in page
    assert client.get("/policies/chains.old/form/").status_code == 200
    assert client.get("/policies/chains/").status_code == 200
    assert actions.check("chains/new", text()) == []


def test_the_palette_finds_documents_for_those_who_may_read_them(ws):
    actions.apply_all({"chains/deep-emea": text(title="Steep discounts"), "chains/other": text()}, by=SYSTEM)
    assert [hit.href for hit in find_policies(SYSTEM, "deep")] == ["/policies/chains.deep-emea/"]
    assert [(hit.label, hit.note) for hit in find_policies(SYSTEM, "steep dis")] == [("Steep discounts", "chains/deep-emea")]
    assert [hit.label for hit in find_policies(SYSTEM, "chains")][0] == "Chains"
    assert find_policies(Actor("rep@x.test", roles=frozenset({"rep"})), "deep") == []

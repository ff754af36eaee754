"""The documents: generated pages are up to date, every command and setting is described, links lead somewhere, figures come from running."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")


def script(name):
    spec = importlib.util.spec_from_file_location(f"closedwon_{name}", ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def docs():
    return script("docs")


def anchors(text):
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_generated_pages_are_up_to_date(docs):
    assert [str(path) for path in docs.stale(docs.pages())] == [], "run: make docs"


def test_every_command_says_what_it_does_and_what_its_options_mean(docs):
    silent = []
    for name, found in docs.commands(docs.root_command()):
        silent += [] if (found.help or "").strip() else [name]
        given = [item for item in found.params if item.name != "help" and not item.hidden]
        silent += [f"{name} {item.opts[0]}" for item in given if not (item.help or "").strip()]
    assert silent == []


def test_every_setting_and_variable_is_described(docs):
    assert {name for name, _ in docs.setting_names()} == set(docs.SETTINGS)
    assert docs.variables() == set(docs.ENVIRONMENT)
    page = docs.settings_page()
    assert [name for name in docs.variables() if f"`{name}`" not in page] == ["CLOSEDWON_AS"]


def test_every_role_is_described(docs):
    from closedwon.people.actor import ROLES

    assert set(docs.ROLES) == set(ROLES)


def test_every_kind_of_policy_has_a_schema_that_its_shipped_text_keeps(docs):
    docs.boot()
    from closedwon.policies.registry import kinds

    for kind in kinds():
        schema = json.loads((ROOT / docs.REFERENCE / "schemas" / f"{kind.name}.schema.json").read_text())
        assert schema["additionalProperties"] is False
        text = kind.default_text()
        if text is not None:
            assert set(tomllib.loads(text)) <= set(schema["properties"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    wrong = []
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        there = file.exists() and file.is_relative_to(ROOT)
        if not there or (anchor and file.suffix == ".md" and anchor not in anchors(file.read_text(encoding="utf-8"))):
            wrong.append(target)
    assert wrong == []


def test_every_document_is_reached_from_the_index():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    linked = {(ROOT / "docs" / target).resolve() for target in LINK.findall(index)}
    assert [str(page) for page in sorted((ROOT / "docs").rglob("*.md")) if page.name != "index.md" and page.resolve() not in linked] == []


PARTS = (
    r"/wor" r"k/",
    r"/tmp/(plan|bash)",
    r"\bissue" r"s? #?\d",
    r"\bco-?fou" r"nders?\b",
    r"\b(sub|AI |coding )agen" r"ts?\b",
    r"\bthis sess" r"ion of\b",
)
FOREIGN = re.compile("|".join(PARTS), re.IGNORECASE)
KINDS = {".md", ".py", ".toml", ".html", ".js", ".css", ".sql", ".sh", ".json", ".yaml", ".yml", ""}
PLACES = ("src", "docs", "example", "scripts", "tests", "benchmarks", ".ci")
ALONE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "pyproject.toml", "package.json", "conftest.py", ".gitignore")


def test_the_repository_speaks_of_the_product_alone():
    files = [file for place in PLACES for file in (ROOT / place).rglob("*") if file.is_file() and file.suffix in KINDS]
    files = [file for file in files if not {"vendor", "__pycache__", "node_modules"} & set(file.parts)]
    found = []
    for file in [*files, *(ROOT / name for name in ALONE if (ROOT / name).exists())]:
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").split("\n"), 1):
            if FOREIGN.search(line):
                found.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert found == []


@pytest.mark.slow
def test_the_figures_of_tutorial_and_readme_come_from_running():
    tutorial = script("tutorial")
    for page in tutorial.PAGES:
        text = page.read_text(encoding="utf-8")
        assert tutorial.played(text) == text, "run: python scripts/tutorial.py"

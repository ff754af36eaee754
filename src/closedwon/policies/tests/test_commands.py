"""The commands of policies: files, folders and names; all or nothing; a file that is gone retires its document."""

import subprocess
import sys
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from closedwon.policies import actions, registry
from closedwon.policies.cases import beside
from closedwon.policies.commands import policy
from closedwon.policies.tests.test_collections import KIND, text


@pytest.fixture(autouse=True)
def kind(monkeypatch):
    monkeypatch.setitem(registry._KINDS, "chains", KIND)


def run(*words):
    """What the command says, and how it ends."""
    found = CliRunner().invoke(policy, list(words))
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.output


@pytest.fixture
def folder(ws):
    made = ws.policies / "chains"
    made.mkdir(parents=True)
    (made / "a.toml").write_text(text("0%"))
    (made / "b.toml").write_text(text(then="a"))
    (made / "b.cases.toml").write_text('[[case]]\nname = "hit"\ngiven = { ppm = 100000 }\nexpect = { hit = true }\n')
    return made


@pytest.mark.parametrize("whole", [True, False])
def test_a_folder_is_checked_tested_planned_and_applied(ws, folder, whole):
    what = str(ws.policies if whole else folder)
    code, said = run("check", what)
    assert code == 0
    assert "warning: " in said
    assert "b.toml: right" in said
    assert run("test", what) == (0, "ok      chains/b: hit\n1 passed, 0 failed\n")
    assert "chains/a: 2 change(s)" in run("plan", what)[1]
    assert actions.applied_all("chains") == {}
    assert "chains/b: " in run("apply", what, "--note", "first")[1]
    assert set(actions.applied_all("chains")) == {"a", "b"}
    assert "first" in run("history", "chains/a")[1]
    assert run("export", "chains/a") == (0, text("0%"))
    assert "chains/b" in run("list")[1]
    assert "nothing changes" in run("plan", what)[1]


def test_names_mean_the_files_of_the_workspace(ws, folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert "chains/a.toml: right" in run("check", "chains/a")[1]
    assert run("check", "chains")[1].count(": right") == 2
    assert run("check")[1].count(": right") == 2
    run("apply", "chains")
    assert set(actions.applied_all("chains")) == {"a", "b"}


def test_a_file_that_is_gone_retires_its_document(ws, folder):
    run("apply", str(ws.policies))
    (folder / "b.toml").unlink()
    assert "chains/b is retired" in run("plan", str(ws.policies))[1]
    assert "retired" not in run("plan", str(ws.policies), "--keep-missing")[1]
    run("apply", str(ws.policies), "--keep-missing")
    assert set(actions.applied_all("chains")) == {"a", "b"}
    assert "chains/b: retired" in run("apply", str(ws.policies))[1]
    assert set(actions.applied_all("chains")) == {"a"}
    assert "retired" in run("history", "chains/b")[1]
    run("retire", "chains/a", "--note", "done")
    assert not (folder / "a.toml").exists()


def test_a_mistake_keeps_everything_as_it_was(ws, folder):
    (folder / "b.toml").write_text(text(then="nobody"))
    code, said = run("check", str(ws.policies))
    assert code == 1
    assert "b.toml:3 then: there is no chain nobody. Name one that is there." in said
    with pytest.raises(Exception, match="1 mistake"):
        run("apply", str(ws.policies))
    assert actions.applied_all("chains") == {}


def test_wrong_names_in_a_folder_are_said(ws, folder):
    (folder / "My Chain.toml").write_text(text())
    with pytest.raises(Exception, match="small letters"):
        run("check", str(ws.policies))


def test_files_are_read_without_django():
    code = (
        "import sys; import closedwon.policies.reading; sys.exit(any(name.split('.')[0] in {'django', 'duckdb'} for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603


def test_who_applies_may_be_refused(ws, folder, person, monkeypatch):
    person("rep@x.test", "rep")
    monkeypatch.setenv("CLOSEDWON_AS", "rep@x.test")
    with pytest.raises(Exception, match="may not"):
        run("apply", str(ws.policies))
    assert actions.applied_all("chains") == {}


def test_a_case_sees_the_documents_beside_it(ws, folder, monkeypatch):
    seen = []

    def steps(policy, given):
        seen.append(sorted(beside()))
        return {"hit": True}

    monkeypatch.setitem(registry._KINDS, "chains", replace(KIND, run_case=steps))
    assert run("test", str(folder))[0] == 0
    assert seen == [["a"]]
    assert beside() == {}
    run("apply", str(folder))
    actions.run("chains/b", text(), (folder / "b.cases.toml").read_text())
    actions.come_out("chains/new", text(), {})
    assert seen[1:] == [["a"], ["a", "b"]]
    run("test", str(folder / "b.toml"))
    assert seen[3:] == [["a"]]

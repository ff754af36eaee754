"""Bundles are named by their content, never half written, and one changed byte is found."""

import pyarrow as pa
import pytest

from closedwon.base.errors import Invalid, NotFound
from closedwon.facts.bundles import MANIFEST, Bundles

FILES = {"policy/plan.toml": "rate = 5\n", "inputs/deals.parquet": pa.table({"id": ["a", "b"], "amount_minor": [1, None]})}


@pytest.fixture
def at(tmp_path):
    return Bundles(str(tmp_path / "bundles"))


def test_the_same_content_has_the_same_name(at):
    name = at.write(FILES, {"run": 7})
    assert at.write(dict(reversed(FILES.items())), {"run": 7}) == name
    assert at.write(FILES, {"run": 8}) != name
    assert len(at.names()) == 2
    found = at.read(name)
    assert found.manifest["about"] == {"run": 7}
    assert found.bytes("policy/plan.toml") == b"rate = 5\n"
    assert found.table("inputs/deals.parquet").to_pylist() == [{"id": "a", "amount_minor": 1}, {"id": "b", "amount_minor": None}]
    assert at.verify(name) == []
    with pytest.raises(NotFound):
        found.bytes("other")


def test_a_changed_byte_is_found(at, tmp_path):
    name = at.write(FILES)
    file = tmp_path / "bundles" / name / "policy" / "plan.toml"
    file.chmod(0o640)
    file.write_text("rate = 6\n")
    (tmp_path / "bundles" / name / "more.txt").write_text("x")
    assert [problem.message.split(" in ")[0] for problem in at.verify(name)] == ["policy/plan.toml", "This file is not"]
    with pytest.raises(Invalid, match="was changed"):
        at.read(name).bytes("policy/plan.toml")
    file.unlink()
    assert "is not in the bundles" in at.verify(name)[0].message
    manifest = tmp_path / "bundles" / name / MANIFEST
    manifest.chmod(0o640)
    manifest.write_bytes(manifest.read_bytes().replace(b'"format":1', b'"format":2'))
    assert "manifest" in at.verify(name)[0].message


def test_a_half_written_bundle_is_none(at, tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.rename", lambda *_: (_ for _ in ()).throw(OSError("killed")))
    with pytest.raises(OSError, match="killed"):
        at.write(FILES)
    assert at.names() == []
    assert list((tmp_path / "bundles").iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", ".hidden", "a/../../b", MANIFEST])
def test_names_that_lead_elsewhere_are_refused(at, name):
    with pytest.raises(Invalid):
        at.write({name: b""})
    with pytest.raises(NotFound):
        at.read("../../etc")

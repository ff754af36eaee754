"""The demo: made once, taken as it is the second time, one login for each role, and never over a workspace of one's own."""

import json
from datetime import date

import pytest

from closedwon.site.cast import cast
from closedwon.site.tests.test_running import closedwon

DAY = date(2026, 3, 1)


def test_the_cast_is_a_line_of_command_and_one_of_each_staff():
    people = ["top", "vp", "vp2", "dir", "mgr", "rep", "gone"]
    staff = [("ops", "sales ops", None), ("ops2", "sales ops", "EMEA"), ("desk", "deal desk", "AMER"), ("comp", "comp admin", None)]
    tree = [("top", None), ("vp", "top"), ("vp2", "top"), ("dir", "vp"), ("mgr", "dir"), ("rep", "mgr"), ("gone", "mgr")]
    old = date(2020, 1, 1)
    tables = {
        "users": [
            *({"id": who, "name": who, "role": "x", "region": None, "active": who != "gone"} for who in people),
            *({"id": who, "name": who, "role": role, "region": region, "active": True} for who, role, region in staff),
        ],
        "positions": [{"id": f"S-{who}", "kind": "rep" if who in ("rep", "gone") else "manager"} for who in people],
        "position_holders": [
            {"position_id": f"S-{who}", "user_id": who, "since": old, "until": None, "is_interim": False} for who in people
        ],
        "hierarchy": [
            {"kind": "sales", "position_id": f"S-{seat}", "parent_id": above and f"S-{above}", "since": old, "until": None}
            for seat, above in tree
        ],
    }
    parts = {part.name: (part.person and part.person["id"], part.roles, part.region) for part in cast(tables, DAY)}
    assert parts["CRO"] == ("top", ("executive", "manager"), "")
    assert [parts[name][0] for name in ("VP", "director", "manager", "rep")] == ["vp", "dir", "mgr", "rep"]
    assert parts["sales ops"] == ("ops", ("sales-ops",), "")
    assert parts["sales ops, EMEA only"] == ("ops2", ("sales-ops",), "EMEA")
    assert parts["admin"] == (None, ("admin",), "")
    assert parts["auditor"] == (None, ("auditor",), "")


@pytest.mark.slow
def test_the_demo_is_made_once(tmp_path):
    folder = tmp_path / "demo"
    first = closedwon("demo", "--dir", folder, "--no-serve")
    assert first.returncode == 0, first.stderr
    logins = json.loads((folder / ".demo-logins").read_text())
    assert (folder / ".demo-logins").stat().st_mode & 0o077 == 0
    assert all(row["password"] in first.stdout for row in logins)
    wanted = {"CRO", "manager", "rep", "sales ops", "deal desk", "comp admin", "finance", "enablement", "admin", "auditor"}
    assert {row["role"] for row in logins} >= wanted
    again = closedwon("demo", "--dir", folder, "--no-serve")
    assert again.returncode == 0
    assert "Making" not in again.stdout
    assert json.loads((folder / ".demo-logins").read_text()) == logins
    listed = json.loads(closedwon("-w", folder, "people", "list", "--json").stdout)
    assert {"admin", "pay", "sales-ops"} <= {role for row in listed for role in row["roles"]}
    assert not any("admin" in row["roles"] and "pay" in row["roles"] for row in listed)


@pytest.mark.slow
def test_a_workspace_of_ones_own_is_left_alone(tmp_path):
    closedwon("init", tmp_path / "mine")
    for words in (["--reset"], []):
        done = closedwon("demo", "--dir", tmp_path / "mine", "--no-serve", *words)
        assert done.returncode == 2
        assert "not a demo" in done.stderr
    assert (tmp_path / "mine" / "closedwon.sqlite3").exists()

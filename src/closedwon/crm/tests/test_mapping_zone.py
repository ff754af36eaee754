"""A source may have a time zone of its own, and a file that is only looked things up in is a used one."""

from datetime import UTC, datetime

from closedwon.crm import actions
from closedwon.facts.store import store
from closedwon.people.actor import SYSTEM
from closedwon.policies.actions import apply_defaults

MAPPING = """
time_zone = "America/New_York"
[[map]]
table = "opportunities"
from = "deals.csv"
[map.columns]
id = "Id"
created_at = "Created"
region = { lookup = { file = "places.csv", key = "town", value = "region", by = "Town" } }
"""


def test_times_without_an_offset_are_of_the_source(ws, db, tmp_path):
    apply_defaults(SYSTEM)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "deals.csv").write_text("Id,Created,Town\nA,2026-03-02,Bern\nB,2026-03-02T10:00:00+00:00,Bern\n")
    (folder / "places.csv").write_text("town,region\nBern,South\n")
    (tmp_path / "m.toml").write_text(MAPPING)
    report = actions.import_source(folder, by=SYSTEM, mapping=tmp_path / "m.toml")
    rows = {row["id"]: row for row in store().read("opportunities").to_pylist()}
    assert rows["A"]["created_at"] == datetime(2026, 3, 2, 5, tzinfo=UTC)
    assert rows["B"]["created_at"] == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert rows["A"]["region"] == "South"
    assert not [item for item in report.notices if "not used" in item["text"]]

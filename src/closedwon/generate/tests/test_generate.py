"""The generated company: the same bytes from the same seed, a history that replays, the shape and the situations of the example."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from closedwon.base.errors import Invalid, NotFound
from closedwon.base.tables import TABLES
from closedwon.generate.arrow import schema_of
from closedwon.generate.commands import register
from closedwon.generate.company import generate
from closedwon.generate.names import STAGES
from closedwon.generate.planting import TRACKED, text
from closedwon.generate.settings import load
from closedwon.generate.truth import CUSTOM, TRUTH

HORIZON = datetime(2026, 11, 25, 8, tzinfo=UTC)


def rows(folder: Path, name: str) -> list[dict]:
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("small")
    generate(load(opportunities=1500, reps=40, years=3, seed=7), out)
    return out


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    generate(load(), out)
    return out


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not(small, tmp_path):
    generate(load(opportunities=1500, reps=40, years=3, seed=7), tmp_path / "again")
    generate(load(opportunities=1500, reps=40, years=3, seed=8), tmp_path / "other")
    assert digests(tmp_path / "again") == digests(small)
    assert digests(tmp_path / "other")["opportunities.parquet"] != digests(small)["opportunities.parquet"]


def test_every_copy_table_and_truth_table_has_its_declared_schema_and_unique_keys(small):
    for name, table in TABLES.items():
        if table.shelf != "copies":
            assert not (small / f"{name}.parquet").exists()
            continue
        found = pq.read_table(small / f"{name}.parquet")
        assert found.schema.equals(schema_of(table.columns, CUSTOM.get(name, ())), check_metadata=False), name
        keys = list(zip(*(found[key].to_pylist() for key in table.key), strict=True))
        assert not [key for key, count in Counter(keys).items() if count > 1], name
        assert all(None not in key for key in keys), name
    for name, columns in TRUTH.items():
        assert pq.read_table(small / f"{name}.parquet").schema.equals(schema_of(columns), check_metadata=False)


def test_the_number_of_opportunities_is_exact(small, whole):
    assert pq.read_metadata(small / "opportunities.parquet").num_rows == 1500
    assert pq.read_metadata(whole / "opportunities.parquet").num_rows == 24000


@pytest.mark.parametrize("folder", ["small", "whole"])
def test_the_event_log_replays_backward_from_the_rows_of_today(folder, request):
    out = request.getfixturevalue(folder)
    deals = {row["id"]: row for row in rows(out, "opportunities")}
    log: dict[str, list[dict]] = defaultdict(list)
    for event in rows(out, "opportunity_changes"):
        if event["field"] in TRACKED:
            log[event["id"]].append(event)
    for identity, deal in deals.items():
        state = {name: text(deal[name]) for name in TRACKED}
        events = sorted(log[identity], key=lambda event: (event["at"], event["field"], event["seq"]))
        for event in reversed(events):
            assert state[event["field"]] == event["new_value"], (identity, event)
            assert event["old_value"] != event["new_value"]
            state[event["field"]] = event["old_value"]
        assert all(event["at"] >= deal["created_at"] for event in events), identity
        assert all(event["at"] < min(HORIZON, deal["deleted_at"] or HORIZON) for event in events), identity
        assert all(event["known_at"] >= event["at"] for event in events)
        assert state["is_closed"] == "false"
        assert state["is_won"] == "false"
        assert state["stage"] in STAGES[:2], (identity, state)
        assert date.fromisoformat(state["close_date"]) > deal["created_at"].date()
        assert deal["is_closed"] == (deal["stage"] in {"Closed Won", "8-Closed Lost"})
        assert deal["is_won"] == (deal["stage"] == "Closed Won")


def test_a_closed_deal_has_its_instant_its_category_and_its_day(whole):
    for deal in rows(whole, "opportunities"):
        if deal["is_closed"]:
            assert deal["closed_at"] is not None
            assert deal["forecast_category"] == ("closed" if deal["is_won"] else "omitted")
        else:
            assert deal["closed_at"] is None
            assert deal["forecast_category"] != "closed"
        if deal["is_won"]:
            assert deal["close_date"] <= date(2026, 11, 25)


def test_revenue_splits_add_up_to_the_whole_on_every_day(whole):
    deals = {row["id"]: row for row in rows(whole, "opportunities")}
    parts: dict[str, list[dict]] = defaultdict(list)
    overlays = 0
    for split in rows(whole, "opportunity_splits"):
        if split["is_overlay"]:
            overlays += 1
        else:
            parts[split["opportunity_id"]].append(split)
    assert overlays > 100
    assert len(parts) > 500
    for identity, splits in parts.items():
        first = deals[identity]["created_at"].date()
        days = {first, date(2026, 11, 25), *(split["since"] for split in splits), *(split["until"] for split in splits if split["until"])}
        for day in days:
            valid = [split for split in splits if split["since"] <= day and (split["until"] is None or day < split["until"])]
            assert sum(split["share_ppm"] for split in valid) == 1_000_000, (identity, day)
            assert len({split["user_id"] for split in valid}) == len(valid)
        owners = {split["user_id"] for split in splits if split["until"] is None}
        assert deals[identity]["owner_id"] in owners


def test_seats_and_hierarchy_are_dated_without_overlap_and_reach_the_top(whole):
    for name, keys in (
        ("position_holders", ("position_id", "user_id")),
        ("hierarchy", ("kind", "position_id")),
        ("assignments", ("user_id",)),
    ):
        by_key = defaultdict(list)
        for row in rows(whole, name):
            by_key[tuple(row[key] for key in keys)].append((row["since"], row["until"] or date.max))
        for spans in by_key.values():
            spans.sort()
            assert all(left[1] <= right[0] for left, right in zip(spans, spans[1:], strict=False))
    seats = {row["id"]: row for row in rows(whole, "positions")}
    parent = {row["position_id"]: row["parent_id"] for row in rows(whole, "hierarchy") if row["kind"] == "sales" and row["until"] is None}
    depths = set()
    for seat in parent:
        depth, at = 1, seat
        while parent[at] is not None:
            at, depth = parent[at], depth + 1
        depths.add(depth)
        assert seats[at]["name"] == "Chief Revenue Officer"
    assert max(depths) == 5
    carriers = [row for row in seats.values() if row["kind"] == "rep" and row["status"] != "planned"]
    assert len(carriers) == 240
    assert len([row for row in carriers if row["status"] == "open"]) == 2


def test_the_log_of_leads_replays_to_their_status(small):
    log = defaultdict(list)
    for event in rows(small, "lead_changes"):
        log[event["id"]].append(event)
    for lead in rows(small, "leads"):
        status = "new"
        for event in sorted(log[lead["id"]], key=lambda event: (event["at"], event["seq"])):
            assert lead["created_at"] < event["at"] < HORIZON
            assert event["old_value"] == status
            status = event["new_value"]
        assert status == lead["status"]


def test_references_lead_somewhere(whole):
    known = {
        name: {row["id"] for row in rows(whole, name)}
        for name in ("users", "accounts", "contacts", "contracts", "opportunities", "products")
    }
    for name, column, target in [
        ("opportunities", "owner_id", "users"), ("opportunities", "account_id", "accounts"), ("opportunities", "contract_id", "contracts"),
        ("opportunities", "product_id", "products"), ("opportunity_changes", "id", "opportunities"), ("opportunity_splits", "user_id", "users"),
        ("opportunity_contacts", "contact_id", "contacts"), ("opportunity_partners", "partner_id", "accounts"), ("accounts", "parent_id", "accounts"),
        ("contracts", "renewal_opportunity_id", "opportunities"), ("contracts", "renewed_by", "contracts"), ("bookings", "opportunity_id", "opportunities"),
        ("line_items", "opportunity_id", "opportunities"), ("activities", "contact_id", "contacts"), ("leads", "opportunity_id", "opportunities"),
        ("account_team", "user_id", "users"), ("truth_opportunities", "opportunity_id", "opportunities"),
    ]:  # fmt: skip
        values = set(pq.read_table(whole / f"{name}.parquet", columns=[column])[column].to_pylist()) - {None}
        assert values, (name, column)
        assert values <= known[target], (name, column, sorted(values - known[target])[:3])


def test_the_command_writes_the_tables_and_refuses_bad_settings(tmp_path):
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    done = CliRunner().invoke(
        app, ["generate", "--opportunities", "400", "--reps", "12", "--years", "2", "--seed", "3", "--out", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    assert "400" in done.output
    with pytest.raises(Invalid):
        load(opportunities=5)
    with pytest.raises(NotFound):
        load(tmp_path / "missing.toml")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[shape]\nlast_weak_share = 0.3\n")
    with pytest.raises(Invalid) as error:
        load(wrong)
    assert "last_weak_share" in str(error.value.problems[0])


@pytest.mark.parametrize("day", [date(2026, 11, 2), date(2027, 1, 31), date(2027, 5, 15)])
def test_other_days_work_and_nothing_happens_after_them(day, tmp_path):
    generate(load(opportunities=700, reps=14, years=2, as_of=day), tmp_path)
    after = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    assert max(event["at"] for event in rows(tmp_path, "opportunity_changes")) < after
    assert max(deal["created_at"] for deal in rows(tmp_path, "opportunities")) < after
    assert max(order["booked_on"] for order in rows(tmp_path, "bookings")) <= day


def test_the_example_file_overrides_the_shipped_settings():
    file = Path(__file__).parents[4] / "example" / "company" / "company.toml"
    assert load(file) == load()


def test_amounts_stay_in_the_deal_currency_and_in_its_digits(whole):
    table = pq.read_table(
        whole / "opportunities.parquet", columns=["id", "currency", "amount_minor", "net_arr_minor", "tcv_minor", "order_type"]
    )
    assert {"USD", "EUR", "GBP", "JPY", "INR"} == set(table["currency"].to_pylist())
    yen = [row for row in table.to_pylist() if row["currency"] == "JPY" and row["order_type"] == "new logo" and row["id"][4] != "S"]
    assert all(row["amount_minor"] % 1000 == 0 for row in yen)
    assert pa.types.is_int64(table["net_arr_minor"].type)
    assert all(row["tcv_minor"] >= 0 for row in table.to_pylist())
    _ = timedelta

"""Each situation of the example company is where its note says, in the state that its name promises."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from closedwon.generate.company import generate
from closedwon.generate.settings import load

TODAY = date(2026, 11, 25)
NAMED = {
    "close": {
        "finance dates an order into the next quarter", "finance has an order that nobody booked", "finance has an order twice",
        "finance has another amount", "finance misses an order", "finance took another rate", "in the booking check", "sent back by the booking check",
    },
    "shape": {"one missed quarter"},
    "people": {
        "re-org on day 38", "interim leader with two seats", "vacant seat with open pipeline", "transfer SMB to mid-market with seven live deals",
        "parental leave", "leaver who owes a draw", "rehire", "sandbags by 12 %", "18 % too optimistic", "always late",
        "sales ops submits for an absent leader",
    },
    "deals": {
        "a 2.4 M whale pushed three times", "signed at 23:40 Pacific on the last day, booked two days later and back-dated", "three-year ramp with opt-out",
        "prepaid three-year", "60/40 split across regions plus an overlay SE, changed after close", "two resellers on one customer", "a marketplace fee",
        "a debook", "a deal won without an order", "restated number",
    },
    "renewals": {
        "early renewal with upsell", "renewal 40 days late", "auto-renewed with no opportunity", "flat price with seat loss", "co-termed expansion",
        "evergreen", "partial churn", "reactivation",
    },
    "dirt": {
        "7 % past close dates", "placeholder amount", "close date in 2099", "TEST DO NOT USE", "inactive owner", "duplicate account under a wrong parent",
        "a stage added overnight", "a field renamed mid-quarter", "odd characters",
    },
}  # fmt: skip


class Tables:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read: dict[str, list[dict]] = {}

    def __getitem__(self, name: str) -> list[dict]:
        if name not in self.read:
            self.read[name] = pq.read_table(self.folder / f"{name}.parquet").to_pylist()
        return self.read[name]

    def one(self, name: str, identity: str, key: str = "id") -> dict:
        return next(row for row in self[name] if row[key] == identity)

    def all(self, name: str, identity: str, key: str) -> list[dict]:
        return [row for row in self[name] if row[key] == identity]

    def where(self, situation: str) -> list[str]:
        return [row["id"] for row in self["truth_situations"] if row["situation"] == situation]

    def deal(self, situation: str) -> dict:
        return self.one("opportunities", self.where(situation)[0])

    def events(self, deal: str, field: str) -> list[dict]:
        return sorted(
            (row for row in self["opportunity_changes"] if row["id"] == deal and row["field"] == field), key=lambda row: row["at"]
        )


@pytest.fixture(scope="session")
def t(tmp_path_factory) -> Tables:
    out = tmp_path_factory.mktemp("situations")
    generate(load(opportunities=4000), out)
    return Tables(out)


def test_every_situation_is_noted_and_its_row_exists(t):
    found = defaultdict(set)
    for note in t["truth_situations"]:
        found[note["family"]].add(note["situation"])
        assert note["page"] in {
            "forecast board",
            "pipeline deals",
            "pipeline waterfall",
            "people and seats",
            "account",
            "data quality",
            "forecast close",
        }
        key = {
            "position_holders": "user_id",
            "hierarchy": "position_id",
            "forecast_calls": "position_id",
            "assignments": "user_id",
            "bookings": "order_id",
            "finance_bookings": "order_id",
        }
        if note["id"] and note["situation"] not in {"restated number", "one missed quarter"}:
            assert t.all(note["table_name"], note["id"], key.get(note["table_name"], "id")), note
    assert dict(found) == NAMED


def test_reorganisation_and_interim(t):
    moved = sorted(t.all("hierarchy", t.where("re-org on day 38")[0], "position_id"), key=lambda row: row["since"])
    assert len(moved) == 2
    assert moved[1]["since"] == date(2026, 8, 1) + timedelta(days=37)
    assert moved[0]["parent_id"] != moved[1]["parent_id"]
    seats = [row for row in t.all("position_holders", t.where("interim leader with two seats")[0], "user_id") if row["until"] is None]
    assert len(seats) == 2
    assert sorted(row["is_interim"] for row in seats) == [False, True]


def test_vacant_seats_have_open_pipeline(t):
    vacant = t.where("vacant seat with open pipeline")
    assert len(vacant) == 2
    for seat in vacant:
        assert t.one("positions", seat)["status"] == "open"
        last = max(t.all("position_holders", seat, "position_id"), key=lambda row: row["since"])
        assert last["until"] is not None
        owner = t.one("users", last["user_id"])
        assert not owner["active"]
        assert len([deal for deal in t.all("opportunities", owner["id"], "owner_id") if not deal["is_closed"]]) >= 2


def test_the_transfer_has_seven_live_deals(t):
    deals = [t.one("opportunities", identity) for identity in t.where("transfer SMB to mid-market with seven live deals")]
    assert len(deals) == 7
    assert not any(deal["is_closed"] for deal in deals)
    (user,) = {deal["owner_id"] for deal in deals}
    seats = sorted(t.all("position_holders", user, "user_id"), key=lambda row: row["since"])
    assert [t.one("positions", row["position_id"])["segment"] for row in seats] == ["SMB", "Mid-Market"]
    assert seats[0]["until"] == seats[1]["since"]


def test_leave_draw_and_rehire(t):
    leave = t.all("assignments", t.where("parental leave")[0], "user_id")
    assert [row["fte_ppm"] for row in leave if row["leave_kind"] == "parental"] == [0]
    assert t.all("assignments", t.where("leaver who owes a draw")[0], "user_id")[0]["x_draw_owed"] == "9400.00 USD"
    back = sorted(t.all("position_holders", t.where("rehire")[0], "user_id"), key=lambda row: row["since"])
    assert len(back) == 2
    assert back[0]["until"] < back[1]["since"]
    assert t.one("users", t.where("rehire")[0])["active"]


def test_sales_ops_submits_for_the_absent_leader(t):
    calls = [
        row for row in t.all("forecast_calls", t.where("sales ops submits for an absent leader")[0], "position_id") if row["on_behalf_of"]
    ]
    assert calls
    assert {t.one("users", row["user_id"])["name"] for row in calls} == {"Priscilla Wong"}


def test_the_whale(t):
    deal = t.deal("a 2.4 M whale pushed three times")
    assert deal["net_arr_minor"] == 240_000_000
    assert deal["push_count"] == 3
    assert len(t.events(deal["id"], "close_date")) == 3
    assert not deal["is_closed"]


def test_back_dated(t):
    deal = t.deal("signed at 23:40 Pacific on the last day, booked two days later and back-dated")
    won = t.events(deal["id"], "is_won")[0]
    assert won["at"] == datetime(2026, 11, 1, 6, 40, tzinfo=UTC)
    assert won["known_at"].date() == date(2026, 11, 2)
    assert deal["close_date"] == date(2026, 10, 31)
    order = t.one("bookings", deal["id"], "opportunity_id")
    assert order["booked_on"] == date(2026, 10, 31)
    lock = next(row for row in t["period_locks"] if row["period"] == "FY27-Q3" and row["field"] == "bookings")
    assert order["accepted_at"] > lock["locked_at"]


def test_orders_of_long_contracts(t):
    ramp = t.all("booking_years", t.where("three-year ramp with opt-out")[0], "order_id")
    assert [row["amount_minor"] for row in ramp] == [24_000_000, 42_000_000, 60_000_000]
    assert t.one("bookings", ramp[0]["order_id"], "order_id")["opt_out_on"] is not None
    prepaid = t.where("prepaid three-year")[0]
    assert t.all("commission_events", prepaid, "order_id")[0]["amount_minor"] == 54_000_000


def test_the_split_changed_after_close_and_adds_up(t):
    deal = t.deal("60/40 split across regions plus an overlay SE, changed after close")
    splits = t.all("opportunity_splits", deal["id"], "opportunity_id")
    overlay = [row for row in splits if row["is_overlay"]]
    assert len(overlay) == 1
    for day, shares in ((deal["close_date"], [400_000, 600_000]), (TODAY, [500_000, 500_000])):
        valid = [row for row in splits if not row["is_overlay"] and row["since"] <= day and (row["until"] is None or day < row["until"])]
        assert sorted(row["share_ppm"] for row in valid) == shares
        assert len({t.one("users", row["user_id"])["region"] for row in valid}) == 2
    assert min(row["since"] for row in splits if row["share_ppm"] == 500_000) > deal["close_date"]


def test_channel_debook_and_a_deal_without_order(t):
    resale = [t.one("opportunities", identity) for identity in t.where("two resellers on one customer")]
    assert len({deal["account_id"] for deal in resale}) == 1
    assert len({t.one("opportunity_partners", deal["id"], "opportunity_id")["partner_id"] for deal in resale}) == 2
    back = t.one("bookings", t.where("a debook")[0], "order_id")
    assert back["net_arr_minor"] == -t.one("bookings", back["reverses"], "order_id")["net_arr_minor"]
    assert len(t.where("restated number")) == 2
    deal = t.deal("a deal won without an order")
    assert deal["is_won"]
    assert not t.all("bookings", deal["id"], "opportunity_id")


def test_renewals(t):
    early = t.deal("early renewal with upsell")
    contract = t.one("contracts", early["contract_id"])
    assert early["close_date"] < contract["end_date"]
    assert early["net_arr_minor"] > 0
    late = t.deal("renewal 40 days late")
    assert (late["close_date"] - t.one("contracts", late["contract_id"])["end_date"]).days == 40
    silent = t.one("contracts", t.where("auto-renewed with no opportunity")[0])
    assert silent["auto_renew"]
    assert silent["renewal_opportunity_id"] is None
    assert silent["renewed_by"]
    loss = t.one("bookings", t.where("flat price with seat loss")[0], "order_id")
    line = t.one("line_items", loss["opportunity_id"], "opportunity_id")
    assert line["quantity"] < line["prior_quantity"]
    assert t.one("contracts", t.where("evergreen")[0])["end_date"] is None
    partial = t.one("bookings", t.where("partial churn")[0], "order_id")
    assert -partial["renewal_base_minor"] < partial["net_arr_minor"] < 0
    again = t.deal("reactivation")
    assert any(row["kind"] == "churn" for row in t.all("bookings", again["account_id"], "account_id"))


def test_dirt(t):
    amounts = sorted(t.one("opportunities", identity)["amount_minor"] for identity in t.where("placeholder amount"))
    assert amounts == [100, 100, 9_999_999, 999_999_900]
    assert {t.one("opportunities", identity)["close_date"].year for identity in t.where("close date in 2099")} == {2099}
    for identity in t.where("inactive owner"):
        deal = t.one("opportunities", identity)
        assert not t.one("users", deal["owner_id"])["active"]
        assert not deal["is_closed"]
    twins = {row["id"]: row["duplicate_of"] for row in t["truth_duplicates"]}
    for identity in t.where("duplicate account under a wrong parent"):
        assert t.one("accounts", twins[identity])["domain"] == t.one("accounts", identity)["domain"]
    legal = [row for row in t["opportunity_changes"] if row["field"] == "stage" and row["new_value"] == "Legal Review"]
    assert len(legal) >= 2
    assert min(row["at"] for row in legal).date() >= TODAY - timedelta(days=3)
    renamed = t.where("a field renamed mid-quarter")[0]
    assert {row["field"] for row in t["opportunity_changes"] if row["id"] == renamed} >= {"x_use_case", "x_primary_use_case"}

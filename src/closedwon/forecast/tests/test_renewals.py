"""Renewals: the shipped cases, what adds up, both engines, and the projection from contract ends."""

import tomllib
from datetime import UTC, date, datetime, timedelta
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedwon.base.errors import Invalid
from closedwon.base.tables import table
from closedwon.crm.tests.shown import check_shown
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.engine import DuckEngine
from closedwon.facts.testing import check_snapshot, run_both, spark_missing
from closedwon.forecast.renewals import rules
from closedwon.forecast.renewals.decide import OUTCOMES, SUMS, decided, summed
from closedwon.forecast.renewals.outlook import BANDS, band_of, band_words, outlook
from closedwon.forecast.renewals.policy import RenewalsPolicy, run_case, words_of
from closedwon.people.actor import SYSTEM
from closedwon.policies import actions
from closedwon.policies.registry import kind

CASES = tomllib.loads(resources.files("closedwon.forecast.renewals").joinpath("default/renewals.cases.toml").read_text(encoding="utf-8"))[
    "case"
]
POLICY = RenewalsPolicy(reference="test")


def test_the_shipped_cases_come_out(ws):
    actions.apply_defaults(SYSTEM)
    results = actions.run("renewals", kind("renewals").default_text())
    assert len(results) == len(CASES) > 15
    assert [(one.name, one.differences) for one in results if not one.passed] == []
    with pytest.raises(Invalid, match="no 'colour'"):
        run_case(POLICY, {"as_of": date(2026, 1, 1), "end": date(2026, 1, 1), "colour": "red"})


def test_the_documentation_shows_the_cases():
    lines = ["| contract | comes to |", "|---|---|"]
    lines += [
        f"| {case['name']} | {', '.join(f'{name} {value}' for name, value in case['expect'].items() if value != '')} |" for case in CASES
    ]
    check_shown("renewals.md", "cases", "\n".join(lines))


DAYS = st.dates(date(2025, 10, 1), date(2026, 12, 31))
CONTRACTS = st.fixed_dictionaries(
    {"end": DAYS, "arr": st.integers(0, 1000), "period_start": st.just(date(2026, 4, 1))},
    optional={
        "deal": st.sampled_from(["open", "won", "lost"]), "deal_arr": st.integers(0, 1500), "closes": DAYS, "notice": DAYS, "auto_renew": st.booleans(),
        "cancelled": st.booleans(), "follows_on": DAYS, "follows_at": st.integers(0, 1500), "pushes": st.integers(0, 4), "last_touch": DAYS,
        "category": st.sampled_from(["commit", "best_case", "omitted", "pipeline"]),
    },
)  # fmt: skip


@given(st.lists(CONTRACTS, max_size=12), DAYS, st.randoms(use_true_random=False))
def test_what_is_available_is_all_that_became_of_it(contracts, day, shuffled):
    found = [decided(POLICY, words_of(one) | {"segment": "x"}, day) for one in contracts]
    for one in found:
        assert one.outcome in OUTCOMES
        assert 0 <= one.kept_minor <= one.atr_minor
        assert 0 <= one.at_risk_minor <= one.atr_minor
        assert bool(one.at_risk_minor) <= bool(one.reasons)
        assert (one.decided_on is None) == (one.outcome == "open")
    made = summed(found, lambda one: ("p", one.row["segment"]), [(("p", "x"), 10_000_00, 5_00)])[("p", "x")]
    assert made["atr"] == sum(made[name] for name in SUMS if name != "atr")
    assert made["open_at_risk"] <= made["open"]
    if made["atr"] <= made["base"]:
        assert made.gross_retention <= 1
        assert made.net_retention >= made.gross_retention
    mixed = list(found)
    shuffled.shuffle(mixed)
    assert summed(mixed, lambda one: ("p", one.row["segment"]), [(("p", "x"), 10_000_00, 5_00)])[("p", "x")].amounts == made.amounts


def test_without_a_base_there_is_no_retention():
    made = summed([decided(POLICY, words_of({"end": date(2026, 5, 1), "arr": 5}), date(2026, 1, 1))], lambda _: ("p", ""))[("p", "")]
    assert made.gross_retention is None
    assert made.renewal_rate is None


# the rule on both engines

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
DAY = date(2026, 5, 31)
CUTOFF = datetime(2026, 6, 1, tzinfo=UTC)


def deal(who, order, stage, since, **more):
    return {"opportunity_id": who, "name": who, "account_id": "a", "owner_id": "u", "order_type": order, "stage": stage, "currency": "EUR", "valid_from": since,
            "valid_until": FOREVER, "is_deleted": False, "is_reconstructed": False, "created_at": since, **more}  # fmt: skip


def inputs(**params):
    at = datetime(2026, 1, 10, tzinfo=UTC)
    states = [
        deal("r1", "renewal", "Won", at, contract_id="c1", renewal_base_minor=100_00, net_arr_minor=-20_00, close_date=date(2026, 5, 1)),
        deal("r2", "renewal", "Early", at, contract_id="c2", renewal_base_minor=50_00, net_arr_minor=0, close_date=date(2026, 6, 30)),
        deal("x1", "expansion", "Won", datetime(2026, 5, 20, tzinfo=UTC), contract_id="c2", net_arr_minor=10_00, close_date=date(2026, 5, 20)),
        deal("x0", "expansion", "Won", datetime(2026, 4, 3, tzinfo=UTC), contract_id="c2", net_arr_minor=5_00, close_date=date(2026, 4, 3)),
    ]  # fmt: skip
    contracts = [
        {"id": "c1", "account_id": "a", "start_date": date(2025, 6, 1), "end_date": date(2026, 5, 31), "arr_at_end_minor": 100_00, "currency": "EUR", "renewed_by": "c4",
         "renewal_opportunity_id": "r1", "auto_renew": False},
        {"id": "c2", "account_id": "a", "start_date": date(2025, 7, 1), "end_date": date(2026, 6, 30), "arr_at_end_minor": 65_00, "currency": "EUR", "auto_renew": False},
        {"id": "c3", "account_id": "b", "start_date": date(2025, 5, 1), "end_date": date(2026, 4, 30), "arr_at_end_minor": 7_00, "currency": "USD", "auto_renew": True,
         "renewed_by": "c5"},
        {"id": "c4", "account_id": "a", "start_date": date(2026, 6, 1), "end_date": date(2027, 5, 31), "arr_at_end_minor": 80_00, "currency": "EUR"},
        {"id": "c5", "account_id": "b", "start_date": date(2026, 5, 1), "end_date": date(2027, 4, 30), "arr_at_end_minor": 7_00, "currency": "USD"},
        {"id": "c6", "account_id": "b", "start_date": date(2024, 1, 1), "end_date": None, "arr_at_end_minor": 9_00, "currency": "USD"},
    ]  # fmt: skip
    return {
        "contracts": rows_to_table(contracts, table("contracts").columns), "contract_snapshots": rows_to_table([], table("contract_snapshots").columns),
        "deal_states": rows_to_table(states, table("deal_states").columns), "accounts": [{"id": "a", "name": "Acme", "owner_id": "v", "segment": "Large"}],
        "stages": [{"stage": "Won", "status": "won", "category": "closed", "probability_ppm": 1}, {"stage": "Early", "status": "open", "category": "pipeline", "probability_ppm": 1}],
        "renewal_types": [{"order_type": "renewal"}], "rates": [{"currency": "USD", "num": 1, "den": 1}, {"currency": "EUR", "num": 11, "den": 10}],
        "periods": [{"period": "Q2", "starts": date(2026, 4, 1), "ends": date(2026, 7, 1), "frozen_on": date(2026, 4, 8)}],
        "params": [{"cutoff": CUTOFF, "now_cutoff": CUTOFF, "day": DAY, "currency": "USD", "is_now": True, "grown": True, **params}],
    }  # fmt: skip


def test_the_rule_finds_contracts_deals_and_what_followed():
    found = {row["contract_id"]: row for row in DuckEngine().run(rules.ENDING, inputs()).to_pylist()}
    assert sorted(found) == ["c1", "c2", "c3"]
    assert found["c1"]["deal_minor"] == 88_00  # 100 − 20 EUR at 1.10
    assert (found["c2"]["own_minor"], found["c2"]["atr_minor"]) == (
        55_00,
        60_50,
    )  # the expansion of May came after the freezing day, that of 3 April before
    assert found["c2"]["opportunity_id"] == "r2"  # found by its contract
    assert (found["c3"]["opportunity_id"], found["c3"]["followed_on"], found["c3"]["followed_minor"]) == (None, date(2026, 5, 1), 7_00)
    made = {key: decided(POLICY, row, DAY) for key, row in found.items()}
    assert {key: one.outcome for key, one in made.items()} == {"c1": "on_time", "c2": "open", "c3": "auto_renewed"}
    assert made["c1"].downgraded_minor == 22_00


def test_what_came_later_does_not_show():
    """As of the end of March nothing is decided: later states, contracts that began later and later expansions are not there."""
    early = datetime(2026, 4, 1, tzinfo=UTC)
    found = {
        row["contract_id"]: row
        for row in DuckEngine().run(rules.ENDING, inputs(cutoff=early, day=date(2026, 3, 31), is_now=False)).to_pylist()
    }
    assert (found["c3"]["followed_on"], found["c3"]["followed_minor"]) == (None, None)
    known = inputs(cutoff=early, day=date(2026, 3, 31), is_now=False)
    states = [row for row in known["deal_states"].to_pylist() if row["valid_from"] < early]
    again = DuckEngine().run(rules.ENDING, known | {"deal_states": rows_to_table([*states, *(
        row | {"net_arr_minor": 0} for row in known["deal_states"].to_pylist() if row["valid_from"] >= early and row["order_type"] == "renewal")], table("deal_states").columns)})  # fmt: skip
    assert {row["contract_id"]: row["status"] for row in again.to_pylist()} == {key: row["status"] for key, row in found.items()}


def test_a_snapshot_of_the_freezing_day_tells_the_arr():
    given_ = inputs()
    given_["contract_snapshots"] = rows_to_table(
        [{"snapshot_date": date(2026, 4, 5), "contract_id": "c2", "arr_at_end_minor": 40_00}, {"snapshot_date": date(2026, 4, 20), "contract_id": "c2", "arr_at_end_minor": 99_00}],
        table("contract_snapshots").columns,
    )  # fmt: skip
    found = {row["contract_id"]: row for row in DuckEngine().run(rules.ENDING, given_).to_pylist()}
    assert found["c2"]["own_minor"] == 40_00


def test_the_base_is_what_ran_when_the_period_began():
    rows = DuckEngine().run(rules.RUNNING, inputs()).to_pylist()
    # c1 100 and c2 50 (both expansions came later) in EUR at 1.10; c3 7 and the evergreen c6 9 in USD; 15 EUR of expansions inside the period
    assert {row["owner_id"]: (row["base_minor"], row["expansion_minor"]) for row in rows} == {"v": (165_00, 16_50), "": (16_00, 0)}


@pytest.mark.spark
@pytest.mark.skipif(bool(spark_missing()), reason=spark_missing())
def test_spark_gives_the_same_rows():
    assert run_both(rules.ENDING, inputs()).num_rows == 3
    assert run_both(rules.RUNNING, inputs()).num_rows == 2


def test_sparks_text_is_as_it_was():
    from pathlib import Path

    for rule in (rules.ENDING, rules.RUNNING):
        check_snapshot(rule, Path(__file__).parent / "snapshots")


# the outlook


def ended(count, renewed, lead=-5, segment="x", day=date(2026, 4, 1)):
    """Contracts that ended before a day, every so many of them renewed."""
    made = []
    for at in range(count):
        end = day - timedelta(days=60 + at % 300)
        won = at % 10 < renewed
        row = {"contract_id": f"e{at}", "end_date": end, "starts": end.replace(day=1), "atr_minor": 100_00, "segment": segment, "status": "won" if won else "lost",
               "deal_minor": 90_00, "close_date": end + timedelta(days=lead), "opportunity_id": "d", "auto_renew": False}  # fmt: skip
        made.append(decided(POLICY, row, day))
    return made


def waiting(days, day=date(2026, 4, 1), **more):
    row = {
        "contract_id": "w",
        "end_date": day + timedelta(days=days),
        "atr_minor": 100_00,
        "segment": "x",
        "auto_renew": False,
        "opportunity_id": None,
        **more,
    }
    return decided(POLICY, row, day)


def test_chances_are_the_shares_of_contracts_that_were_open_at_the_same_distance():
    day = date(2026, 4, 1)
    made = outlook([waiting(15)], ended(400, 8), day, POLICY)
    assert made.chance[0] == pytest.approx(0.8, abs=0.01)
    assert made.value[0] == pytest.approx(90_00, rel=0.01)  # what goes on of a renewed contract
    smaller = outlook([waiting(15, opportunity_id="d", status="open", deal_minor=60_00)], ended(400, 8), day, POLICY)
    assert smaller.value[0] == 60_00
    early = ended(300, 10, lead=-50) + ended(
        100, 2, lead=20
    )  # the easy ones are decided long before the end: who is still open then is not like them
    assert outlook([waiting(75)], early, day, POLICY).chance[0] > outlook([waiting(-10)], early, day, POLICY).chance[0] + 0.3


def test_too_few_contracts_are_refused_and_the_age_of_a_deal_plays_no_part():
    day = date(2026, 4, 1)
    assert "takes 30" in outlook([waiting(15)], ended(20, 8), day, POLICY).refusal
    old = outlook([waiting(15, created_at=datetime(2020, 1, 1, tzinfo=UTC), opportunity_id="d", status="open")], ended(400, 8), day, POLICY)
    young = outlook(
        [waiting(15, created_at=datetime(2026, 3, 1, tzinfo=UTC), opportunity_id="d", status="open")], ended(400, 8), day, POLICY
    )
    assert np.array_equal(old.chance, young.chance)


def test_bands_cover_every_distance_once():
    assert [band_of(days) for days in (-31, -30, -1, 0, 29, 30, 179, 180, 500)] == [0, 1, 1, 2, 2, 3, 6, 7, 7]
    assert len({band_words(band) for band in range(len(BANDS) + 1)}) == len(BANDS) + 1

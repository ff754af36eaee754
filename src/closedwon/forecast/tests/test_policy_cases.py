"""The shipped cases of both policies, and what they say of deals held against the roll-up."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedwon.base.errors import Invalid
from closedwon.forecast import policy_kind
from closedwon.forecast.tests.worlds import POLICY
from closedwon.people.actor import SYSTEM
from closedwon.policies import actions
from closedwon.policies.registry import kind


@pytest.mark.parametrize("name", ["forecast", "inspection", "rhythm"])
def test_the_shipped_cases_come_out(ws, name):
    actions.apply_defaults(SYSTEM)
    results = actions.run(name, kind(name).default_text())
    assert len(results) > 15
    assert [(one.name, one.differences) for one in results if not one.passed] == []


def test_a_case_that_expects_otherwise_fails_and_says_why(ws):
    actions.apply_defaults(SYSTEM)
    told = '[[case]]\nname = "a"\ngiven = { push_count = 3 }\nexpect = { pushed = false }\n[[case]]\nname = "b"\ngiven = { pushes = 3 }\nexpect = { pushed = true }'
    bad = actions.run("inspection", kind("inspection").default_text(), told)
    assert bad[0].differences[0].startswith("pushed: expected False")
    assert "There is no field 'pushes'" in bad[1].differences[0]
    with pytest.raises(Invalid, match="cannot give"):
        policy_kind.run_case(POLICY, {"colour": "red"})


DEALS = st.fixed_dictionaries(
    {"type": st.sampled_from([one.name for one in POLICY.types]), "period": st.just("2026")},
    optional={
        "status": st.sampled_from(["open", "won", "lost"]),
        "stage_category": st.sampled_from([*POLICY.open_categories, "omitted"]),
        "category": st.sampled_from(["Commit", "best case", "BestCase", "Omitted", "Closed Won", "Wishful", ""]),
        "order_type": st.sampled_from(["new", "renewal", "Services"]),
        "close_date": st.dates(date(2025, 10, 1), date(2027, 3, 1)),
        "start_date": st.dates(date(2025, 10, 1), date(2027, 3, 1)),
        "contract_end": st.dates(date(2025, 10, 1), date(2027, 3, 1)),
        **{name: st.integers(0, 10**6) for name in ("amount", "net_arr", "renewal_base", "tcv", "services")},
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(DEALS)
def test_the_steps_in_words_are_what_the_roll_up_does(ws, deal):
    made = policy_kind.run_case(POLICY, deal)
    day = made["date"]
    inside = day is None or date(2026, 1, 1) <= day < date(2027, 1, 1)
    hidden = day is None and (made["category"] in ("closed", "omitted"))
    expected = (
        "" if not (made["counts"] and inside) or deal.get("status") == "lost" or hidden else "undated" if day is None else made["category"]
    )
    assert made["column"] == expected
    if expected:
        assert made["amount"] == f"{deal.get(made['measure'], 0)}.00"

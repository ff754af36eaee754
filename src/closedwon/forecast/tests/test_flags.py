"""Inspection flags: the rules on both engines, formulas in SQL as in the interpreter, texts, mistakes, cases."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedwon.base.policytext import load_text
from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.engine import DuckEngine
from closedwon.facts.testing import check_snapshot, run_both, spark_missing
from closedwon.forecast import fields, flag_rules, inputs
from closedwon.forecast.flags import FlagBook, InspectionPolicy, decide, pieces
from closedwon.forecast.tests.worlds import FOREVER

HERE = Path(__file__).parent
TEXT = resources.files("closedwon.forecast").joinpath("default/inspection.toml").read_text(encoding="utf-8")


def book_of(text):
    policy, problems = load_text(text, InspectionPolicy, "inspection.toml")
    assert not problems, [str(one) for one in problems]
    return FlagBook(policy, text, "USD")


BOOK = book_of(TEXT)


def with_flags(*whens, more=""):
    return book_of(
        f'reference = "test"\n{more}\n'
        + "".join(f"[[flags]]\nname = \"f{at}\"\nlabel = \"f\"\nwhen = '''{when}'''\n" for at, when in enumerate(whens))
    )


def flag_inputs():
    """Seven deals, each with one thing wrong."""
    day, now = date(2026, 3, 1), datetime(2026, 3, 2, tzinfo=UTC)

    def at(n):
        return now - timedelta(days=n)

    base = {
        "stage": "Late",
        "amount_minor": 100_00,
        "currency": "USD",
        "close_date": date(2026, 3, 20),
        "next_step": "Call",
        "created_at": at(60),
        "is_deleted": False,
    }

    def states(n, *steps):
        rows = []
        for (since, values), (until, _) in zip(steps, [*steps[1:], (FOREVER, {})], strict=True):
            rows.append({**base, **(rows[-1] if rows else {}), **values, "opportunity_id": n, "valid_from": since, "valid_until": until})
        return rows

    q = [date(2025, 3, 20), date(2025, 6, 20), date(2025, 9, 20), date(2026, 3, 20)]
    deals = [
        *states("fine", (at(20), {})),
        *states("late", (at(20), {"close_date": date(2026, 2, 20)})),
        *states("pushed", *[(at(20 - n), {"close_date": due}) for n, due in enumerate(q)]),
        *states("cut", (at(20), {}), (at(5), {"amount_minor": 70_00})),
        *states("beyond", (at(20), {"close_date": date(2026, 4, 2)})),
        *states("old", (at(59), {})),
        *states("silent", (at(20), {"next_step": " "})),
    ]
    names = ["fine", "late", "pushed", "cut", "beyond", "old", "silent"]
    return {
        "deal_states": rows_to_table(deals, table("deal_states").columns),
        "activities": [{"id": f"a{n}", "at": at(3), "opportunity_id": n} for n in names if n != "silent"],
        "deal_approvals": [],
        "opportunity_contacts": [
            {"opportunity_id": n, "contact_id": f"{n}{k}", "since": date(2026, 1, 1)}
            for n in names
            for k in range(1 if n == "silent" else 2)
        ],
        "subjects": [{"opportunity_id": n, "category": "commit"} for n in names],
        "params": [
            {
                "cutoff": now,
                "day": day,
                "period_start": date(2026, 1, 1),
                "period_end": date(2026, 4, 1),
                "currency": "USD",
                "amount_days": 30,
                "tracks_activity": True,
                "tracks_contacts": True,
                "tracks_next_step": True,
            }
        ],
        "accounts": [{"id": "acme", "name": "Acme", "industry": "Retail", "employees": 900}],
        "users": [{"id": "ann", "name": "Ann", "active": True}, {"id": "bob", "name": "Bob", "active": False}],
        "stages": [{"stage": "Early", "place": 1}, {"stage": "Late", "place": 3}],
        "rates": [{"currency": "USD", "num": 1, "den": 1}, {"currency": "EUR", "num": 11, "den": 10}],
        "stage_ages": [{"stage": "Late", "p50_days": 9, "p75_days": 20, "p90_days": 40, "visits": 100}],
        "quarters": inputs.quarter_rows(day),
    }


WRONG = {
    "late": ["past_close_date"],
    "pushed": ["pushed"],
    "cut": ["amount_cut"],
    "beyond": ["closes_beyond_period"],
    "old": ["old_in_stage"],
    "silent": ["no_activity", "no_next_step", "single_threaded"],
}


def marks(given, book, run=DuckEngine().run, custom=()):
    """Each deal's flags by the two rules, as the actions put them together."""
    found = run(flag_rules.measures(("amount",), custom), given)
    rows = run(flag_rules.flags(book), {"measured": found}).to_pylist()
    names = [flag.name for flag in book.policy.active]
    return {
        row["opportunity_id"]: sorted(name for name, sign in zip(names, row["marks"], strict=True) if sign == "1") for row in rows
    }, found


def check_flags(run):
    given = flag_inputs()
    given["activities"].append({"id": "x", "at": datetime(2026, 1, 5, tzinfo=UTC), "opportunity_id": "silent"})
    assert marks(given, BOOK, run)[0] == WRONG


def test_each_flag_is_raised_by_its_own_deal():
    check_flags(DuckEngine().run)


def test_what_is_not_tracked_raises_no_flag():
    given = flag_inputs() | {"activities": [], "opportunity_contacts": []}
    given["params"] = [{**given["params"][0], "tracks_activity": False, "tracks_contacts": False, "tracks_next_step": False}]
    found = {name for names in marks(given, BOOK)[0].values() for name in names}
    assert found
    assert not found & {"no_activity", "single_threaded", "no_next_step"}


def test_sparks_text_is_the_reviewed_one():
    check_snapshot(flag_rules.measures(("net_arr", "amount")), HERE / "snapshots")
    check_snapshot(flag_rules.flags(BOOK), HERE / "snapshots")


def test_every_field_can_be_used_and_says_what_it_means():
    found = DuckEngine().run(flag_rules.measures(("amount",)), flag_inputs()).to_pylist()
    assert set(found[0]) == {"opportunity_id", *(field.column for field in fields.FIELDS)}
    assert all(field.about.endswith(".") for field in fields.FIELDS)
    tests = [
        f"{name} = TODAY()" if f.type == "date" else name if f.type == "yes/no" else f'{name} = "x"' if f.type == "text" else f"{name} > 1"
        for name, f in fields.KNOWN.items()
    ]
    book = with_flags(*tests)
    assert not [row for row in marks(flag_inputs(), book)[0].values() if "e" in row]


def test_account_owner_and_currency():
    given = flag_inputs()
    rows = given["deal_states"].to_pylist()
    rows[0] |= {"account_id": "acme", "owner_id": "bob", "currency": "EUR"}
    rows[1] |= {"owner_id": "nobody", "currency": "XXX"}
    given["deal_states"] = rows_to_table(rows, table("deal_states").columns)
    book = with_flags(
        'Account.Industry = "Retail" AND Account.Employees > 500', "NOT Owner.Active", "amount = 110", "ISBLANK(amount)", "stage_order = 3"
    )
    found, _ = marks(given, book)
    assert found["fine"] == ["f0", "f1", "f2", "f4"]
    assert found["late"] == ["f3", "f4"]
    assert found["silent"] == ["f4"]


def test_sign_off_is_read_as_it_was_known_at_the_cutoff():
    given = flag_inputs()
    cutoff = given["params"][0]["cutoff"]
    before, after = cutoff - timedelta(days=1), cutoff + timedelta(days=1)
    told = {
        "fine": ("approved", before, before), "late": ("approved", before, after), "pushed": ("approved", after, after), "cut": ("voided", before, before),
        "beyond": ("rejected", before, None), "old": ("none", None, None),
    }  # fmt: skip
    given["deal_approvals"] = [
        {"opportunity_id": deal, "subject_kind": "deal", "state": state, "submitted_at": asked, "approved_at": done, "approved_amount_minor": 90_00,
         "currency": "USD", "discount_ppm": 200_000, "needs_approval": True} for deal, (state, asked, done) in told.items()
    ]  # fmt: skip
    rows = {row["opportunity_id"]: row for row in DuckEngine().run(flag_rules.measures(("amount",)), given).to_pylist()}
    assert {deal: row["approval_state"] for deal, row in rows.items()} == {
        "fine": "approved", "late": "pending", "pushed": "none", "cut": "voided", "beyond": "rejected", "old": "none", "silent": None,
    }  # fmt: skip
    assert {deal for deal, row in rows.items() if row["approved_amount_minor"]} == {"fine", "cut"}
    assert not rows["silent"]["needs_approval"]
    book = with_flags(
        'needs_approval AND approval_state = "voided"', "approved_discount >= 20%", "approved_date <= TODAY()", "approved_amount = 90"
    )
    found, _ = marks(given, book)
    assert found["cut"] == ["f0", "f1", "f2", "f3"]
    assert found["fine"] == ["f1", "f2", "f3"]


def test_custom_columns_are_read_as_declared_and_missing_ones_are_blank():
    given = flag_inputs()
    columns = (
        ("x_champion", "text", True),
        ("x_score", "number", True),
        ("x_seen", "date", True),
        ("x_ok", "yes/no", True),
        ("x_gone", "number", False),
    )
    extra = [
        {"id": "fine", "x_champion": " ", "x_score": "4.5", "x_seen": "2026-02-01", "x_ok": "Yes"},
        {"id": "late", "x_champion": "Mia", "x_score": "many", "x_seen": "31/02/2026", "x_ok": "false"},
    ]
    from closedwon.base.tables import Column

    given["opportunities"] = rows_to_table(
        extra, (*table("opportunities").columns, *(Column(f"x_{n}", "text") for n in ("champion", "score", "seen", "ok")))
    )
    declared = "[columns]\n" + "".join(f'{name} = "{kind}"\n' for name, kind, _ in columns)
    book = with_flags("ISBLANK(x_champion)", "x_score > 4", "x_seen < TODAY()", "x_ok", "ISBLANK(x_gone)", more=declared)
    found = DuckEngine().run(flag_rules.measures(("amount",), columns), given)
    told = {row["opportunity_id"]: row["marks"] for row in DuckEngine().run(flag_rules.flags(book), {"measured": found}).to_pylist()}
    assert told["fine"] == "11111"
    assert told["late"] == "0e001"  # a text that is no number has no value; it is not taken for 0
    assert told["old"] == "10001"


NUMBERS = [
    "amount",
    "amount_before",
    "amount_cut",
    "days_in_stage",
    "push_count",
    "stage_p90_days",
    "contacts",
    "age_days",
    "many",
    "share",
]
DATES = ["close_date", "created_date", "TODAY()", "period_end"]
TEXTS = ["category", "stage", "next_step", "Account.Industry"]


def numbers():
    leaf = st.sampled_from([*NUMBERS, "1", "0", "2.5", "20%", "100"])
    return st.recursive(leaf, lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda x: f"({x[0]} {x[1]} {x[2]})"),
        st.tuples(st.sampled_from(["ABS({})", "ROUND({}, 1)", "BLANKVALUE({}, 7)", "IF(ISBLANK({}), 1, 2)"]), inner).map(lambda x: x[0].format(x[1])),
        st.tuples(st.sampled_from(DATES), st.sampled_from(DATES)).map(lambda x: f"({x[0]} - {x[1]})"),
    ), max_leaves=4)  # fmt: skip


def conditions():
    plain = st.one_of(
        st.tuples(numbers(), st.sampled_from(["<", ">", ">=", "<=", "=", "<>"]), numbers()).map(" ".join),
        st.tuples(st.sampled_from(DATES), st.sampled_from("<>="), st.sampled_from(DATES)).map(" ".join),
        st.tuples(st.sampled_from(TEXTS), st.sampled_from(['IN ("commit", "Late")', '= "Call"', '<> ""'])).map(" ".join),
        st.sampled_from(
            [*(f"ISBLANK({name})" for name in (*NUMBERS, *DATES, *TEXTS)), "tracks_next_step", "Owner.Active", 'CONTAINS(next_step, "al")']
        ),
    )
    return st.recursive(plain, lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda x: f"({x[0]} {x[1]} {x[2]})"), inner.map(lambda x: f"NOT({x})"),
    ), max_leaves=4)  # fmt: skip


def a_deal():
    small, day = st.none() | st.integers(-3, 60), st.none() | st.dates(date(2025, 1, 1), date(2027, 1, 1))
    kinds = {"number": small, "date": day, "money": st.none() | st.integers(-(10**6), 10**9), "percent": st.none() | st.integers(0, 10**6), "yes/no": st.booleans(),
             "text": st.sampled_from([None, "", "commit", "Late", "Call", "x"])}  # fmt: skip
    columns = {field.column: kinds[field.type] for field in fields.FIELDS}
    return st.fixed_dictionaries(columns | {"TODAY()": st.dates(date(2025, 1, 1), date(2027, 1, 1))})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(conditions(), min_size=1, max_size=3), st.lists(a_deal(), min_size=1, max_size=8))
def test_the_formulas_in_sql_give_what_the_interpreter_gives(whens, deals):
    check_same(whens, deals, DuckEngine().run)


def check_same(whens, deals, run):
    book = with_flags(*whens, more='[numbers]\nmany = 3\nshare = "12.5%"')
    rows = [{**deal, "opportunity_id": f"d{at:03}"} for at, deal in enumerate(deals)]
    told = {
        row["opportunity_id"]: row["marks"]
        for row in run(flag_rules.flags(book), {"measured": rows_to_table(rows, flag_rules.MEASURED)}).to_pylist()
    }
    for row in rows:
        outcomes = [formula.evaluate(book.row(row)) for formula in book.formulas.values()]
        wanted = "".join("e" if outcome.error else "1" if outcome.value else "0" for outcome in outcomes)
        assert told.get(row["opportunity_id"], "0" * len(whens)) == wanted, (whens, row)


def test_labels_and_reasons_show_values_and_count_them():
    row = {
        "today": date(2026, 3, 1),
        "close_date": date(2026, 2, 28),
        "push_count": 4,
        "amount_cut": Decimal("0.257"),
        "contacts": 1,
        "category": "commit",
    }
    made = decide(BOOK.policy, row)
    assert made["flags"] == ["past_close_date", "pushed", "amount_cut", "single_threaded"]
    assert made["labels"][1] == "pushed 4×"
    assert made["reasons"] == [
        "The close date passed 1 day ago and the deal is still open.", "Its close date moved into a later quarter 4 times.",
        "Its amount fell by 25 % lately.", "Only one contact is named on it.",
    ]  # fmt: skip
    assert [piece.words for piece in pieces("{{a} b")] == ["{", "a} b"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('when = "push_cont > 1"', "inspection.toml:6:9 flags.0.when: unknown field `push_cont`. Did you mean `push_count`?"),
        ('when = "amount"', "flags.0.when: the formula gives money, not yes or no"),
        ('when = "x_champion = 1"', "unknown field `x_champion`"),
        ('when = "TRUE"\nwhy = "for {days_in_stge : day}"', "unknown field `days_in_stge`. Did you mean `days_in_stage`?"),
        ('when = "TRUE"\nwhy = "for {stage : day}"', "cannot be counted in days"),
        ('when = "TRUE"\nwhy = "for {stage"', "the { is not closed"),
        ('when = "TRUE"\n[[flags]]\nname = "a"\nlabel = "b"\nwhen = "TRUE"', "the flag 'a' stands twice"),
        ('when = "TRUE"\n[numbers]\namount = 3', "'amount' cannot name a number"),
        ('when = "TRUE"\n[numbers]\nmany = "lots"', "is not a number"),
        ('when = "TRUE"\n[columns]\nchampion = "text"', "is no custom column"),
        ('when = "TRUE"\n[columns]\nx_champion = "tekst"', "the type 'tekst' is unknown"),
    ],
)
def test_mistakes_are_said_at_their_place(line, said):
    _, problems = load_text(f'reference = "test"\n\n[[flags]]\nname = "a"\nlabel = "b"\n{line}\n', InspectionPolicy, "inspection.toml")
    assert any(said in str(problem) for problem in problems), [str(one) for one in problems]


def test_a_policy_needs_a_reference():
    _, problems = load_text("flags = []", InspectionPolicy, "inspection.toml")
    assert "'reference' is missing" in str(problems[0])


def test_an_older_policy_is_carried_over():
    from importlib import import_module

    move = import_module("closedwon.forecast.migrations.0001_flags_as_formulas")
    old = """# ours
default = "a"
[[flags]]
rule = "pushed"
label = "pushed"
weight = "high"
times = 2
[[flags]]
rule = "single_threaded"
label = "single contact"
categories = ["commit"]
contacts = 3
[[flags]]
rule = "amount_cut"
label = "cut"
percent = "15%"
days = 14
[definitions]
quota = "q"
"""
    text, flags = move.carried(old)
    assert "[[flags]]" not in text
    assert "# ours" in text
    assert text.startswith("reference = ")
    book = book_of(move.inspection([dict(flag) for flag in flags]))
    assert [flag.when for flag in book.policy.flags] == ["push_count >= 2", 'contacts < 3 AND category IN ("commit")', "amount_cut >= 15%"]
    assert (book.policy.amount_days, book.policy.later) == (14, [])
    assert decide(book.policy, {"push_count": 2})["labels"] == ["pushed 2×"]


@pytest.mark.spark
@pytest.mark.skipif(bool(spark_missing()), reason=spark_missing())
def test_spark_gives_the_same():
    check_flags(run_both)
    deals = [
        {
            "opportunity_id": "x",
            "amount_minor": 1050,
            "TODAY()": date(2026, 1, 5),
            "push_count": 3,
            "category": "commit",
            "amount_cut_ppm": 200_000,
            "close_date": date(2026, 1, 4),
        }
    ]
    whens = [
        "amount * 3 > 31.4",
        "push_count / 0 > 1",
        "amount_cut >= 20%",
        'CONTAINS(category, "omm")',
        "TODAY() - close_date = 1",
        "ROUND(share * many, 2) = 0.38",
    ]
    check_same(whens, deals, run_both)

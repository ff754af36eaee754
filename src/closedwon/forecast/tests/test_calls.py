"""Calls: three numbers kept apart, what stands below, notes, overrides, deadlines, locks; and who may and may not."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.db import DatabaseError, transaction
from django.utils import timezone

from closedwon.audit.models import Entry
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.models import Release
from closedwon.facts.releases import latest, publish
from closedwon.facts.store import store
from closedwon.forecast import history, models
from closedwon.forecast.actions import standing
from closedwon.forecast.actions.calls import call_board, seat_calls, submit
from closedwon.forecast.actions.overrides import override, overrides, withdraw
from closedwon.forecast.actions.weekly import keep_snapshot, lock, publish_calls, remind, waited
from closedwon.forecast.reading import ground
from closedwon.people.actor import SYSTEM
from closedwon.policies.actions import apply_defaults

AT = datetime(2026, 10, 1, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday, six hours before the deadline
Q4 = "2026-Q4"


def deal(n, owner, stage, amount, closes, **more):
    return {
        "opportunity_id": f"d{n}", "valid_from": AT, "valid_until": FOREVER, "name": f"Deal {n}", "owner_id": owner, "stage": stage,
        "amount_minor": amount, "currency": "USD", "close_date": closes, "created_at": AT, "is_deleted": False, "is_reconstructed": False, **more,
    }  # fmt: skip


def bring(**data):
    known = {name: rows_to_table(rows, table(name).columns) for name, rows in data.items()}
    made = publish({name: store().replace(name, rows) for name, rows in known.items()})
    Release.objects.filter(pk=made.pk).update(at=AT + timedelta(days=1))  # the clock of these tests is later


@pytest.fixture
def clock(monkeypatch):
    """The clock, which a test can set; each look is a microsecond later."""
    state = {"now": NOW}

    def now():
        state["now"] += timedelta(microseconds=1)
        return state["now"]

    monkeypatch.setattr(timezone, "now", now)
    return state


@pytest.fixture
def company(ws, clock):
    """ann leads max and mia; bob is under max, dora under mia. bob has commit 100 and closed 40, dora 70 in pipeline and 30 in best case."""
    apply_defaults(SYSTEM)
    users = [("ann", None), ("max", "ann"), ("mia", "ann"), ("bob", "max"), ("dora", "mia")]
    bring(
        users=[{"id": u, "name": u.capitalize(), "manager_id": m, "active": True, "email": f"{u}@x.test"} for u, m in users],
        deal_states=[
            deal(1, "bob", "6-Awaiting Signature", 100_00, date(2026, 12, 1)),
            deal(2, "bob", "Closed Won", 40_00, date(2026, 10, 20), is_closed=True, is_won=True),
            deal(3, "dora", "1-Discovery", 70_00, date(2026, 12, 15)),
            deal(4, "dora", "5-Negotiating", 30_00, date(2026, 12, 20), forecast_category="Best Case"),
            deal(5, "dora", "6-Awaiting Signature", 20_00, date(2027, 2, 1)),
        ],
    )  # fmt: skip
    standing._KEPT.clear()
    return ws


@pytest.fixture
def people(company, actor):
    return {
        "ann": actor("ann@x.test", "executive", person_id="ann"),
        "max": actor("max@x.test", "manager", person_id="max"),
        "mia": actor("mia@x.test", "manager", person_id="mia"),
        "bob": actor("bob@x.test", "rep", person_id="bob"),
        "ops": actor("ops@x.test", "sales-ops"),
        "pay": actor("pay@x.test", "comp-admin"),
        "fin": actor("fin@x.test", "finance"),
    }


def amounts(commit, likely, best):
    return {"commit": commit, "most_likely": likely, "best_case": best}


def minor(commit, likely, best):
    return {"commit": commit * 100, "most_likely": likely * 100, "best_case": best * 100}


def test_three_numbers_stand_side_by_side_and_apart(people):
    submit(by=people["bob"], seat="bob", amounts=amounts("120", "140", "150"), period=Q4, note="One is shaky")
    submit(by=people["max"], seat="max", amounts=amounts("130", 140, "150.00"), period=Q4, note="Bob is careful")
    found = seat_calls(by=people["max"], seat="max", period=Q4).standing
    assert found.basis.rollup == minor(140, 140, 140)
    assert found.basis.below == minor(120, 140, 150)
    assert found.amounts == minor(130, 140, 150)
    assert found.call.basis.delta(found.call.amounts) == minor(10, 0, 0)
    assert not found.since.is_changed


def test_a_child_without_a_call_falls_back_to_its_own_roll_up_and_is_marked(people):
    submit(by=people["max"], seat="max", amounts=amounts(150, 150, 150), period=Q4, note="Two more are coming")
    basis = seat_calls(by=people["ann"], seat="ann", period=Q4).standing.basis
    assert [(part.seat, part.kind, part.amounts) for part in basis.parts] == [
        ("max", "call", minor(150, 150, 150)),
        ("mia", "roll-up", minor(0, 0, 30)),
    ]
    assert basis.below == minor(150, 150, 180)


def test_a_childs_new_call_never_moves_a_parent_that_has_called(people):
    submit(by=people["bob"], seat="bob", amounts=amounts(140, 140, 140), period=Q4)
    submit(by=people["max"], seat="max", amounts=amounts(140, 140, 140), period=Q4)
    submit(by=people["bob"], seat="bob", amounts=amounts(60, 140, 140), period=Q4, note="d1 slips")
    found = seat_calls(by=people["max"], seat="max", period=Q4).standing
    assert found.amounts == minor(140, 140, 140)
    assert found.since.is_changed
    assert found.since.seats == ("bob",)
    assert found.since.below == minor(-80, 0, 0)
    assert found.call.basis.below == minor(140, 140, 140)


def test_a_call_is_immutable_and_keeps_what_it_stood_on(people):
    made = submit(by=people["bob"], seat="bob", amounts=amounts(140, 140, 140), period=Q4)
    row = models.SubmittedCall.objects.get()
    assert (row.author, row.person, row.on_behalf_of, row.currency, row.release) == (people["bob"].name, "bob", "", "USD", latest().pk)
    assert row.machine["kind"] == "stage-weighted"
    assert row.machine["median"] > 40_00
    assert made.key == row.at.isoformat()
    entry = Entry.objects.filter(verb="forecast.called").last()
    assert entry.subject == "seat:bob"
    for change in (
        lambda: models.SubmittedCall.objects.update(commit_minor=1),
        lambda: models.SubmittedCall.objects.all().delete(),
        lambda: models.SubmittedCall.objects.filter(pk=row.pk).update(note="other"),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert models.SubmittedCall.objects.get().commit_minor == 140_00


def test_what_is_wrong_is_said_and_nothing_is_kept(people):
    bob = people["bob"]
    for given, words in (
        (amounts(150, 140, 140), "Commit is larger than most likely"),
        (amounts("much", 140, 140), "Commit"),
        (amounts("", 140, 140), "Commit is missing"),
        (amounts(140, 140, 10**18), "too large"),
        (amounts(140, 140, 170), "takes a note"),
    ):
        with pytest.raises(Invalid, match=words) as told:
            submit(by=bob, seat="bob", amounts=given, period=Q4)
        assert told.value.mend
    submit(by=bob, seat="bob", amounts=amounts("138", "140", "142.8"), period=Q4)  # within two per cent
    with pytest.raises(Conflict):
        submit(by=bob, seat="bob", amounts=amounts(140, 140, 140), period=Q4, expected="")
    with pytest.raises(Invalid, match="no loss"):
        submit(by=bob, seat="bob", amounts=amounts(140, 140, 140), loss=amounts(1, 1, 1), period=Q4)
    assert models.SubmittedCall.objects.count() == 1


def test_who_may_call_and_for_whom(people):
    for who, seat in (("bob", "max"), ("bob", "dora"), ("max", "mia"), ("max", "dora"), ("mia", "ann")):
        with pytest.raises(NotFound):
            submit(by=people[who], seat=seat, amounts=amounts(0, 0, 0), period=Q4, note="x")
    with pytest.raises(Refused):
        submit(by=people["fin"], seat="bob", amounts=amounts(0, 0, 0), period=Q4, note="x")
    with pytest.raises(Refused):
        submit(by=people["pay"], seat="bob", amounts=amounts(0, 0, 0), period=Q4, note="x")
    assert models.SubmittedCall.objects.count() == 0
    assert submit(by=people["max"], seat="bob", amounts=amounts(140, 140, 140), period=Q4).on_behalf_of == "bob"
    assert submit(by=people["ops"], seat="mia", amounts=amounts(0, 0, 30), period=Q4).on_behalf_of == "mia"
    assert submit(by=people["ann"], seat="ann", amounts=amounts(140, 140, 170), period=Q4).on_behalf_of == ""


def test_nobody_sees_siblings_and_a_rep_not_the_managers_judgment(people):
    for seat, who in (("bob", "bob"), ("max", "max"), ("mia", "mia")):
        submit(by=people[who], seat=seat, amounts=amounts(140, 140, 140), period=Q4, note="so")
    seen = {who: sorted(set(call_board(by=people[who], period=Q4).judged)) for who in ("bob", "max", "mia", "ann")}
    assert seen == {"bob": ["bob"], "max": ["bob", "max"], "mia": ["dora", "mia"], "ann": ["ann", "bob", "dora", "max", "mia"]}
    with pytest.raises(NotFound):
        seat_calls(by=people["bob"], seat="max", period=Q4)
    text = standing._shipped().model_copy(update={"judgment": standing._shipped().judgment.model_copy(update={"below": True})})
    board = call_board(by=people["bob"], period=Q4)
    board.book.rhythm = text
    from closedwon.forecast.actions.rights import judged
    from closedwon.forecast.actions.rollups import seen_by

    assert judged(people["bob"], board.book, seen_by(people["bob"], board.book.ask, board.book.on)) == {"ann", "max", "bob"}


def test_late_missing_and_reminded_once(people, clock):
    submit(by=people["max"], seat="max", amounts=amounts(140, 140, 140), period=Q4)
    state = {one.seat: one.state for one in waited(by=people["ann"], period=Q4)}
    assert state == {"ann": "due", "mia": "due"}  # reps are not waited for
    assert remind() == {"sent": 2}
    assert remind() == {"sent": 0}
    assert sorted(one.to[0] for one in mail.outbox) == ["ann@x.test", "mia@x.test"]
    clock["now"] = datetime(2026, 11, 23, 16, tzinfo=UTC)
    assert remind() == {"sent": 2}
    clock["now"] = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
    assert remind() == {"sent": 2}
    assert "is late" in mail.outbox[-1].subject
    submit(by=people["mia"], seat="mia", amounts=amounts(0, 0, 30), period=Q4)
    assert {one.seat: one.state for one in waited(by=people["ann"], period=Q4)} == {"ann": "missing", "mia": "late"}
    assert models.SubmittedCall.objects.filter(is_late=True).get().seat == "mia"
    assert [one.seat for one in waited(by=people["mia"], period=Q4, own=True)] == ["mia"]
    clock["now"] = datetime(2026, 11, 28, 9, tzinfo=UTC)
    assert {one.seat: one.state for one in waited(by=people["ann"], period=Q4)} == {"ann": "due", "max": "due", "mia": "due"}


def test_a_locked_period_takes_no_call_until_it_is_unlocked(people, clock):
    with pytest.raises(Refused):
        lock(by=people["max"], period=Q4)
    lock(by=people["ops"], period=Q4, note="QBR")
    with pytest.raises(Refused, match="QBR"):
        submit(by=people["bob"], seat="bob", amounts=amounts(140, 140, 140), period=Q4)
    with pytest.raises(Refused):
        override(by=people["bob"], seat="bob", deal="d1", field="category", value="pipeline", note="x", period=Q4)
    with pytest.raises(Conflict):
        lock(by=people["ops"], period=Q4)
    lock(by=people["fin"], period=Q4, is_locked=False)
    submit(by=people["bob"], seat="bob", amounts=amounts(140, 140, 140), period=Q4)
    assert [entry.verb for entry in Entry.objects.filter(subject="period:FY26-Q4").order_by("sequence")] == [
        "forecast.locked",
        "forecast.unlocked",
    ]
    clock["now"] = datetime(2027, 1, 6, 1, tzinfo=UTC)
    with pytest.raises(Refused, match="locked by itself on 06 Jan 2027"):
        submit(by=people["bob"], seat="bob", amounts=amounts(140, 140, 140), period=Q4)


def test_an_override_holds_for_the_forecast_only_from_its_seat_upwards(people):
    override(by=people["max"], seat="max", deal="d1", field="category", value="best_case", note="Legal is slow", period=Q4)

    def deals(seat):
        return seat_calls(by=people["ann"], seat=seat, period=Q4).standing.basis.deals

    assert deals("bob") == minor(140, 140, 140)
    assert deals("max") == minor(40, 40, 140)
    assert deals("ann") == minor(40, 40, 170)
    override(by=people["ann"], seat="ann", deal="d1", field="amount", value="80", note="They asked for less", period=Q4)
    assert deals("max") == minor(40, 40, 140)
    assert deals("ann") == minor(40, 40, 150)
    found = override(by=people["mia"], seat="mia", deal="d5", field="close_date", value="2026-12-30", note="Pulled in", period=Q4)
    assert deals("mia") == minor(20, 20, 50)
    assert found.fact == "2027-02-01"
    pushed = override(by=people["mia"], seat="mia", deal="d4", field="close_date", value="2027-01-30", note="Slips", period=Q4)
    assert deals("mia") == minor(20, 20, 20)
    withdraw(by=people["mia"], number=pushed.id)
    assert deals("mia") == minor(20, 20, 50)
    with pytest.raises(Conflict):
        withdraw(by=people["mia"], number=pushed.id)
    state = next(row for row in store().read("deal_states").to_pylist() if row["opportunity_id"] == "d5")
    assert state["close_date"] == date(2027, 2, 1)
    assert [one.deal for one in overrides(by=people["bob"], period=Q4)] == []
    assert {one.deal for one in overrides(by=people["max"], period=Q4)} == {"d1"}


def test_an_override_that_cannot_be_is_refused_with_its_reason(people):
    mia = people["mia"]
    for words, match in (
        ({"deal": "d4", "field": "category", "value": "sure"}, "no category"),
        ({"deal": "d4", "field": "amount", "value": "-3"}, "below 0"),
        ({"deal": "d4", "field": "close_date", "value": "soon"}, "not a day"),
        ({"deal": "d4", "field": "stage", "value": "x"}, "cannot be overridden"),
        ({"deal": "d4", "about": "dora", "field": "commit", "value": "1"}, "a deal or of a seat"),
        ({"about": "dora", "field": "commit", "value": "99"}, "Commit is larger"),
    ):
        with pytest.raises(Invalid, match=match):
            override(by=mia, seat="mia", note="x", period=Q4, **words)
    with pytest.raises(Invalid, match="takes a note"):
        override(by=mia, seat="mia", deal="d4", field="category", value="commit", note=" ", period=Q4)
    with pytest.raises(NotFound):
        override(by=mia, seat="mia", deal="d1", field="category", value="commit", note="x", period=Q4)
    with pytest.raises(NotFound):
        override(by=mia, seat="mia", about="bob", field="commit", value="1", note="x", period=Q4)
    with pytest.raises(Invalid, match="closed is not forecast"):
        override(by=people["max"], seat="max", deal="d2", field="category", value="commit", note="x", period=Q4)
    assert models.Override.objects.count() == 0


def test_a_number_in_the_place_of_a_call_below_stands_beside_it(people):
    submit(by=people["bob"], seat="bob", amounts=amounts(140, 140, 140), period=Q4)
    override(by=people["max"], seat="max", about="bob", field="commit", value="90", note="Haircut", period=Q4)
    (part,) = seat_calls(by=people["max"], seat="max", period=Q4).standing.basis.parts
    assert (part.kind, part.amounts, part.called) == ("override", minor(90, 140, 140), minor(140, 140, 140))
    assert seat_calls(by=people["bob"], seat="bob", period=Q4).standing.amounts == minor(140, 140, 140)


def test_imported_and_new_calls_are_one_history(people):
    old = [
        {"position_id": "max", "type": "net_arr", "period": Q4, "category": name, "as_of_at": datetime(2026, 11, 16, 17, tzinfo=UTC),
         "amount_minor": 11_00 * at, "currency": "USD", "user_id": "ops1", "on_behalf_of": "max", "note": "away"}
        for at, name in enumerate(("commit", "most_likely", "best_case"), 1)
    ]  # fmt: skip
    bring(forecast_calls=old)
    submit(by=people["max"], seat="max", amounts=amounts(140, 140, 140), period=Q4)
    told = seat_calls(by=people["max"], seat="max", period=Q4).told
    assert [(one.amounts["commit"], one.behalf, one.is_late) for one in told] == [(140_00, "", False), (11_00, "Max", False)]
    assert told[0].step == {"commit": 129_00, "most_likely": 118_00, "best_case": 107_00}
    assert len(history.call_rows(ground())) == 6
    assert publish_calls() == {"calls": 1, "locks": 0}
    rows = store().read("forecast_calls", version=latest().tables["forecast_calls"]).to_pylist()
    mine = [row for row in rows if row["source"] == "closedwon"]
    assert (len(rows), len(mine)) == (6, 3)
    assert {row["type"] for row in mine} == {"net-new-arr"}
    assert mine[0]["rollup_minor"] == mine[0]["below_minor"] == 140_00
    assert len(history.call_rows(ground())) == 6
    release = latest().pk
    publish_calls()
    assert latest().pk == release
    then = seat_calls(by=people["max"], seat="max", period=Q4, as_of="2026-11-20")
    assert then.standing.amounts == {"commit": 11_00, "most_likely": 22_00, "best_case": 33_00}
    assert len(then.told) == 1


def test_calls_belong_to_seats_through_a_re_org(people):
    submit(by=people["bob"], seat="bob", amounts=amounts(100, 140, 140), period=Q4, note="d1 is shaky")
    submit(by=people["max"], seat="max", amounts=amounts(100, 140, 140), period=Q4)
    bring(users=[{"id": u, "name": u.capitalize(), "manager_id": m, "active": True} for u, m in
                 [("ann", None), ("max", "ann"), ("mia", "ann"), ("bob", "mia"), ("dora", "mia")]])  # fmt: skip
    assert seat_calls(by=people["ann"], seat="bob", period=Q4).standing.amounts == minor(100, 140, 140)
    old = seat_calls(by=people["ann"], seat="max", period=Q4).standing
    assert old.call.basis.below == minor(100, 140, 140)
    assert old.since.seats == ("bob",)
    assert [part.seat for part in seat_calls(by=people["ann"], seat="mia", period=Q4).standing.basis.parts] == ["bob", "dora"]


def test_a_snapshot_keeps_what_stood_at_each_seat(people, clock):
    submit(by=people["max"], seat="max", amounts=amounts(140, 140, 140), period=Q4)
    override(by=people["mia"], seat="mia", deal="d4", field="category", value="commit", note="Signed today", period=Q4)
    clock["now"] += timedelta(days=1)
    done = keep_snapshot()
    rows = store().read("forecast_snapshots").to_pylist()
    assert done == {"day": "2026-11-23", "rows": len(rows)}
    mine = {(row["position_id"], row["category"]): row for row in rows if row["period"] == "FY26-Q4"}
    assert (mine["max", "commit"]["rollup_minor"], mine["max", "commit"]["call_minor"]) == (140_00, 140_00)
    assert (mine["mia", "commit"]["rollup_minor"], mine["mia", "commit"]["override_minor"]) == (0, 30_00)
    assert mine["bob", "commit"]["call_minor"] is None


def test_the_api_calls_and_refuses_the_same(people, client):
    from closedwon.people.models import User

    client.force_login(User.objects.get(email="bob@x.test"))
    base = "/api/v1/forecast"
    given = {"commit": "140", "most_likely": "140", "best_case": "140", "period": Q4}
    made = client.post(f"{base}/calls/bob", given, content_type="application/json")
    assert (made.status_code, made.json()["commit"], made.json()["period"]) == (200, "140.00", "FY26-Q4")
    assert client.post(f"{base}/calls/max", given, content_type="application/json").status_code == 404
    assert client.post(f"{base}/calls/bob", {**given, "best_case": "170"}, content_type="application/json").status_code == 422
    rows = client.get(f"{base}/calls?period={Q4}").json()["rows"]
    assert {row["seat"] for row in rows} == {"bob"}
    assert [row["call"] for row in client.get(f"{base}/calls?period={Q4}&history=true").json()["rows"]] == ["140.00"] * 3
    words = {"seat": "bob", "deal": "d1", "field": "category", "value": "best_case", "note": "Slow", "period": Q4}
    over = client.post(f"{base}/overrides", words, content_type="application/json").json()
    assert [one["id"] for one in client.get(f"{base}/overrides?period={Q4}").json()] == [over["id"]]
    assert (
        client.post(f"{base}/overrides/{over['id']}/withdraw", {}, content_type="application/json").json()["withdrawn_by"] == "bob@x.test"
    )
    assert client.post(f"{base}/periods/{Q4}/lock", {}, content_type="application/json").status_code == 403
    assert client.get(f"{base}/calls-waiting?period={Q4}").json() == []
    client.force_login(User.objects.get(email="ops@x.test"))
    assert client.post(f"{base}/periods/{Q4}/lock", {"note": "over"}, content_type="application/json").json()["is_locked"] is True
    assert client.post(f"{base}/periods/{Q4}/unlock", {}, content_type="application/json").json()["is_locked"] is False
    client.force_login(User.objects.get(email="pay@x.test"))
    for address in ("calls", "overrides", "calls-waiting"):
        assert client.get(f"{base}/{address}").status_code == 403


def test_the_command_line_calls_and_lists(people, company):
    from typer.testing import CliRunner

    from closedwon.site.cli import app

    def ask(*words):
        return CliRunner().invoke(app, ["--workspace", str(company.path), "forecast", *words])

    told = ask("call", "--seat", "max", "--commit", "140", "--most-likely", "140", "--best-case", "140", "--period", Q4)
    assert told.stdout == "Called for max, FY26-Q4, on behalf of max.\n"
    rows = ask("calls", "--period", Q4, "--format", "csv").stdout.splitlines()
    assert rows[0] == "seat,name,category,rollup,below,call,delta,state,at,by,on_behalf_of,note,moved,changed_since"
    assert any(row.startswith("max,Max,commit,140.00,140.00,140.00,0.00,in,") for row in rows)
    wrong = ask("call", "--seat", "max", "--commit", "150", "--most-likely", "140", "--best-case", "140", "--period", Q4)
    assert wrong.exit_code != 0
    assert "mia,Mia,,due" in ask("waiting", "--period", Q4, "--format", "csv").stdout
    over = ask("override", "--seat", "mia", "--deal", "d4", "--field", "category", "--value", "commit", "--note", "Signed", "--period", Q4)
    assert "category of d4 is commit instead of Best Case for FY26-Q4" in over.stdout
    assert "Signed" in ask("overrides", "--period", Q4, "--format", "csv").stdout
    number = str(models.Override.objects.get().pk)
    assert "is withdrawn" in ask("withdraw", number).stdout
    assert ask("lock", Q4).stdout == "FY26-Q4 is locked.\n"
    assert ask("unlock", Q4).stdout == "FY26-Q4 is open.\n"


def sign_in(client, name):
    from closedwon.people.models import User

    client.force_login(User.objects.get(email=f"{name}@x.test"))


def test_the_board_calls_in_place_and_shows_who_has(people, client):
    sign_in(client, "max")
    text = client.get(f"/forecast/?period={Q4}").content.decode()
    assert "Submit call" in text
    assert "Call: <a" in text
    alone = client.get("/forecast/").content.decode()
    assert 'hx-get="/forecast/calls/max/edit?as=card&amp;next=%2Fforecast%2F"' in alone
    form = client.get(f"/forecast/calls/max/edit?period={Q4}&as=card", headers={"HX-Request": "true"}).content.decode()
    whole = client.get(f"/forecast/calls/max/edit?period={Q4}", headers={"Sec-Fetch-Dest": "document"}).content.decode()
    assert ("<html" in form, "<html" in whole, "<tr" in whole) == (False, True, False), "opened by itself, the form is a page"
    assert 'name="commit" value="140"' in form
    given = {"commit": "150", "most_likely": "150", "best_case": "150", "expected": "", "next": f"/forecast/?period={Q4}"}
    refused = client.post(f"/forecast/calls/max/edit?period={Q4}", given, headers={"HX-Request": "true"})
    assert refused.status_code == 422
    assert "takes a note" in refused.headers["HX-Trigger"]
    assert refused.headers["HX-Reswap"] == "none"
    made = client.post(f"/forecast/calls/max/edit?period={Q4}", {**given, "note": "Two more"}, headers={"HX-Request": "true"})
    assert (made.status_code, made.headers["HX-Redirect"]) == (204, f"/forecast/?period={Q4}")
    text = client.get(f"/forecast/?period={Q4}").content.decode()
    assert "Mon 12:00" in text
    page = client.get(f"/forecast/calls/max/?period={Q4}").content.decode()
    for words in ("Calls of Max", "Two more", "Right below", "no call: roll-up", "from what stood below: commit +"):
        assert words in page, words
    drawer = client.get(f"/forecast/calls/max/?period={Q4}", headers={"HX-Request": "true", "HX-Target": "drawer-body"}).content.decode()
    assert "<html" not in drawer
    stale = client.post(f"/forecast/calls/max/edit?period={Q4}", {**given, "note": "again"}, headers={"HX-Request": "true"})
    assert stale.status_code == 409
    past = client.get(f"/forecast/calls/max/edit?period={Q4}&as_of=2026-11-01", headers={"HX-Request": "true"})
    assert "past is not called" in past.headers["HX-Trigger"]
    elsewhere = client.post(
        f"/forecast/calls/bob/edit?period={Q4}",
        {**given, "commit": "140", "most_likely": "140", "best_case": "140", "next": "https://evil.test/"},
    )
    assert elsewhere.url.startswith("/forecast/")


def test_pages_of_calls_show_nothing_of_siblings_or_of_the_manager(people, client):
    for seat in ("max", "mia", "dora"):
        submit(by=people["ops"], seat=seat, amounts=amounts(137, 138, 139), period=Q4, note="judgment of the leader")
    override(by=people["max"], seat="max", deal="d1", field="category", value="pipeline", note="I doubt it", period=Q4)
    sign_in(client, "bob")
    for address in (
        "/forecast/",
        "/forecast/calls/",
        "/forecast/open",
        "/forecast/calls/bob/",
        "/forecast/agenda",
        "/forecast/agenda?scope=bob",
    ):
        answer = client.get(address, {"period": Q4} if "?" not in address else {"period": Q4, "scope": "bob"})
        text = answer.content.decode()
        assert answer.status_code == 200, address
        for words in ("judgment of the leader", "I doubt it", "forecast: Pipeline", "Mia", "Dora", ">138<"):
            assert words not in text, (address, words)
    for address in ("calls/max/", "calls/max/edit", "calls/dora/", "calls/max/override?deal=d1", "agenda?scope=max"):
        assert client.get(f"/forecast/{address}").status_code == 404, address
    number = models.Override.objects.get().pk
    assert client.post(f"/forecast/calls/withdraw/{number}").status_code == 404
    assert client.post("/forecast/calls/lock", {"period": Q4}).status_code == 403
    assert models.Withdrawal.objects.count() == models.PeriodLock.objects.count() == 0
    sign_in(client, "pay")
    for address in ("calls/", "calls/max/", "agenda"):
        assert client.get(f"/forecast/{address}").status_code == 403, address


def test_a_deal_is_overridden_in_place_and_stands_beside_the_fact(people, client):
    sign_in(client, "max")
    text = client.get(f"/forecast/open?period={Q4}").content.decode()
    assert "/forecast/calls/max/override?" in text
    form = client.get(f"/forecast/calls/max/override?deal=d1&period={Q4}", headers={"HX-Request": "true"}).content.decode()
    assert "Deal 1" in form
    given = {
        "category": "best_case",
        "was_category": "commit",
        "amount": "100",
        "was_amount": "100",
        "close_date": "2026-12-01",
        "was_close_date": "2026-12-01",
    }
    url = f"/forecast/calls/max/override?deal=d1&period={Q4}"
    assert client.post(url, given, headers={"HX-Request": "true"}).status_code == 422
    assert client.post(url, {**given, "category": "commit", "note": "x"}, headers={"HX-Request": "true"}).status_code == 422
    assert client.post(url, {**given, "note": "Slow"}, headers={"HX-Request": "true"}).status_code == 204
    assert "forecast: Best case" in client.get(f"/forecast/open?period={Q4}").content.decode()
    page = client.get(f"/forecast/calls/max/?period={Q4}").content.decode()
    assert "With overrides" in page
    number = models.Override.objects.get().pk
    assert client.post(f"/forecast/calls/withdraw/{number}", {"next": "/forecast/"}).url == "/forecast/"
    assert "With overrides" not in client.get(f"/forecast/calls/max/?period={Q4}").content.decode()
    row = client.get(f"/forecast/calls/max/override?about=bob&period={Q4}", headers={"HX-Request": "true"}).content.decode()
    assert "Bob" in row
    placed = {
        "commit": "90",
        "was_commit": "140",
        "most_likely": "140",
        "was_most_likely": "140",
        "best_case": "140",
        "was_best_case": "140",
        "note": "Haircut",
    }
    assert client.post(f"/forecast/calls/max/override?about=bob&period={Q4}", placed).status_code == 302
    assert "overridden" in client.get(f"/forecast/calls/max/?period={Q4}").content.decode()


def test_what_was_agreed_comes_back_until_it_is_done(people, client, clock):
    sign_in(client, "max")
    page = f"/forecast/agenda?scope=bob&period={Q4}"
    given = {"seat": "bob", "text": "Call the buyer of Deal 1", "owner": "Bob", "due": "2026-11-27"}
    for wrong in ({"text": ""}, {"owner": " "}, {"due": "soon"}, {"due": "2026-11-01"}):
        assert client.post(page, {**given, **wrong}).status_code == 422, wrong
    assert client.post(page, {**given, "seat": "dora"}).status_code == 404
    assert client.post(page, given).status_code == 302
    clock["now"] += timedelta(days=7)
    text = client.get(page).content.decode()
    assert "Call the buyer of Deal 1" in text
    number = models.AgreedAction.objects.get().pk
    sign_in(client, "mia")
    assert client.post(f"/forecast/agenda/{number}").status_code == 404
    sign_in(client, "bob")
    assert client.post(f"/forecast/agenda/{number}", {"next": page}).status_code == 302
    assert models.AgreedAction.objects.get().done_by == "bob@x.test"
    assert [entry.verb for entry in Entry.objects.filter(subject="seat:bob").order_by("sequence")] == [
        "forecast.agreed",
        "forecast.action done",
    ]


def test_today_says_which_call_waits(people, client):
    from closedwon.forecast.home import calls_to_make

    (card,) = calls_to_make(people["max"], None)
    assert [task.label for task in card.tasks] == ["Submit your call for FY26-Q4"]
    assert calls_to_make(people["bob"], None) == []
    assert calls_to_make(people["pay"], None) == []
    submit(by=people["max"], seat="max", amounts=amounts(140, 140, 140), period=Q4)
    assert calls_to_make(people["max"], None) == []


def test_managers_see_whose_call_is_missing(people, clock):
    from closedwon.forecast.home import calls_to_make

    clock["now"] = datetime(2026, 11, 23, 19, tzinfo=UTC)
    (card,) = calls_to_make(people["ann"], None)
    assert [task.label for task in card.tasks] == ["Submit your call for FY26-Q4", "2 calls below are missing"]


def test_only_the_weeks_first_call_can_be_late(people, clock):
    submit(by=people["max"], seat="max", amounts=amounts(140, 140, 140), period=Q4)
    clock["now"] = datetime(2026, 11, 24, 9, tzinfo=UTC)
    submit(by=people["max"], seat="max", amounts=amounts(139, 140, 140), period=Q4)
    submit(by=people["mia"], seat="mia", amounts=amounts(0, 0, 30), period=Q4)
    assert [row.is_late for row in models.SubmittedCall.objects.order_by("at")] == [False, False, True]
    assert [one.is_late for one in seat_calls(by=people["max"], seat="max", period=Q4).told] == [False, False]
    assert {one.seat for one in waited(by=people["ann"], period=Q4)} == {"ann", "mia"}


LOSS = """
[[types]]
name = "renewal-loss"
label = "Renewal loss"
order_types = ["churn"]
untyped = false
measure = ["amount"]
sign = -1
"""


@pytest.fixture
def with_loss(people):
    """A type of loss, and the net that pairs it with net new ARR."""
    from closedwon.policies import actions as policies
    from closedwon.policies.registry import kind

    text = kind("forecast").default_text()
    policies.apply("forecast", text.replace("# what each number means", LOSS + "\n# what each number means"), by=SYSTEM)
    net = '\n[[nets]]\nname = "net-arr"\nlabel = "Net ARR"\ngross = "net-new-arr"\nloss = "renewal-loss"\n'
    policies.apply("rhythm", kind("rhythm").default_text() + net, by=SYSTEM)
    return people


def test_gross_and_loss_are_called_and_the_net_is_derived(with_loss, client):
    people = with_loss
    submit(by=people["max"], seat="max", amounts=amounts(140, 140, 140), loss=amounts(30, 20, 10), period=Q4, note="Two may leave")
    found = seat_calls(by=people["max"], seat="max", period=Q4)
    assert found.net_amounts == minor(110, 120, 130)
    assert found.loss.standing.amounts == minor(-30, -20, -10)
    rows = {(row.type, row.most_likely_minor, row.at) for row in models.SubmittedCall.objects.all()}
    assert {(kind, amount) for kind, amount, _ in rows} == {("net-new-arr", 140_00), ("renewal-loss", -20_00)}
    assert len({at for _, _, at in rows}) == 1
    with pytest.raises(Invalid, match="a better case loses less"):
        submit(by=people["max"], seat="max", amounts=amounts(140, 140, 140), loss=amounts(10, 20, 30), period=Q4, note="x")
    with pytest.raises(Invalid, match="without a minus"):
        submit(by=people["max"], seat="max", amounts=amounts(140, 140, 140), loss=amounts(-3, -2, -1), period=Q4, note="x")
    assert models.SubmittedCall.objects.count() == 2  # gross and loss stand or fall together
    sign_in(client, "max")
    page = client.get(f"/forecast/calls/max/?period={Q4}").content.decode()
    for words in ("Net ARR", "gross less loss, never typed", ">130<"):
        assert words in page, words
    form = client.get(f"/forecast/calls/max/edit?period={Q4}", headers={"HX-Request": "true"}).content.decode()
    assert 'name="loss_commit" value="30"' in form
    given = {
        "commit": "140",
        "most_likely": "140",
        "best_case": "140",
        "loss_commit": "25",
        "loss_most_likely": "20",
        "loss_best_case": "10",
        "note": "One stays",
    }
    assert client.post(f"/forecast/calls/max/edit?period={Q4}", given).status_code == 302
    assert seat_calls(by=people["max"], seat="max", period=Q4).net_amounts == minor(115, 120, 130)

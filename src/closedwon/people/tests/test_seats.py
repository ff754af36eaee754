from datetime import date

import pytest

from closedwon.audit.models import Entry
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.releases import publish
from closedwon.facts.store import store
from closedwon.people import actions
from closedwon.people.corrections import cycle, imported_now, lay_over
from closedwon.people.facts import facts_rows

OLD, MID, NEW = date(2025, 1, 1), date(2026, 2, 1), date(2026, 8, 1)


def row(seat, parent, since=OLD, until=None, **more):
    return {"kind": "sales", "position_id": seat, "parent_id": parent, "since": since, "until": until, "source": "hr", **more}


def spans(rows, seat="R"):
    return [(r["parent_id"], r["since"], r["until"], r["source"]) for r in rows if r["position_id"] == seat]


def test_a_correction_cuts_what_it_covers():
    imported = [row("R", "A"), row("Q", "A")]
    after = lay_over("hierarchy", imported, [row("R", "B", MID, NEW)])
    assert spans(after) == [("A", OLD, MID, "hr"), ("B", MID, NEW, "closedwon"), ("A", NEW, None, "hr")]
    assert spans(after, "Q") == [("A", OLD, None, "hr")]


def test_a_later_correction_wins_over_an_earlier_one():
    after = lay_over("hierarchy", [row("R", "A")], [row("R", "B", MID), row("R", "C", NEW)])
    assert spans(after) == [("A", OLD, MID, "hr"), ("B", MID, NEW, "closedwon"), ("C", NEW, None, "closedwon")]


def test_a_row_that_is_covered_is_gone():
    once = lay_over("hierarchy", [row("R", "A"), row("R", "Z", NEW, None)], [row("R", "B", OLD)])
    assert spans(once) == [("B", OLD, None, "closedwon")]


def test_what_the_source_says_is_told_from_what_we_wrote():
    said = [row("R", "A")]
    written = lay_over("hierarchy", said, [row("R", "B", MID, NEW)])
    assert imported_now("hierarchy", written, said, written) == said
    again = [row("R", "A"), *written[1:]]  # an import brought the first row anew
    assert imported_now("hierarchy", again, said, written) == said
    moved = [row("R", "C"), *written[1:]]
    assert imported_now("hierarchy", moved, said, written) == [row("R", "C")]


def test_a_seat_keeps_what_its_correction_does_not_say():
    imported = [{"id": "R", "name": "AE 1", "status": "filled", "region": "EMEA", "source": "hr"}]
    after = lay_over("positions", imported, [{"id": "R", "status": "open"}])
    assert after == [{"id": "R", "name": "AE 1", "status": "open", "region": "EMEA", "source": "closedwon"}]


def test_a_loop_is_found():
    tree = [row("A", None), row("B", "A"), row("C", "B")]
    assert cycle(tree, MID) == []
    assert cycle([*tree[1:], row("A", "C")], MID) == ["A", "C", "B"]


@pytest.fixture
def company(ws):
    tables = {
        "positions": [{"id": seat, "name": seat, "status": "filled"} for seat in ("A", "B", "R")],
        "users": [{"id": "u1", "name": "One"}],
        "hierarchy": [row("B", "A"), row("R", "A")],
    }
    publish({name: store().replace(name, rows_to_table(rows, table(name).columns)) for name, rows in tables.items()})


RIGHT = {"position_id": "R", "parent_id": "B", "since": "2026-02-01"}


def test_proposed_by_one_approved_by_another_then_published(company, actor):
    ops, head = actor("ops@example.test", "sales-ops"), actor("head@example.test", "sales-ops")
    made = actions.propose("hierarchy", RIGHT, "HR was late", by=ops)
    assert spans(facts_rows("hierarchy")) == [("A", OLD, None, "hr")]
    with pytest.raises(Refused):
        actions.decide(made.pk, True, by=ops)
    with pytest.raises(Refused):
        actions.decide(made.pk, True, by=actor("m@example.test", "manager"))
    actions.decide(made.pk, True, by=head, note="yes")
    assert spans(facts_rows("hierarchy")) == [("A", OLD, MID, "hr"), ("B", MID, None, "closedwon")]
    with pytest.raises(Conflict):
        actions.decide(made.pk, False, by=head)
    assert list(Entry.objects.order_by("pk").values_list("verb", flat=True)) == [
        "people.seat_correction_proposed", "people.seat_correction_approved", "people.seats_published",
    ]  # fmt: skip

    assert actions.publish_corrections(by=ops) == []


def test_an_import_undoes_no_correction(company, actor):
    ops, head = actor("ops@example.test", "sales-ops"), actor("head@example.test", "sales-ops")
    for values in ({**RIGHT, "until": "2026-08-01"}, {"position_id": "B", "parent_id": "A", "since": "2025-01-01", "until": "2026-02-01"}):
        actions.decide(actions.propose("hierarchy", values, "HR was late", by=ops).pk, True, by=head)
    expected = [("A", OLD, MID, "hr"), ("B", MID, NEW, "closedwon"), ("A", NEW, None, "hr")]
    assert spans(facts_rows("hierarchy")) == expected
    for again in ([row("B", "A"), row("R", "A")], [row("B", "A"), row("R", "A")], []):
        if again:
            publish({"hierarchy": store().merge("hierarchy", rows_to_table(again, table("hierarchy").columns)).version})
        assert actions.publish_corrections(by=ops) == (["hierarchy"] if again else [])
        assert spans(facts_rows("hierarchy")) == expected
        assert spans(facts_rows("hierarchy"), "B") == [("A", OLD, MID, "closedwon"), ("A", MID, None, "hr")]
    publish({"hierarchy": store().merge("hierarchy", rows_to_table([row("R", "B")], table("hierarchy").columns)).version})
    actions.publish_corrections(by=ops)
    assert spans(facts_rows("hierarchy")) == [("B", OLD, MID, "hr"), ("B", MID, NEW, "closedwon"), ("B", NEW, None, "hr")]


def test_a_loop_is_refused_and_rejection_changes_nothing(company, actor):
    ops, head = actor("ops@example.test", "sales-ops"), actor("head@example.test", "executive")
    made = actions.propose("hierarchy", {"position_id": "A", "parent_id": "B", "since": "2026-02-01"}, "why not", by=ops)
    with pytest.raises(Invalid, match="loop"):
        actions.decide(made.pk, True, by=head)
    assert actions.decide(made.pk, False, by=head).state == "rejected"
    assert len(facts_rows("hierarchy")) == 2


def test_every_mistake_is_told_at_once(company, actor):
    by = actor("ops@example.test", "sales-ops")
    with pytest.raises(Invalid) as caught:
        actions.propose("hierarchy", {"position_id": "X", "parent_id": "Y", "since": "31/02/2026", "colour": "red"}, "?", by=by)
    assert {problem.field for problem in caught.value.problems} == {"position_id", "parent_id", "since", "colour"}
    with pytest.raises(Invalid, match="reason"):
        actions.propose("hierarchy", RIGHT, " ", by=by)
    with pytest.raises(Invalid):
        actions.propose("users", {"id": "u1"}, "x", by=by)
    with pytest.raises(Refused):
        actions.propose("hierarchy", RIGHT, "x", by=actor("rep@example.test", "rep"))
    assert actions.corrections(by=by) == []


def test_a_proposal_can_be_withdrawn_by_its_author_alone(company, actor):
    ops = actor("ops@example.test", "sales-ops")
    made = actions.propose("position_holders", {"position_id": "R", "user_id": "u1", "since": "2026-02-01"}, "new", by=ops)
    with pytest.raises(NotFound):
        actions.withdraw(made.pk, by=actor("b@example.test", "sales-ops"))
    assert actions.withdraw(made.pk, by=ops).state == "withdrawn"

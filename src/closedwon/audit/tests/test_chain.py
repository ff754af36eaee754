"""The trail holds, says which byte was changed, refuses changes, and survives the erasure of a person."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError

from closedwon.audit import triggers
from closedwon.audit.actions import erase, export, personal_of, record, verify
from closedwon.audit.models import Entry, Head, PersonalData

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain(ws):
    for n in range(30):
        record(by="ann@x.test", verb="facts.imported", subject=f"file:{n}", detail={"rows": n, "big": 2**60, "text": "é✓"})


def test_a_whole_chain_holds(chain):
    assert verify().holds
    assert verify().entries == 30


@pytest.mark.parametrize("change", ["detail", "actor", "subject", "verb", "channel", "person"])
def test_one_changed_byte_is_found_and_named(chain, change):
    triggers.remove(connection)
    entry = Entry.objects.get(sequence=17)
    setattr(entry, change, getattr(entry, change) + "x")
    entry.save()
    triggers.install(connection)
    verdict = verify()
    assert len(verdict.faults) == 1
    assert "entry 17" in verdict.faults[0]


def test_a_removed_entry_and_a_cut_end_are_found(chain):
    triggers.remove(connection)
    Entry.objects.filter(sequence=9).delete()
    assert "entries 9 to 9 are missing" in verify().faults[0]
    Entry.objects.filter(sequence__gte=9).delete()
    triggers.install(connection)
    assert "the end was cut off" in verify().faults[0]


@pytest.mark.parametrize("sql", ["UPDATE audit_entry SET actor = 'x'", "DELETE FROM audit_entry"])
def test_the_database_refuses_to_change_the_trail(chain, sql):
    with pytest.raises((IntegrityError, DatabaseError), match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert verify().holds


def test_replace_cannot_slip_past(chain):
    if connection.vendor != "sqlite":
        return
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("REPLACE INTO audit_entry SELECT * FROM audit_entry WHERE sequence = 3")


def test_truncate_is_refused(chain):
    if connection.vendor != "postgresql":
        return
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE audit_entry")


def test_erasing_a_person_destroys_the_key_and_the_chain_still_verifies(ws):
    entry = record(by="hr", verb="person.noted", subject="person:u1", person="u1", personal={"name": "Ann", "pay": 12})
    assert personal_of(entry) == {"name": "Ann", "pay": 12}
    assert "Ann" not in Entry.objects.get(pk=entry.pk).detail
    assert erase("u1", by="dpo", reason="request") == 1
    assert personal_of(entry) is None
    assert verify().holds
    PersonalData.objects.update(ciphertext="other")
    assert "personal data of entry 1" in verify().faults[0]


def test_the_export_ends_with_its_own_entry(chain, tmp_path):
    assert export(tmp_path / "a.jsonl", by="auditor") == 31
    assert '"verb":"audit.exported"' in (tmp_path / "a.jsonl").read_text().splitlines()[-1]


def test_a_rolled_back_action_leaves_no_entry(ws):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record(by="a", verb="v", subject="s")
        raise ZeroDivisionError
    assert Entry.objects.count() == 0
    assert Head.objects.filter(sequence__gt=0).count() == 0

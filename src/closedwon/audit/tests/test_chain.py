"""The trail holds, says which byte was changed, refuses changes, and survives the erasure of a person."""

import json
import subprocess
import sys
import zipfile

import pytest
import rfc8785
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError
from hypothesis import given
from hypothesis import strategies as st

from closedwon.audit import triggers
from closedwon.audit.actions import check, digest_of, entries, erase, personal_of, record, verify
from closedwon.audit.canonical import body
from closedwon.audit.export import export
from closedwon.audit.models import Entry, Head, PersonalData
from closedwon.audit.verify import ANCHORS
from closedwon.base.errors import Refused
from closedwon.people.actor import SYSTEM, Actor

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
    assert "entry 9 is missing" in verify().faults[0]
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


@given(st.integers(0, 2**53 - 1), st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=9, max_size=9))
def test_the_fast_text_is_rfc_8785(number, texts):
    names = ("at", "actor", "channel", "verb", "subject", "detail", "person", "sealed", "previous")
    assert body(number, *texts) == rfc8785.dumps({"sequence": number, **dict(zip(names, texts, strict=True))}).decode()


@pytest.mark.parametrize("column", ["at", "actor", "detail", "previous", "digest", "verb"])
@pytest.mark.parametrize("where", [1, 12])
def test_any_byte_as_it_lies_in_the_database(chain, column, where):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL refuses what does not parse")
    triggers.remove(connection)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT CAST({column} AS BLOB) FROM audit_entry WHERE sequence = 12")
        value = bytearray(cursor.fetchone()[0])
        value[where % len(value)] ^= 0x81
        cursor.execute(f"UPDATE audit_entry SET {column} = CAST(%s AS TEXT) WHERE sequence = 12", [bytes(value)])
    triggers.install(connection)
    faults = verify().faults
    assert len(faults) == 1
    assert "entry 12 " in faults[0]


def test_two_entries_that_changed_places_are_found(chain):
    triggers.remove(connection)
    for old, new in ((5, 100), (6, 5), (100, 6)):
        Entry.objects.filter(sequence=old).update(sequence=new)
    triggers.install(connection)
    assert "entry 5 " in verify().faults[0]


def test_a_trail_written_anew_is_found_by_an_anchor(chain, ws):
    assert check(by=SYSTEM).holds
    assert (ws.path / ANCHORS).exists()
    triggers.remove(connection)
    previous = "0" * 64
    for entry in Entry.objects.order_by("sequence"):
        entry.actor, entry.previous = "someone else", previous
        entry.digest = previous = digest_of(entry)
        entry.save()
    Head.objects.update(digest=previous)
    triggers.install(connection)
    verdict = verify()
    assert verdict.entries == 31
    assert "an anchor vouches for" in verdict.faults[0]
    assert verdict.anchors == 1


def test_an_end_cut_off_with_its_record_is_found_by_an_anchor(chain, ws):
    check(by=SYSTEM)
    triggers.remove(connection)
    Entry.objects.filter(sequence__gt=20).delete()
    Head.objects.update(sequence=20, digest=Entry.objects.get(sequence=20).digest)
    triggers.install(connection)
    assert "the end was cut off" in verify().faults[0]


def test_the_auditors_archive_verifies_without_closedwon(chain, tmp_path):
    assert export(tmp_path / "trail.zip", by=SYSTEM) == 31
    with zipfile.ZipFile(tmp_path / "trail.zip") as archive:
        archive.extractall(tmp_path)
    command = [sys.executable, "-I", str(tmp_path / "verify.py"), str(tmp_path / "trail.jsonl")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    anchor = json.loads((tmp_path / "anchor.jsonl").read_text())
    assert said.strip() == f"31 entries hold; the last digest is {anchor['digest']}"
    assert verify(anchor=tmp_path / "anchor.jsonl").holds
    text = (tmp_path / "trail.jsonl").read_text().replace("file:7", "file:8")
    (tmp_path / "trail.jsonl").write_text(text)
    assert "entry 8 was changed" in subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_csv_neutralises_formulas(ws, tmp_path):
    record(by="=HYPERLINK(1)", verb="v", subject="+1")
    export(tmp_path / "a.csv", by=SYSTEM)
    assert "'=HYPERLINK(1)" in (tmp_path / "a.csv").read_text()


def test_text_that_no_database_holds_is_cleaned(ws):
    record(by="a\x00b", verb="v", subject="s\ud800", detail={"a\x00": "\ud800", "n": [2**70, 1.5, {3, 2}]})
    assert verify().holds
    assert "1180591620717411303424" in Entry.objects.get().detail


def test_only_some_roles_read_the_trail(chain):
    for role in ("rep", "manager", "executive", "deal-desk", "enablement"):
        with pytest.raises(Refused):
            entries(by=Actor("x", roles=frozenset({role})))
    assert entries(by=Actor("x", roles=frozenset({"auditor"})), text="file:3").count() == 1
    with pytest.raises(Refused):
        erase("u1", by=Actor("x", roles=frozenset({"auditor"})), reason="no")

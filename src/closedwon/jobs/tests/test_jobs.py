"""Jobs run once, say how far they are, stop when asked, and keep what went wrong with its mend."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from closedwon.audit.models import Entry
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.jobs import actions, registry, schedules
from closedwon.jobs.models import Job, Schedule
from closedwon.jobs.processes import is_dead, mark
from closedwon.jobs.work import execute, run
from closedwon.people.actor import SYSTEM

OPS = SYSTEM


@pytest.fixture
def kinds(monkeypatch):
    monkeypatch.setattr(registry, "_KINDS", dict(registry._KINDS))
    calls = []

    @registry.job("tests.count", title="Count")
    def count(running, to=3):
        for n in range(to):
            running.progress(n + 1, to, f"row {n + 1}")
        calls.append((running.token, running.by.name))
        return {"counted": to}

    @registry.job("tests.fail", roles=("sales-ops",))
    def fail(running):
        raise Invalid("Row 3 is wrong.", mend="Correct it and import again.")

    @registry.job("tests.break")
    def broken(running):
        raise ZeroDivisionError("no")

    return calls


def test_a_job_runs_once_and_keeps_its_result(ws, kinds):
    job = actions.start("tests.count", {"to": 4}, by=OPS)
    run(job.pk)
    run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.done, job.total, job.result, job.attempts) == ("done", 4, 4, {"counted": 4}, 1)
    assert kinds == [(f"job-{job.pk}", "closedwon")]


def test_the_same_key_is_the_same_job(ws, kinds):
    first = actions.start("tests.count", {}, by=OPS, key="file:abc")
    assert actions.start("tests.count", {}, by=OPS, key="file:abc").pk == first.pk
    run(first.pk)
    assert actions.run_now("tests.count", {}, by=OPS, key="file:abc").pk == first.pk
    assert len(kinds) == 1


def test_a_failed_job_under_a_key_is_tried_again(ws, kinds):
    job = actions.start("tests.fail", by=OPS, key="k")
    run(job.pk)
    assert actions.start("tests.fail", by=OPS, key="k").status == "queued"


def test_what_goes_wrong_is_kept_with_its_mend(ws, kinds):
    job = actions.start("tests.fail", by=OPS)
    run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.error, job.mend) == ("failed", "Row 3 is wrong.", "Correct it and import again.")
    job = actions.start("tests.break", by=OPS)
    run(job.pk)
    job.refresh_from_db()
    assert "ZeroDivisionError" in job.error
    assert "fault of closedwon" in job.mend
    assert "Traceback" in job.trace


def test_now_gives_progress_and_raises(ws, kinds):
    heard = []
    job = actions.run_now("tests.count", {"to": 2}, by=OPS, heard=lambda *step: heard.append(step))
    assert job.status == "done"
    assert heard == [(1, 2, "row 1"), (2, 2, "row 2")]
    with pytest.raises(Invalid, match="Row 3"):
        actions.run_now("tests.fail", by=OPS)
    assert Job.objects.latest("id").status == "failed"


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_at_its_next_step(ws, kinds, monkeypatch):
    job = actions.cancel(actions.start("tests.count", by=OPS).pk, by=OPS)
    assert job.status == "cancelled"
    run(job.pk)
    assert kinds == []
    again = actions.retry(job.pk, by=OPS)
    monkeypatch.setattr("closedwon.jobs.running.FLUSH_SECONDS", 0)

    @registry.job("tests.count")
    def count(running):
        actions.cancel(again.pk, by=OPS)
        running.progress(1, 2, "half")
        kinds.append("went on")

    execute(again.pk)
    again.refresh_from_db()
    assert (again.status, again.done, kinds) == ("cancelled", 1, [])
    assert {"jobs.cancelled", "jobs.retried"} <= set(Entry.objects.values_list("verb", flat=True))
    with pytest.raises(Conflict):
        actions.cancel(again.pk, by=OPS)


def test_people_see_their_own_jobs(ws, kinds, actor):
    rep, other, ops = actor("rep@x.test", "rep"), actor("other@x.test", "rep"), actor("ops@x.test", "sales-ops")
    mine = actions.start("tests.count", by=rep)
    assert list(actions.visible(rep)) == [mine] == list(actions.visible(ops))
    assert not actions.visible(other).exists()
    with pytest.raises(NotFound):
        actions.cancel(mine.pk, by=other)
    with pytest.raises(Refused):
        actions.start("tests.fail", by=rep)
    auditor = actor("audit@x.test", "auditor")
    with pytest.raises(Refused):
        actions.cancel(mine.pk, by=auditor)
    mine.refresh_from_db()
    assert mine.status == "queued"


def test_a_job_acts_with_the_rights_in_force_when_it_runs(ws, kinds, person):
    from closedwon.people.acting import actor_of
    from closedwon.people.models import RoleGrant

    user = person("ops@x.test", "sales-ops")

    @registry.job("tests.count")
    def count(running):
        running.by.need("sales-ops", to="count")

    job = actions.start("tests.count", by=actor_of(user))
    RoleGrant.objects.update(revoked_at=timezone.now(), revoked_by="x")
    run(job.pk)
    job.refresh_from_db()
    assert job.status == "failed"
    assert "may not count" in job.error


def test_what_a_dead_worker_left_is_tried_once_more(ws, kinds):
    from django_q.models import OrmQ

    job = actions.start("tests.count", by=OPS)
    OrmQ.objects.all().delete()
    gone = mark().rpartition("|")[0] + "|1"
    for attempt in (1, 2):
        Job.objects.filter(pk=job.pk).update(status="running", attempts=attempt, process=gone, heartbeat_at=timezone.now())
        actions.recover()
        job.refresh_from_db()
        assert job.status == ("queued" if attempt == 1 else "failed")
    assert OrmQ.objects.count() == 1
    assert job.error == "The worker ended 2 times while doing this."


def test_a_live_job_is_left_alone_and_a_command_that_died_is_told_so(ws, kinds):
    job = actions.start("tests.count", by=OPS)
    Job.objects.filter(pk=job.pk).update(status="running", attempts=1, process=mark())
    assert actions.recover() == 0
    Job.objects.filter(pk=job.pk).update(inline=True, process=mark() + "0")
    assert actions.recover() == 1
    job.refresh_from_db()
    assert "command" in job.error


def test_processes_are_told_apart():
    assert is_dead(mark()) is False
    assert is_dead(mark() + "1") is True
    assert is_dead("elsewhere/1|1|1") is None


@pytest.mark.parametrize(
    ("fields", "after", "due"),
    [
        ({"every": "minutes", "minutes": 90}, "2026-03-01T00:00", "2026-03-01T01:30"),
        ({"every": "day", "at": time(3)}, "2026-03-01T10:59", "2026-03-01T11:00"),
        ({"every": "day", "at": time(3)}, "2026-03-07T12:00", "2026-03-08T10:00"),
        ({"every": "week", "at": time(3), "weekday": 0}, "2026-03-02T11:00", "2026-03-09T10:00"),
    ],
)
def test_a_schedule_is_due_at_the_companys_time(fields, after, due):
    at, expected = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (after, due))
    assert schedules.next_after(Schedule(name="x", **fields), at, ZoneInfo("America/Los_Angeles")) == expected


def test_what_is_due_starts_once(ws, kinds):
    row = Schedule.objects.create(name="count", kind="tests.count", every="minutes", minutes=60, next_at=timezone.now())
    assert len(schedules.start_due()) == 1
    assert schedules.start_due() == []
    row.refresh_from_db()
    assert row.next_at > timezone.now()
    assert row.last_job.key.startswith(f"schedule:{row.pk}:")


def test_shipped_schedules_are_made_once_and_changes_are_audited(ws, kinds, actor):
    registry.job("tests.daily", schedule=registry.Every(at=time(4)))(lambda running: None)
    schedules.ensure()
    row = Schedule.objects.get(name="tests.daily")
    assert schedules.in_words(row) == "daily at 04:00"
    ops = actor("ops@x.test", "sales-ops")
    schedules.change(row.pk, by=ops, every="week", weekday=2, at=time(5))
    schedules.ensure()
    row.refresh_from_db()
    assert schedules.in_words(row) == "Wednesdays at 05:00"
    assert Entry.objects.first().verb == "schedule.changed"
    with pytest.raises(Refused):
        schedules.change(row.pk, by=actor("rep@x.test", "rep"), enabled=False)
    with pytest.raises(Invalid):
        schedules.change(row.pk, by=ops, minutes=0)

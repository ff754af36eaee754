"""The weekly summary and the scorecard through their doors: the same figures as the board and the waterfall, each reader's own sight, and sending."""

import json
import threading
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone
from typer.testing import CliRunner

from closedwon.audit.models import Entry
from closedwon.base.errors import Invalid, NotFound, Refused
from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.releases import publish
from closedwon.facts.store import store
from closedwon.forecast.actions import board, waterfall
from closedwon.forecast.actions import summary_sending as sending
from closedwon.forecast.actions.scorecard import scorecard
from closedwon.forecast.actions.summary import calls_of_week, summary
from closedwon.forecast.models_summary import SummaryDelivery, SummaryRun
from closedwon.forecast.summary.calls import due_before
from closedwon.forecast.tests.test_doors import DAY, boss, company, deal  # noqa: F401 - fixtures
from closedwon.people.actor import SYSTEM
from closedwon.policies import actions as policies
from closedwon.policies.registry import kind

HEAD = 'reference = "test"\n'
WORDS = {"as_of": DAY, "period": "FY26-Q4"}


def call(seat, category, amount, day, hour=17, **more):
    at = datetime(2026, day.month, day.day, hour, tzinfo=UTC)
    row = {"position_id": seat, "type": "net_arr", "period": "FY26-Q4", "category": category, "as_of_at": at, "amount_minor": amount}
    return {**row, "currency": "USD", "user_id": seat, "note": None, "on_behalf_of": None, **more}


def apply(text):
    policies.apply("summary", HEAD + text, by=SYSTEM)


@pytest.fixture
def called(company):  # noqa: F811
    """Everybody above a rep calls; mia calls late in the second week, and nobody called before."""
    before, now = date(2026, 10, 26), date(2026, 11, 2)
    rows = []
    for seat, base in (("ann", 170_00), ("max", 120_00), ("mia", 40_00)):
        for category, more in (("commit", 0), ("most_likely", 10_00), ("best_case", 30_00)):
            rows.append(call(seat, category, base + more, before))
            if seat != "mia":
                rows.append(call(seat, category, base + more + 20_00, now, note="one deal more" if seat == "max" else None))
    publish({"forecast_calls": store().replace("forecast_calls", rows_to_table(rows, table("forecast_calls").columns))})
    return company


def figures(found):
    return {figure.key: figure.value for figure in found.figures}


def texts(found, name):
    return [one.plain for section in found.sections if section.name == name for one in section]


def test_figures_are_those_of_the_board_and_the_waterfall(called, boss):  # noqa: F811
    apply('[tell]\nleast = "0%"\n')
    found = figures(summary(by=boss, **WORDS))
    made = board(by=boss, **WORDS)
    fall = waterfall(by=boss, begin=DAY - timedelta(7), end=DAY, period="FY26-Q4").total
    assert found["quota"] == made.head.quota == 200_00
    assert found["closed"] == made.head["closed"] == 40_00
    assert found["rollup.most_likely"] == made.head.cumulative("most_likely")
    assert found["call.most_likely"] == 200_00
    assert found["call.most_likely.change"] == 20_00
    assert "gap" not in found, "the call is right at quota"
    for key, value in found.items():
        if key.startswith("flow.") and key != "flow.moved":
            assert value == fall[key[5:]], key
    assert found["rest"] == 200_00 - 40_00


@pytest.mark.parametrize("node", [None, "max", "mia", "bob"])
def test_every_node_tells_its_own_board(called, boss, node):  # noqa: F811
    apply('[tell]\nleast = "0%"\n')
    found = figures(summary(by=boss, node=node, **WORDS))
    made = board(by=boss, node=node or "", **WORDS)
    assert found["closed"] == made.head["closed"]
    assert found.get("quota") == (made.head.quota or None)
    fall = waterfall(by=boss, begin=DAY - timedelta(7), end=DAY, period="FY26-Q4", node=node).total
    assert {key: value for key, value in found.items() if key in ("flow.new", "flow.won", "flow.lost")}.items() <= {
        f"flow.{name}": fall[name] for name in ("new", "won", "lost")
    }.items()


def test_a_period_is_the_same_however_it_is_written(called, boss):  # noqa: F811
    assert (
        figures(summary(by=boss, as_of=DAY, period="2026-Q4"))["call.commit"]
        == figures(summary(by=boss, as_of=DAY))["call.commit"]
        == 190_00
    )


def test_it_reads_in_words(called, boss):  # noqa: F811
    found = summary(by=boss, **WORDS)
    assert found.headline.plain.startswith("FY26-Q4 is called right at quota, with 59 days left.")
    assert "Max raised most likely by $20: “one deal more”" in " ".join(texts(found, "call"))
    assert texts(found, "late") == ["1 of 3 seats to call by 2 Nov 18:00 has not: Mia."]
    assert found.path == "/forecast/summary"


def test_a_manager_and_a_rep_get_what_they_may_see(called, actor):
    manager = actor("max@x.test", "manager", person_id="max")
    found = summary(by=manager, **WORDS)
    assert found.scope == "Max"
    assert figures(found)["call.most_likely"] == 150_00
    whole = json.dumps(found.as_dict())
    assert "Mia" not in whole
    assert "Ann" not in whole
    assert "Deal 3" not in whole
    rep = actor("dora@x.test", "rep", person_id="dora")
    own = summary(by=rep, **WORDS)
    assert not any(key.startswith("call.") for key in figures(own)), "a rep does not see the manager's judgment"
    assert "No calls are on record here" in own.notes[0]
    assert calls_of_week(by=rep, **WORDS) == []
    assert [row["seat"] for row in calls_of_week(by=manager, **WORDS)] == ["max"]
    for asked in (lambda: summary(by=manager, node="mia", **WORDS), lambda: scorecard(by=manager, node="mia", **WORDS)):
        with pytest.raises(NotFound):
            asked()
    with pytest.raises(Refused):
        summary(by=actor("pay@x.test", "comp-admin"), **WORDS)


def test_the_scorecard_counts_money_and_lateness(called, boss, actor):  # noqa: F811
    found = scorecard(by=boss, **WORDS)
    rows = {(row["manager"], row["seat"]): row for row in found.as_rows()}
    assert set(rows) == {("ann", "max"), ("ann", "mia"), ("max", "bob"), ("mia", "dora")}
    dora = rows["mia", "dora"]
    assert (dora["past_close_date_deals"], dora["past_close_date"]) == (1, "70.00")
    assert rows["ann", "mia"]["past_close_date"] == dora["past_close_date"], "a manager carries what is below"
    assert (rows["ann", "mia"]["calls_late"], rows["ann", "mia"]["calls_due"]) == (4, 5)
    assert rows["ann", "max"]["calls_late"] == 3
    assert rows["max", "bob"]["calls_late"] == "", "who never calls is not late"
    assert (rows["max", "bob"]["closed"], rows["max", "bob"]["quota"], rows["max", "bob"]["coverage"]) == ("40.00", "200.00", "0.62")
    manager = scorecard(by=actor("mia@x.test", "manager", person_id="mia"), **WORDS)
    assert [row.seat for row in manager.rows] == ["dora"]


def test_pace_is_against_what_past_periods_had_closed_by_then(company, boss):  # noqa: F811
    past = [
        deal(90, "bob", "Closed Won", 100_00, date(2026, 7, 20), is_won=True, is_closed=True, valid_from=datetime(2026, 7, 20, tzinfo=UTC)),
        deal(91, "bob", "Closed Won", 300_00, date(2026, 9, 20), is_won=True, is_closed=True, valid_from=datetime(2026, 9, 20, tzinfo=UTC)),
    ]
    rows = [*store().read("deal_states").to_pylist(), *past]
    publish({"deal_states": store().replace("deal_states", rows_to_table(rows, table("deal_states").columns))})
    found = scorecard(by=boss, **WORDS)
    assert found.expected_share == pytest.approx(0.25)
    bob = next(row for row in found.rows if row.seat == "bob")
    assert bob.pace == pytest.approx(40 / (200 * 0.25))


def test_the_last_deadline_is_at_or_before():
    from datetime import time
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("America/Los_Angeles")
    at = datetime(2026, 11, 2, 18, tzinfo=zone)
    assert due_before(at, "monday", time(18), zone) == at
    assert due_before(at - timedelta(minutes=1), "monday", time(18), zone) == datetime(2026, 10, 26, 18, tzinfo=zone)
    assert due_before(at + timedelta(days=6), "monday", time(18), zone) == at


# sending


@pytest.fixture
def people(called, person):
    person("cro@x.test", "executive")
    person("max@x.test", "manager", person_id="max")
    person("gone@x.test", "executive").__class__.objects.filter(email="gone@x.test").update(is_active=False)
    apply('[weekly_to]\nroles = ["executive"]\nemails = ["max@x.test"]\n')
    return called


def test_each_gets_what_they_may_see_once_a_round(people):
    done = sending.send_round("weekly", "r1", by=SYSTEM, as_of=DAY.isoformat(), period="FY26-Q4")
    assert (done["made"], done["sent"], done["failed"]) == (2, 2, 0)
    assert [message.to for message in mail.outbox] == [["cro@x.test"], ["max@x.test"]]
    for message in mail.outbox:
        assert message.alternatives[0].mimetype == "text/html"
        (attached,) = message.attachments
        assert attached[0] == "forecast-FY26-Q4-2026-11-02.pdf"
        assert attached[1][:5] == b"%PDF-"
    assert "Mia" in mail.outbox[0].body
    assert "Mia" not in mail.outbox[1].body
    again = sending.send_round("weekly", "r1", by=SYSTEM, as_of=DAY.isoformat(), period="FY26-Q4")
    assert (again["sent"], len(mail.outbox), SummaryRun.objects.count()) == (0, 2, 2)
    made = SummaryRun.objects.get(reader="max@x.test")
    assert made.content["scope"] == "Max"
    assert made.release
    assert Entry.objects.filter(verb="summary.made").count() == 2


def test_the_schedule_sends_when_the_policy_says_and_not_before_it_said_so(people, monkeypatch):
    apply('[weekly]\nday = "tuesday"\nat = "08:00"\n[weekly_to]\nroles = ["executive"]\n[scorecard]\nsend = false\n')
    version = policies.in_force("summary")
    now = timezone.now()
    due = due_before(now + timedelta(days=8), "tuesday", datetime(2026, 1, 1, 8).time(), timezone.get_default_timezone())
    due = due.astimezone(UTC)
    assert version.applied_at < due
    early = sending.tick(now=min(now, due - timedelta(minutes=1)))
    assert "weekly" not in early, "nothing was due since the policy was applied"
    done = sending.tick(now=due + timedelta(minutes=1))
    assert done["weekly"]["made"] == 1
    assert "scorecard" not in done
    assert sending.tick(now=due + timedelta(minutes=11))["weekly"]["sent"] == 0
    assert len(mail.outbox) == 1
    assert "weekly" not in sending.tick(now=due + sending.TOO_LATE + timedelta(minutes=1))


class Broken(BaseEmailBackend):
    """A mail server that is away."""

    def send_messages(self, _messages):
        raise OSError("the mail server is away")


def test_a_failed_message_is_tried_again_and_then_given_up(people, settings, actor):
    good, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.Broken"
    sending.send_round("weekly", "r1", by=SYSTEM, as_of=DAY.isoformat(), period="FY26-Q4")
    row = SummaryDelivery.objects.get(to="cro@x.test")
    assert (row.state, row.attempts, row.last_error) == ("waiting", 1, "OSError: the mail server is away")
    at = timezone.now()
    assert sending.send_due(at) == {"sent": 0, "failed": 0}, "not before its time"
    for pause in sending.PAUSES:
        at += timedelta(minutes=pause + 1)
        assert sending.send_due(at)["failed"] == 2
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("failed", len(sending.PAUSES) + 1)
    assert sending.send_due(at + timedelta(days=9)) == {"sent": 0, "failed": 0}
    ops = actor("ops@x.test", "sales-ops")
    assert sending.failing(by=ops) == 2
    settings.EMAIL_BACKEND = good
    with pytest.raises(Refused):
        sending.send_again(row.pk, by=actor("rep@x.test", "rep", person_id="bob"))
    assert sending.send_again(row.pk, by=ops).state == "sent"
    assert len(mail.outbox) == 1
    with pytest.raises(Invalid):
        sending.send_again(row.pk, by=ops)
    assert Entry.objects.filter(verb="summary.send_again").count() == 1
    assert [one.to for one in sending.sent(by=ops)] == ["max@x.test", "cro@x.test"]


@pytest.fixture
def slack():
    """A webhook on this machine: it answers what it is told to, and keeps what it got."""
    got = []

    class Hook(BaseHTTPRequestHandler):
        status = 200

        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(Hook.status)
            self.end_headers()
            self.wfile.write(b"ok" if Hook.status == 200 else b"invalid_blocks")

        def log_message(self, *_):
            return

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Hook, got, f"http://127.0.0.1:{server.server_port}/services/secret"
    server.shutdown()
    server.server_close()


def test_slack_gets_blocks_with_one_persons_sight_and_the_address_stays_secret(people, slack, monkeypatch):
    hook, got, url = slack
    apply(
        '[[slack]]\nname = "#forecast"\nwebhook = "CLOSEDWON_SLACK_WEBHOOK"\nseen_by = "max@x.test"\n[[slack]]\nname = "#none"\nseen_by = "nobody@x.test"\n'
    )
    done = sending.send_round("weekly", "r1", by=SYSTEM, as_of=DAY.isoformat(), period="FY26-Q4")
    assert done["skipped"] == ["#none: there is no active user nobody@x.test"]
    row = SummaryDelivery.objects.get(channel="slack")
    assert row.last_error == "ValueError: the variable CLOSEDWON_SLACK_WEBHOOK is not set"
    monkeypatch.setenv("CLOSEDWON_SLACK_WEBHOOK", url)
    hook.status = 400
    sending.send_due(timezone.now() + timedelta(minutes=30))
    row.refresh_from_db()
    assert row.last_error == "ValueError: Slack answered 400: invalid_blocks"
    assert "secret" not in row.last_error
    hook.status = 200
    assert sending.send_due(timezone.now() + timedelta(hours=9)) == {"sent": 1, "failed": 0}
    assert got[-1]["blocks"][0]["type"] == "header"
    assert "Max" in json.dumps(got[-1])
    assert "Mia" not in json.dumps(got[-1])
    monkeypatch.setenv("CLOSEDWON_SLACK_WEBHOOK", "http://hooks.slack.test/x")
    SummaryDelivery.objects.filter(pk=row.pk).update(sent_at=None, next_at=timezone.now())
    sending.send_due()
    row.refresh_from_db()
    assert row.last_error == "ValueError: only https addresses are called"


def test_the_scorecard_goes_to_managers(people):
    apply('[scorecard_to]\nroles = ["manager"]\n')
    done = sending.send_round("scorecard", "r1", by=SYSTEM, as_of=DAY.isoformat(), period="FY26-Q4")
    assert (done["made"], done["sent"]) == (1, 1)
    (message,) = mail.outbox
    assert message.to == ["max@x.test"]
    assert "Bob" in message.body
    assert "Dora" not in message.body
    assert not message.attachments


# pages, API, command line


AS_OF = "?as_of=2026-11-02&period=FY26-Q4"


def test_pages_show_and_give_files(people, client, person):
    client.force_login(person("boss@x.test", "executive"))
    assert client.get(f"/forecast/summary{AS_OF}").status_code == 200
    shown = client.get(f"/forecast/summary/body{AS_OF}").content.decode()
    assert "right at quota" in shown
    assert 'href="/forecast/?period=FY26-Q4&amp;as_of=2026-11-02"' in shown
    assert client.get(f"/forecast/summary/file{AS_OF}&form=pdf").content[:5] == b"%PDF-"
    assert (
        client.get(f"/forecast/summary/file{AS_OF}&form=md")["Content-Disposition"]
        == 'attachment; filename="forecast-FY26-Q4-2026-11-02.md"'
    )
    assert client.get(f"/forecast/summary/file{AS_OF}&form=exe").status_code == 422
    assert "Mia" in client.get(f"/forecast/summary/calls{AS_OF}").content.decode()
    assert "Dora" in client.get(f"/forecast/scorecard{AS_OF}").content.decode()
    assert "Send now" not in client.get(f"/forecast/summary{AS_OF}").content.decode()
    assert client.post(f"/forecast/summary/send{AS_OF}", {"kind": "weekly"}).status_code == 403
    assert client.get(f"/forecast/summary/message{AS_OF}&id=1").status_code == 403


def test_sales_ops_send_and_see_what_was_sent(people, client, person):
    from closedwon.jobs.models import Job

    client.force_login(person("ops@x.test", "sales-ops"))
    page = client.get(f"/forecast/summary{AS_OF}").content.decode()
    assert "Send now" in page
    assert "cro@x.test, max@x.test" in page
    assert client.post(f"/forecast/summary/send{AS_OF}", {"kind": "weekly"}).status_code == 302
    job = Job.objects.get(kind="forecast.summary_send")
    assert (job.params["period"], job.params["as_of"]) == ("FY26-Q4", "2026-11-02")
    from closedwon.jobs.work import execute

    assert execute(job.pk).status == "done"
    assert len(mail.outbox) == 2
    page = client.get(f"/forecast/summary{AS_OF}").content.decode()
    assert "max@x.test" in page
    row = SummaryDelivery.objects.get(to="max@x.test")
    assert "Send again" not in client.get(f"/forecast/summary/message{AS_OF}&id={row.pk}").content.decode()
    assert client.get(f"/forecast/summary/message{AS_OF}&id=999").status_code == 404
    assert client.post(f"/forecast/summary/send{AS_OF}", {"kind": "spam"}).status_code == 422


def test_the_api_says_the_same(people, client, person):
    client.force_login(person("boss@x.test", "executive"))
    found = client.get("/api/v1/forecast/summary", {"as_of": "2026-11-02", "period": "FY26-Q4"}).json()
    assert found["headline"].startswith("FY26-Q4 is called right at quota")
    assert next(one for one in found["figures"] if one["key"] == "quota")["value"] == 200_00
    made = client.get("/api/v1/forecast/summary/texts", {"as_of": "2026-11-02", "period": "FY26-Q4"}).json()
    assert made["markdown"].startswith("# FY26-Q4 is called")
    rows = client.get("/api/v1/forecast/scorecard", {"as_of": "2026-11-02", "period": "FY26-Q4"}).json()["rows"]
    assert {row["seat"] for row in rows} == {"max", "mia", "bob", "dora"}
    assert client.get("/api/v1/forecast/summary/messages").status_code == 403
    assert client.post("/api/v1/forecast/summary/send", {"kind": "weekly"}, content_type="application/json").status_code == 403
    assert SummaryRun.objects.count() == 0


def test_the_command_writes_the_page_and_keeps_the_run(people, tmp_path):
    from closedwon.site.cli import app

    run = CliRunner().invoke
    workspace = ["--workspace", str(people.path)]
    found = run(
        app,
        [*workspace, "forecast", "summarize", "--as-of", "2026-11-02", "--period", "FY26-Q4", "--out", str(tmp_path / "out"), "--slack"],
    )
    assert found.exit_code == 0, found.output
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "slack.json",
        "summary.html",
        "summary.json",
        "summary.md",
        "summary.pdf",
    ]
    assert SummaryRun.objects.get().content["period"] == "FY26-Q4"
    found = run(app, [*workspace, "forecast", "scorecard", "--as-of", "2026-11-02", "--period", "FY26-Q4", "--format", "csv"])
    assert found.output.splitlines()[0].startswith(
        "manager,manager_name,seat,name,who,flagged_deals,flagged,past_close_date_deals,past_close_date"
    )
    assert len(found.output.splitlines()) == 5
    assert "Nothing was sent yet." in run(app, [*workspace, "forecast", "summaries"]).output


def test_the_shipped_policy_is_what_is_applied(company):  # noqa: F811
    assert policies.in_force("summary").text == kind("summary").default_text()

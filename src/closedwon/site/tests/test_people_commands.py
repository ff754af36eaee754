import json

from typer.testing import CliRunner

from closedwon.base.errors import Invalid, Refused
from closedwon.people.acting import actor_of
from closedwon.people.models import User
from closedwon.site.cli import app


def run(*words, stdin=""):
    return CliRunner().invoke(app, list(words), input=stdin)


def test_add_grant_list_and_revoke(ws):
    added = run("people", "add", "ann@example.test", "--role", "manager", "--password-stdin", stdin="correct horse battery\n")
    assert added.exit_code == 0, added.output
    user = User.objects.get()
    assert user.check_password("correct horse battery")
    assert run("people", "grant", "ann@example.test", "sales-ops", "--region", "EMEA", "--until", "2199-12-31").exit_code == 0
    assert actor_of(user).region == "EMEA"
    rows = json.loads(run("people", "list", "--json").output)
    assert rows == [{"email": "ann@example.test", "name": "", "person_id": "", "active": True, "roles": ["manager", "sales-ops"]}]
    assert run("people", "revoke", "ann@example.test", "manager").exit_code == 0
    assert actor_of(user).roles == {"sales-ops"}


def test_without_a_password_a_link_is_printed(ws):
    out = run("people", "add", "ann@example.test").output
    assert "/accounts/password/reset/key/" in out
    assert not User.objects.get().has_usable_password()


def test_a_token_is_printed_alone(ws):
    run("people", "add", "ann@example.test")
    made = run("people", "token", "ann@example.test", "--scope", "crm:read", "--days", "7")
    assert made.stdout.startswith("cw_")
    assert len(made.stdout.split()) == 1


def test_as_somebody_without_the_right(ws, monkeypatch):
    run("people", "add", "ann@example.test", "--role", "rep")
    refused = run("--as", "ann@example.test", "people", "add", "bob@example.test")
    assert isinstance(refused.exception, Refused)
    assert User.objects.count() == 1


def test_an_empty_password_is_refused(ws):
    assert isinstance(run("people", "add", "ann@example.test", "--password-stdin").exception, Invalid)
    assert not User.objects.exists()

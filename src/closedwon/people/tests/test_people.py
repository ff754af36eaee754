from datetime import date, timedelta

import pytest
from django.utils import timezone

from closedwon.audit.models import Entry
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.releases import publish
from closedwon.facts.store import store
from closedwon.people import actions
from closedwon.people.acting import actor_of, cli_actor
from closedwon.people.models import RoleGrant, User


def users(*rows):
    publish({"users": store().replace("users", rows_to_table(list(rows), table("users").columns))})


def verbs():
    return list(Entry.objects.order_by("pk").values_list("verb", flat=True))


def test_an_admin_adds_a_person_and_finds_them_in_the_facts(actor):
    users({"id": "u7", "name": "Ann Bell", "email": "Ann@Example.test"})
    by = actor("admin@example.test", "admin")
    user = actions.add("ann@example.TEST", by=by, roles=["manager"])
    assert (user.email, user.name, user.person_id) == ("ann@example.test", "Ann Bell", "u7")
    assert actor_of(user).roles == {"manager"}
    assert verbs() == ["people.added", "people.granted"]
    assert "ann@example" not in "".join(str(entry.detail) for entry in Entry.objects.all())


@pytest.mark.parametrize("role", ["sales-ops", "executive", "manager", "rep", "comp-admin", "auditor", "finance"])
def test_only_an_admin_changes_people(actor, person, role):
    by = actor("x@example.test", role)
    other = person("y@example.test", "rep")
    for attempt in (
        lambda: actions.add("z@example.test", by=by),
        lambda: actions.grant(other, "manager", by=by),
        lambda: actions.revoke(other, "rep", by=by),
        lambda: actions.switch(other, False, by=by),
        lambda: actions.link(other, "u1", by=by),
        lambda: actions.invitation(other, by=by),
    ):
        with pytest.raises(Refused):
            attempt()
    assert not User.objects.filter(email="z@example.test").exists()
    assert actor_of(other).roles == {"rep"}
    assert verbs() == []


def test_an_admin_grants_nothing_to_themselves(person):
    admin = person("admin@example.test", "admin")
    by = actor_of(admin)
    for role in ("pay", "comp-admin", "auditor"):
        with pytest.raises(Refused):
            actions.grant(admin, role, by=by)
    with pytest.raises(Refused):
        actions.link(admin, "u1", by=by)
    assert actor_of(admin).roles == {"admin"}
    assert not actor_of(admin).grants


def test_pay_is_a_right_of_its_own(person, actor):
    user = person("comp@example.test", "comp-admin")
    assert not actor_of(user).grants
    actions.grant(user, "pay", by=actor("admin@example.test", "admin"), until=date.today() + timedelta(days=30), reason="year end")
    assert actor_of(user).grants == {"pay"}
    row = RoleGrant.objects.get(role="pay")
    assert (row.granted_by, row.reason) == ("admin@example.test", "year end")


def test_a_grant_ends_on_its_day_and_a_new_one_replaces_it(person, actor):
    user, by = person("x@example.test"), actor("admin@example.test", "admin")
    first = actions.grant(user, "sales-ops", by=by, region="EMEA")
    assert actor_of(user).region == "EMEA"
    assert actions.grant(user, "sales-ops", by=by, region="EMEA").pk == first.pk
    actions.grant(user, "sales-ops", by=by, region="AMER")
    assert actor_of(user).region == "AMER"
    RoleGrant.objects.filter(region="AMER").update(until=timezone.now() - timedelta(seconds=1))
    assert not actor_of(user).roles
    with pytest.raises(Invalid):
        actions.grant(user, "rep", by=by, until=date(2020, 1, 1))
    assert RoleGrant.objects.filter(user=user).count() == 2


def test_what_is_wrong_is_told(person, actor):
    by = actor("admin@example.test", "admin")
    user = person("x@example.test", "rep")
    with pytest.raises(Invalid, match="no role"):
        actions.grant(user, "king", by=by)
    with pytest.raises(Invalid, match="region"):
        actions.grant(user, "rep", by=by, region="EMEA")
    with pytest.raises(Invalid, match="address"):
        actions.add("nobody", by=by)
    with pytest.raises(Conflict):
        actions.add("X@example.test", by=by)
    with pytest.raises(Invalid, match="pass"):
        actions.add("new@example.test", by=by, password="short")
    with pytest.raises(NotFound):
        actions.revoke(user, "manager", by=by)
    assert not User.objects.filter(email="new@example.test").exists()
    assert verbs() == []


def test_the_last_admin_stays(person):
    admin, second = person("a@example.test", "admin"), person("b@example.test", "admin")
    by = actor_of(admin)
    actions.revoke(second, "admin", by=by)
    with pytest.raises(Invalid, match="last admin"):
        actions.revoke(admin, "admin", by=by)
    with pytest.raises(Refused):
        actions.switch(admin, False, by=by)
    assert actor_of(admin).has("admin")


def test_links_are_unique_and_known(person, actor):
    users({"id": "u1", "name": "One", "email": "one@example.test"}, {"id": "u2", "name": "Two", "email": "two@example.test"})
    by = actor("admin@example.test", "admin")
    one, two = person("one@example.test"), person("two@example.test")
    assert actions.link_by_email(by=by) == 2
    assert User.objects.get(pk=one.pk).person_id == "u1"
    with pytest.raises(Conflict):
        actions.link(User.objects.get(pk=two.pk), "u1", by=by)
    with pytest.raises(NotFound):
        actions.link(User.objects.get(pk=two.pk), "u9", by=by)


def test_a_password_is_set_for_others_only_at_the_machine(person, actor):
    user = person("x@example.test")
    with pytest.raises(Refused):
        actions.set_password(user, "another long phrase", by=actor("admin@example.test", "admin"))
    actions.set_password(user, "another long phrase", by=cli_actor())
    assert User.objects.get(pk=user.pk).check_password("another long phrase")
    assert verbs() == ["people.password_set"]


def test_acting_as_another_carries_their_rights_and_both_names(person, monkeypatch):
    person("rep@example.test", "rep", person_id="u1")
    monkeypatch.setenv("CLOSEDWON_AS", "REP@example.test")
    by = cli_actor()
    assert by.roles == {"rep"}
    assert by.name.startswith("rep@example.test (os:")
    with pytest.raises(Refused):
        actions.add("z@example.test", by=by)
    monkeypatch.setenv("CLOSEDWON_AS", "nobody@example.test")
    with pytest.raises(NotFound):
        cli_actor()


def test_the_identity_map_reports_conflicts_and_keeps_the_decision(person, actor):
    users(
        {"id": "u1", "name": "One", "employee_no": "E1", "crm_user_id": "005A"},
        {"id": "u2", "name": "Two", "employee_no": "E1", "crm_user_id": "005B"},
    )
    person("one@example.test", person_id="u1")
    by = actor("ops@example.test", "sales-ops")
    found = actions.refresh_identities(by=by)
    assert (found.added, found.conflicts) == (4, 1)
    assert actions.person_of("employee_no", "E1") == "u1"
    assert actions.person_of("crm_user", "005B") == "u2"
    assert actions.person_of("subject", "ONE@example.test") == "u1"
    assert actions.refresh_identities(by=by).conflicts == 0
    clash = actions.open_conflicts(by=by)[0]
    with pytest.raises(Invalid):
        actions.settle(clash.pk, "u3", by=by)
    actions.settle(clash.pk, "u2", by=by)
    assert actions.person_of("employee_no", "E1") == "u2"
    assert actions.refresh_identities(by=by).conflicts == 0
    assert actions.open_conflicts(by=by) == []
    with pytest.raises(Conflict):
        actions.add_identity("employee_no", "E1", "u1", by=by)
    assert actions.add_identity("payee", "P-9", "u1", by=by).person_id == "u1"
    with pytest.raises(Refused):
        actions.add_identity("payee", "P-8", "u1", by=actor("m@example.test", "manager"))
    assert actions.person_of("payee", "P-8") is None


def test_an_import_of_people_links_them_and_maps_their_names(person, actor):
    user = person("one@example.test", "rep")
    users({"id": "u1", "name": "One", "email": "one@example.test", "employee_no": "E1"})
    by = actor("ops@example.test", "sales-ops")
    actions.after_import(["users", "positions"], by=by)
    assert User.objects.get(pk=user.pk).person_id == "u1"
    assert {(row.kind, row.value) for row in actions.identities(by=by)} == {
        ("employee_no", "E1"), ("crm_user", "u1"), ("subject", "one@example.test"),
    }  # fmt: skip
    before = len(verbs())
    actions.after_import(["users"], by=by)
    assert len(verbs()) == before

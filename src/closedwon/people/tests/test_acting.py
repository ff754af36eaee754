from closedwon.people.acting import actor_of, cli_actor


def test_roles_in_force_make_the_actor(person):
    user = person("ann@example.test", "manager", grants=["pay"], person_id="u1")
    made = actor_of(user)
    assert made.roles == {"manager"}
    assert made.grants == {"pay"}
    assert made.person_id == "u1"


def test_the_operator_has_no_pay(ws):
    assert cli_actor().has("admin")
    assert not cli_actor().grants
    assert not cli_actor().has("comp-admin")

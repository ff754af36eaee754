"""What a little more is worth: by hand on one stage, and against the projection it belongs to."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from closedwon.base.errors import Refused
from closedwon.forecast.actions.optimize import optimize
from closedwon.forecast.actions.projection import projection
from closedwon.forecast.projection.curves import Hazards
from closedwon.forecast.projection.history import BANDS
from closedwon.forecast.projection.sensitivity import Seen, day_less, more_point

DATA = Path(os.environ.get("CLOSEDWON_TEST_DATA", Path(__file__).parents[5] / "shared" / "data")) / "maven_crm"
MAPPING = Path(__file__).parents[4] / "example" / "maven.toml"


def one_stage(on=0.03, lost=0.02):
    """A stage from which deals are won or lost at constant rates."""
    daily = np.zeros((1, 1, BANDS, 3))
    daily[..., 1], daily[..., 2] = on, lost
    rates = Hazards(daily, np.ones((1, 1, BANDS)))
    return rates, Seen(np.array([[60.0]]), np.array([[40.0]]), np.array([[2000.0]]), [0], np.array([[0.0, 1.0, 0.0]]))


def test_a_point_moves_a_hundredth_of_the_endings_from_lost_to_won():
    rates, seen = one_stage()
    moved = more_point(rates, seen, 0).daily[0, 0, 0]
    assert moved[1] / (moved[1] + moved[2]) == pytest.approx(0.61)
    assert moved[1] + moved[2] == pytest.approx(0.05)
    assert rates.daily[0, 0, 0, 1] == 0.03


def test_a_day_less_is_a_day_less_and_leaves_the_share():
    rates, seen = one_stage()
    moved = day_less(rates, seen, 0).daily[0, 0, 0]
    assert 1 / (moved[1] + moved[2]) == pytest.approx(19.0)
    assert moved[1] / (moved[1] + moved[2]) == pytest.approx(0.6)


@pytest.mark.skipif(not DATA.exists() and not os.environ.get("CI"), reason="the test data is not here")
def test_maven(ws, actor):
    from closedwon.crm.actions import import_source
    from closedwon.people.acting import cli_actor
    from closedwon.policies.actions import apply_defaults

    by = cli_actor()
    apply_defaults(by)
    import_source(DATA, by=by, mapping=MAPPING)
    found = optimize(by=by, as_of=date(2017, 9, 30))
    assert found.ask.period.label.endswith("Q4")
    assert not found.refusal
    stages = [one for one in found.lines if one.stage]
    assert [one.stage for one in stages] == ["Engaging"]
    assert 0 < stages[0].point.low < stages[0].point.value < stages[0].point.high
    whole = projection(by=by, as_of=date(2017, 9, 30), period=found.ask.period)
    births = next(one for one in found.lines if not one.stage)
    assert births.expected == pytest.approx(whole.total, rel=0.01)
    assert births.more.value * 52 / 4 < whole.total
    # a point of conversion is about a sixtieth of what comes: six of ten are won
    assert stages[0].point.value == pytest.approx(whole.total / 60, rel=0.5)
    over = optimize(by=by, as_of=date(2017, 9, 30), period="2017-Q2")
    assert "is over" in over.refusal
    assert not over.rows()
    with pytest.raises(Refused):
        optimize(by=actor("rep@x.test", "rep", person_id="nobody"))

"""Generated companies whose truth is known: a few of what benchmarks/bench_projection.py measures on many."""

from datetime import date

import pytest
from benchmarks.bench_projection import accuracy, scores


@pytest.mark.slow
def test_on_companies_with_known_truth_it_is_closer_than_simple_rules_and_its_interval_holds(ws):
    looks = dict(accuracy(2, first=date(2025, 5, 1)))
    found = scores([row for rows in looks.values() for row in rows])
    assert found["quarters"] == 36
    assert found["projection"] < found["stage_weighted"]
    assert found["projection"] < found["run_rate"]
    assert found["projection"] < found["open_rate"]
    assert abs(found["bias"]) < 0.10
    assert 0.62 <= found["covered"] <= 0.97  # 36 looks, not all of them independent, of an interval that means 80 in 100
    late = scores(looks[60])
    assert late["projection"] < 0.6 * late["run_rate"]

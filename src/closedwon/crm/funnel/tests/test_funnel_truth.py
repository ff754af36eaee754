"""Pipelines whose truth is known: a few of what benchmarks/bench_funnel_truth.py measures on many."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.bench_funnel_truth import simulated, truth

from closedwon.crm.funnel.curves import curve, middle, share_span, wilson
from closedwon.crm.funnel.signal import auc, signal


@pytest.mark.slow
def test_intervals_hold_the_truth_at_the_stated_rate(ws):
    found = simulated(150, seed=3)
    assert set(found) == set(truth())
    for name, (share, cells, mean) in found.items():
        if "naive" in name:
            continue
        assert cells >= 100
        assert 0.90 <= share <= 1.0, (name, share)  # 150 intervals that mean 95 in 100: below 90 in one of 10,000 tests
        assert abs(mean / truth()[name] - 1) < 0.06, (name, mean)


def test_without_anybody_open_the_curve_is_the_ratio_and_its_interval_is_wilsons():
    found = curve({1: 10, 5: 20}, {2: 40, 9: 30}, {})
    last = len(found.points) - 1
    assert found.points[last].share_first == pytest.approx(0.3)
    assert found.variances[last] == pytest.approx(0.3 * 0.7 / 100)
    assert share_span(found, last, 1.96) == pytest.approx(wilson(0.3, 100, 1.96))


def test_the_three_shares_add_up_at_every_point():
    found = curve({1: 3, 4: 2, 9: 1}, {2: 5, 4: 1}, {3: 4, 10: 2})
    for point in found.points:
        assert point.share_first + point.share_other + point.share_still == pytest.approx(1.0)
    assert found.entries == 18
    assert found.censored == 6


def test_the_median_of_known_numbers_counts_ties():
    assert middle([(1.0, 3), (5.0, 1), (9.0, 3)], 1.96)[0] == 5.0
    assert middle([(1.0, 1), (2.0, 1)], 1.96) == (1.5, (None, None))
    assert middle([], 1.96) == (None, (None, None))


def rows(won, product):
    count = len(won)
    plain = {name: ["x"] * count for name in ("order_type", "segment", "region", "product_id", "source", "owner_id", "industry", "country")}
    return {
        **plain, "product": list(product), "amount_minor": [100] * count, "employees": [None] * count, "is_won": [bool(one) for one in won],
        "opportunity_id": [f"d{n}" for n in range(count)], "total": [count] * count,
    }  # fmt: skip


def test_a_field_that_tells_is_found_and_one_that_does_not_is_called_noise():
    draws = np.random.default_rng(5)
    product = np.where(draws.random(2000) < 0.5, "A", "B")
    told = signal(rows(draws.random(2000) < np.where(product == "A", 0.8, 0.3), product), 1.96, 0.6)
    noise = signal(rows(draws.random(2000) < 0.6, product), 1.96, 0.6)
    assert told is not None
    assert told.usable
    assert told.auc == pytest.approx(0.76, abs=0.04)
    assert noise is not None
    assert not noise.usable
    assert noise.low < 0.55
    assert "no usable win signal" in noise.sentence
    assert signal(rows(draws.random(100) < 0.5, product[:100]), 1.96, 0.6) is None


def test_auc_counts_pairs():
    assert auc(np.array([3.0, 2.0, 2.0, 1.0]), np.array([1, 1, 0, 0])) == pytest.approx(3.5 / 4)

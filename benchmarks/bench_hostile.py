"""What hostile formulas cost until they are refused or used: none may take more than 100 ms."""

import pytest

from closedwon.formula.tests.test_hostile import HOSTILE, used


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(benchmark, name):
    benchmark.pedantic(used, args=(HOSTILE[name],), rounds=3, iterations=1)

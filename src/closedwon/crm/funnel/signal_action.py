"""The verb that asks whether the data carries a win signal."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from closedwon.base.calendar import ALL
from closedwon.crm.funnel import reading, rules
from closedwon.crm.funnel.reading import Ask, Ground
from closedwon.crm.funnel.rules import Dimension
from closedwon.crm.funnel.signal import Signal
from closedwon.crm.funnel.signal import signal as checked
from closedwon.facts.engine import run
from closedwon.facts.releases import source
from closedwon.people.actor import Actor

MOST = 8000
"""Of how many closed deals the check is made."""


def signal(by: Actor, **words: Any) -> Signal | None:
    """Whether what was known of the deals in sight when they began tells won from lost, of all that were closed by the as-of; None where too few were."""
    ask = replace(reading.ask_for(**{**words, "period": ALL, "by_dim": ""}), by=Dimension())
    return _signal(reading.ground(by, ask), ask)


@lru_cache(maxsize=32)
def _signal(on: Ground, ask: Ask) -> Signal | None:
    policy = reading.funnel_policy()
    given = {**reading.given(on, ask), "accounts": source("accounts", on.release), "sample": [{"take": MOST}]}
    found = run(rules.signal(reading.shape_of(ask, policy)), given)
    return checked(found.to_pydict(), policy.z, float(policy.least_auc))

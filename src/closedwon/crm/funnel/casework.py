"""How a case of the funnel policy is run: a few deals with their history, through the funnel's own rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.errors import Invalid
from closedwon.base.money import to_minor
from closedwon.base.policytext import load_text
from closedwon.crm.funnel import reading, results, rules
from closedwon.crm.funnel.comparing import compared
from closedwon.crm.funnel.counted import Counted
from closedwon.crm.funnel.measuring import ALL, Measured, measured
from closedwon.crm.funnel.policy import FunnelPolicy
from closedwon.crm.policy import PipelinePolicy
from closedwon.facts.engine import run
from closedwon.policies.registry import kind
from closedwon.workspace import current

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
GIVEN = {"period", "with", "as_of", "split", "deals"}
DEAL = {
    "born",
    "stages",
    "amount",
    "amounts",
    "close",
    "closes",
    "order_type",
    "source",
    "loss_reason",
    "segment",
    "times",
    "deleted",
    "next_steps",
}


def run_case(policy: FunnelPolicy, given: Mapping[str, Any]) -> dict[str, str]:
    """Each metric of a case's deals as text; with another period also `change` lines. Raises Invalid for a key that a case cannot give.

    A deal gives `stages` as pairs of day and stage, `amounts` and `closes` (close dates) likewise; `times` is how many of it there are.
    """
    strange = sorted(set(given) - GIVEN) or sorted({name for deal in given.get("deals", ()) for name in deal} - DEAL)
    if strange:
        raise Invalid(
            f"A case cannot give {strange[0]!r}.", mend=f"It can give: {', '.join(sorted(GIVEN))}; of a deal {', '.join(sorted(DEAL))}."
        )
    period = reading.calendar().period(str(given["period"]))
    day = _day(given["as_of"]) if "as_of" in given else period.last
    pipeline, _ = load_text(kind("pipeline").default_text() or "", PipelinePolicy)
    if pipeline is None:
        raise Invalid("The shipped pipeline policy cannot be read.")
    stages = [stage.name for stage in pipeline.stages if stage.status == "open"]
    inputs = case_inputs(policy, pipeline, given.get("deals", ()), period, day)
    split = bool(given.get("split"))
    now = _measured(policy, inputs, stages, split)
    if "with" not in given:
        return {name: value for one in now for name, value in _said(one).items()}
    other = reading.calendar().period(str(given["with"]))
    before = _measured(policy, case_inputs(policy, pipeline, given.get("deals", ()), other, day), stages, split)
    made = {}
    for row in results.compared_rows(compared(now, before, split), current().settings.currency):
        name = row["metric"] if row["segment"] == ALL else f"{row['metric']} {row['segment']}"
        made[name] = f"{row['with_value'] or 'nothing'} → {row['value'] or 'nothing'}"
        made[f"{name} change"] = f"{row['change']} = mix {row['mix']} + rate {row['rate']}" + (
            f" + rest {row['rest']}" if row["rest"] not in ("", "0.000000") else ""
        )
    return made


def _measured(policy: FunnelPolicy, inputs: Mapping[str, Any], stages: Sequence[str], split: bool) -> list[Measured]:
    shape = rules.Shape(tuple(policy.measure), rules.Dimension("segment", "deal", "segment") if split else rules.Dimension())
    found = Counted(run(rules.counted(shape), inputs))
    return measured(found, policy, [name for name in stages if name in found.stages("stage")], None if split else [])


def _said(one: Measured) -> dict[str, str]:
    """A metric as a case tells it."""
    row = results.row(one, current().settings.currency)
    name = one.name if one.segment == ALL else f"{one.name} {one.segment}"
    return {
        name: f"{row['value'] or 'not reached'}, n {one.n}, censored {one.censored}",
        f"{name} interval": f"{row['low'] or 'open'} to {row['high'] or 'open'}",
    }


def case_inputs(
    policy: FunnelPolicy, pipeline: PipelinePolicy, deals: Sequence[Mapping[str, Any]], period: Period, day: date
) -> dict[str, Any]:
    """The inputs of the funnel's rules that a few deals are; a day is a day of UTC."""
    states = [
        row
        for number, deal in enumerate(deals)
        for copy in range(int(deal.get("times", 1)))
        for row in _states(f"d{number:03d}-{copy:05d}", deal)
    ]
    cutoff = _at(day) + timedelta(days=1)
    end = _at(period.end)
    counts = policy.counts
    return {
        "deal_states": states, "stages": reading.stage_rows(pipeline, policy), "order_types": reading.order_type_rows(policy),
        "reasons": reading.reason_rows(policy), "left_out": [{"source": name.lower()} for name in counts.except_sources],
        "rates": [{"currency": current().settings.currency, "num": 1, "den": 1}], "visible": [], "owners": [],
        "quarters": reading.quarter_rows(period, day), "exits": reading.exit_rows(policy), "accounts": [],
        "params": [{
            "cutoff": cutoff, "day": day, "start_at": _at(period.start), "end_at": end, "start_day": period.start, "end_day": period.end,
            "seen_until": min(end, cutoff), "currency": current().settings.currency, "named": bool(counts.order_types), "untyped": counts.untyped,
            "every_deal": True, "every_owner": True, "least_minor": 0,
        }],
    }  # fmt: skip


def _day(given: Any) -> date:
    return given if isinstance(given, date) else date.fromisoformat(str(given))


def _at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _minor(given: Any) -> int | None:
    return None if given is None else to_minor(str(given), current().settings.currency)


def _states(name: str, deal: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The states of a deal: one from each day on which anything changed."""
    told: dict[str, list[tuple[date, Any]]] = {
        "stage": [(_day(on), stage) for on, stage in deal["stages"]],
        "amount_minor": [(date.min, _minor(deal.get("amount"))), *((_day(on), _minor(value)) for on, value in deal.get("amounts", ()))],
        "close_date": [
            (date.min, _day(deal["close"]) if deal.get("close") else None),
            *((_day(on), _day(value)) for on, value in deal.get("closes", ())),
        ],
    }
    told["next_step"] = [(date.min, None), *((_day(on), value) for on, value in deal.get("next_steps", ()))]
    born = _day(deal["born"]) if deal.get("born") else told["stage"][0][0]
    if deal.get("deleted"):
        told["is_deleted"] = [(date.min, False), (_day(deal["deleted"]), True)]
    days = sorted({born, *(on for steps in told.values() for on, _ in steps if on > born)})
    made = []
    for at, on in enumerate(days):
        row = {field: [value for since, value in steps if since <= on][-1] for field, steps in told.items()}
        until = _at(days[at + 1]) if at + 1 < len(days) else FOREVER
        fixed = {field: deal.get(field) for field in ("order_type", "source", "loss_reason", "segment")}
        made.append(
            {
                "opportunity_id": name,
                "valid_from": _at(on),
                "valid_until": until,
                "created_at": _at(born),
                "currency": current().settings.currency,
                **row,
                **fixed,
            }
        )
    return made

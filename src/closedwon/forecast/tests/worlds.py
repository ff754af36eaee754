"""Small companies for tests: as the oracle reads them, and as the rules' tables."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

from closedwon.base.calendar import ALL, Period
from closedwon.base.money import digits
from closedwon.base.policytext import load_text
from closedwon.base.rule import Rule
from closedwon.base.tables import table
from closedwon.crm.policy import PipelinePolicy
from closedwon.facts.arrow import rows_to_table
from closedwon.forecast import inputs, rules
from closedwon.forecast.policy import ForecastPolicy, ForecastType
from closedwon.forecast.tests.oracle import World

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
ALWAYS = datetime(1, 1, 1, tzinfo=UTC)
PIPELINE = PipelinePolicy.model_validate(
    {
        "reference": "test",
        "stages": [
            {"name": "Early", "category": "pipeline", "probability": "10%"},
            {"name": "Middle", "category": "best_case", "probability": "50%"},
            {"name": "Late", "category": "commit", "probability": "90%"},
            {"name": "Parked", "category": "omitted", "probability": "1%"},
            {"name": "Won", "status": "won", "probability": "100%"},
            {"name": "Lost", "status": "lost"},
        ],
    }
)
STAGES = {s.name: (s.status, s.default_category, s.probability) for s in PIPELINE.stages}


def shipped() -> ForecastPolicy:
    from importlib import resources

    text = resources.files("closedwon.forecast").joinpath("default/forecast.toml").read_text()
    policy, problems = load_text(text, ForecastPolicy)
    assert not problems
    return policy


POLICY = shipped()
KIND = ForecastType(name="amount", label="Amount", measure=["amount"])


def world(**parts) -> World:
    made = World(**{"deals": [], "events": defaultdict(list), "stages": STAGES, **parts})
    made.units = defaultdict(lambda: 100, {c: 10 ** digits(c) for c in ("JPY", "KWD")})
    return made


def deal_states(w: World) -> list[dict]:
    """Each deal's states, put together event by event."""
    rows = []
    for deal in w.deals:
        events = sorted(w.events.get(deal["id"], ()), key=lambda e: e[0])
        values = dict(deal)
        first = {}
        for _, name, old, _ in events:
            first.setdefault(name, old)
        values.update(first)
        begin = deal["created_at"] or ALWAYS
        points = [(at, name, new) for at, name, _, new in events]
        if deal.get("deleted_at"):
            points.append((deal["deleted_at"], "is_deleted", True))
        values["is_deleted"] = False
        for at, name, new in sorted(points, key=lambda p: p[0]):
            if at > begin:
                rows.append(_state(values, begin, at))
                begin = at
            values[name] = new
        rows.append(_state(values, begin, FOREVER))
    return rows


def _state(values: dict, begin: datetime, until: datetime) -> dict:
    names = table("deal_states").names
    return {name: values.get(name) for name in names} | {
        "opportunity_id": values["id"],
        "valid_from": begin,
        "valid_until": until,
        "is_deleted": values["is_deleted"],
        "is_reconstructed": False,
    }


def facts(w: World) -> dict:
    return {
        "deal_states": rows_to_table(deal_states(w), table("deal_states").columns),
        "opportunity_splits": [{"is_overlay": False, **s} for s in w.splits],
        "users": w.users,
        "positions": w.positions,
        "position_holders": w.holders,
        "hierarchy": w.hierarchy,
        "stages": inputs.stage_rows(PIPELINE),
        "categories": inputs.category_rows(POLICY),
        "order_types": [],
        "accounts": [],
        "contracts": [],
        "account_territories": [],
    }


def close_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def period_of(span) -> Period:
    return ALL if span is None else Period(span[0], span[1], "test", "quarter")


def rates_on(w: World, day: date, kind="plan") -> list[dict]:
    return inputs.rate_rows([{"to_currency": w.currency, "until": None, **r} for r in w.rates], kind, day, w.currency)


def rollup_inputs(w: World, day: date, span, plan_day: date, dimension="", kind=KIND) -> tuple[Rule, dict, rules.Organisation]:
    tables = facts(w)
    there = inputs.organisation(tables, day, "sales")
    given = tables | {
        "seats": inputs.seat_rows(there),
        "rates": rates_on(w, plan_day),
        "params": inputs.rollup_params(kind, period_of(span), w.currency, close_of(day), day),
    }
    return rules.rollup(inputs.shape_of(kind, dimension)), given, there


def waterfall_inputs(w: World, b: date, e: date, span, plan_day: date, *, org="as-was", reported=False, today=None, kind=KIND):
    tables = facts(w)
    days = (b, e) if org == "as-was" else (today, today)
    here, there = (inputs.organisation(tables, day, "sales") for day in days)
    found = rules.places(here, there)
    given = tables | {
        "seats": list(found.rows),
        "begin_rates": rates_on(w, b, "market") if reported else rates_on(w, plan_day),
        "end_rates": rates_on(w, e, "market") if reported else rates_on(w, plan_day),
        "params": inputs.waterfall_params(kind, period_of(span), w.currency, (close_of(b), b), (close_of(e), e)),
    }
    return rules.waterfall(inputs.shape_of(kind)), given, found

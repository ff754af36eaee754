"""The sign-off of deals as facts: published from requests and the policy in force, for whoever reads deals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
from django.utils import timezone

from closedwon.approvals.actions.common import policies
from closedwon.approvals.actions.history import past, publish_history
from closedwon.approvals.rules.backtest import backtest_rule
from closedwon.base.tables import table
from closedwon.deals.standing import AS_REQUESTS, SLACK_PPM, STANDING
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.engine import run
from closedwon.facts.releases import latest, publish, read, source
from closedwon.facts.store import store
from closedwon.people.visibility import closing_day
from closedwon.workspace import current

NAME = "deal_approvals"


def needs() -> list[dict[str, Any]]:
    """Open deals with the roles that the policy in force asks for them as they stand, by what the facts know; empty roles where nobody is asked."""
    release, day = latest(), closing_day(None)
    given = {name: source(name, release) for name in ("opportunities", "line_items", "exchange_rates")}
    deals = run(AS_REQUESTS, {**given, "params": [{"day": day, "currency": current().settings.currency}]})
    united = policies().on("deal", day)
    if united.is_empty or united.problems or not deals.num_rows:
        return []
    params = [{"kind": "deal", "start": day, "stop": day + timedelta(days=1)}]
    found = run(backtest_rule(united), {"approval_requests": [], "live_approval_requests": deals, "live_ids": [], "params": params})
    roles = dict(zip(found["id"].to_pylist(), found["roles"].to_pylist(), strict=True))
    discounts = dict(zip(deals["id"].to_pylist(), deals["discount_ppm"].to_pylist(), strict=True))
    return [{"id": deal, "roles": roles[deal], "discount_ppm": discounts[deal]} for deal in sorted(roles)]


def publish_standing() -> dict[str, int]:
    """Publish decided requests, and where the sign-off of each deal stands; rows of other sources stay for deals that are not ours."""
    done = publish_history()
    day = timezone.now().date()
    known = past(day - timedelta(days=36_000), day + timedelta(days=2), "deal")
    made = run(STANDING, {**known, "params": [{"slack_ppm": SLACK_PPM}], "needs": needs()})
    release = latest()
    before = read(NAME, release)
    own = set(made["opportunity_id"].to_pylist())
    kept = [row for row in before.to_pylist() if row["source"] != "closedwon" and row["opportunity_id"] not in own]
    whole = pa.concat_tables([made, rows_to_table(kept, table(NAME).columns)], promote_options="permissive") if kept else made
    whole = whole.sort_by([(key, "ascending") for key in table(NAME).key])
    if whole.num_rows == before.num_rows and whole.to_pylist() == before.select(whole.column_names).to_pylist():
        return {**done, "deals": 0}
    publish({NAME: store().replace(NAME, whole)}, note="sign-off of deals")
    return {**done, "deals": made.num_rows}

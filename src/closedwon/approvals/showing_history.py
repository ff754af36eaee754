"""How the past of approvals is shown: tiles, charts whose titles answer a question, rows of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from closedwon.approvals.actions.analytics import LookBack
from closedwon.approvals.actions.reading_back import CHANGES, PastRequest
from closedwon.ui import format as fmt
from closedwon.ui.charts import Chart
from closedwon.ui.parts import Tile
from closedwon.ui.tables import Col, DataTable

TONES = {"same": "", "fewer": "good", "more": "warn", "others": "info", "refused": "bad"}
OUTCOMES = {
    "auto-approved": "needs nobody", "needs-approval": "needs approval", "forbidden": "is forbidden", "incomplete": "cannot be submitted", "approved": "approved",
    "rejected": "rejected", "recalled": "taken back", "pending": "waits", "conditional": "approved on a condition",
}  # fmt: skip


def hours(value: float | None) -> str:
    """Business hours in words."""
    return fmt.MISSING if value is None else f"{value:,.1f} h".replace(".0 h", " h")


def share(part: int, whole: int) -> str:
    """A share in whole percent."""
    return f"{round(100 * part / whole)} %" if whole else fmt.MISSING


def short(role: str) -> str:
    """A role as an axis names it: CFO, deal desk."""
    return role.upper() if len(role) <= 3 else role.replace("-", " ")


def sentence(told: Mapping[str, Any]) -> str:
    """What the back-test says, in a sentence."""
    if not told["requests"]:
        return "Nobody asked for anything in that span."
    if not told["changed"]:
        return "Every request would have asked the same people as then."
    parts = [
        (told["fewer"], "ask fewer people"),
        (told["more"], "ask more people"),
        (told["changed"] - told["fewer"] - told["more"], "ask other people"),
    ]
    words = [f"{count:,} would {verb}" for count, verb in parts if count]
    return f"Of {told['requests']:,} requests {', '.join(words[:-1])}{' and ' if len(words) > 1 else ''}{words[-1]}."


def backtest_tiles(told: Mapping[str, Any]) -> list[Tile]:
    """The numbers of a back-test."""
    more = told["alone"] - told["then_alone"]
    word = "as then" if not more else f"{abs(more):,} {'more' if more > 0 else 'fewer'} than then"
    return [
        Tile("Requests", f"{told['requests']:,}", f"{told['changed']:,} would change"),
        Tile("Need nobody", share(told["alone"], told["requests"]), f"{share(told['then_alone'], told['requests'])} then; {word}"),
        Tile("Expected time", hours(told["hours"]), f"{hours(told['then_hours'])} then", hint="Business hours, the median of those that need somebody: steps of one place at once, places one after the other, each role at its median of this span"),
        Tile("Could not be submitted", f"{told['refused']:,}", "forbidden, or something is still to write", tone="warn" if told["refused"] else ""),
    ]  # fmt: skip


def roles_chart(told: Mapping[str, Any]) -> Chart:
    """Who is asked how often, then and under the policy."""
    moved = max(told["roles"], key=lambda row: (abs(row["asked"] - row["then"]), row["asked"]))
    gap = moved["asked"] - moved["then"]
    title = (
        f"{moved['title']} would be asked {abs(gap):,} times {'more' if gap > 0 else 'less'} often"
        if gap
        else f"{moved['title']} is asked most: {moved['asked']:,} times, as then"
    )
    rows = [
        {"x": short(row["role"]), "y": row[key], "series": name}
        for row in told["roles"]
        for key, name in (("then", "Then"), ("asked", "Under this policy"))
    ]
    return Chart(
        title,
        rows,
        "Role",
        "Requests",
        kind="bar",
        x_kind="text",
        y_kind="number",
        key="roles",
        series_label="When",
        note="then blue, under this policy green",
    )


def roles_table(request: Any, told: Mapping[str, Any]) -> DataTable:
    """Who is asked how often, as a table."""
    rows = [{**row, "change": row["asked"] - row["then"]} for row in told["roles"]]
    columns = [
        Col("title", "Role", phone="title"), Col("then", "Asked then", "number"), Col("asked", "Would be asked", "number", phone="big"),
        Col("change", "Change", "number"),
    ]  # fmt: skip
    return DataTable(
        request, "approvals:backtest-roles", columns, rows, title="Steps, then and now", search=False, prefix="r-", name="approval-backtest-roles",
        empty=("Nobody is asked", "No request of that span asks anybody, then or now."),
    )  # fmt: skip


def _named(roles: str | None, titles: Mapping[str, str]) -> str:
    return ", ".join(titles.get(one, one) for one in (roles or "").split(";") if one) or "nobody"


def request_row(row: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    """A past request as a row."""
    return {
        "id": row["id"], "number": row["number"] or row["id"], "submitted_on": row["submitted_on"], "amount": row["amount_minor"], "currency": row["currency"],
        "change": (CHANGES[row["change"]], TONES[row["change"]]), "then": _named(row["then_roles"], titles), "now": _named(row["roles"], titles),
        "took": _one(row["then_minutes"]), "expected": _one(row["minutes"]), "ended": OUTCOMES.get(row["then_outcome"], row["then_outcome"]),
    }  # fmt: skip


def _one(minutes: int | None) -> float | None:
    return None if minutes is None else round(minutes / 60, 1)


def request_context(found: PastRequest, policy: str) -> dict[str, Any]:
    """The drawer of a past request."""
    row, told = found.row, found.told
    values = [
        (found.labels.get(name, name.replace("_", " ").capitalize()), text) for name, text in told.values.items() if text != "0 lines"
    ]
    asked: dict[str, list[str]] = {}
    for step in told.steps:
        for reason in step.reasons:
            asked.setdefault(found.titles.get(reason.role, reason.role), []).append(reason.reason)
    steps = [
        {"title": step["title"], "version": step["version"], "state": OUTCOMES.get(step["state"], step["state"]), "hours": hours(_one(step["minutes"])), "opened_at": step["opened_at"], "done_at": step["done_at"]}
        for step in found.steps
    ]  # fmt: skip
    outcome = "auto-approved" if told.auto_approved else told.outcome
    return {
        "row": row, "number": row["number"] or row["id"], "policy": policy, "values": values, "asked": sorted(asked.items(), key=lambda pair: list(asked).index(pair[0])),
        "steps": steps, "outcome": OUTCOMES.get(outcome, outcome), "reason": told.reason, "took": hours(_one(row["minutes"])), "ended": OUTCOMES.get(row["state"], row["state"]),
        "auto": row["auto_reason"],
    }  # fmt: skip


def analytics_tiles(found: LookBack) -> list[Tile]:
    """The numbers of a span."""
    whole = found.whole
    least = sorted((row for row in found.roles if row["done"]), key=lambda row: -(row["median_hours"] or 0))
    return [
        Tile("Requests", f"{whole['requests']:,}", f"{whole['waiting']:,} wait"),
        Tile("Needed nobody", share(whole["alone"], whole["requests"]), f"{whole['alone']:,} requests"),
        Tile("From asked to decided", hours(whole.get("mean_hours")), "business hours on average, of those that asked somebody"),
        Tile("Changed after submission", share(whole["reworked"], whole["requests"] - whole["alone"]), f"{whole['reworked']:,} of those that asked somebody"),
        Tile("Refused", share(whole["rejected"], whole["requests"] - whole["alone"]), f"{whole['rejected']:,} requests"),
        Tile("Slowest step", least[0]["title"] if least else fmt.MISSING, f"{hours(least[0]['median_hours'])}, median" if least else ""),
    ]  # fmt: skip


def analytics_charts(found: LookBack) -> list[Chart]:
    """Three questions: how many need nobody, where the hours go, whether steps get faster."""
    made = []
    months = [row for row in found.months if row["requests"]]
    if len(months) > 1:
        first, last = (row["alone"] / row["requests"] for row in (months[0], months[-1]))
        word = "as many as" if abs(last - first) < 0.005 else f"{'up' if last > first else 'down'} from {round(first * 100)} % in"
        title = f"{round(last * 100)} % of requests needed nobody in {_month(months[-1]['place'])}, {word} {_month(months[0]['place'])}"
        rows = [{"x": _day(row["place"]), "y": row["alone"] / row["requests"]} for row in months]
        made.append(Chart(title, rows, "Month", "Needed nobody", y_kind="percent", key="alone"))
    roles = sorted((row for row in found.roles if row["done"]), key=lambda row: -row["all_hours"])
    if roles:
        whole = sum(row["all_hours"] for row in roles)
        title = f"{share(round(roles[0]['all_hours']), round(whole))} of all business hours go by with {roles[0]['title']}"
        rows = [{"x": short(row["place"]), "y": row["all_hours"]} for row in roles]
        made.append(
            Chart(
                title,
                rows,
                "Role",
                "Business hours",
                kind="bar",
                x_kind="text",
                y_kind="number",
                key="hours",
                note="between asked and decided",
            )
        )
        slow = sorted(roles, key=lambda row: -(row["median_hours"] or 0))
        title = f"{slow[0]['title']} takes longest: {hours(slow[0]['median_hours'])}, one in ten longer than {hours(slow[0]['slow_hours'])}"
        rows = [
            {"x": short(row["place"] if "place" in row else row["role"]), "y": row[key], "series": name}
            for row in slow
            for key, name in (("median_hours", "Median"), ("slow_hours", "Nine in ten"))
        ]
        made.append(
            Chart(
                title,
                rows,
                "Role",
                "Business hours",
                kind="bar",
                x_kind="text",
                y_kind="number",
                key="slow",
                series_label="Within",
                note="median blue, nine in ten green",
            )
        )
    steps = [row for row in found.step_months if row["median_hours"] is not None]
    if len(steps) > 1:
        gap = round(steps[-1]["median_hours"] - steps[0]["median_hours"], 1)
        word = "as long as" if not gap else f"{abs(gap):g} h {'more' if gap > 0 else 'less'} than"
        title = f"A step took {hours(steps[-1]['median_hours'])} in {_month(steps[-1]['place'])}, {word} in {_month(steps[0]['place'])}"
        rows = [{"x": _day(row["place"]), "y": row["median_hours"]} for row in steps]
        made.append(Chart(title, rows, "Month", "Business hours, median", y_kind="number", key="months"))
    return made


def _day(month: str) -> date:
    return date.fromisoformat(f"{month}-01")


def _month(month: str) -> str:
    return f"{_day(month):%B %Y}"


def steps_table(request: Any, found: LookBack) -> DataTable:
    """Steps by the dimension."""
    columns = [
        Col("title", found.by.capitalize(), phone="title"), Col("asked", "Asked", "number", total=True), Col("median_hours", "Median, business hours", "number", places=1, phone="big"),
        Col("slow_hours", "Nine in ten within", "number", places=1), Col("late", "Late", "number", total=True), Col("rejected", "Refused", "number", total=True),
        Col("waiting", "Waiting now", "number", total=True), Col("all_hours", "Hours in all", "number", total=True),
    ]  # fmt: skip
    return DataTable(
        request, f"approvals:steps-{found.by}", columns, list(found.steps), title=f"Steps by {found.by}", search=False, name=f"approval-steps-by-{found.by}",
        empty=("No step yet", "Nobody was asked in that span. Choose a longer one."),
    )  # fmt: skip


def regions_table(request: Any, found: LookBack) -> DataTable:
    """Requests by region."""
    rows: Sequence[Mapping[str, Any]] = [
        {**row, "share": row["alone"] / row["requests"] if row["requests"] else None} for row in found.regions
    ]
    columns = [
        Col("place", "Region", phone="title"), Col("requests", "Requests", "number", total=True), Col("share", "Needed nobody", "percent", phone="big"),
        Col("mean_hours", "Business hours, mean", "number", places=1), Col("reworked", "Changed", "number", total=True), Col("rejected", "Refused", "number", total=True),
        Col("waiting", "Waiting", "number", total=True),
    ]  # fmt: skip
    return DataTable(
        request, "approvals:regions", columns, rows, title="Requests by region", search=False, prefix="g-", name="approval-regions",
        empty=("No request yet", "Nobody asked for anything in that span."),
    )  # fmt: skip

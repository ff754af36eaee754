"""The page about approvals has its tables from the cases and the clocks themselves."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from closedwon.approvals.commands import policies_in
from closedwon.approvals.hours import due
from closedwon.policies.cases import read_cases

DOC = Path(__file__).parents[4] / "docs/field/approvals.md"
HERE = Path(__file__).parents[1]
OPENED = (
    ("EMEA", "2026-11-02T09:00"), ("EMEA", "2026-11-02T17:30"), ("EMEA", "2026-11-06T12:00"), ("EMEA", "2026-11-07T11:00"), ("AMER", "2026-10-30T16:00"),
    ("APJ", "2026-11-02T03:00"), ("EMEA", "2026-10-23T17:00"),
)  # fmt: skip
"""When steps open, in the region's own time."""


def cell(value: Any) -> str:
    """A value as the page has it."""
    text = "; ".join(map(str, value)) if isinstance(value, list) else {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)  # fmt: skip
    return text.replace("|", "\\|")


def cases() -> str:
    made = ["| case | asked for | outcome | roles |", "|---|---|---|---|"]
    text = resources.files("closedwon.approvals").joinpath("default/approvals/deal.cases.toml").read_text(encoding="utf-8")
    words = {"executive_summary", "compelling_event", "what_we_get", "competitor", "plan_to_raise_price"}
    for case in read_cases(text):
        fields = case.get("given", {}).get("request", {}).get("fields", {})
        given = ", ".join(
            f"{name} {cell(value)}" for name, value in fields.items() if name not in words and not isinstance(value, list | dict)
        )
        expect = case["expect"]
        roles = ", ".join(expect["roles"] or ["nobody"]) if "roles" in expect else ""
        made.append(f"| {cell(case['name'])} | {given or 'lines or years'} | {expect.get('outcome', '')} | {roles} |")
    return "\n".join(made)


def clocks() -> str:
    united = policies_in(HERE / "default").on("deal", datetime(2026, 11, 1, tzinfo=UTC).date())
    made = ["| region | opened | due |", "|---|---|---|"]
    for region, text in OPENED:
        hours = united.hours_of(region)
        assert hours is not None
        zone = ZoneInfo(hours.zone)
        at = datetime.fromisoformat(text).replace(tzinfo=zone)
        made.append(f"| {region} | {at:%a %d %b %H:%M} | {due(at, 8, hours).astimezone(zone):%a %d %b %H:%M} |")
    return "\n".join(made)


def test_the_page_has_the_cases_and_the_clocks() -> None:
    whole = DOC.read_text(encoding="utf-8")
    for mark, table in {"cases": cases(), "clocks": clocks()}.items():
        whole = re.sub(
            rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", lambda found, body=table: f"{found[1]}{body}\n{found[2]}", whole, flags=re.DOTALL
        )
    if os.environ.get("CLOSEDWON_UPDATE_SNAPSHOTS") == "1":
        DOC.write_text(whole, encoding="utf-8")
    assert DOC.read_text(encoding="utf-8") == whole, "docs/field/approvals.md is behind; CLOSEDWON_UPDATE_SNAPSHOTS=1 writes it anew"

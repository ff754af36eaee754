"""Data quality: what is dirty in the facts, counted in one pass, each with its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from closedwon.base.errors import NotFound
from closedwon.crm.deals import PAGE, SELECT, Page, deal_inputs, text_literal, visible_condition
from closedwon.crm.refused import sees_cells, shown, without_values
from closedwon.facts import quarantine
from closedwon.facts.engine import query_rows
from closedwon.facts.models import Release
from closedwon.facts.releases import latest, source
from closedwon.people.actor import Actor
from closedwon.people.visibility import closing_cutoff, closing_day

KEEPERS = ("sales-ops", "admin", "executive", "auditor", "salesforce-admin")
"""Roles that look after data."""


@dataclass(frozen=True)
class Question:
    """One thing that can be wrong with a deal as it stands: the test of it, and what its rows are ordered by."""

    key: str
    title: str
    why: str
    test: str
    order: str = "id"


@dataclass(frozen=True)
class Check:
    """One question with its answer: how many rows, the first of them where asked for, and, in quarantine, how many for each reason."""

    key: str
    title: str
    why: str
    count: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)


def questions(day: date) -> list[Question]:
    """What is asked of every deal on a day."""
    now = f"DATE {text_literal(day.isoformat())}"
    is_open = "status = 'open'"
    return [
        Question("past-close", "Open deals whose close date has passed", "They sit in a period that is over, so no forecast counts them.",
                 f"{is_open} AND close_date < {now}", "close_date, id"),
        Question("far-close", "Close dates in a far future", "Typed to get past a required field.",
                 f"{is_open} AND close_date >= {now} + INTERVAL 5 YEAR", "close_date, id"),
        Question("no-close", "Open deals without a close date", "They stand in no period.", f"{is_open} AND close_date IS NULL"),
        Question("placeholder", "Amounts that look like placeholders", "1 or 9,999,999 moves a total and means nothing.",
                 f"{is_open} AND abs(raw_minor) IN (1, 100, 9999999, 999999900, 99999900)", "amount_minor, id"),
        Question("no-amount", "Open deals without an amount", "They count as nothing.", f"{is_open} AND amount_minor IS NULL"),
        Question("unknown-stage", "Stages that the pipeline policy does not know", "They count as unmapped until the policy names them.",
                 "place IS NULL AND stage IS NOT NULL", "stage, id"),
        Question("no-stage", "Deals without a stage", "Nobody can say whether they are open.", "stage IS NULL"),
        Question("test", "Records that look like tests", "They should not be in a company's numbers.",
                 rf"{is_open} AND regexp_matches(name, '(?i)\b(test|do not use|dummy)\b')", "name, id"),
        Question("inactive-owner", "Open deals of people who have left", "Nobody works on them.",
                 f"{is_open} AND (owner_active = FALSE OR owner_end < {now})", "owner, id"),
        Question("no-owner", "Open deals whose owner is unknown", "They roll up to no seat.", f"{is_open} AND owner_known IS NULL"),
        Question("no-account", "Open deals without an account", "No customer, no history.", f"{is_open} AND account_id IS NULL"),
        Question("unknown-account", "Open deals whose account is unknown", "The customer was not imported, or was deleted.",
                 f"{is_open} AND account_id IS NOT NULL AND account_known IS NULL", "account_id, id"),
    ]  # fmt: skip


DUPLICATES = ("duplicate-accounts", "Accounts that look like the same customer", "History, whitespace and renewals are split between them.")
QUARANTINE = (
    "quarantine",
    "Rows that could not be imported",
    "They are missing from every number until they are mended and imported again.",
)
_MORE = (
    "d.next_step, s.place, d.amount_minor AS raw_minor, u.active AS owner_active, u.end_date AS owner_end, u.id AS owner_known, "
    "a.id AS account_known"
)
_NOW = "d.valid_until >= TIMESTAMPTZ '9999-12-01 00:00:00+00' AND NOT d.is_deleted"


def quality(by: Actor, *, today: date | None = None, limit: int = 0) -> list[Check]:
    """What is dirty in the data, worst first, with the first `limit` rows of each. Raises Refused unless the actor looks after data.

    Who is limited to a region counts that region; the rows are always only those that the actor may see.
    """
    by.need(*KEEPERS, to="look at data quality")
    release, day = latest(), today or closing_day(None)
    asked = questions(day)
    inputs, seen = _seen(by, day, release, rows=False)
    cells = ", ".join(f'COUNT(*) FILTER ({one.test}) AS "{one.key}"' for one in asked)
    counts = query_rows(f"SELECT {cells} FROM ({seen})", inputs)[0]
    made = [Check(one.key, one.title, one.why, counts[one.key], _first(by, one.key, day, limit)) for one in asked]
    twice = _duplicates(by, day, release, 1, max(1, limit))
    made.append(Check(*DUPLICATES, twice.total, twice.rows[:limit]))
    if not by.region:
        refused = quarantine.counts(source("quarantine", release))
        refused = refused if sees_cells(by) else _together(refused)
        made.append(Check(*QUARANTINE, sum(refused.values()), reasons=refused))
    return sorted(made, key=lambda item: -item.count)


def _together(refused: dict[str, int]) -> dict[str, int]:
    """The reasons without the values that they quote."""
    found: dict[str, int] = {}
    for reason, count in refused.items():
        found[without_values(reason)] = found.get(without_values(reason), 0) + count
    return found


def _first(by: Actor, key: str, day: date, limit: int) -> list[dict[str, Any]]:
    return quality_rows(by, key, today=day, size=limit).rows if limit else []


def quality_rows(by: Actor, key: str, *, today: date | None = None, page: int = 1, size: int = PAGE) -> Page:
    """One page of the rows behind a check, only those that the actor may see. Raises NotFound for a check that there is not."""
    by.need(*KEEPERS, to="look at data quality")
    release, day = latest(), today or closing_day(None)
    if key == DUPLICATES[0]:
        return _duplicates(by, day, release, page, size)
    if key == QUARANTINE[0]:
        if by.region:
            return Page([], 0, page, size)
        rows, total = quarantine.page(source("quarantine", release), limit=size, offset=(page - 1) * size)
        return Page(shown(rows, by), total, page, size)
    found = next((one for one in questions(day) if one.key == key), None)
    if found is None:
        raise NotFound(f"There is no check named {key!r}.")
    inputs, seen = _seen(by, day, release, rows=True)
    rows = query_rows(
        f"SELECT *, COUNT(*) OVER () AS total FROM ({seen}) WHERE {found.test} ORDER BY {found.order} "
        f"LIMIT {int(size)} OFFSET {(int(page) - 1) * int(size)}",
        inputs,
    )
    return Page(rows, rows[0]["total"] if rows else 0, page, size)


def check_words(key: str) -> tuple[str, str]:
    """A check's title and why it matters. Raises NotFound for a check that there is not."""
    words = {one.key: (one.title, one.why) for one in questions(date.min)} | {k: (t, w) for k, t, w in (DUPLICATES, QUARANTINE)}
    if key not in words:
        raise NotFound(f"There is no check named {key!r}.", mend=f"There are: {', '.join(words)}.")
    return words[key]


def _seen(by: Actor, day: date, release: Release | None, *, rows: bool, names: Sequence[str] = ()) -> tuple[dict[str, Any], str]:
    """The deals as they stand now: inputs and a SELECT. Rows are limited to what the actor may see, counts to the actor's region."""
    inputs = deal_inputs(release, "deal_states", "accounts", "users", *names)
    allowed = "TRUE"
    if rows or by.region:
        allowed, extra = visible_condition(by, closing_cutoff(day), release)
        inputs |= extra
    return inputs, f"{SELECT.replace('d.next_step', _MORE)} WHERE {_NOW} AND {allowed}"


def _duplicates(by: Actor, day: date, release: Release | None, page: int, size: int) -> Page:
    """Accounts of one web domain, or whose names are the same but for case, punctuation and legal form; those with deals that the actor may see."""
    forms = "inc|ltd|llc|gmbh|ag|corp|corporation|co|company|plc|kk|pvt|sa|bv"
    bare = rf"regexp_replace(regexp_replace(lower(name), '\b({forms})\b\.?', '', 'g'), '[^\p{{L}}0-9]', '', 'g')"
    inputs, seen = _seen(by, day, release, rows=True)
    mine, parents = "TRUE", ""
    if "visible" in inputs:
        mine, parents = (f"{name}.id IN (SELECT account_id FROM ({seen}))" for name in ("n", "p"))
        parents = f" AND {parents}"
    rows = query_rows(
        f"WITH named AS (SELECT id, name, parent_id, lower(domain) AS domain, {bare} AS bare FROM accounts "
        f"WHERE name IS NOT NULL AND deleted_at IS NULL), "
        f"counted AS (SELECT *, COUNT(*) OVER (PARTITION BY bare) AS of_name, COUNT(*) OVER (PARTITION BY domain) AS of_domain FROM named), "
        f"twice AS (SELECT *, CASE WHEN of_domain > 1 AND domain <> '' THEN domain ELSE bare END AS sameness FROM counted "
        f"WHERE (of_name > 1 AND bare <> '') OR (of_domain > 1 AND domain <> '')) "
        f"SELECT n.id, n.name, p.name AS parent, p.id AS parent_id, COUNT(*) OVER () AS total FROM twice n "
        f"LEFT JOIN accounts p ON p.id = n.parent_id{parents} WHERE {mine} ORDER BY n.sameness, n.id "
        f"LIMIT {int(size)} OFFSET {(int(page) - 1) * int(size)}",
        inputs,
    )
    return Page(rows, rows[0]["total"] if rows else 0, page, size)

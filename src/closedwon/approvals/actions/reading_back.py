"""What the pages of the past ask: a back-test of a chosen text, a page of its requests, one request with its reasons, the spans and texts to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from closedwon.approvals.actions.backtest import READERS, Backtest, backtest, region_of
from closedwon.approvals.actions.common import policies
from closedwon.approvals.actions.drafts import policies_of_text
from closedwon.approvals.actions.history import past
from closedwon.approvals.deciding import Policies
from closedwon.approvals.rules.measures import every, inputs
from closedwon.approvals.rules.preview import preview
from closedwon.approvals.rules.reading import json_of, request_of
from closedwon.approvals.rules.values import People, Preview
from closedwon.base.calendar import Calendar
from closedwon.base.errors import NotFound
from closedwon.base.money import to_major
from closedwon.base.tables import columns
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.engine import query_rows, query_table
from closedwon.people.actor import Actor
from closedwon.people.visibility import closing_day
from closedwon.policies.models import PolicyVersion
from closedwon.workspace import current

CHANGES = {"same": "as then", "fewer": "fewer", "more": "more", "others": "others", "refused": "refused"}
"""What may become of a past request: whom it asks, or that it could not be submitted."""
SORTS = {"number": "number", "submitted_on": "submitted_on", "amount": "amount_minor", "expected": "minutes", "took": "then_minutes"}
CHANGE_SQL = (
    "CASE WHEN outcome IN ('forbidden', 'incomplete') THEN 'refused' WHEN roles = then_roles OR list_sort(string_split(roles, ';')) = list_sort(string_split(then_roles, ';')) THEN 'same' "
    "WHEN roles = '' OR list_has_all(string_split(then_roles, ';'), string_split(roles, ';')) THEN 'fewer' "
    "WHEN then_roles = '' OR list_has_all(string_split(roles, ';'), string_split(then_roles, ';')) THEN 'more' ELSE 'others' END"
)


@dataclass(frozen=True)
class Choice:
    """A text that a back-test may try: its key, its name for people, the document it stands for, and the text (None: what is in force)."""

    key: str
    title: str
    document: str = ""
    text: str | None = None


def choices(*, by: Actor, pasted: Mapping[str, str] | None = None) -> list[Choice]:
    """What is in force, one's pasted text, drafts of policies, and earlier applied texts, newest first."""
    by.need(*READERS, to="look back over requests")
    made = [Choice("", "The policies in force")]
    if pasted and pasted.get("text"):
        made.append(
            Choice("pasted", f"My text in place of {pasted.get('document') or 'a document'}", pasted.get("document", ""), pasted["text"])
        )
    rows = PolicyVersion.objects.filter(kind="approvals").exclude(text="").order_by("-pk")[:40]
    for row in rows:
        when = row.applied_at or row.written_at
        word = "Draft" if row.status == "draft" else "Earlier"
        made.append(Choice(str(row.pk), f"{word}: {row.document}, {when:%d %b %Y}", row.document, row.text))
    return made


def used_by(choice: Choice, *, by: Actor) -> Policies | None:
    """The policies with the chosen text in its place; None for those in force."""
    return policies_of_text(choice.document, choice.text, by=by) if choice.text is not None else None


def spans() -> list[tuple[str, date, date]]:
    """Spans that people ask for: this quarter, the last one, the last four, the last twelve months."""
    day = closing_day(None)
    calendar = Calendar.from_settings(current().settings.calendar)
    now = calendar.period_of(day, "quarter")
    last = calendar.next(now, -1)
    return [
        (last.label, last.start, last.end), (now.label, now.start, now.end), ("Four quarters", calendar.next(now, -4).start, now.start),
        ("Eighteen months", calendar.next(now, -6).start, day + timedelta(days=1)),
    ]  # fmt: skip


def looked(choice: Choice, start: date, end: date, *, by: Actor, kind: str = "") -> Backtest:
    """The back-test of a choice."""
    return backtest(start, end, by=by, given=used_by(choice, by=by), kind=kind)


def page_of(
    found: Backtest, *, sort: str, descending: bool, search: str, changes: tuple[str, ...], offset: int, limit: int
) -> tuple[list[dict[str, Any]], int]:
    """A page of a back-test's requests, those that change first unless sorted otherwise, and how many there are."""
    names = {word: key for key, word in CHANGES.items()}
    keys = [names[one] for one in changes if one in names]
    tests = ["TRUE"]
    if keys:
        tests.append(f"change IN ({', '.join(repr(one) for one in keys)})")
    given: dict[str, Any] = {"found": found.rows, "params": rows_to_table([{"wanted": search.casefold()}], columns("wanted"))}
    if search:
        tests.append("contains(lower(COALESCE(number, id) || ' ' || roles || ' ' || then_roles), wanted)")
    order = f"{SORTS[sort]} {'DESC' if descending else 'ASC'} NULLS LAST, id" if sort in SORTS else "change = 'same', submitted_on DESC, id"
    marked = f"SELECT f.*, p.wanted, {CHANGE_SQL} AS change FROM found AS f CROSS JOIN params AS p"
    text = f"SELECT *, COUNT(*) OVER () AS many FROM ({marked}) WHERE {' AND '.join(tests)} ORDER BY {order} LIMIT {int(limit)} OFFSET {int(offset)}"
    rows = query_table(text, given).to_pylist()
    return rows, rows[0]["many"] if rows else 0


@dataclass(frozen=True)
class PastRequest:
    """A past request as it was submitted, its steps then, and what the chosen policies say of it with their reasons."""

    row: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]
    told: Preview
    titles: Mapping[str, str]
    labels: Mapping[str, str]


def past_request(key: str, choice: Choice, start: date, end: date, *, by: Actor) -> PastRequest:
    """One request of a span. Raises NotFound."""
    region = region_of(by)
    known = past(start, end)
    wanted = inputs("every_request") | inputs("every_step")
    given = {name: rows_to_table(known[name], told) if isinstance(known[name], list) else known[name] for name, told in wanted.items()}
    given["wanted"] = rows_to_table([{"key": key}], columns("key"))
    rows = query_rows(f"SELECT r.* FROM {every('every_request')} AS r JOIN wanted AS w ON w.key = r.id", given)
    if not rows or (region and rows[0]["region"] != region):
        raise NotFound("There is no such request in that span.")
    steps = query_rows(
        f"SELECT s.* FROM {every('every_step')} AS s JOIN wanted AS w ON w.key = s.request_id ORDER BY s.version, s.step", given
    )
    row = rows[0]
    at: datetime = row["submitted_at"] or datetime.combine(row["submitted_on"], datetime.min.time())
    rates = {row["currency"]: f"{row['rate_ppb'] / 1_000_000_000:.9f}"} if row["currency"] and row["rate_ppb"] else {}
    amount = f"{to_major(row['amount_minor'], row['currency'] or 'USD'):f}" if row["amount_minor"] is not None else None
    asked = request_of({
        "kind": row["kind"], "id": row["number"] or row["id"], "currency": row["currency"] or "", "submitter": "", "owner": row["owner_id"] or "",
        "region": row["region"] or "", "fields": json_of(row["fields"] or "{}", "The request"), "rates": rates, "amount": amount,
    })  # fmt: skip
    used = used_by(choice, by=by) or policies()
    united = used.on(row["kind"], row["submitted_on"])
    told = preview(united, replace(asked, submitted_at=at), People.of([]), at, explain=False)
    return PastRequest(row, steps, told, {name: role.label for name, role in united.roles.items()}, united.labels)

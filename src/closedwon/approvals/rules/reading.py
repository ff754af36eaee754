"""Requests, people and earlier approvals as files and the API carry them. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from closedwon.approvals.rules.values import Approved, Away, Delegate, People, Person, Request
from closedwon.base.errors import Invalid, Problem

MEMBERS = (
    "kind", "id", "title", "currency", "submitter", "owner", "region", "submitted_at", "earners", "amount", "fields", "lines", "adhoc", "rates",
)  # fmt: skip
PEOPLE = ("id", "name", "email", "manager_id", "roles", "region", "limit", "active", "absent_from", "absent_until", "delegate_id")


def json_of(text: str, what: str) -> Any:
    """The JSON of a text with exact numbers. Raises Invalid with line and column."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        problem = Problem(error.msg, line=error.lineno, column=error.colno)
        raise Invalid(f"{what} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.", problems=(problem,)) from error
    except (RecursionError, ValueError) as error:
        raise Invalid(f"{what} cannot be read: {error}.") from error


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def request_of(given: Any, what: str = "The request") -> Request:
    """A request from parsed JSON. Raises Invalid with every mistake in its frame; its fields are looked at by the policies."""
    if not isinstance(given, Mapping):
        raise Invalid(f"{what} is not an object.", mend='Write {"kind": "deal", "fields": {…}}.')
    problems: list[Problem] = []
    strange = sorted(set(map(str, given)) - set(MEMBERS))
    problems += [
        Problem(f"unknown member {name!r}", field=name, mend=f"Known are {', '.join(MEMBERS)}; what policies read goes under fields.")
        for name in strange
    ]
    fields = given.get("fields", {})
    if not isinstance(fields, Mapping):
        problems.append(Problem("fields is an object", field="fields"))
        fields = {}
    if given.get("lines") is not None:
        fields = {**fields, "lines": given["lines"]}
    for name in ("kind", "id", "title", "currency", "submitter", "owner", "region"):
        if given.get(name) is not None and not isinstance(given[name], str | int):
            problems.append(Problem(f"{name} is a text", field=name))
    texts = {name: str(given.get(name) or "") for name in ("id", "title", "currency", "submitter", "owner", "region")}
    made = Request(
        kind=str(given.get("kind") or "deal"), fields=fields, **texts,
        submitted_at=_instant(given.get("submitted_at"), "submitted_at", problems), earners=_words(given.get("earners"), problems),
        amount=_decimal(given.get("amount"), "amount", problems), adhoc=_adhoc(given.get("adhoc"), problems), rates=_rates(given.get("rates"), problems),
    )  # fmt: skip
    if problems:
        raise Invalid(f"{what} has {len(problems)} mistake{'s' if len(problems) != 1 else ''}.", problems=problems)
    return made


def request_json(request: Request) -> dict[str, Any]:
    """The request as JSON, the way it is stored and sent."""
    made: dict[str, Any] = {
        "kind": request.kind, "id": request.id, "title": request.title, "currency": request.currency, "submitter": request.submitter,
        "owner": request.owner, "region": request.region, "submitted_at": request.submitted_at.isoformat() if request.submitted_at else None,
        "earners": list(request.earners), "amount": f"{request.amount:f}" if request.amount is not None else None,
        "fields": plain(request.fields), "adhoc": [{"person": person, "reason": why} for person, why in request.adhoc],
        "rates": {code: f"{rate:f}" for code, rate in request.rates.items()},
    }  # fmt: skip
    return {name: value for name, value in made.items() if value not in (None, "", [], {}) or name in ("kind", "fields")}


def plain(value: Any) -> Any:
    """A value as JSON has it; exact numbers and dates as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date | datetime) else value


def approvals_of(given: Any, asked: Any = None) -> tuple[Approved, ...]:
    """What was approved before: `{"approvals": [{person, roles, at, request}]}`, or one request that `asked(request)` says who approved."""
    if isinstance(given, Mapping) and "approvals" in given:
        rows = given["approvals"]
        if not isinstance(rows, list):
            raise Invalid("approvals is a list.", mend='Write {"approvals": [{"person": "P1", "role": "vp", "request": {…}}]}.')
        return tuple(_approved(row, at) for at, row in enumerate(rows, 1))
    request = request_of(given, "The earlier request")
    return tuple(asked(request)) if asked else ()


def _approved(row: Any, at: int) -> Approved:
    if not isinstance(row, Mapping) or not row.get("person") or "request" not in row:
        raise Invalid(f"Approval {at} needs a person and the request as it was seen.")
    roles = row.get("roles") or ([row["role"]] if row.get("role") else [])
    problems: list[Problem] = []
    when = _instant(row.get("at"), f"approval {at}", problems)
    if problems or not isinstance(roles, list):
        raise Invalid(f"Approval {at} cannot be read.", problems=problems)
    return Approved(str(row["person"]), frozenset(map(str, roles)), request_of(row["request"], f"The request of approval {at}"), when)


def _instant(value: Any, name: str, problems: list[Problem]) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        made = datetime.fromisoformat(str(value))
    except ValueError:
        problems.append(Problem(f"{value!r} is no instant", field=name, mend="Write 2026-01-31 or 2026-01-31T17:00:00Z."))
        return None
    return made if made.tzinfo else made.replace(tzinfo=UTC)


def _decimal(value: Any, name: str, problems: list[Problem]) -> Decimal | None:
    if value in (None, ""):
        return None
    try:
        made = Decimal(str(value)) if not isinstance(value, bool) else None
    except InvalidOperation:
        made = None
    if made is None or not made.is_finite() or abs(made.adjusted()) >= 16:
        problems.append(Problem(f"{value!r} is no amount", field=name, mend='Write major units, such as "1250.50".'))
        return None
    return made


def _words(value: Any, problems: list[Problem]) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str | int) for one in value):
        problems.append(Problem("earners is a list of ids", field="earners"))
        return ()
    return tuple(str(one) for one in value)


def _adhoc(value: Any, problems: list[Problem]) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, Mapping) and one.get("person") for one in value):
        problems.append(Problem('adhoc is a list such as [{"person": "P7", "reason": "…"}]', field="adhoc"))
        return ()
    return tuple((str(one["person"]), str(one.get("reason") or "")) for one in value)


def _rates(value: Any, problems: list[Problem]) -> dict[str, Decimal]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        problems.append(Problem('rates is an object such as {"EUR": "1.08"}', field="rates"))
        return {}
    found = {str(code): _decimal(rate, f"rates.{code}", problems) for code, rate in value.items()}
    return {code: rate for code, rate in found.items() if rate is not None}


def people_of_csv(text: str, file: str = "people.csv") -> People:
    """People from a CSV with the columns of `PEOPLE`; only `id` must be there. Roles are separated by semicolons. Raises Invalid."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    names = [name.strip() for name in reader.fieldnames or []]
    strange = [name for name in names if name not in PEOPLE]
    if "id" not in names or strange:
        told = f"the unknown column {strange[0]!r}" if strange else "no column id"
        raise Invalid(f"{file} has {told}.", mend=f"Known are {', '.join(PEOPLE)}.")
    problems: list[Problem] = []
    made: dict[str, Person] = {}
    for number, row in enumerate(reader, 1):
        cells = {(key or "").strip(): (value or "").strip() for key, value in row.items() if isinstance(value, str | None)}
        if not cells.get("id"):
            problems.append(Problem("the id is missing", file, row=number))
        elif cells["id"] in made:
            problems.append(Problem(f"the id {cells['id']!r} stands twice", file, row=number))
        else:
            made[cells["id"]] = _person(cells, number, file, problems)
    if problems:
        raise Invalid(f"{file} has {len(problems)} mistake{'s' if len(problems) != 1 else ''}.", problems=problems)
    return People.of(list(made.values()))


def _person(cells: Mapping[str, str], number: int, file: str, problems: list[Problem]) -> Person:
    wrong: list[Problem] = []
    since, until = (_instant(cells.get(name), name, wrong) for name in ("absent_from", "absent_until"))
    limit = _decimal(cells.get("limit"), "limit", wrong)
    problems += [replace(one, file=file, row=number) for one in wrong]
    away = (Away(since, until),) if since or until else ()
    delegates = (Delegate(cells["delegate_id"], since, until),) if cells.get("delegate_id") and away else ()
    return Person(
        cells["id"], cells.get("name", ""), cells.get("email", ""), cells.get("manager_id", ""),
        frozenset(part.strip() for part in cells.get("roles", "").split(";") if part.strip()), cells.get("region", ""), limit,
        cells.get("active", "").casefold() not in ("false", "no", "0"), away, delegates,
    )  # fmt: skip


def people_of_rows(rows: Any) -> People:
    """People as cases write them: a list of tables with the columns of the CSV, roles as a list or separated by semicolons."""
    if not isinstance(rows, list):
        raise Invalid("people is a list of tables.")
    texts = [{key: ";".join(value) if isinstance(value, list) else str(value) for key, value in row.items()} for row in rows]
    out = io.StringIO()
    writer = csv.DictWriter(out, PEOPLE, extrasaction="raise")
    writer.writeheader()
    try:
        writer.writerows(texts)
    except ValueError as error:
        raise Invalid(f"people: {error}.", mend=f"Known are {', '.join(PEOPLE)}.") from error
    return people_of_csv(out.getvalue(), "people")

"""The whole history of calls: those brought in from another system and those made here, as one; overrides and locks as they stood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.utils import timezone

from closedwon.base.calendar import Period
from closedwon.base.errors import Invalid
from closedwon.base.tables import table
from closedwon.forecast import models
from closedwon.forecast.calls import CALLS, Basis, Call, Override
from closedwon.forecast.policy import ForecastPolicy
from closedwon.forecast.reading import MICRO, Ask, Ground, calendar

SOURCE = "closedwon"
"""The source of calls that were made here."""
COLUMNS = table("forecast_calls").names


def now_of(on: Ground, ask: Ask) -> datetime:
    """The instant before which calls count for a question: its cutoff, or this moment where it asks for the latest facts or the future."""
    now = timezone.now() + MICRO
    return now if ask.cutoff == on.now or ask.cutoff > now else ask.cutoff


def type_of(policy: ForecastPolicy, given: str) -> str:
    """The forecast type that a call's `type` means: one of that name, else the first that is held against quotas of that measure."""
    if policy.type(given or None) is not None:
        return given or policy.default
    return next((one.name for one in policy.types if one.quota_measure == given), given)


def calls(on: Ground, *, period: str = "", type: str = "") -> list[Call]:  # noqa: A002 - the field's own word
    """Every call, of one period and type where they are given, in the order of time; a call made here stands over an imported one of its instant."""
    found = {} if _version(on) is None else dict(_imported(on, _version(on), period, type))
    rows = models.SubmittedCall.objects.all()
    rows = rows.filter(period=period) if period else rows
    rows = rows.filter(type=type) if type else rows
    for row in rows:
        one = made_here(row)
        found[one.seat, one.type, one.period, one.at] = one
    return sorted(found.values(), key=lambda one: (one.at, one.seat, one.type, one.period))


def _version(on: Ground) -> int | None:
    return (on.release.tables if on.release else {}).get("forecast_calls")


Key = tuple[str, str, str, datetime]


@lru_cache(maxsize=64)
def _imported(on: Ground, version: int | None, period: str, type: str) -> Mapping[Key, Call]:  # noqa: A002 - the field's own word
    del version  # the rows are asked of the ground, whose basis does not hold the calls
    made: dict[Key, Call] = {}
    amounts: dict[Key, dict[str, int]] = {}
    labels: dict[str, str] = {}
    for row in on.rows("forecast_calls"):
        label = labels.setdefault(row["period"], _label(row["period"]))
        kind = type_of(on.policy, row["type"])
        if row["category"] not in CALLS or row.get("source") == SOURCE or (period and label != period) or (type and kind != type):
            continue
        at = row["as_of_at"] if row["as_of_at"].tzinfo else row["as_of_at"].replace(tzinfo=UTC)
        key = (row["position_id"], kind, label, at)
        amounts.setdefault(key, {})[row["category"]] = row["amount_minor"] or 0
        if key not in made or row["note"]:
            made[key] = Call(
                row["position_id"], kind, label, at, {}, row["currency"] or "", row["user_id"] or "", row.get("author") or "",
                row["on_behalf_of"] or "", row["note"] or "", row.get("source") or "",
            )  # fmt: skip
    return {key: replace(one, amounts=_whole(amounts[key])) for key, one in made.items()}


def label_of(period: Period) -> str:
    """The calendar's own label of a period, under which its calls stand, however somebody wrote it."""
    if period.kind == "all":
        return period.label
    own = calendar().period_of(period.start, period.kind)
    return own.label if (own.start, own.end) == (period.start, period.end) else period.label


def _label(text: str) -> str:
    try:
        return label_of(calendar().period(text))
    except Invalid:
        return text


def _whole(amounts: Mapping[str, int]) -> dict[str, int]:
    """All three numbers: what a source did not bring stands as the next surer one, else the next less sure one."""
    known = [amounts[name] for name in CALLS if name in amounts]
    made, last = {}, known[0]
    for name in CALLS:
        last = made[name] = amounts.get(name, last)
    return made


def made_here(row: models.SubmittedCall) -> Call:
    """A row of the database as a call."""
    amounts = {"commit": row.commit_minor, "most_likely": row.most_likely_minor, "best_case": row.best_case_minor}
    return Call(
        row.seat, row.type, row.period, row.at, amounts, row.currency, row.person, row.author, row.on_behalf_of, row.note, SOURCE,
        Basis.of(row.basis) if row.basis else None, row.machine, row.release,
    )  # fmt: skip


def call_rows(on: Ground, *, before: datetime | None = None) -> list[dict[str, Any]]:
    """The whole history of calls as rows of the named table `forecast_calls`, one per category, up to an instant (exclusive).

    `type` is a forecast type of the policy and `period` the calendar's own label, whatever the source wrote.
    """
    return [row for one in calls(on) if before is None or one.at < before for row in _rows_of(one)]


def _rows_of(one: Call) -> Iterable[dict[str, Any]]:
    below = one.basis.below if one.basis else {}
    for name in CALLS:
        yield dict.fromkeys(COLUMNS) | {
            "position_id": one.seat, "type": one.type, "period": one.period, "category": name, "as_of_at": one.at,
            "amount_minor": one.amounts[name], "currency": one.currency, "user_id": one.user or None, "note": one.note or None,
            "on_behalf_of": one.on_behalf_of or None, "source": one.source or None, "author": one.author or None,
            "rollup_minor": one.basis.rollup[name] if one.basis else None, "below_minor": below.get(name),
            "machine_minor": one.machine.get("median"), "release_id": None if one.release is None else str(one.release),
        }  # fmt: skip


def new_rows() -> list[dict[str, Any]]:
    """The calls that were made here as rows of the named table."""
    made = []
    for row in models.SubmittedCall.objects.all():
        made += [{**one, "is_late": row.is_late} for one in _rows_of(made_here(row))]
    return made


def overrides(*, period: str, type: str = "") -> list[Override]:  # noqa: A002 - the field's own word
    """Every override of a period, withdrawn ones too, in the order of time."""
    rows = models.Override.objects.filter(period=period).select_related("withdrawal")
    return [as_override(row) for row in (rows.filter(type=type) if type else rows)]


def as_override(row: models.Override) -> Override:
    """A row of the database as an override."""
    ended = getattr(row, "withdrawal", None)
    return Override(
        row.pk, row.seat, row.type, row.period, row.deal, row.about, row.field, row.value, row.amount_minor, row.currency, row.note,
        row.author, row.at, ended.at if ended else None, ended.author if ended else "", row.fact,
    )  # fmt: skip


def locked(on: Ground, period: Period, at: datetime, locks_at: datetime) -> str:
    """Why a period's calls are closed at an instant, in words; empty where they are open.

    What was done last holds: a person's lock or unlock, a lock that another system brought, or the policy's, which falls on `locks_at`.
    """
    done: list[tuple[datetime, str]] = []
    last = models.PeriodLock.objects.filter(period=label_of(period), at__lt=at).order_by("-id").first()
    if last is not None:
        note = f": {last.note}" if last.note else ""
        done.append((last.at, f"{last.author} locked it on {last.at:%d %b %Y}{note}" if last.is_locked else ""))
    for row in on.rows("period_locks"):
        told = row["locked_at"]
        if row["field"] == "forecast" and _label(row["period"]) == label_of(period) and told is not None:
            when = told if told.tzinfo else told.replace(tzinfo=UTC)
            done.append((when, f"it was locked on {when:%d %b %Y}"))
    done.append((locks_at, f"it ended on {period.last:%d %b %Y} and locked by itself on {locks_at:%d %b %Y}"))
    before = [one for one in done if one[0] < at]
    return max(before)[1] if before else ""

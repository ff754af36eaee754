"""Who may see which deal, read from the facts one deal and one person at a time: the independent side of the visibility tests.

The rule it follows: reps and those who work beside them see the deals of their own seat, their splits, their deal teams and account teams;
managers the same for every seat below theirs; sales ops of one region the deals of that region and what its seats see; executives, deal
desk, finance, auditors and sales ops without a region see everything; nobody else sees a deal. The tree is that of the chosen day, or
today's.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.company import Company

ALL_SEEING = {"executive", "deal-desk", "finance", "auditor"}
WORKING = {"rep", "se", "csm", "overlay", "partner-manager"}
FAR = date.max


def _spans(row: Any, day: date) -> bool:
    return row["since"] <= day < (row["until"] or FAR)


class Sight:
    """Answers for one company, by plain walks over its generated rows."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.zone = ZoneInfo("America/Los_Angeles")
        self.deals = {row["id"]: row for row in company.rows("opportunities")}
        self.accounts = {row["id"]: row for row in company.rows("accounts")}
        self.moves: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for row in company.rows("opportunity_changes"):
            self.moves[row["id"], row["field"]].append(row)
        for rows in self.moves.values():
            rows.sort(key=lambda row: (row["at"], row["seq"]))
        self.sits: dict[str, list[Any]] = defaultdict(list)
        for row in company.rows("position_holders"):
            self.sits[row["user_id"]].append(row)
        self.under: dict[str, list[Any]] = defaultdict(list)
        for row in company.rows("hierarchy"):
            if row["kind"] == "sales":
                self.under[row["position_id"]].append(row)
        self.regions = {row["id"]: row["region"] for row in company.rows("positions")}
        self.helpers: dict[str, list[Any]] = defaultdict(list)
        for table in ("opportunity_splits", "opportunity_team"):
            for row in company.rows(table):
                self.helpers[row["opportunity_id"]].append(row)
        self.carers: dict[str, list[Any]] = defaultdict(list)
        for row in company.rows("account_team"):
            self.carers[row["account_id"]].append(row)
        self.seat_of = cache(self._seat_of)
        self.above = cache(self._above)
        self.visible = cache(self._visible)

    def today(self) -> date:
        """The day it is now in the company."""
        return datetime.now(self.zone).date()

    def close(self, day: date) -> datetime:
        """The midnight at which a day ends."""
        return datetime.combine(day + timedelta(days=1), datetime.min.time(), self.zone).astimezone(UTC)

    def then(self, deal: str, field: str, cutoff: datetime) -> Any:
        """A field of a deal just before an instant."""
        moves = self.moves.get((deal, field), [])
        past = [row for row in moves if row["at"] < cutoff]
        return past[-1]["new_value"] if past else moves[0]["old_value"] if moves else self.deals[deal][field]

    def is_there(self, deal: str, cutoff: datetime) -> bool:
        """Whether a deal exists, deleted or not."""
        made = self.deals[deal]["created_at"]
        return made is None or made < cutoff

    def is_deleted(self, deal: str, cutoff: datetime) -> bool:
        """Whether a deal was deleted before an instant."""
        gone = self.deals[deal]["deleted_at"]
        return gone is not None and gone < cutoff

    def _seat_of(self, person: str, day: date) -> str | None:
        """The seat that a person's deals belong to on a day: the held one, else the last one held, else the first to come."""
        rows = self.sits.get(person, [])
        now = [row for row in rows if _spans(row, day)]
        if now:
            return str(min(now, key=lambda r: (bool(r["is_interim"]), -(r["share_ppm"] or 0), r["since"], r["position_id"]))["position_id"])
        past = [row for row in rows if (row["until"] or FAR) <= day]
        if past:
            last = max(row["until"] for row in past)
            ended = [row for row in past if row["until"] == last]
            return str(
                min(ended, key=lambda r: (bool(r["is_interim"]), -(r["share_ppm"] or 0), r["since"], r["position_id"]))["position_id"]
            )
        return str(min(rows, key=lambda r: r["since"])["position_id"]) if rows else None

    def _above(self, seat: str, day: date) -> tuple[str, ...]:
        """A seat and every seat above it on a day."""
        way: list[str] = []
        at: str | None = seat
        while at is not None and at not in way:
            way.append(at)
            rows = sorted(self.under.get(at, []), key=lambda row: row["since"])
            begun = [row for row in rows if row["since"] <= day]
            now = [row for row in begun if _spans(row, day)] or begun or rows[:1]
            at = now[-1]["parent_id"] if now else None
        return tuple(way)

    def workers(self, deal: str, day: date) -> set[str]:
        """Everybody whose deal it is on a day: owner, splits, deal team, account team."""
        cutoff = self.close(day)
        own = {self.then(deal, "owner_id", cutoff)}
        own |= {row["user_id"] for row in self.helpers.get(deal, []) if _spans(row, day)}
        return own | {row["user_id"] for row in self.carers.get(self.deals[deal]["account_id"], []) if _spans(row, day)}

    def may_see(self, roles: frozenset[str], person: str, region: str, deal: str, day: date, org_day: date) -> bool:
        """Whether somebody may see a deal as it stood on a day, with the organisation of `org_day`."""
        if not self.is_there(deal, self.close(day)):
            return False
        if roles & ALL_SEEING or ("sales-ops" in roles and not region):
            return True
        people = self.workers(deal, day)
        if "sales-ops" in roles and self.deals[deal]["region"] == region:
            return True
        if person and roles & (WORKING | {"manager"}) and person in people:
            return True
        mine = {row["position_id"] for row in self.sits.get(person, []) if _spans(row, org_day)} if person else set()
        for worker in people:
            seat = self.seat_of(worker, org_day)
            if seat is None:
                continue
            if roles & (WORKING | {"manager"}) and seat in mine:
                return True
            line = self.above(seat, org_day)
            if "manager" in roles and mine.intersection(line):
                return True
            if "sales-ops" in roles and any(self.regions.get(one) == region for one in line):
                return True
        return False

    def _visible(self, roles: frozenset[str], person: str, region: str, day: date, org_day: date) -> frozenset[str]:
        return frozenset(deal for deal in self.deals if self.may_see(roles, person, region, deal, day, org_day))

    def of(self, part: str, day: date | None = None, org: str = "as-was") -> frozenset[str]:
        """The deals, deleted ones too, that a part may see as of the close of a day."""
        roles, person, region = self.who(part)
        day = day or self.today()
        return self.visible(roles, person, region, day, self.today() if org == "as-is" else day)

    def who(self, part: str) -> tuple[frozenset[str], str, str]:
        """A part's roles, person and region, as granted."""
        from closedwon.people.models import RoleGrant

        user = self.company.user(part)
        rows = list(RoleGrant.objects.filter(user=user, revoked_at__isnull=True))
        return frozenset(r.role for r in rows), user.person_id, next((r.region for r in rows if r.region), "")

    def sees_all(self, part: str) -> bool:
        """Whether nothing is hidden from a part."""
        roles, _, region = self.who(part)
        return bool(roles & ALL_SEEING) or ("sales-ops" in roles and not region)

    def accounts_of(self, deals: frozenset[str]) -> frozenset[str]:
        """The accounts of some deals."""
        return frozenset(self.deals[deal]["account_id"] for deal in deals)

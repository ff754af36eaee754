"""The language in which situations are planted: accounts, deals that live through changes, orders, and a note where each is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from closedwon.generate import names
from closedwon.generate.arrow import Writer
from closedwon.generate.staff import Staff
from closedwon.generate.timeline import DAY, HOUR, as_date, day
from closedwon.generate.world import World

Row = dict[str, Any]
TRACKED = (
    "stage",
    "forecast_category",
    "close_date",
    "amount_minor",
    "net_arr_minor",
    "tcv_minor",
    "currency",
    "owner_id",
    "is_closed",
    "is_won",
)


def text(value: Any) -> str:
    """A value as the event log writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


@dataclass
class Deal:
    """One planted deal: the row as it stands, and the changes that led there."""

    row: Row
    by: str
    events: list[Row] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The deal's id."""
        return str(self.row["id"])

    def change(self, on: int, *, hour: float = 18, known: int | None = None, by: str = "", **values: Any) -> Deal:
        """Fields change on a day; `known` is the instant when the system learned it."""
        at = on * DAY + int(hour * HOUR)
        for name, value in values.items():
            if name in TRACKED and self.row.get(name) != value:
                self.events.append({
                    "id": self.id, "at": at, "field": name, "seq": 0, "old_value": text(self.row[name]), "new_value": text(value),
                    "changed_by": by or self.by, "known_at": known or at, "is_reconstructed": False,
                })  # fmt: skip
            self.row[name] = value
        return self

    def push(self, on: int, to: int) -> Deal:
        """The close date moves."""
        self.row["push_count"] += 1
        return self.change(on, close_date=as_date(to))

    def worth(self, on: int, usd: int, hour: float = 18) -> Deal:
        """First-year value changes to so many whole units of the deal's currency."""
        amounts = money(usd, self.row["currency"], self.row["term_months"], self.row["services_minor"])
        amounts["net_arr_minor"] -= self.row["renewal_base_minor"] or 0
        return self.change(on, hour=hour, **amounts)

    def win(self, on: int, *, hour: float = 18, known: int | None = None, closes: int | None = None) -> Deal:
        """Won on a day."""
        self.row.update(
            closed_at=on * DAY + int(hour * HOUR), booked_at=known or on * DAY + int(hour * HOUR), won_reason="Product fit", next_step=None
        )
        closing = as_date(on if closes is None else closes)
        return self.change(on, hour=hour, known=known, stage=names.STAGES[names.WON], forecast_category="closed", close_date=closing,
                           is_closed=True, is_won=True, probability_ppm=1_000_000)  # fmt: skip

    def lose(self, on: int, reason: str = "No decision") -> Deal:
        """Lost on a day."""
        self.row.update(closed_at=on * DAY + 18 * HOUR, loss_reason=reason, next_step=None)
        return self.change(
            on, stage=names.STAGES[names.LOST], forecast_category="omitted", close_date=as_date(on), is_closed=True, probability_ppm=0
        )


def money(value: int, currency: str, term: int, services_minor: int) -> Row:
    """The three amounts of a deal from its first-year value in whole units."""
    minor = value * (1 if currency == "JPY" else 100)
    return {"amount_minor": minor + services_minor, "net_arr_minor": minor, "tcv_minor": minor * term // 12 + services_minor}


@dataclass
class Garden:
    """Collects planted rows by table."""

    world: World
    staff: Staff
    deals: list[Deal] = field(default_factory=list)
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> Row:
        """One more row of a table."""
        self.rows.setdefault(table, []).append(row)
        return row

    def note(self, situation: str, family: str, table: str, identity: str, detail: str, page: str) -> None:
        """Write down where a situation is and which page should show it."""
        self.add("truth_situations", situation=situation, family=family, table_name=table, id=identity, detail=detail, page=page)

    def day(self, label: str, offset: int = 0) -> int:
        """The first day of a quarter, named by its distance from the running one ('q-1', 'q', 'q+1'), plus days."""
        quarter = self.world.quarter + int(label[1:] or 0)
        return int(self.world.fiscal.start(np.array([quarter]))[0]) + offset

    def past(self, label: str, offset: int, before: int = 2) -> int:
        """Such a day, but some days before today at the latest."""
        return min(self.day(label, offset), self.world.date(before))

    def account(self, name: str, segment: str, country: str = "US", **more: Any) -> str:
        """A planted account; returns its id."""
        number = len(self.rows.get("accounts", [])) + 1
        region = next((key for key, value in self.world.settings.regions.items() if country in value.countries), self.world.regions[0])
        row = {
            "id": f"ACC-S{number:03d}", "name": name, "type": "Customer", "industry": "Manufacturing", "segment": segment, "employees": 3200,
            "currency": self.world.settings.countries.get(country, "USD"), "country": country, "region": region,
            "owner_id": self.staff.users[self.rep(region, segment)]["id"], "created_at": (self.world.begin + 90) * DAY, "domain": None,
        }  # fmt: skip
        self.add("accounts", **{**row, **more})
        return str(row["id"])

    def rep(self, region: str, segment: str, number: int = 0) -> int:
        """A rep who has been in a seat of that region and segment since before last year's quarter."""
        pool = self.world.regions.index(region) * len(self.world.segments) + self.world.segments.index(segment)
        here = self.staff
        named = set(here.special.values())
        found = [int(here.stint_user[k]) for k in np.flatnonzero((here.stint_pool == pool) & (here.stint_until > self.world.today))
                 if here.stint_user[k] not in named]  # fmt: skip
        if not found:
            found = [int(here.stint_user[k]) for k in np.flatnonzero(here.stint_until > self.world.today)]
        return found[number % len(found)]

    def deal(self, name: str, account: str, owner: int, created: int, closes: int, value: int, **more: Any) -> Deal:
        """A planted deal, open in Discovery when created; `value` is the first-year value in whole units of its currency."""
        home = next(row for row in self.rows["accounts"] if row["id"] == account)
        who = str(self.staff.users[owner]["id"])
        term, services = int(more.pop("term_months", 12)), int(more.pop("services_minor", 0))
        currency = more.pop("currency", home["currency"])
        row = {
            "id": f"OPP-S{len(self.deals) + 1:04d}", "name": name, "account_id": account, "owner_id": who, "order_type": "new logo",
            "stage": names.STAGES[1], "forecast_category": "pipeline", **money(value, currency, term, services), "renewal_base_minor": None,
            "services_minor": services, "currency": currency, "probability_ppm": 80_000, "close_date": as_date(closes), "start_date": as_date(closes + 1),
            "term_months": term, "created_at": created * DAY + 17 * HOUR, "sales_accepted_at": created * DAY + 17 * HOUR, "is_closed": False, "is_won": False,
            "next_step": "Agree close plan", "last_activity_at": self.world.date(6) * DAY, "push_count": 0, "source": "Outbound", "region": home["region"],
            "segment": home["segment"], "product_family": "Platform", "product_id": "P-CORE", "known_at": created * DAY + 17 * HOUR,
        }  # fmt: skip
        made = Deal({**row, **more}, who)
        self.deals.append(made)
        return made

    def renewal(self, name: str, account: str, owner: int, created: int, due: int, base: int, **more: Any) -> Deal:
        """A planted renewal at its flat price."""
        made = self.deal(name, account, owner, created, due, base, order_type="renewal", start_date=as_date(due + 1), **more)
        minor = made.row["net_arr_minor"]
        made.row.update(renewal_base_minor=minor, net_arr_minor=0)
        return made

    def order(self, deal: Deal, kind: str, booked: int, **more: Any) -> str:
        """An accepted order of a deal; returns its id."""
        row = deal.row
        number = f"ORD-S{len(self.rows.get('bookings', [])) + 1:03d}"
        start = row["start_date"]
        base = {
            "order_id": number, "line": 1, "opportunity_id": deal.id, "account_id": row["account_id"], "sold_to": row["account_id"],
            "bill_to": row["account_id"], "kind": kind, "signed_at": row.get("closed_at"), "booked_on": as_date(booked), "accepted_at": booked * DAY + 22 * HOUR,
            "effective_start": start, "effective_end": as_date(day(start) + row["term_months"] * 30), "net_arr_minor": row["net_arr_minor"],
            "renewal_base_minor": row["renewal_base_minor"] or 0, "first_year_minor": row["amount_minor"] - row["services_minor"],
            "exit_arr_minor": row["amount_minor"] - row["services_minor"], "tcv_minor": row["tcv_minor"], "one_time_minor": row["services_minor"],
            "currency": row["currency"], "payment_terms": "Net 30", "owner_id": row["owner_id"],
        }  # fmt: skip
        self.add("bookings", **{**base, **more})
        return number

    def contract(self, account: str, start: int, end: int | None, arr: int, currency: str = "USD", **more: Any) -> str:
        """A planted contract; returns its id."""
        number = f"CTR-S{len(self.rows.get('contracts', [])) + 1:03d}"
        row = {
            "id": number, "account_id": account, "start_date": as_date(start), "end_date": None if end is None else as_date(end),
            "notice_by": None if end is None else as_date(end - 60), "auto_renew": False, "arr_at_end_minor": arr * 100, "currency": currency,
            "price_hold": False,
        }  # fmt: skip
        self.add("contracts", **{**row, **more})
        return number

    def split(self, deal: Deal, user: int, ppm: int, since: int, until: int | None = None, *, overlay: bool = False) -> None:
        """A person's share of a planted deal."""
        self.add("opportunity_splits", opportunity_id=deal.id, user_id=self.staff.users[user]["id"], split_type="overlay" if overlay else "revenue",
                 since=as_date(since), until=None if until is None else as_date(until), share_ppm=ppm, is_overlay=overlay)  # fmt: skip

    def write(self, out: Writer) -> None:
        """All planted rows into their tables."""
        out.add_rows("opportunities", [deal.row for deal in self.deals])
        events = [event for deal in self.deals for event in deal.events]
        for number, event in enumerate(events):
            event["seq"] = number
        out.add_rows("opportunity_changes", sorted(events, key=lambda event: (event["id"], event["at"], event["seq"])))
        out.add_rows("truth_opportunities", [
            {"opportunity_id": deal.id, "will_win": deal.row["is_won"] if deal.row["is_closed"] else None, "true_close_date": deal.row["close_date"]}
            for deal in self.deals
        ])  # fmt: skip
        for table, rows in sorted(self.rows.items()):
            out.add_rows(table, rows)

"""The named tables: the one declaration that every import, connector, rule and policy case is checked against.

Conventions: ids are text; money is `<name>_minor` (int64 minor units) beside a `currency`; shares and probabilities are `<name>_ppm`
(parts per million); exchange rates are `rate_ppb` (parts per billion, per major unit); instants are UTC and end in `_at`; dated rows
have `since` (inclusive) and `until` (exclusive, null is open). Any table may carry custom columns named `x_<name>`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from closedwon.base.errors import NotFound

ColumnType = Literal["text", "int", "bool", "date", "instant", "decimal", "number"]
"""`int` is int64; `instant` is a UTC timestamp in microseconds; `decimal` is decimal(18,6); `number` (float) is never money."""

Shelf = Literal["copies", "snapshots", "marts", "truth"]


@dataclass(frozen=True)
class Column:
    """One column: its name, its type and whether it may be null."""

    name: str
    type: ColumnType
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """A named table: its key, its columns in order, the shelf it lies on, and one line of what it is."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    doc: str
    shelf: Shelf = "copies"

    def column(self, name: str) -> Column | None:
        """The declared column of that name, a custom column as text, or None if the name is not allowed."""
        for column in self.columns:
            if column.name == name:
                return column
        return Column(name, "text") if name.startswith("x_") else None

    @property
    def names(self) -> tuple[str, ...]:
        """The declared column names in order."""
        return tuple(column.name for column in self.columns)


_TYPED_NAMES: dict[str, ColumnType] = {
    "active": "bool", "is_interim": "bool", "is_closed": "bool", "is_won": "bool", "is_overlay": "bool", "is_primary": "bool",
    "recurring": "bool", "auto_renew": "bool", "price_hold": "bool", "is_reconstructed": "bool", "is_deleted": "bool", "is_full": "bool",
    "since": "date", "until": "date", "close_date": "date", "start_date": "date", "end_date": "date", "hire_date": "date",
    "booked_on": "date", "effective_start": "date", "effective_end": "date", "opt_out_on": "date", "notice_by": "date",
    "period_start": "date", "period_end": "date", "snapshot_date": "date",
    "at": "instant", "valid_from": "instant", "valid_until": "instant",
    "seq": "int", "employees": "int", "push_count": "int", "term_months": "int", "year_no": "int", "line": "int", "version": "int",
    "attendees": "int", "depth": "int",
    "quantity": "decimal", "prior_quantity": "decimal", "latitude": "number", "longitude": "number",
}  # fmt: skip


def column_type(name: str) -> ColumnType:
    """The type that a column's name stands for under the conventions: `_minor`, `_ppm` and `_ppb` are int, `_at` is an instant."""
    if name in _TYPED_NAMES:
        return _TYPED_NAMES[name]
    if name.endswith(("_minor", "_ppm", "_ppb")):
        return "int"
    if name.endswith("_at"):
        return "instant"
    return "text"


def columns(names: str | Iterable[str], required: Iterable[str] = ()) -> tuple[Column, ...]:
    """Columns from their names, typed by convention. `name:type` overrides; those in `required` may not be null."""
    must = set(required)
    made = []
    for word in names.split() if isinstance(names, str) else names:
        name, _, kind = word.partition(":")
        made.append(Column(name, kind or column_type(name), name not in must))  # type: ignore[arg-type]
    return tuple(made)


def _table(name: str, key: str, rest: str, doc: str, shelf: Shelf = "copies") -> Table:
    keys = tuple(word.partition(":")[0] for word in key.split())
    names = dict.fromkeys(f"{key} {rest} source".split())  # where the row came from; for deals and leads, the lead source
    return Table(name, keys, columns(names, keys), doc, shelf)


_DEAL_FIELDS = (
    "name account_id owner_id order_type stage forecast_category amount_minor net_arr_minor renewal_base_minor tcv_minor "
    "services_minor margin_minor currency probability_ppm close_date start_date term_months created_at sales_accepted_at closed_at "
    "booked_at is_closed is_won won_reason loss_reason next_step last_activity_at push_count source campaign_id sdr_id "
    "contract_id parent_opportunity_id region segment product_family"
)

_ALL = (
    # people and seats
    _table("users", "id", "name email active employee_no crm_user_id country legal_entity cost_centre pay_currency hire_date end_date "
           "manager_id region segment role title", "People as their source knows them"),
    _table("positions", "id", "name kind status region segment", "Seats: the nodes of every hierarchy; vacant and planned ones too"),
    _table("position_holders", "position_id user_id since", "until share_ppm is_interim", "Who sits in a seat, dated"),
    _table("hierarchy", "kind position_id since", "until parent_id", "The tree of seats, dated, one per kind (sales, renewals, coverage)"),
    _table("assignments", "user_id since", "until role segment region plan_id target_variable_minor currency ramp_id fte_ppm leave_kind",
           "What a person is assigned to do, dated"),
    # customers and pipeline
    _table("accounts", "id", "name parent_id owner_id type industry segment employees annual_revenue_minor currency country state city "
           "postal_code latitude longitude domain region created_at deleted_at", "Customers and prospects"),
    _table("account_changes", "id at field seq", "old_value new_value changed_by known_at is_reconstructed", "Event log of accounts"),
    _table("opportunity_changes", "id at field seq", "old_value new_value changed_by known_at is_reconstructed",
           "Event log of opportunities, from which any past state is rebuilt"),
    _table("lead_changes", "id at field seq", "old_value new_value changed_by known_at is_reconstructed", "Event log of leads"),
    _table("account_team", "account_id user_id since", "role until", "Who works on an account, dated"),
    _table("contacts", "id", "account_id first_name last_name email phone title role consent created_at deleted_at", "People at customers"),
    _table("campaigns", "id", "name type start_date end_date cost_minor currency", "Marketing campaigns"),
    _table("campaign_members", "campaign_id lead_or_contact_id", "status at", "Who was in a campaign"),
    _table("leads", "id", "created_at source campaign_id owner_id status converted_at opportunity_id account_id first_response_at "
           "deleted_at", "Leads and their conversion"),
    _table("opportunities", "id", _DEAL_FIELDS + " product_id deleted_at known_at", "Deals as they stand in the source now"),
    _table("opportunity_splits", "opportunity_id user_id split_type since", "until share_ppm is_overlay",
           "Who shares a deal; revenue splits add up to the whole, overlays come on top"),
    _table("opportunity_team", "opportunity_id user_id since", "role until is_primary", "Who works on a deal, dated"),
    _table("opportunity_contacts", "opportunity_id contact_id since", "role until is_primary", "Contacts on a deal"),
    _table("opportunity_competitors", "opportunity_id competitor since", "until is_primary", "Competitors on a deal"),
    _table("opportunity_partners", "opportunity_id partner_id since", "kind until is_primary margin_ppm",
           "Partners on a deal: sourced, influenced, resale, distributor, marketplace"),
    _table("products", "id", "code name family recurring active", "What is sold"),
    _table("price_book_entries", "product_id price_list currency since", "until list_price_minor cost_minor", "List prices, dated"),
    _table("line_items", "id", "opportunity_id product_id price_type quantity prior_quantity unit_price_minor discount_ppm amount_minor "
           "currency start_date end_date term_months", "Lines of a deal"),
    _table("activities", "id", "type at ends_at direction user_id account_id opportunity_id contact_id attendees outcome",
           "Calls, meetings and mails"),
    # orders, contracts, targets
    _table("bookings", "order_id line", "opportunity_id account_id sold_to bill_to partner_id kind signed_at booked_on accepted_at "
           "effective_start effective_end opt_out_on net_arr_minor renewal_base_minor first_year_minor exit_arr_minor tcv_minor "
           "one_time_minor currency payment_terms reverses owner_id", "Append-only ledger of accepted orders; a correction is a reversing row"),
    _table("booking_years", "order_id line year_no", "start_date end_date amount_minor", "Orders by contract year"),
    _table("commission_events", "order_id line event at", "amount_minor share_ppm", "Invoice, payment, go-live"),
    _table("contracts", "id", "account_id start_date end_date notice_by auto_renew arr_at_end_minor currency renewed_by "
           "renewal_opportunity_id cancelled_at price_hold", "Contracts and how they end"),
    _table("quotas", "scope_id kind measure period_start since", "until period_end amount_minor currency status version approved_at",
           "Targets of seats or territories"),
    _table("targets", "plan version measure scope_kind scope_id period_start", "period_end amount_minor currency",
           "Board, operating and stretch plans"),
    _table("territories", "id", "name parent_id", "Territories"),
    _table("territory_members", "territory_id position_id since", "until role share_ppm", "Seats of a territory, dated"),
    _table("account_territories", "account_id territory_id since", "until reason", "Accounts of a territory, dated"),
    _table("exchange_rates", "kind currency to_currency since", "until rate_ppb", "Dated exchange rates; kind is plan, market, crm, ..."),
    _table("approval_requests", "id", "number kind subject_id title submitter_id owner_id region currency amount_minor rate_ppb state auto_reason "
           "submitted_on:date submitted_at closed_at versions:int content_hash asked_roles minutes:int discount_ppm list_minor net_minor "
           "net_arr_minor term_months:decimal payment_terms payment_schedule free_months:decimal credits_minor last_discount_ppm "
           "renewal_base_minor renewal_net_minor price_lock:bool order_type segment account_id fields known_at",
           "Past requests for approval as first submitted: fields as columns and whole as JSON, who was asked, how it ended, business minutes"),
    _table("approval_steps", "request_id version step:int", "kind role roles title side group_no:int region state person_id via opened_at due_at "
           "done_at sla_hours:int minutes:int submitted_on:date",
           "The steps of past requests: who was asked in which role, from when until when, business minutes taken"),
    _table("deal_approvals", "opportunity_id subject_kind", "request_id content_hash state approved_at submitted_at approved_amount_minor currency "
           "discount_ppm needed_roles needs_approval:bool tested_fields known_at",
           "What each deal's sign-off stands at, and whether the policy asks for one"),
    _table("booking_checks", "opportunity_id at", "status reason user_id",
           "The booking check of signed deals: started, rejected with its reason, or accepted"),
    _table("finance_bookings", "order_id line", "opportunity_id booked_on amount_minor currency",
           "Orders as the finance system has them, for the tie-out at the end of a period"),
    _table("period_locks", "field period", "locked_at locked_by", "Periods that are closed; later changes are restatements"),
    _table("forecast_calls", "position_id type period category as_of_at", "amount_minor currency user_id note on_behalf_of source author "
           "is_late:bool rollup_minor below_minor machine_minor release_id",
           "Every call: brought in from another system, or made here (source closedwon) with the deal roll-up, what stood below and the "
           "machine's number of that instant"),
    _table("quarantine", "import_id file row:int table_name", "reason field raw", "Rows that could not be taken, each with its reason"),
    # snapshots
    _table("opportunity_snapshots", "snapshot_date opportunity_id", _DEAL_FIELDS + " deleted_at seat_path is_full is_reconstructed",
           "Deals as they stood at the close of a day; daily rows hold what changed, a full set weekly", "snapshots"),
    _table("contract_snapshots", "snapshot_date contract_id", "account_id start_date end_date arr_at_end_minor currency cancelled_at "
           "deleted_at is_full is_reconstructed",
           "The renewal base as it stood", "snapshots"),
    _table("forecast_snapshots", "snapshot_date position_id period type category", "rollup_minor call_minor override_minor machine_minor "
           "low_minor high_minor currency", "Roll-up, calls, overrides and machine number as they stood", "snapshots"),
    # marts
    _table("deal_states", "opportunity_id valid_from", "valid_until " + _DEAL_FIELDS.replace("created_at ", "created_at ")
           + " product_id is_deleted is_reconstructed", "Every state of every deal: valid from (inclusive) until (exclusive)", "marts"),
    _table("forecast_cells", "basis type period as_of_at org rates currency dimension place bucket", "amount_minor weighted_minor",
           "The roll-up in each seat's own name, kept ready for pages: basis names the facts and policies that it stands on", "marts"),
    _table("forecast_projections", "basis type period as_of_at org rates currency", "body",
           "Projections kept ready for pages, as text: basis names the facts and policies that they stand on", "marts"),
    _table("owner_seats", "user_id since", "until position_id", "The seat that a person's deals belong to, dated, without holes", "marts"),
)  # fmt: skip

TABLES: dict[str, Table] = {table.name: table for table in _ALL}


def table(name: str) -> Table:
    """The named table. Raises NotFound with the nearest names."""
    if name not in TABLES:
        from difflib import get_close_matches

        near = get_close_matches(name, TABLES, 3)
        raise NotFound(f"There is no table named {name!r}.", mend=f"Did you mean {', '.join(near)}?" if near else None)
    return TABLES[name]

"""Rules of the forecast: deals into cells, two dates into movements, deals into flags; and the sums above a seat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any

from closedwon.base.money import muldiv
from closedwon.base.rule import Rule
from closedwon.base.tables import Column, columns, table
from closedwon.people.rules import UNASSIGNED, Tree

BUCKETS = (
    "begin", "new", "transferred_in", "pulled_in", "reopened", "increased", "decreased", "pushed_out", "won", "lost", "deleted",
    "transferred_out", "fx", "end",
)  # fmt: skip
"""The columns of a waterfall, in the order in which they add up."""
SIGNS = dict.fromkeys(BUCKETS, 1) | dict.fromkeys(("decreased", "pushed_out", "won", "lost", "deleted", "transferred_out"), -1)
MEASURES = ("amount", "net_arr", "renewal_base", "tcv", "services", "margin")
BOOKED = {
    "amount": "COALESCE(b.first_year_minor, b.tcv_minor)", "net_arr": "b.net_arr_minor", "renewal_base": "b.renewal_base_minor",
    "tcv": "b.tcv_minor", "services": "b.one_time_minor", "margin": "CAST(NULL AS BIGINT)",
}  # fmt: skip
PERIOD_DATES = {
    "close": "s.close_date",
    "renewal_due": "COALESCE(contract.end_date, s.close_date)",
    "effective_start": "COALESCE(s.start_date, s.close_date)",
}
DIMENSIONS = {
    "": "''",
    "segment": "COALESCE(s.segment, account.segment, 'none')",
    "region": "COALESCE(s.region, account.region, 'none')",
    "product": "COALESCE(s.product_family, s.product_id, 'none')",
    "type": "COALESCE(s.order_type, 'none')",
    "source": "COALESCE(s.source, 'none')",
    "industry": "COALESCE(account.industry, 'none')",
    "territory": "COALESCE(territory.territory_id, 'unassigned')",
}
"""What deals can be grouped by instead of seats; the empty one is by seat."""


@dataclass(frozen=True, eq=False)
class TypeRule(Rule):
    """A rule whose text stands in several files, with a few words of it given by a forecast type: amount, date, dimension.

    `before` are files whose text comes first. Every word is made here from checked names; text that people write never gets in.
    """

    before: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def sql(self) -> str:
        """The text with its words filled in."""
        files = [*self.before, self.file]
        text = "\n".join(resources.files(self.package).joinpath(name).read_text(encoding="utf-8") for name in files)
        for word, meaning in self.words.items():
            text = text.replace(word, meaning)
        return text


STAGES = columns("stage status category probability_ppm", ("stage",))
CATEGORIES = columns("raw category", ("raw",))
ORDER_TYPES = columns("order_type", ("order_type",))
SEATS = columns("user_id place", ("user_id", "place"))
RATES = columns("currency num:int den:int", ("currency", "num", "den"))
_TYPE_PARAMS = "period_start period_end every_date:bool currency sign:int split owner_counts:bool named:bool untyped:bool"
ROLLUP_PARAMS = columns(f"cutoff:instant day:date {_TYPE_PARAMS} every_kind:bool")
WATERFALL_PARAMS = columns(f"begin_cutoff:instant end_cutoff:instant begin_day:date end_day:date {_TYPE_PARAMS}")
PAGE = columns("dimension bucket skip:int take:int")
PLACES = columns("place", ("place",))
CELLS = columns("place dimension bucket amount_minor weighted_minor")
MOVED = columns(f"place dimension {' '.join(f'{name}_minor' for name in BUCKETS)}")


@dataclass(frozen=True)
class Shape:
    """What of a type goes into the text of its rules: the amount's measures, the period's date, and the dimension."""

    measure: tuple[str, ...]
    period_date: str = "close"
    dimension: str = ""

    def words(self, day: str) -> dict[str, str]:
        """The words of the text; `day` is the column that dates territories."""
        bad = [name for name in self.measure if name not in MEASURES]
        if bad or self.period_date not in PERIOD_DATES or self.dimension not in DIMENSIONS:
            raise ValueError(f"no such measure, date or dimension: {self}")
        amounts = [f"s.{name}_minor" for name in self.measure]
        booked = [BOOKED[name] for name in self.measure]
        joins = []
        if self.period_date == "renewal_due":
            joins.append("LEFT JOIN contracts AS contract ON contract.id = s.contract_id")
        if self.dimension in ("segment", "region", "industry"):
            joins.append("LEFT JOIN accounts AS account ON account.id = s.account_id")
        if self.dimension == "territory":
            joins.append(
                "LEFT JOIN (SELECT t.account_id, MIN(t.territory_id) AS territory_id FROM account_territories AS t CROSS JOIN params AS q "
                f"WHERE t.since <= q.{day} AND (t.until IS NULL OR t.until > q.{day}) GROUP BY t.account_id) AS territory "
                "ON territory.account_id = s.account_id"
            )
        return {
            "deal_amount": f"COALESCE({', '.join(amounts)})" if len(amounts) > 1 else amounts[0],
            "booked_amount": f"COALESCE({', '.join(booked)})" if len(booked) > 1 else booked[0],
            "deal_dimension": DIMENSIONS[self.dimension],
            "deal_joins": "\n    ".join(joins),
            "deal_date": PERIOD_DATES[self.period_date],
        }

    @property
    def tables(self) -> tuple[str, ...]:
        """The named tables that the rules read besides deals and splits."""
        made = ["contracts"] if self.period_date == "renewal_due" else []
        made += ["accounts"] if self.dimension in ("segment", "region", "industry") else []
        return (*made, "account_territories") if self.dimension == "territory" else tuple(made)

    @property
    def name(self) -> str:
        """A short name for snapshots and errors."""
        return "_".join(part for part in (*self.measure, self.period_date, self.dimension) if part)


def _facts(shape: Shape, *names: str) -> dict[str, tuple[Column, ...]]:
    return {name: table(name).columns for name in ("deal_states", "opportunity_splits", *names, *shape.tables)}


def _policy_inputs(params: tuple[Column, ...]) -> dict[str, tuple[Column, ...]]:
    return {"stages": STAGES, "categories": CATEGORIES, "order_types": ORDER_TYPES, "params": params}


@lru_cache(maxsize=128)
def rollup(shape: Shape) -> Rule:
    """Deals as they stood at a cutoff to cells: place × dimension × bucket, amount and stage-weighted amount."""
    inputs = {**_facts(shape), **_policy_inputs(ROLLUP_PARAMS), "seats": SEATS, "rates": RATES}
    return TypeRule(
        f"rollup_{shape.name}", "closedwon.forecast", "sql/rollup_cells.sql", inputs, CELLS, ("place", "dimension", "bucket"),
        before=("sql/rollup.sql",), words=shape.words("day"),
    )  # fmt: skip


@lru_cache(maxsize=128)
def rollup_deals(shape: Shape) -> Rule:
    """The deals behind a number of the roll-up, one page of them."""
    inputs = {**_facts(shape), **_policy_inputs(ROLLUP_PARAMS), "seats": SEATS, "rates": RATES, "page": PAGE}
    inputs |= {"wanted_places": PLACES, "wanted_buckets": columns("bucket", ("bucket",))}
    outputs = columns("opportunity_id bucket amount_minor place_no:int total_count:int total_minor")
    return TypeRule(
        f"rollup_deals_{shape.name}", "closedwon.forecast", "sql/rollup_deals.sql", inputs, outputs, ("place_no",),
        before=("sql/rollup.sql",), words=shape.words("day"),
    )  # fmt: skip


@lru_cache(maxsize=128)
def rollup_parts(shape: Shape) -> Rule:
    """Deals as they stood at a cutoff to each deal's part of each seat, by bucket."""
    inputs = {**_facts(shape), **_policy_inputs(ROLLUP_PARAMS), "seats": SEATS, "rates": RATES}
    return TypeRule(
        f"rollup_parts_{shape.name}", "closedwon.forecast", "sql/rollup_parts.sql", inputs,
        columns("opportunity_id place bucket amount_minor weighted_minor"), ("opportunity_id", "place", "bucket"),
        before=("sql/rollup.sql",), words=shape.words("day"),
    )  # fmt: skip


@lru_cache(maxsize=128)
def booked(shape: Shape) -> Rule:
    """Accepted orders booked in the period by the as-of, by place and dimension."""
    inputs = {
        **_facts(shape, "bookings"),
        "seats": SEATS,
        "rates": RATES,
        "params": ROLLUP_PARAMS,
        "booking_kinds": columns("kind", ("kind",)),
    }
    return TypeRule(
        f"booked_{shape.name}", "closedwon.forecast", "sql/booked.sql", inputs, columns("place dimension amount_minor"), ("place", "dimension"),
        words=shape.words("day"),
    )  # fmt: skip


_TWO_ENDS = {
    "seats": columns("user_id place is_begin:bool", ("user_id", "place", "is_begin")),
    "begin_rates": RATES,
    "end_rates": RATES,
}


@lru_cache(maxsize=128)
def waterfall(shape: Shape) -> Rule:
    """Two dates to movements: place × dimension, every bucket."""
    inputs = {**_facts(shape), **_policy_inputs(WATERFALL_PARAMS), **_TWO_ENDS}
    return TypeRule(
        f"waterfall_{shape.name}", "closedwon.forecast", "sql/waterfall.sql", inputs, MOVED, ("place", "dimension"),
        before=("sql/movements.sql",), words=shape.words("end_day"),
    )  # fmt: skip


@lru_cache(maxsize=128)
def waterfall_deals(shape: Shape) -> Rule:
    """The deals behind a bar of the waterfall, one page of them."""
    inputs = {**_facts(shape), **_policy_inputs(WATERFALL_PARAMS), **_TWO_ENDS, "page": PAGE, "wanted_places": PLACES}
    outputs = columns("opportunity_id amount_minor place_no:int total_count:int total_minor")
    return TypeRule(
        f"waterfall_deals_{shape.name}", "closedwon.forecast", "sql/waterfall_deals.sql", inputs, outputs, ("place_no",),
        before=("sql/movements.sql",), words=shape.words("end_day"),
    )  # fmt: skip


@dataclass(frozen=True)
class Organisation:
    """Which place each person's deals have at one end, and the way of each place down the tree."""

    seat_of: Mapping[str, str]
    tree: Tree

    def path(self, seat: str) -> tuple[str, ...]:
        """The way from the root down to a seat."""
        return self.tree.path(seat)


@dataclass(frozen=True)
class Places:
    """The places of a comparison: a seat has one place while its way up the tree is the same at both ends, else one at each."""

    rows: tuple[dict[str, Any], ...]
    paths: Mapping[str, tuple[str, ...]]


def places(begin: Organisation, end: Organisation) -> Places:
    """Person to place at each end, and each place's way. After a re-org a seat's deals leave the old place and come to the new one."""
    rows: list[dict[str, Any]] = []
    paths: dict[str, tuple[str, ...]] = {UNASSIGNED: (UNASSIGNED,)}
    for is_begin, here, there in ((True, begin, end), (False, end, begin)):
        for person, seat in sorted(here.seat_of.items()):
            path = here.path(seat)
            place = seat if path == there.path(seat) else f"{seat} {'before' if is_begin else 'after'}"
            paths[place] = path
            rows.append({"user_id": person, "place": place, "is_begin": is_begin})
    return Places(tuple(rows), paths)


Amounts = dict[str, int]


def roll_up(cells: Iterable[Mapping[str, Any]], tree: Tree) -> tuple[dict[str, Amounts], dict[str, Amounts]]:
    """Cells summed up the tree: each node's own plus sub-tree, and each node's own alone. `machine` is the stage-weighted sum."""
    own: dict[str, Amounts] = {}
    whole: dict[str, Amounts] = {}
    for cell in cells:
        _add(own.setdefault(cell["place"], {}), cell["bucket"], cell["amount_minor"], cell.get("weighted_minor") or 0)
    for node, amounts in own.items():
        for above in tree.path(node):
            into = whole.setdefault(above, {})
            for bucket, amount in amounts.items():
                into[bucket] = into.get(bucket, 0) + amount
    return whole, own


def _add(into: Amounts, bucket: str, amount: int, weighted: int) -> None:
    into[bucket] = into.get(bucket, 0) + amount
    into["machine"] = into.get("machine", 0) + weighted


def by_dimension(cells: Iterable[Mapping[str, Any]], seats: frozenset[str] | None = None) -> dict[str, Amounts]:
    """Cells summed by dimension, of these seats only where they are given."""
    made: dict[str, Amounts] = {}
    for cell in cells:
        if seats is None or cell["place"] in seats:
            _add(made.setdefault(cell["dimension"], {}), cell["bucket"], cell["amount_minor"], cell.get("weighted_minor") or 0)
    return made


def flow_up(moved: Iterable[Mapping[str, Any]], paths: Mapping[str, tuple[str, ...]]) -> dict[tuple[str, str], Amounts]:
    """Movements summed up the tree: (node, parent) to buckets, so that a node that moved stands under each of its parents."""
    made: dict[tuple[str, str], Amounts] = {}
    for row in moved:
        above = ""
        for node in paths.get(row["place"], (row["place"],)):
            into = made.setdefault((node, above), dict.fromkeys(BUCKETS, 0))
            for name in BUCKETS:
                into[name] += row[f"{name}_minor"] or 0
            above = node
    return made


def flow_by_dimension(
    moved: Iterable[Mapping[str, Any]], paths: Mapping[str, tuple[str, ...]], seats: frozenset[str] | None
) -> dict[str, Amounts]:
    """Movements summed by dimension, of these seats only where they are given."""
    made: dict[str, Amounts] = {}
    for row in moved:
        if seats is None or paths.get(row["place"], (row["place"],))[-1] in seats:
            into = made.setdefault(row["dimension"], dict.fromkeys(BUCKETS, 0))
            for name in BUCKETS:
                into[name] += row[f"{name}_minor"] or 0
    return made


def residue(amounts: Mapping[str, int]) -> int:
    """What the buckets leave over: nothing, if the waterfall closes."""
    return sum(SIGNS[name] * amounts[name] for name in BUCKETS if name != "end") - amounts["end"]


def total_open(amounts: Mapping[str, int]) -> int:
    """Everything open that is not omitted: every category and undated."""
    return sum(amount for bucket, amount in amounts.items() if bucket not in ("closed", "booked", "omitted", "machine"))


def quota_of_seats(rows: Iterable[Mapping[str, Any]], kinds: Sequence[str], start: Any, end: Any) -> dict[str, int]:
    """Each seat's quota of a period in the rows' minor units: the row of just that period, else the sum of the largest rows inside it.

    Of several kinds for the same seat and period, the first of `kinds` that is there counts.
    """
    rank = {kind: at for at, kind in enumerate(kinds)}
    best: dict[tuple[str, Any, Any], Mapping[str, Any]] = {}
    for row in rows:
        if row["kind"] not in rank or row["period_end"] is None or row["period_start"] < start or row["period_end"] > end:
            continue
        key = (row["scope_id"], row["period_start"], row["period_end"])
        if key not in best or rank[row["kind"]] < rank[best[key]["kind"]]:
            best[key] = row
    spans: dict[str, list[tuple[Any, Any]]] = {}
    for seat, first, last in best:
        spans.setdefault(seat, []).append((first, last))
    made: dict[str, int] = {}
    for (seat, first, last), row in best.items():
        inside = any((a, b) != (first, last) and a <= first and last <= b for a, b in spans[seat])
        if not inside:
            made[seat] = made.get(seat, 0) + row["amount_minor"]
    return made


def quota_up(own: Mapping[str, int], tree: Tree) -> tuple[dict[str, int], dict[str, int]]:
    """Each node's quota, its own or else the sum of the nodes below; and the sum below, so that over-assignment shows."""
    quota: dict[str, int] = {}
    below: dict[str, int] = {}
    for node in reversed(tree.order):
        under = [quota[child] for child in tree.children[node] if child in quota]
        if under:
            below[node] = sum(under)
        if node in own:
            quota[node] = own[node]
        elif under:
            quota[node] = below[node]
    return quota, below


STAGE_AGES = Rule(
    "stage_ages", "closedwon.forecast", "sql/stage_ages.sql",
    {"deal_states": table("deal_states").columns, "stages": STAGES, "params": columns("cutoff:instant least:int")},
    columns("stage p50_days:int p75_days:int p90_days:int visits:int"), ("stage",),
)  # fmt: skip
"""Deal states to the ages that half, three quarters and nine tenths of the finished visits of each stage did not exceed."""


DEAL_CARD = columns(
    "opportunity_id name account_id account_name owner_id owner_name stage forecast_category amount_minor currency close_date next_step "
    "last_activity_at region segment order_type status is_reconstructed"
)
CARDS = Rule(
    "deal_cards", "closedwon.forecast", "sql/deal_cards.sql",
    {
        "deal_states": table("deal_states").columns, "accounts": table("accounts").columns, "users": table("users").columns,
        "stages": STAGES, "subjects": columns("opportunity_id"), "params": columns("cutoff:instant"),
    },
    DEAL_CARD, ("opportunity_id",),
)  # fmt: skip
"""What a list shows of the given deals, as they stood at the cutoff; a deal that was born later as it was first."""
UNKNOWNS = Rule(
    "unknowns", "closedwon.forecast", "sql/unknowns.sql",
    {
        "deal_states": table("deal_states").columns, "stages": STAGES, "categories": CATEGORIES, "rates": RATES,
        "params": columns("cutoff:instant currency"),
    },
    columns("kind value deals:int"), ("kind", "value"),
)  # fmt: skip
"""What deals carry at a cutoff that the policies and rates do not know, counted."""


def converted(amount: int, rate: Mapping[str, Any]) -> int:
    """An amount at a rate row's ratio, rounded once."""
    return amount if rate["num"] == rate["den"] else muldiv(amount, rate["num"], rate["den"])


def flow_own(moved: Iterable[Mapping[str, Any]], paths: Mapping[str, tuple[str, ...]]) -> dict[tuple[str, str], Amounts]:
    """Movements in each seat's own name: (seat, parent) to buckets."""
    made: dict[tuple[str, str], Amounts] = {}
    for row in moved:
        path = paths.get(row["place"], (row["place"],))
        into = made.setdefault((path[-1], path[-2] if len(path) > 1 else ""), dict.fromkeys(BUCKETS, 0))
        for name in BUCKETS:
            into[name] += row[f"{name}_minor"] or 0
    return made

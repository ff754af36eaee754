"""The sales organisation: seats, who sat in them when, the dated tree, and who gets the next deal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from closedwon.generate import names
from closedwon.generate.timeline import Array, as_date
from closedwon.generate.world import World

OPEN = 10**6
"""A day after every other: still so."""
EXTRA_ROLES = [
    ("Priscilla Wong", "sales ops", "Head of Sales Operations", ""), ("Noah Lindqvist", "sales ops", "Sales Operations AMER", "AMER"),
    ("Fiona Ashworth", "sales ops", "Sales Operations EMEA", "EMEA"), ("Kenji Mori", "sales ops", "Sales Operations APJ", "APJ"),
    ("Helena Marsh", "executive", "Chief Executive Officer", ""), ("Stuart Bell", "executive", "Chief Financial Officer", ""),
    ("Rosa Delgado", "deal desk", "Deal Desk Manager", ""), ("Samir Nair", "deal desk", "Deal Desk Analyst", ""),
    ("Greta Vogel", "comp admin", "Compensation Manager", ""), ("Owen Fraser", "finance", "Revenue Controller", ""),
    ("Lena Bakker", "finance", "Billing Analyst", ""), ("Maya Castillo", "enablement", "Head of Enablement", ""),
    ("Theo Brooks", "admin", "Salesforce Administrator", ""),
]  # fmt: skip


@dataclass
class Staff:
    """Everybody in sales, as rows of the named tables and as arrays for drawing deal owners."""

    world: World
    users: list[dict[str, Any]] = field(default_factory=list)
    seats: list[dict[str, Any]] = field(default_factory=list)
    holders: list[dict[str, Any]] = field(default_factory=list)
    assignments: list[dict[str, Any]] = field(default_factory=list)
    hierarchy: list[dict[str, Any]] = field(default_factory=list)
    parent: dict[int, int] = field(default_factory=dict)
    moved: dict[int, tuple[int, int]] = field(default_factory=dict)
    special: dict[str, int] = field(default_factory=dict)
    stints: list[tuple[int, int, int, int]] = field(default_factory=list)
    overlay: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = self.world.rng(1)
        self._names: set[str] = set()
        build_tree(self)
        fill_leaders(self)
        for person in EXTRA_ROLES:
            self.special[person[1] + (" " + person[3] if person[3] else "")] = self.hire(
                person[3] or self.world.regions[0], person[1], self.world.begin - 200, name=person[0], title=person[2], scope=person[3]
            )
        fill_rep_seats(self)
        fill_overlay(self)
        self.freeze()

    def hire(
        self, region: str, role: str, since: int, *, name: str = "", title: str = "", scope: str | None = None, segment: str = ""
    ) -> int:
        """A new user; returns the user's number."""
        shares = self.world.settings.regions[region].countries if region in self.world.settings.regions else {"US": 1.0}
        country = str(self.rng.choice(list(shares), p=np.array(list(shares.values())) / sum(shares.values())))
        chosen = name or self._new_name(country)
        self._names.add(chosen)
        number = len(self.users)
        plain = chosen.lower().replace(" ", ".").encode("ascii", "ignore").decode()
        self.users.append({
            "id": f"U{number + 1:05d}", "name": chosen, "email": f"{plain or 'user'}{'' if name else number + 1}@northlight.example", "active": True,
            "employee_no": f"E{10_000 + number * 7}", "crm_user_id": f"0055f{number + 1:08d}AAA", "country": country,
            "legal_entity": f"Northlight {country}", "cost_centre": f"CC-{role.upper().replace(' ', '')[:6]}-{region}",
            "pay_currency": self.world.settings.countries.get(country, "USD"), "hire_date": as_date(since), "end_date": None, "manager_id": None,
            "region": scope if scope is not None else region, "segment": segment or None, "role": role, "title": title or role.title(),
        })  # fmt: skip
        return number

    def _new_name(self, country: str) -> str:
        for _ in range(40):
            local = country if self.rng.random() < 0.8 else "US"
            chosen = f"{self.rng.choice(names.FIRST_NAMES[local])} {self.rng.choice(names.LAST_NAMES[local])}"
            if chosen not in self._names:
                return chosen
        return f"{chosen} {len(self.users)}"

    def leave(self, user: int, when: int) -> None:
        """The person is gone from that day on."""
        self.users[user].update(active=False, end_date=as_date(when))

    def seat(self, kind: str, name: str, region: str | None, segment: str | None, parent: int | None) -> int:
        """A new seat under another; returns its number."""
        number = len(self.seats)
        self.seats.append(
            {"id": f"SEAT-{number + 1:04d}", "name": name, "kind": kind, "status": "filled", "region": region, "segment": segment}
        )
        if parent is not None:
            self.parent[number] = parent
        return number

    def hold(self, seat: int, user: int, since: int, until: int = OPEN, *, interim: bool = False, share: int = 1_000_000) -> None:
        """The user sits in the seat from `since` until before `until`."""
        self.holders.append({
            "position_id": self.seats[seat]["id"], "user_id": self.users[user]["id"], "since": as_date(since),
            "until": None if until >= OPEN else as_date(until), "share_ppm": share, "is_interim": interim,
        })  # fmt: skip

    def assign(self, user: int, seat: int, since: int, until: int = OPEN, **more: Any) -> None:
        """What the person is assigned to do while in the seat."""
        seat_row, user_row = self.seats[seat], self.users[user]
        pay = {"SMB": 55_000, "Mid-Market": 85_000, "Enterprise": 140_000}.get(seat_row["segment"] or "", 120_000)
        rate = self.world.list_rates[self.world.currencies.index(user_row["pay_currency"])]
        scale = self.world.scale[self.world.currencies.index(user_row["pay_currency"])]
        self.assignments.append({
            "user_id": user_row["id"], "since": as_date(since), "until": None if until >= OPEN else as_date(until), "role": user_row["role"],
            "segment": seat_row["segment"], "region": seat_row["region"], "plan_id": f"{seat_row['kind']}-{self.world.fiscal.label(self.world.quarter)[:4]}",
            "target_variable_minor": int(round(pay / rate / 1000) * 1000 * scale), "currency": user_row["pay_currency"],
            "ramp_id": f"ramp-{seat_row['segment']}" if seat_row["kind"] == "rep" else None, "fte_ppm": 1_000_000, "leave_kind": None, **more,
        })  # fmt: skip

    def freeze(self) -> None:
        """Turn stints into arrays and prepare the draw of owners by pool and month."""
        data = np.array(self.stints, dtype=np.int64)
        order = np.lexsort((data[:, 2], data[:, 1]))
        data = data[order]
        self.stint_seat, self.stint_user, self.stint_since, self.stint_until = data[:, 1], data[:, 0], data[:, 2], data[:, 3]
        segments, regions = self.world.segments, self.world.regions
        self.seat_pool = np.array([
            regions.index(s["region"]) * len(segments) + segments.index(s["segment"]) if s["kind"] == "rep" else -1 for s in self.seats
        ])  # fmt: skip
        self.stint_pool = self.seat_pool[self.stint_seat]
        talents = np.exp(self.world.rng(2).normal(0, self.world.settings.people.talent_spread, len(self.users)))
        self.stint_talent = talents[self.stint_user]
        self.first_month = int(np.datetime64(as_date(self.world.begin), "M").astype(np.int64)) - 30
        self.months = int(np.datetime64(as_date(self.world.today), "M").astype(np.int64)) - self.first_month + 2
        self._prepare_draw()
        same = np.r_[self.stint_seat[1:] == self.stint_seat[:-1], False]
        self.stint_next = np.where(same, np.arange(len(data)) + 1, -1)
        self.user_ids = [user["id"] for user in self.users]

    def _prepare_draw(self) -> None:
        pools = len(self.world.regions) * len(self.world.segments)
        ramp = np.array([self.world.settings.segments[name].ramp_months for name in self.world.segments] * len(self.world.regions)) * 30.4
        firsts = (np.arange(self.months + 1) + self.first_month).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        self.draw_stints, cumulative, self.draw_start = [], [], np.zeros(pools * self.months + 1, dtype=np.int64)
        for pool in range(pools):
            own = np.flatnonzero(self.stint_pool == pool)
            for month in range(self.months):
                first, last = firsts[month], firsts[month + 1]
                fit = own[(self.stint_since[own] <= first) & (self.stint_until[own] >= last)]
                if not len(fit):
                    fit = own[np.argsort(np.abs(self.stint_since[own] - first))[:1]]
                tenure = (first - self.stint_since[fit] + 45) / ramp[pool]
                weight = self.stint_talent[fit] * np.clip(tenure, 0.12, 1)
                cell = pool * self.months + month
                cumulative.append(cell + np.minimum(np.cumsum(weight) / weight.sum(), 0.999999999))
                self.draw_stints.append(fit)
                self.draw_start[cell + 1] = self.draw_start[cell] + len(fit)
        self._all_stints = np.concatenate(self.draw_stints)
        self._cumulative = np.concatenate(cumulative)

    def draw(self, pool: Array, days: Array, uniform: Array) -> Array:
        """A stint for each deal among those of the pool in its month, by talent and ramp."""
        month = np.clip(days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) - self.first_month, 0, self.months - 1)
        cell = pool * self.months + month
        found = np.searchsorted(self._cumulative, cell + np.minimum(uniform, 0.99999999), side="left")
        return self._all_stints[np.clip(found, self.draw_start[cell], self.draw_start[cell + 1] - 1)]

    def holder(self, seat: Array, days: Array) -> Array:
        """The stint that holds the seat on the day, or -1."""
        key = self.stint_seat * 4 * OPEN + self.stint_since + OPEN
        found = np.searchsorted(key, seat * 4 * OPEN + days + OPEN, side="right") - 1
        safe = np.maximum(found, 0)
        good = (found >= 0) & (self.stint_seat[safe] == seat) & (self.stint_since[safe] <= days) & (days < self.stint_until[safe])
        return np.where(good, safe, -1)

    def id(self, special: str) -> str:
        """The user id of a planted person."""
        return str(self.users[self.special[special]]["id"])


def build_tree(staff: Staff) -> None:
    """Seats from the CRO down to the reps, at least two directors in the largest regions."""
    world, people = staff.world, staff.world.settings.people
    cro = staff.seat("manager", "Chief Revenue Officer", None, None, None)
    counts = _seat_counts(world)
    for region in world.regions:
        vp = staff.seat("manager", f"VP Sales {region}", region, None, cro)
        teams: list[tuple[str, int]] = []
        for segment in world.segments:
            count = counts[region, segment]
            teams += [(segment, len(part)) for part in np.array_split(np.arange(count), -(-count // people.reps_per_manager))]
        groups = max(1, -(-len(teams) // people.managers_per_director))
        if len(teams) >= 2 and groups == 1 and region == world.settings.shape.missed_region:
            groups = 2
        rep = 0
        for number, part in enumerate(np.array_split(np.arange(len(teams)), groups)):
            director = staff.seat("manager", f"Director {region} {number + 1}", region, None, vp)
            for index in part:
                segment, size = teams[index]
                manager = staff.seat("manager", f"Manager {region} {segment} {index + 1}", region, segment, director)
                for _ in range(size):
                    rep += 1
                    staff.seat("rep", f"AE {region} {segment} {rep:03d}", region, segment, manager)


def _seat_counts(world: World) -> dict[tuple[str, str], int]:
    cells = [(r, s) for r in world.regions for s in world.segments]
    regions, segments = world.settings.regions, world.settings.segments
    weight = np.array([regions[r].weight * segments[s].weight for r, s in cells])
    free = world.settings.reps - len(cells)
    exact = weight / weight.sum() * max(free, 0)
    count = np.floor(exact).astype(int)
    for index in np.argsort(count - exact, kind="stable")[: max(free, 0) - count.sum()]:
        count[index] += 1
    return {cell: int(n) + 1 for cell, n in zip(cells, count, strict=True)}


def leaders_of(staff: Staff, level: str) -> list[int]:
    """The seats whose names start with the level's word."""
    return [number for number, seat in enumerate(staff.seats) if seat["kind"] == "manager" and seat["name"].startswith(level)]


def _name_leaders(staff: Staff) -> dict[int, str]:
    """Which leader seats get the named people of the example."""
    managers, directors, vps = leaders_of(staff, "Manager"), leaders_of(staff, "Director"), leaders_of(staff, "VP")
    last = len(managers) - 1
    wanted = [
        ("interim", managers, 0, "Marguerite Oyelaran"), ("left leader", managers, 1, "Colin Baird"), ("sandbagger", managers, last // 3, "Victor Stahl"),
        ("optimist", managers, last * 2 // 3, "Bianca Fontaine"), ("late", managers, last, "Gordon Pike"),
        ("absent", directors, len(directors) - 1, "Yasmin Haddad"),
    ]  # fmt: skip
    named: dict[int, str] = {0: "Catherine Doyle", vps[0]: "Raymond Cole"}
    staff.special["cro seat"] = 0
    for key, seats, index, name in wanted:
        seat = seats[min(index, len(seats) - 1)]
        if seat not in named:
            named[seat] = name
            staff.special[f"{key} seat"] = seat
    return named


def fill_leaders(staff: Staff) -> None:
    """One holder per leader seat, the interim with two, the re-org, and hierarchy rows."""
    world = staff.world
    named = _name_leaders(staff)
    start = world.begin - 700
    for seat, row in enumerate(staff.seats):
        if row["kind"] != "manager":
            continue
        level = row["name"].split(" ")[0]
        title = {"Chief": "Chief Revenue Officer", "VP": "Vice President Sales", "Director": "Sales Director", "Manager": "Sales Manager"}[
            level
        ]
        region = row["region"] or world.regions[0]
        role = "executive" if level == "Chief" else "manager"
        user = staff.hire(region, role, start, name=named.get(seat, ""), title=title, segment=row["segment"] or "")
        until = OPEN
        if seat == staff.special.get("left leader seat"):
            until = world.date(51)
            staff.leave(user, until)
            staff.special["left leader"] = user
        staff.hold(seat, user, start, until)
        staff.assign(user, seat, start, until)
        row["holder"] = user
    for key in ("interim", "sandbagger", "optimist", "late", "absent", "cro"):
        if f"{key} seat" in staff.special:
            staff.special[key] = staff.seats[staff.special[f"{key} seat"]]["holder"]
    if "left leader seat" in staff.special:
        staff.hold(staff.special["left leader seat"], staff.special["interim"], world.date(51), interim=True)
        staff.seats[staff.special["left leader seat"]]["holder"] = staff.special["interim"]
    _reorganise(staff)
    _hierarchy(staff)
    for seat, parent in staff.parent.items():
        if "holder" in staff.seats[seat]:
            staff.users[staff.seats[seat]["holder"]]["manager_id"] = staff.users[staff.seats[parent]["holder"]]["id"]


def reorg_day(world: World) -> int:
    """The day of the re-organisation, in the quarter before the running one."""
    return int(world.fiscal.start(np.array([world.quarter - 1]))[0]) + world.settings.people.reorg_day - 1


def _reorganise(staff: Staff) -> None:
    directors = leaders_of(staff, "Director")
    region = staff.world.settings.shape.missed_region
    inside = [seat for seat in directors if staff.seats[seat]["region"] == region]
    giver, taker = (inside[0], inside[1]) if len(inside) > 1 else (directors[0], directors[-1])
    managers = [seat for seat in leaders_of(staff, "Manager") if staff.parent[seat] == giver]
    if giver == taker or not managers:
        return
    staff.special["moved manager seat"], staff.special["giver seat"], staff.special["taker seat"] = managers[-1], giver, taker
    staff.moved[managers[-1]] = (giver, reorg_day(staff.world))
    staff.parent[managers[-1]] = taker


def _hierarchy(staff: Staff) -> None:
    start = as_date(staff.world.begin - 1500)
    for seat in range(len(staff.seats)):
        base = {"kind": "sales", "position_id": staff.seats[seat]["id"]}
        parent = staff.seats[staff.parent[seat]]["id"] if seat in staff.parent else None
        if seat in staff.moved:
            old, when = staff.moved[seat]
            staff.hierarchy.append({**base, "since": start, "until": as_date(when), "parent_id": staff.seats[old]["id"]})
            staff.hierarchy.append({**base, "since": as_date(when), "until": None, "parent_id": parent})
        else:
            staff.hierarchy.append({**base, "since": start, "until": None, "parent_id": parent})


def fill_rep_seats(staff: Staff) -> None:
    """Who sat in every rep seat and when, the planted people first."""
    planted = _planted_chains(staff)
    seen: set[str] = set()
    for seat in [number for number, row in enumerate(staff.seats) if row["kind"] == "rep"]:
        row = staff.seats[seat]
        cell = f"{row['region']} {row['segment']}"
        chain = planted.get(seat) or _random_chain(staff, row, early=cell not in seen)
        seen.add(cell)
        for since, until, user in chain:
            staff.stints.append((user, seat, since, until))
            staff.hold(seat, user, since, until)
            if user != staff.special.get("leave"):
                draw = {"x_draw_owed": "9400.00 USD"} if user == staff.special.get("leaver") else {}
                staff.assign(user, seat, since, until, **draw)
            manager = staff.seats[staff.parent[seat]]
            staff.users[user]["manager_id"] = staff.users[manager["holder"]]["id"]
        if chain[-1][1] < OPEN:
            row["status"] = "open"


def _random_chain(staff: Staff, row: dict[str, Any], *, early: bool) -> list[tuple[int, int, int]]:
    world, rng, people = staff.world, staff.rng, staff.world.settings.people
    since = (
        int(world.begin - 560 - rng.integers(0, 700)) if early or rng.random() < 0.58 else int(rng.integers(world.begin, world.date(120)))
    )
    chain = []
    while True:
        user = staff.hire(row["region"], "rep", since, title="Account Executive", segment=row["segment"])
        until = int(since + 150 + rng.exponential(people.tenure_days))
        following = until + int(rng.integers(*people.vacancy_days))
        if following >= world.date(35):
            chain.append((since, OPEN, user))
            return chain
        staff.leave(user, until)
        chain.append((since, until, user))
        since = following


def _planted_chains(staff: Staff) -> dict[int, list[tuple[int, int, int]]]:
    """Seats with the example's people: vacant, transferred, on leave, left, back again."""
    world, special = staff.world, staff.special
    cells: dict[tuple[str, str], list[int]] = {}
    for number, row in enumerate(staff.seats):
        if row["kind"] == "rep":
            cells.setdefault((row["region"], row["segment"]), []).append(number)
    first, second = world.regions[0], world.settings.shape.missed_region
    small, middle, large = world.segments[0], world.segments[1], world.segments[-1]
    chains: dict[int, list[tuple[int, int, int]]] = {}

    def person(key: str, cell: tuple[str, str], since: int, name: str, until: int = OPEN) -> tuple[int, int, int]:
        user = staff.hire(cell[0], "rep", since, name=name, title="Account Executive", segment=cell[1])
        special[key] = user
        if until < OPEN:
            staff.leave(user, until)
        return since, until, user

    def take(cell: tuple[str, str]) -> int | None:
        return next((seat for seat in cells[cell][1:] or cells[cell] if seat not in chains), None)

    old = world.begin - 640
    for key, cell, name, gone in (("vacant 1", (first, middle), "Preston Vail", 33), ("vacant 2", (second, large), "Annika Lund", 19)):
        if (seat := take(cell)) is not None:
            special[f"{key} seat"] = seat
            chains[seat] = [person(key, cell, old, name, world.date(gone))]
    _transfer(staff, chains, person, take, (first, small), (first, middle))
    if (seat := take((first, large))) is not None:
        chains[seat] = [person("leave", (first, large), old, "Ingrid Solheim")]
        user, start, end = special["leave"], world.date(100), world.date(-12)
        staff.assign(user, seat, old, start)
        staff.assign(user, seat, start, end, fte_ppm=0, leave_kind="parental")
        staff.assign(user, seat, end)
    if (seat := take((second, small))) is not None:
        chains[seat] = [person("former", (second, small), old, "Nadia Kessler", world.date(260)),
                        person("leaver", (second, small), world.date(230), "Derek Holloway", world.date(25)),
                        person("successor", (second, small), world.date(16), "Lotte Verhoeven")]  # fmt: skip
    if (seat := take((second, middle))) is not None:
        back = world.date(268)
        stint = person("rehire", (second, middle), old, "Saoirse Byrne", world.begin + 770)
        between = person("between", (second, middle), world.begin + 800, "Hugo Marchand", back - 20)
        chains[seat] = [stint, between, (back, OPEN, special["rehire"])]
        staff.users[special["rehire"]].update(active=True, end_date=None, hire_date=as_date(back))
    return chains


def _transfer(staff: Staff, chains: dict[int, list[tuple[int, int, int]]], person: Any, take: Any, small: Any, middle: Any) -> None:
    world, moved = staff.world, staff.world.date(55)
    left, right = take(small), None
    if left is not None:
        chains[left] = []
        right = take(middle)
    if left is None or right is None:
        chains.pop(left, None) if left is not None else None
        return
    started, _, user = person("transfer", small, world.begin + 300, "Tomás Rivera")
    chains[left] = [(started, moved, user), person("transfer successor", small, moved + 11, "June Castellanos")]
    chains[right] = [person("transfer predecessor", middle, world.begin - 640, "Warren Pruitt", moved - 12), (moved, OPEN, user)]
    staff.special["transfer seat"], staff.special["transfer old seat"] = right, left
    staff.users[user]["segment"] = middle[1]


def _planned_seats(staff: Staff, since: date) -> None:
    """Seats of the hiring plan: in the tree, with nobody in them yet."""
    for manager in leaders_of(staff, "Manager")[:2]:
        row = staff.seats[manager]
        seat = staff.seat("rep", f"AE {row['region']} {row['segment']} to be hired", row["region"], row["segment"], manager)
        staff.seats[seat]["status"] = "planned"
        base = {"kind": "sales", "position_id": staff.seats[seat]["id"], "since": since, "until": None}
        staff.hierarchy.append({**base, "parent_id": staff.seats[manager]["id"]})


def fill_overlay(staff: Staff) -> None:
    """Sales engineers, success managers and development reps in a coverage tree of their own."""
    world = staff.world
    directors = leaders_of(staff, "Director")
    start = as_date(world.begin - 1500)
    leaders = [0, *leaders_of(staff, "VP"), *directors]
    for seat in leaders:
        parent = staff.seats[staff.parent[seat]]["id"] if seat in staff.parent else None
        staff.hierarchy.append(
            {"kind": "coverage", "position_id": staff.seats[seat]["id"], "since": start, "until": None, "parent_id": parent}
        )
    for kind, role, title, per in (
        ("SE", "SE", "Sales Engineer", 6),
        ("CSM", "CSM", "Customer Success Manager", 8),
        ("SDR", "SDR", "Sales Development", 8),
    ):
        for number in range(max(len(directors), world.settings.reps // per)):
            director = directors[number % len(directors)]
            region = staff.seats[director]["region"]
            seat = staff.seat(kind, f"{kind} {region} {number + 1:02d}", region, None, None)
            since = int(world.begin - staff.rng.integers(100, 700))
            user = staff.hire(region, role, since, title=title)
            staff.users[user]["manager_id"] = staff.users[staff.seats[director]["holder"]]["id"]
            staff.hold(seat, user, since)
            staff.assign(user, seat, since)
            base = {"kind": "coverage", "position_id": staff.seats[seat]["id"], "since": start, "until": None}
            staff.hierarchy.append({**base, "parent_id": staff.seats[director]["id"]})
            staff.special.setdefault(f"{kind} {region}", user)
    _planned_seats(staff, as_date(world.today - 30))
    staff.overlay = {kind: np.array([n for n, u in enumerate(staff.users) if u["role"] == kind]) for kind in ("SE", "CSM", "SDR")}

"""The example company's situations, each planted by name: people and deals here, renewals and dirt in their own files."""

from __future__ import annotations

from closedwon.generate import closing, names, planted_dirt, planted_renewals
from closedwon.generate.arrow import Writer
from closedwon.generate.planting import Deal, Garden
from closedwon.generate.staff import Staff, reorg_day
from closedwon.generate.timeline import DAY, HOUR, as_date
from closedwon.generate.world import World

STAGE = names.STAGES
FORECAST, DEALS, BOOKINGS, PEOPLE, WATERFALL = (
    "forecast board",
    "pipeline deals",
    "pipeline deals",
    "people and seats",
    "pipeline waterfall",
)


class Planted:
    """All situations of the example company."""

    def __init__(self, world: World, staff: Staff) -> None:
        self.garden = Garden(world, staff)
        people(self.garden)
        deals(self.garden)
        planted_renewals.renewals(self.garden)
        planted_dirt.dirt(self.garden)
        closing.planted(self.garden)

    @property
    def deals(self) -> list[Deal]:
        """The planted deals."""
        return self.garden.deals

    def write(self, out: Writer) -> None:
        """Write the planted rows."""
        self.garden.write(out)


def people(g: Garden) -> None:
    """Situations of people: most are in the organisation already, here they get their deals and their note."""
    special, seats = g.staff.special, g.staff.seats
    if "moved manager seat" in special:
        seat, giver, taker = (seats[special[key]]["id"] for key in ("moved manager seat", "giver seat", "taker seat"))
        when = as_date(reorg_day(g.world))
        g.note("re-org on day 38", "people", "hierarchy", seat, f"moved from {giver} to {taker} on {when}", FORECAST)
    if "left leader seat" in special:
        both = f"{seats[special['interim seat']]['id']},{seats[special['left leader seat']]['id']}"
        g.note("interim leader with two seats", "people", "position_holders", g.staff.id("interim"), both, FORECAST)
    notes = [
        ("sandbagger", "calls 12 % too low", "sandbags by 12 %"), ("optimist", "calls 18 % too high", "18 % too optimistic"),
        ("late", "submits on Wednesdays", "always late"),
    ]  # fmt: skip
    for key, detail, situation in notes:
        if f"{key} seat" in special:
            g.note(situation, "people", "forecast_calls", seats[special[f"{key} seat"]]["id"], detail, FORECAST)
    if "absent seat" in special:
        detail = "Priscilla Wong submits since " + str(as_date(g.world.date(30)))
        g.note("sales ops submits for an absent leader", "people", "forecast_calls", seats[special["absent seat"]]["id"], detail, FORECAST)
    missed = g.world.settings.shape
    detail = f"{missed.missed_region}: a procurement freeze pushed {missed.missed_slip_share:.0%} of its wins into the next quarter"
    g.note("one missed quarter", "shape", "targets", missed.missed_quarter, detail, WATERFALL)
    _vacancies(g)
    _transfer(g)
    for key, situation, detail in (
        ("leave", "parental leave", "fte 0 for 16 weeks"),
        ("leaver", "leaver who owes a draw", "9400.00 USD"),
        ("rehire", "rehire", "two stays, one person"),
    ):
        if key in special:
            g.note(situation, "people", "assignments", g.staff.id(key), detail, PEOPLE)


def _vacancies(g: Garden) -> None:
    for number, (company, region, value) in enumerate((("Fairweather Rail", 0, 64_000), ("Nordkap Reederei", 1, 210_000)), 1):
        key = f"vacant {number}"
        if key not in g.staff.special:
            continue
        segment = g.world.segments[1 if region == 0 else -1]
        account = g.account(f"{company} {'Co.' if region == 0 else 'GmbH'}", segment, "US" if region == 0 else "DE", type="Prospect")
        owner = g.staff.special[key]
        for part, (created, closes) in enumerate(((120, g.day("q", 70)), (75, g.day("q+1", 50)))):
            deal = g.deal(f"{company} · New Business {part + 1}", account, owner, g.world.date(created), closes, value + 9_000 * part)
            deal.change(g.world.date(50), stage=STAGE[2 + part], probability_ppm=150_000)
            if part == 0:
                deal.change(g.world.date(40), forecast_category="best_case")
        seat = g.staff.seats[g.staff.special[f"{key} seat"]]["id"]
        g.note(
            "vacant seat with open pipeline", "people", "positions", seat, f"deals still owned by {g.staff.users[owner]['name']}", FORECAST
        )


def _transfer(g: Garden) -> None:
    if "transfer" not in g.staff.special:
        return
    user = g.staff.special["transfer"]
    moved = g.world.date(55)
    words = ["Bellhaven", "Copperline", "Drummond", "Eastgate", "Foxglove", "Greenmoor", "Hartwell"]
    for number, word in enumerate(words):
        account = g.account(
            f"{word} Outfitters LLC", g.world.segments[0], type="Prospect", owner_id=g.staff.users[user]["id"], employees=60 + 11 * number
        )
        created = moved - 40 + 4 * number
        deal = g.deal(f"{word} Outfitters · New Business", account, user, created, g.day("q", 30 + 8 * number), 9_000 + 2_500 * number)
        deal.change(created + 12, stage=STAGE[2], probability_ppm=150_000)
        if number % 2:
            deal.change(g.world.date(18 - number), stage=STAGE[4], forecast_category="best_case", probability_ppm=450_000)
        if number == 5:
            deal.change(g.world.date(4), stage=STAGE[5], forecast_category="commit", probability_ppm=650_000)
        g.note(
            "transfer SMB to mid-market with seven live deals", "people", "opportunities", deal.id, f"moved on {as_date(moved)}", FORECAST
        )


def deals(g: Garden) -> None:
    """Situations of deals."""
    large = g.world.segments[-1]
    _whale(g, large)
    _back_dated(g, large)
    _long_contracts(g, large)
    _split(g, large)
    _channel(g, large)
    _debook(g, large)
    _no_order(g)


def _whale(g: Garden, large: str) -> None:
    account = g.account("Meridian Continental Holdings Inc.", large, type="Prospect", employees=41_000, industry="Financial Services")
    owner = g.rep(g.world.regions[0], large)
    deal = g.deal(
        "Meridian Continental · Platform rollout",
        account,
        owner,
        g.day("q-4", 12),
        g.day("q-3", 85),
        1_900_000,
        term_months=36,
        source="Partner",
    )
    deal.change(g.day("q-4", 60), stage=STAGE[2], probability_ppm=150_000).change(g.day("q-3", 30), stage=STAGE[3], probability_ppm=280_000)
    deal.push(g.day("q-3", 74), g.day("q-2", 88)).worth(g.day("q-2", 20), 2_150_000)
    deal.change(g.day("q-2", 45), stage=STAGE[4], forecast_category="best_case", probability_ppm=450_000)
    deal.push(g.day("q-2", 86), g.day("q-1", 90)).worth(g.day("q-1", 30), 2_400_000)
    deal.change(g.day("q-1", 70), stage=STAGE[5], forecast_category="commit", probability_ppm=650_000)
    deal.push(g.day("q-1", 89), g.day("q", 89))
    deal.row["next_step"] = "CFO sign-off on 8 December"
    g.note(
        "a 2.4 M whale pushed three times",
        "deals",
        "opportunities",
        deal.id,
        "closes on the last day but two of the running quarter",
        DEALS,
    )


def _back_dated(g: Garden, large: str) -> None:
    account = g.account("Cascadia Power Cooperative", large, industry="Energy", employees=5_400)
    owner = g.rep(g.world.regions[0], large, 1)
    last = g.day("q") - 1
    deal = g.deal("Cascadia Power · New Business", account, owner, g.day("q-2", 40), last, 480_000)
    deal.change(g.day("q-1", 20), stage=STAGE[4], forecast_category="best_case").change(
        g.day("q-1", 60), stage=STAGE[6], forecast_category="commit"
    )
    offset = 31 - (1 if as_date(last).month in (4, 7) else 0)  # 23:40 Pacific: 07:40 UTC next day in winter time, 06:40 in summer time
    signed = offset - (1 if as_date(last).month != 1 else 0) + 40 / 60
    known = min((last + 2) * DAY + int(19.5 * HOUR), g.world.horizon - HOUR)
    deal.win(last, hour=signed, known=known, closes=last)
    g.order(deal, "new", last, accepted_at=known)
    quarter = g.world.fiscal.label(g.world.quarter - 1)
    g.note("signed at 23:40 Pacific on the last day, booked two days later and back-dated", "deals", "opportunities", deal.id,
           f"restates {quarter} after its lock", DEALS)  # fmt: skip
    g.note("restated number", "deals", "bookings", deal.id, f"{quarter}: order of the last evening accepted after the lock", BOOKINGS)


def _long_contracts(g: Garden, large: str) -> None:
    owner = g.rep(g.world.regions[0], large, 2)
    account = g.account("Stonebridge Medical Group", large, industry="Healthcare", employees=12_500)
    won = g.day("q-1", 66)
    deal = g.deal("Stonebridge Medical · Three-year ramp", account, owner, g.day("q-3", 10), won, 240_000, term_months=36)
    deal.change(g.day("q-2", 20), stage=STAGE[4], forecast_category="best_case").change(
        g.day("q-1", 40), stage=STAGE[6], forecast_category="commit"
    ).win(won)
    years = (240_000, 420_000, 600_000)
    order = g.order(deal, "new", won, exit_arr_minor=60_000_000, tcv_minor=sum(years) * 100, opt_out_on=as_date(won + 365))
    deal.change(won, hour=18.01, tcv_minor=sum(years) * 100)
    _years(g, order, won + 1, years)
    g.note("three-year ramp with opt-out", "deals", "bookings", order, "240k, 420k, 600k; opt-out after year one", BOOKINGS)
    account = g.account("Pinehurst University", large, industry="Public Sector", employees=8_000)
    won = g.day("q-2", 80)
    deal = g.deal("Pinehurst University · Prepaid", account, owner, g.day("q-4", 30), won, 180_000, term_months=36)
    deal.change(g.day("q-2", 20), stage=STAGE[5], forecast_category="commit").win(won)
    order = g.order(deal, "new", won, payment_terms="Prepaid 36 months")
    _years(g, order, won + 1, (180_000, 180_000, 180_000))
    g.add("commission_events", order_id=order, line=1, event="invoice", at=(won + 2) * DAY, amount_minor=54_000_000)
    g.note("prepaid three-year", "deals", "bookings", order, "540k invoiced at once", BOOKINGS)


def _years(g: Garden, order: str, start: int, amounts: tuple[int, ...]) -> None:
    for number, amount in enumerate(amounts):
        g.add("booking_years", order_id=order, line=1, year_no=number + 1, start_date=as_date(start + 365 * number),
              end_date=as_date(start + 365 * (number + 1)), amount_minor=amount * 100)  # fmt: skip


def _split(g: Garden, large: str) -> None:
    regions = g.world.regions
    account = g.account("Halcyon Global Freight plc", large, "GB", employees=18_000)
    first, second = g.rep(regions[1 % len(regions)], large), g.rep(regions[0], large, 3)
    won = g.day("q-1", 27)
    deal = g.deal("Halcyon Global Freight · New Business", account, first, g.day("q-3", 40), won, 350_000)
    deal.change(g.day("q-2", 40), stage=STAGE[4], forecast_category="best_case").change(
        g.day("q-1", 6), stage=STAGE[6], forecast_category="commit"
    ).win(won)
    changed, since = won + 18, g.day("q-3", 40)
    for user, before, after in ((first, 600_000, 500_000), (second, 400_000, 500_000)):
        g.split(deal, user, before, since, changed)
        g.split(deal, user, after, changed)
    engineer = int(g.staff.overlay["SE"][0])
    g.split(deal, engineer, 1_000_000, since + 20, overlay=True)
    g.add(
        "opportunity_team",
        opportunity_id=deal.id,
        user_id=g.staff.users[engineer]["id"],
        since=as_date(since + 20),
        role="Sales Engineer",
        is_primary=False,
    )
    g.order(deal, "new", won)
    detail = f"60/40 until {as_date(changed)}, then 50/50; won on {as_date(won)}"
    g.note("60/40 split across regions plus an overlay SE, changed after close", "deals", "opportunities", deal.id, detail, DEALS)


def _channel(g: Garden, large: str) -> None:
    account = g.account("Aurelia Hotels International", large, industry="Retail", employees=22_000)
    owner = g.rep(g.world.regions[0], large, 4)
    for number, partner in enumerate(("ACC-P001", "ACC-P002"), 1):
        deal = g.deal(f"Aurelia Hotels · via reseller {number}", account, owner, g.world.date(60 - 9 * number), g.day("q+1", 40), 175_000)
        g.add("opportunity_partners", opportunity_id=deal.id, partner_id=partner, since=as_date(g.world.date(45)), kind="resale", is_primary=True,
              margin_ppm=150_000)  # fmt: skip
        g.note("two resellers on one customer", "deals", "opportunities", deal.id, f"{partner} quotes the same need", DEALS)
    account = g.account("Tidewater Analytics Inc.", g.world.segments[1], industry="Software", employees=640)
    won = g.past("q", 12)
    deal = g.deal(
        "Tidewater Analytics · Marketplace", account, g.rep(g.world.regions[0], g.world.segments[1]), g.day("q-1", 30), won, 88_000
    )
    deal.change(g.day("q-1", 80), stage=STAGE[5], forecast_category="commit").win(won)
    g.add("opportunity_partners", opportunity_id=deal.id, partner_id="ACC-P003", since=as_date(g.day("q-1", 40)), kind="marketplace", is_primary=True,
          margin_ppm=30_000)  # fmt: skip
    order = g.order(deal, "new", won, partner_id="ACC-P003")
    g.note("a marketplace fee", "deals", "bookings", order, "3 % fee on a marketplace order", BOOKINGS)


def _debook(g: Garden, large: str) -> None:
    account = g.account("Larkspur Biotech Inc.", large, industry="Healthcare", employees=2_600)
    won = g.day("q-2", 84)
    deal = g.deal("Larkspur Biotech · New Business", account, g.rep(g.world.regions[0], large, 5), g.day("q-4", 60), won, 290_000)
    deal.change(g.day("q-2", 30), stage=STAGE[5], forecast_category="commit").win(won)
    order = g.order(deal, "new", won)
    back = g.day("q-1", 40)
    row = deal.row
    reversed_ = g.order(deal, "debook", won, reverses=order, accepted_at=back * DAY + 21 * HOUR, net_arr_minor=-row["net_arr_minor"],
                        first_year_minor=-row["amount_minor"], exit_arr_minor=0, tcv_minor=-row["tcv_minor"])  # fmt: skip
    quarter = g.world.fiscal.label(g.world.quarter - 2)
    g.note("a debook", "deals", "bookings", reversed_, f"reverses {order} on {as_date(back)}", BOOKINGS)
    g.note("restated number", "deals", "bookings", deal.id, f"{quarter}: order reversed after the lock", BOOKINGS)


def _no_order(g: Garden) -> None:
    account = g.account("Brightwater Foods Co.", g.world.segments[1], industry="Retail", employees=1_150)
    won = g.past("q", 5)
    deal = g.deal(
        "Brightwater Foods · New Business", account, g.rep(g.world.regions[0], g.world.segments[1], 1), g.day("q-1", 10), won, 72_000
    )
    deal.change(g.day("q-1", 70), stage=STAGE[6], forecast_category="commit").win(won)
    g.note("a deal won without an order", "deals", "opportunities", deal.id, "no row in bookings", DEALS)

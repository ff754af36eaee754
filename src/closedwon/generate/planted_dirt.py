"""Situations of dirt: what a real CRM holds and a forecast must not be fooled by."""

from __future__ import annotations

from closedwon.generate import names
from closedwon.generate.planting import Deal, Garden
from closedwon.generate.timeline import DAY, as_date, day

STAGE = names.STAGES
PAGE = "data quality"


def dirt(g: Garden) -> None:
    """Placeholders, far dates, test rows, inactive owners, duplicates, the new stage, the renamed field, odd characters."""
    _placeholders(g)
    _far_dates(g)
    _tests(g)
    _inactive(g)
    _duplicates(g)
    _changed_setup(g)
    _odd_text(g)
    g.note("7 % past close dates", "dirt", "opportunities", "", "open deals with a close date before today", PAGE)


def _simple(g: Garden, company: str, value: int, closes: int, number: int = 0, **more: object) -> Deal:
    segment = g.world.segments[number % len(g.world.segments)]
    account = g.account(company, segment, type="Prospect")
    return g.deal(
        f"{company} · New Business",
        account,
        g.rep(g.world.regions[0], segment, 7 + number),
        g.world.date(70 + number),
        closes,
        value,
        **more,
    )


def _placeholders(g: Garden) -> None:
    for number, (company, value) in enumerate((("Winslow Paper", 1), ("Kettle Creek Foods", 1))):
        deal = _simple(g, company, value, g.day("q", 60 + number), number)
        g.note("placeholder amount", "dirt", "opportunities", deal.id, f"amount {value}", PAGE)
    yen = _simple(g, "Ardent Motors", 9_999_999, g.day("q", 62), 2, currency="JPY")
    dollars = _simple(
        g, "Grand Mesa Mining", 9_999_999, g.day("q+1", 63), 2, stage=STAGE[0], forecast_category="omitted", sales_accepted_at=None
    )
    for deal in (yen, dollars):
        g.note("placeholder amount", "dirt", "opportunities", deal.id, f"amount 9999999 {deal.row['currency']}", PAGE)


def _far_dates(g: Garden) -> None:
    far = day(as_date(g.world.today).replace(year=2099, month=12, day=31))
    for number, company in enumerate(("Sundial Optics", "Everstead Homes")):
        deal = _simple(g, company, 40_000 + 10_000 * number, far, number)
        g.note("close date in 2099", "dirt", "opportunities", deal.id, "2099-12-31", PAGE)


def _tests(g: Garden) -> None:
    account = g.account("TEST DO NOT USE", g.world.segments[0], type="Prospect")
    owner = g.staff.special["admin"]
    for number in range(2):
        deal = g.deal(f"TEST DO NOT USE {number + 1}", account, owner, g.world.date(200 - number), g.day("q", 80), 123_456)
        g.note("TEST DO NOT USE", "dirt", "opportunities", deal.id, "left behind by an integration test", PAGE)


def _inactive(g: Garden) -> None:
    gone = [
        number
        for number, user in enumerate(g.staff.users)
        if not user["active"] and user["role"] == "rep" and number not in g.staff.special.values()
    ]
    for number, owner in enumerate(gone[-3:]):
        last = day(g.staff.users[owner]["end_date"])
        segment = g.staff.users[owner]["segment"]
        account = g.account(f"{('Harrow Vale', 'Coldspring', 'Peregrine Bay')[number]} Trading", segment, type="Prospect")
        deal = g.deal(
            f"Left behind {number + 1} · New Business", account, owner, last - 60, g.day("q", 20 + number), 30_000 + 7_000 * number
        )
        deal.change(last - 20, stage=STAGE[3], probability_ppm=280_000)
        g.note("inactive owner", "dirt", "opportunities", deal.id, f"{g.staff.users[owner]['name']} left on {as_date(last)}", PAGE)


def _duplicates(g: Garden) -> None:
    large = g.world.segments[-1]
    parent = g.account("Vantrell Industries Inc.", large, domain="vantrell.example", employees=30_000)
    other = g.account("Ventura Elements Group", large, domain="ventura-elements.example", employees=9_000)
    for name, wrong, reason in (
        ("Vantrell Industries, Inc", other, "same domain, punctuation, wrong parent"),
        ("VANTRELL INDUSTRIES (old)", other, "migrated twice, wrong parent"),
        ("Vantrell Ind. UK Ltd", None, "abbreviated subsidiary without its parent"),
    ):
        twin = g.account(name, large, "GB" if "UK" in name else "US", parent_id=wrong, domain="vantrell.example", employees=29_500)
        g.add("truth_duplicates", table_name="accounts", id=twin, duplicate_of=parent, reason=reason)
        g.note("duplicate account under a wrong parent", "dirt", "accounts", twin, f"is {parent}", PAGE)


def _changed_setup(g: Garden) -> None:
    deal = _simple(g, "Marlow Aerospace", 260_000, g.day("q", 75), 2)
    deal.change(g.world.date(40), stage=STAGE[4], forecast_category="best_case").change(
        g.world.date(20), stage=STAGE[5], forecast_category="commit"
    )
    deal.change(g.world.date(2), hour=17.5, stage=STAGE[names.LEGAL], by=g.staff.id("admin"))
    g.note("a stage added overnight", "dirt", "opportunities", deal.id, "Legal Review, unknown to the pipeline policy", PAGE)
    deal = _simple(g, "Oakhaven Credit Union", 54_000, g.day("q+1", 20), 1, x_primary_use_case="Compliance")
    for on, name, old, new in ((100, "x_use_case", "Growth", "Consolidation"), (50, "x_primary_use_case", "Consolidation", "Compliance")):
        g.add("opportunity_changes", id=deal.id, at=g.world.date(on) * DAY + 10**9, field=name, seq=0, old_value=old, new_value=new,
              changed_by=deal.by, known_at=g.world.date(on) * DAY + 10**9, is_reconstructed=False)  # fmt: skip
    deal.row["created_at"] = g.world.date(130) * DAY
    deal.row["known_at"] = deal.row["created_at"]
    renamed = as_date(g.world.date(72))
    g.note("a field renamed mid-quarter", "dirt", "opportunities", deal.id, f"x_use_case is x_primary_use_case since {renamed}", PAGE)


def _odd_text(g: Garden) -> None:
    for number, name in enumerate(("Café Größe & Söhne 🚀", "株式会社 東風データ", '=HYPERLINK("http://x") Ltd')):
        deal = _simple(g, name, 20_000 + 5_000 * number, g.day("q", 50 + number), number)
        g.note("odd characters", "dirt", "opportunities", deal.id, name, PAGE)

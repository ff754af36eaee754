"""Situations of renewals, each with its contract."""

from __future__ import annotations

from closedwon.generate import names
from closedwon.generate.planting import Garden
from closedwon.generate.timeline import DAY, HOUR, as_date

STAGE = names.STAGES
PAGE = "account"


def renewals(g: Garden) -> None:
    """Early with upsell, late, silent, flat with seat loss, co-termed, evergreen, partial churn, reactivation."""
    _early(g)
    _late(g)
    _silent(g)
    _flat(g)
    _cotermed(g)
    _evergreen(g)
    _partial(g)
    _reactivation(g)


def _early(g: Garden) -> None:
    middle, due = g.world.segments[1], g.day("q+1", 20)
    account, owner = (
        g.account("Hollis & Wren Architects LLP", middle, "GB", employees=700),
        g.rep(g.world.regions[1 % len(g.world.regions)], middle),
    )
    old = g.contract(account, due - 365, due, 84_000, "GBP")
    deal = g.renewal("Hollis & Wren · Renewal", account, owner, due - 150, due, 84_000, contract_id=old)
    won = g.past("q", 9)
    deal.change(won - 12, stage=STAGE[5], forecast_category="commit").worth(won - 3, 109_000).win(won)
    new = g.contract(account, due + 1, due + 365, 109_000, "GBP")
    g.rows["contracts"][-2].update(renewed_by=new, renewal_opportunity_id=deal.id)
    g.order(deal, "renewal", won)
    g.note("early renewal with upsell", "renewals", "opportunities", deal.id, f"due {as_date(due)}, won {as_date(won)}, 84k to 109k", PAGE)


def _late(g: Garden) -> None:
    middle, due = g.world.segments[1], g.day("q-1", 30)
    account, owner = g.account("Quillon Press Inc.", middle, industry="Media", employees=410), g.rep(g.world.regions[0], middle, 2)
    old = g.contract(account, due - 365, due, 61_000)
    deal = g.renewal("Quillon Press · Renewal", account, owner, due - 130, due, 61_000, contract_id=old)
    deal.change(due - 30, stage=STAGE[4], forecast_category="best_case").push(due + 6, due + 35).change(
        due + 20, stage=STAGE[6], forecast_category="commit"
    )
    deal.win(due + 40)
    new = g.contract(account, due + 1, due + 365, 61_000)
    g.rows["contracts"][-2].update(renewed_by=new, renewal_opportunity_id=deal.id)
    g.order(deal, "renewal", due + 40)
    g.note("renewal 40 days late", "renewals", "opportunities", deal.id, f"due {as_date(due)}, won {as_date(due + 40)}", PAGE)


def _silent(g: Garden) -> None:
    due = g.day("q-1", 61)
    account = g.account("Tolliver Dental Partners", g.world.segments[0], industry="Healthcare", employees=85)
    new = g.contract(account, due + 1, due + 365, 18_500, auto_renew=True)
    old = g.contract(account, due - 365, due, 18_500, auto_renew=True, renewed_by=new)
    g.note("auto-renewed with no opportunity", "renewals", "contracts", old, f"renewed by {new} without a deal", PAGE)


def _flat(g: Garden) -> None:
    middle, due = g.world.segments[1], g.day("q-1", 45)
    account, owner = g.account("Ironwood Staffing Corp.", middle, employees=930), g.rep(g.world.regions[0], middle, 3)
    old = g.contract(account, due - 365, due, 96_000)
    deal = g.renewal("Ironwood Staffing · Renewal", account, owner, due - 140, due, 96_000, contract_id=old)
    deal.change(due - 40, stage=STAGE[4], forecast_category="commit").worth(due - 8, 80_000).win(due - 2)
    new = g.contract(account, due + 1, due + 365, 80_000)
    g.rows["contracts"][-2].update(renewed_by=new, renewal_opportunity_id=deal.id)
    order = g.order(deal, "contraction", due - 2)
    g.add("line_items", id="LIN-S0001", opportunity_id=deal.id, product_id="P-CORE", price_type="recurring", quantity=500, prior_quantity=600,
          unit_price_minor=16_000, discount_ppm=0, amount_minor=8_000_000, currency="USD", start_date=as_date(due), term_months=12)  # fmt: skip
    g.note("flat price with seat loss", "renewals", "bookings", order, "600 to 500 seats at 160.00", PAGE)


def _cotermed(g: Garden) -> None:
    large, end = g.world.segments[-1], g.day("q+2", 0)
    account, owner = g.account("Saltmarsh Utilities Corp.", large, industry="Energy", employees=7_900), g.rep(g.world.regions[0], large, 6)
    contract = g.contract(account, end - 365, end, 312_000)
    won = g.day("q-1", 80)
    term = max(1, (end - won) // 30)
    deal = g.deal(
        "Saltmarsh Utilities · Expansion",
        account,
        owner,
        won - 70,
        won,
        72_000,
        order_type="expansion",
        term_months=term,
        contract_id=contract,
    )
    deal.change(won - 30, stage=STAGE[4], forecast_category="commit").win(won)
    order = g.order(deal, "expansion", won, effective_end=as_date(end))
    g.note("co-termed expansion", "renewals", "bookings", order, f"ends with {contract} on {as_date(end)}", PAGE)


def _evergreen(g: Garden) -> None:
    account = g.account("Bramble & Finch Ltd", g.world.segments[0], "GB", industry="Retail", employees=140)
    contract = g.contract(account, g.world.begin + 200, None, 22_000, "GBP", auto_renew=True)
    g.note("evergreen", "renewals", "contracts", contract, "no end date", PAGE)


def _partial(g: Garden) -> None:
    large, due = g.world.segments[-1], g.past("q", 14, 4)
    account, owner = (
        g.account("Ostmark Maschinenbau GmbH", large, "DE", employees=6_100),
        g.rep(g.world.regions[1 % len(g.world.regions)], large, 1),
    )
    old = g.contract(account, due - 365, due, 420_000, "EUR")
    deal = g.renewal("Ostmark Maschinenbau · Renewal", account, owner, due - 160, due, 420_000, contract_id=old)
    deal.change(due - 50, stage=STAGE[4], forecast_category="best_case").worth(due - 4, 250_000).win(due + 1)
    new = g.contract(account, due + 1, due + 365, 250_000, "EUR")
    g.rows["contracts"][-2].update(renewed_by=new, renewal_opportunity_id=deal.id)
    order = g.order(deal, "contraction", due + 1)
    g.note("partial churn", "renewals", "bookings", order, "one of three plants left: 420k to 250k", PAGE)


def _reactivation(g: Garden) -> None:
    small, ended = g.world.segments[0], g.day("q-5", 40)
    account, owner = g.account("Lumen Lane Studios LLC", small, industry="Media", employees=75), g.rep(g.world.regions[0], small, 1)
    old = g.contract(account, ended - 365, ended, 16_000, cancelled_at=ended * DAY + 18 * HOUR)
    lost = g.renewal("Lumen Lane Studios · Renewal", account, owner, ended - 90, ended, 16_000, contract_id=old)
    lost.change(ended - 20, stage=STAGE[3]).lose(ended, "No budget")
    g.rows["contracts"][-1].update(renewal_opportunity_id=lost.id)
    g.order(lost, "churn", ended, net_arr_minor=-1_600_000, renewal_base_minor=1_600_000, first_year_minor=0, exit_arr_minor=0, tcv_minor=0)
    won = g.day("q-1", 58)
    back = g.deal("Lumen Lane Studios · New Business", account, owner, won - 45, won, 21_000)
    back.change(won - 20, stage=STAGE[4], forecast_category="commit").win(won)
    g.order(back, "new", won)
    g.contract(account, won + 1, won + 366, 21_000)
    g.note("reactivation", "renewals", "opportunities", back.id, f"churned on {as_date(ended)}, back on {as_date(won)}", PAGE)

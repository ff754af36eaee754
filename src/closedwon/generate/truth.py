"""The truth tables: what the generator decided. Rules never read them; tests compare with them."""

from __future__ import annotations

from closedwon.base.tables import Column, columns

TRUTH: dict[str, tuple[Column, ...]] = {
    "truth_opportunities": columns(
        "opportunity_id win_probability_ppm will_win:bool true_close_date:date slip_cause true_pushes:int n_contacts:int n_activities:int "
        "has_competitor:bool has_partner:bool industry talent_ppm"
    ),
    "truth_effects": columns("feature effect_ppm doc"),
    "truth_duplicates": columns("table_name id duplicate_of reason"),
    "truth_situations": columns("situation family table_name id detail page"),
}
"""Columns of each truth table."""

CUSTOM: dict[str, tuple[str, ...]] = {
    "assignments": ("x_draw_owed",),
    "opportunities": ("x_use_case", "x_primary_use_case"),
}
"""Custom columns of the example company, all text."""
EFFECTS = {
    "source_partner": "Lead source is Partner", "source_inbound": "Lead source is Inbound", "source_event": "Lead source is Event",
    "source_sdr": "Lead source is SDR", "source_outbound": "Lead source is Outbound", "multi_threaded": "Three contacts on the deal",
    "single_threaded": "At most one contact on the deal", "competitor": "A competitor is on the deal", "partner": "A partner is on the deal",
    "active_start": "Four or more activities", "size": "Per standard deviation of log size within the segment",
    "talent": "Per unit of log talent of the owner", "industry_fit": "Account is in Software or Financial Services",
}  # fmt: skip

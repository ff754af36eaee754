"""The metrics of the funnel: each with its formula, its population and its unit. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["share", "money", "days", "count", "per_day", "pushes", "hours", "ratio"]
Adds = Literal["ratio", "sum", "curve", "product", ""]


@dataclass(frozen=True)
class Metric:
    """One metric. `measure` is what its rows are counted under; `of` the outcomes among them that the numerator counts.

    `adds` says how a total is made of its segments: a ratio of sums, a sum, a curve of all together, a product of parts, or not at all. `within` names the
    outcomes of its population where it is not all of the measure's; `priced` and `dated` ask for an amount above zero and for known days.
    """

    key: str
    label: str
    unit: Unit
    formula: str
    population: str
    measure: str
    adds: Adds = "ratio"
    of: str = ""
    group: str = "Win rates"
    staged: bool = False
    naive: bool = False
    up_is_good: bool = True
    within: tuple[str, ...] = ()
    priced: bool = False
    dated: bool = False

    def named(self, detail: str = "") -> str:
        """The name in a list of metrics: the key, with the stage or age behind a colon."""
        return f"{self.key}:{detail}" if detail else self.key


_CLOSED = "Deals won or lost as they stand at the as-of day, with their close date in the period."
_BORN = "Deals created in the period, whatever became of them by the as-of day; deals without a day of birth have no cohort."
_WON = "Deals won with their close date in the period."
_ENTERED = "Deals that came to the stage in the period from an earlier one, or began in it; a deal that had been further before does not enter again."

METRICS: tuple[Metric, ...] = (
    Metric("close_rate", "Close rate", "share", "won ÷ (won + lost)", f"{_CLOSED} Losses to no decision are left out; censored: deals still open that are due in the period.", "closed", of="won", within=("won", "lost")),
    Metric("broad_win_rate", "Broad win rate", "share", "won ÷ (won + lost + no decision)", f"{_CLOSED} Censored: deals still open that are due in the period.", "closed", of="won"),
    Metric("value_win_rate", "Value win rate", "share", "Σ amount of won ÷ Σ amount of won and lost, each amount as of entry to the stage that the policy names", f"{_CLOSED} Censored: deals still open that are due in the period.", "closed", of="won"),
    Metric("cohort_win_rate", "Cohort win rate", "share", "won ÷ created, open deals included: a young cohort reads low", f"{_BORN} Censored: still open.", "cohort", of="won"),
    Metric("win_rate_at", "Win rate by age", "share", "Σ still open before u · won on day u ÷ at risk on day u, over u up to the age (Aalen–Johansen; lost competes)", f"{_BORN} Censored: still open before that age.", "cohort", "curve", of="won"),
    Metric("stage_conversion", "Stage conversion", "share", "share that reached a further stage or was won before it was lost (Aalen–Johansen; lost competes)", f"{_ENTERED} Censored: neither further nor lost by the as-of day.", "stage", "curve", of="forward", group="Stages", staged=True),
    Metric("stage_conversion_naive", "Stage conversion, naive", "share", "moved on ÷ entered: deals that have not moved yet count as if they never would", f"{_ENTERED} Censored: neither further nor lost by the as-of day, and counted as not moved.", "stage", of="forward", group="Stages", staged=True, naive=True),
    Metric("stage_duration", "Stage duration", "days", "the day by which half of the visits had ended, open visits at risk until today (Kaplan–Meier)", "Visits of the stage that began in the period, however they ended. Censored: still there.", "visit", "", of="left", group="Stages", staged=True, up_is_good=False),
    Metric("stage_duration_naive", "Stage duration, naive", "days", "mean days of visits that have ended: long visits are still open and missing", "Visits of the stage that began in the period and have ended. Censored: still there, and left out.", "visit", of="left", group="Stages", staged=True, naive=True, up_is_good=False, within=("left",)),
    Metric("velocity", "Sales velocity", "per_day", "deals × win rate × average price ÷ cycle length", f"{_CLOSED} All four parts over the same deals.", "closed", "product", group="Velocity"),
    Metric("velocity_deals", "Velocity: deals", "count", "deals won or lost", _CLOSED, "closed", "sum", group="Velocity"),
    Metric("velocity_win_rate", "Velocity: win rate", "share", "won ÷ (won + lost), no decision included", _CLOSED, "closed", of="won", group="Velocity"),
    Metric("velocity_price", "Velocity: average price", "money", "Σ amount of won deals ÷ won deals, those of amount zero included", f"{_WON} Those whose day of birth is known.", "closed", of="won", group="Velocity", within=("won",), dated=True),
    Metric("velocity_cycle", "Velocity: cycle length", "days", "Σ days from creation to close ÷ won deals", f"{_WON} Those whose day of birth is known.", "closed", of="won", group="Velocity", up_is_good=False, within=("won",), dated=True),
    Metric("pipeline_created", "Pipeline created", "money", "Σ amount on the day a deal first counted as pipeline", "Deals that came in the period to the stage from which the policy counts pipeline, with an amount above zero.", "made", "sum", group="Pipeline"),
    Metric("pipeline_created_count", "Pipeline created, deals", "count", "deals that first counted as pipeline", "Deals that came in the period to the stage from which the policy counts pipeline, with an amount above zero.", "made", "sum", group="Pipeline"),
    Metric("slip_rate", "Slip rate", "share", "Σ amount that was still open when the period was over, or is dated out of it ÷ Σ amount at the begin", "Deals open at the begin of the period and due in it then. Censored: still open and due in a period that is not over.", "slip", of="slipped", group="Pipeline", up_is_good=False),
    Metric("slip_rate_count", "Slip rate, deals", "share", "deals still open when the period was over, or dated out of it ÷ deals at the begin", "Deals open at the begin of the period and due in it then. Censored: still open and due in a period that is not over.", "slip", of="slipped", group="Pipeline", up_is_good=False),
    Metric("push_rate", "Pushes per deal", "pushes", "moves of the close date into a later calendar quarter ÷ deals", "Deals that were open at some time in the period; moves made in it.", "push", group="Pipeline", up_is_good=False),
    Metric("push_days", "Days per push", "days", "Σ days moved ÷ moves into a later calendar quarter", "Moves of the close date into a later calendar quarter, made in the period while the deal was open.", "push", group="Pipeline", up_is_good=False),
    Metric("cycle_won_mean", "Won cycle, mean", "days", "Σ days from creation to close ÷ won deals", f"{_WON} Those whose day of birth is known.", "closed", of="won", group="Cycle and price", up_is_good=False, within=("won",), dated=True),
    Metric("cycle_won_median", "Won cycle, median", "days", "the middle of the days from creation to close", f"{_WON} Those whose day of birth is known.", "closed", "", of="won", group="Cycle and price", up_is_good=False, within=("won",), dated=True),
    Metric("cycle_median", "Cycle, median of all", "days", "the day by which half of the deals had ended, won or lost, open deals at risk until today (Kaplan–Meier)", f"{_BORN} Censored: still open.", "cohort", "", group="Cycle and price", up_is_good=False),
    Metric("asp_mean", "Average selling price", "money", "Σ amount ÷ won deals", f"{_WON} Those with an amount above zero.", "closed", of="won", group="Cycle and price", within=("won",), priced=True),
    Metric("asp_median", "Median selling price", "money", "the middle of the amounts", f"{_WON} Those with an amount above zero.", "closed", "", of="won", group="Cycle and price", within=("won",), priced=True),
    Metric("exit_compliance", "Exit criteria kept", "share", "moves with every asked field filled ÷ moves forward", "Moves forward out of the stage in the period, the deal as it stood with the move. Which fields: the policy's.", "exit", of="kept", group="Discipline", staged=True),
    Metric("lead_conversion", "Lead conversion", "share", "share of leads converted, leads without an end at risk until today (Aalen–Johansen; given up competes)", "Leads created in the period. Censored: neither converted nor given up.", "lead", "curve", of="converted", group="Leads"),
    Metric("lead_conversion_naive", "Lead conversion, naive", "share", "converted ÷ created", "Leads created in the period. Censored: neither converted nor given up, and counted as not converted.", "lead", of="converted", group="Leads", naive=True),
    Metric("lead_response_in_time", "Follow-up in time", "share", "leads answered within the policy's hours ÷ leads whose clock has run out or that were answered", "Leads created in the period. Censored: not answered, and the clock is still running.", "response", of="in time", group="Leads", within=("in time", "late", "unanswered")),
    Metric("lead_response_median", "Follow-up, median", "hours", "the hour by which half of the leads had an answer, unanswered leads at risk until today (Kaplan–Meier)", "Leads created in the period. Censored: not answered.", "response", "", group="Leads", up_is_good=False),
)  # fmt: skip

BY_KEY = {metric.key: metric for metric in METRICS}


def metric_of(name: str) -> tuple[Metric, str] | None:
    """The metric that a name stands for and its stage or age; None where there is none."""
    key, _, detail = name.partition(":")
    found = BY_KEY.get(key)
    return None if found is None else (found, detail)

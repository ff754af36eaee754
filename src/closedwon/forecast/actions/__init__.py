"""The verbs of the forecast: roll up, compare two days, open what is behind a number, look at deals, keep the answers ready."""

from closedwon.forecast.actions.board import Board, board, refresh
from closedwon.forecast.actions.deals import DealPage, bar_deals, deals_behind, inspection
from closedwon.forecast.actions.flags import FlagMove, Moves, Raised, Why, moves, why
from closedwon.forecast.actions.flows import waterfall
from closedwon.forecast.actions.rollups import roll_up

__all__ = [
    "Board", "DealPage", "FlagMove", "Moves", "Raised", "Why", "bar_deals", "board", "deals_behind", "inspection", "moves", "refresh", "roll_up",
    "waterfall", "why",
]  # fmt: skip

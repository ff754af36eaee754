"""The verbs of the forecast: roll up, compare two days, open what is behind a number, look at deals, keep the answers ready."""

from closedwon.forecast.actions.board import Board, board, refresh
from closedwon.forecast.actions.deals import DealPage, Raised, bar_deals, deals_behind, inspection
from closedwon.forecast.actions.flows import waterfall
from closedwon.forecast.actions.rollups import roll_up

__all__ = ["Board", "DealPage", "Raised", "bar_deals", "board", "deals_behind", "inspection", "refresh", "roll_up", "waterfall"]

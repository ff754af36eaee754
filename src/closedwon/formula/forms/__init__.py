"""Functions that are built from core operations: their arguments are checked and put together here."""

from closedwon.formula.forms.core import MOST_NODES
from closedwon.formula.forms.dates import Dates
from closedwon.formula.forms.logic import Logic
from closedwon.formula.forms.numbers import Numbers
from closedwon.formula.forms.tiers import Tiers

__all__ = ["MOST_NODES", "Forms"]


class Forms(Logic, Numbers, Dates, Tiers):
    """The forms; the checker adds names, operators and coercions."""

"""Decision tables: typed grids with the hit policies of DMN 1.4, exact for one record and as SQL for many."""

from closedwon.formula.decisions.cells import Test, parse_cell
from closedwon.formula.decisions.lint import Lint, lint
from closedwon.formula.decisions.table import DecisionTable, Outcome, build

__all__ = ["DecisionTable", "Lint", "Outcome", "Test", "build", "lint", "parse_cell"]

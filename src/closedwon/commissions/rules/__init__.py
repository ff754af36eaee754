"""The calculation: transactions, credits, quotas and events in; statement lines with every step, and what is paid, out. Values to values."""

from closedwon.commissions.rules.inputs import Inputs, read_folder, read_rows
from closedwon.commissions.rules.run import calculate

__all__ = ["Inputs", "calculate", "read_folder", "read_rows"]

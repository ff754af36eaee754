"""The compiler to SQL.

An exact number is a whole number at its type's scale (64 bits where its digits fit, else 128), so nothing is lost; a value that cannot
be had is an error beside the value, per row, never a failed query and never a silent NULL. Parts that are used twice become columns of
an inner SELECT, so the text stays in proportion to the formula.
"""

from closedwon.formula.sql.dialect import literal, quoted
from closedwon.formula.sql.writer import Writer

__all__ = ["Writer", "literal", "quoted"]

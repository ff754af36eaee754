"""The function table: one declaration per function with its signature, meaning, example, interpreter and SQL.

The reference page is written from this table and every example is run as a test. Functions that need more than values of their
arguments (IF, SUM over rows, ROUND, ...) name `form` instead: how the checker builds them from the core operations.
"""

from __future__ import annotations

from closedwon.formula import functions_date, functions_math, functions_text
from closedwon.formula.declared import Function

TABLE: dict[str, Function] = {}


def declare(*functions: Function) -> None:
    """Put functions into the table."""
    for function in functions:
        TABLE[function.name] = function


def special(name: str, params: str, gives: str, doc: str, example: str, shows: str, group: str, form: str = "") -> Function:
    """A function that the checker builds from core operations."""
    return Function(name, params, gives, doc, example, shows, group, form=form or name.lower())


declare(
    special("IF", "yes/no test, any then, any otherwise?", "as its branches", "The first value where the test holds, else the second.", 'IF(5 > 3, "more", "less")', "more", "Logic"),
    special("IFS", "yes/no test, any value, ...", "as its branches", "The value after the first test that holds; an odd last argument is for the rest.", 'IFS(FALSE, "a", TRUE, "b", "c")', "b", "Logic"),
    special("CASE", "any value, any case, any result, ..., any otherwise", "as its results", "The result after the case that equals the value, else the last one.", 'CASE("B", "A", 1, "B", 2, 0)', "2", "Logic"),
    special("AND", "yes/no test, ...", "yes/no", "Whether all hold; looks no further after the first that does not.", "AND(1 < 2, 2 < 3)", "true", "Logic"),
    special("OR", "yes/no test, ...", "yes/no", "Whether one holds; looks no further after the first that does.", "OR(1 > 2, 2 < 3)", "true", "Logic"),
    special("NOT", "yes/no test", "yes/no", "The opposite.", "NOT(1 > 2)", "true", "Logic"),
    special("ISBLANK", "any value", "yes/no", "Whether there is no value.", 'ISBLANK("")', "true", "Logic"),
    special("ISNULL", "any value", "yes/no", "As ISBLANK, but a text is never null.", 'ISNULL("")', "false", "Logic"),
    special("BLANKVALUE", "any value, any instead", "as its arguments", "The value, or the other where it is blank.", 'BLANKVALUE("", "none")', "none", "Logic"),
    special("NULLVALUE", "any value, any instead", "as its arguments", "As BLANKVALUE, but a text is never null.", "NULLVALUE(NULL, 3)", "3", "Logic"),
    special("IFERROR", "any value, any instead", "as its arguments", "The value, or the other where it cannot be had.", "IFERROR(1 / 0, -1)", "-1", "Logic"),
    special("ISPICKVAL", "picklist value, text text", "yes/no", 'Whether a picklist has the value; "" asks for blank.', 'ISPICKVAL("Won", "Won")', "true", "Logic"),
    special("IN", "any value, any candidate, ...", "yes/no", "Whether the value equals one of the others; also written value IN (a, b).", 'IN("US", "CA", "US")', "true", "Logic"),
    special("ABS", "number value", "number", "The value without its sign.", "ABS(-2.5)", "2.5", "Number"),
    special("ROUND", "number value, int decimals?", "number", "Rounded half away from zero; a negative count rounds to tens, hundreds.", "ROUND(2.345, 2)", "2.35", "Number"),
    special("ROUNDUP", "number value, int decimals?", "number", "Rounded away from zero.", "ROUNDUP(2.341, 2)", "2.35", "Number", "round"),
    special("ROUNDDOWN", "number value, int decimals?", "number", "Rounded towards zero.", "ROUNDDOWN(2.349, 2)", "2.34", "Number", "round"),
    special("TRUNC", "number value, int decimals?", "number", "Cut after so many decimals.", "TRUNC(-2.349, 1)", "-2.3", "Number", "round"),
    special("FLOOR", "number value", "number", "The whole number next towards zero.", "FLOOR(-2.5)", "-2", "Number", "round"),
    special("CEILING", "number value", "number", "The whole number next away from zero.", "CEILING(-2.5)", "-3", "Number", "round"),
    special("MFLOOR", "number value", "number", "The largest whole number that is not above.", "MFLOOR(-2.5)", "-3", "Number", "round"),
    special("MCEILING", "number value", "number", "The smallest whole number that is not below.", "MCEILING(-2.5)", "-2", "Number", "round"),
    special("MROUND", "number value, number multiple", "number", "Rounded to the nearest multiple, half away from zero.", "MROUND(7, 5)", "5", "Number"),
    special("MOD", "number value, number divisor", "number", "The rest after whole division, with the sign of the value.", "MOD(-7, 3)", "-1", "Number"),
    special("MIN", "number value, ...", "number", "The smallest; over a row set: MIN(lines.net WHERE ...).", "MIN(3, 1, 2)", "1", "Number", "least"),
    special("MAX", "number value, ...", "number", "The largest; over a row set: MAX(lines.net WHERE ...).", "MAX(3, 1, 2)", "3", "Number", "least"),
    special("SUM", "row set values", "number", 'The sum of a field over the rows, of none 0: SUM(lines.net WHERE lines.kind = "new").', 'SUM(lines.net WHERE lines.kind = "new")', "30", "Rows", "agg"),
    special("AVG", "row set values", "number", "The mean of a field over the rows, blank where there are none.", "AVG(lines.net)", "20", "Rows", "agg"),
    special("COUNT", "row set values", "number", "How many rows: COUNT(lines), COUNT(lines WHERE lines.net > 10).", "COUNT(lines WHERE lines.net > 10)", "2", "Rows", "agg"),
    special("VALUE", "text text", "number", "The number that a text shows.", 'VALUE("12.5")', "12.5", "Number"),
    special("TEXT", "any value", "text", "The value as text: numbers without trailing zeros, dates as 2026-03-31.", "TEXT(12.50)", "12.5", "Text"),
    special("LOOKUP", "table table, any key, ...", "as the table", "The value of the table's row with these keys, blank where there is none.", 'LOOKUP(rates, "EMEA")', "0.1", "Policy"),
    special("MONTHS_BETWEEN", "date from, date to, text basis?", "number", 'Months from one day to another: "whole", "actual" (with the part of the last month) or "30/360".', 'MONTHS_BETWEEN(DATE(2026, 1, 15), DATE(2026, 4, 14), "whole")', "2", "Policy"),
    special("PRORATE", "money yearly, date from, date to, text basis?", "as the amount", 'The part of a yearly amount for [from, to): "actual/365", "actual/360", "30/360" or "month".', 'PRORATE(3650, DATE(2026, 1, 1), DATE(2026, 1, 11), "actual/365")', "100", "Policy"),
    special("TIER_SLAB", "number value, number from, number rate, ...", "number", "Each part of the value at the rate of its own tier, added up.", "TIER_SLAB(150, 0, 10%, 100, 20%)", "20", "Policy", "tier"),
    special("TIER_RANGE", "number value, number from, number rate, ...", "number", "The whole value at the rate of the tier that it reaches.", "TIER_RANGE(150, 0, 10%, 100, 20%)", "30", "Policy", "tier"),
    special("INTERPOLATE", "number value, number x, number y, ...", "number", "On the line between the points around the value; flat outside.", "INTERPOLATE(150, 100, 10, 200, 20)", "15", "Policy"),
    special("TODAY", "", "date", "The day for which the formula is evaluated; it is given, never taken from a clock.", "TODAY()", "2026-03-31", "Date and time"),
    special("NOW", "", "datetime", "The instant for which the formula is evaluated; it is given, never taken from a clock.", "NOW()", "2026-03-31 12:00:00", "Date and time"),
    special("FORMATDURATION", "any from, any to", "text", "A duration as d:hh:mm:ss or hh:mm:ss, of two moments or of seconds and whether to show days.", "FORMATDURATION(90061, TRUE)", "1:01:01:01", "Date and time"),
    special("DATEVALUE", "any value", "date", "The day of a date-time (UTC) or of a text such as 2026-03-31.", 'DATEVALUE("2026-03-31")', "2026-03-31", "Date and time"),
    special("DATETIMEVALUE", "any value", "datetime", "The moment of a text such as 2026-03-31 12:00:00, or the midnight of a day.", 'DATETIMEVALUE("2026-03-31 12:00:00")', "2026-03-31 12:00:00", "Date and time"),
    special("TIMEVALUE", "any value", "time", "The time of a date-time (UTC) or of a text such as 12:30:00.000.", 'TIMEVALUE("12:30:00.000")', "12:30:00.000", "Date and time"),
    special("ADDMONTHS", "any value, int months", "as the value", "So many months later; a month's last day stays the last day.", "ADDMONTHS(DATE(2026, 2, 28), 1)", "2026-03-31", "Date and time"),
    special("UNIXTIMESTAMP", "datetime value", "number", "Seconds since 1970 began, UTC.", "UNIXTIMESTAMP(FROMUNIXTIME(90))", "90", "Date and time"),
    special("FROMUNIXTIME", "number seconds", "datetime", "The moment so many seconds after 1970 began, UTC.", "FROMUNIXTIME(90)", "1970-01-01 00:01:30", "Date and time"),
)  # fmt: skip


for _functions in (functions_math.FUNCTIONS, functions_text.FUNCTIONS, functions_date.FUNCTIONS):
    declare(*_functions)

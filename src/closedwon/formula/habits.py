"""What people write from habit in Excel, SQL or other tools, and what to write instead."""

from __future__ import annotations

_JOIN = 'Join texts with &, as in name & " " & city.'
_LOOKUP = "Write LOOKUP(table, key)."
_ROWS = "Write {0}(rows.field WHERE test)."
FUNCTIONS = {
    "CONCATENATE": _JOIN, "CONCAT": _JOIN, "TEXTJOIN": _JOIN, "VLOOKUP": _LOOKUP, "XLOOKUP": _LOOKUP, "HLOOKUP": _LOOKUP, "INDEX": _LOOKUP, "MATCH": _LOOKUP,
    "SWITCH": "Write CASE(value, case, result, otherwise).", "COALESCE": "Write BLANKVALUE(value, instead).", "IFNULL": "Write BLANKVALUE(value, instead).", "NVL": "Write BLANKVALUE(value, instead).",
    "ISEMPTY": "Write ISBLANK(value).", "IFNA": "Write IFERROR(value, instead).", "ISERROR": "Write IFERROR(value, instead).", "LENGTH": "Write LEN(text).", "AVERAGE": "Write AVG(rows.field).",
    "SUMIF": _ROWS.format("SUM"), "SUMIFS": _ROWS.format("SUM"), "COUNTIF": "Write COUNT(rows WHERE test).", "COUNTIFS": "Write COUNT(rows WHERE test).", "AVERAGEIF": _ROWS.format("AVG"),
    "POWER": "Write value ^ 2.", "EDATE": "Write ADDMONTHS(date, months).", "DATEADD": "Write date + days, or ADDMONTHS(date, months).", "DATEDIF": "Write later - earlier, or MONTHS_BETWEEN(from, to).",
    "DATEDIFF": "Write later - earlier, or MONTHS_BETWEEN(from, to).", "DAYS": "Write later - earlier.", "PROPER": "Write INITCAP(text).", "REPLACE": "Write SUBSTITUTE(text, old, new).", "STARTSWITH": "Write BEGINS(text, part).",
    "SEARCH": "Write FIND(part, text).", "INSTR": "Write FIND(part, text).", "INT": "Write MFLOOR(value), or FLOOR(value) towards zero.", "XOR": "Write a <> b.", "CAST": "Write VALUE(text) or TEXT(value).",
}  # fmt: skip
"""Functions of other tools."""
WORDS = {
    "IS": "Write ISBLANK(value) or NOT ISBLANK(value).", "BETWEEN": "Write value >= 1 AND value <= 5.", "LIKE": 'Write LIKE(text, "a%") or BEGINS(text, "a").', "IN": "Write value IN (a, b).", "CONTAINS": "Write CONTAINS(text, part).",
    "THEN": "Write IF(test, then, otherwise).", "ELSE": "Write IF(test, then, otherwise).", "MOD": "Write MOD(value, divisor).", "EQUALS": "Write =.",
}  # fmt: skip
"""Words between values."""
SIGNS = {
    ("=", ">"): "Write >=.",
    ("=", "<"): "Write <=.",
    ("*", "*"): "Write ^.",
    (">", ">"): "Write >.",
    ("<", "<"): "Write <.",
    ("!", "="): "Write <>.",
    ("+", "+"): "Write + 1.",
}
"""Signs that follow each other."""


def after(previous: str, text: str, first: str) -> str:
    """The mend for what stands where an operator or the end is expected."""
    word = text.upper()
    if first.upper() == "IF" and word not in WORDS:
        return WORDS["THEN"]
    if text == ")":
        return "There is one ) too many."
    if text == "," and previous.isdecimal():
        return "Write thousands without a comma, as in 1000."
    if previous.isdecimal() and text.startswith("_"):
        return "Write thousands without a sign between, as in 1000."
    return WORDS.get(word, "An operator or a comma is missing before it.")

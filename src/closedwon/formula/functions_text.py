"""Functions on texts. A blank text and an empty one are the same; positions count characters (code points) from 1."""

from __future__ import annotations

import re
from functools import lru_cache

import re2

from closedwon.formula.declared import Function
from closedwon.formula.nodes import Fault
from closedwon.formula.types import INTEGER, TEXT, YESNO

LONGEST = 100_000
LONG = "the text gets too long"
HANGING = "the pattern ends with a single backslash"
NUMBER = r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?"
_NUMBER = re.compile(NUMBER)


def number_like(text: str) -> bool:
    """Whether VALUE takes the text."""
    return bool(_NUMBER.fullmatch(text))


def upper(text: str) -> str:
    """Upper case, letter by letter as the engines do it; ß becomes SS, a letter that would become two stays or gets its title form."""
    return "".join(next((big for big in (sign.upper(), sign.title()) if len(big) == 1), sign) for sign in text.replace("ß", "SS"))


def lower(text: str) -> str:
    """Lower case, letter by letter as the engines do it."""
    return "".join(small if len(small := sign.lower()) == 1 else sign for sign in text.replace("İ", "i"))


def initcap(text: str) -> str:
    """The first letter of each word large, the others small; letters and digits make words."""
    parts: list[str] = re2.findall(r"[\p{L}\p{Nd}]+|[^\p{L}\p{Nd}]+", text)
    return "".join(upper(part[:1]) + lower(part[1:]) for part in parts)


@lru_cache(maxsize=256)
def pattern(text: str) -> object:
    """A compiled RE2 pattern. Raises Fault."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    try:
        return re2.compile(text, options)
    except re2.error as error:
        raise Fault("the regular expression is not valid") from error


def regex(text: str, wanted: str) -> bool:
    """Whether the whole text matches."""
    found: object = pattern(wanted).fullmatch(text)  # type: ignore[attr-defined]
    return found is not None


def like(text: str, wanted: str) -> bool:
    """Whether the text is like the pattern with % and _."""
    if re.search(r"(^|[^\\])(\\\\)*\\$", wanted):
        raise Fault(HANGING)
    parts = re.findall(r"\\.|.", re.sub("%+", "%", wanted.replace("\\%", "\\\0")).replace("\0", "%"), re.DOTALL)
    escaped = "".join(".*" if part == "%" else "." if part == "_" else re2.escape(part[-1]) for part in parts)
    return regex(text, "(?s)" + escaped)


def _left(text: str, count: int) -> str:
    return text[: max(count, 0)]


def _right(text: str, count: int) -> str:
    return text[-count:] if count > 0 else ""


def _mid(text: str, start: int, count: int) -> str:
    return text[max(start, 1) - 1 :][: max(count, 0)]


def _substr(text: str, start: int, count: int = LONGEST) -> str:
    if start < 0:
        return text[start:][: max(count, 0)] if -start <= len(text) else ""
    return _mid(text, start, count)


def _find(part: str, text: str, start: int = 1) -> int:
    return text.find(part, start - 1) + 1 if part and start >= 1 else 0


def _substitute(text: str, old: str, new: str) -> str:
    if not old:
        return text
    if len(text) + text.count(old) * len(new) > LONGEST:
        raise Fault(LONG)
    return text.replace(old, new)


def _padding(text: str, count: int, pad: str) -> str:
    if count > LONGEST:
        raise Fault(LONG)
    return (pad * count)[: max(count - len(text), 0)]


def _lpad(text: str, count: int, pad: str = " ") -> str:
    return _padding(text, count, pad) + text[:count] if count > 0 else ""


def _rpad(text: str, count: int, pad: str = " ") -> str:
    return text[:count] + _padding(text, count, pad) if count > 0 else ""


def _includes(values: str, wanted: str) -> bool:
    return wanted in [part.strip(" ") for part in values.split(";")]


def _each(change: str, text: str) -> str:
    """A text in capital or small letters on Spark, letter by letter where it is more than ASCII: a letter never becomes two."""
    forms = ("upper", "initcap") if change == "upper" else ("lower",)
    arms = " ".join(f"WHEN length({form}(c)) = 1 THEN {form}(c)" for form in forms)
    letters = f"array_join(transform(split({text}, ''), c -> CASE {arms} ELSE c END), '')"
    return f"CASE WHEN length({text}) = octet_length({text}) THEN {change}({text}) ELSE {letters} END"


_TOO_LONG = (("{1} > 100000", LONG),)
_SUBSTITUTED = "length({0}) + (length({0}) - length(replace({0}, {1}, ''))) // greatest(length({1}), 1) * length({2}) > 100000"
FUNCTIONS = [
    Function("LEN", "text text", "number", "How many characters.", 'LEN("total")', "5", "Text", len, "length({0})", strict=False, fills=("",), type=INTEGER),
    Function("LEFT", "text text, count count", "text", "The first characters.", 'LEFT("closed", 3)', "clo", "Text", _left, "substr({0}, 1, greatest({1}, 0))", type=TEXT),
    Function("RIGHT", "text text, count count", "text", "The last characters.", 'RIGHT("closed", 3)', "sed", "Text", _right, "CASE WHEN {1} > 0 THEN substr({0}, greatest(length({0}) - {1}, 0) + 1) ELSE '' END", type=TEXT),
    Function("MID", "text text, count start, count count", "text", "Characters from a position on.", 'MID("closed", 2, 3)', "los", "Text", _mid, "substr({0}, greatest({1}, 1), greatest({2}, 0))", type=TEXT),
    Function("SUBSTR", "text text, count start, count count?", "text", "As MID; a negative start counts from the end.", 'SUBSTR("closed", -2, 2)', "ed", "Text", _substr,
             "CASE WHEN {1} < 0 AND -{1} > length({0}) THEN '' WHEN {1} < 0 THEN substr({0}, length({0}) + {1} + 1, greatest({2}, 0)) ELSE substr({0}, greatest({1}, 1), greatest({2}, 0)) END", fills=("", 0, LONGEST), type=TEXT),
    Function("UPPER", "text text", "text", "In capital letters.", 'UPPER("won")', "WON", "Text", upper, "upper(replace({0}, 'ß', 'SS'))", _each("upper", "replace({0}, 'ß', 'SS')"), type=TEXT),
    Function("LOWER", "text text", "text", "In small letters.", 'LOWER("WON")', "won", "Text", lower, "lower({0})", _each("lower", "replace({0}, 'İ', 'i')"), type=TEXT),
    Function("INITCAP", "text text", "text", "Every word with a capital letter.", 'INITCAP("new york")', "New York", "Text", initcap,
             "array_to_string(list_transform(regexp_extract_all({0}, '[\\p{{L}}\\p{{Nd}}]+|[^\\p{{L}}\\p{{Nd}}]+'), lambda w: upper(replace(substr(w, 1, 1), 'ß', 'SS')) || lower(substr(w, 2))), '')",
             "array_join(transform(regexp_extract_all({0}, '([\\\\p{{L}}\\\\p{{Nd}}]+|[^\\\\p{{L}}\\\\p{{Nd}}]+)', 1), w -> concat(" + _each("upper", "replace(substr(w, 1, 1), 'ß', 'SS')") + ", " + _each("lower", "replace(substr(w, 2), 'İ', 'i')") + ")), '')", type=TEXT),
    Function("TRIM", "text text", "text", "Without spaces, tabs and line ends around it.", 'TRIM("  won ")', "won", "Text", lambda text: text.strip(" \t\r\n"),
             "trim({0}, ' ' || chr(9) || chr(10) || chr(13))", "trim(BOTH concat(' ', chr(9), chr(10), chr(13)) FROM {0})", type=TEXT),
    Function("LPAD", "text text, count length, text pad?", "text", "Filled up on the left, or cut, to a length.", 'LPAD("7", 3, "0")', "007", "Text", _lpad, "CASE WHEN {1} > 0 THEN lpad({0}, CAST(least({1}, 100000) AS INTEGER), {2}) ELSE '' END", refuse=_TOO_LONG, fills=("", 0, " "), type=TEXT),
    Function("RPAD", "text text, count length, text pad?", "text", "Filled up on the right, or cut, to a length.", 'RPAD("7", 3, "0")', "700", "Text", _rpad, "CASE WHEN {1} > 0 THEN rpad({0}, CAST(least({1}, 100000) AS INTEGER), {2}) ELSE '' END", refuse=_TOO_LONG, fills=("", 0, " "), type=TEXT),
    Function("CONTAINS", "text text, text part", "yes/no", "Whether the part stands in the text.", 'CONTAINS("closed won", "won")', "true", "Text", lambda text, part: part in text, "strpos({0}, {1}) > 0 OR {1} = ''", "instr({0}, {1}) > 0 OR {1} = ''", strict=False, fills=("", ""), type=YESNO),
    Function("BEGINS", "text text, text part", "yes/no", "Whether the text starts with the part.", 'BEGINS("closed won", "closed")', "true", "Text", lambda text, part: text.startswith(part), "substr({0}, 1, length({1})) = {1}", strict=False, fills=("", ""), type=YESNO),
    Function("INCLUDES", "text values, text value", "yes/no", "Whether a multi-select picklist (values between ;) has the value.", 'INCLUDES("red;blue", "blue")', "true", "Text", _includes,
             "list_contains(list_transform(string_split({0}, ';'), lambda v: trim(v)), {1})", "array_contains(transform(split({0}, ';'), v -> trim(v)), {1})", strict=False, fills=("", ""), type=YESNO),
    Function("FIND", "text part, text text, count start?", "number", "The position of the part, 0 where there is none.", 'FIND("won", "closed won")', "8", "Text", _find,
             "CASE WHEN {0} = '' OR {2} < 1 OR strpos(substr({1}, {2}), {0}) = 0 THEN 0 ELSE strpos(substr({1}, {2}), {0}) + {2} - 1 END",
             "CASE WHEN {0} = '' OR {2} < 1 OR instr(substr({1}, {2}), {0}) = 0 THEN 0 ELSE instr(substr({1}, {2}), {0}) + {2} - 1 END", strict=False, fills=("", "", 1), type=INTEGER),
    Function("SUBSTITUTE", "text text, text old, text new", "text", "With every old part replaced.", 'SUBSTITUTE("a-b-c", "-", "")', "abc", "Text", _substitute, f"CASE WHEN {{1}} = '' THEN {{0}} WHEN {_SUBSTITUTED} THEN NULL ELSE replace({{0}}, {{1}}, {{2}}) END", refuse=((_SUBSTITUTED, LONG),), strict=False, fills=("", "", ""), type=TEXT),
    Function("REGEX", "text text, text pattern", "yes/no", "Whether the whole text matches a regular expression (RE2).", 'REGEX("AB-12", "[A-Z]+-[0-9]+")', "true", "Text", regex, "TRY(regexp_full_match({0}, {1}))", "{0} RLIKE concat('^(?:', {1}, ')$')",
             (("TRY(regexp_full_match('', {1})) IS NULL", "the regular expression is not valid"),), strict=False, fills=("", ""), type=YESNO),
    Function("LIKE", "text text, text pattern", "yes/no", "Whether the text is like the pattern, in which % stands for any characters and _ for one.", 'LIKE("closed", "cl%")', "true", "Text", like, "TRY({0} LIKE {1} ESCAPE '\\')", "{0} LIKE {1} ESCAPE '\\\\'",
             (("regexp_matches({1}, '(^|[^\\\\])(\\\\\\\\)*\\\\$')", HANGING),), strict=False, fills=("", ""), type=YESNO),
    Function("ISNUMBER", "text text", "yes/no", "Whether VALUE would take the text.", 'ISNUMBER("12x")', "false", "Text", number_like, f"regexp_full_match({{0}}, '{NUMBER.replace('{', '{{').replace('}', '}}')}')", f"{{0}} RLIKE '^(?:{NUMBER.replace('{', '{{').replace('}', '}}')})\\\\z'", strict=False, fills=("",), type=YESNO),
    Function("BR", "", "text", "A line end.", "LEN(BR())", "1", "Text", lambda: "\n", "chr(10)", type=TEXT),
]  # fmt: skip

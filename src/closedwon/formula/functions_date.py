"""Functions on days, moments and times. Moments are UTC; a time is held as milliseconds of its day."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, datetime, timedelta

from closedwon.formula.declared import Function
from closedwon.formula.nodes import Fault
from closedwon.formula.types import DATE, DATETIME, TEXT, TIME, number

NO_DATE = "there is no such day"
NO_MOMENT = "the text is no date-time"
NO_TIME = "there is no such time"
RANGE = "the date is outside the years 1 to 9999"
DAY_MS = 86_400_000
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  moments are UTC without a zone inside formulas
SPACE = "[ \\t\\r\\n]*"
"""What may stand around a day or a moment."""
_DAY = re.compile(rf"{SPACE}(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}){SPACE}", re.ASCII)
_MOMENT = re.compile(
    rf"{SPACE}(\d{{4}})-(\d{{1,2}})-(\d{{1,2}})[ T](\d{{1,2}}):(\d{{1,2}}):(\d{{1,2}})(?:[.]\d{{1,6}})?Z?{SPACE}", re.ASCII
)
_TIME = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})(?:[.](\d{3}))?", re.ASCII)


def make_date(year: int, month: int, day: int) -> date:
    """The day. Raises Fault."""
    try:
        return date(year, month, day)
    except (ValueError, OverflowError) as error:
        raise Fault(NO_DATE) from error


def read_date(text: str) -> date:
    """The day of a text. Raises Fault."""
    found = _DAY.fullmatch(text)
    if not found:
        raise Fault(NO_DATE)
    return make_date(int(found[1]), int(found[2]), int(found[3]))


def read_moment(text: str) -> datetime:
    """The moment of a text. Raises Fault."""
    found = _MOMENT.fullmatch(text)
    try:
        if found:
            return datetime(*(int(part) for part in found.groups()))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError as error:
        raise Fault(NO_MOMENT) from error
    raise Fault(NO_MOMENT)


def read_time(text: str) -> int:
    """The time of a text in milliseconds. Raises Fault."""
    found = _TIME.fullmatch(text)
    if not found or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3]) > 59:
        raise Fault(NO_TIME)
    return ((int(found[1]) * 60 + int(found[2])) * 60 + int(found[3])) * 1000 + int(found[4] or 0)


def show_time(value: int) -> str:
    """A time as 12:30:00.000."""
    return f"{value // 3_600_000:02}:{value // 60_000 % 60:02}:{value // 1000 % 60:02}.{value % 1000:03}"


def micros(value: datetime) -> int:
    """Microseconds since 1970."""
    return (value - EPOCH) // timedelta(microseconds=1)


def from_micros(value: int) -> datetime:
    """The moment so many microseconds after 1970 began. Raises Fault."""
    try:
        return EPOCH + timedelta(microseconds=value)
    except OverflowError as error:
        raise Fault(RANGE) from error


def from_days(value: int) -> date:
    """The day so many days after 1970-01-01. Raises Fault."""
    try:
        return date(1970, 1, 1) + timedelta(days=value)
    except OverflowError as error:
        raise Fault(RANGE) from error


def _from_ms(value: int) -> int:
    if not 0 <= value < DAY_MS:
        raise Fault(NO_TIME)
    return value


def add_months(value: date, months: int, *, last_stays: bool = True) -> date:
    """So many months later, on the same day of the month or its last. Raises Fault."""
    total = value.year * 12 + value.month - 1 + months
    year, month = total // 12, total % 12 + 1
    if not 1 <= year <= 9999:
        raise Fault(RANGE)
    last = monthrange(year, month)[1]
    day = last if last_stays and value.day == monthrange(value.year, value.month)[1] else min(value.day, last)
    return date(year, month, day)


def whole_months(start: date, end: date) -> int:
    """Whole months from one day to another; negative where the second is earlier."""
    if end < start:
        return -whole_months(end, start)
    months = (end.year - start.year) * 12 + end.month - start.month
    last = monthrange(end.year, end.month)[1]
    return months - (min(start.day, last) > end.day)


def days_360(start: date, end: date) -> int:
    """Days from one day to another in a year of twelve months of 30 days (US rule, without February's end)."""
    first = min(start.day, 30)
    second = 30 if end.day == 31 and first == 30 else end.day
    return (end.year - start.year) * 360 + (end.month - start.month) * 30 + second - first


def _duration(seconds: int, days: int) -> str:
    seconds = abs(seconds)
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours // 24}:{hours % 24:02}:{minutes:02}:{rest:02}" if days else f"{hours:02}:{minutes:02}:{rest:02}"


def show_moment(value: datetime) -> str:
    """A moment as TEXT shows it."""
    return f"{value:%Y-%m-%d %H:%M:%S}Z".rjust(20, "0")


_PADDED = "lpad(CAST({0} AS VARCHAR), 4, '0') || '-' || lpad(CAST({1} AS VARCHAR), 2, '0') || '-' || lpad(CAST({2} AS VARCHAR), 2, '0')"
_DATE_SQL = f"CASE WHEN {{0}} BETWEEN 1 AND 9999 AND {{1}} BETWEEN 1 AND 12 AND {{2}} BETWEEN 1 AND 31 THEN TRY_CAST({_PADDED} AS DATE) END"
_PART = "regexp_extract({0}, '([0-9]{{4}})-([0-9]{{1,2}})-([0-9]{{1,2}})(?:[ T]([0-9]{{1,2}}):([0-9]{{1,2}}):([0-9]{{1,2}}))?', %d)"
_READ_DATE = "CASE WHEN regexp_full_match({0}, '" + SPACE + "[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}" + SPACE + "') AND regexp_extract({0}, '([0-9]{{4}})-', 1) <> '0000' THEN TRY_CAST(" + " || '-' || ".join(
    f"lpad({_PART % at}, {width}, '0')" for at, width in ((1, 4), (2, 2), (3, 2))
) + " AS DATE) END"  # fmt: skip
_READ_MOMENT = (
    "CASE WHEN regexp_full_match({0}, '"
    + SPACE
    + "[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}[ T]([0-1]?[0-9]|2[0-3]):[0-5]?[0-9]:[0-5]?[0-9]([.][0-9]{{1,6}})?Z?"
    + SPACE
    + "') AND regexp_extract({0}, '([0-9]{{4}})-', 1) <> '0000' THEN TRY_CAST("
    + " || '-' || ".join(f"lpad({_PART % at}, {width}, '0')" for at, width in ((1, 4), (2, 2), (3, 2)))
    + " || ' ' || "
    + " || ':' || ".join(f"lpad({_PART % at}, 2, '0')" for at in (4, 5, 6))
    + " AS TIMESTAMP) END"
)
_READ_TIME = (
    "CASE WHEN regexp_full_match({0}, '([0-1]?[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{{3}})?') THEN "
    "CAST(regexp_extract({0}, '^([0-9]+):([0-9]+):([0-9]+)', 1) AS BIGINT) * 3600000 + CAST(regexp_extract({0}, '^([0-9]+):([0-9]+):([0-9]+)', 2) AS BIGINT) * 60000"
    " + CAST(regexp_extract({0}, '^([0-9]+):([0-9]+):([0-9]+)', 3) AS BIGINT) * 1000"
    " + CASE WHEN strpos({0}, '.') > 0 THEN CAST(substr({0}, strpos({0}, '.') + 1) AS BIGINT) ELSE 0 END END"
)


def spark_text(text: str) -> str:
    """A template for Spark: its texts escape the backslash, and it tests a part of a text where DuckDB tests the whole."""
    text = re.sub(
        r"regexp_full_match\((\{\d\}), '((?:[^'])*)'\)",
        lambda found: f"({found[1]} RLIKE '^(?:" + found[2].replace("\\", "\\\\") + ")\\\\z')",
        text,
    )
    for ours, theirs in (("strpos(", "instr("), ("VARCHAR", "STRING"), (" AS TIMESTAMP)", " AS TIMESTAMP_NTZ)"), (" // ", " DIV ")):
        text = text.replace(ours, theirs)
    return text


_TOTAL = "(year({0}) * 12 + month({0}) - 1 + {1})"
_FIRST = f"CAST(lpad(CAST({_TOTAL} // 12 AS VARCHAR), 4, '0') || '-' || lpad(CAST({_TOTAL} % 12 + 1 AS VARCHAR), 2, '0') || '-01' AS DATE)"
_LAST = f"day(last_day({_FIRST}))"


def _months_sql(day: str) -> str:
    return f"CASE WHEN {_TOTAL} BETWEEN 12 AND 119999 THEN {_FIRST} + CAST({day} - 1 AS INTEGER) END"


_OUT_OF_YEARS = ((f"NOT ({_TOTAL} BETWEEN 12 AND 119999)", RANGE),)
_STAYS = _months_sql(f"(CASE WHEN {{0}} = last_day({{0}}) THEN {_LAST} ELSE least(day({{0}}), {_LAST}) END)")
_CLAMPS = _months_sql(f"least(day({{0}}), {_LAST})")


def _months_spark(text: str) -> str:
    return text.replace(f"{_TOTAL} // 12", f"({_TOTAL} DIV 12)").replace("VARCHAR", "STRING").replace(f"{_FIRST} + ", f"{_FIRST} + ")


_ORDERED = "CASE WHEN {1} < {0} THEN -1 ELSE 1 END * ((year(greatest({0}, {1})) - year(least({0}, {1}))) * 12 + month(greatest({0}, {1})) - month(least({0}, {1})) - CASE WHEN least(day(least({0}, {1})), day(last_day(greatest({0}, {1})))) > day(greatest({0}, {1})) THEN 1 ELSE 0 END)"
_D360 = "(year({1}) - year({0})) * 360 + (month({1}) - month({0})) * 30 + CASE WHEN day({1}) = 31 AND day({0}) >= 30 THEN 30 ELSE day({1}) END - least(day({0}), 30)"
_HMS = "CASE WHEN {1} = 1 THEN CAST(abs({0}) // 86400 AS VARCHAR) || ':' || lpad(CAST(abs({0}) // 3600 % 24 AS VARCHAR), 2, '0') ELSE CASE WHEN abs({0}) < 36000 THEN '0' ELSE '' END || CAST(abs({0}) // 3600 AS VARCHAR) END || ':' || lpad(CAST(abs({0}) // 60 % 60 AS VARCHAR), 2, '0') || ':' || lpad(CAST(abs({0}) % 60 AS VARCHAR), 2, '0')"


def _div(text: str) -> str:
    return text.replace(" // ", " DIV ").replace("VARCHAR", "STRING")


_MICROS_SPARK = (
    "CAST(datediff(CAST({0} AS DATE), DATE '1970-01-01') AS BIGINT) * 86400000000L"
    " + hour({0}) * 3600000000L + minute({0}) * 60000000L + CAST(extract(SECOND FROM {0}) * 1000000BD AS BIGINT)"
)
_FROM_MICROS_SPARK = (
    "CASE WHEN {0} BETWEEN -62135596800000000L AND 253402300799999999L THEN"
    " CAST(date_add(DATE '1970-01-01', CAST(({0} - pmod({0}, 86400000000L)) DIV 86400000000L AS INT)) AS TIMESTAMP_NTZ)"
    " + make_dt_interval(0, 0, 0, CAST(pmod({0}, 86400000000L) * 0.000001BD AS DECIMAL(18,6))) END"
)
G = "Date and time"
_INT8 = number(8)
FUNCTIONS = [
    Function("DATE", "int year, int month, int day", "date", "The day of a year, month and day.", "DATE(2026, 3, 31)", "2026-03-31", G, make_date, _DATE_SQL, _DATE_SQL.replace("VARCHAR", "STRING"), ((f"({_DATE_SQL}) IS NULL", NO_DATE),), type=DATE),
    Function("YEAR", "day value", "number", "The year of a day or moment.", "YEAR(DATE(2026, 3, 31))", "2026", G, lambda value: value.year, "year({0})", type=_INT8),
    Function("MONTH", "day value", "number", "The month, 1 to 12.", "MONTH(DATE(2026, 3, 31))", "3", G, lambda value: value.month, "month({0})", type=_INT8),
    Function("DAY", "day value", "number", "The day of the month.", "DAY(DATE(2026, 3, 31))", "31", G, lambda value: value.day, "day({0})", type=_INT8),
    Function("WEEKDAY", "day value", "number", "The day of the week, 1 is Sunday.", "WEEKDAY(DATE(2026, 3, 31))", "3", G, lambda value: value.isoweekday() % 7 + 1, "dayofweek({0}) + 1", "dayofweek({0})", type=_INT8),
    Function("DAYOFYEAR", "day value", "number", "The day of the year, 1 to 366.", "DAYOFYEAR(DATE(2026, 3, 31))", "90", G, lambda value: value.timetuple().tm_yday, "dayofyear({0})", type=_INT8),
    Function("ISOWEEK", "day value", "number", "The week of the year by ISO 8601.", "ISOWEEK(DATE(2026, 3, 31))", "14", G, lambda value: value.isocalendar().week, "weekofyear({0})", type=_INT8),
    Function("ISOYEAR", "day value", "number", "The year to which the ISO week belongs.", "ISOYEAR(DATE(2027, 1, 1))", "2026", G, lambda value: value.isocalendar().year, "isoyear({0})", "extract(YEAROFWEEK FROM {0})", type=_INT8),
    Function("HOUR", "time value", "number", "The hour of a time.", 'HOUR(TIMEVALUE("10:40:55.666"))', "10", G, lambda value: value // 3_600_000, "{0} // 3600000", "{0} DIV 3600000", type=_INT8),
    Function("MINUTE", "time value", "number", "The minute of a time.", 'MINUTE(TIMEVALUE("10:40:55.666"))', "40", G, lambda value: value // 60_000 % 60, "{0} // 60000 % 60", "({0} DIV 60000) % 60", type=_INT8),
    Function("SECOND", "time value", "number", "The second of a time.", 'SECOND(TIMEVALUE("10:40:55.666"))', "55", G, lambda value: value // 1000 % 60, "{0} // 1000 % 60", "({0} DIV 1000) % 60", type=_INT8),
    Function("MILLISECOND", "time value", "number", "The millisecond of a time.", 'MILLISECOND(TIMEVALUE("10:40:55.666"))', "666", G, lambda value: value % 1000, "{0} % 1000", type=_INT8),
    Function("_DAYS", "date value", "number", "", "", "", "", lambda value: value.toordinal() - 719_163, "CAST({0} - DATE '1970-01-01' AS BIGINT)", "CAST(datediff({0}, DATE '1970-01-01') AS BIGINT)", type=_INT8),
    Function("_FROM_DAYS", "int value", "date", "", "", "", "", from_days, "CASE WHEN {0} BETWEEN -719162 AND 2932896 THEN DATE '1970-01-01' + CAST({0} AS INTEGER) END", "CASE WHEN {0} BETWEEN -719162 AND 2932896 THEN date_add(DATE '1970-01-01', CAST({0} AS INTEGER)) END", (("NOT ({0} BETWEEN -719162 AND 2932896)", RANGE),), type=DATE),
    Function("_MICROS", "datetime value", "number", "", "", "", "", micros, "epoch_us({0})", _MICROS_SPARK, type=number(18)),
    Function("_FROM_MICROS", "int value", "datetime", "", "", "", "", from_micros, "CASE WHEN {0} BETWEEN -62135596800000000 AND 253402300799999999 THEN make_timestamp({0}) END", _FROM_MICROS_SPARK, (("NOT ({0} BETWEEN -62135596800000000 AND 253402300799999999)", RANGE),), type=DATETIME),
    Function("_MS", "time value", "number", "", "", "", "", int, "{0}", type=_INT8),
    Function("_FROM_MS", "int value", "time", "", "", "", "", _from_ms, "{0}", refuse=(("NOT ({0} BETWEEN 0 AND 86399999)", NO_TIME),), type=TIME),
    Function("_DAY_OF", "datetime value", "date", "", "", "", "", lambda value: value.date(), "CAST({0} AS DATE)", type=DATE),
    Function("_MIDNIGHT", "date value", "datetime", "", "", "", "", lambda value: datetime(value.year, value.month, value.day), "CAST({0} AS TIMESTAMP)", "CAST({0} AS TIMESTAMP_NTZ)", type=DATETIME),  # noqa: DTZ001
    Function("_READ_DATE", "text value", "date", "", "", "", "", read_date, _READ_DATE, spark_text(_READ_DATE), ((f"({_READ_DATE}) IS NULL", NO_DATE),), type=DATE),
    Function("_READ_MOMENT", "text value", "datetime", "", "", "", "", read_moment, _READ_MOMENT, spark_text(_READ_MOMENT), ((f"({_READ_MOMENT}) IS NULL", NO_MOMENT),), type=DATETIME),
    Function("_READ_TIME", "text value", "time", "", "", "", "", read_time, _READ_TIME, spark_text(_READ_TIME), ((f"({_READ_TIME}) IS NULL", NO_TIME),), type=TIME),
    Function("_ADD_MONTHS", "date value, int months", "date", "", "", "", "", add_months, _STAYS, _months_spark(_STAYS), _OUT_OF_YEARS, type=DATE),
    Function("_SHIFT_MONTHS", "date value, int months", "date", "", "", "", "", lambda value, months: add_months(value, months, last_stays=False), _CLAMPS, _months_spark(_CLAMPS), _OUT_OF_YEARS, type=DATE),
    Function("_WHOLE_MONTHS", "date from, date to", "number", "", "", "", "", whole_months, _ORDERED, type=_INT8),
    Function("_DAYS_360", "date from, date to", "number", "", "", "", "", days_360, _D360, type=_INT8),
    Function("_DURATION", "int seconds, int days", "text", "", "", "", "", _duration, _HMS, _div(_HMS), type=TEXT),
    Function("_SHOW_DATE", "date value", "text", "", "", "", "", lambda value: value.isoformat(), "strftime({0}, '%Y-%m-%d')", "CAST({0} AS STRING)", type=TEXT),
    Function("_SHOW_MOMENT", "datetime value", "text", "", "", "", "", show_moment, "lpad(strftime({0}, '%Y-%m-%d %H:%M:%S'), 19, '0') || 'Z'", "concat(left(CAST({0} AS STRING), 19), 'Z')", type=TEXT),
    Function("_SHOW_TIME", "time value", "text", "", "", "", "", show_time, "lpad(CAST({0} // 3600000 AS VARCHAR), 2, '0') || ':' || lpad(CAST({0} // 60000 % 60 AS VARCHAR), 2, '0') || ':' || lpad(CAST({0} // 1000 % 60 AS VARCHAR), 2, '0') || '.' || lpad(CAST({0} % 1000 AS VARCHAR), 3, '0')", "concat(lpad(CAST({0} DIV 3600000 AS STRING), 2, '0'), ':', lpad(CAST(({0} DIV 60000) % 60 AS STRING), 2, '0'), ':', lpad(CAST(({0} DIV 1000) % 60 AS STRING), 2, '0'), '.', lpad(CAST({0} % 1000 AS STRING), 3, '0'))", type=TEXT),
]  # fmt: skip

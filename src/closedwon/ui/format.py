"""Numbers, money and dates as people of the workspace's country write them; what is missing is "–", never 0."""

from __future__ import annotations

import contextvars
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import get_currency_symbol
from django.utils import timezone

from closedwon.base.money import digits, to_major
from closedwon.workspace import current

MISSING = "–"
MINUS = "−"
NARROW = "\u202f"
_locale: contextvars.ContextVar[str] = contextvars.ContextVar("closedwon_locale", default="")


def use_locale(name: str) -> None:
    """Write numbers and dates of this request by a locale such as "de" or "en-IN"; empty is the workspace's."""
    _locale.set(name)


@lru_cache(maxsize=64)
def _parsed(name: str) -> Locale:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")


def locale() -> Locale:
    """The locale in force."""
    return _parsed(_locale.get() or current().settings.locale)


@lru_cache(maxsize=64)
def _signs(name: Locale) -> tuple[str, str, tuple[int, int]]:
    """Decimal sign, grouping sign, and the sizes of the first and the further groups."""
    pattern = name.decimal_formats[None]
    symbols = name.number_symbols.get("latn", name.number_symbols)
    return symbols.get("decimal", "."), symbols.get("group", ","), pattern.grouping


def number(value: Any, places: int = 0, *, sign: bool = False) -> str:
    """An exact number with grouping, rounded half away from zero to `places`; `sign` writes a plus too."""
    if value is None or value == "":
        return MISSING
    exact = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite():
        return MISSING
    exact = exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    point, group, (first, further) = _signs(locale())
    whole, _, rest = f"{abs(exact):f}".partition(".")
    parts, size = [], first
    while len(whole) > size > 0:
        parts.append(whole[-size:])
        whole, size = whole[:-size], further
    parts.append(whole)
    body = group.join(reversed(parts)) + (point + rest if rest else "")
    return (MINUS if exact < 0 else "+" if sign and exact > 0 else "") + body


def money(minor: Any, currency: str = "", *, places: int | None = None, sign: bool = False, symbol: bool = False) -> str:
    """An exact amount of minor units with the currency's digits; the unit stands in the table's header unless `symbol`."""
    if minor is None or minor == "":
        return MISSING
    unit = currency or current().settings.currency
    text = number(to_major(int(minor), unit), digits(unit) if places is None else places, sign=sign)
    return with_symbol(text, unit) if symbol else text


def with_symbol(text: str, currency: str) -> str:
    """A written amount with the currency's sign, before or after it as the locale has it."""
    shown = get_currency_symbol(currency, locale=locale())
    pattern = locale().currency_formats["standard"].pattern
    space = "\u00a0" if len(shown) > 1 or pattern.split(";")[0].endswith("¤") else ""
    return f"{text}\u00a0{shown}" if pattern.split(";")[0].rstrip().endswith("¤") else f"{shown}{space}{text}"


def compact(minor: Any, currency: str = "", *, sign: bool = False, symbol: bool = False) -> str:
    """A short amount for tiles, as in 4.2 M; exact amounts stand in tables."""
    if minor is None or minor == "":
        return MISSING
    unit = currency or current().settings.currency
    text = short(to_major(int(minor), unit), sign=sign)
    return with_symbol(text, unit) if symbol else text


def short(value: Any, *, sign: bool = False) -> str:
    """A short number, as in 4.2 M, 4,2 Mio. or 420万: three digits that count, at most one decimal."""
    if value is None or value == "":
        return MISSING
    exact = Decimal(str(value))
    size = abs(exact)
    sign_text = MINUS if exact < 0 else "+" if sign and exact > 0 else ""
    if size < 1000:
        return sign_text + number(size, 0 if size == size.to_integral_value() or size >= 100 else 1)
    steps = _steps(locale())
    power = size.adjusted()
    for _ in range(2):
        divisor, before, after = steps[min(power, max(steps))]
        scaled = size / divisor
        text = number(scaled, 1 if scaled < 100 and divisor > 1 else 0)
        if power < max(steps) and (size / divisor).quantize(Decimal(1) if scaled >= 100 else Decimal("0.1")) * divisor >= 10 ** (power + 1):
            power += 1  # 999,960 is written as 1.0 M, not as 1000.0 K
            continue
        break
    return f"{sign_text}{before}{text}{after}"


@lru_cache(maxsize=64)
def _steps(name: Locale) -> dict[int, tuple[Decimal, str, str]]:
    """For each power of ten, what to divide by and what stands before and after, from the locale's short patterns."""
    patterns = name.compact_decimal_formats["short"]["other"]
    made: dict[int, tuple[Decimal, str, str]] = {}
    for power in range(3, 15):
        found = patterns.get(str(10**power))
        pattern = getattr(found, "pattern", "0")
        zeros = pattern.count("0")
        before, _, after = pattern.replace("'", "").partition("0" * zeros)
        divisor = Decimal(10) ** (power - zeros + 1) if before or after else Decimal(1)
        gap = "\u00a0" if name.language == "en" and after[:1].isalpha() else ""
        made[power] = (divisor, before, gap + after)
    return made


def percent(value: Any, places: int = 1, *, sign: bool = False) -> str:
    """A share given as a fraction (0.873) as 87.3 %."""
    return MISSING if value is None or value == "" else _percent(Decimal(str(value)) * 100, places, sign)


def ppm(value: Any, places: int = 1, *, sign: bool = False) -> str:
    """A share given in parts per million (873000) as 87.3 %."""
    return MISSING if value is None or value == "" else _percent(Decimal(int(value)) / 10_000, places, sign)


def _percent(value: Decimal, places: int, sign: bool) -> str:
    gap = "" if locale().language in ("en", "ja", "zh") and locale().language != "en" else "\u00a0"
    return f"{number(value, places, sign=sign)}{gap}%"


def ratio(value: Any, places: int = 1) -> str:
    """A multiple, as in 2.4×."""
    return MISSING if value is None or value == "" else f"{number(value, places)}×"


def as_date(value: Any) -> date | None:
    """The day of a date, of an instant in the company's time zone, or of ISO text."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return timezone.localtime(value, current().zone).date() if timezone.is_aware(value) else value.date()
    if isinstance(value, str):
        return date.fromisoformat(value[:10])
    return value  # type: ignore[no-any-return]


def day(value: Any, *, year: bool | None = None) -> str:
    """A day, as in 30 Jun 2027; the year is left out where it is this one, unless `year`."""
    found = as_date(value)
    if found is None:
        return MISSING
    plain = timezone.localdate(timezone=current().zone).year == found.year if year is None else not year
    chosen = locale()
    if chosen.language == "en":
        us = chosen.territory in (None, "US")
        month = format_date(found, "MMM", locale=chosen)
        text = f"{month} {found.day}" if us and chosen.territory == "US" else f"{found.day} {month}"
        if plain:
            return text
        return f"{text}, {found.year}" if chosen.territory == "US" else f"{text} {found.year}"
    return str(format_skeleton("MMMd" if plain else "yMMMd", found, locale=chosen))


def span(start: date, last: date) -> str:
    """From one day to another, with the year said once, as in 1 Feb to 30 Apr 2027."""
    same = start.year == last.year
    return f"{day(start, year=not same)} to {day(last, year=True)}"


def instant(value: Any) -> str:
    """A moment in the company's time zone, as in 30 Jun 09:12."""
    if value is None or value == "":
        return MISSING
    local = timezone.localtime(value, current().zone) if timezone.is_aware(value) else value
    return f"{day(local.date())} {local:%H:%M}"


def ago(value: datetime | None) -> str:
    """How long ago, in words."""
    if value is None:
        return MISSING
    gone = timezone.now() - value
    if gone < timedelta(minutes=1):
        return "just now"
    for unit, size in (("day", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1))):
        count = gone // size
        if count:
            plural = "s" if unit == "day" and count > 1 else ""
            return f"{count} {unit}{plural} ago"
    return "just now"


def change(minor: Any, currency: str = "", *, short_form: bool = True, places: int | None = None) -> tuple[str, str, str]:
    """A change of an amount: the arrow, the text with its sign, and the tone ("up", "down" or "")."""
    if minor is None or minor == "":
        return "", MISSING, ""
    text = compact(minor, currency, sign=True) if short_form else money(minor, currency, sign=True, places=places)
    value = int(minor)
    return ("▲", text, "up") if value > 0 else ("▼", text, "down") if value < 0 else ("", "unchanged" if short_form else text, "")

"""`{% load cw %}`: the components and the formats, for every template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from closedwon.ui import charts
from closedwon.ui import format as fmt

register = template.Library()


@register.simple_tag
def icon(name: str, size: int = 18) -> SafeString:
    """An icon of the sprite, for the eye only."""
    return format_html(
        '<svg class="cw-icon" width="{}" height="{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        size,
        size,
        static("ui/icons.svg"),
        name,
    )


@register.filter
def money(value: Any, currency: str = "") -> str:
    """An exact amount of minor units."""
    return fmt.money(value, currency)


@register.filter
def whole(value: Any, currency: str = "") -> str:
    """Minor units as an amount in whole major units, as tables of large amounts show it."""
    return fmt.money(value, currency, places=0)


@register.filter
def cash(value: Any, currency: str = "") -> str:
    """An exact amount of minor units with the currency's sign."""
    return fmt.money(value, currency, symbol=True)


@register.filter
def compact(value: Any, currency: str = "") -> str:
    """A short amount of minor units, as in 4.2 M."""
    return fmt.compact(value, currency)


@register.filter
def number(value: Any, places: int = 0) -> str:
    """An exact number."""
    return fmt.number(value, int(places))


@register.filter
def percent(value: Any, places: int = 1) -> str:
    """A fraction as a percentage."""
    return fmt.percent(value, int(places))


@register.filter
def ppm(value: Any, places: int = 1) -> str:
    """Parts per million as a percentage."""
    return fmt.ppm(value, int(places))


@register.filter
def ratio(value: Any, places: int = 1) -> str:
    """A multiple, as in 2.4×."""
    return fmt.ratio(value, int(places))


@register.filter
def day(value: Any) -> str:
    """A day, as in 30 Jun; with the year where it is not this one."""
    return fmt.day(value)


@register.filter
def fullday(value: Any) -> str:
    """A day with its year."""
    return fmt.day(value, year=True)


@register.filter
def instant(value: Any) -> str:
    """A moment in the company's time zone."""
    return fmt.instant(value)


@register.filter
def ago(value: Any) -> str:
    """How long ago."""
    return fmt.ago(value)


@register.filter
def missing(value: Any) -> Any:
    """The value, or the sign for what is missing."""
    return fmt.MISSING if value is None or value == "" else value


@register.simple_tag
def change(value: Any, currency: str = "", since: str = "") -> SafeString:
    """A change of an amount: arrow, sign and tone, never colour alone."""
    arrow, text, tone = fmt.change(value, currency)
    return format_html('<span class="cw-{}">{} {}{}</span>', tone or "same", arrow, text, f" {since}" if since and arrow else "")


@register.simple_tag
def flag(label: Any, tone: str = "warn", why: str = "", href: str = "") -> SafeString:
    """A short mark with its reason; with an address it opens that in the drawer."""
    hidden = format_html('<span class="visually-hidden">: {}</span>', why) if why else ""
    if href:
        words = (href, tone or "plain", why, label, hidden)
        return format_html('<a href="{}" data-drawer class="cw-flag cw-flag-{}" title="{}">{}{}</a>', *words)
    return format_html('<span class="cw-flag cw-flag-{}" title="{}">{}{}</span>', tone or "plain", why, label, hidden)


@register.simple_tag
def dot(label: Any, tone: str = "") -> SafeString:
    """A state: a dot and its words; tone is "good", "bad", "warn", "info" or nothing."""
    return format_html('<span class="cw-dot cw-dot-{}">{}</span>', tone or "plain", label)


@register.simple_tag
def badge(label: Any, tone: str = "") -> SafeString:
    """A filled label; tone is "good", "bad", "warn", "info" or nothing."""
    return format_html('<span class="cw-badge cw-badge-{}">{}</span>', tone or "plain", label)


def _shown(name: str, context: Mapping[str, Any], **values: Any) -> SafeString:
    return render_to_string(f"cw/{name}.html", values, request=context.get("request"))


@register.simple_tag(takes_context=True)
def table(context: Mapping[str, Any], data: Any) -> SafeString:
    """A DataTable."""
    return _shown("table", context, table=data)


@register.simple_tag(takes_context=True)
def tree(context: Mapping[str, Any], data: Any) -> SafeString:
    """A TreeTable."""
    return _shown("tree", context, tree=data)


@register.simple_tag(takes_context=True)
def tiles(context: Mapping[str, Any], data: Any, bullet: Any = None) -> SafeString:
    """A card of number tiles, with a bullet bar under them where one is given."""
    return _shown("tiles", context, tiles=data, bullet=bullet)


@register.simple_tag(takes_context=True)
def bullet(context: Mapping[str, Any], data: Any) -> SafeString:
    """A bullet bar."""
    return _shown("bullet", context, bullet=data)


@register.simple_tag(takes_context=True)
def waterfall(context: Mapping[str, Any], data: Any) -> SafeString:
    """A waterfall with its table behind it."""
    return _shown("waterfall", context, chart=data)


@register.simple_tag(takes_context=True)
def chart(context: Mapping[str, Any], data: Any) -> SafeString:
    """A line or bar chart with its table behind it."""
    return _shown("chart", context, chart=data)


@register.simple_tag
def spark(values: Any, label: str = "", width: int = 96, height: int = 24) -> SafeString:
    """A sparkline of numbers; `label` says what it shows to screen readers."""
    return mark_safe(charts.sparkline(list(values or ()), label, int(width), int(height)))  # noqa: S308 - made of numbers, label escaped


@register.simple_tag(takes_context=True)
def timeline(context: Mapping[str, Any], events: Any) -> SafeString:
    """What happened, newest first: a list of Event."""
    return _shown("timeline", context, events=events)


@register.simple_tag(takes_context=True)
def diff(context: Mapping[str, Any], changes: Any, before: str = "Before", after: str = "After") -> SafeString:
    """What changes: a list of Change."""
    return _shown("diff", context, changes=changes, before=before, after=after)


@register.simple_tag(takes_context=True)
def field(context: Mapping[str, Any], bound: Any, width: str = "") -> SafeString:
    """One field of a Django form with its label, hint and mistakes."""
    return _shown("field", context, field=bound, width=width)


@register.simple_tag(takes_context=True)
def form_grid(context: Mapping[str, Any], form: Any) -> SafeString:
    """All fields of a Django form in a grid of two columns."""
    return _shown("form", context, form=form)


@register.simple_tag(takes_context=True)
def empty(context: Mapping[str, Any], title: str, text: str = "", url: str = "", label: str = "", symbol: str = "inbox") -> SafeString:
    """An empty state: what is missing, why, and the next step."""
    return _shown("empty", context, title=title, text=text, url=url, label=label, symbol=symbol)


@register.simple_tag(takes_context=True)
def job(context: Mapping[str, Any], data: Any, url: str = "") -> SafeString:
    """A job's progress; with `url` it asks there again every second until the job is done."""
    return _shown("job", context, job=data, url=url)


@register.simple_block_tag
def card(content: str, title: str = "", note: str = "", id: str = "", pad: bool = True) -> SafeString:  # noqa: A002 - the attribute's name
    """A card: `{% card "Title" "note" %}…{% endcard %}`; `pad=False` for a table inside."""
    head = (
        format_html('<header class="cw-card-head"><h2>{}</h2>{}</header>', title, format_html("<p>{}</p>", note) if note else "")
        if title
        else ""
    )
    body = format_html('<div class="cw-card-body">{}</div>', content) if pad else content
    mark = format_html(' id="{}"', id) if id else ""
    return format_html('<section class="card cw-card"{}>{}{}</section>', mark, head, body)


@register.simple_tag(takes_context=True)
def link(context: Mapping[str, Any], path: str, **more: Any) -> str:
    """An address that keeps the time machine."""
    view = context.get("view")
    if view is not None and hasattr(view, "url"):
        return str(view.url(path, **more))
    kept = context.get("keep") or ""
    return f"{path}?{kept}" if kept else path


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """A mapping's value."""
    return mapping.get(key) if hasattr(mapping, "get") else None

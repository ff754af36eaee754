"""A summary as HTML for mail: one column of 600 px, inline styles and tables, readable in light and dark."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from closedwon.forecast.summary.text import Figure, Name, Part, Section, Sentence, Summary, Tile

Address = Callable[[str], str]
FONT = "font-family:Inter,'Segoe UI',Helvetica,Arial,sans-serif"
INK, MUTED, LINE, CARD, GROUND, ACCENT = "#1b2430", "#5b6675", "#e3e7ec", "#ffffff", "#f4f6f8", "#2f5bd7"
TONES = {"up": "#1a7f4b", "down": "#b3372f", "": MUTED}
DARK = """
:root{color-scheme:light dark;supported-color-schemes:light dark}
@media (prefers-color-scheme:dark){
.cw-ground{background:#12161c!important}.cw-card{background:#1b2129!important;border-color:#303945!important}
.cw-ink,.cw-ink a{color:#e8ecf1!important}.cw-muted,.cw-muted a{color:#a3afbd!important}.cw-line{border-color:#303945!important}
.cw-up{color:#5cc98f!important}.cw-down{color:#f08a80!important}.cw-link{color:#8fb0ff!important}
}
@media (max-width:620px){.cw-row{display:inline!important}.cw-cell{display:inline-block!important;width:46%!important;box-sizing:border-box}.cw-pad{padding:16px!important}}
"""


def html(summary: Summary, at: Address) -> str:
    """The whole mail; `at` makes an address of a page's path."""
    parts = [
        _head(summary),
        _tiles(summary, at),
        *(_section(summary, one, at) for one in summary.sections),
        _notes(summary),
        _sources(summary, at),
    ]
    title = escape(summary.headline.plain)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
        f"<title>{title}</title><style>{DARK}</style></head>\n"
        f'<body class="cw-ground" style="margin:0;padding:0;background:{GROUND}">'
        f'<table role="presentation" class="cw-ground" width="100%" cellpadding="0" cellspacing="0" style="background:{GROUND}"><tr><td align="center" style="padding:16px 8px">\n'
        f'<table role="presentation" class="cw-card" width="600" cellpadding="0" cellspacing="0" style="width:100%;max-width:600px;background:{CARD};border:1px solid {LINE};border-radius:10px">'
        f'<tr><td class="cw-pad" style="padding:24px 28px;{FONT};color:{INK}">\n' + "\n".join(part for part in parts if part) + "\n"
        f'<p class="cw-muted" style="margin:18px 0 0;{FONT};font-size:12px;line-height:18px;color:{MUTED}">{_link(at(summary.path), "Open this page in closedwon", ACCENT, "cw-link")}: it shows what you may see, as of any day.</p>\n'
        "</td></tr></table></td></tr></table></body></html>\n"
    )  # fmt: skip


def _link(url: str, text: str, colour: str, name: str) -> str:
    return f'<a class="{name}" href="{escape(url)}" style="color:{colour};text-decoration:underline">{escape(text)}</a>'


def _head(summary: Summary) -> str:
    who = " · ".join(dict.fromkeys(part for part in (summary.company, summary.scope, summary.type) if part))
    return (
        f'<p class="cw-muted" style="margin:0 0 4px;{FONT};font-size:12px;line-height:18px;color:{MUTED}">{escape(who)} · week to {summary.as_of:%a} {summary.as_of.day} {summary.as_of:%b %Y}</p>'
        f'<h1 class="cw-ink" style="margin:0 0 16px;{FONT};font-size:21px;line-height:28px;font-weight:600;color:{INK}">{escape(summary.headline.plain)}</h1>'
    )


def _part(part: Part, at: Address) -> str:
    if isinstance(part, str):
        return escape(part)
    if isinstance(part, Figure):
        url = escape(at(part.source.path))
        return f'<a href="{url}" title="{escape(part.source.label)}" style="color:inherit;font-weight:600;text-decoration:none;white-space:nowrap">{escape(part.text)}</a>'
    name: Name = part
    if not name.path:
        return escape(name.text)
    return f'<a href="{escape(at(name.path))}" style="color:inherit;text-decoration:underline;text-decoration-color:#9aa5b3">{escape(name.text)}</a>'


def _said(summary: Summary, sentence: Sentence, at: Address, *, marked: bool = True) -> str:
    text = "".join(_part(part, at) for part in sentence.parts)
    numbers = summary.notes_of(sentence)
    if not marked or not numbers:
        return text
    marks = ",".join(str(number) for number in numbers)
    return f'{text}<sup class="cw-muted" style="font-size:10px;line-height:1;color:{MUTED}">&nbsp;{marks}</sup>'


def _tiles(summary: Summary, at: Address) -> str:
    cells = [_tile(tile, at) for tile in summary.tiles]
    rows = [cells[start : start + 3] for start in range(0, len(cells), 3)]
    body = "".join(f'<tr class="cw-row">{"".join(row)}{"<td></td>" * (3 - len(row))}</tr>' for row in rows)
    return f'<table role="presentation" width="100%" cellpadding="0" cellspacing="0" class="cw-line" style="margin:0 0 6px;border-top:1px solid {LINE};border-bottom:1px solid {LINE}">{body}</table>'


def _tile(tile: Tile, at: Address) -> str:
    value = _part(tile.figure, at) if tile.figure else "–"
    small = ""
    if tile.small:
        tones = [part.tone for part in tile.small.figures if part.tone]
        tone = tones[0] if tones else ""
        words = "".join(_part(part, at) for part in tile.small.parts)
        small = f'<div class="cw-{tone or "muted"}" style="font-size:12px;line-height:16px;color:{TONES[tone]}">{words}</div>'
    return (
        f'<td class="cw-cell" width="33%" valign="top" style="padding:10px 6px 10px 0;{FONT}">'
        f'<div class="cw-muted" style="font-size:12px;line-height:16px;color:{MUTED}">{escape(tile.label)}</div>'
        f'<div class="cw-ink" style="font-size:18px;line-height:24px;font-weight:600;color:{INK}">{value}</div>{small}</td>'
    )


def _section(summary: Summary, section: Section, at: Address) -> str:
    title = f'<h2 class="cw-ink" style="margin:16px 0 4px;{FONT};font-size:14px;line-height:20px;font-weight:600;color:{INK}">{escape(section.title)}</h2>'
    style = f"{FONT};font-size:14px;line-height:21px;color:{INK}"
    opening = " ".join(_said(summary, one, at) for one in section.opening)
    items = "".join(f'<li style="margin:0 0 4px">{_said(summary, one, at)}</li>' for one in section.items)
    return (
        title
        + (f'<p class="cw-ink" style="margin:0 0 4px;{style}">{opening}</p>' if opening else "")
        + (f'<ul class="cw-ink" style="margin:0;padding:0 0 0 18px;{style}">{items}</ul>' if items else "")
    )


def _notes(summary: Summary) -> str:
    if not summary.notes:
        return ""
    return f'<p class="cw-muted" style="margin:14px 0 0;{FONT};font-size:12px;line-height:18px;color:{MUTED}">{"<br>".join(escape(note) for note in summary.notes)}</p>'


def _sources(summary: Summary, at: Address) -> str:
    rows = "".join(
        f'<li style="margin:0">{_link(at(one.path), one.page, MUTED, "cw-muted")}{escape(f", {one.filter}" if one.filter else "")}, close of {one.as_of:%a} {one.as_of.day} {one.as_of:%b %Y}</li>'
        for one in summary.sources
    )
    return (
        f'<div class="cw-line" style="margin:18px 0 0;border-top:1px solid {LINE};padding:10px 0 0"><p class="cw-muted" style="margin:0 0 2px;{FONT};font-size:11px;line-height:16px;color:{MUTED}">Where each number comes from</p>'
        f'<ol class="cw-muted" style="margin:0;padding:0 0 0 18px;{FONT};font-size:11px;line-height:16px;color:{MUTED}">{rows}</ol></div>'
    )

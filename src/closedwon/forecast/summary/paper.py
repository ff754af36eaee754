"""A summary as a Typst document of one page; the text of every part is a string of Typst's, so that nothing in it is markup."""

from __future__ import annotations

from collections.abc import Callable

from closedwon.forecast.summary.text import Figure, Part, Section, Sentence, Summary, Tile

Address = Callable[[str], str]
SIZES = (10.0, 9.5, 9.0, 8.5, 8.0, 7.5, 7.0)
"""Sizes of the text in points: the largest with which all stands on one page is taken."""


def text(value: str) -> str:
    """A text as a Typst string."""
    made = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(sign if sign.isprintable() else f"\\u{{{ord(sign):x}}}" for sign in made) + '"'


def _part(part: Part, at: Address) -> str:
    if isinstance(part, str):
        return f"#{text(part)};"
    if isinstance(part, Figure):
        return f"#link({text(at(part.source.path))})[#strong({text(part.text)})];"
    return f"#link({text(at(part.path))})[#{text(part.text)};];" if part.path else f"#{text(part.text)};"


def _said(summary: Summary, sentence: Sentence, at: Address) -> str:
    body = "".join(_part(part, at) for part in sentence.parts)
    numbers = ",".join(str(number) for number in summary.notes_of(sentence))
    return body + (f"#mark({text(numbers)});" if numbers else "")


def _tile(tile: Tile, at: Address) -> str:
    value = _part(tile.figure, at) if tile.figure else '#"–";'
    small = ""
    if tile.small:
        tones = [part.tone for part in tile.small.figures if part.tone]
        colour = {"up": "good", "down": "bad"}.get(tones[0] if tones else "", "muted")
        small = f"#text(size: 0.8em, fill: {colour})[{''.join(_part(part, at) for part in tile.small.parts)}]"
    return f"[#text(size: 0.8em, fill: muted)[#{text(tile.label)};] \\ #text(size: 1.4em)[{value}] \\ {small}]"


def _section(summary: Summary, section: Section, at: Address) -> str:
    made = [f"#part({text(section.title)})"]
    if section.opening:
        made.append(" ".join(_said(summary, one, at) for one in section.opening) + "\n")
    if section.items:
        made.append("#list(" + ", ".join(f"[{_said(summary, one, at)}]" for one in section.items) + ")")
    return "\n".join(made)


def document(summary: Summary, at: Address, size: float) -> str:
    """The Typst text with a size of its letters; `<pages>` tells how many pages it takes."""
    who = " · ".join(dict.fromkeys(part for part in (summary.company, summary.scope, summary.type) if part))
    when = f"week to {summary.as_of:%a} {summary.as_of.day} {summary.as_of:%b %Y}"
    sources = ", ".join(
        f"[#link({text(at(one.path))})[#{text(one.page)};]#{text((f', {one.filter}' if one.filter else '') + f', close of {one.as_of.isoformat()}')};]"
        for one in summary.sources
    )
    notes = "\n".join(f"#text(size: 0.8em, fill: muted)[#{text(note)};] \\" for note in summary.notes)
    tiles = ", ".join(_tile(tile, at) for tile in summary.tiles)
    return f"""#set document(title: {text(summary.headline.plain)}, author: "closedwon", date: none)
#set page(paper: "a4", margin: (x: 18mm, y: 15mm))
#set text(font: ("Inter", "Libertinus Serif"), size: {size}pt, fill: rgb("#1b2430"), lang: "en")
#set par(leading: 0.55em, spacing: 0.7em)
#set list(spacing: 0.55em, indent: 2pt)
#let muted = rgb("#5b6675")
#let good = rgb("#1a7f4b")
#let bad = rgb("#b3372f")
#let mark(numbers) = super(typographic: false, text(size: 0.95em, fill: muted, numbers))
#let part(title) = block(above: 1.25em, below: 0.5em, text(weight: 600, size: 1.1em, title))
#text(size: 0.85em, fill: muted)[#{text(who)}; · #{text(when)};]
#block(above: 0.5em, below: 1em, text(size: 1.7em, weight: 600)[{_said(summary, summary.headline, at)}])
#line(length: 100%, stroke: 0.5pt + rgb("#e3e7ec"))
#grid(columns: (1fr,) * {max(1, min(6, len(summary.tiles)))}, gutter: 8pt, {tiles})
#line(length: 100%, stroke: 0.5pt + rgb("#e3e7ec"))
{chr(10).join(_section(summary, one, at) for one in summary.sections)}
{notes}
#v(0.4em)
#line(length: 100%, stroke: 0.5pt + rgb("#e3e7ec"))
#text(size: 0.75em, fill: muted)[Where each number comes from #enum(spacing: 0.4em, {sources})]
#context [#metadata(counter(page).final().first()) <pages>]
"""

"""A summary as Markdown and as a Slack message: every figure has its source in a footnote or behind a link."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from closedwon.forecast.summary.text import Figure, Part, Section, Sentence, Summary

Address = Callable[[str], str]
MOST_TEXT = 2900
"""Slack takes 3,000 characters in a section."""
MOST_HEADER = 150


def escaped(text: str) -> str:
    """Text whose signs mean nothing in Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", text)


def _part(part: Part, at: Address) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Figure):
        return f"**{escaped(part.text)}**"
    return f"[{escaped(part.text)}]({at(part.path)})" if part.path else escaped(part.text)


def _said(summary: Summary, sentence: Sentence, at: Address) -> str:
    text = "".join(_part(part, at) for part in sentence.parts)
    return text + "".join(f"[^{number}]" for number in summary.notes_of(sentence))


def markdown(summary: Summary, at: Address) -> str:
    """The whole page with a footnote for every source."""
    who = " · ".join(dict.fromkeys(part for part in (summary.company, summary.scope, summary.type) if part))
    lines = [f"# {_said(summary, summary.headline, at)}", "", f"{escaped(who)} · week to {summary.as_of.isoformat()}", ""]
    lines += ["| Number | | |", "|---|---:|---|"]
    for tile in summary.tiles:
        small = _said(summary, tile.small, at) if tile.small else ""
        value = _said(summary, Sentence(tile.label, (tile.figure,)), at) if tile.figure else "–"
        lines.append(f"| {tile.label} | {value} | {small} |")
    for section in summary.sections:
        lines += ["", f"## {section.title}", ""]
        if section.opening:
            lines += [" ".join(_said(summary, one, at) for one in section.opening), ""]
        lines += [f"- {_said(summary, one, at)}" for one in section.items]
    if summary.notes:
        lines += ["", *(f"> {escaped(note)}" for note in summary.notes)]
    lines.append("")
    for number, one in enumerate(summary.sources, 1):
        what = f"[{escaped(one.page)}]({at(one.path)})" + (f", {escaped(one.filter)}" if one.filter else "")
        lines.append(f"[^{number}]: {what}, close of {one.as_of.isoformat()}")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _slack(text: str) -> str:
    """Text that Slack shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mrkdwn(sentence: Sentence, at: Address) -> str:
    made = []
    for part in sentence.parts:
        if isinstance(part, str):
            made.append(_slack(part))
        else:
            path = part.source.path if isinstance(part, Figure) else part.path
            text = _slack(part.text).replace("|", "¦")
            made.append(f"<{at(path)}|{text}>" if path else text)
    return "".join(made)


def _block(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _blocks(section: Section, at: Address) -> list[dict[str, Any]]:
    """A part of the page; where it is longer than Slack takes, several blocks, each of whole sentences."""
    lines = [f"*{_slack(section.title)}*"]
    if section.opening:
        lines.append(" ".join(_mrkdwn(one, at) for one in section.opening))
    lines += [f"• {_mrkdwn(one, at)}" for one in section.items]
    made, held = [], ""
    for one in lines:
        if held and len(held) + len(one) + 1 > MOST_TEXT:
            made.append(_block(held))
            held = ""
        held = f"{held}\n{one}" if held else one[:MOST_TEXT]
    return [*made, _block(held)]


def slack(summary: Summary, at: Address) -> dict[str, Any]:
    """The message for an incoming webhook: a plain text for notices, and blocks."""
    tiles = []
    for tile in summary.tiles:
        small = f"\n{_mrkdwn(tile.small, at)}" if tile.small else ""
        value = _mrkdwn(Sentence(tile.label, (tile.figure,)), at) if tile.figure else "–"
        tiles.append({"type": "mrkdwn", "text": f"*{tile.label}*\n{value}{small}"})
    who = " · ".join(dict.fromkeys(part for part in (summary.company, summary.scope, summary.type) if part))
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": summary.headline.plain[:MOST_HEADER]}},
        {
            "type": "context",
            "elements": [
                {"type": "mrkdwn", "text": f"{_slack(who)} · week to {summary.as_of:%a} {summary.as_of.day} {summary.as_of:%b %Y}"}
            ],
        },
        {"type": "section", "fields": tiles[:10]},
    ]
    for section in summary.sections:
        blocks += _blocks(section, at)
    notes = [_slack(note) for note in summary.notes]
    pages = [f"<{at(path)}|{_slack(page)}>" for page, path in {one.page: one.path for one in reversed(summary.sources)}.items()][::-1]
    text = "\n".join([*notes, "Every number links to its page: " + ", ".join(pages), f"<{at(summary.path)}|Open the summary>"])
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": text[:MOST_TEXT]}]})
    return {"text": summary.headline.plain, "blocks": blocks[:50]}

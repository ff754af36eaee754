"""Sentences made of words, figures and names: every figure carries its source, and words hold no number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from string import Formatter
from typing import Any

DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Source:
    """Where a figure comes from: the page, what it is filtered by, and the day whose close it shows. `path` opens that page."""

    page: str
    filter: str
    as_of: date
    path: str

    @property
    def label(self) -> str:
        """The source in words, without the day."""
        return f"{self.page}: {self.filter}" if self.filter else self.page


@dataclass(frozen=True)
class Figure:
    """A number in the text: what it is called, how it is written, its exact value with its unit, and its source."""

    key: str
    text: str
    value: int | str
    unit: str
    source: Source
    tone: str = ""
    """up or down for a change that is good or bad news; empty where it is neither."""


@dataclass(frozen=True)
class Name:
    """A proper name out of the facts, such as a deal or a person, with the page that shows it."""

    text: str
    path: str = ""


Part = str | Figure | Name


@dataclass(frozen=True)
class Sentence:
    """One statement. Raises ValueError where its words hold a number that has no source."""

    about: str
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        for part in self.parts:
            if isinstance(part, str) and DIGIT.search(part):
                raise ValueError(f"the words {part!r} hold a number without its source")

    @property
    def figures(self) -> list[Figure]:
        """The figures in their order."""
        return [part for part in self.parts if isinstance(part, Figure)]

    @property
    def plain(self) -> str:
        """The text alone."""
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)


def line(about: str, text: str, **parts: Part | Sequence[Part]) -> Sentence:
    """A sentence from its words with `{name}` where a part, or several, stand."""
    made: list[Part] = []
    for words, name, _, _ in Formatter().parse(text):
        if words:
            made.append(words)
        if name is not None:
            part = parts[name]
            made += [part] if isinstance(part, (str, Figure, Name)) else list(part)
    return Sentence(about, tuple(made))


def listed(parts: Sequence[Part], last: str = " and ") -> list[Part]:
    """Parts with commas between them, and a word before the last."""
    made: list[Part] = []
    for at, part in enumerate(parts):
        if at:
            made.append(last if at == len(parts) - 1 else ", ")
        made.append(part)
    return made


@dataclass(frozen=True)
class Tile:
    """A number on top: its label, the figure, and a smaller sentence below it."""

    label: str
    figure: Figure | None
    small: Sentence | None = None


@dataclass(frozen=True)
class Section:
    """A part of the summary: a heading, a sentence or two that open it, and its items."""

    name: str
    title: str
    opening: tuple[Sentence, ...] = ()
    items: tuple[Sentence, ...] = ()

    def __iter__(self) -> Iterator[Sentence]:
        return iter((*self.opening, *self.items))


@dataclass(frozen=True)
class Summary:
    """One page: a headline, the numbers on top, the parts, and every source with its number.

    Raises ValueError where a figure or a sentence stands twice.
    """

    company: str
    scope: str
    type: str
    period: str
    as_of: date
    since: date
    currency: str
    headline: Sentence
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    path: str = "/forecast/summary"
    sources: tuple[Source, ...] = field(init=False)

    def __post_init__(self) -> None:
        found: dict[str, str] = {}
        texts: set[str] = set()
        for sentence in self.sentences:
            for figure in sentence.figures:
                if figure.key in found:
                    raise ValueError(f"the figure {figure.key} stands twice: in {found[figure.key]!r} and in {sentence.plain!r}")
                found[figure.key] = sentence.plain
            if sentence.plain in texts and sentence.about[:5] != "tile.":
                raise ValueError(f"the sentence {sentence.plain!r} stands twice")
            texts.add(sentence.plain)
        object.__setattr__(self, "sources", tuple(dict.fromkeys(figure.source for figure in self.figures)))

    @property
    def sentences(self) -> list[Sentence]:
        """Every statement in its order: headline, tiles, parts."""
        made = [self.headline]
        for tile in self.tiles:
            made += [Sentence(f"tile.{tile.label}", (tile.figure,))] if tile.figure else []
            made += [tile.small] if tile.small else []
        return [*made, *(sentence for section in self.sections for sentence in section)]

    @property
    def figures(self) -> list[Figure]:
        """Every figure in its order."""
        return [figure for sentence in self.sentences for figure in sentence.figures]

    def number_of(self, source: Source) -> int:
        """The number under which a source is listed, from 1."""
        return self.sources.index(source) + 1

    def notes_of(self, sentence: Sentence) -> list[int]:
        """The numbers of a sentence's sources, each once."""
        return list(dict.fromkeys(self.number_of(figure.source) for figure in sentence.figures))

    def as_dict(self) -> dict[str, Any]:
        """The whole as plain values: texts, figures with exact values, sources; for machines and for the store."""
        return {
            "company": self.company, "scope": self.scope, "type": self.type, "period": self.period, "as_of": self.as_of.isoformat(),
            "since": self.since.isoformat(), "currency": self.currency, "headline": self.headline.plain,
            "tiles": [
                {"label": tile.label, "text": tile.figure.text if tile.figure else "", "small": tile.small.plain if tile.small else ""}
                for tile in self.tiles
            ],
            "sections": [
                {"name": one.name, "title": one.title, "opening": [s.plain for s in one.opening], "items": [s.plain for s in one.items]}
                for one in self.sections
            ],
            "notes": list(self.notes),
            "figures": [
                {"key": f.key, "text": f.text, "value": f.value, "unit": f.unit, "source": self.number_of(f.source), "sentence": s.plain}
                for s in self.sentences for f in s.figures
            ],
            "sources": [
                {"number": at, "page": one.page, "filter": one.filter, "as_of": one.as_of.isoformat(), "path": one.path}
                for at, one in enumerate(self.sources, 1)
            ],
        }  # fmt: skip

"""Where things stand in a TOML text: the line of every table, key and array item, found by one pass over text that is known to parse."""

from __future__ import annotations

from functools import lru_cache

Place = tuple[str | int, ...]
_BARE_END = set(" \t=.]#\n\r,}")


class Scanner:
    """One pass over the text; it notes places and believes that the text is right."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.line = text, 0, 1
        self.places: dict[Place, int] = {}
        self.counts: dict[Place, int] = {}

    def peek(self, length: int = 1) -> str:
        """The next characters."""
        return self.text[self.at : self.at + length]

    def move(self, to: int) -> None:
        """On to a place in the text, lines counted."""
        to = min(to, len(self.text))
        self.line += self.text.count("\n", self.at, to)
        self.at = to

    def skip(self) -> None:
        """Past white space, line ends and comments."""
        while self.at < len(self.text):
            if self.peek() == "#":
                end = self.text.find("\n", self.at)
                self.move(len(self.text) if end < 0 else end)
            elif self.peek().isspace():
                self.move(self.at + 1)
            else:
                return

    def string(self) -> str:
        """Past a quoted string; gives what stands between its quotes."""
        quote = self.peek()
        mark = quote * 3 if self.peek(3) == quote * 3 else quote
        start = end = self.at + len(mark)
        while end < len(self.text) and not self.text.startswith(mark, end):
            end += 2 if quote == '"' and self.text[end] == "\\" else 1
        while len(mark) == 3 and self.text[end + 3 : end + 4] == quote:
            end += 1
        self.move(end + len(mark))
        return self.text[start:end]

    def key(self) -> list[str]:
        """Past a key, dotted or not; gives its parts."""
        parts = []
        while True:
            self.skip()
            if self.peek() in {'"', "'"}:
                parts.append(self.string())
            else:
                end = self.at
                while end < len(self.text) and self.text[end] not in _BARE_END:
                    end += 1
                parts.append(self.text[self.at : end])
                self.move(end)
            self.skip()
            if self.peek() != ".":
                return parts
            self.move(self.at + 1)

    def note(self, place: Place, line: int) -> None:
        """Remember the line of a place and of those around it."""
        for length in range(1, len(place) + 1):
            self.places.setdefault(place[:length], line)

    def pair(self, table: Place) -> None:
        """A key, the sign of equality and a value."""
        line = self.line
        place = (*table, *self.key())
        self.note(place, line)
        self.move(self.at + 1)
        self.skip()
        self.value(place)

    def value(self, place: Place) -> None:
        """Past a value; array items and keys of inline tables are noted."""
        first = self.peek()
        if first in {'"', "'"}:
            self.string()
        elif first in {"[", "{"}:
            self.move(self.at + 1)
            count = 0
            self.skip()
            while self.at < len(self.text) and self.peek() not in {"]", "}"}:
                if first == "[":
                    self.note((*place, count), self.line)
                    self.value((*place, count))
                else:
                    self.pair(place)
                count += 1
                self.skip()
                if self.peek() == ",":
                    self.move(self.at + 1)
                    self.skip()
            self.move(self.at + 1)
        else:
            end = self.at
            while end < len(self.text) and self.text[end] not in ",]}\n#":
                end += 1
            self.move(max(end, self.at + 1))

    def header(self) -> Place:
        """Past a table's header; gives the table's place, with the number of the item in arrays of tables."""
        line = self.line
        many = self.peek(2) == "[["
        self.move(self.at + (2 if many else 1))
        parts = self.key()
        self.move(self.at + (2 if many else 1))
        place: Place = ()
        for part in parts[:-1]:
            place = (*place, part)
            if place in self.counts:
                place = (*place, self.counts[place])
        place = (*place, parts[-1])
        if many:
            self.counts[place] = self.counts.get(place, -1) + 1
            self.note(place, line)
            place = (*place, self.counts[place])
        self.note(place, line)
        return place

    def run(self) -> dict[Place, int]:
        """The whole text: the line of every place."""
        table: Place = ()
        self.skip()
        while self.at < len(self.text):
            if self.peek() == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip()
        return self.places


@lru_cache(maxsize=64)
def places(text: str) -> dict[Place, int]:
    """The line, counted from 1, of every table, key and array item, by its path of names and numbers."""
    return Scanner(text).run()


def line_of(text: str, where: list[str | int]) -> int | None:
    """The line of a path in the text, or of the nearest thing around it; None where nothing of it is there."""
    found = places(text)
    best: Place = ()
    line: int | None = None
    for part in where:
        if (*best, part) in found:
            best = (*best, part)
            line = found[best]
    return line

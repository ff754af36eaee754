"""One table of text, whatever it was read from, and the checks that every kind shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from closedwon.base.errors import Invalid, Problem

LONGEST_CELL = 1_000_000
MOST_COLUMNS = 20_000


@dataclass
class Sheet:
    """One table of text: its header, its rows with their numbers (1 is the first after the header), and what was noticed."""

    name: str
    header: list[str]
    rows: Iterator[tuple[int, list[str]]]
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def header_of(cells: list[str] | None, name: str) -> list[str]:
    """The names of the columns. Raises Invalid where there are none, too many, or two alike."""
    if not cells or not any(cell.strip() for cell in cells):
        raise Invalid(f"{name} is empty: it has no line that names its columns.", mend="The first line names the columns.")
    header = [cell.strip() for cell in cells]
    while header and not header[-1]:
        header.pop()
    if len(header) > MOST_COLUMNS:
        raise Invalid(f"{name} has {len(header):,} columns; {MOST_COLUMNS:,} are read at most.", mend="Leave out what is not needed.")
    twice = sorted(cell for cell, count in Counter(header).items() if cell and count > 1)
    if twice:
        some = ", ".join(cell[:60] for cell in twice[:10])
        raise Invalid(f"{name} has two columns named {some}.", mend="Give each column its own name.")
    return header


def row_of(cells: list[str], header: list[str], number: int, name: str, problems: list[Problem]) -> list[str] | None:
    """The row with one cell for each column; None for an empty one and for one that is refused, which is noted."""
    if not any(cells):
        return None
    if len(cells) > len(header) and any(cells[len(header) :]):
        said = f"the row has {len(cells)} cells and the header {len(header)}"
        problems.append(Problem(said, name, row=number, mend="Quote the delimiter"))
        return None
    if any(len(cell) > LONGEST_CELL for cell in cells):
        problems.append(Problem(f"a cell is longer than {LONGEST_CELL:,} characters", name, row=number))
        return None
    return [*cells, *[""] * (len(header) - len(cells))][: len(header)]

"""Tables of documents that are made from cases: compared, or written anew where CLOSEDWON_UPDATE_SNAPSHOTS is 1."""

import os
from pathlib import Path

DOCS = Path(__file__).parents[4] / "docs/field"


def check_shown(page, mark, table):
    """The part of a page between two marks is this table."""
    file, start, end = DOCS / page, f"<!-- {mark} -->\n", f"\n<!-- /{mark} -->"
    head, rest = file.read_text(encoding="utf-8").split(start)
    _, tail = rest.split(end)
    whole = f"{head}{start}{table}{end}{tail}"
    if os.environ.get("CLOSEDWON_UPDATE_SNAPSHOTS") == "1":
        file.write_text(whole, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == whole, f"docs/field/{page} is behind the cases; CLOSEDWON_UPDATE_SNAPSHOTS=1 writes it anew"

"""The page about inspection flags has its tables from the fields and the cases themselves."""

from __future__ import annotations

import os
import re
from importlib import resources
from pathlib import Path
from typing import Any

from closedwon.forecast import fields
from closedwon.policies.cases import read_cases

DOC = Path(__file__).parents[4] / "docs/field/inspection.md"


def shown(value: Any) -> str:
    """A given or expected value as the page has it."""
    text = (
        ", ".join(map(str, value))
        if isinstance(value, list)
        else {True: "yes", False: "no"}.get(value, str(value))
        if isinstance(value, bool)
        else str(value)
    )
    return text.replace("|", "\\|")


def tables() -> dict[str, str]:
    """The tables by their mark."""
    told = ["| field | type | what it is |", "|---|---|---|"]
    told += [f"| `{field.name}` | {field.type} | {field.about} |" for field in fields.FIELDS]
    text = resources.files("closedwon.forecast").joinpath("default/inspection.cases.toml").read_text(encoding="utf-8")
    made = ["| case | given | expected |", "|---|---|---|"]
    for case in read_cases(text):
        given = "; ".join(f"{name} {shown(value)}" for name, value in case.get("given", {}).items())
        expected = "; ".join(f"{name}: {shown(value) or 'none'}" for name, value in case["expect"].items())
        made.append(f"| {case['name']} | {given or 'nothing'} | {expected} |")
    return {"fields": "\n".join(told), "cases": "\n".join(made)}


def test_the_page_has_the_fields_and_the_cases() -> None:
    whole = DOC.read_text(encoding="utf-8")
    for mark, table in tables().items():
        whole = re.sub(
            rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", lambda found, body=table: f"{found[1]}{body}\n{found[2]}", whole, flags=re.DOTALL
        )
    if os.environ.get("CLOSEDWON_UPDATE_SNAPSHOTS") == "1":
        DOC.write_text(whole, encoding="utf-8")
    assert DOC.read_text(encoding="utf-8") == whole, "docs/field/inspection.md is behind; CLOSEDWON_UPDATE_SNAPSHOTS=1 writes it anew"

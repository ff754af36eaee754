"""A summary written out: HTML for mail, Markdown, PDF through Typst with the shipped fonts, a Slack message, and its figures."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from closedwon.base.errors import NotReady
from closedwon.forecast.summary import mail, markdown, paper
from closedwon.forecast.summary.text import Summary
from closedwon.workspace import current

FORMS = ("html", "md", "pdf", "json")


def address(path: str) -> str:
    """The address of a page, from where the site is reached."""
    return (current().settings.base_url or "http://localhost:8000").rstrip("/") + path


def as_html(summary: Summary) -> str:
    """HTML for mail."""
    return mail.html(summary, address)


def as_markdown(summary: Summary) -> str:
    """Markdown with footnotes."""
    return markdown.markdown(summary, address)


def as_slack(summary: Summary) -> dict[str, Any]:
    """The message for a Slack webhook."""
    return markdown.slack(summary, address)


def as_json(summary: Summary) -> str:
    """Every figure with its exact value and source."""
    return json.dumps(summary.as_dict(), ensure_ascii=False, indent=1) + "\n"


@lru_cache(maxsize=1)
def _fonts() -> Any:
    import typst

    folder = Path(str(resources.files("closedwon.ui").joinpath("static/vendor")))
    if not (folder / "inter-regular.ttf").exists():
        raise NotReady("The fonts of PDF documents are not there.", mend="Copy them into the package with: make assets")
    return typst.Fonts(include_system_fonts=False, font_paths=[str(folder)])


def _compile(text: str, form: Literal["pdf", "png"], ppi: float | None = None) -> Any:
    import typst

    return typst.compile(text.encode(), font_paths=_fonts(), format=form, ppi=ppi, ignore_system_fonts=True, timestamp=0)


def one_page(summary: Summary) -> str:
    """The Typst text with the largest letters with which it stands on one page."""
    import typst

    made = ""
    for size in paper.SIZES:
        made = paper.document(summary, address, size)
        pages = json.loads(typst.query(made.encode(), "<pages>", field="value", one=True, font_paths=_fonts(), ignore_system_fonts=True))
        if pages == 1:
            break
    return made


def as_pdf(summary: Summary) -> bytes:
    """The page as PDF; the same summary gives the same bytes."""
    return bytes(_compile(one_page(summary), "pdf"))


def as_picture(summary: Summary, ppi: float = 110) -> bytes:
    """The PDF's page as a PNG."""
    found = _compile(one_page(summary), "png", ppi)
    return bytes(found[0] if isinstance(found, list) else found)


def written(summary: Summary, form: str) -> bytes:
    """The summary in one of `FORMS`."""
    if form == "pdf":
        return as_pdf(summary)
    return {"html": as_html, "md": as_markdown, "json": as_json}[form](summary).encode()


def write_into(summary: Summary, folder: Path) -> list[Path]:
    """Write summary.html, .md, .pdf and .json into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for form in FORMS:
        target = folder / f"summary.{form}"
        target.write_bytes(written(summary, form))
        made.append(target)
    return made

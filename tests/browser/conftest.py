"""The site and the browser of the page tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser.harness import ARGS, CHROMIUM, Site, Visitor


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test here, so that `-m "not browser"` leaves them out, and keep them on one worker."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The example company, served; CLOSEDWON_BROWSER_DEMO names a demo folder to use again."""
    if not CHROMIUM:
        pytest.skip("needs Chromium: apt-get install chromium")
    kept = os.environ.get("CLOSEDWON_BROWSER_DEMO")
    made = Site(Path(kept) if kept else tmp_path_factory.mktemp("browser") / "demo")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for a file of tests; it ends with the file, because its loop would disturb the database tests."""
    from playwright.sync_api import sync_playwright

    if not CHROMIUM:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Any, site: Site) -> Iterator[Callable[..., Visitor]]:
    """Call it as `visit("admin", size="phone", theme="dark")` to get a Visitor who is signed in."""
    made: list[Visitor] = []

    def open_window(role: str = "", *, size: str = "desktop", theme: str = "light") -> Visitor:
        made.append(Visitor(browser, site, role, size, theme))
        return made[-1]

    yield open_window
    for one in made:
        one.close()

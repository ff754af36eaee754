"""A real browser on a real site: sign in as a role, look for what breaks, and take the pictures of the documents."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs/screenshots"
AXE = ROOT / "src/closedwon/ui/static/vendor/axe.min.js"
CHROMIUM = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome") if Path(path).exists()), "")
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
    "--disable-quic",
]  # fmt: skip
SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
THEMES = ("light", "dark")


class Site:
    """The example company, made once and served by the product's own command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("CLOSEDWON_", "DJANGO_"))}
        run = [sys.executable, "-m", "closedwon"]
        subprocess.run([*run, "demo", "--no-serve", "--dir", str(folder)], env=environment, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
        self.logins = {row["role"]: row for row in json.loads((folder / ".demo-logins").read_text())}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = (folder / "serve.log").open("w")
        self.process = subprocess.Popen(
            [*run, "--workspace", str(folder), "serve", "--port", str(port)], env=environment, stdout=self.log, stderr=self.log, cwd=ROOT
        )
        self.sessions: dict[str, Any] = {}
        self._wait()

    def _wait(self) -> None:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{self.url}/accounts/login/", timeout=5).read()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError((self.folder / "serve.log").read_text()[-2000:])

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


class Visitor:
    """One person at one window."""

    def __init__(self, browser: Any, site: Site, role: str = "", size: str = "desktop", theme: str = "light") -> None:
        self.site, self.role, self.size, self.theme = site, role, size, theme
        state = site.sessions.get(role)
        self.context = browser.new_context(
            viewport=SIZES[size], color_scheme=theme, has_touch=size == "phone", storage_state=state, base_url=site.url, locale="en-GB"
        )
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("console", lambda said: said.type == "error" and self.complaints.append(f"console: {said.text}"))
        self.page.on(
            "requestfailed", lambda asked: "ABORTED" in asked.failure or self.complaints.append(f"failed: {asked.url} {asked.failure}")
        )
        self.page.on("request", lambda asked: self._stays_at_home(asked.url))
        if role and state is None:
            login(self.page, site, role)
            self.page.wait_for_load_state("networkidle")
            self.complaints.clear()
            site.sessions[role] = self.context.storage_state()

    def _stays_at_home(self, url: str) -> None:
        if not url.startswith((self.site.url, "data:", "blob:")):
            self.complaints.append(f"asks elsewhere: {url}")

    def go(self, path: str, status: int = 200) -> Any:
        answer = self.page.goto(path)
        assert answer.status == status, f"{path}: {answer.status}\n{self.page.inner_text('body')[:400]}"
        self.settle()
        return self.page

    def settle(self) -> None:
        self.page.wait_for_load_state("networkidle")
        self.page.evaluate("document.fonts.ready")
        if self.page.locator("[data-vega]").count():
            self.page.wait_for_selector("[data-vega] svg", timeout=15_000)

    def close(self) -> None:
        self.context.close()


def login(page: Any, site: Site, role: str) -> None:
    """Sign in through the page, with the password of the demo."""
    who = site.logins[role]
    page.goto("/accounts/login/")
    page.fill("input[name=login]", who["email"])
    page.fill("input[name=password]", who["password"])
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/(\?.*)?$"))


def shot(page: Any, name: str, theme: str, size: str, *, height: int = 1500) -> Path:
    """Take a picture of the page's top, or all of a shorter page; CLOSEDWON_UPDATE_SCREENSHOTS=1 keeps it as docs/screenshots/<name>-<theme>-<size>.png."""
    folder = PICTURES if os.environ.get("CLOSEDWON_UPDATE_SCREENSHOTS") == "1" else Path(tempfile.gettempdir()) / "closedwon-screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}-{theme}-{size}.png"
    page.add_style_tag(content=".cw-tabs{position:absolute!important;visibility:hidden}.cw-page{padding-bottom:24px!important}")
    whole = page.evaluate("document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": SIZES[size]["width"], "height": min(whole, height)}
    page.screenshot(path=target, full_page=True, clip=clip, animations="disabled")
    return target


def axe(page: Any) -> list[str]:
    """What axe-core finds serious or critical."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:3]
    ]


def too_wide(page: Any) -> list[str]:
    """What sticks out of the window at the side; tables that scroll by themselves do not count."""
    return page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('main *')]
        .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.cw-scroll,.table-responsive,.cw-machine'))
        .slice(0, 5).map((one) => one.outerHTML.slice(0, 140))"""
    )


def check(visitor: Visitor, path: str) -> None:
    """The page opens, breaks nothing, is clean under axe and not wider than the window."""
    visitor.go(path)
    problems = visitor.complaints + axe(visitor.page) + too_wide(visitor.page)
    visitor.complaints.clear()
    assert not problems, f"{path} as {visitor.role}, {visitor.theme}, {visitor.size}:\n" + "\n".join(problems)

"""Every page of the navigation, as the roles see it, at both widths: it opens, breaks nothing, is clean under axe and fits."""

import pytest
from tests.browser.harness import SIZES, axe, too_wide

ROLES = ("admin", "CRO", "manager", "rep", "sales ops", "auditor")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("role", ROLES)
def test_every_page_of_the_navigation(visit, role, size):
    who = visit(role, size=size, theme="dark" if role in ("CRO", "rep") else "light")
    page = who.go("/")
    paths = page.evaluate("[...new Set([...document.querySelectorAll('#sheet a')].map((one) => one.getAttribute('href')))]")
    assert paths
    bad = []
    for path in paths:
        answer = page.goto(path)
        who.settle()
        if answer.status != 200:
            bad.append(f"{path}: {answer.status}")
        bad += [f"{path}: {one}" for one in who.complaints + axe(page) + too_wide(page)]
        who.complaints.clear()
    assert not bad, f"as {role}:\n" + "\n".join(bad)

"""The pages that README and documents show: each opens, fits and is clean under axe, and its picture is taken, light and dark, at both widths."""

import pytest
from tests.browser.harness import SIZES, THEMES, check, shot

LOOKS = [(theme, size) for size in SIZES for theme in THEMES]
PAGES = [
    ("sales ops", "/forecast/", "board"),
    ("sales ops", "/forecast/waterfall", "waterfall"),
    ("sales ops", "/forecast/deals", "inspection"),
    ("sales ops", "/forecast/summary", "summary"),
    ("sales ops", "/forecast/accuracy", "accuracy"),
    ("sales ops", "/pipeline/funnel/", "funnel"),
    ("deal desk", "/approvals/", "approvals"),
    ("admin", "/admin/jobs/", "jobs"),
    ("auditor", "/admin/audit/", "audit"),
]


@pytest.mark.parametrize(("theme", "size"), LOOKS)
def test_pictures_of_the_documents(visit, theme, size):
    for role, path, name in PAGES:
        who = visit(role, size=size, theme=theme)
        check(who, path)
        shot(who.page, name, theme, size)
        who.close()

"""Policies as a comp admin meets them: the form says mistakes at their fields, rows come and go by keyboard, text completes."""

import pytest
from tests.browser.harness import SIZES, axe, check, too_wide

PAGES = (
    "/policies/pipeline/",
    "/policies/pipeline/form/",
    "/policies/forecast/form/",
    "/policies/pipeline/cases/",
    "/policies/pipeline/compare/",
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_of_policies(visit, size, theme):
    who = visit("sales ops", size=size, theme=theme)
    for path in PAGES:
        check(who, path)


def test_a_mistake_is_said_at_its_field_and_a_right_value_in_the_plan(visit):
    who = visit("sales ops")
    page = who.go("/policies/pipeline/form/")
    page.fill("[id='f-stages.1.probability']", "often")
    page.wait_for_selector("[id='f-stages.1.probability'][aria-invalid=true]")
    assert "write a percentage" in page.inner_text("td:has([id='f-stages.1.probability'])")
    page.fill("[id='f-stages.1.probability']", "15")
    page.wait_for_selector("text=stages.1-Discovery.probability goes from 10% to 15%")
    assert page.locator("[aria-invalid]").count() == 0
    assert "1-Discovery" in page.inner_text(".policy-preview")
    assert not who.complaints + axe(page) + too_wide(page)


def test_rows_come_and_go_by_keyboard_and_a_draft_is_kept(visit):
    who = visit("sales ops")
    page = who.go("/policies/pipeline/form/")
    rows = page.locator("tr[data-field^='stages.']")
    count = rows.count()
    page.focus("button[value='add:stages']")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"[id='f-stages.{count}.name']:focus")
    page.keyboard.type("Legal Review")
    page.wait_for_selector("text=stages.Legal Review is added")
    page.click(f"button[value='up:stages:{count}']")
    page.wait_for_selector(f"[id='f-stages.{count - 1}.name'][value='Legal Review']")
    page.click("button[value=draft]")
    who.settle()
    assert page.input_value(f"[id='f-stages.{count - 1}.name']") == "Legal Review"
    page.click("button[value=drop]")
    who.settle()
    assert page.url.endswith("/policies/pipeline/")
    assert not who.complaints


def test_a_card_stays_open_when_rows_change(visit):
    who = visit("sales ops")
    page = who.go("/policies/forecast/form/")
    page.click("[id='d-types.0'] summary")
    page.click("button[value='add:categories']")
    page.wait_for_selector("[id='d-categories.6'][open]")
    assert page.locator("[id='d-types.0']").get_attribute("open") is not None
    assert not who.complaints


def test_the_editor_completes_keys_and_values(visit):
    who = visit("sales ops")
    page = who.go("/policies/pipeline/edit/")
    page.focus("#text")
    page.keyboard.press("Control+End")
    page.keyboard.type('\n[[stages]]\nname = "X"\nsta')
    page.wait_for_selector("#policy-words [aria-selected=true]")
    page.keyboard.press("Enter")
    page.keyboard.type('"w')
    page.wait_for_selector('#policy-words li:has-text("won")')
    page.keyboard.press("Tab")
    assert page.input_value("#text").endswith('status = "won"')
    page.wait_for_selector("text=stages.X is added")
    page.keyboard.type("\n")
    page.keyboard.press("Control+Space")
    page.wait_for_selector("#policy-words")
    page.keyboard.press("Escape")
    assert page.locator("#policy-words").count() == 0
    assert not who.complaints + axe(page)

"""Policies as a comp admin meets them: the form says mistakes at their fields, rows come and go by keyboard, text completes."""

import pytest
from tests.browser.harness import SIZES, axe, check, too_wide

PAGES = (
    "/policies/pipeline/",
    "/policies/pipeline/form/",
    "/policies/forecast/form/",
    "/policies/inspection/",
    "/policies/inspection/form/",
    "/policies/pipeline/cases/",
    "/policies/pipeline/cases/form/",
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


def test_a_formula_completes_and_its_mistake_has_a_caret(visit):
    who = visit("sales ops")
    page = who.go("/policies/inspection/form/")
    page.click("[id='d-flags.0'] > summary")
    formula = page.locator("[id='f-flags.0.when']")
    formula.fill("")
    formula.press_sequentially("close_da")
    page.wait_for_selector('#policy-words li:has-text("close_date")')
    page.keyboard.press("Enter")
    formula.press_sequentially(" < TODAY() AND nobdy")
    page.keyboard.press("Escape")
    page.wait_for_selector("[id='f-flags.0.when'][aria-invalid=true]")
    assert "unknown field" in page.inner_text("[data-field='flags.0.when'] .policy-error")
    assert page.inner_text("[data-field='flags.0.when'] .policy-caret").rstrip().endswith("^")
    assert page.locator("[id='d-flags.0'].policy-wrong").count() == 1
    assert not who.complaints + axe(page) + too_wide(page)


def test_a_case_goes_red_and_green_while_one_writes(visit):
    who = visit("sales ops")
    page = who.go("/policies/pipeline/cases/form/")
    page.wait_for_selector("#results:has-text('All')")
    page.click("[id='d-case.0'] > summary")
    value = page.locator("[id='f-case.0.expect.0.value']")
    right = value.input_value()
    value.fill("something else")
    page.wait_for_selector("#results:has-text('expected something else')")
    page.click("button[value='take:0']")
    page.wait_for_selector("#results:has-text('All')")
    assert page.input_value("[id='f-case.0.expect.0.value']") == right
    assert not who.complaints + axe(page)


def test_what_was_applied_is_undone_with_one_press(visit):
    who = visit("sales ops")
    page = who.go("/policies/pipeline/form/")
    before = page.input_value("[id='f-stages.1.probability']")
    page.fill("[id='f-stages.1.probability']", "17%")
    page.wait_for_selector("text=goes from")
    page.wait_for_selector(".policy-effect:has-text('count differently')")
    page.fill("#note", "a try")
    page.click("button[value=apply]")
    page.wait_for_selector("text=is in force")
    page.click("button:has-text('Undo')")
    page.wait_for_load_state("networkidle")
    who.go("/policies/pipeline/form/")
    assert page.input_value("[id='f-stages.1.probability']") == before
    assert not who.complaints

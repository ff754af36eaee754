"""Sign-off on a phone: a rep asks, finance opens, approves and sends back, the rep takes back; every page of it is clean."""

import itertools

import pytest
from playwright.sync_api import expect
from tests.browser.harness import SIZES, THEMES, axe, check, too_wide

PAGES = ("/approvals/", "/approvals/all/", "/approvals/exceptions/?all=1", "/approvals/standing/", "/deals/requests/", "/deals/desk/")
LOOKS = [(theme, size) for size in SIZES for theme in THEMES]
NUMBERS = itertools.count(1)


def fits(page):
    """What is wider than the window, tables in boxes that do not scroll too."""
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [f"the page is {wide} px wider than the window"] if wide > 0 else []


def ask(visit, terms):
    """A rep asks for payment terms on the first of the rep's open deals, on a phone; gives the title and the rep's window."""
    rep = visit("rep", size="phone")
    page = rep.go("/pipeline/deals/?status=open")
    deals = page.request.get("/api/v1/crm/deals?status=open&size=50").json()["rows"]
    assert deals, "the rep of the example company has no open deal"
    rep.go(f"/pipeline/deals/{deals[0]['id']}")
    page.get_by_role("button", name="Ask for sign-off").click()
    rep.settle()
    title = f"Phone {terms} {next(NUMBERS)} {deals[0]['id']}"
    page.fill("#title", title)
    page.fill("#f-discount", "5%")
    page.fill("#f-term_months", "12")
    for name in ("list", "net", "renewal_net", "free_months", "credits"):
        page.fill(f"#f-{name}", "")
    page.select_option("#f-payment_terms", terms)
    expect(page.locator("#preview")).to_contain_text("Finance")
    assert not axe(page) + too_wide(page) + fits(page)
    page.get_by_role("button", name="Submit").click()
    rep.settle()
    assert "Submitted" in page.inner_text("body"), page.inner_text("main")[:800]
    return title, rep


def open_in_inbox(visit, title, size="phone"):
    finance = visit("finance", size=size)
    page = finance.go("/approvals/")
    page.get_by_role("link", name=title).first.click()
    finance.settle()
    assert title in page.inner_text("h1")
    return finance, page


def test_open_and_approve_on_a_phone(visit):
    title, _ = ask(visit, "Net 45")
    finance, page = open_in_inbox(visit, title)
    said = page.inner_text("main")
    assert "You are asked: Payment terms Net 45" in said
    for word in ("Who agrees", "What this customer bought before", "Files", "What happened"):
        assert word in said
    problems = finance.complaints + axe(page) + too_wide(page) + fits(page)
    assert not problems, "\n".join(problems)
    approve = page.get_by_role("button", name="Approve", exact=True)
    assert approve.bounding_box()["y"] < SIZES["phone"]["height"], "the decision is out of sight"
    approve.click()
    finance.settle()
    page = finance.go("/approvals/")
    assert title not in page.inner_text("main")


def test_send_back_needs_the_change_and_the_rep_reads_it(visit):
    title, rep = ask(visit, "Net 60")
    finance, page = open_in_inbox(visit, title)
    page.get_by_role("button", name="Send back").click()
    finance.settle()
    assert "needs the change that would make it right" in page.inner_text("[role=alert]")
    page.fill("#words", "Net 30, as everybody else")
    page.get_by_role("button", name="Send back").click()
    finance.settle()
    page = rep.go("/approvals/")
    page.get_by_role("link", name=title).first.click()
    rep.settle()
    said = page.inner_text("main")
    assert "sent back" in said
    assert "Net 30, as everybody else" in said


def test_the_rep_takes_it_back(visit):
    title, rep = ask(visit, "Net 60")
    page = rep.go("/approvals/")
    page.get_by_role("link", name=title).first.click()
    rep.settle()
    page.get_by_role("button", name="Take back").click()
    rep.settle()
    assert "taken back" in page.inner_text("main")
    finance = visit("finance", size="phone")
    assert title not in finance.go("/approvals/").inner_text("main")


def test_keys_decide_and_never_while_one_writes(visit):
    title, _ = ask(visit, "Net 60")
    finance, page = open_in_inbox(visit, title, "desktop")
    page.keyboard.press("c")
    page.keyboard.type("a fair deal")
    expect(page.locator("#words")).to_have_value("a fair deal")
    assert title in page.inner_text("h1")
    page.keyboard.press("Escape")
    page.locator("h1").click()
    with page.expect_navigation():
        page.keyboard.press("a")
    finance.settle()
    page = finance.go("/approvals/all/")
    page.get_by_role("link", name=title).first.click()
    finance.settle()
    said = page.inner_text("main")
    assert "It waits for" not in said or "Finance" not in said.split("It waits for")[1][:40]
    assert "a fair deal" in said


def test_a_file_is_added_and_comes_back(visit, tmp_path):
    title, rep = ask(visit, "Net 60")
    page = rep.go("/approvals/")
    page.get_by_role("link", name=title).first.click()
    rep.settle()
    letter = tmp_path / "letter.txt"
    letter.write_text("We sign on Friday.")
    page.set_input_files("#file", str(letter))
    page.get_by_role("button", name="Add", exact=True).click()
    rep.settle()
    wrong = tmp_path / "page.html"
    wrong.write_text("<script>1</script>")
    page.set_input_files("#file", str(wrong))
    page.get_by_role("button", name="Add", exact=True).click()
    rep.settle()
    assert "not a kind of file that is taken" in page.inner_text("body")
    with page.expect_download() as got:
        page.get_by_role("link", name="letter.txt").click()
    assert got.value.path().read_text() == "We sign on Friday."


@pytest.mark.parametrize(("theme", "size"), LOOKS)
def test_pages_of_sign_off(visit, theme, size):
    who = visit("deal desk", size=size, theme=theme)
    for path in PAGES:
        check(who, path)
    page = who.go("/approvals/all/")
    hrefs = page.evaluate("[...document.querySelectorAll('main a[href^=\"/approvals/\"]')].map((one) => one.getAttribute('href'))")
    numbered = sorted({one for one in hrefs if one.strip("/").split("/")[-1].isdigit()})
    assert len(numbered) >= 5
    for path in numbered[:4]:
        check(who, path)
        assert not fits(who.page), path

import pytest
from playwright.sync_api import expect
from tests.browser.harness import SIZES, THEMES, axe, check, shot, too_wide

LOOKS = [(theme, size) for size in SIZES for theme in THEMES]


@pytest.mark.parametrize(("theme", "size"), LOOKS)
@pytest.mark.parametrize(("path", "name"), [("/design/", "components"), ("/", "today"), ("/settings/", "settings"), ("/about/", "about")])
def test_pages_of_the_house(visit, theme, size, path, name):
    who = visit("admin", size=size, theme=theme)
    check(who, path)
    if name in ("components", "today"):
        shot(who.page, name, theme, size)


@pytest.mark.parametrize(("theme", "size"), LOOKS)
def test_sign_in_page(visit, theme, size):
    who = visit(size=size, theme=theme)
    check(who, "/accounts/login/")
    shot(who.page, "sign-in", theme, size)


@pytest.mark.parametrize("path", ["/accounts/2fa/", "/accounts/password/change/", "/accounts/logout/", "/api/v1/docs", "/settings/tokens/"])
def test_account_pages(visit, path):
    for size in SIZES:
        who = visit("admin", size=size)
        who.go(path)
        assert not who.complaints
        if not path.startswith("/api/"):
            assert not axe(who.page) + too_wide(who.page)


def test_two_step_sign_in_asks_for_the_password_then_shows_a_picture(visit, site):
    who = visit("auditor")
    page = who.go("/accounts/2fa/totp/activate/")
    if page.locator("input[name=password]").count():
        page.fill("input[name=password]", site.logins["auditor"]["password"])
        page.click("main button[type=submit]")
        who.settle()
    assert page.locator("img.cw-qr").count() == 1
    assert not axe(page)


def test_missing_page_says_what_to_do(visit):
    who = visit("admin")
    page = who.go("/no-such-page/", status=404)
    assert "Not found" in page.inner_text("main")
    assert not axe(page)
    page = who.go("/design/?period=never", status=422)
    assert "FY27-Q2" in page.inner_text("main")


def test_palette_finds_a_page_and_goes_there(visit):
    who = visit("admin")
    page = who.go("/")
    page.keyboard.press("Control+k")
    page.wait_for_selector("#palette[open]")
    page.keyboard.type("components")
    expect(page.locator("#palette-hits [role=option]")).to_have_count(1)
    assert not axe(page)
    page.keyboard.press("Enter")
    page.wait_for_url("**/design/**")


def test_keys_walk_rows_and_open_branches(visit):
    who = visit("admin")
    page = who.go("/design/")
    shown = "[...document.querySelectorAll('.cw-tree tbody tr')].filter((row) => !row.hidden).length"
    before = page.evaluate(shown)
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.dataset.node") == "dach"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(shown) == before + 3
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(shown) == before
    page.keyboard.press("?")
    assert page.locator("#keys[open]").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("#keys[open]").count() == 0


def test_drawer_opens_a_number_and_back_closes_it(visit):
    who = visit("admin")
    page = who.go("/design/")
    page.click(".cw-tile a >> nth=0")
    page.wait_for_selector("#drawer-body .cw-tiles")
    assert page.locator("#drawer[open]").count() == 1
    page.go_back()
    page.wait_for_selector("#drawer[open]", state="detached")
    assert page.url.endswith("/design/")


def test_table_sorts_filters_and_pages_without_a_full_reload(visit):
    who = visit("admin")
    page = who.go("/design/")
    page.evaluate("window.same = true")
    page.click("#table-design-deals thead a:has-text('Deal')")
    page.wait_for_url("**sort=name**")
    assert page.locator("#table-design-deals tbody tr").first.inner_text().startswith("Arbor Bank")
    page.click("#table-design-deals summary:has-text('Category')")
    page.click("#table-design-deals .cw-menu a:has-text('Best case')")
    expect(page.locator("#table-design-deals footer")).to_contain_text("40 rows")
    page.click("#table-design-deals a[rel=next]")
    expect(page.locator("#table-design-deals footer")).to_contain_text("13 to 24")
    page.fill("#table-design-deals input[type=search]", "quill health, new 1")
    expect(page.locator("#table-design-deals footer")).to_contain_text("11 rows")
    assert page.evaluate("window.same") is True
    assert not who.complaints


def test_exports_and_pictures(visit):
    who = visit("admin")
    page = who.go("/design/")
    for form in ("CSV", "XLSX"):
        page.click("#table-design-deals summary[title='Columns, views, export']")
        with page.expect_download() as caught:
            page.click(f"#table-design-deals .cw-menu a:text-is('{form}')")
        assert caught.value.suggested_filename.endswith(form.lower())
    for form in ("PNG", "SVG", "CSV"):
        for chart in ("#chart-waterfall", "#chart-commit"):
            page.click(f"{chart} summary[title='PNG, SVG, CSV']")
            with page.expect_download() as caught:
                page.click(f"{chart} button:text-is('{form}')")
            assert caught.value.suggested_filename.endswith(form.lower())


def test_saved_view_is_kept_and_deleted(visit):
    who = visit("admin")
    page = who.go("/design/?f.category=Commit&sort=close")
    page.click("#table-design-deals summary[title='Columns, views, export']")
    page.fill("#table-design-deals input[name=name]", "my commits")
    page.keyboard.press("Enter")
    page.wait_for_selector(".cw-toast:has-text('my commits')")
    page = who.go("/design/")
    page.click("#table-design-deals summary[title='Columns, views, export']")
    page.click("#table-design-deals .cw-menu a:has-text('my commits')")
    who.settle()
    assert "60 rows" in page.inner_text("#table-design-deals footer")
    page.click("#table-design-deals summary[title='Columns, views, export']")
    page.click("#table-design-deals button[aria-label='Delete the view my commits']")
    page.wait_for_selector(".cw-toast:has-text('deleted')")


def test_time_machine_keeps_the_view_in_the_address(visit):
    who = visit("admin")
    page = who.go("/design/?period=2017-Q4")
    page.click("#machine summary:has-text('Organisation')")
    page.click("#machine .cw-menu a:has-text('as it is')")
    who.settle()
    assert "period=2017-Q4" in page.url
    assert "org=as-is" in page.url
    page.click("#machine summary:has-text('As of')")
    page.fill("#machine input[type=date]", "2017-11-06")
    page.wait_for_url("**as_of=2017-11-06**")
    assert "org=as-is" in page.url


def test_theme_is_remembered(visit):
    who = visit("admin")
    page = who.go("/")
    page.click("summary[aria-label$='settings and sign out']")
    page.click("[data-set-theme=dark] >> nth=0")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"

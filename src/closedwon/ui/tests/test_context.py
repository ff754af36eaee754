from datetime import UTC, date, datetime

import pytest
from django.test import RequestFactory

from closedwon.base.errors import Invalid
from closedwon.ui import nav
from closedwon.ui.charts import Bar, Chart, Waterfall, sparkline
from closedwon.ui.context import View, chips, keep
from closedwon.ui.parts import Bullet, Mark, Step


def view(query="", **more):
    return View.of(RequestFactory().get(f"/x/?{query}"), **more)


def test_defaults_are_now_and_the_quarter_of_today(ws):
    made = view()
    assert (made.as_of, made.org, made.currency, made.scope, made.rates) == (None, "as-was", "USD", "", "plan")
    assert made.period.kind == "quarter"
    assert made.day in made.period
    assert made.query() == ""


def test_the_address_carries_the_view_there_and_back(ws):
    text = "scope=s1&period=2017-Q4&as_of=2017-11-06&org=as-is&currency=EUR&rates=as-reported"
    assert view(text).query() == text
    assert view(text).url("/deals/", node="n 1") == f"/deals/?{text}&node=n+1"
    assert keep({"scope": "a", "q": "b", "period": ""}) == "scope=a"


def test_a_date_means_the_close_of_that_day_where_the_company_is(ws_with):
    ws_with(time_zone="America/Los_Angeles")
    assert view("as_of=2017-11-05").cutoff == datetime(2017, 11, 6, 8, tzinfo=UTC)
    assert view("as_of=2017-11-05").day == date(2017, 11, 5)


@pytest.mark.parametrize(
    "query", ["period=never", "as_of=31/02/2017", "as_of=0001-01-01", "org=x", "rates=x", "currency=EURO", "currency=1$x"]
)
def test_bad_words_are_refused_with_the_mend(ws, query):
    with pytest.raises(Invalid) as caught:
        view(query)
    assert caught.value.mend


def test_chips_keep_the_pages_own_parameters(ws):
    request = RequestFactory().get("/x/?f.stage=Won&period=2017-Q4&page=3")
    made = {chip.name: chip for chip in chips(View.of(request), request)}
    assert made["period"].value == "2017-Q4"
    other = next(choice for choice in made["org"].choices if not choice.on)
    assert other.href == "/x/?f.stage=Won&period=2017-Q4&org=as-is"
    assert made["as_of"].input == "date"


def test_navigation_shows_what_the_roles_open(ws):
    everybody = nav.sections(frozenset())
    assert "Admin" not in {section.name for section in everybody if section.path == "/design/"}
    admin = nav.sections({"admin"}, "/admin/people/")
    assert next(section for section in admin if section.on).name == "Admin"
    assert all(item.path for item in nav.items())
    assert {item.section for item in nav.items()} <= set(nav.SECTIONS)


def test_waterfall_is_drawn_from_zero_and_closes(ws):
    chart = Waterfall("x", [Bar("Begin", 100, "total"), Bar("New", 50), Bar("Lost", -30), Bar("End", 120, "total")], "USD")
    drawn = chart.drawn
    assert [one["kind"] for one in drawn] == ["total", "up", "down", "total"]
    assert drawn[2]["line_y"] == drawn[3]["y"]
    assert Waterfall("x", [], "USD").drawn == []
    assert len(Waterfall("x", [Bar("Begin", -5, "total"), Bar("New", 5)], "USD").drawn) == 2


def test_bullet_fits_whatever_stands_highest(ws):
    bullet = Bullet([Step("closed", 10, "won"), Step("best", 20, "best")], target=100, marks=[Mark("machine", 30, low=10, high=200)])
    assert bullet.top == 228
    assert float(bullet.target_at) < 50
    assert Bullet([Step("closed", 0, "won")]).drawn[0]["width"] == "0.00"
    assert Bullet([Step("closed", -5, "won")], target=None).words


def test_charts_make_vega_and_their_table(ws):
    rows = [{"x": date(2027, 1, 1), "y": 1_50, "series": "</script>"}, {"x": date(2027, 2, 1), "y": None, "series": "b"}]
    chart = Chart("t", rows, "Week", "USD")
    assert chart.table == [["1 Jan 2027", "</script>", "1.50"], ["1 Feb 2027", "b", "–"]]
    assert "</script" not in chart.json
    assert chart.spec["layer"]
    assert str(chart.picture()).startswith("<svg")


def test_sparkline_leaves_gaps():
    assert sparkline([1, None, 3, 2]).count("M") == 2
    assert "–" in sparkline([None, 1])
    assert "<b>" not in sparkline([1, 2], "<b>")

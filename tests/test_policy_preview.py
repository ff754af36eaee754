"""The pipeline policy's preview counts the company's deals, and only those that the reader may see."""

from closedwon.crm.deals import DealQuery, deals
from closedwon.crm.preview import deals_by_stage
from closedwon.people.acting import actor_of


def test_the_preview_counts_what_the_reader_sees(company):
    counts = {}
    for part in ("sales ops", "rep", "admin"):
        by = actor_of(company.user(part))
        counts[part] = sum(deals_by_stage(by).values())
        assert counts[part] == deals(by, DealQuery(size=1)).total, part
    assert 0 < counts["rep"] < counts["sales ops"]
    assert counts["admin"] == 0


def test_the_policy_page_shows_them_to_those_who_see_deals(company):
    assert "On your own data" in company.page("sales ops", "/policies/pipeline/")
    assert "On your own data" not in company.page("admin", "/policies/pipeline/")

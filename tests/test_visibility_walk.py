"""Nobody learns of a deal or account that they may not see: every page, every API call and every export, walked as every part.

What may be seen comes from `tests.sight`, which reads the generated facts by itself.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tests.company import Company
from tests.sight import Sight
from tests.walking import BATCH, Answer, Fill, Walker, api_addresses, api_document, fill_ids, filled, routes, within

PARTS = (
    "CRO", "VP", "director", "manager", "rep", "sales ops", "sales ops, EMEA only", "sales ops nowhere", "deal desk", "comp admin", "finance",
    "enablement", "Salesforce admin", "SE", "CSM", "admin", "auditor", "overlay", "partner manager", "lost a team", "took a team",
    "rep of a split", "manager without a seat", "no role",
)  # fmt: skip
LIMITED = ("manager", "rep", "sales ops, EMEA only", "SE", "CSM", "overlay", "lost a team")
"""Those who see some deals and not others: for them every export and part of a page is opened too."""
QUICK = ("rep", "SE", "admin", "no role")
"""Those who are walked also where slow tests are left out."""
SEEING = ("CRO", "manager", "rep", "sales ops, EMEA only", "SE", "admin", "lost a team")
"""One of each way to see deals: all, below, one's own, a region, a team's, none, and those of a tree that changed."""
BEFORE_REORG = date(2026, 9, 1)
LONG_AGO = date(2025, 6, 30)
STATUSES = [("f.status", status) for status in ("open", "won", "lost")]
SIGNING_OUT = ("/accounts/logout/",)
FORECAST_PAGES = (
    "?", "open?export=csv", "deals?export=csv", "number?bucket=total_open&export=csv", "number?bucket=closed&export=csv", "talk?", "moves?", "waterfall?",
    "number?bucket=quota", "number?bucket=undated", "number?bucket=machine&export=xlsx", "?export=board.csv", "waterfall?export=waterfall.csv",
)  # fmt: skip


def walked(parts: Iterable[str], quick: Iterable[str] = QUICK) -> Any:
    """A test for each part, slow but for a few."""
    return pytest.mark.parametrize("part", [part if part in quick else pytest.param(part, marks=pytest.mark.slow) for part in parts])


@pytest.fixture(scope="module")
def sight(company_in_database: Company) -> Sight:
    """What everybody may see, by the other reading."""
    return Sight(company_in_database)


@pytest.fixture
def batch(company: Company) -> None:
    """An uploaded file that waits for its import."""
    folder = company.workspace.path / "inbox" / BATCH
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "users.csv").write_text("id,name\nU99999,Somebody New\n", encoding="utf-8")


class Hidden:
    """The ids and names that somebody must not learn of, with the two that an address may ask about."""

    def __init__(self, sight: Sight, part: str, deals: frozenset[str]) -> None:
        everything = bool(part) and sight.sees_all(part)
        self.visible = deals
        self.deals = frozenset() if everything else frozenset(sight.deals) - deals
        accounts = sight.accounts_of(deals)
        self.accounts = frozenset() if everything else frozenset(sight.accounts) - accounts
        known = "\n".join([*(sight.deals[i]["name"] for i in deals), *(sight.accounts[i]["name"] for i in accounts)])
        names = {*(sight.deals[i]["name"] for i in self.deals), *(sight.accounts[i]["name"] for i in self.accounts)}
        self.names = sorted(name for name in names if name and len(name) > 5 and name not in known)

    def leaks(self, answer: Answer) -> list[str]:
        """What an answer tells that it should not."""
        found = sorted(answer.identities & (self.deals | self.accounts))
        asked = " ".join(parse_qs(urlsplit(answer.address).query).get("q", []))
        return found + [name for name in self.names if name in answer.text and name not in asked]


def fill_for(sight: Sight, hidden: Hidden) -> Fill:
    """Two deals and accounts of one's own and two of others."""
    own = sorted(hidden.visible)
    foreign = sorted(hidden.deals)
    deals = [*own[:1], *own[-1:], *foreign[:1], *foreign[-1:]]
    accounts = [sight.deals[deal]["account_id"] for deal in own[:1]] + sorted(hidden.accounts)[:2]
    return Fill(list(dict.fromkeys(deals)), list(dict.fromkeys(accounts)), fill_ids())


def seats(company: Company, sight: Sight, part: str) -> list[str]:
    """A seat of one's own, or the top, and seats of others."""
    _, person, _ = sight.who(part)
    mine = [row["position_id"] for row in sight.sits.get(person, []) if row["until"] is None]
    return list(dict.fromkeys([*mine[:1], "SEAT-0001", company.where("vacant seat with open pipeline")[1], "SEAT-NONE"]))


def check(walker: Walker, hidden: Hidden, address: str, method: str = "GET", **given: Any) -> tuple[Answer, list[str]]:
    """Ask, and say what is wrong with the answer."""
    answer = walker.ask(address, method, **given)
    wrong = [f"{method} {address} answered {answer.status}"] if answer.status >= 500 else []
    leaks = hidden.leaks(answer)
    if leaks:
        wrong.append(f"{method} {address} tells {walker.part or 'strangers'} of {leaks[:5]} and {max(0, len(leaks) - 5)} more")
    return answer, wrong


def few_of_each(addresses: Iterable[str]) -> list[str]:
    """At most two addresses of each shape: the same path, the same parameters, the same kind of export."""
    made: dict[Any, list[str]] = defaultdict(list)
    for address in addresses:
        parts = urlsplit(address)
        given = parse_qs(parts.query)
        made[parts.path, frozenset(given), *given.get("export", [])].append(address)
    return [one for found in made.values() for one in found[:2]]


def test_every_part_is_walked(company):
    assert set(PARTS) == set(company.logins)
    assert len(routes()) > 40
    assert len(api_document()["paths"]) > 25


@walked(PARTS)
def test_pages_exports_and_api_tell_nobody_too_much(company, sight, batch, part):
    hidden = Hidden(sight, part, sight.of(part))
    walker, fill, wrong, opened = Walker(company, part), fill_for(sight, hidden), [], 0
    further: dict[str, None] = {}
    for route in routes():
        for address in filled(route, fill):
            answer, found = check(walker, hidden, address)
            wrong += found
            opened += answer.status == 200
            if answer.status == 200 and part in LIMITED:
                further |= dict.fromkeys(within(answer))
                further |= dict.fromkeys(f"{address}?{prefix}export={kind}" for prefix in ("", "c-") for kind in ("csv", "xlsx"))
            elif answer.status == 200:
                further[f"{address}?export=csv"] = None
    for address in few_of_each(further):
        wrong += check(walker, hidden, address)[1]
    for method, address in api_addresses(fill):
        if method == "GET":
            answer, found = check(walker, hidden, address)
            wrong += found
            opened += answer.status == 200
    assert not wrong, chr(10).join(wrong)
    assert opened > 5


@walked(PARTS)
def test_nothing_sent_empty_fails_or_tells(company, sight, batch, part):
    hidden = Hidden(sight, part, sight.of(part))
    walker, fill, wrong = Walker(company, part), fill_for(sight, hidden), []
    for route in routes():
        for address in filled(route, fill):
            if address not in SIGNING_OUT:
                wrong += check(walker, hidden, address, "POST")[1]
    for method, address in api_addresses(fill):
        if method != "GET":
            wrong += check(walker, hidden, address, method)[1]
    assert not wrong, chr(10).join(wrong)


def test_strangers_see_the_sign_in_alone(company, sight, batch):
    hidden = Hidden(sight, "", frozenset())
    walker, fill, wrong = Walker(company), fill_for(sight, hidden), []
    for address in [address for route in routes() for address in filled(route, fill)]:
        answer, found = check(walker, hidden, address)
        wrong += found
        if not address.startswith("/accounts/") and address not in ("/healthz", "/readyz", "/metrics"):
            assert answer.status in (302, 403, 404, 405), f"{address} answered a stranger with {answer.status}"
    for method, address in api_addresses(fill):
        answer, found = check(walker, hidden, address, method)
        wrong += found
        assert answer.status == 401, f"{method} {address} answered a stranger with {answer.status}"
    assert not wrong, chr(10).join(wrong)


@walked([*LIMITED, "no role", "sales ops nowhere"])
def test_the_forecast_tells_of_own_seats_and_deals_alone(company, sight, part):
    """Boards, numbers, bars and lists, of one's own seat and of others', now and as it was before the re-organisation."""
    walker, wrong = Walker(company, part), []
    for day, org in ((None, "as-was"), (BEFORE_REORG, "as-was"), (BEFORE_REORG, "as-is")):
        end = day or sight.today()
        begin = end - timedelta(days=30)
        hidden = Hidden(sight, part, sight.of(part, day, org))
        either = Hidden(sight, part, sight.of(part, day, org) | sight.of(part, begin, org))
        for scope in ("", *seats(company, sight, part)[: 4 if not day else 0]):
            asked = urlencode(
                {"org": org, "period": "all", "scope": scope, "as_of": day.isoformat() if day else "", "begin": begin.isoformat()}
            )
            for page in FORECAST_PAGES if not day else FORECAST_PAGES[:6]:
                wrong += check(walker, hidden, f"/forecast/{page}&{asked}")[1]
            for bar in ("begin", "transferred_in", "transferred_out", "end"):
                wrong += check(walker, either, f"/forecast/waterfall/bar?bucket={bar}&export=csv&{asked}")[1]
    assert not wrong, chr(10).join(wrong)


@pytest.mark.parametrize("org", ["as-was", "as-is"])
@walked(PARTS, SEEING)
def test_what_may_be_seen_is_there(company, sight, part, org):
    """The export of the deal list and the API list exactly the deals in sight, now and at days in the past."""
    client = company.client(part)
    for day in (None, BEFORE_REORG, LONG_AGO):
        at = {"as_of": day.isoformat()} if day else {}
        want = {deal for deal in sight.of(part, day, org) if not sight.is_deleted(deal, sight.close(day or sight.today()))}
        query = urlencode([("export", "csv"), ("cols", "id,name"), ("org", org), *STATUSES, *at.items()])
        answer = client.get(f"/pipeline/deals/?{query}")
        text = b"".join(answer.streaming_content).decode("utf-8-sig")
        assert {row["Id"] for row in csv.DictReader(io.StringIO(text))} == want, f"deals of {part} as of {day}, {org}"
        if org == "as-was":
            rows = client.get("/api/v1/crm/deals", {"size": 10_000, **at}).json()["rows"]
            assert {row["id"] for row in rows} == want, f"deals over the API of {part} as of {day}"


@walked(PARTS)
def test_own_records_open_and_others_are_not_there(company, sight, part):
    walker = Walker(company, part)
    visible = {deal for deal in sight.of(part) if not sight.is_deleted(deal, sight.close(sight.today()))}
    hidden = sorted(set(sight.deals) - sight.of(part))
    for deal in sorted(visible)[:3]:
        assert walker.ask(f"/pipeline/deals/{deal}").status == 200
        assert walker.ask(f"/api/v1/crm/deals/{deal}").status == 200
        assert walker.ask(f"/pipeline/accounts/{sight.deals[deal]['account_id']}").status == 200
        assert deal in walker.ask(f"/palette/?q={deal}").text
    for deal in [*hidden[:2], *hidden[-2:]]:
        assert walker.ask(f"/pipeline/deals/{deal}").status == 404
        assert walker.ask(f"/api/v1/crm/deals/{deal}").status == 404
        answer = walker.ask(f"/palette/?q={deal}")
        assert sight.deals[deal]["name"] not in answer.text
    for account in sorted(set(sight.accounts) - sight.accounts_of(sight.of(part)))[:2]:
        assert walker.ask(f"/pipeline/accounts/{account}").status == (200 if sight.sees_all(part) else 404)


@walked(["CRO", *LIMITED], ("CRO", "manager", "SE"))
def test_accounts_in_sight_are_listed(company, sight, part):
    answer = Walker(company, part).ask("/pipeline/accounts/?export=csv&cols=name")
    names = {row["Account"].lstrip("'") for row in csv.DictReader(io.StringIO(answer.text))}
    deals = [deal for deal in sight.of(part) if not sight.is_deleted(deal, sight.close(sight.today()))]
    ids = frozenset(sight.accounts) if sight.sees_all(part) else sight.accounts_of(frozenset(deals))
    assert names == {sight.accounts[i]["name"] for i in ids}


def test_names_of_the_company_are_its_own(company, sight):
    """A name that stands in the product's own words would be found everywhere: pages without facts hold none."""
    text = Walker(company, "no role").ask("/about/").text
    found = [row["name"] for row in sight.accounts.values() if row["name"] and re.search(re.escape(row["name"]), text)]
    assert found == []

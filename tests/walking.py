"""Every address of the site and the API, with its arguments filled in, and what an answer says in plain text."""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote, unquote

from tests.company import Company, rolled_back

ARGUMENT = re.compile(r"<(?:(\w+):)?(\w+)>")
IDENTITY = re.compile(r"\b(?:OPP|ACC)-[A-Z]?\d+\b")
BATCH = "walk"
VERBS = {
    "admin/jobs": ("cancel", "retry"),
    "admin/people": ("grant", "revoke", "switch", "link", "invite", "password", "no-such-verb"),
    "admin/people/identities": ("refresh", "add", "remove", "settle"),
    "admin/people/seats": ("propose", "approve", "reject", "withdraw"),
}
EXPORTS = re.compile(r'(?:href|hx-get)="([^"]*export=[^"]*)"')
PARTS = re.compile(r'hx-get="([^"#]+)"')


@dataclass
class Fill:
    """What arguments are filled with: ids of one's own and of others."""

    deals: list[str]
    accounts: list[str]
    ids: dict[str, list[str]] = field(default_factory=dict)

    def of(self, route: str, name: str) -> list[str]:
        """The values to try for an argument of a route; one that nobody has told the walk about is tried with deals and nonsense."""
        if name in ("deal_id", "opportunity_id"):
            return [*self.deals, "OPP-NOBODY"]
        if name == "account_id":
            return [*self.accounts, "ACC-NOBODY"]
        if name == "verb":
            return list(VERBS.get(re.sub(r"/?<.*", "", route), ("save", "delete", "approve", "no-such-verb")))
        key = f"{re.sub(r'^api/v1/', '', route).split('<')[0].strip('/')}:{name}"
        for known, values in self.ids.items():
            if key.endswith(known):
                return values

        return [*self.deals[:1], *self.deals[-1:], "1", "no-such-thing"]


def fill_ids() -> dict[str, list[str]]:
    """Arguments that are no deals or accounts: by the end of the route before it, and its name."""
    from closedwon.audit.models import Entry
    from closedwon.crm.models import ImportRun
    from closedwon.jobs.models import Job, Schedule
    from closedwon.people.models import ApiToken, User

    def keys(model: Any) -> list[str]:
        found = [str(row.pk) for row in model._base_manager.order_by("-pk")[:1]]  # noqa: SLF001
        return [*found, "987654"]

    return {
        "import/runs:pk": keys(ImportRun), "crm/imports:run_id": keys(ImportRun), "import:batch": [BATCH, "no-such-batch"],
        "crm/uploads:upload": [BATCH, "no-such-batch"],
        "policies:name": ["pipeline", "forecast", "no-such-policy"], "versions:number": ["1", "987"], "policies:number": ["1", "987"],
        "admin/jobs:pk": keys(Job), "jobs:job_id": keys(Job), "schedules:pk": keys(Schedule), "schedules:schedule_id": keys(Schedule),
        "admin/people:pk": keys(User), "people/people:email": [User.objects.first().email, "nobody@example.com"], "people/people:role": ["rep", "king"],
        "tokens:prefix": [*ApiToken.objects.values_list("prefix", flat=True)[:1], "nothing"], "identities:identity_id": ["1", "987654"],
        "identity-conflicts:conflict_id": ["1", "987654"], "seat-corrections:correction_id": ["1", "987654"],
        "audit:sequence": [str(Entry.objects.order_by("-sequence").first().sequence), "987654"], "entries:sequence": ["1", "987654"],
        "export:ending": ["jsonl", "csv", "exe"], "views:pk": ["1"],
        "forecast/calls:name": ["SEAT-0001", "SEAT-0045", "SEAT-NONE"], "forecast/calls:seat": ["SEAT-0001", "SEAT-NONE"],
    }  # fmt: skip


def routes() -> list[str]:
    """Every route of the resolver that is ours, or the sign-in's: without those of the API, which its document names."""
    from django.urls import get_resolver

    def walk(patterns: Any, before: str) -> Iterator[str]:
        for one in patterns:
            here = before + str(one.pattern).lstrip("^").replace("\\Z", "").replace("$", "")
            if hasattr(one, "url_patterns"):
                yield from walk(one.url_patterns, here)
            else:
                yield here

    found = list(dict.fromkeys(walk(get_resolver().url_patterns, "")))
    return [route for route in found if not route.startswith("api/v1/") and "(?P" not in route]


def filled(route: str, fill: Fill) -> list[str]:
    """The addresses of a route: each argument tried with each of its values, not all with all."""
    names = [match.group(2) for match in ARGUMENT.finditer(route)]
    values = [fill.of(route, name) for name in names]
    if not names:
        return ["/" + route]
    made = []
    for at in range(max(len(found) for found in values)):
        chosen = iter([found[min(at, len(found) - 1)] for found in values])
        made.append("/" + ARGUMENT.sub(lambda _: quote(next(chosen), safe="@"), route))
    return made


def api_document() -> dict[str, Any]:
    """The API's OpenAPI document."""
    from closedwon.site.api import api

    return dict(api.get_openapi_schema())


def api_addresses(fill: Fill) -> list[tuple[str, str]]:
    """Every (method, address) of the API's document, arguments filled in."""
    made = []
    for path, methods in api_document()["paths"].items():
        route = path.lstrip("/").replace("{", "<").replace("}", ">")
        made += [(method.upper(), address) for method in methods for address in filled(route, fill)]
    return made


@dataclass
class Answer:
    """An answer with everything that it says as plain text, spreadsheets too."""

    address: str
    status: int
    text: str
    kind: str
    raw: Any

    @property
    def identities(self) -> set[str]:
        """The ids of deals and accounts in it, without those that the address itself has."""
        return set(IDENTITY.findall(self.text)) - set(IDENTITY.findall(unquote(self.address)))


class Walker:
    """Somebody who asks for one address after the other; what a request writes is gone after it."""

    def __init__(self, company: Company, part: str = "") -> None:
        self.part, self.client = part, company.client(part)
        self.signed_in = self.client.cookies.output()

    def ask(self, address: str, method: str = "GET", **given: Any) -> Answer:
        """The answer to a request; a form posts nothing, an API call an empty object."""
        self.client.cookies = SimpleCookie(self.signed_in.replace("Set-Cookie: ", ""))
        if method != "GET" and address.startswith("/api/"):
            given = {"data": "{}", "content_type": "application/json", **given}
        with rolled_back():
            raw = (
                self.client.generic(method, address, **given)
                if method not in ("GET", "POST")
                else getattr(self.client, method.lower())(address, **given)
            )
            body = b"".join(raw.streaming_content) if raw.streaming else raw.content
            raw.close()
        kind = raw.headers.get("Content-Type", "")
        return Answer(address, raw.status_code, said(body, kind), kind, raw)


def said(body: bytes, kind: str) -> str:
    """What a body says, whatever its format."""
    if body[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            return "\n".join(html.unescape(packed.read(name).decode()) for name in packed.namelist() if name.endswith(".xml"))
    text = body.decode("utf-8-sig", errors="replace")
    if "json" in kind and "jsonl" not in kind and "ndjson" not in kind:
        return json.dumps(json.loads(text), ensure_ascii=False) if text else ""
    if "html" in kind:
        text = html.unescape(re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m.group(1), 16)), text))
    return text


def within(answer: Answer) -> list[str]:
    """The exports and the parts that a page offers, as addresses of this site."""
    from urllib.parse import urljoin

    found = [*EXPORTS.findall(answer.text), *PARTS.findall(answer.text)]
    made = [urljoin(answer.address, html.unescape(one)) for one in found]
    return [one for one in dict.fromkeys(made) if one.startswith("/")]

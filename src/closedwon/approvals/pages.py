"""The pages of approvals: the inbox, one request on one screen, all requests, links in mails, buttons in Slack."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import include, path, reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from closedwon.approvals.actions import adding, deciding, exemptions, files, links, looking, slack, submitting
from closedwon.approvals.actions.common import policies
from closedwon.approvals.actions.people import called, names, person_of
from closedwon.approvals.actions.subjects import subject_of
from closedwon.approvals.pages_beside import routes as beside
from closedwon.approvals.pages_history import routes as history
from closedwon.approvals.strength import strength_of
from closedwon.base.errors import ClosedwonError, Invalid, NotFound, Refused
from closedwon.people.acting import web_actor
from closedwon.people.actor import Actor
from closedwon.ui.parts import Event
from closedwon.ui.tables import Col, DataTable, Query, Rows

STATE_WORDS = {
    "approved": "approved", "rejected": "sent back", "pending": "waiting", "conditional": "waits for a condition", "recalled": "taken back",
}  # fmt: skip
TONES = {"approved": "good", "rejected": "bad", "pending": "info", "conditional": "warn", "recalled": ""}
STEP_TONES = {
    "approved": "good", "inherited": "good", "overridden": "warn", "rejected": "bad", "open": "info", "conditional": "warn", "waiting": "", "skipped": "",
}  # fmt: skip
STEP_WORDS = {
    "approved": "approved", "inherited": "still holds", "overridden": "overridden", "rejected": "sent back", "open": "asked now",
    "conditional": "waits for a condition", "waiting": "not yet", "skipped": "not needed any more", "replaced": "replaced",
}  # fmt: skip


@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """What waits for the person, the most urgent first."""
    by = web_actor(request)
    rows = looking.inbox(by=by)
    known = names({row["request"].submitter for row in rows} | {row["stands_for"] for row in rows} - {""})
    for row in rows:
        row["who"] = known.get(row["request"].submitter, row["request"].submitter)
        row["for"] = known.get(row["stands_for"], "")
        row["bulk"] = _in_bulk(row)
    asked = looking.requests(by=by, mine_only=True).filter(state__in=("pending", "conditional", "rejected"))[:20]
    mine = [
        {
            "pk": one.pk,
            "title": one.title,
            "number": one.number,
            "submitted_at": one.submitted_at,
            "state": one.state,
            "tone": TONES[one.state],
            "word": STATE_WORDS[one.state],
        }
        for one in asked
    ]
    return render(
        request, "approvals/inbox.html", {"rows": rows, "mine": mine, "bulk": any(row["bulk"] for row in rows), "key": secrets.token_hex(8)}
    )


def _in_bulk(row: Mapping[str, Any]) -> bool:
    """Whether the policy lets this one be decided together with others: every role says so, and none asks for a stronger sign-in."""
    roles = policies().on(row["request"].kind, date.max).roles
    return all(roles[name].bulk and not roles[name].step_up for step in row["steps"] for name in step.roles if name in roles)


@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """Approve several at once, where the policy allows it; each is a decision of its own."""
    by = web_actor(request)
    done, failed = 0, []
    waiting = {str(row["request"].pk): row for row in looking.inbox(by=by)}
    for word in request.POST.getlist("request"):
        number, _, content_hash = word.partition(":")
        row = waiting.get(number)
        try:
            if row is None:
                raise Invalid(f"Request {number} does not wait for you any more.")
            if not _in_bulk(row):
                raise Invalid(f"{row['request'].title} is decided by itself.", mend="Open it.")
            key = f"bulk:{request.POST.get('key', '')}:{number}"[:100]
            deciding.decide(int(number), "approve", content_hash=content_hash, by=by, strength=strength_of(request), key=key)
            done += 1
        except ClosedwonError as error:
            failed.append(f"{row['request'].title}: {error}" if row is not None and row["request"].title not in str(error) else str(error))
    if done:
        messages.success(request, f"{done} approved.")
    for text in failed[:5]:
        messages.error(request, text)
    return redirect("approvals:inbox")


def _columns() -> list[Col]:
    return [
        Col("title", "Request", href=lambda row: reverse("approvals:one", args=[row["id"]]), phone="title"),
        Col("kind", "Kind", filter=True),
        Col("state", "State", "status", filter=True),
        Col("submitter", "Asked by", sort=False),
        Col("amount", "Amount", sort=False, phone="big"),
        Col("version", "Version", "number", sort=False, hidden=True),
        Col("waits", "Waits for", sort=False, phone="wide"),
        Col("submitted_at", "Submitted", "instant"),
        Col("closed_at", "Decided", "instant", hidden=True),
        Col("subject_id", "About", sort=False, hidden=True),
    ]


@require_GET
def every(request: HttpRequest) -> HttpResponse:
    """Every request that the person may see."""
    by = web_actor(request)

    def rows(query: Query) -> Rows:
        found = looking.requests(by=by, find=query.search)
        if states := query.filters.get("state"):
            found = found.filter(state__in=[state for state, word in STATE_WORDS.items() if word in states or state in states])
        if kinds := query.filters.get("kind"):
            found = found.filter(kind__in=kinds)
        order = query.sort if query.sort in ("title", "kind", "state", "submitted_at", "closed_at") else "submitted_at"
        found = found.order_by(f"{'-' if query.descending or not query.sort else ''}{order}", "-pk")
        count = found.count()
        page = list(found[query.offset : query.offset + query.limit])
        asked = {one.pk: list(one.steps.filter(state="open")) for one in page}
        known = names({one.submitter for one in page})
        choices = {
            "state": list(STATE_WORDS.values()),
            "kind": sorted(looking.visible(by).order_by().values_list("kind", flat=True).distinct()),
        }
        made = [
            {
                "id": one.pk, "title": one.title, "kind": subject_of(one.kind).title, "state": (STATE_WORDS[one.state], TONES.get(one.state, "")),
                "submitter": known.get(one.submitter, one.submitter), "version": one.number, "submitted_at": one.submitted_at,
                "closed_at": one.closed_at, "subject_id": one.subject_id, "waits": ", ".join(step.title for step in asked[one.pk]) or None, "amount": f"{one.amount:,.0f} {one.currency}" if one.amount is not None else None,
            }
            for one in page
        ]  # fmt: skip
        return Rows(made, count, choices=choices)

    table = DataTable(
        request, "approvals:every", _columns(), rows, title="All approvals", sort="-submitted_at", name="approvals",
        empty=("No request", "Requests for sign-off appear here; they begin on a deal."),
    )  # fmt: skip
    return table.answer() or render(request, "approvals/every.html", {"table": table})


@require_GET
def one(request: HttpRequest, number: int) -> HttpResponse:
    """One request on one screen: what is asked, why this person, what changed, the numbers, the history."""
    return _one(request, number, web_actor(request))


def _one(request: HttpRequest, number: int, by: Actor, *, failed: ClosedwonError | None = None, **more: Any) -> HttpResponse:
    found = looking.one(number, by=by)
    waiting = looking.inbox(by=by)
    known = called({one.by for one in found["attachments"]} | {one.created_by for one in found["versions"]})
    for one_file in found["attachments"]:
        one_file.who = known[one_file.by]
    for past in found["history"]:
        past.word, past.tone = STATE_WORDS[past.state], TONES[past.state]
    sheets = list(found["subject"].sheets(by, found["request"]))
    place = next((at for at, row in enumerate(waiting, 1) if row["request"].pk == number), 0)
    context = {
        **{name: value for name, value in found.items() if name != "request"}, "asked": found["request"], "title": found["request"].title, "events": _events(found, known), "words_first": any(row["long"] and row["tested"] for row in found["values"]), "step_rows": _steps(found), "place": place, "of": len(waiting),
        "tone": TONES.get(found["request"].state, ""), "key": secrets.token_hex(16), "me": person_of(by),
        "submitter": found["names"].get(found["request"].submitter, found["request"].submitter),
        "shorts": [row for row in found["values"] if not row["long"]], "longs": [row for row in found["values"] if row["long"]],
        "my_reasons": list(dict.fromkeys(reason["reason"] for step in found["waiting"] for reason in step.reasons)),
        "stands_for_name": found["names"].get(found["stands_for"], ""), "hints": found["version"].preview.get("hints", []),
        "stands": _stands(found),
        "due_at": min((step.due_at for step in found["waiting"] if step.due_at), default=None), "failed": failed,
        "word": STATE_WORDS[found["request"].state], "sheets": sheets, "main": any(sheet.main for sheet in sheets),
        "taken": ",".join(f".{kind}" for kind in files.BEGINS), "largest": files.LARGEST // 1_000_000,
        "may_except": found["request"].state == "approved" and by.has(*exemptions.KEEPERS) and person_of(by) not in exemptions.parties(found["request"]),
        "exceptions": list(found["request"].exemptions.all()), "account": found["version"].content.get("fields", {}).get("account_id", ""), **more,
    }  # fmt: skip
    return render(request, "approvals/one.html", context, status=failed.status if failed else 200)


def _stands(found: dict[str, Any]) -> str:
    """Where a request stands, as a sentence."""
    request = found["request"]
    if request.state == "pending":
        waits = [step.title for step in found["steps"] if step.state == "open"]
        return f"It waits for {' and '.join(waits)}." if waits else "Nobody may decide on it: name a holder of the role."
    if request.state == "approved":
        return f"Approved without anybody: {request.auto_reason}." if request.auto_reason else "Approved."
    return {"rejected": "It was sent back.", "recalled": "It was taken back.", "conditional": "It waits for a condition."}[request.state]


def _steps(found: dict[str, Any]) -> list[dict[str, Any]]:
    known, made = found["names"], []
    for step in found["steps"]:
        asked = list(step.asks.all())
        decided = list(step.decisions.all())
        who = ", ".join(known.get(one.person, one.person) for one in decided) or ", ".join(
            known.get(ask.person, ask.person) for ask in asked
        )
        if step.state == "inherited":
            who = ", ".join(dict.fromkeys(known.get(bind.decision.person, bind.decision.person) for bind in step.rebinds.all()))
        joined = (
            "any of "
            if step.mode == "any" and not decided and len(asked) > 1
            else f"{step.quorum} of "
            if step.mode == "quorum" and not decided
            else ""
        )
        made.append({
            "step": step, "who": f"{joined}{who}" if who else "nobody may decide", "word": STEP_WORDS.get(step.state, step.state),
            "tone": STEP_TONES.get(step.state, ""), "reasons": list(dict.fromkeys(reason["reason"] for reason in step.reasons)),
            "taken": known.get(step.taken_by, step.taken_by), "late": bool(step.state == "open" and step.due_at and step.due_at < found["at"]),
            "overridable": step.state in ("open", "waiting") and step not in found["waiting"],
        })  # fmt: skip
    return made


VERBS = {
    "approve": "Approved",
    "reject": "Sent back",
    "condition": "Approved on a condition",
    "override": "Overrode a step",
    "meet": "Condition met",
}


def _events(found: dict[str, Any], logins: Mapping[str, str]) -> list[Event]:
    known = found["names"]
    made = [
        Event(
            version.created_at,
            "Submitted" if version.number == 1 else f"Version {version.number} submitted",
            logins[version.created_by],
            version.note,
        )
        for version in found["versions"]
    ]
    for decision in found["decisions"]:
        words = decision.required_change or (decision.condition if decision.verb == "condition" else "") or decision.comment
        place = f", in place of {known.get(decision.stands_for, decision.stands_for)}" if decision.stands_for else ""
        tone = {"approve": "good", "reject": "bad", "condition": "warn", "override": "warn", "meet": "good"}[decision.verb]
        text = f"{VERBS[decision.verb]} (version {decision.version.number}){place}"
        made.append(Event(decision.at, text, known.get(decision.person, decision.person), words, tone))
    made += [Event(one.at, f"File added: {one.name}", logins[one.by]) for one in found["attachments"]]
    made += [Event(said.at, "Comment", known.get(said.person, said.by), said.text) for said in found["comments"]]
    return sorted(made, key=lambda event: event.at, reverse=True)


@require_POST
def decide(request: HttpRequest, number: int) -> HttpResponse:
    """Decide on the version that the page showed; then on to what waits next."""
    by = web_actor(request)
    verb, words = request.POST.get("verb", ""), request.POST.get("words", "")
    try:
        deciding.decide(
            number, verb, content_hash=request.POST.get("content_hash", ""), by=by, strength=strength_of(request), key=request.POST.get("key", "")[:100],
            comment=words if verb == "approve" else "", required_change=words if verb == "reject" else "", condition=words if verb == "condition" else "",
        )  # fmt: skip
    except deciding.StepUp as error:
        messages.warning(request, str(error))
        return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': reverse('approvals:one', args=[number])})}")
    except ClosedwonError as error:
        if error.status == NotFound.status:
            raise
        return _one(request, number, by, failed=error, words=words)
    messages.success(request, {"approve": "Approved.", "reject": "Sent back.", "condition": "Approved on a condition."}.get(verb, "Done."))
    after = looking.inbox(by=by)
    return redirect("approvals:one", number=after[0]["request"].pk) if after else redirect("approvals:one", number=number)


@require_POST
def act(request: HttpRequest, number: int, verb: str) -> HttpResponse:
    """Comment, recall, override, take, confirm a condition."""
    by, words = web_actor(request), request.POST.get("words", "")
    try:
        chosen = int(request.POST.get("step") or request.POST.get("decision") or 0)
        if verb == "comment":
            deciding.comment(number, words, by=by)
        elif verb == "recall":
            submitting.recall(number, by=by, reason=words)
            messages.success(request, "Taken back. Submit a new version to go on; approvals that still hold are kept.")
        elif verb == "override":
            deciding.override(
                number,
                chosen,
                words,
                content_hash=request.POST.get("content_hash", ""),
                by=by,
                strength=strength_of(request),
            )
            messages.success(request, "Overridden; it stands in the trail with your reason.")
        elif verb == "take":
            deciding.take(number, chosen, by=by)
            messages.success(request, "It is yours; the others see that.")
        elif verb == "met":
            deciding.meet(number, chosen, words, by=by)
            messages.success(request, "The condition is met.")
        elif verb == "ask":
            adding.add_adhoc(number, request.POST.get("person", ""), words, by=by)
            messages.success(request, "Asked in addition.")
    except ValueError:
        messages.error(request, "That step is not understood: look at the request again.")
    except ClosedwonError as error:
        if error.status == NotFound.status:
            raise
        messages.error(request, str(error))
    return redirect("approvals:one", number=number)


@require_GET
def link(request: HttpRequest, token: str) -> HttpResponse:
    """The request behind a link in a mail: looking decides nothing."""
    by = web_actor(request)
    return _one(request, links.look(token, by=by), by, decide_url=reverse("approvals:link-decide", args=[token]))


@require_POST
def link_decide(request: HttpRequest, token: str) -> HttpResponse:
    """Decide through a link: once, by its person, on what was seen."""
    by = web_actor(request)
    verb, words = request.POST.get("verb", ""), request.POST.get("words", "")
    try:
        made = links.decide(token, verb, by=by, words=words)
    except ClosedwonError as error:
        try:
            number = links.look(token, by=by)
        except ClosedwonError:
            raise error from None
        return _one(request, number, by, failed=error, words=words, decide_url=reverse("approvals:link-decide", args=[token]))
    messages.success(request, VERBS[made.verb] + ".")
    return redirect("approvals:one", number=made.request_id)


@csrf_exempt
@login_not_required
@require_POST
def slack_button(request: HttpRequest) -> HttpResponse:
    """A button pressed in Slack; its signature stands for the sign-in, and the person's own rights decide."""
    if len(request.body) > 100_000:
        return JsonResponse({"text": "That is too long."}, status=413)
    try:
        slack.verify(
            request.headers.get("X-Slack-Request-Timestamp", ""), request.headers.get("X-Slack-Signature", ""), request.body, timezone.now()
        )
    except Refused as error:
        return JsonResponse({"text": str(error)}, status=403)
    return JsonResponse({"text": slack.press(request.body), "replace_original": False})


routes = [
    path("slack/", slack_button, name="slack"),
    path("", inbox, name="inbox"),
    path("bulk/", bulk, name="bulk"),
    path("all/", every, name="every"),
    *beside,
    *history,
    path("link/<str:token>/", link, name="link"),
    path("link/<str:token>/decide/", link_decide, name="link-decide"),
    path("<int:number>/", one, name="one"),
    path("<int:number>/decide/", decide, name="decide"),
    path("<int:number>/<str:verb>/", act, name="act"),
]
urlpatterns = [path("approvals/", include((routes, "approvals")))]

"""Many approvers decide at once while processes are killed: `python benchmarks/bench_approvals.py [--approvers N] [--requests N] [--kills N]`.

Some decide in processes of their own, some through the API of a real site; approvers, site and worker are ended with kill -9 in the middle
and begin again; meanwhile the submitter mends typing errors and the clock ticks. Afterwards every decision that was acknowledged must be
there, none twice, none before its turn, and the audit trail must hold. SQLite by default; PostgreSQL with CLOSEDWON_DATABASE_URL naming an
empty database.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closedwon.workspace import settings as workspace

POLICY = """
title = "Everybody"
subject = "deal"
[[version]]
since = 2020-01-01
reference = "benchmark"
currency = "USD"
[version.fields]
discount = { type = "percent", worse = "higher", step = "0.1%" }
bill_to = "text"
[[version.role]]
name = "board"
mode = "all"
sla_hours = 8
[[version.role]]
name = "finance"
mode = "quorum"
quorum = 1
[[version.chain]]
name = "all"
steps = ["board", "finance"]
[[version.rule]]
name = "discount"
when = "discount > 10%"
ask = ["board", "finance"]
[version.hours]
default = { zone = "UTC" }
"""
FORK = multiprocessing.get_context("fork")


@dataclass
class Plan:
    """What is asked of the run."""

    approvers: int
    requests: int
    kills: int
    web: int
    folder: Path
    seed: int = 7
    tokens: tuple[str, ...] = ()
    port: int = 0

    def person(self, at: int) -> str:
        return f"p{at:03}"


def prepare(plan: Plan) -> list[int]:
    """People, policy and pending requests; gives the requests' numbers."""
    from django.core.management import call_command

    from closedwon.approvals.actions import standing, submitting
    from closedwon.people.acting import actor_of
    from closedwon.people.actions import make_token
    from closedwon.people.actor import SYSTEM
    from closedwon.people.facts import publish_rows
    from closedwon.people.models import RoleGrant, User
    from closedwon.policies.actions import apply

    call_command("migrate", verbosity=0)
    ids = [plan.person(at) for at in range(plan.approvers)]
    users = [{"id": one, "name": one, "email": f"{one}@example.com", "active": True, "manager_id": None} for one in [*ids, "rep", "cash"]]
    publish_rows({"users": users}, note="benchmark")
    apply("approvals/everybody", POLICY, by=SYSTEM)
    ops = actor("ops", "sales-ops")
    for one in ids:
        standing.grant_holder("board", one, by=ops)
    standing.grant_holder("finance", "cash", by=ops)
    made = []
    for one in ids[: plan.web]:
        user = User.objects.create(email=f"{one}@example.com", person_id=one)
        RoleGrant.objects.create(user=user, role="rep", granted_by="benchmark")
        made.append(make_token("benchmark", ["approvals:read", "approvals:write"], by=actor_of(user))[1])
    plan.tokens = tuple(made)
    return [submitting.submit(content(at), by=actor("rep"), key=f"r{at}").pk for at in range(plan.requests)]


def content(at: int, bill_to: str = "Acme") -> dict[str, Any]:
    return {
        "kind": "deal",
        "title": f"Request {at}",
        "currency": "USD",
        "amount": "1000",
        "fields": {"discount": "20%", "bill_to": bill_to},
    }


def actor(person: str, *roles: str) -> Any:
    from closedwon.people.actor import Actor

    return Actor(f"{person}@example.com", person_id=person, roles=frozenset(roles or ("rep",)), channel="web")


def acknowledge(plan: Plan, person: str, request: int) -> None:
    """Note, on the disk, that the product said yes to a decision."""
    handle = os.open(plan.folder / f"acks-{person}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{request}\n".encode())
    os.close(handle)


def acknowledged(plan: Plan) -> Iterator[tuple[str, int]]:
    for path in sorted(plan.folder.glob("acks-*")):
        for line in path.read_text().splitlines():
            yield path.name.removeprefix("acks-"), int(line)


def persist(todo: list[int], once: Callable[[int], bool], seed: int) -> None:
    """Try in random order until each is done; what is refused or busy for now is tried again."""
    dice = random.Random(seed)
    while todo:
        dice.shuffle(todo)
        todo[:] = [one for one in todo if not once(one)]
        time.sleep(dice.random() / 20 if todo else 0)


def decide_here(plan: Plan, person: str, requests: list[int]) -> None:
    """An approver in a process of its own."""
    from django.db import OperationalError

    from closedwon.approvals.actions import deciding
    from closedwon.approvals.models import Request
    from closedwon.base.errors import Conflict, NotFound, Refused

    def once(number: int) -> bool:
        try:
            seen = Request.objects.get(pk=number)
            deciding.decide(number, "approve", content_hash=seen.content_hash, by=actor(person), key=f"{person}:{number}")
        except (Conflict, Refused, NotFound, OperationalError):
            return False
        acknowledge(plan, person, number)
        return True

    persist(list(requests), once, hash((person, plan.seed, os.getpid())))


def decide_there(plan: Plan, person: str, token: str, requests: list[int]) -> None:
    """An approver who asks the site, which may be dead at the moment."""
    site = f"http://127.0.0.1:{plan.port}/api/v1/approvals/requests"

    def once(number: int) -> bool:
        try:
            _, seen = call(f"{site}/{number}", token)
            given = {"verb": "approve", "content_hash": seen.get("content_hash", ""), "key": f"{person}:{number}"}
            status, told = call(f"{site}/{number}/decisions", token, given)
        except OSError:
            time.sleep(0.2)
            return False
        if status == 200:
            acknowledge(plan, person, number)
        elif status >= 500:
            (plan.folder / f"failed-{person}").write_text(f"{status} {told}")
        return status == 200

    persist(list(requests), once, hash((person, plan.seed, os.getpid())))


def call(url: str, token: str, given: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    """Ask the site; status and answer. Raises OSError where it does not answer."""
    data = None if given is None else json.dumps(given).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, {"text": error.read()[:1000].decode(errors="replace")}
    except (http.client.HTTPException, ValueError) as error:
        raise ConnectionError(str(error)) from error


def mend(plan: Plan, requests: list[int]) -> None:
    """The submitter mends typing errors, each a new version that asks nobody again."""
    from django.db import OperationalError

    from closedwon.approvals.actions import submitting
    from closedwon.base.errors import ClosedwonError

    dice = random.Random(plan.seed)
    for at in range(10_000):
        number = dice.randrange(len(requests))
        try:
            submitting.revise(requests[number], content(number, f"Acme {at}"), by=actor("rep"))
        except (ClosedwonError, OperationalError):
            pass
        time.sleep(0.2)


def watch(plan: Plan) -> None:
    """The clock, ticking all the time, days ahead too."""
    from datetime import timedelta

    from django.db import OperationalError
    from django.utils import timezone

    from closedwon.approvals.actions import clock

    del plan
    for at in range(10_000):
        try:
            clock.tick(timezone.now() + timedelta(days=at % 5))
        except OperationalError:
            pass
        time.sleep(0.3)


def fork(run: Callable[..., None], *words: Any) -> Any:
    """A child with a database connection of its own."""
    from django.db import connections

    connections.close_all()

    def child() -> None:
        connections.close_all()
        run(*words)
        connections.close_all()
        os._exit(0)

    process = FORK.Process(target=child)
    process.start()
    return process


def serve(plan: Plan, what: str) -> subprocess.Popen[bytes]:
    """The real site, or the real worker, as a process."""
    words = [sys.executable, "-m", "closedwon", "--workspace", str(plan.folder / "ws"), what]
    if what == "serve":
        words += ["--port", str(plan.port)]
    with (plan.folder / f"{what}.log").open("ab") as log:
        return subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of a process and its children."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def run(plan: Plan, requests: list[int]) -> dict[str, int]:
    """Let all of them go; kill as many as asked, and begin them again."""
    dice = random.Random(plan.seed)
    plan.port = free_port()
    servers = {what: serve(plan, what) for what in ("serve", "worker")} if plan.web else {}
    jobs: dict[str, tuple[Any, ...]] = {
        "mend": (mend, plan, requests),
        "watch": (watch, plan),
        "cash": (decide_here, plan, "cash", requests),
    }
    for at in range(plan.approvers):
        one = plan.person(at)
        jobs[one] = (decide_there, plan, one, plan.tokens[at], requests) if at < plan.web else (decide_here, plan, one, requests)
    going = {name: fork(*words) for name, words in jobs.items()}
    counts, last = Counter(killed=0, killed_servers=0), time.monotonic()
    try:
        while any(going[name].is_alive() or going[name].exitcode for name in jobs if name not in ("mend", "watch")):
            for name, process in going.items():
                if (process.exitcode or 0) > 0:
                    raise RuntimeError(f"{name} failed")
                if process.exitcode:
                    going[name] = fork(*jobs[name])
            if counts["killed"] < plan.kills and time.monotonic() - last > 0.3:
                last = time.monotonic()
                victim = dice.choice([name for name in going if going[name].is_alive()])
                going[victim].kill()
                going[victim].join()
                counts["killed"] += 1
                if servers and counts["killed"] % 5 == 0:
                    for what, process in list(servers.items()):
                        kill(process)
                        servers[what] = serve(plan, what)
                        counts["killed_servers"] += 1
            time.sleep(0.05)
    finally:
        for process in going.values():
            process.kill()
        for server in servers.values():
            kill(server)
    return dict(counts)


def check(plan: Plan, requests: list[int]) -> dict[str, int]:
    """What must be true afterwards; raises AssertionError where it is not."""
    from closedwon.approvals.models import Decision, Rebind, Request, Step
    from closedwon.audit.models import Entry
    from closedwon.audit.verify import verify

    assert not list(plan.folder.glob("failed-*")), next(plan.folder.glob("failed-*")).read_text()
    found = Counter(Decision.objects.filter(verb="approve").values_list("person", "request_id"))
    wanted = {(plan.person(at), one) for at in range(plan.approvers) for one in requests} | {("cash", one) for one in requests}
    assert set(acknowledged(plan)) <= set(found), "a decision that was acknowledged is lost"
    assert set(found) == wanted, f"{len(wanted - set(found))} decisions are missing, {len(set(found) - wanted)} too many"
    assert max(found.values()) == 1, "a decision was made twice"
    for request in Request.objects.all():
        assert request.state == "approved", (request.pk, request.state)
        version = request.current
        assert version.content_hash == request.content_hash
        order = list(request.decisions.order_by("id").values_list("person", flat=True))
        assert order[-1] == "cash", "finance decided before its turn"
        for step in Step.objects.filter(version=version):
            bound = set(step.decisions.filter(content_hash=version.content_hash).values_list("person", flat=True))
            bound |= set(Rebind.objects.filter(step=step, content_hash=version.content_hash).values_list("decision__person", flat=True))
            assert bound == ({"cash"} if step.roles == ["finance"] else {plan.person(at) for at in range(plan.approvers)}), step
    trail = [
        json.loads(text)["decision"]
        for text in Entry.objects.filter(verb="approvals.decided").order_by("sequence").values_list("detail", flat=True)
    ]
    assert sorted(trail) == sorted(Decision.objects.values_list("pk", flat=True)), "trail and decisions differ"
    for request in Request.objects.all():
        mine = set(request.decisions.values_list("pk", flat=True))
        own = [one for one in trail if one in mine]
        assert own == sorted(own), "the trail tells decisions in another order"
    assert verify().holds, verify().faults
    versions = sum(Request.objects.values_list("number", flat=True))
    return {"decisions": len(trail), "versions": versions, "rebinds": Rebind.objects.count(), "entries": Entry.objects.count()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--approvers", type=int, default=50)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--web", type=int, default=10, help="how many of the approvers ask a real site")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(given.approvers, given.requests, given.kills, given.web, Path(folder))
        workspace.use(workspace.create(Path(folder) / "ws", 'company = "Benchmark"\n'))
        from closedwon.workspace.boot import boot

        boot()
        from django.db import connection

        requests = prepare(plan)
        start = time.perf_counter()
        counts = run(plan, requests)
        took = time.perf_counter() - start
        found = check(plan, requests)
        print(
            f"{connection.vendor}: {plan.approvers} approvers, {plan.requests} requests: {found['decisions']:,} decisions in {took:.1f} s "
            f"({found['decisions'] / took:,.0f}/s); {counts['killed']} processes and {counts['killed_servers']} sites and workers killed; "
            f"{found['versions']} versions, {found['rebinds']:,} approvals held over, {found['entries']:,} entries of the trail hold; "
            "none lost, doubled or out of order"
        )


if __name__ == "__main__":
    main()

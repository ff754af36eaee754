"""How long a preview takes for a request of 500 lines under the shipped deal policy, warm, with and without its hints.

python benchmarks/bench_preview.py [--lines 500] [--rounds 20]
"""

from __future__ import annotations

import argparse
import statistics
import time
from datetime import UTC, datetime
from importlib import resources

from closedwon.approvals.deciding import PEOPLE, Policies
from closedwon.approvals.policy import Matrix
from closedwon.approvals.rules.reading import people_of_rows, request_of
from closedwon.base.policytext import load_text


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    text = resources.files("closedwon.approvals").joinpath("default/approvals/deal.toml").read_text(encoding="utf-8")
    document, problems = load_text(text, Matrix, "deal.toml")
    if document is None:
        raise SystemExit("\n".join(map(str, problems)))
    policies, people, at = Policies({"deal": document}), people_of_rows(PEOPLE), datetime(2026, 11, 25, 12, tzinfo=UTC)
    lines = [
        {"id": str(n), "product": f"P{n}", "quantity": 10, "list": "1000", "net": "700", "floor": "650", "discount": f"{20 + n % 20}%"}
        for n in range(given.lines)
    ]
    words = dict.fromkeys(("executive_summary", "compelling_event", "what_we_get", "competitor", "plan_to_raise_price"), "said")
    fields = {"discount": "36%", "term_months": 36, "payment_terms": "Net 60", "lines": lines, **words}
    request = request_of({"kind": "deal", "currency": "USD", "submitter": "rep", "owner": "rep", "fields": fields})
    for hinted in (False, True):
        times = []
        for _ in range(given.rounds + 1):
            start = time.perf_counter()
            made = policies.preview(request, people, at, hinted=hinted)
            times.append((time.perf_counter() - start) * 1000)
        warm = times[1:]
        words_ = f"{len(made.hints)} hints" if hinted else "no hints"
        print(f"{given.lines} lines, {len(made.steps)} steps, {words_}: median {statistics.median(warm):.0f} ms, worst {max(warm):.0f} ms")


if __name__ == "__main__":
    main()

"""The projection on generated companies whose truth is known, and its speed on a large one.

    python benchmarks/bench_projection.py                        # how far off it is, on 16 companies × 13 quarters
    python benchmarks/bench_projection.py --companies 4          # the same on fewer
    python benchmarks/bench_projection.py --speed DIR            # seconds for a company that `closedwon generate` wrote into DIR

The first prints the table that stands in docs/field/projection.md. Each quarter of each company is projected from three days: from the close of
the day before it begins, a third into it, and two thirds into it; what came is read from the company's whole history. Quarters of a company do
not overlap, and companies have nothing in common but the generator's settings: within a row all quarters are independent.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

ZONE, FIRST, LAST = ZoneInfo("America/Los_Angeles"), date(2023, 8, 1), date(2026, 11, 1)
SEED = 101  # the method was looked at with smaller seeds
SIZES = (4_000, 8_000, 12_000, 16_000)
DAYS = (0, 30, 60)
RULES = {"projection": "projection", "stage_weighted": "stage-weighted", "run_rate": "run-rate", "open_rate": "open × win rate"}


def shipped(package: str, file: str, model: Any) -> Any:
    """The value of a shipped policy."""
    from closedwon.base.policytext import load_text

    return load_text(resources.files(package).joinpath(file).read_text(), model)[0]


class Company:
    """A generated company with every state of its deals."""

    def __init__(self, seed: int, deals: int, folder: Path) -> None:
        import pyarrow.parquet as pq

        from closedwon.crm.policy import PipelinePolicy
        from closedwon.crm.rules import DEAL_STATES
        from closedwon.facts.engine import DuckEngine
        from closedwon.forecast.projection.policy import ProjectionPolicy
        from closedwon.generate.company import generate
        from closedwon.generate.settings import load

        generate(load(None, opportunities=deals, reps=max(20, deals // 100), years=5, seed=seed, as_of=date(2026, 11, 25)), folder)
        given = {name: pq.read_table(folder / f"{name}.parquet") for name in ("opportunities", "opportunity_changes")}
        self.states = DuckEngine().run(DEAL_STATES, {**given, "params": [{"known_cutoff": datetime(9998, 1, 1, tzinfo=UTC)}]})
        self.rates = pq.read_table(folder / "exchange_rates.parquet").to_pylist()
        self.pipeline = shipped("closedwon.crm", "default/pipeline.toml", PipelinePolicy)
        self.policy = shipped("closedwon.forecast.projection", "default/projection.toml", ProjectionPolicy)
        self.truth: dict[str, Any] = {}

    def rows(self, day: date, plan_day: date) -> dict[str, Any]:
        """The rows of the projection's rules at the close of a day, at the plan rates of another."""
        from closedwon.facts.engine import DuckEngine
        from closedwon.forecast import inputs
        from closedwon.forecast.projection import rules
        from closedwon.forecast.rules import Shape

        cutoff = datetime.combine(day + timedelta(days=1), datetime.min.time(), ZONE).astimezone(UTC)
        params = {"cutoff": cutoff, "day": day, "births_from": cutoff, "currency": "USD", "sign": 1, "named": False, "untyped": True}
        given = {
            "deal_states": self.states, "stages": inputs.stage_rows(self.pipeline), "left_out": [{"order_type": "renewal"}],
            "order_types": [{"order_type": name} for name in ("renewal", "services")],
            "rates": inputs.rate_rows(self.rates, "plan", plan_day, "USD"), "params": [{**params, "split": "revenue", "owner_counts": True}],
        }  # fmt: skip
        shape = Shape(("net_arr", "amount"))
        return {name: DuckEngine().run(getattr(rules, name)(shape), given) for name in ("deals", "visits", "dates")}

    def came(self, plan_day: date) -> Any:
        """The deals as they are in the end."""
        from closedwon.forecast import inputs

        key = str(inputs.rate_rows(self.rates, "plan", plan_day, "USD"))
        if key not in self.truth:
            self.truth[key] = self.loaded(self.rows(date(2026, 11, 24), plan_day)).deals
        return self.truth[key]

    def loaded(self, rows: dict[str, Any]) -> Any:
        """The rows as arrays."""
        from closedwon.forecast.projection.arrays import load

        return load(rows["deals"], rows["visits"], rows["dates"], ZONE, self.policy.group_by)


def look(company: Company, quarter: Any, offset: int, phase_of: Any) -> dict[str, float]:
    """One quarter from one day: what each rule says, the interval, and what came."""
    from closedwon.forecast.actions.backtest import found_value, open_times_rate
    from closedwon.forecast.projection.history import NEVER, won_between
    from closedwon.forecast.projection.project import project
    from closedwon.forecast.projection.simulate import simulate

    day = quarter.start - timedelta(days=1) + timedelta(days=offset)
    today, days = day.toordinal(), (quarter.last - day).days
    rows = company.rows(day, quarter.start)
    loaded = company.loaded(rows)
    made = project(loaded, today, 0, days, phase_of, company.policy)
    outcome = simulate(
        made.parts, made.correction.shock, made.give, company.policy.setting, np.random.Generator(np.random.Philox(key=[2027, today]))
    )
    stage_of = {stage.name: stage.probability / 1_000_000 for stage in company.pipeline.stages}
    chance = np.array([stage_of.get(name, 0.0) for name in rows["deals"]["stage"].to_pylist()])
    due = np.array([one.toordinal() if one else 0 for one in rows["deals"]["close_date"].to_pylist()])
    is_open, deals = loaded.status == "open", loaded.deals
    dated = is_open & (due >= quarter.start.toordinal()) & (due <= quarter.last.toordinal())
    lately = deals.won & (deals.ended > today - 90) & (deals.ended <= today)
    return {
        "came": float(won_between(company.came(quarter.start), today, today + days)), "projection": float(outcome.median), "low": outcome.low,
        "high": outcome.high, "stage_weighted": float((deals.amount[dated] * chance[dated]).sum()),
        "run_rate": found_value(rows["deals"], lately) * days / 90,
        "open_rate": float(open_times_rate(rows["deals"], deals.won, is_open & (deals.born < NEVER))),
    }  # fmt: skip


def accuracy(companies: int, first: date = FIRST) -> list[tuple[int, list[dict[str, float]]]]:
    """Every quarter of every company, from each day."""
    from closedwon.base.calendar import Calendar

    fiscal = Calendar(start_month=2)
    cache: dict[int, int] = {}

    def phase_of(day: int) -> int:
        if day not in cache:
            cache[day] = min(12, (fiscal.period_of(date.fromordinal(day), "quarter").last.toordinal() - day) // 7)
        return cache[day]

    found: dict[int, list[dict[str, float]]] = {offset: [] for offset in DAYS}
    for seed in range(SEED, SEED + companies):
        with tempfile.TemporaryDirectory() as folder:
            company = Company(seed, SIZES[seed % len(SIZES)], Path(folder))
        quarter = fiscal.period_of(first, "quarter")
        while quarter.end <= LAST:
            for offset in DAYS:
                found[offset].append(look(company, quarter, offset, phase_of))
            quarter = fiscal.next(quarter, 1)
        print(f"company {seed - SEED + 1} of {companies}", file=sys.stderr)
    return list(found.items())


def scores(rows: list[dict[str, float]]) -> dict[str, float]:
    """WAPE of each rule, bias and coverage of the projection."""
    came = np.array([row["came"] for row in rows])
    made = {name: float(np.abs(np.array([row[name] for row in rows]) - came).sum() / came.sum()) for name in RULES}
    inside = [row["low"] <= row["came"] <= row["high"] for row in rows]
    bias = float((np.array([row["projection"] for row in rows]) - came).sum() / came.sum())
    return {**made, "bias": bias, "covered": float(np.mean(inside)), "quarters": len(rows)}


def workspace() -> Path:
    """A new workspace, and Django started over it."""
    folder = Path(tempfile.mkdtemp(prefix="closedwon-bench-"))
    subprocess.run([sys.executable, "-m", "closedwon", "init", str(folder / "ws")], check=True, stdout=subprocess.DEVNULL)
    (folder / "ws" / "closedwon.toml").write_text('company = "Bench"\ncurrency = "USD"\n\n[calendar]\nstart_month = 2\n')
    os.environ["CLOSEDWON_WORKSPACE"] = str(folder / "ws")
    from closedwon.workspace.boot import boot

    boot()
    return folder


def show_accuracy(companies: int) -> None:
    """Print the table."""
    workspace()
    looks = accuracy(companies)
    print(f"| looked from | quarters | {' | '.join(RULES.values())} | bias | in the 80 % interval |\n|{'---|' * (len(RULES) + 4)}")
    words = {0: "the day before it begins", 30: "day 30", 60: "day 60"}
    for label, rows in [*((words[offset], rows) for offset, rows in looks), ("all", [row for _, of_day in looks for row in of_day])]:
        found = scores(rows)
        wape = " | ".join(f"{found[name]:.1%}" for name in RULES)
        print(f"| {label} | {found['quarters']} | {wape} | {found['bias']:+.1%} | {found['covered']:.0%} |")


def show_speed(data: Path) -> None:
    """Print how long a projection of a large company takes, from the action's call."""
    folder = workspace()
    sys.path.insert(0, str(Path(__file__).parent))
    from bench_forecast import prepare

    prepare(folder, data)
    from closedwon.facts.store import store
    from closedwon.forecast.actions import projection
    from closedwon.forecast.projection import reading
    from closedwon.forecast.projection.base import written
    from closedwon.forecast.projection.project import project
    from closedwon.forecast.reading import ask_for, ground
    from closedwon.people.acting import cli_actor

    on, by = ground(), cli_actor()
    ask, policy = ask_for(on), reading.policy_in_force()
    span, taken = reading.span_of(ask), {}

    def timed(name: str, work: Any) -> Any:
        start, spent = time.perf_counter(), time.process_time()
        made = work()
        taken[name] = (time.perf_counter() - start, time.process_time() - spent)
        return made

    rows = timed("rows by SQL", lambda: reading.rows(on, ask, policy))
    loaded = timed("rows to arrays", lambda: reading.loaded(rows, policy))
    made = timed(
        "curves, look backs, correction", lambda: project(loaded, ask.day.toordinal(), span.skip, span.days, reading.phase_of, policy)
    )
    base = timed("whose it is", lambda: projection.base_of(made, loaded, rows["places"]))
    timed("as text for the mart", lambda: written(base))
    whole = timed("the action from call to answer, all of it anew", lambda: projection.projection(by=by))
    timed("the same question again", lambda: projection.projection(by=by))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{store().count('opportunities'):,} opportunities, {len(rows['visits']):,} visits of stages, {whole.deal_count:,} open deals\n")
    print("| step | seconds | of the processors |\n|---|---|---|")
    for name, (seconds, spent) in taken.items():
        print(f"| {name} | {seconds:.2f} | {spent:.2f} |")
    print(f"\nPeak memory of the process: {memory:.0f} MB.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--companies", type=int, default=16)
    parser.add_argument("--speed", type=Path)
    asked = parser.parse_args()
    show_speed(asked.speed) if asked.speed else show_accuracy(asked.companies)

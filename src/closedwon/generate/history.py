"""The life of every deal: stages, categories, close dates, amounts, owners, from creation until today or its end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedwon.generate.chain import EXPANSION, NEW, RENEWAL, Columns
from closedwon.generate.names import LEGAL, LOST, WON
from closedwon.generate.paths import MINUTE, Path, in_order
from closedwon.generate.staff import OPEN, Staff
from closedwon.generate.timeline import DAY, HOUR, NEVER, Array
from closedwon.generate.world import World

OMITTED, PIPELINE, BEST, LIKELY, COMMIT, CLOSED = range(6)


@dataclass
class Lives:
    """Paths of one batch, and the state of today that they lead to."""

    paths: dict[str, Path]
    now: Columns


def instants(rng: np.random.Generator, days: Array) -> Array:
    """An instant in the business hours of each day, the same day in UTC and in Pacific time."""
    return days.astype(np.int64) * DAY + (16.2 * HOUR + rng.random(len(days)) * 7.5 * HOUR).astype(np.int64) // 1_000_000 * 1_000_000


def live(world: World, staff: Staff, rng: np.random.Generator, deals: Columns) -> Lives:
    """Draw every path of the deals and settle them at today or at the deletion."""
    n = len(deals["T"])
    born, end = instants(rng, deals["C"]), instants(rng, deals["T"])
    end = np.maximum(end, born + 3 * DAY)
    deleted = _deletions(world, rng, deals, born, end)
    horizon = np.minimum(world.horizon, deleted)
    stage, reopened = _stages(world, rng, deals, born, end)
    stage_now = stage.settle(horizon)
    closed_now = (stage_now == WON) | (stage_now == LOST)
    close_date, cause, pushes = _close_dates(world, rng, deals, born, end)
    open_now = ~closed_now & (deleted >= NEVER)
    _leave_past_due(world, rng, close_date, open_now, born, horizon)
    close_now = close_date.settle(horizon)
    category = _categories(world, rng, deals, stage, reopened, born, end)
    category_now = category.settle(horizon)
    currency, value, value_now, currency_now = _amounts(world, rng, deals, born, end, horizon)
    owner = _owners(world, staff, rng, deals, born, end)
    owner_now = owner.settle(horizon)
    closed = Path(stage.at.copy(), np.isin(stage.values, (WON, LOST)).astype(np.int64))
    closed.settle(horizon)
    is_won = Path(stage.at.copy(), (stage.values == WON).astype(np.int64))
    is_won.settle(horizon)
    paths = {
        "stage": stage, "close_date": close_date, "forecast_category": category, "currency": currency, "owner_id": owner,
        "is_closed": closed, "is_won": is_won, **value,
    }  # fmt: skip
    now = {
        "stage": stage_now, "close_date": close_now, "category": category_now, "currency": currency_now, "stint": owner_now, "born": born,
        "end": np.where(end < horizon, end, np.where(closed_now, stage.at[:, 3], NEVER)), "deleted": deleted, "closed": closed_now, "won": stage_now == WON, "cause": cause,
        "pushes": np.where(pushes.at[:, :3] < horizon[:, None], 1, 0).sum(axis=1) if n else np.zeros(0, dtype=np.int64), **value_now,
    }  # fmt: skip
    return Lives(paths, now)


def _deletions(world: World, rng: np.random.Generator, deals: Columns, born: Array, end: Array) -> Array:
    gone = (rng.random(len(born)) < world.settings.shape.delete_share) & ~deals["won"] & (deals["kind"] != RENEWAL)
    when = born + ((end - born) * rng.uniform(0.2, 0.9, len(born))).astype(np.int64)
    return np.where(gone & (when < world.horizon), when, NEVER)


def _stages(world: World, rng: np.random.Generator, deals: Columns, born: Array, end: Array) -> tuple[Path, Array]:
    n, shape = len(born), world.settings.shape
    life = (end - born).astype(np.float64)
    won = deals["won"]
    reached = np.where(won, 6, rng.choice([0, 1, 2, 3, 4, 5, 6], n, p=[0.10, 0.24, 0.20, 0.18, 0.15, 0.09, 0.04]))
    reached = np.where((deals["kind"] == RENEWAL) & ~won, rng.choice([3, 4, 5], n, p=[0.3, 0.4, 0.3]), reached)
    share = np.cumsum(rng.gamma(2.2, 1.0, (n, 7)), axis=1)
    share = np.minimum(share[:, :6] / share[:, 6:7], 0.97)
    share = np.where(won[:, None], share, share * (0.35 + 0.65 * rng.random(n))[:, None])
    at_stage = (born[:, None] + share * life[:, None]).astype(np.int64)
    skip = rng.random((n, 6)) < np.array([0.0, 0.07, 0.10, 0.05, 0.10, 0.12])
    happens = (np.arange(1, 7)[None, :] <= reached[:, None]) & ~skip
    start = np.where((rng.random(n) < 0.25) & (reached >= 1), 1, 0)
    happens[:, 0] &= start == 0
    reopened = ~np.isin(deals["kind"], (RENEWAL,)) & (reached >= 4) & (life > 40 * DAY) & (rng.random(n) < shape.reopen_share * 2.2)
    regress = (reached >= 5) & (rng.random(n) < shape.regress_share * 2) & happens[:, 3] & ~reopened
    at, values = np.full((n, 11), NEVER), np.zeros((n, 12), dtype=np.int64)
    values[:, 0] = start
    columns = [(0, 1), (1, 2), (2, 3), (5, 4), (7, 5), (8, 6)]
    for number, (column, value) in enumerate(columns):
        at[:, column] = np.where(happens[:, number], at_stage[:, number], NEVER)
        values[:, column + 1] = value
    third, fourth = np.minimum(at_stage[:, 2], at_stage[:, 3]), at_stage[:, 3]
    at[:, 3] = np.where(reopened, third + ((fourth - third) * 0.15).astype(np.int64) + HOUR, NEVER)
    at[:, 4] = np.where(reopened, third + ((fourth - third) * 0.8).astype(np.int64) + 2 * HOUR, NEVER)
    values[:, 4], values[:, 5] = LOST, 3
    at[:, 6] = np.where(regress, fourth + ((at_stage[:, 4] - fourth) * 0.5).astype(np.int64), NEVER)
    values[:, 7] = 3
    _legal_review(world, rng, at, values, end)
    at[:, 10] = end
    values[:, 11] = np.where(won, WON, LOST)
    at[:, :10] = in_order(at[:, :10], born, end)
    return Path(at, values), np.where(reopened, at[:, 4], NEVER)


def _legal_review(world: World, rng: np.random.Generator, at: Array, values: Array, end: Array) -> None:
    """A stage that an administrator added overnight, three days ago; some negotiating deals are in it."""
    added = (world.today - 3) * DAY + 17 * HOUR
    negotiating = (at[:, 7] < added - DAY) & (at[:, 8] >= world.horizon) & (end >= world.horizon)
    hit = negotiating & (rng.random(len(at)) < 0.12)
    at[:, 9] = np.where(hit, added + (rng.random(len(at)) * 40 * HOUR).astype(np.int64), NEVER)
    at[:, 8] = np.where(hit, NEVER, at[:, 8])
    values[:, 10] = LEGAL


def _guess(world: World, rng: np.random.Generator, quarter: Array) -> Array:
    """The close date that people write for a quarter: mostly the end of a month, mostly of the last."""
    n = len(quarter)
    month = rng.choice(3, n, p=[0.16, 0.24, 0.60])
    end = world.fiscal.month_start(quarter, month + 1) - 1
    loose = rng.random(n) < 0.35
    return np.where(loose, end - rng.integers(0, 24, n), end)


def _close_dates(world: World, rng: np.random.Generator, deals: Columns, born: Array, end: Array) -> tuple[Path, Array, Path]:
    n, shape, fiscal = len(born), world.settings.shape, world.fiscal
    ends, true_day, created = deals["T"].astype(np.int64), deals["plan"].astype(np.int64), deals["C"].astype(np.int64)
    quarter, first = fiscal.quarter(true_day), fiscal.quarter(created + 5)
    renewal = deals["kind"] == RENEWAL
    wanted = np.where(deals["frozen"], np.maximum(deals["pushes"], 1), deals["pushes"])
    count = np.minimum(wanted, np.maximum(quarter - first, 0))
    at, values = np.full((n, 5), NEVER), np.zeros((n, 6), dtype=np.int64)
    current = np.maximum(_guess(world, rng, quarter - count), created + 7)
    values[:, 0] = current
    for number in range(3):
        pushed = number >= 3 - count
        target = quarter - (2 - number)
        when = np.maximum(current + rng.integers(-26, 4, n), created + 3)
        moved = np.maximum(_guess(world, rng, target), when + 6)
        values[:, number + 1] = np.where(pushed, moved, current)
        at[:, number] = np.where(pushed, instants(rng, when), NEVER)
        current = values[:, number + 1]
    pulled = (rng.random(n) < shape.pull_in_share) & ~renewal & (count == 0)
    values[:, 3] = np.where(pulled, np.maximum(_guess(world, rng, quarter + 1), current), values[:, 3])
    values[:, :3] = np.where(pulled[:, None], values[:, 3:4], values[:, :3])
    values[:, :4] = np.where(renewal[:, None], deals["start"][:, None] - 1, values[:, :4])
    current = values[:, 3]
    late = current < true_day - 3
    moves = (pulled | late | (rng.random(n) < 0.25)) & ~(renewal & ~late)
    middle = created + ((true_day - created) * rng.uniform(0.5, 0.95, n)).astype(np.int64)
    when = np.where(late, np.minimum(current + rng.integers(-8, 4, n), true_day - 1), middle)
    values[:, 4] = np.where(moves, np.maximum(true_day + rng.integers(-1, 8, n), when + 1), current)
    at[:, 3] = np.where(moves, instants(rng, np.maximum(when, created + 1)), NEVER)
    at[at >= end[:, None]] = NEVER
    at[:, 4], values[:, 5] = end, ends
    at[:, :4] = in_order(at[:, :4], born, end)
    cause = np.where(count > 0, rng.integers(1, 6, n), 0)
    cause = np.where(deals["frozen"], 6, cause)
    return Path(at, values), cause, Path(at[:, :3].copy(), values[:, :4].copy())


def _leave_past_due(world: World, rng: np.random.Generator, path: Path, open_now: Array, born: Array, horizon: Array) -> None:
    """Open deals whose close date nobody moved, up to the share of the settings."""
    happened = path.at < horizon[:, None]
    last = np.where(happened.any(axis=1), path.at.shape[1] - np.argmax(happened[:, ::-1], axis=1), 0)
    rows = np.arange(len(last))
    stands = path.values[rows, last]
    since = np.where(last > 0, np.where(happened, path.at, 0).max(axis=1, initial=0), born) // DAY
    natural = open_now & (stands < world.today)
    share = (world.settings.shape.past_due_share * open_now.sum() - natural.sum()) / max(1, open_now.sum())
    room = open_now & ~natural & (since < world.today - 12)
    chosen = room & (rng.random(len(room)) < max(share, 0) * open_now.sum() / max(1, room.sum()))
    past = world.today - 1 - (rng.random(len(room)) * np.minimum(45, np.maximum(world.today - since - 4, 1))).astype(np.int64)
    for column in range(path.values.shape[1]):
        path.values[:, column] = np.where(chosen & (column >= last) & (column < path.values.shape[1] - 1), past, path.values[:, column])
    over = natural & (share < 0) & (rng.random(len(room)) < -share * open_now.sum() / max(1, natural.sum()))
    mended = world.today + 5 + rng.integers(0, 60, len(room))
    for column in range(path.values.shape[1]):
        path.values[:, column] = np.where(over & (column >= last) & (column < path.values.shape[1] - 1), mended, path.values[:, column])


def _categories(world: World, rng: np.random.Generator, deals: Columns, stage: Path, reopened: Array, born: Array, end: Array) -> Path:
    n, shape = len(born), world.settings.shape
    won = deals["won"]
    life = end - born
    proposal = np.minimum(stage.at[:, 5], np.minimum(stage.at[:, 7], stage.at[:, 8]))
    lost_late = (proposal < NEVER) & ~won
    best = np.where(
        won, born + (life * rng.uniform(0.25, 0.6, n)).astype(np.int64), np.where(lost_late & (rng.random(n) < 0.7), proposal, NEVER)
    )
    commits = np.where(won, rng.random(n) < shape.commit_if_won, lost_late & (rng.random(n) < shape.commit_if_lost))
    likely = commits & (rng.random(n) < 0.5) | (won & ~commits & (rng.random(n) < 0.5)) | (lost_late & (rng.random(n) < 0.18))
    lead = (life * rng.uniform(0.08, 0.5, n)).astype(np.int64)
    commit = np.where(commits, end - np.minimum(lead, 75 * DAY), NEVER)
    most = np.where(likely, np.where(commits, commit - lead // 2, end - lead), NEVER)
    demote = np.where(commits & ~won & (rng.random(n) < 0.5), end - lead // 3, NEVER)
    start = stage.values[:, 0]
    at, values = np.full((n, 8), NEVER), np.zeros((n, 9), dtype=np.int64)
    values[:, 0] = np.where(start == 0, OMITTED, PIPELINE)
    first = np.where(start == 0, np.minimum(stage.at[:, 0], np.minimum(stage.at[:, 1], stage.at[:, 2])), NEVER)
    for column, (when, value) in enumerate(
        [(first, PIPELINE), (stage.at[:, 3], OMITTED), (reopened, PIPELINE), (best, BEST), (most, LIKELY), (commit, COMMIT), (demote, BEST)]
    ):
        at[:, column], values[:, column + 1] = when, value
    again = reopened < NEVER
    for column in (3, 4, 5, 6):
        at[:, column] = np.where(again & (at[:, column] < NEVER), np.maximum(at[:, column], reopened + (column - 2) * HOUR), at[:, column])
    at[:, 7], values[:, 8] = end, np.where(won, CLOSED, OMITTED)
    at[:, :7] = in_order(at[:, :7], born, end)
    return Path(at, values)


def _amounts(
    world: World, rng: np.random.Generator, deals: Columns, born: Array, end: Array, horizon: Array
) -> tuple[Path, dict[str, Path], Columns, Array]:
    n, final = len(born), deals["currency"].astype(np.int64)
    life = end - born
    plain = np.isin(deals["kind"], (NEW, EXPANSION)) & (deals["services"] == 0)
    changes = plain & (rng.random(n) < world.settings.shape.currency_change_share)
    other = np.where(final == 0, rng.integers(1, max(2, len(world.currencies)), n), 0).clip(0, len(world.currencies) - 1)
    before = np.where(changes, other, final)
    first, second = rng.random(n) < 0.40, (rng.random(n) < 0.24) | (deals["kind"] == RENEWAL)
    at = np.full((n, 3), NEVER)
    at[:, 0] = np.where(changes, born + (life * rng.uniform(0.05, 0.3, n)).astype(np.int64), NEVER)
    at[:, 1] = np.where(first, born + (life * rng.uniform(0.3, 0.6, n)).astype(np.int64), NEVER)
    at[:, 2] = np.where(second, born + (life * rng.uniform(0.62, 0.97, n)).astype(np.int64), NEVER)
    at = in_order(at, born, end)
    usd = np.zeros((n, 4))
    usd[:, 3] = deals["arr"]
    usd[:, 2] = np.where(second, deals["arr"] * np.exp(rng.normal(0.07, 0.20, n)), deals["arr"])
    usd[:, 1] = np.where(first, usd[:, 2] * np.exp(rng.normal(-0.03, 0.28, n)), usd[:, 2])
    usd[:, 0] = usd[:, 1]
    used = np.column_stack([before, final, final, final])
    arr = np.stack([world.minor(usd[:, column], used[:, column]) for column in range(4)], axis=1)
    base = deals["base_minor"][:, None]
    renewal = deals["kind"] == RENEWAL
    arr[:, :3] = np.where(renewal[:, None], base, arr[:, :3])
    arr[:, 3] = np.where(renewal & ~deals["won"], deals["base_minor"], arr[:, 3])
    services = world.minor(deals["services"], final)[:, None]
    net = np.where(deals["kind"][:, None] == RENEWAL, arr - base, arr)
    tcv = (arr * deals["term"][:, None] + 6) // 12 + services
    value = {
        "amount_minor": Path(at.copy(), arr + services), "net_arr_minor": Path(at.copy(), net), "tcv_minor": Path(at.copy(), tcv),
    }  # fmt: skip
    currency = Path(at[:, :1].copy(), used[:, :2].copy())
    now = {name.removesuffix("_minor"): path.settle(horizon) for name, path in value.items()}
    now |= {"services": services[:, 0], "base": base[:, 0], "final_net": net[:, 3], "final_currency": final}
    return currency, value, now, currency.settle(horizon)


def _owners(world: World, staff: Staff, rng: np.random.Generator, deals: Columns, born: Array, end: Array) -> Path:
    n, stint = len(born), deals["stint"].astype(np.int64)
    successor = staff.stint_next[stint]
    takes = (successor >= 0) & (staff.stint_until[stint] < OPEN)
    handed = staff.stint_since[np.maximum(successor, 0)] * DAY + 17 * HOUR
    takes &= staff.stint_user[np.maximum(successor, 0)] != staff.stint_user[stint]
    takes &= (handed > born + DAY) & (handed < end - DAY)
    move = ~takes & (rng.random(n) < world.settings.shape.owner_move_share) & (end - born > 12 * DAY)
    moved = born + ((end - born) * rng.uniform(0.1, 0.8, n)).astype(np.int64)
    other = staff.draw(deals["pool"], moved // DAY, rng.random(n))
    move &= staff.stint_user[other] != staff.stint_user[stint]
    at = np.where(takes, handed, np.where(move, moved // MINUTE * MINUTE, NEVER))[:, None]
    return Path(at, np.column_stack([stint, np.where(takes, successor, np.where(move, other, stint))]))

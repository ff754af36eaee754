"""Who shares the deals of one batch: revenue splits that add up to the whole on every day, overlays on top."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from closedwon.generate.arrow import Writer, masked, pick
from closedwon.generate.chain import EXPANSION
from closedwon.generate.tables import Batch
from closedwon.generate.timeline import DAY, NEVER, Array


def write(batch: Batch, out: Writer) -> tuple[Array, Array, Array]:
    """Revenue splits that follow the owner and change in mid-life, and overlays of sales engineers.

    Returns which deals are shared, with which stint, and that one's share at last in parts per million.
    """
    deals, now, rng, world, staff = batch.book.deals, batch.lives.now, batch.rng, batch.world, batch.staff
    n = len(deals["T"])
    owner = batch.lives.paths["owner_id"]
    pools = len(world.regions) * len(world.segments)
    chance = np.where(deals["kind"] <= EXPANSION, world.settings.shape.split_share * 1.35, 0)
    far = np.where(rng.random(n) < 0.3, rng.integers(0, pools, n), deals["pool"])
    helper = staff.draw(far, deals["C"].astype(np.int64), rng.random(n))
    partner = staff.stint_user[helper]
    before, after = staff.stint_user[owner.values[:, 0]], staff.stint_user[owner.values[:, 1]]
    has = np.flatnonzero((rng.random(n) < chance) & (partner != before) & (partner != after))
    share = rng.choice([600_000, 500_000, 700_000, 800_000], len(has), p=[0.5, 0.25, 0.15, 0.10])
    since = deals["C"][has].astype(np.int64)
    handed = np.where(owner.at[has, 0] < NEVER, owner.at[has, 0] // DAY, 0)
    stop = np.minimum(now["end"][has] // DAY, world.today)
    middle = since + ((stop - since) * 0.5).astype(np.int64)
    changed = (handed == 0) & (rng.random(len(has)) < 0.15) & (middle > since) & (share != 500_000)
    cut = np.where(handed > since, handed, np.where(changed, middle, 0))
    cuts = cut > 0
    later = np.where(changed, 500_000, share)
    parts = [
        (has, before[has], since, cut, cuts, share), (has[cuts], after[has][cuts], cut[cuts], cut[cuts], np.zeros(cuts.sum(), bool), later[cuts]),
        (has, partner[has], since, cut, changed, 1_000_000 - share),
        (has[changed], partner[has][changed], cut[changed], cut[changed], np.zeros(changed.sum(), bool), 1_000_000 - later[changed]),
    ]  # fmt: skip
    row, user, start, end, ends, ppm = (np.concatenate([part[index] for part in parts]) for index in range(6))
    _split_rows(batch, out, row, user, start, end, ends, ppm, overlay=False)
    large = deals["pool"] % len(world.segments) == len(world.segments) - 1
    helped = np.flatnonzero(large & (deals["kind"] <= EXPANSION) & (rng.random(n) < 0.35))
    engineer = staff.overlay["SE"][rng.integers(0, len(staff.overlay["SE"]), len(helped))]
    start = np.minimum(deals["C"][helped].astype(np.int64) + 9, world.today - 1)
    none = np.zeros(len(helped), dtype=bool)
    _split_rows(batch, out, helped, engineer, start, start, none, np.full(len(helped), 1_000_000), overlay=True)
    out.add("opportunity_team", {
        "opportunity_id": batch.opportunities(helped), "user_id": pick(batch.users, engineer), "since": start,
        "role": pick(pa.array(["Sales Engineer"]), np.zeros(len(helped), dtype=np.int64)), "is_primary": none,
    })  # fmt: skip
    return has, helper[has], 1_000_000 - later


def _split_rows(
    batch: Batch, out: Writer, row: Array, user: Array, since: Array, until: Array, ends: Array, ppm: Array, *, overlay: bool
) -> None:
    kind = pick(pa.array(["revenue", "overlay"]), np.full(len(row), int(overlay)))
    out.add("opportunity_splits", {
        "opportunity_id": batch.opportunities(row), "user_id": pick(batch.users, user), "split_type": kind, "since": since, "until": masked(until, ends),
        "share_ppm": ppm, "is_overlay": np.full(len(row), overlay),
    })  # fmt: skip

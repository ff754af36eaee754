"""What the inspection policy brings to the policy kit: names for completion, a look at other policies, a preview, and whom a change moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from closedwon.base.errors import Problem
from closedwon.base.policytext import digest
from closedwon.forecast import fields
from closedwon.forecast.actions.flags import FlagMove, Moves, moves
from closedwon.forecast.flags import CUSTOM, FlagBook, InspectionPolicy, names_in
from closedwon.formula.formula import compile  # noqa: A004 - the language's own word
from closedwon.people.actor import Actor
from closedwon.policies.linting import Lint
from closedwon.workspace import current

CATEGORIES = ("omitted", "undated", "unmapped")
"""Columns of the forecast that stand in no policy."""


def book_of(policy: InspectionPolicy) -> FlagBook:
    """A policy made ready for this company; the same text gives the same book."""
    return FlagBook(policy, digest(policy.model_dump_json()), current().settings.currency)


def names(given: Mapping[str, Any], place: tuple[str | int, ...]) -> dict[str, str]:
    """What a formula may name, each with its type and meaning: fields, the policy's numbers and custom columns, those of the data last."""
    del place
    told = {name: f"{item.type}: {item.about}" for name, item in fields.KNOWN.items()}
    numbers, columns = given.get("numbers", {}), given.get("columns", {})
    told |= {str(name): f"a number of the policy: {value}" for name, value in (numbers.items() if isinstance(numbers, Mapping) else ())}
    return told | {str(name): f"{kind}: a custom column" for name, kind in (columns.items() if isinstance(columns, Mapping) else ())}


def custom_columns() -> dict[str, str]:
    """The custom columns that the company's deals carry, with the type that a formula would take them as; none without facts."""
    from closedwon.facts.releases import latest, source

    release = latest()
    if release is None or "opportunities" not in release.tables:
        return {}
    kinds = {"int": "number", "decimal": "number", "number": "number", "bool": "yes/no", "date": "date", "instant": "date"}
    return {c.name: kinds.get(c.type, "text") for c in source("opportunities", release).columns if CUSTOM.fullmatch(c.name)}


def look(documents: Mapping[str, InspectionPolicy], context: Lint) -> Iterator[Problem]:
    """Categories and stages that the other policies do not have, and custom columns that no deal has."""
    forecast, pipeline = context.other("forecast").get(""), context.other("pipeline").get("")
    categories = [*(item.name for item in forecast.categories), *CATEGORIES] if forecast else []
    stages = [stage.name for stage in pipeline.stages] if pipeline else []
    for name, policy in documents.items():
        if categories:
            for at, category in enumerate(policy.later):
                if category not in categories:
                    yield context.problem(
                        name, ["later", at], f"there is no category {category!r}", mend=f"There are: {', '.join(categories)}."
                    )
        for at, flag in enumerate(policy.flags):
            for told in compile(flag.when, policy.types(categories=categories, stages=()), expects="yes/no").problems:
                yield context.problem(name, ["flags", at, "when"], told.message, mend=told.mend)
            for told in compile(flag.when, policy.types(stages=stages), expects="yes/no").problems:
                yield context.warning(name, ["flags", at, "when"], told.message, mend=told.mend)
        there = custom_columns()
        for column in policy.columns if there else ():
            if column not in there:
                yield context.warning(
                    name, ["columns", column], f"no deal has the column {column}", mend="It counts as blank until an import brings it."
                )


def effect(old: InspectionPolicy | None, new: InspectionPolicy | None, by: Actor) -> Iterator[str | Mapping[str, Any]]:
    """Whom a change moves: how many of the open deals in sight gain or lose each flag, and the deals."""
    made = moves(book_of(old) if old else None, book_of(new) if new else None, by=by)
    changed = [move for move in made.flags if move.gained or move.lost or move.failing or move.before is None or move.after is None]
    if not changed:
        yield f"No open deal of {made.period} gains or loses a flag ({made.deals:,} looked at)."
        return
    yield (
        f"Of {made.deals:,} open deals of {made.period}, {made.flagged_after:,} have a flag; before it were {made.flagged_before:,}."
        if old
        else f"Of {made.deals:,} open deals of {made.period}, {made.flagged_after:,} have a flag."
    )
    for move in changed:
        yield sentence(move)
    for move in changed:
        yield from _rows(made, move)


def sentence(move: FlagMove) -> str:
    """What happens to one flag, in words."""
    gone = (
        "is taken away" if move.after is None else "is new" if move.before is None else f"goes from {move.before:,} to {move.after:,} deals"
    )
    parts = [f"{len(move.gained):,} gain it"] * bool(move.gained) + [f"{len(move.lost):,} lose it"] * bool(move.lost)
    parts += [f"it cannot be told for {len(move.failing):,}"] * bool(move.failing)
    return f"{move.name} {gone}{': ' if parts else ''}{', '.join(parts)}."


def _rows(made: Moves, move: FlagMove, most: int = 8) -> Iterator[Mapping[str, Any]]:
    for word, deals, marked in (("gains", move.gained, made.new), ("loses", move.lost, made.old)):
        for deal in deals[:most]:
            yield {"flag": move.name, "": word, **deal_words(marked, deal)}


def deal_words(marked: Any, deal: str) -> dict[str, Any]:
    """A deal in a few words."""
    row = marked.measured.slice(marked.places[deal], 1).to_pylist()[0]
    return {"deal": row["name"] or deal, "category": row["category"], "close": row["close_date"]}


def preview(policy: InspectionPolicy, by: Actor) -> list[dict[str, Any]]:
    """Each flag with how many open deals in sight have it, and some of them."""
    made = moves(None, book_of(policy), by=by)
    rows = []
    for flag, move in zip(policy.flags, made.flags, strict=True):
        names_of = [str(deal_words(made.new, deal)["deal"]) for deal in move.gained[:3]]
        found = f"{len(move.gained):,} of {made.deals:,}" if flag.active else "off"
        rows.append(
            {"flag": flag.name, "open deals": found, "for example": ", ".join(names_of), "cannot be told": len(move.failing) or None}
        )
    return rows


def with_columns(given: Mapping[str, Any], formulas: list[str]) -> dict[str, str]:
    """The custom columns that formulas read and the policy does not declare yet, with the types that the data has them in."""
    known = given.get("columns", {})
    there = custom_columns()
    wanted = {name for text in formulas for name in names_in(text)}
    return {name: kind for name, kind in there.items() if name in wanted and name not in known}

"""The kind of policy that approvals bring, and how its cases are run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from closedwon.approvals.deciding import run_case
from closedwon.approvals.policy import Matrix
from closedwon.approvals.rules.lint import look
from closedwon.approvals.rules.united import unite
from closedwon.base.errors import NotReady, Problem
from closedwon.policies.cases import beside
from closedwon.policies.linting import Lint
from closedwon.policies.registry import PolicyKind


def _case(policy: Matrix, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A case of one document; where it leans on roles or fields of others, those in force are taken with it."""
    alone = {"this": policy}
    day = max(version.since for version in policy.version)
    if not unite(alone, policy.subject, day).problems:
        return run_case(alone, given)
    return run_case({**(beside() or _others(policy)), **alone}, given)


def _others(policy: Matrix) -> dict[str, Matrix]:
    from django.core.exceptions import ImproperlyConfigured

    try:
        from closedwon.policies.actions import applied_all

        return {name: one for name, one in applied_all("approvals").items() if one.title != policy.title}
    except (ImproperlyConfigured, NotReady):
        return {}


def _look(documents: Mapping[str, Matrix], context: Lint) -> Iterable[Problem]:
    return look(documents, context)


def _answered(policy: Matrix, place: Sequence[str | int], finding: str) -> bool:
    """Whether a table's hole has somebody who decides there: its `on_gap`, or the floor's `otherwise`."""
    if finding != "gap" or len(place) < 4 or place[0] != "version" or place[2] != "table":
        return False
    version = policy.version[int(place[1])]
    return bool(version.table[int(place[3])].on_gap or version.floor)


def names(given: Mapping[str, Any], place: tuple[str | int, ...]) -> Mapping[str, str]:
    """The fields and computed values that a formula of a document may name, each with its type."""
    del place
    made: dict[str, str] = {}
    for version in given.get("version", []):
        for name, text in version.get("fields", {}).items():
            if isinstance(text, Mapping) and "rows" in text:
                made |= {
                    f"{name}.{part}": str(one.get("type", one) if isinstance(one, Mapping) else one) for part, one in text["rows"].items()
                }
            else:
                made[name] = str(text.get("type", "") if isinstance(text, Mapping) else text)
        made |= {str(one.get("name")): str(one.get("type", "number")) for one in version.get("compute", [])}
    return made


KIND = PolicyKind(
    "approvals",
    "approvals/*.toml",
    Matrix,
    "Approvals",
    "Who must agree to what, why, in which order and by when",
    package="closedwon.approvals",
    default="default/approvals/*.toml",
    templates="templates/approvals/*.toml",
    run_case=_case,
    lint=_look,
    names=names,
    tolerates=_answered,
)

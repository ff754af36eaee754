"""What a page shows of a text while it is written: mistakes at their inputs, what would change, what the cases say."""

from __future__ import annotations

import json
from typing import Any

from closedwon.base.errors import Invalid, Problem
from closedwon.base.policytext import excerpt
from closedwon.people.actor import Actor
from closedwon.policies import actions, forms
from closedwon.policies.forms import Node
from closedwon.policies.registry import document


def checked(name: str, text: str, by: Actor, nodes: list[Node] | None = None) -> dict[str, Any]:
    """The mistakes of a text, or what it would change, what looks wrong, and the company's own rows as it would read them.

    With the nodes of a form, each mistake also knows the input that it is about.
    """
    told = actions.problems_of(name, text)
    wrong = [one for one in told if one.severity == "error"]
    shown = [_Shown(one, text, forms.trails(nodes) if nodes is not None else {}) for one in told]
    return {
        "problems": [one for one in shown if one.problem.severity == "error"], "plan": None if wrong else actions.plan(name, text), "in_form": nodes is not None,
        "fields": json.dumps(_fields(shown)), "wrong": sorted({item.line for item in wrong if item.line}),
        "warnings": [one for one in shown if one.problem.severity != "error"], "preview": None if wrong else actions.preview(name, text, by=by),
        "has_effect": not wrong and document(name).kind.effect is not None, "ran": ran(name, text), "checked_text": text,
    }  # fmt: skip


def ran(name: str, text: str) -> dict[str, Any]:
    """How the cases beside a policy come out against a text, counted, with those that fail; empty where there are none."""
    try:
        results = actions.run(name, text)
    except Invalid:
        return {}
    bad = [one for one in results if not one.passed]
    return {"good": len(results) - len(bad), "bad": bad, "all": len(results)} if results else {}


class _Shown:
    """A problem as a page shows it: the input that it is about, its name for people, and the place in the text."""

    def __init__(self, problem: Problem, text: str, trails: dict[str, tuple[str, str]]) -> None:
        self.problem = problem
        self.path, self.trail = _path_of(problem.field or "", trails)
        last = (problem.field or "").rpartition(".")[2]
        self.message = "is missing" if trails and problem.message == f"{last!r} is missing" else problem.message
        self.excerpt = excerpt(text, problem)

    def as_field(self) -> dict[str, str]:
        """What the form puts below the input."""
        mend = f". {self.problem.mend}" if self.problem.mend else ""
        return {
            "said": f"{self.problem.message}{mend}",
            "where": self.excerpt,
            "tone": "bad" if self.problem.severity == "error" else "warn",
        }


def _path_of(place: str, trails: dict[str, tuple[str, str]]) -> tuple[str, str]:
    """The path of the input that a problem's place belongs to, and its name for people."""
    head, rest = place, ""
    while head:
        if head in trails:
            path, trail = trails[head]
            inner = [part for part in rest.split(".") if part]
            if len(inner) > 1 and inner[0] == "rows":
                return f"{path}.{rest}", f"{trail} › row {int(inner[1]) + 1}"
            return (f"{path}.{rest}" if rest else path), trail
        head, _, last = head.rpartition(".")
        rest = f"{last}.{rest}" if rest else last
    return place, place


def _fields(shown: list[_Shown]) -> dict[str, list[dict[str, str]]]:
    made: dict[str, list[dict[str, str]]] = {}
    for one in shown:
        made.setdefault(one.path, []).append(one.as_field())
    return made

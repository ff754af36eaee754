"""Approval policies with one document in other words: what a back-test of a draft tries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from closedwon.approvals.actions.backtest import READERS
from closedwon.approvals.actions.common import policies
from closedwon.approvals.deciding import Policies
from closedwon.approvals.policy import Matrix
from closedwon.base.errors import Invalid
from closedwon.base.policytext import digest, load_text
from closedwon.people.actor import Actor
from closedwon.policies.actions import versions_in_force

LARGEST = 400_000


def policies_of_text(document: str, text: str, *, by: Actor) -> Policies:
    """The policies in force with a text in place of a document, or beside them where there is none of that name. Raises Invalid with every mistake."""
    by.need(*READERS, to="look back over requests")
    if len(text) > LARGEST:
        raise Invalid("The text is too long.", mend=f"Keep it below {LARGEST:,} characters.")
    name = document.strip() or "draft"
    value, problems = load_text(text, Matrix, f"{name}.toml")
    if value is None or problems:
        raise Invalid(f"The text has {len(problems)} mistake{'s' if len(problems) != 1 else ''}.", problems=problems)
    now = policies()
    kept: Mapping[str, Any] = now.documents if document in now.documents else {}
    others = kept or {key: one for key, one in now.documents.items() if one.subject != value.subject}
    return Policies({**others, name: value}, {**now.digests, name: digest(text)})


def documents(*, by: Actor) -> list[dict[str, Any]]:
    """The approval documents in force, with their texts."""
    by.need(*READERS, to="look back over requests")
    now = policies()
    texts = {version.document: version.text for version in versions_in_force("approvals")}
    return [
        {"name": name, "title": one.title, "subject": one.subject, "text": texts.get(name, "")}
        for name, one in sorted(now.documents.items())
    ]

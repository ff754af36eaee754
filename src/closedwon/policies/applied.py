"""What is in force: the applied version of a document, its value, and all of a collection."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.db.models import Max, QuerySet

from closedwon.base.errors import Invalid, NotReady
from closedwon.base.policytext import load_text
from closedwon.policies.models import PolicyVersion
from closedwon.policies.registry import Document, PolicyKind, document, kind

COUNTING = ("applied", "retired")
_WHOLE: dict[str, tuple[Any, dict[str, Any]]] = {}


@lru_cache(maxsize=4096)
def _parsed(_model: Any, found: Document, _digest: str, text: str) -> Any:
    value, problems = load_text(text, found.kind.model, found.file)
    if value is None:
        raise Invalid(f"The applied policy {found.key} cannot be read any more.", problems=problems, mend="Apply a corrected text.")
    return value


def value_of(version: PolicyVersion) -> Any:
    """The value of a version's text. Raises Invalid where this release cannot read it."""
    found = document(version.key)
    return _parsed(found.kind.model, found, version.digest, version.text)


def in_force(key: str) -> PolicyVersion | None:
    """The applied version of a document, None where there is none or it was retired."""
    found = document(key)
    last = PolicyVersion.objects.filter(kind=found.kind.name, document=found.name, status__in=COUNTING).order_by("-id").first()
    return None if last is None or last.is_retired else last


def versions_in_force(name: str) -> QuerySet[PolicyVersion]:
    """The applied version of every document of a kind, by name; those that were retired are not among them."""
    last = (
        PolicyVersion.objects.filter(kind=name, status__in=COUNTING).order_by().values("document").annotate(last=Max("id")).values("last")
    )
    return PolicyVersion.objects.filter(id__in=last, status="applied").order_by("document")


def applied(name: str, document: str = "") -> Any:
    """The policy in force, parsed; `document` names one of a collection. Raises NotReady where none was ever applied."""
    key = f"{name}/{document}" if document else name
    version = in_force(key)
    if version is None:
        mend = (
            "Apply its file with: closedwon policy apply FILE"
            if document
            else "Apply the shipped ones with: closedwon policy apply --defaults"
        )
        raise NotReady(f"No {key} policy is applied.", mend=mend)
    return value_of(version)


def applied_all(name: str) -> dict[str, Any]:
    """Every document of a kind that is in force, parsed, by name; empty where there is none."""
    found: PolicyKind = kind(name)
    versions = versions_in_force(name)
    mark = (found.model, tuple(versions.values_list("document", "digest")))
    known = _WHOLE.get(name)
    if known is None or known[0] != mark:
        known = _WHOLE[name] = (mark, {version.document: value_of(version) for version in versions})
    return dict(known[1])

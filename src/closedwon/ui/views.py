"""Saved views: a person's own, per table."""

from __future__ import annotations

from typing import Any

from closedwon.base.errors import Invalid, NotFound

MOST = 50


def of(request: Any, table: str) -> list[Any]:
    """The signed-in person's saved views of a table."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return []
    from closedwon.ui.models import SavedView

    return list(SavedView.objects.filter(user=user, table=table))


def save(user: Any, table: str, name: str, parameters: dict[str, Any]) -> Any:
    """Keep a view under a name; the same name again replaces it."""
    from closedwon.ui.models import SavedView

    title = name.strip()[:80]
    if not title:
        raise Invalid("The view has no name.", mend="Give it one, such as: my commits.")
    if not table or len(table) > 80:
        raise Invalid("There is no such table.")
    if SavedView.objects.filter(user=user).count() >= MOST:
        raise Invalid(f"You keep {MOST} views already.", mend="Delete one first.")
    return SavedView.objects.update_or_create(user=user, table=table, name=title, defaults={"parameters": parameters})[0]


def delete(user: Any, pk: int) -> Any:
    """Delete one's own view; gives it as it was."""
    from closedwon.ui.models import SavedView

    found = SavedView.objects.filter(user=user, pk=pk).first()
    if found is None:
        raise NotFound("There is no such view of yours.")
    SavedView.objects.filter(pk=pk).delete()
    return found

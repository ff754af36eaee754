"""What the shell alone needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.utils.safestring import SafeString, mark_safe

from closedwon.ui import context as machine

register = template.Library()


@register.simple_tag(takes_context=True)
def chips(context: Mapping[str, Any]) -> list[machine.Chip]:
    """The top bar's dropdowns, where the page has a view."""
    view, shell = context.get("view"), context.get("shell")
    if not isinstance(view, machine.View):
        return []
    return machine.chips(view, context["request"], shell.by if shell else None)


@register.simple_tag(takes_context=True)
def again(context: Any, name: str) -> SafeString:
    """What the page put into a block, once more: the title as the heading; empty where the page has no such block."""
    blocks = context.render_context.get(BLOCK_CONTEXT_KEY)
    node = blocks.get_block(name) if blocks else None
    return mark_safe(node.nodelist.render(context).strip() if node else "")  # noqa: S308 - rendered by the template, escaped there


@register.filter
def undo_of(tags: str) -> str:
    """The address that undoes what a message says, from the message's tags as in "undo:/deals/1/undo/"."""
    return next((tag[5:] for tag in (tags or "").split() if tag.startswith("undo:/") and not tag.startswith("undo://")), "")

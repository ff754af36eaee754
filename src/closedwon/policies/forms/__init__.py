"""Forms made from a policy's schema: text → fields, and what was filled in → the same text with its comments."""

from closedwon.policies.forms.buttons import pressed
from closedwon.policies.forms.nodes import Form, Node, form, parsed, trails, walk
from closedwon.policies.forms.reading import filled
from closedwon.policies.forms.shape import kind_of

__all__ = ["Form", "Node", "filled", "form", "kind_of", "parsed", "pressed", "trails", "walk"]

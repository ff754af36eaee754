"""What the funnel counts besides deals: leads, their follow-up, and exit criteria."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from closedwon.crm.funnel.reading import Ask, Ground


def more_facts(on: Ground, ask: Ask) -> list[pa.Table]:
    """Counted outcomes of leads, follow-up and exit criteria."""
    return []

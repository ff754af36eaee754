"""The Monday scorecard: for each manager the people below, with flags by money, lateness, coverage and pace; as rows, mail and text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from html import escape
from typing import Any

from closedwon.base.money import format_major
from closedwon.forecast.summary.mail import ACCENT, CARD, DARK, FONT, GROUND, INK, LINE, MUTED, TONES
from closedwon.forecast.summary.say import PLAIN, Say

MILLION = 1_000_000


@dataclass(frozen=True)
class Marks:
    """Open deals with a flag, and their money in minor units."""

    deals: int = 0
    amount: int = 0

    def plus(self, amount: int) -> Marks:
        """One more deal."""
        return Marks(self.deals + 1, self.amount + amount)


@dataclass(frozen=True)
class Row:
    """A seat under its manager: own deals and all below, in minor units; what there is not is None."""

    manager: str
    manager_name: str
    seat: str
    name: str
    who: str
    quota: int | None
    closed: int
    open: int
    flagged: Marks
    flags: Mapping[str, Marks]
    calls_late: int | None
    calls_due: int
    expected_share: float | None
    """The share of a period that is closed by this day, as in the last periods."""
    is_leaf: bool = False

    @property
    def coverage(self) -> float | None:
        """Open deals over what is left of the quota; None where nothing is left."""
        rest = (self.quota or 0) - self.closed
        return self.open / rest if rest > 0 else None

    @property
    def pace(self) -> float | None:
        """Closed over what would be closed by this day on the way to the quota: 1 is on pace."""
        if not self.quota or not self.expected_share:
            return None
        return self.closed / (self.quota * self.expected_share)


@dataclass(frozen=True)
class Scorecard:
    """The rows of a period at a day, manager by manager, the most flagged money first within a manager."""

    company: str
    type: str
    period: str
    as_of: date
    currency: str
    rows: Sequence[Row]
    flags: Sequence[tuple[str, str]]
    """The flags with a column of their own: name and label."""
    expected_share: float | None = None
    notes: Sequence[str] = ()
    path: str = "/forecast/scorecard"
    tops: Sequence[str] = field(default=())
    """The seats at the top of what is in sight."""

    def of(self, manager: str) -> list[Row]:
        """The rows of one manager."""
        return [row for row in self.rows if row.manager == manager]

    def direct(self) -> Scorecard:
        """The same with those right below the top alone, as a mail shows it."""
        rows = [row for row in self.rows if row.manager in self.tops or (not row.manager and row.seat in self.tops)]
        return replace(self, rows=rows or list(self.rows)[:30])

    def as_rows(self) -> list[dict[str, Any]]:
        """The rows for CSV and JSON: amounts in major units as text, shares as numbers, empty where there is none."""
        return [self._row(row) for row in self.rows]

    def _row(self, row: Row) -> dict[str, Any]:
        def money(minor: int | None) -> str:
            return "" if minor is None else format_major(minor, self.currency)

        made: dict[str, Any] = {
            "manager": row.manager,
            "manager_name": row.manager_name,
            "seat": row.seat,
            "name": row.name,
            "who": row.who,
            "flagged_deals": row.flagged.deals,
            "flagged": money(row.flagged.amount),
        }
        for name, _ in self.flags:
            marks = row.flags.get(name, Marks())
            made |= {f"{name}_deals": marks.deals, name: money(marks.amount)}
        return made | {
            "calls_late": "" if row.calls_late is None else row.calls_late,
            "calls_due": row.calls_due if row.calls_late is not None else "",
            "quota": money(row.quota),
            "closed": money(row.closed),
            "open": money(row.open),
            "coverage": "" if row.coverage is None else f"{row.coverage:.2f}",
            "pace": "" if row.pace is None else f"{row.pace:.3f}",
        }


def in_order(rows: Sequence[Row], order: Sequence[str]) -> list[Row]:
    """Rows manager by manager in the order of the tree, within a manager the most flagged money first."""
    place = {name: at for at, name in enumerate(order)}
    return sorted(rows, key=lambda row: (place.get(row.manager, len(place)), row.manager, -row.flagged.amount, row.seat))


def headline(card: Scorecard) -> str:
    """What a manager reads first: who has the most flagged money."""
    tops = [row for row in card.rows if row.flagged.amount]
    if not tops:
        return f"Scorecard of {card.period}: no heavy flag"
    most = max((row for row in tops if row.is_leaf), key=lambda row: row.flagged.amount, default=tops[0])
    return f"Scorecard of {card.period}: {most.who or most.name} has the most flagged money"


def html(card: Scorecard, at: Callable[[str], str], say: Say = PLAIN) -> str:
    """The scorecard as HTML for mail: a table for each manager."""
    blocks = [_block(card, manager, say) for manager in dict.fromkeys(row.manager for row in card.rows)]
    notes = "".join(f'<p class="cw-muted" style="{FONT};font-size:12px;color:{MUTED}">{escape(note)}</p>' for note in card.notes)
    title = escape(headline(card))
    link = f'<a class="cw-link" href="{escape(at(card.path))}" style="color:{ACCENT}">Open it in closedwon</a>'
    when = f"{card.as_of:%a} {card.as_of.day} {card.as_of:%b %Y}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
        f"<title>{title}</title><style>{DARK}</style></head>\n"
        f'<body class="cw-ground" style="margin:0;padding:0;background:{GROUND}">'
        f'<table role="presentation" class="cw-ground" width="100%" cellpadding="0" cellspacing="0" style="background:{GROUND}"><tr><td align="center" style="padding:16px 8px">\n'
        f'<table role="presentation" class="cw-card" width="600" cellpadding="0" cellspacing="0" style="width:100%;max-width:600px;background:{CARD};border:1px solid {LINE};border-radius:10px"><tr><td style="padding:20px 20px;{FONT}">'
        f'<p class="cw-muted" style="margin:0 0 4px;font-size:12px;color:{MUTED}">{escape(card.company)} · {escape(card.type)} · {when}</p>'
        f'<h1 class="cw-ink" style="margin:0 0 8px;font-size:19px;line-height:26px;font-weight:600;color:{INK}">{title}</h1>\n'
        + "\n".join(blocks)
        + f'{notes}<p class="cw-muted" style="font-size:12px;color:{MUTED}">{link}</p></td></tr></table></td></tr></table></body></html>\n'
    )


def _block(card: Scorecard, manager: str, say: Say) -> str:
    rows = card.of(manager)
    heads = ["Who", "Flagged", *(label for _, label in card.flags), "Late", "Cover", "Pace"]
    cells = "".join(
        f'<th class="cw-muted cw-line" align="{"left" if not at else "right"}" style="padding:4px 0 4px {6 if at else 0}px;font-size:11px;font-weight:400;color:{MUTED};border-bottom:1px solid {LINE}">{escape(head)}</th>'
        for at, head in enumerate(heads)
    )
    body = "".join(f"<tr>{_cells(card, row, say)}</tr>" for row in rows)
    title = escape(rows[0].manager_name or "Top of the tree")
    return (
        f'<h2 class="cw-ink" style="margin:14px 0 2px;font-size:14px;font-weight:600;color:{INK}">{title}</h2>'
        f'<table width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse"><tr>{cells}</tr>{body}</table>'
    )


def _cells(card: Scorecard, row: Row, say: Say) -> str:
    def cell(text: str, tone: str = "", *, first: bool = False) -> str:
        colour = TONES[tone] if tone else INK
        return (
            f'<td class="cw-{tone or "ink"} cw-line" align="{"left" if first else "right"}" style="padding:5px 0 5px {0 if first else 6}px;font-size:12px;'
            f'line-height:16px;color:{colour};border-bottom:1px solid {LINE}{"" if first else ";white-space:nowrap"}">{text}</td>'
        )

    def marks(found: Marks) -> str:
        deals = f"{found.deals:,} deal{'' if found.deals == 1 else 's'}"
        return f"{escape(say.money(found.amount, card.currency))}<br>{deals}" if found.deals else "–"

    who = escape(row.who or row.name) + (f"<br>{escape(row.name)}" if row.who and row.who != row.name else "")
    late = "–" if row.calls_late is None else f"{row.calls_late} of {row.calls_due}"
    pace = row.pace
    return "".join(
        (
            cell(who, first=True),
            cell(marks(row.flagged)),
            *(cell(marks(row.flags.get(name, Marks()))) for name, _ in card.flags),
            cell(late, "down" if row.calls_late else ""),
            cell("–" if row.coverage is None else say.ratio(round(row.coverage * MILLION))),
            cell("–" if pace is None else say.percent(round(pace * MILLION)), "" if pace is None else "up" if pace >= 1 else "down"),
        )
    )


def text(card: Scorecard, say: Say = PLAIN) -> str:
    """The scorecard as plain text."""
    lines = [headline(card), f"{card.company}, {card.type}, close of {card.as_of.isoformat()}"]
    manager = None
    for row in card.rows:
        if row.manager != manager:
            manager = row.manager
            lines += ["", row.manager_name or "Top of the tree"]
        parts = [f"flagged {say.money(row.flagged.amount, card.currency)} in {row.flagged.deals}" if row.flagged.deals else "no heavy flag"]
        parts += [
            f"{label} {say.money(row.flags[name].amount, card.currency)} in {row.flags[name].deals}"
            for name, label in card.flags
            if row.flags.get(name, Marks()).deals
        ]
        if row.calls_late:
            parts.append(f"late {row.calls_late} of {row.calls_due} calls")
        if row.coverage is not None:
            parts.append(f"cover {say.ratio(round(row.coverage * MILLION))}")
        if row.pace is not None:
            parts.append(f"pace {say.percent(round(row.pace * MILLION))}")
        lines.append(f"- {row.who or row.name}: {'; '.join(parts)}")
    return "\n".join([*lines, "", *card.notes]) + "\n"

"""Charts that answer one question: a waterfall and a sparkline drawn here, lines and bars in Vega-Lite; a table behind each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.html import escape

from closedwon.base.money import to_major
from closedwon.ui import format as fmt
from closedwon.workspace import current

COLOURS = ("#2456d6", "#0f8a5f", "#c77700", "#8a4fbf", "#b3261e", "#4a7a8c")
"""Six colours that people with colour blindness tell apart; a chart names its lines directly as well."""


@dataclass(frozen=True)
class Bar:
    """One bar of a waterfall: an amount in minor units with its sign. Kind is "total", "up", "down" or "won"; `href` opens its deals."""

    label: str
    amount: int
    kind: str = ""
    href: str = ""
    count: int | None = None


@dataclass
class Waterfall:
    """From a begin to an end, with what moved between them. The title answers the question, as in "Q2 moved −1.3 M in a week"."""

    title: str
    bars: Sequence[Bar]
    currency: str = ""
    note: str = ""
    key: str = "waterfall"
    width: int = 640
    height: int = 280

    @property
    def unit(self) -> str:
        """The currency's code."""
        return self.currency or current().settings.currency

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The table behind the chart."""
        return [{"bar": bar, "text": fmt.money(bar.amount, self.unit, sign=bar.kind != "total")} for bar in self.bars]

    @property
    def words(self) -> str:
        """The chart in one sentence, for screen readers."""
        return "; ".join(f"{bar.label} {fmt.compact(bar.amount, self.unit, sign=bar.kind != 'total')}" for bar in self.bars)

    @property
    def drawn(self) -> list[dict[str, Any]]:
        """Where each bar stands, in the picture's units; the axis begins at zero unless a total is below it."""
        levels, at = [], 0
        for bar in self.bars:
            start, at = (0, bar.amount) if bar.kind == "total" else (at, at + bar.amount)
            levels.append((start, at))
        low = min([0, *(min(pair) for pair in levels)])
        high = max([1, *(max(pair) for pair in levels)])
        top, bottom = 26, self.height - 42
        scale = (bottom - top) / (high - low)

        def y(value: int) -> float:
            return bottom - (value - low) * scale

        step = self.width / max(1, len(self.bars))
        wide = min(64.0, step * 0.72)
        made = []
        for number, (bar, (start, end)) in enumerate(zip(self.bars, levels, strict=True)):
            left = number * step + (step - wide) / 2
            upper = min(y(start), y(end))
            kind = bar.kind or ("up" if bar.amount >= 0 else "down")
            made.append(
                {
                    "bar": bar,
                    "kind": kind,
                    "x": f"{left:.1f}",
                    "y": f"{upper:.1f}",
                    "w": f"{wide:.1f}",
                    "h": f"{max(1.5, abs(y(start) - y(end))):.1f}",
                    "mid": f"{left + wide / 2:.1f}",
                    "text_y": f"{upper - 7:.1f}",
                    "text": fmt.compact(bar.amount, self.unit, sign=kind != "total"),
                    "line_from": f"{left + wide:.1f}",
                    "line_to": f"{left + step:.1f}",
                    "line_y": f"{y(end):.1f}",
                    "last": number == len(self.bars) - 1,
                    "label_y": f"{self.height - 22}",
                    "lines": _lines(bar.label, step),
                }
            )
        return made


def _lines(label: str, room: float) -> list[str]:
    """A label in one line where it fits, else in two."""
    if len(label) * 6.3 <= room or " " not in label:
        return [label]
    first, _, rest = label.partition(" ")
    return [first, rest]


@dataclass
class Chart:
    """A line or bar chart. `rows` are mappings with `x`, `y` and optionally `series`; amounts of money are minor units.

    `kind` is "line" or "bar", `x_kind` "date", "text" or "number", `y_kind` "money", "number" or "percent".
    """

    title: str
    rows: Sequence[Mapping[str, Any]]
    x_label: str
    y_label: str
    kind: str = "line"
    x_kind: str = "date"
    y_kind: str = "money"
    currency: str = ""
    note: str = ""
    key: str = "chart"
    height: int = 240
    series_label: str = "Series"
    _spec: dict[str, Any] = field(default_factory=dict)

    @property
    def has_series(self) -> bool:
        """Whether there is more than one line."""
        return any("series" in row for row in self.rows)

    def _y(self, value: Any) -> float | None:
        if value is None:
            return None
        unit = self.currency or current().settings.currency
        return float(to_major(int(value), unit)) if self.y_kind == "money" else float(Decimal(str(value)))

    def _x(self, value: Any) -> Any:
        found = fmt.as_date(value) if self.x_kind == "date" else value
        return found.isoformat() if self.x_kind == "date" and found else found

    @property
    def table(self) -> list[list[str]]:
        """The table behind the chart, as text."""
        unit = self.currency or current().settings.currency
        made = []
        for row in self.rows:
            y = row.get("y")
            shown = {"money": lambda v: fmt.money(v, unit), "percent": fmt.percent}.get(
                self.y_kind, lambda v: fmt.number(v, 0 if v == int(v) else 2)
            )
            x = fmt.day(row["x"], year=True) if self.x_kind == "date" else str(row["x"])
            made.append([x, *([str(row.get("series", ""))] if self.has_series else []), fmt.MISSING if y is None else shown(y)])
        return made

    @property
    def spec(self) -> dict[str, Any]:
        """The chart as Vega-Lite."""
        if not self._spec:
            self._spec = self._build()
        return self._spec

    def _build(self) -> dict[str, Any]:
        import altair as alt

        values = [{"x": self._x(row["x"]), "y": self._y(row.get("y")), "series": str(row.get("series", self.y_label))} for row in self.rows]
        x_type: Any = {"date": "temporal", "number": "quantitative"}.get(self.x_kind, "nominal")
        form = {"money": "~s", "percent": ".0%"}.get(self.y_kind, "~s")
        base = alt.Chart(alt.Data(values=values))
        x = alt.X(
            field="x",
            type=x_type,
            title=None,
            sort=None,
            axis=alt.Axis(grid=False, labelAngle=0, tickCount=6, labelOverlap=True, labelPadding=6),
            scale=alt.Scale(padding=10) if self.kind == "line" and x_type == "temporal" else alt.Undefined,
        )
        y = alt.Y(
            field="y", type="quantitative", title=None, axis=alt.Axis(format=form, tickCount=4, domain=False, ticks=False, labelPadding=10)
        )
        names = list(dict.fromkeys(value["series"] for value in values))
        colour = alt.Color(
            field="series",
            type="nominal",
            legend=None,
            scale=alt.Scale(domain=names, range=[COLOURS[n % len(COLOURS)] for n in range(len(names))]),
        )
        tips = [
            alt.Tooltip(field="x", type=x_type, title=self.x_label),
            alt.Tooltip(field="y", type="quantitative", title=self.y_label, format=",.2f"),
        ]
        if self.has_series:
            tips.insert(1, alt.Tooltip(field="series", type="nominal", title=self.series_label))
        encoded = base.encode(x=x, y=y, color=colour, tooltip=tips)
        if self.kind == "bar":
            if self.has_series:
                encoded = encoded.encode(xOffset=alt.XOffset(field="series", type="nominal", sort=names))
            drawn: Any = encoded.mark_bar(cornerRadiusEnd=3)
        else:
            last: dict[str, dict[str, Any]] = {value["series"]: value for value in values if value["y"] is not None}
            ends = alt.Chart(alt.Data(values=list(last.values()))).encode(x=x, y=y, color=colour)
            text = ends.mark_text(align="left", dx=6, fontWeight=600).encode(text=alt.Text(field="series", type="nominal"))
            drawn = encoded.mark_line(strokeWidth=2.25, point=len(values) <= 40 * max(1, len(names)) and {"size": 24}) + (
                text if self.has_series else ends.mark_point(filled=True, size=48)
            )
        return dict(drawn.properties(width="container", height=self.height).configure_view(stroke=None).to_dict(validate=False))

    @property
    def json(self) -> str:
        """The specification as JSON that is safe inside a script element."""
        text = json.dumps(self.spec, separators=(",", ":"))
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").replace("\u2028", "\\u2028")

    def picture(self, form: str = "svg", width: int = 760) -> str | bytes:
        """The chart as an SVG text or PNG bytes, made on the server for documents."""
        import vl_convert

        spec = {**self.spec, "width": width}
        return vl_convert.vegalite_to_svg(spec) if form == "svg" else vl_convert.vegalite_to_png(spec, scale=2)  # type: ignore[no-any-return]


def sparkline(values: Sequence[Any], label: str = "", width: int = 96, height: int = 24) -> str:
    """A small line of numbers as SVG; missing values leave a gap."""
    known = [float(value) for value in values if value is not None]
    if len(known) < 2:
        return f'<span class="cw-muted">{fmt.MISSING}</span>'
    low, high = min(known), max(known)
    step = (width - 6) / (len(values) - 1)
    scale = (height - 6) / (high - low) if high > low else 0
    path, pen, at = [], "M", (0.0, 0.0)
    for number, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        at = (3 + number * step, height - 3 - (float(value) - low) * scale if scale else height / 2)
        path.append(f"{pen}{at[0]:.1f} {at[1]:.1f}")
        pen = "L"
    role = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return (
        f'<svg class="cw-spark" width="{width}" height="{height}" viewBox="0 0 {width} {height}" {role}>'
        f'<path d="{"".join(path)}" fill="none"/><circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="2.5"/></svg>'
    )

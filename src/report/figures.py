"""Figures as inline SVG: data in, markup out, every text escaped, the same data the same bytes.

Colours come from the page's style sheet through classes, so that a figure follows light, dark and print. Coordinates
are in the SVG's own units; a figure shrinks with the page and never needs a script.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .formats import number, percent

WIDTH = 760
LABELS = 190  # width kept for the labels at the left
ROW = 34
_LONGEST_LABEL = 26


@dataclass(frozen=True)
class Whisker:
    """A value with its interval, None where undefined; `strong` marks the row that matters."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    strong: bool = False


@dataclass(frozen=True)
class Bar:
    """A bar of one or several parts by name, and the text at its end."""

    label: str
    parts: Mapping[str, float]
    text: str


@dataclass(frozen=True)
class Point:
    """A point of a curve with its interval; `strong` marks the one that matters."""

    x: float
    y: float
    low: float
    high: float
    hint: str
    strong: bool = False


def dot_and_whisker(rows: Sequence[Whisker], axis: str, title: str) -> Markup:
    """Return dots with intervals, one row each, over a common axis; a dashed line marks the first strong value."""
    known = [x for row in rows for x in (row.value, row.low, row.high) if x is not None]
    ticks = nice_ticks(min(known, default=0.0), max(known, default=1.0))
    scale = _Scale(ticks[0], ticks[-1], LABELS, WIDTH - 80)
    bottom = 10 + ROW * len(rows)
    body = []
    for tick, text in zip(ticks, _tick_texts(ticks), strict=True):
        body += [
            _line("grid", scale(tick), 6, scale(tick), bottom),
            _text("tick middle", scale(tick), bottom + 18, text),
        ]
    body.append(_text("tick middle", (scale.start + scale.end) / 2, bottom + 38, axis))
    strong = next((row.value for row in rows if row.strong and row.value is not None), None)
    if strong is not None:
        body.append(_line("ours-line", scale(strong), 6, scale(strong), bottom))
    for k, row in enumerate(rows):
        body += _whisker_row(row, scale, 10 + ROW * (k + 0.5))
    return _svg(WIDTH, bottom + 46, title, body)


def stacked_bars(bars: Sequence[Bar], parts: Mapping[str, int], title: str) -> Markup:
    """Return horizontal bars from zero, parts side by side.

    Args:
        bars: one row each.
        parts: the parts in drawing order, each with its place in the palette: k gives the class `part-k`.
        title: read out to those who do not see the figure.
    """
    most = max((sum(bar.parts.values()) for bar in bars), default=0.0) or 1.0
    scale = _Scale(0.0, most, LABELS, WIDTH - 80)
    body = []
    for k, bar in enumerate(bars):
        middle, start = 6 + ROW * (k + 0.5), 0.0
        body.append(_label(bar.label, middle))
        for part, place in parts.items():
            width = bar.parts.get(part, 0.0)
            if width > 0:
                rect = '<rect class="part-{}" x="{}" y="{}" width="{}" height="20"><title>{}</title></rect>'
                box = _at(scale(start)), _at(middle - 10), _at(scale(start + width) - scale(start))
                body.append(_mark(rect, place, *box, f"{bar.label}, {part}"))
                start += width
        body.append(_text("value", scale(start) + 8, middle + 4, bar.text))
    return _svg(WIDTH, 12 + ROW * len(bars), title, body)


def calibration(deciles: Sequence[Mapping[str, float]], title: str) -> Markup:
    """Return observed against predicted risk with intervals; points on the diagonal are calibrated.

    Args:
        deciles: mean_predicted, observed, low and high, shares of 1.
        title: read out to those who do not see the figure.
    """
    left, right, top, bottom = 64, 500, 12, 340
    most = max((max(each["mean_predicted"], each["high"]) for each in deciles), default=0.1)
    ticks = nice_ticks(0.0, most)
    across, up = _Scale(0.0, ticks[-1], left, right), _Scale(0.0, ticks[-1], bottom, top)
    body = []
    for tick, text in zip(ticks, _tick_texts([100 * tick for tick in ticks], " %"), strict=True):
        body += [_line("grid", left, up(tick), right, up(tick)), _text("tick end", left - 8, up(tick) + 4, text)]
        body += [_line("grid", across(tick), top, across(tick), bottom), _text("tick middle", across(tick), 358, text)]
    body.append(_line("ours-line", left, bottom, right, top))
    for each in deciles:
        x = across(each["mean_predicted"])
        hint = f"predicted {percent(each['mean_predicted'])}, left {percent(each['observed'])}"
        body += [_line("whisker strong", x, up(each["low"]), x, up(each["high"]))]
        body += [_dot("dot strong", x, up(each["observed"]), hint)]
    body.append(_text("tick middle", (left + right) / 2, 382, "predicted risk, mean of a tenth"))
    body.append(
        _mark('<g transform="translate(14 176) rotate(-90)">{}</g>', _text("tick middle", 0, 0, "share that left"))
    )
    return _svg(520, 392, title, body)


def curve(points: Sequence[Point], across_name: str, up_name: str, title: str) -> Markup:
    """Return a line through points in ascending x, each with its interval; a dashed line marks the strong one."""
    left, right, top, bottom = 96, WIDTH - 24, 28, 300
    xs, ys = [point.x for point in points], [y for point in points for y in (point.y, point.low, point.high)]
    x_ticks = nice_ticks(min(xs, default=0.0), max(xs, default=1.0))
    y_ticks = nice_ticks(min([0.0, *ys]), max(ys, default=1.0))
    across, up = _Scale(x_ticks[0], x_ticks[-1], left, right), _Scale(y_ticks[0], y_ticks[-1], bottom, top)
    body = [_text("tick", 0, 12, up_name)]
    for tick, text in zip(y_ticks, _tick_texts(y_ticks), strict=True):
        body += [_line("grid", left, up(tick), right, up(tick)), _text("tick end", left - 8, up(tick) + 4, text)]
    for tick, text in zip(x_ticks, _tick_texts(x_ticks), strict=True):
        body += [_line("grid", across(tick), top, across(tick), bottom)]
        body += [_text("tick middle", across(tick), bottom + 18, text)]
    body.append(_text("tick middle", (left + right) / 2, bottom + 40, across_name))
    body += [_line("ours-line", across(each.x), top, across(each.x), bottom) for each in points if each.strong]
    places = " ".join(f"{_at(across(each.x))},{_at(up(each.y))}" for each in points)
    body.append(_mark('<polyline class="line-0" points="{}"/>', places))
    for each in points:
        look = " strong" if each.strong else ""
        body.append(_line("whisker" + look, across(each.x), up(each.low), across(each.x), up(each.high)))
        body.append(_dot("dot" + look, across(each.x), up(each.y), each.hint))
    return _svg(WIDTH, bottom + 50, title, body)


def nice_ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Return evenly spaced round numbers that span [low, high], about as many as asked for, at least two.

    >>> nice_ticks(387.0, 443.0)
    [380.0, 390.0, 400.0, 410.0, 420.0, 430.0, 440.0, 450.0]
    """
    size = max(abs(low), abs(high), 1.0)
    span = high - low if high - low > 1e-9 * size else size
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= span / about * 0.999)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(k * step, 12) for k in range(first, max(last, first + 1) + 1)]


@dataclass(frozen=True)
class _Scale:
    """Maps [low, high] onto [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, x: float) -> float:
        return self.start + (x - self.low) / (self.high - self.low) * (self.end - self.start)


def _whisker_row(row: Whisker, scale: _Scale, y: float) -> list[Markup]:
    look = " strong" if row.strong else ""
    parts = [_label(row.label, y, look)]
    if row.low is not None and row.high is not None:
        parts.append(_line("whisker" + look, scale(row.low), y, scale(row.high), y))
    if row.value is not None:
        parts.append(_dot("dot" + look, scale(row.value), y, row.label))
    text = "not defined" if row.value is None else number(row.value, 2)
    parts.append(_text("value" + look, WIDTH - 68, y + 4, text))
    return parts


def _label(label: str, y: float, look: str = "") -> Markup:
    short = label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"
    return _text("label end" + look, LABELS - 12, y + 4, short)


def _line(look: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return _mark('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>', look, *map(_at, (x1, y1, x2, y2)))


def _text(look: str, x: float, y: float, content: str) -> Markup:
    return _mark('<text class="{}" x="{}" y="{}">{}</text>', look, _at(x), _at(y), content)


def _dot(look: str, x: float, y: float, hint: str) -> Markup:
    dot = '<circle class="{}" cx="{}" cy="{}" r="5"><title>{}</title></circle>'
    return _mark(dot, look, _at(x), _at(y), hint)


def _svg(width: float, height: float, title: str, body: Sequence[Markup]) -> Markup:
    frame = '<svg viewBox="0 0 {} {}" style="max-width:{}px" role="img" aria-label="{}">{}</svg>'
    return _mark(frame, width, _at(height), width, title, Markup("\n").join(["", *body, ""]))


def _mark(template: str, *values: object) -> Markup:
    """Fill a template; every value that is not markup itself is escaped."""
    return Markup(template).format(*values)


def _at(coordinate: float) -> str:
    """Return a coordinate with two decimals: enough to draw, and no last-bit noise."""
    return f"{coordinate:.2f}".rstrip("0").rstrip(".")


def _tick_texts(ticks: Sequence[float], unit: str = "") -> list[str]:
    """Return the ticks with as many decimals as tell them apart."""
    digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))
    return [number(tick, digits) + unit for tick in ticks]

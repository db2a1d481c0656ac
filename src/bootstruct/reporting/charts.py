"""Figures as SVG, drawn without a library: a few kilobytes each, coloured by the page's style sheet, in light and dark.

Colours and fonts come from classes (`bar`, `line`, `grid`, `seg1` ...), because the page's policy forbids style
attributes. Every figure has a name for screen readers, and every mark has a title for hovering.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bootstruct.reporting.statistics import Bins, Curve

WIDE, NARROW = 440, 330  # for figures in twos and in threes
HEIGHT = 230
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 26, 40
Mark = tuple[float, str]  # the place on the x axis, and the text


def _svg(width: int, height: int, label: str, body: Sequence[str], kind: str) -> str:
    return f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">{"".join(body)}</svg>'


def short(value: float) -> str:
    """A number as an axis label: 1,200 as 1.2k."""
    if value >= 1_000_000:
        return f"{value / 1e6:.3g}M"
    if value >= 10_000:
        return f"{value / 1e3:.3g}k"
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _ticks(highest: float, about: int = 4) -> list[float]:
    """Round numbers from 0 up to at least `highest`."""
    if highest <= 0:
        return [0.0, 1.0]
    raw = highest / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(value * power for value in (1, 2, 2.5, 5, 10) if value * power >= raw * 0.999)
    if step < 1 and highest >= 1:
        step = 1.0
    return [step * number for number in range(math.ceil(highest / step - 1e-9) + 1)]


def _y_axis(ticks: list[float], width: int) -> list[str]:
    parts = []
    for tick in ticks:
        y = _y(tick, ticks[-1])
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick end" x="{LEFT - 6}" y="{y + 4:.1f}">{short(tick)}</text>')
    return parts


def _y(value: float, highest: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / highest


def _x(value: float, low: float, high: float, width: int) -> float:
    return LEFT + (width - LEFT - RIGHT) * (value - low) / ((high - low) or 1)


def _x_label(text: str, width: int) -> str:
    return f'<text class="axis mid" x="{(LEFT + width - RIGHT) / 2:.1f}" y="{HEIGHT - 6}">{escape(text)}</text>'


def histogram(
    bins: Bins,
    label: str,
    x_label: str,
    marks: Sequence[Mark] = (),
    pale_from: float = math.inf,
    width: int = WIDE,
) -> str:
    """Bars over equal bins.

    Args:
        marks: dashed lines.
        pale_from: where bars become pale, to distinguish those below.
    """
    low, high = bins.edges[0], bins.edges[-1]
    ticks = _ticks(max(bins.counts, default=0))
    parts = _y_axis(ticks, width)
    total = sum(bins.counts) or 1
    for number, count in enumerate(bins.counts):
        x0, x1 = _x(bins.edges[number], low, high, width), _x(bins.edges[number + 1], low, high, width)
        last = bins.open and number == len(bins.counts) - 1
        span = f"{bins.edges[number]:g} or more" if last else _span(bins.edges[number], bins.edges[number + 1])
        y = _y(count, ticks[-1])
        if count:
            kind = "bar over" if last or bins.edges[number] >= pale_from else "bar"
            parts.append(
                f'<rect class="{kind}" x="{x0 + 0.75:.1f}" y="{y:.1f}" width="{max(1, x1 - x0 - 1.5):.1f}" rx="1.5" '
                f'height="{HEIGHT - BOTTOM - y:.1f}"><title>{span}: {count:,} ({count / total:.1%})</title></rect>'
            )
    parts.append(f'<line class="base" x1="{LEFT}" x2="{width - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>')
    every = max(1, round(len(bins.counts) / 6))
    for edge in bins.edges[:: every if len(bins.counts) != 20 else 4]:
        plus = "+" if bins.open and edge == bins.edges[-1] else ""
        parts.append(
            f'<text class="tick mid" x="{_x(edge, low, high, width):.1f}" y="{HEIGHT - BOTTOM + 15}">{edge:g}{plus}</text>'
        )
    parts += _marks(marks, low, high, width)
    return _svg(width, HEIGHT, label, [*parts, _x_label(x_label, width)], "chart")


def _span(low: float, high: float) -> str:
    if isinstance(low, int) or (low == int(low) and high == int(high) and high > 1):
        return f"{int(low)}" if high - low == 1 else f"{int(low)} to {int(high) - 1}"
    return f"{low:g} to {high:g}"


def _marks(marks: Sequence[Mark], low: float, high: float, width: int) -> list[str]:
    parts = []
    for number, (at, text) in enumerate(marks):
        if not low <= at <= high:
            continue
        x = _x(at, low, high, width)
        side = "end" if x > width * 0.62 else "start"
        shift = -4 if side == "end" else 4
        top = TOP - 14 + 13 * (number % 2)
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text class="note {side}" x="{x + shift:.1f}" y="{top + 9}">{escape(text)}</text>')
    return parts


def lines(curves: Sequence[tuple[str, Curve]], label: str, x_label: str, width: int = WIDE) -> str:
    """Curves over one axis, each with its name at its end; points have titles."""
    high = max((curve.x[-1] for _, curve in curves if curve.x), default=1)
    ticks = _ticks(max((max(curve.y, default=0) for _, curve in curves), default=1))
    parts = _y_axis(ticks, width)
    for number, (name, curve) in enumerate(curves):
        places = [(_x(x, 0, high, width), _y(y, ticks[-1])) for x, y in zip(curve.x, curve.y, strict=True)]
        if number == 0 and places:
            floor = HEIGHT - BOTTOM
            area = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
            parts.append(f'<path class="area" d="M{places[0][0]:.1f} {floor}L{area}L{places[-1][0]:.1f} {floor}Z"/>')
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="line l{number}" points="{points}"/>')
        for (x, y), at, value in zip(places, curve.x, curve.y, strict=True):
            parts.append(f'<circle class="dot l{number}" cx="{x:.1f}" cy="{y:.1f}" r="2.4"><title>')
            parts.append(f"{escape(name)}, {x_label} {at:,.0f}: {value:,.0f}</title></circle>")
    parts.append(f'<line class="base" x1="{LEFT}" x2="{width - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>')
    for tick in [tick for tick in _ticks(high) if tick <= high * 1.001]:
        parts.append(
            f'<text class="tick mid" x="{_x(tick, 0, high, width):.1f}" y="{HEIGHT - BOTTOM + 15}">{short(tick)}</text>'
        )
    x = float(LEFT)
    for number, (name, _) in enumerate(curves if len(curves) > 1 else ()):
        parts.append(f'<rect class="key l{number}" x="{x:.0f}" y="6" width="14" height="4" rx="2"/>')
        parts.append(f'<text class="note" x="{x + 19:.0f}" y="12">{escape(name)}</text>')
        x += 36 + 6.4 * len(name)
    return _svg(width, HEIGHT, label, [*parts, _x_label(x_label, width)], "chart")


SIZE = 640


def sunburst(rows: Sequence[tuple[str, int, Sequence[tuple[str, int]]]], label: str, middle: Sequence[str]) -> str:
    """Verbs in the inner ring, their objects in the outer one; angles by the counts of the pairs shown."""
    total = sum(count for _, _, kids in rows for _, count in kids)
    if not total:
        return ""
    parts, names, angle = [], [], 0.0
    for number, (verb, n, kids) in enumerate(sorted(rows, key=lambda row: -sum(count for _, count in row[2]))):
        mine = sum(count for _, count in kids)
        wide = 2 * math.pi * mine / total
        parts.append(f'<g class="v{number % 20}">')
        parts.append(_segment(angle, wide, 0.26, 0.60, "seg1", f"{verb}: {n:,} instructions"))
        names.append(_name(verb, angle + wide / 2, wide, 0.43, 15, 0.32))
        start = angle
        for noun, count in kids:
            part = 2 * math.pi * count / total
            parts.append(_segment(start, part, 0.61, 0.985, "seg2", f"{verb} {noun}: {count:,}"))
            names.append(_name(noun, start + part / 2, part, 0.80, 12.5, 0.36))
            start += part
        parts.append("</g>")
        angle += wide
    for line, text in enumerate(middle):
        kind = "hub" if line == 0 else "hubnote"
        names.append(f'<text class="{kind}" x="{SIZE / 2}" y="{SIZE / 2 - 9 + 30 * line:.0f}">{escape(text)}</text>')
    return _svg(SIZE, SIZE, label, parts + names, "sunburst")


def _point(radius: float, angle: float) -> str:
    half = SIZE / 2
    return f"{half + radius * half * math.sin(angle):.1f} {half - radius * half * math.cos(angle):.1f}"


def _segment(start: float, wide: float, inner: float, outer: float, kind: str, title: str) -> str:
    wide = min(wide, 2 * math.pi - 0.0001)
    end, large, half = start + wide, int(wide > math.pi), SIZE / 2
    path = (
        f"M{_point(inner, start)}L{_point(outer, start)}A{outer * half:.1f} {outer * half:.1f} 0 {large} 1 {_point(outer, end)}"
        f"L{_point(inner, end)}A{inner * half:.1f} {inner * half:.1f} 0 {large} 0 {_point(inner, start)}Z"
    )
    return f'<path class="{kind}" d="{path}"><title>{escape(title)}</title></path>'


def _name(text: str, angle: float, wide: float, at: float, size: float, room: float) -> str:
    """A label along the radius, if its segment is high enough for it; cut if it is too long."""
    half = SIZE / 2
    if wide * at * half < size * 0.95:
        return ""
    most = int(room * half / (size * 0.56))
    if len(text) > most:
        text = text[: max(1, most - 1)] + "…"
    x, y = half + at * half * math.sin(angle), half - at * half * math.cos(angle)
    turn = math.degrees(angle) - 90 + (180 if math.degrees(angle) % 360 > 180 else 0)
    place = f'x="{x:.1f}" y="{y:.1f}" transform="rotate({turn:.1f} {x:.1f} {y:.1f})"'
    return f'<text class="s{int(size)}" {place}>{escape(text)}</text>'


@dataclass(frozen=True, slots=True)
class MapMark:
    """A text on a map.

    Attributes:
        x, y: its place, each in [0, 1].
        cluster: the number of its cluster, negative for none.
        text: what hovering shows.
        is_seed: whether it is drawn as a square.
    """

    x: float
    y: float
    cluster: int
    text: str
    is_seed: bool = False


def scatter(marks: Sequence[MapMark], names: Sequence[str], label: str) -> str:
    """Texts on a plane, coloured by cluster, with the name of each cluster above its middle."""
    edge, wide = 26, SIZE - 52
    high = round(wide * max((mark.y for mark in marks), default=1)) + 2 * edge
    parts, texts = [], []
    for number, name in ((-1, ""), *enumerate(names)):
        own = [mark for mark in marks if mark.cluster == number or (number < 0 and mark.cluster < 0)]
        if not own:
            continue
        parts.append(f'<g class="v{number % 20}">' if number >= 0 else '<g class="loose">')
        for mark in own:
            x, y = edge + wide * mark.x, edge + wide * mark.y
            title = f"<title>{escape('seed: ' if mark.is_seed else '')}{escape(mark.text)}</title>"
            parts.append(
                f'<rect class="seedmark" x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7">{title}</rect>'
                if mark.is_seed
                else f'<circle class="pt" cx="{x:.1f}" cy="{y:.1f}" r="4">{title}</circle>'
            )
        parts.append("</g>")
        middle = edge + wide * (min(mark.x for mark in own) + max(mark.x for mark in own)) / 2
        top = edge + wide * min(mark.y for mark in own) - 8
        texts.append(f'<text class="note mid" x="{middle:.1f}" y="{max(11, top):.1f}">{escape(name)}</text>')
    return _svg(SIZE, high, label, parts + texts, "topicmap")

"""The stacked A-D bars of the paper's Figure 6, as SVG without anything else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from bootstruct.evaluate.ratings import LEVELS

COLOURS: Final = (
    "#2f7d4f",
    "#9ccb86",
    "#f2c66d",
    "#c9605b",
)  # A to D; told apart in grey and by the colour-blind as well
_WIDTH, _LABELS, _BAR, _GAP, _TOP = 900, 330, 22, 10, 40
_SHORTEST: Final = 26  # a part narrower than this carries no number


@dataclass(frozen=True, slots=True)
class Bar:
    """One model's ratings. published: from the paper, drawn paler."""

    label: str
    counts: tuple[int, int, int, int]
    published: bool = False


def stacked_bars(bars: Sequence[Bar], title: str) -> str:
    """One bar a model, parts in percent of its ratings, counts written in; a complete SVG document."""
    return "\n".join(_lines(bars, title)) + "\n"


def _lines(bars: Sequence[Bar], title: str) -> Iterator[str]:
    height = _TOP + len(bars) * (_BAR + _GAP) + 30
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="13">'
    )
    yield f"<title>{escape(title)}</title>"
    yield f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
    for number, (level, colour) in enumerate(zip(LEVELS, COLOURS, strict=True)):
        left = _LABELS + number * 60
        yield f'<rect x="{left}" y="12" width="14" height="14" fill="{colour}"/><text x="{left + 20}" y="24">{level}</text>'
    for number, bar in enumerate(bars):
        yield from _bar(bar, _TOP + number * (_BAR + _GAP))
    axis = _TOP + len(bars) * (_BAR + _GAP) + 6
    for share in (0, 25, 50, 75, 100):
        x = _LABELS + (_WIDTH - _LABELS - 20) * share / 100
        yield f'<text x="{x:.0f}" y="{axis + 8}" text-anchor="middle" font-size="11" fill="#555">{share}%</text>'
    yield "</svg>"


def _bar(bar: Bar, y: int) -> Iterator[str]:
    total = sum(bar.counts)
    label = f"{bar.label} (published)" if bar.published else bar.label
    weight = "" if bar.published else ' font-weight="600"'
    yield f"<g{' opacity=' + chr(34) + '0.65' + chr(34) if bar.published else ''}>"
    yield f'<text x="{_LABELS - 10}" y="{y + 16}" text-anchor="end"{weight}>{escape(_short(label))}</text>'
    x = float(_LABELS)
    for level, count, colour in zip(LEVELS, bar.counts, COLOURS, strict=True):
        part = (_WIDTH - _LABELS - 20) * count / total if total else 0.0
        if count:
            tip = escape(f"{label}: {level} {count} of {total}")
            box = f'x="{x:.1f}" y="{y}" width="{part:.1f}" height="{_BAR}" fill="{colour}"'
            yield f"<rect {box}><title>{tip}</title></rect>"
            if part >= _SHORTEST:
                ink = "#ffffff" if level == "A" else "#1b1f24"
                place = f'x="{x + part / 2:.1f}" y="{y + 16}"'
                yield f'<text {place} text-anchor="middle" font-size="11" fill="{ink}">{count}</text>'
        x += part
    yield "</g>"


def _short(label: str, most: int = 48) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"

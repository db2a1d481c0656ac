"""The one set of bars, as SVG: ratings A to D, shares, meters, sparklines.

Inside a page they carry classes only, so that a strict content policy lets them through and the page's style sheet
colours them; `stacked_ratings(..., standalone=True)` is a complete SVG document with colours of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from bootstruct.paper import LEVELS
from bootstruct.render.sanitize import one_line

COLOURS: Final = dict(
    zip("ABCD", ("#2f7d4f", "#9ccb86", "#f2c66d", "#c9605b"), strict=True)
)  # distinguishable in grey as well
INKS: Final = {"A": "#ffffff", "B": "#1b1f24", "C": "#1b1f24", "D": "#1b1f24"}
_WIDTH, _LABELS, _RIGHT, _BAR, _STEP = 900, 300, 50, 24, 33
_LEGEND: Final = 40  # height of the legend of a standalone document
_SHORTEST: Final = 26  # a part narrower than this has no number
_LONGEST_LABEL: Final = 42  # characters


@dataclass(frozen=True, slots=True)
class RatingBar:
    """One model's ratings.

    Attributes:
        label: the model's name.
        counts: how many answers were rated A, B, C and D.
        published: whether they are the paper's, which are drawn paler.
    """

    label: str
    counts: Sequence[int]
    published: bool = False


def stacked_ratings(bars: Sequence[RatingBar], title: str, standalone: bool = False) -> Markup:
    """One bar per model as in the paper's Figure 6, with parts in percent of its ratings and counts on them."""
    return Markup("\n").join(_stacked(bars, title, standalone)) + Markup("\n")


def _stacked(bars: Sequence[RatingBar], title: str, standalone: bool) -> Iterator[Markup]:
    top = _LEGEND if standalone else 0
    height = top + len(bars) * _STEP + 24
    if standalone:
        yield Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" '
            'font-family="system-ui, sans-serif" font-size="13"><title>{2}</title>'
            '<rect width="{0}" height="{1}" fill="#ffffff"/>'
        ).format(_WIDTH, height, title)
        for number, level in enumerate(LEVELS):
            left = _LABELS + number * 60
            yield Markup('<rect x="{}" y="12" width="14" height="14" fill="{}"/><text x="{}" y="24">{}</text>').format(
                left, COLOURS[level], left + 20, level
            )
    else:
        yield Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(_WIDTH, height, title)
    for number, bar in enumerate(bars):
        yield from _rating_bar(bar, top + number * _STEP, standalone)
    for share in (0, 25, 50, 75, 100):
        x = _LABELS + (_WIDTH - _LABELS - _RIGHT) * share / 100
        style = Markup('text-anchor="middle" font-size="11" fill="#555"') if standalone else Markup('class="tick"')
        yield Markup('<text {} x="{:.0f}" y="{}">{}%</text>').format(style, x, height - 4, share)
    yield Markup("</svg>")


def _rating_bar(bar: RatingBar, y: int, standalone: bool) -> Iterator[Markup]:
    total, x = sum(bar.counts), float(_LABELS)
    label = f"{bar.label} (published)" if bar.published and standalone else bar.label
    group = Markup(' opacity="0.65"' if bar.published else "")
    name = Markup('text-anchor="end"{}').format(Markup("" if bar.published else ' font-weight="600"'))
    if not standalone:
        group, name = Markup(' class="published"' if bar.published else ' class="ours"'), Markup('class="end"')
    yield Markup('<g{}><text {} x="{}" y="{}">{}</text>').format(
        group, name, _LABELS - 12, y + 17, one_line(label, _LONGEST_LABEL)
    )
    for level, count in zip(LEVELS, bar.counts, strict=True):
        part = (_WIDTH - _LABELS - _RIGHT) * count / total if total else 0.0
        colour, ink = (
            Markup('fill="{}"').format(COLOURS[level]),
            Markup('text-anchor="middle" font-size="11" fill="{}"').format(INKS[level]),
        )
        if not standalone:
            colour, ink = (Markup('class="{}{}"').format(kind, level.lower()) for kind in ("level-", "in in-"))
        if count:
            yield Markup(
                '<rect {} x="{:.1f}" y="{}" width="{:.1f}" height="{}"><title>{}: {} {} of {}</title></rect>'
            ).format(colour, x, y, max(part - 1, 0.5), _BAR, label, level, count, total)
        if part >= _SHORTEST:
            yield Markup('<text {} x="{:.1f}" y="{}">{}</text>').format(ink, x + part / 2, y + 16, count)
        x += part
    total_style = Markup('font-size="11" fill="#555"') if standalone else Markup('class="soft"')
    yield Markup('<text {} x="{:.1f}" y="{}">{}</text></g>').format(total_style, x + 8, y + 17, total)


def share_bar(share: float, lost: float = 0.0) -> Markup:
    """One bar of a list: the share that is left, and what was lost at its end. As wide as its place; its row names it."""
    kept = max(0.0, min(1.0, share))
    parts = [
        f'<rect class="track" width="100%" height="10" rx="5"/><rect class="bar" width="{kept:.2%}" height="10" rx="5"/>'
    ]
    if lost > 0:
        parts.append(f'<rect class="lost" x="{kept:.2%}" width="{max(lost, 0.004):.2%}" height="10" rx="2"/>')
    return Markup(f'<svg class="strip" width="100%" height="10" aria-hidden="true">{"".join(parts)}</svg>')


def interval_strip(share: float, low: float, high: float, published: float) -> Markup:
    """A strip from 0 to 100%: a share between 0 and 1, its interval, and a published figure in percent."""
    label = f"{100 * share:.0f}%, interval {100 * low:.0f} to {100 * high:.0f}%; paper {published}%"
    return Markup(
        '<svg class="strip" viewBox="0 0 400 22" role="img" aria-label="{label}"><title>{label}</title>'
        '<rect class="track" x="0" y="7" width="400" height="8" rx="4"/>'
        '<rect class="fill" x="0" y="7" width="{share:.1f}" height="8" rx="4"/>'
        '<path class="whisker" d="M{low:.1f} 5v12M{low:.1f} 11H{high:.1f}M{high:.1f} 5v12"/>'
        '<path class="diamond" d="M{paper:.1f} 3l6 8-6 8-6-8z"/></svg>'
    ).format(label=label, share=400 * share, low=400 * low, high=400 * high, paper=4 * published)


def sparkline(values: Sequence[float], label: str, unit: str) -> Markup:
    """Small bars over a run; `label` says what they show, `unit` follows each value."""
    most, width = max([*values, 1e-9]), 10 * max(48, len(values))
    bar = Markup('<rect x="{}" y="{:.1f}" width="8" height="{:.1f}" rx="1"><title>{:.1f} {}</title></rect>')
    heights = [max(1.0, 58 * value / most) for value in values]
    bars = [
        bar.format(number * 10, 60 - height, height, value, unit)
        for number, (value, height) in enumerate(zip(values, heights, strict=True))
    ]
    head = Markup('<svg class="spark" viewBox="0 0 {} 60" preserveAspectRatio="none" role="img" aria-label="{}">')
    return head.format(width, label) + Markup("").join(bars) + Markup("</svg>")


def meter(part: float, kind: str = "") -> Markup:
    """A bar that fills a share of its width."""
    return Markup(
        '<svg class="meter {}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="6"/><rect class="fill" width="{:.2f}" height="6"/></svg>'
    ).format(kind, 100 * min(1.0, max(0.0, part)))

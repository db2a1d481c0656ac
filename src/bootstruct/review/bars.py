"""Figures as SVG that a strict content policy lets through: no styles inside, colours by class from the style sheet."""

from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup

from bootstruct.judgements import LEVELS, Share
from bootstruct.review.text import clipped

_WIDTH, _LABELS, _BAR, _GAP = 760, 230, 24, 9
_SHORTEST: Final = 24  # a part narrower than this carries no number


def stacked(rows: Sequence[tuple[str, Sequence[int], bool]]) -> Markup:
    """The A-D bars of the paper's Figure 6: (model, counts of A to D, is it the paper's figure)."""
    return Markup("").join(_stacked(rows))


def _stacked(rows: Sequence[tuple[str, Sequence[int], bool]]) -> Iterator[Markup]:
    height = len(rows) * (_BAR + _GAP) + 24
    yield Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="Share of levels A to D by model">'
    ).format(_WIDTH, height)
    room = _WIDTH - _LABELS - 40
    for number, (label, counts, published) in enumerate(rows):
        y, x, total = number * (_BAR + _GAP), float(_LABELS), sum(counts)
        yield Markup('<g class="{}"><text class="end" x="{}" y="{}">{}</text>').format(
            "published" if published else "ours", _LABELS - 12, y + 17, clipped(label, 34)
        )
        for level, count in zip(LEVELS, counts, strict=True):
            part = room * count / total if total else 0.0
            if count:
                yield Markup(
                    '<rect class="level-{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"><title>{}: {} {} of {}</title></rect>'
                ).format(level.lower(), x, y, max(part - 1, 0.5), _BAR, label, level, count, total)
            if part >= _SHORTEST:
                yield Markup('<text class="in in-{}" x="{:.1f}" y="{}">{}</text>').format(
                    level.lower(), x + part / 2, y + 16, count
                )
            x += part
        yield Markup('<text class="soft" x="{}" y="{}">{}</text></g>').format(x + 8, y + 17, total)
    for share in (0, 25, 50, 75, 100):
        yield Markup('<text class="tick" x="{:.0f}" y="{}">{}%</text>').format(
            _LABELS + room * share / 100, height - 4, share
        )
    yield Markup("</svg>")


def against_paper(row: Share, published: float) -> Markup:
    """One row of Table 2 as a strip from 0 to 100%: the share, its interval, and where the paper stands."""
    label = f"{100 * row.share:.0f}%, interval {100 * row.low:.0f} to {100 * row.high:.0f}%; paper {published}%"
    low, high = 4 * 100 * row.low, 4 * 100 * row.high
    return Markup(
        '<svg class="strip" viewBox="0 0 400 22" role="img" aria-label="{label}"><title>{label}</title>'
        '<rect class="track" x="0" y="7" width="400" height="8" rx="4"/>'
        '<rect class="fill" x="0" y="7" width="{share:.1f}" height="8" rx="4"/>'
        '<path class="whisker" d="M{low:.1f} 5v12M{low:.1f} 11H{high:.1f}M{high:.1f} 5v12"/>'
        '<path class="diamond" d="M{paper:.1f} 3l6 8-6 8-6-8z"/></svg>'
    ).format(label=label, share=400 * row.share, low=low, high=high, paper=4 * published)


def sparkline(values: Sequence[float]) -> Markup:
    """Accepted instructions a request over the run, as small bars."""
    most, width = max([*values, 1e-9]), 10 * max(48, len(values))
    bar = Markup('<rect x="{}" y="{:.1f}" width="8" height="{:.1f}" rx="1"><title>{:.1f} a request</title></rect>')
    heights = [max(1.0, 58 * value / most) for value in values]
    bars = [
        bar.format(number * 10, 60 - height, height, value)
        for number, (value, height) in enumerate(zip(values, heights, strict=True))
    ]
    head = Markup('<svg class="spark" viewBox="0 0 {} 60" preserveAspectRatio="none" role="img" aria-label="{}">')
    label = "Accepted instructions a request over the run"
    return head.format(width, label) + Markup("").join(bars) + Markup("</svg>")


def meter(part: float, kind: str = "") -> Markup:
    """A bar that fills a share of its width."""
    return Markup(
        '<svg class="meter {}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="6"/><rect class="fill" width="{:.2f}" height="6"/></svg>'
    ).format(kind, 100 * min(1.0, max(0.0, part)))

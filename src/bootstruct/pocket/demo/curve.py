"""The curve over the amount of data: `curve.svg`, in light and dark colours."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from bootstruct.pocket.demo.evaluation_data import NEITHER

Json = dict[str, Any]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 376, 48, 24, 98, 50
STYLE = """
text{font:13px system-ui,sans-serif;fill:#3d4450}.t{font-size:16px;font-weight:600;fill:#16191d}.s{font-size:12px;fill:#6a7280}
.g{stroke:#e3e6ea}.a{stroke:#2563a8;fill:#2563a8}.b{stroke:#c2701c;fill:#c2701c}.l.l{fill:none;stroke-width:2.5}
.d{fill-opacity:.45;stroke:none}.r{stroke:#6a7280;stroke-dasharray:5 4}.bg{fill:#fff}
@media(prefers-color-scheme:dark){text{fill:#c8ced8}.t{fill:#f2f4f7}.s{fill:#98a1ae}.g{stroke:#2d333c}.bg{fill:#14171b}
.a{stroke:#74abe6;fill:#74abe6}.b{stroke:#e8a05c;fill:#e8a05c}.r{stroke:#98a1ae}}"""


def curve_svg(rows: Sequence[Json], before: float) -> str:
    """Draw scores over the number of generated tasks: over all prompts, and over families neither seeded nor generated.

    Each finetuning seed is a dot. Amounts are spaced evenly.

    Args:
        rows: the models of the curve, as `summary.curve_rows` gives them.
        before: the score of the untuned model, cut at the first line.
    """
    return "\n".join(_parts(rows, before)) + "\n"


def _x(number: int, of: int) -> float:
    return LEFT + 30 + (WIDTH - LEFT - RIGHT - 60) * number / max(1, of - 1)


def _y(score: float, low: int) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (score - low) / (100 - low)


def _lowest(rows: Sequence[Json], before: float) -> int:
    """Return where the axis begins: a round number below every score."""
    singles = [value for row in rows for value in row["by seed"].values() if value is not None]
    means = [row["first line"][group]["mean"] for row in rows for group in ("all", NEITHER)]
    return max(0, min(80, 20 * int((min([before, *singles, *means]) - 1) // 20)))


def _parts(rows: Sequence[Json], before: float) -> Iterator[str]:
    name = "ROUGE-L on unseen prompts over the number of generated tasks"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="{name}"><style>{STYLE}</style><rect class="bg" width="100%" height="100%"/>'
    )
    yield f'<text class="t" x="{LEFT - 30}" y="26">More generated tasks, better answers?</text>'
    yield f'<text class="s" x="{LEFT - 30}" y="45">{name}; dots: single finetuning seeds</text>'
    low = _lowest(rows, before)
    for score in range(low, 101, 10 if low >= 40 else 20):
        y = _y(score, low)
        yield f'<line class="g" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="s" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{score}</text>'
    y = _y(before, low)
    yield f'<line class="r" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    label = f"untuned, in its best format: {before:.1f}"
    yield f'<text class="s" x="{WIDTH - RIGHT}" y="{y + 15:.1f}" text-anchor="end">{label}</text>'
    for kind, group, label in (("b", NEITHER, "families neither seeded nor generated"), ("a", "all", "all prompts")):
        yield from _curve(rows, kind, group, label, low)
    for number, row in enumerate(rows):
        label = "seeds only" if not row["generated tasks"] else f"{row['generated tasks']:,}"
        yield f'<text x="{_x(number, len(rows)):.1f}" y="{HEIGHT - BOTTOM + 19}" text-anchor="middle">{label}</text>'
    yield f'<text class="s" x="{WIDTH / 2}" y="{HEIGHT - 9}" text-anchor="middle">generated tasks, added to the seeds</text>'
    yield "</svg>"


def _curve(rows: Sequence[Json], kind: str, group: str, label: str, low: int) -> Iterator[str]:
    means = [row["first line"][group]["mean"] for row in rows]
    points = " ".join(f"{_x(n, len(rows)):.1f},{_y(value, low):.1f}" for n, value in enumerate(means))
    yield f'<polyline class="{kind} l" points="{points}"/>'
    for n, (row, value) in enumerate(zip(rows, means, strict=True)):
        x = _x(n, len(rows))
        title = f"{label}, {row['generated tasks']} generated tasks: {value:.1f}"
        yield f'<circle class="{kind}" cx="{x:.1f}" cy="{_y(value, low):.1f}" r="4"><title>{escape(title)}</title></circle>'
        for seed, single in row["by seed"].items() if group == "all" else ():
            if single is not None:
                title = f"<title>finetuning seed {seed}: {single:.1f}</title>"
                yield f'<circle class="{kind} d" cx="{x + 9:.1f}" cy="{_y(single, low):.1f}" r="3">{title}</circle>'
    if kind == "a":
        for n, value in enumerate(means):
            is_above = value >= rows[n]["first line"][NEITHER]["mean"]
            shift = -12 if is_above else 21  # on the side without the other curve
            place = f'x="{_x(n, len(rows)):.1f}" y="{_y(value, low) + shift:.1f}"'
            yield f'<text class="s" {place} text-anchor="middle">{value:.1f}</text>'
    spot = LEFT if kind == "a" else LEFT + 130
    yield f'<rect class="{kind}" x="{spot}" y="{TOP - 36}" width="14" height="4" rx="2"/>'
    yield f'<text class="s" x="{spot + 20}" y="{TOP - 30}">{label}</text>'

"""Draw the study's chart as SVG, without a library: each arm's loss on the test part minus that of the untrained model."""

from collections.abc import Iterator
from html import escape
from typing import Any

WIDTH, LEFT, RIGHT, TOP, STEP = 680, 250, 30, 84, 46
FORMS = (
    ("plain", "a", "plain: a format of training"),
    ("chat", "b", "chat: the model's own template, not in training"),
)
STYLE = """
text{font:13px system-ui,sans-serif;fill:#3d4450}.t{font-size:16px;font-weight:600;fill:#16191d}.s{font-size:12px;fill:#6a7280}
.g{stroke:#e3e6ea}.z{stroke:#6a7280}.a{stroke:#2563a8;fill:#2563a8}.b{stroke:#c2701c;fill:#c2701c}.l{stroke-width:2.5}.bg{fill:#fff}
@media(prefers-color-scheme:dark){text{fill:#c8ced8}.t{fill:#f2f4f7}.s{fill:#98a1ae}.g{stroke:#2d333c}.z{stroke:#98a1ae}
.bg{fill:#14171b}.a{stroke:#74abe6;fill:#74abe6}.b{stroke:#e8a05c;fill:#e8a05c}}"""


def chart(summary: dict[str, Any]) -> str:
    """Return the chart: the differences from the untrained model in the same format, with 95% intervals over tasks."""
    return "\n".join(_parts(summary)) + "\n"


def _parts(summary: dict[str, Any]) -> Iterator[str]:
    rows = [
        (name.split(" less ")[0], row)
        for name, row in summary["differences"].items()
        if name.endswith(" less untrained")
    ]
    ends = [end for _, row in rows for form, *_ in FORMS for end in (row[form]["interval"] or [row[form]["value"]] * 2)]
    low, high = min([-0.02, *ends]) * 1.1, max([0.02, *ends]) * 1.1
    height = TOP + STEP * len(rows) + 56

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)

    title = "Loss of each arm less that of the untrained model, nats per token of the references"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title)}"><style>{STYLE}</style><rect class="bg" width="100%" height="100%"/>'
    )
    yield '<text class="t" x="18" y="26">SmolLM2-135M-Instruct trained on its own tasks</text>'
    said = "loss less that of the untrained model, nats per token; lines: 95% intervals over tasks"
    yield f'<text class="s" x="18" y="45">{said}</text>'
    for number, (_, kind, label) in enumerate(FORMS):
        yield f'<circle class="{kind}" cx="{24 + 210 * number}" cy="61" r="4"/>'
        yield f'<text class="s" x="{33 + 210 * number}" y="65">{escape(label)}</text>'
    bottom = TOP + STEP * len(rows)
    for tick in _ticks(low, high):
        kind = "z" if tick == 0 else "g"
        yield f'<line class="{kind}" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{TOP - 8}" y2="{bottom}"/>'
        yield f'<text class="s" x="{x(tick):.1f}" y="{bottom + 18}" text-anchor="middle">{tick:g}</text>'
    note = "lower is better; 0: the untrained model"
    yield f'<text class="s" x="{WIDTH - 18}" y="{bottom + 40}" text-anchor="end">{note}</text>'
    for number, (arm, row) in enumerate(rows):
        y = TOP + STEP * number + 14
        yield f'<text x="18" y="{y + 11}">{escape(summary["arms"][arm]["title"])}</text>'
        for place, (form, kind, _) in enumerate(FORMS):
            yield from _mark(row[form], kind, form, x, y + 14 * place)
    yield "</svg>"


def _mark(row: dict[str, Any], kind: str, form: str, x: Any, y: float) -> Iterator[str]:
    if row["interval"]:
        low, high = row["interval"]
        yield f'<line class="{kind} l" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y}" y2="{y}"/>'
    said = f"<title>{form}: {row['value']:+.3f}</title>"
    yield f'<circle class="{kind}" cx="{x(row["value"]):.1f}" cy="{y}" r="4">{said}</circle>'


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers between two values; 0 is among them."""
    step = next(
        step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if (high - low) / step <= 8 or step == 5.0
    )
    return [round(step * n, 4) for n in range(int(low / step), int(high / step) + 1)]

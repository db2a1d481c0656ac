"""A comparison as Markdown and as one self-contained HTML page."""

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final

from bootstruct.evaluation.compare import ModelComparison, published_share, to_row
from bootstruct.evaluation.intervals import Difference
from bootstruct.evaluation.ratings import AcceptableShare
from bootstruct.evaluation.scorecard import CUT_WORDS, bracket, table_lines
from bootstruct.evaluation.scores import CUTS
from bootstruct.io.files import write_whole
from bootstruct.paper import FIGURE_6, LEVEL_LETTERS, TABLE_3
from bootstruct.render.bars import RatingBar, stacked_ratings

_TITLES: Final = {"superni": "Super-NaturalInstructions", "user-tasks": "User tasks", "other": "Predictions"}
_OWN_TASKS: Final = "The paper rated answers to its own 252 tasks: its bars are shown beside ours for orientation only."
_A_OR_B: Final = (
    'A, B, C and D count ratings. "A or B" counts answers: an answer is acceptable if more than half of its ratings are A or '
    "B. In brackets: 95% intervals over tasks; those of the published rows are computed from the published counts, and do not "
    "cover the differences between raters."
)

Section = tuple[str, list[str], list[list[object]], str]  # title, head, rows, note


def sections(compared: ModelComparison) -> list[Section]:
    """The tables of a comparison, in order."""
    found = [_scores(compared)]
    if compared.pairs:
        found.append(_differences(compared))
    if compared.levels:
        found.append(_levels(compared))
    if compared.rated_pairs:
        found.append(_rated_differences(compared))
    return found


def _scores(compared: ModelComparison) -> Section:
    head = ["model", *(f"ROUGE-L, {CUT_WORDS[cut]}" for cut in CUTS), "exact match, raw", "scored over"]
    ours: list[tuple[float, list[object]]] = []
    for scored in compared.scored:
        means = [scored.tables[cut].overall for cut in CUTS]
        cells: list[object] = [f"{mean.rouge_l:.4f}{bracket(mean.rouge_l_interval)}" for mean in means]
        exact = f"{means[0].exact_match:.4f}{bracket(means[0].exact_match_interval)}"
        expected = "?" if scored.expected is None else f"{scored.expected:,}"
        ours.append((means[0].rouge_l, [scored.name, *cells, exact, f"{scored.count:,} of {expected}"]))
    if compared.evaluation == "superni":
        for name, size, rouge in TABLE_3:
            ours.append((rouge, [f"{name}, {size} (published)", f"{rouge:.1f}", "", "", "", "119 tasks"]))
    ours.sort(key=lambda row: row[0])
    note = (
        "In brackets: 95% intervals over tasks. The scores of cut answers show how much of a loss is due to text "
        "after the answer."
    )
    if compared.evaluation == "superni":
        note += (
            " The published rows are those of the paper's Table 3 (all 119 tasks, zero-shot); scores on a subset of the tasks "
            "cannot be compared with them."
        )
    return f"{_TITLES[compared.evaluation]}: scores", head, [row for _, row in ours], note


def _differences(compared: ModelComparison) -> Section:
    head = [
        "second minus first",
        "instances",
        "ROUGE-L",
        "p",
        "exact match",
        "p",
        "McNemar: only first, only second",
        "p",
    ]
    rows: list[list[object]] = []
    for pair in compared.pairs:
        test = pair.exact_mcnemar
        cells = [*_difference(pair.rouge_l), *_difference(pair.exact_match), f"{test.only_first} : {test.only_second}"]
        rows.append([f"{pair.second} - {pair.first}", pair.count, *cells, _p(test.p)])
    note = (
        "Raw answers to the instances that both models answered. The p of a mean is two-sided, by a sign-flip test over tasks; "
        "McNemar's test is exact."
    )
    return "Differences in scores", head, rows, note


def _difference(difference: Difference) -> list[object]:
    return [f"{difference.value:+.4f}{bracket(difference.interval)}", _p(difference.p)]


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}" if value >= 0.0001 else "< 0.0001"


def _levels(compared: ModelComparison) -> Section:
    rows: list[list[object]] = []
    for who, models in compared.levels.items():
        for model, counts in models.items():
            share = compared.acceptable[who][model]
            rows.append([model, who, *(counts[level] for level in LEVEL_LETTERS), *_share(share)])
    rows += [[f"{name} (published)", "people", *counts, *_share(published_share(counts))] for name, counts in FIGURE_6]
    head = ["model", "rated by", *LEVEL_LETTERS, "A or B, percent", "answers"]
    return "Rated answers", head, rows, f"{_A_OR_B} {_OWN_TASKS}"


def _share(share: AcceptableShare) -> list[object]:
    return [f"{share.percent:.1f}{bracket(share.interval)}", f"{share.acceptable} of {share.answers}"]


def _rated_differences(compared: ModelComparison) -> Section:
    head = ["second minus first", "rated by", "tasks", "A or B, points", "p", "McNemar: only first, only second", "p"]
    rows: list[list[object]] = [
        [
            f"{rated_pair.second} - {rated_pair.first}",
            rated_pair.who,
            rated_pair.count,
            *_difference(rated_pair.acceptable),
            f"{rated_pair.mcnemar.only_first} : {rated_pair.mcnemar.only_second}",
            _p(rated_pair.mcnemar.p),
        ]
        for rated_pair in compared.rated_pairs
    ]
    note = '"A or B" as in the table above, on the tasks that were rated for both models.'
    return "Differences in rated answers", head, rows, note


def bars_of(compared: ModelComparison) -> list[RatingBar]:
    """The bars of the figure: ours, then the paper's."""
    found = []
    for who, models in compared.levels.items():
        for model, counts in models.items():
            label = model if who == "people" else f"{model}, by {who}"
            found.append(RatingBar(label, (counts["A"], counts["B"], counts["C"], counts["D"])))
    return found + [RatingBar(name, counts, published=True) for name, counts in FIGURE_6]


def figure_of(compared: ModelComparison) -> str | None:
    """The stacked bars as SVG; None if nothing was rated."""
    return (
        str(stacked_ratings(bars_of(compared), "Rated answers, A to D", standalone=True)) if compared.levels else None
    )


def markdown(compared: ModelComparison, figure: str | None = None) -> str:
    """All tables.

    Args:
        figure: the file name of the bars, to be shown.
    """
    return "\n".join(_markdown(compared, figure))


def _markdown(compared: ModelComparison, figure: str | None) -> Iterator[str]:
    for title, head, rows, note in sections(compared):
        yield from (f"## {title}", "")
        yield from table_lines(head, rows)
        yield from ("", note, "")
        if title == "Rated answers" and figure:
            yield from (f"![Stacked bars of the ratings A to D]({figure})", "")
    problem_lines = [
        f"- {scored.name}: {problem.in_words()}" for scored in compared.scored for problem in scored.problems
    ]
    if problem_lines:
        yield from ("## Problems in the input", "", *problem_lines, "")


_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}"
    "table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}"
    "th,td{border-bottom:1px solid #d8dee4;padding:.3rem .6rem;text-align:right;white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left}tr.published{color:#667;font-style:italic}svg{max-width:100%;height:auto}"
)


def page(compared: ModelComparison) -> str:
    """One HTML page without scripts or anything from elsewhere. All text is escaped."""
    return "\n".join(_page(compared)) + "\n"


def _page(compared: ModelComparison) -> Iterator[str]:
    title = f"{_TITLES[compared.evaluation]}: comparison"
    yield "<!doctype html>"
    yield f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    yield f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
    yield f"<h1>{escape(title)}</h1>"
    for name, head, rows, note in sections(compared):
        yield f"<h2>{escape(name)}</h2>"
        if name == "Rated answers":
            yield figure_of(compared) or ""
        yield "<table><thead><tr>" + "".join(f"<th>{escape(str(cell))}</th>" for cell in head) + "</tr></thead><tbody>"
        for row in rows:
            mark = ' class="published"' if str(row[0]).endswith("(published)") else ""
            yield f"<tr{mark}>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        yield f"</tbody></table><p>{escape(note)}</p>"
    problem_lines = [
        f"{scored.name}: {problem.in_words()}" for scored in compared.scored for problem in scored.problems
    ]
    if problem_lines:
        yield (
            "<h2>Problems in the input</h2><ul>"
            + "".join(f"<li>{escape(text)}</li>" for text in problem_lines)
            + "</ul>"
        )
    yield "</body></html>"


def write_comparison(folder: Path, compared: ModelComparison) -> list[Path]:
    """Write `compare.md`, `compare.html`, `compare.json` and, where answers were rated, `ratings.svg`.

    Returns:
        The files.
    """
    figure = figure_of(compared)
    files = {
        "compare.md": markdown(compared, "ratings.svg"),
        "compare.html": page(compared),
        "compare.json": f"{json.dumps(to_row(compared), ensure_ascii=False)}\n",
    }
    files |= {"ratings.svg": figure} if figure else {}
    for name, text in files.items():
        write_whole(folder / name, text.encode())
    return [folder / name for name in files]

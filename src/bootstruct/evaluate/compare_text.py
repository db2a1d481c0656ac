"""A comparison as Markdown and as one HTML page that needs nothing else."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from bootstruct.evaluate.bars import Bar, stacked_bars
from bootstruct.evaluate.compare import Compared
from bootstruct.evaluate.intervals import Difference
from bootstruct.evaluate.ratings import LEVELS
from bootstruct.evaluate.scorecard import CUT_WORDS, bracket, table_lines
from bootstruct.evaluate.scores import CUTS
from bootstruct.published import FIGURE_6, TABLE_3

_TITLES: Final = {"superni": "Super-NaturalInstructions", "user-tasks": "User tasks", "other": "Predictions"}
_OWN_TASKS: Final = (
    "The paper rated answers to its own 252 tasks: its bars stand beside ours for orientation, not for a test."
)

Section = tuple[str, list[str], list[list[object]], str]  # title, head, rows, note


def sections(compared: Compared) -> list[Section]:
    """The tables of a comparison, in order."""
    found = [_scores(compared)]
    if compared.pairs:
        found.append(_differences(compared))
    if compared.levels:
        found.append(_levels(compared))
    if compared.rated_pairs:
        found.append(_rated_differences(compared))
    return found


def _scores(compared: Compared) -> Section:
    head = ["model", *(f"ROUGE-L, {CUT_WORDS[cut]}" for cut in CUTS), "exact match, raw", "scored over"]
    ours: list[tuple[float, list[object]]] = []
    for each in compared.scored:
        means = [each.tables[cut].overall for cut in CUTS]
        cells: list[object] = [f"{mean.rouge_l:.4f}{bracket(mean.rouge_l_interval)}" for mean in means]
        exact = f"{means[0].exact_match:.4f}{bracket(means[0].exact_match_interval)}"
        expected = "?" if each.expected is None else f"{each.expected:,}"
        ours.append((means[0].rouge_l, [each.name, *cells, exact, f"{each.count:,} of {expected}"]))
    if compared.evaluation == "superni":
        for name, size, rouge in TABLE_3:
            ours.append((rouge, [f"{name}, {size} (published)", f"{rouge:.1f}", "", "", "", "119 tasks"]))
    ours.sort(key=lambda row: row[0])
    note = (
        "In brackets: 95% intervals by bootstrap over tasks. Cut scores show how much of a loss is text that runs on."
    )
    if compared.evaluation == "superni":
        note += " Published rows: the paper's Table 3, all 119 tasks, zero-shot; a subset of tasks does not compare with them."
    return f"{_TITLES[compared.evaluation]}: scores", head, [row for _, row in ours], note


def _differences(compared: Compared) -> Section:
    head = [
        "second less first",
        "instances",
        "ROUGE-L",
        "p",
        "exact match",
        "p",
        "McNemar: only first, only second",
        "p",
    ]
    rows: list[list[object]] = []
    for each in compared.pairs:
        test = each.exact_mcnemar
        cells = [*_difference(each.rouge_l), *_difference(each.exact_match), f"{test.only_first} : {test.only_second}"]
        rows.append([f"{each.second} - {each.first}", each.count, *cells, _p(test.p)])
    note = (
        "Raw answers to the instances both have. p of a mean: two-sided, paired bootstrap over tasks; McNemar's: exact."
    )
    return "Differences in scores", head, rows, note


def _difference(each: Difference) -> list[object]:
    return [f"{each.value:+.4f}{bracket(each.interval)}", _p(each.p)]


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}" if value >= 0.0001 else "< 0.0001"


def _levels(compared: Compared) -> Section:
    rows: list[list[object]] = []
    for who, models in compared.levels.items():
        for model, counts in models.items():
            rows.append([model, who, *(counts[level] for level in LEVELS), _share(tuple(counts.values()))])
    rows += [[f"{name} (published)", "people", *counts, _share(counts)] for name, counts in FIGURE_6]
    return "Rated answers", ["model", "rated by", *LEVELS, "A or B"], rows, _OWN_TASKS


def _share(counts: Sequence[int]) -> str:
    return f"{100 * (counts[0] + counts[1]) / sum(counts):.1f}%" if sum(counts) else "-"


def _rated_differences(compared: Compared) -> Section:
    head = ["second less first", "rated by", "tasks", "A or B, points", "p", "McNemar: only first, only second", "p"]
    rows: list[list[object]] = [
        [
            f"{each.second} - {each.first}",
            each.who,
            each.count,
            *_difference(each.acceptable),
            f"{each.mcnemar.only_first} : {each.mcnemar.only_second}",
            _p(each.mcnemar.p),
        ]
        for each in compared.rated_pairs
    ]
    note = "An answer counts as acceptable where more than half of its ratings are A or B."
    return "Differences in rated answers", head, rows, note


def bars_of(compared: Compared) -> list[Bar]:
    """The bars of the figure: ours, then the paper's."""
    found = []
    for who, models in compared.levels.items():
        for model, counts in models.items():
            label = model if who == "people" else f"{model}, by {who}"
            found.append(Bar(label, (counts["A"], counts["B"], counts["C"], counts["D"])))
    return found + [Bar(name, counts, published=True) for name, counts in FIGURE_6]


def figure_of(compared: Compared) -> str | None:
    """The stacked bars as SVG; None where nothing was rated."""
    return stacked_bars(bars_of(compared), "Rated answers, A to D") if compared.levels else None


def markdown(compared: Compared, figure: str | None = None) -> str:
    """All tables. figure: the file name of the bars, to be shown."""
    return "\n".join(_markdown(compared, figure))


def _markdown(compared: Compared, figure: str | None) -> Iterator[str]:
    for title, head, rows, note in sections(compared):
        yield from (f"## {title}", "")
        yield from table_lines(head, rows)
        yield from ("", note, "")
        if title == "Rated answers" and figure:
            yield from (f"![Stacked bars of the ratings A to D]({figure})", "")
    told = [f"- {each.name}: {problem.told()}" for each in compared.scored for problem in each.problems]
    if told:
        yield from ("## What was wrong with the input", "", *told, "")


_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}"
    "table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}"
    "th,td{border-bottom:1px solid #d8dee4;padding:.3rem .6rem;text-align:right;white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left}tr.published{color:#667;font-style:italic}svg{max-width:100%;height:auto}"
)


def page(compared: Compared) -> str:
    """One HTML page without scripts or anything from elsewhere. All text is escaped."""
    return "\n".join(_page(compared)) + "\n"


def _page(compared: Compared) -> Iterator[str]:
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
    told = [f"{each.name}: {problem.told()}" for each in compared.scored for problem in each.problems]
    if told:
        yield (
            "<h2>What was wrong with the input</h2><ul>"
            + "".join(f"<li>{escape(each)}</li>" for each in told)
            + "</ul>"
        )
    yield "</body></html>"

"""The rows that the page carries for its browser, each with its instances and its lineage."""

from dataclasses import dataclass
from typing import Any

from bootstruct.report.measure import Measured
from bootstruct.report.numbers import words
from bootstruct.report.subject import Answered, Task
from bootstruct.report.text import clip, in_script, visible

ROWS = 1000  # shown unless the user says otherwise
BUDGET = 4_500_000  # characters of the page's data unless the user says how many rows
LONGEST = 6000  # characters of a text in a sample
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Browsed:
    """What goes into the page: `data` for its script, and how many of the tasks these are."""

    data: Json
    shown: int
    of: int


def browsed(measured: Measured, rows: int | None, budget: int | None) -> Browsed:
    """The first `rows` of the random order (None: all), in the data set's order; fewer where `budget` is used up."""
    tasks = measured.subject.tasks
    chosen = measured.order if rows is None else measured.order[:rows]
    longest = None if budget is None else LONGEST
    known = dict(measured.subject.seeds)
    needs_names = measured.subject.told is not None or measured.neighbours is not None
    known |= {task.name: task.text for task in tasks} if needs_names else {}
    data: Json = {"label": visible(measured.subject.label), "rows": [], "texts": {}, "asked": {}}
    kept: list[tuple[int, Json]] = []
    used = 0
    for position in chosen:
        row, texts, asked = _row(measured, position, known, longest)
        new = [row] + [each for each in texts.items() if each[0] not in data["texts"]]
        new += [each for each in asked.items() if each[0] not in data["asked"]]
        used += len(in_script(new)) if budget is not None else 0
        if budget is not None and used > budget and kept:
            break
        data["texts"] |= texts
        data["asked"] |= asked
        kept.append((position, row))
    data["rows"] = [row for _, row in sorted(kept, key=lambda each: each[0])]
    return Browsed(data, len(kept), len(tasks))


def _row(measured: Measured, position: int, known: dict[str, str], longest: int | None) -> tuple[Json, Json, Json]:
    """A row, the texts that its names stand for, and the request it came from."""
    task = measured.subject.tasks[position]
    lineage = measured.subject.lineage(task)

    def shown(text: str) -> str:
        return visible(text if longest is None else clip(text, longest))

    row: Json = {
        "n": visible(task.name),
        "t": shown(task.text),
        "k": task.kind,
        "s": task.status,
        "w": words(task.text),
    }
    row["i"] = [[shown(each.input), shown(each.output)] for each in task.instances]
    if measured.verbs is not None and position in measured.verbs.by_position:
        row["v"] = list(measured.verbs.by_position[position])
    near = measured.neighbours.nearest.get(position) if measured.neighbours is not None else None
    names = [name for _, name in near or ()] + list(lineage.shown)
    texts = {visible(name): shown(known[name]) for name in names if name in known}
    if near is not None:
        row["near"] = [[round(score, 3), visible(name)] for score, name in near]
    elif lineage.neighbours:
        row["near"] = [[round(score, 3), "", shown(text)] for score, text in lineage.neighbours[:3]]
    if lineage.refused:
        row["refused"] = [[visible(rule), shown(each.input), shown(each.output)] for rule, each in lineage.refused]
    replies = [_reply(each, shown) for each in lineage.replies if each.step != "propose"]
    if replies:
        row["replies"] = replies
    asked = {}
    if lineage.request:
        row["r"] = lineage.request
        first = next((each for each in lineage.replies if each.step == "propose"), None)
        asked[lineage.request] = {"shown": list(map(visible, lineage.shown))} | (_reply(first, shown) if first else {})
    return row, texts, asked


def _reply(answered: Answered, shown: Any) -> Json:
    row = {"step": answered.step, "text": shown(answered.text)}
    row |= {"finish": visible(answered.finish)} if answered.finish not in ("", "stop") else {}
    return row | ({"question": shown(answered.question)} if answered.question else {})


def statuses(tasks: list[Task]) -> list[str]:
    """The statuses that occur."""
    return sorted({task.status for task in tasks})

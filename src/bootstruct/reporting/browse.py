"""The rows that the page carries for its browser, each with its instances and its lineage."""

import itertools
from dataclasses import dataclass
from typing import Any

from bootstruct.render.sanitize import clip, in_script, visible
from bootstruct.reporting.funnel import rules_in_order
from bootstruct.reporting.measure import DatasetMeasures
from bootstruct.reporting.statistics import words
from bootstruct.reporting.subject import RecordedReply, RejectedCandidate, ReportTask
from bootstruct.run.task_provenance import dealt_topic
from bootstruct.types import Instance

ROWS = 1000  # shown unless the user says otherwise
BUDGET = 4_500_000  # characters of the page's data unless the user gives the number of rows
LONGEST = 6000  # characters of a text in a sample
REJECTED = "rejected"  # the status of a rejected candidate
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TaskBrowser:
    """The rows in the page: `data` for its script (rejected candidates beside them), and how many of the tasks these are."""

    data: Json
    shown: int
    of: int


def browsed(measured: DatasetMeasures, rows: int | None, budget: int | None) -> TaskBrowser:
    """The first `rows` of the random order (None: all), in the data set's order; fewer if `budget` is used up."""
    tasks = measured.subject.tasks
    chosen = measured.order if rows is None else measured.order[:rows]
    longest = None if budget is None else LONGEST
    known = dict(measured.subject.seeds)
    needs_names = measured.subject.history is not None or measured.neighbours is not None
    known |= {task.name: task.text for task in tasks} if needs_names else {}
    data: Json = {"label": visible(measured.subject.label), "rows": [], "texts": {}, "asked": {}}
    kept: list[tuple[int, Json]] = []
    rejected, used = _rejected(measured, known, longest, None if budget is None else budget // 5)
    data |= {"rejected": rejected, "rejections": {visible(rule): count for rule, count in _counts(measured).items()}}
    for position in chosen:
        row, texts, requests = _row(measured, position, known, longest)
        new = [row] + [text for text in texts.items() if text[0] not in data["texts"]]
        new += [value for value in requests.items() if value[0] not in data["asked"]]
        used += len(in_script(new)) if budget is not None else 0
        if budget is not None and used > budget and kept:
            break
        data["texts"] |= texts
        data["asked"] |= requests
        kept.append((position, row))
    data["rows"] = [row for _, row in sorted(kept, key=lambda value: value[0])]
    return TaskBrowser(data, len(kept), len(tasks))


def _counts(measured: DatasetMeasures) -> dict[str, int]:
    """How many candidates each rule rejected, whether they are shown or not."""
    history = measured.subject.history
    return {} if history is None else {rule: history.state.rejections[rule] for rule in rules_in_order(history)}


def _rejected(
    measured: DatasetMeasures, known: dict[str, str], longest: int | None, budget: int | None
) -> tuple[list[Json], int]:
    """Rows of rejected candidates, in turn one of each rule until the budget is used up; and the characters used."""
    history, used = measured.subject.history, 0
    kept: list[tuple[tuple[int, ...], Json]] = []
    if history is None:
        return [], 0
    turns = itertools.zip_longest(*(history.rejected.get(rule, []) for rule in rules_in_order(history)))
    for candidate, rule in (pair for turn in turns for pair in zip(turn, rules_in_order(history), strict=True)):
        if candidate is None:
            continue
        row = _rejected_row(candidate, rule, dealt_topic(history.state, candidate.name), known, longest)
        used += len(in_script(row)) if budget is not None else 0
        if budget is not None and used > budget:
            break
        kept.append((tuple(map(int, candidate.name.split("."))), row))
    return [row for _, row in sorted(kept, key=lambda value: value[0])], used


def _rejected_row(
    candidate: RejectedCandidate, rule: str, topic: str, known: dict[str, str], longest: int | None
) -> Json:
    def shown(text: str) -> str:
        return visible(text if longest is None else clip(text, longest))

    row: Json = {"n": candidate.name, "t": shown(candidate.text), "k": None, "s": REJECTED, "w": words(candidate.text)}
    row |= {"i": [], "x": visible(rule), **({"p": visible(topic)} if topic else {})}
    if candidate.score is not None:
        near = candidate.neighbour
        row["near"] = [
            [round(candidate.score, 3), visible(near) if near in known else "", shown(known.get(near, near))]
        ]
    return row


def _row(
    measured: DatasetMeasures, position: int, known: dict[str, str], longest: int | None
) -> tuple[Json, Json, Json]:
    """A row, the texts of its names, and the request from which it came."""
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
    row["i"] = [[shown(text) for text in _texts(instance)] for instance in task.instances]
    if measured.verbs is not None and position in measured.verbs.by_position:
        row["v"] = list(measured.verbs.by_position[position])
    near = measured.neighbours.nearest.get(position) if measured.neighbours is not None else None
    names = [name for _, name in near or ()] + list(lineage.shown)
    texts = {visible(name): shown(known[name]) for name in names if name in known}
    if near is not None:
        row["near"] = [[round(score, 3), visible(name)] for score, name in near]
    elif lineage.neighbours:
        row["near"] = [[round(score, 3), "", shown(text)] for score, text in lineage.neighbours[:3]]
    if lineage.topic:
        row["p"] = visible(lineage.topic)
    if lineage.scores:
        row["g"] = [[visible(check), n, round(score, 3), visible(rule)] for check, n, score, rule in lineage.scores]
    if lineage.rejected:
        row["rejected"] = [[visible(rule), shown(entry.input), shown(entry.output)] for rule, entry in lineage.rejected]
    replies = [_reply(reply, shown) for reply in lineage.replies if reply.step != "propose"]
    if replies:
        row["replies"] = replies
    requests = {}
    if lineage.request:
        row["r"] = lineage.request
        first = next((reply for reply in lineage.replies if reply.step == "propose"), None)
        requests[lineage.request] = {"shown": list(map(visible, lineage.shown))} | (
            _reply(first, shown) if first else {}
        )
        if (passage := lineage.passage) is not None:
            where = f"{passage.name}{f', {passage.heading}' if passage.heading else ''}"
            requests[lineage.request]["passage"] = [visible(where), shown(passage.text)]
    return row, texts, requests


def _texts(instance: Instance) -> tuple[str, ...]:
    """Input and output, and in turn what user and assistant write after them."""
    return instance.input, instance.output, *(text for turn in instance.turns for text in (turn.user, turn.assistant))


def _reply(answered: RecordedReply, shown: Any) -> Json:
    row = {"step": answered.step, "text": shown(answered.text)}
    row |= {"finish": visible(answered.finish)} if answered.finish not in ("", "stop") else {}
    return row | ({"question": shown(answered.question)} if answered.question else {})


def statuses(tasks: list[ReportTask]) -> list[str]:
    """The statuses that occur."""
    return sorted({task.status for task in tasks})

"""What a demo has shown, as one JSON object: `summary.json`, and what every table is made from."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from bootstruct.demo.data import instances_checked, instructions_read, share_right
from bootstruct.demo.loop import REPORT, Measured
from bootstruct.demo.models import Kind
from bootstruct.demo.prompts import SEEDED, UNSEEDED, evaluation_rows
from bootstruct.demo.scores import Answer, Line, averaged, by_family, difference, exact, first_line, line, spread, whole
from bootstruct.files import write_whole

Json = dict[str, Any]
STATUSES = ("right", "wrong", "bad input", "unread", "ambiguous")
SUMMARY = "summary.json"


def summary(measured: Measured) -> Json:
    """Everything the demo tells. Scores are 0 to 100; `first line` cuts answers at the first line break."""
    wanted, state = measured.wanted, measured.state
    groups = [row["motivation_app"] for row in measured.rows]
    pooled = {kind.name: averaged(runs_of(measured, kind)) for kind in measured.table}
    return {
        "model": wanted.model,
        "full": wanted.full,
        "finetuning seeds": list(wanted.seeds),
        "instructions": {"accepted": len(state.machine), **_read(measured)},
        "instances": _checked(measured),
        "prompts": {
            "all": len(groups),
            SEEDED: groups.count(SEEDED),
            UNSEEDED: groups.count(UNSEEDED),
            "left out": len(evaluation_rows(set(), wanted.phrasings)) - len(groups),
        },
        "models": [model_row(measured, kind, pooled[kind.name]) for kind in measured.table],
        "differences": differences(pooled),
        "families": family_rows(pooled),
        "failed": failed(measured),
        "seconds": {work: round(seconds, 1) for work, seconds in measured.book.seconds.items()},
    }


def failed(measured: Measured) -> list[str]:
    """The models that could not be trained or asked, and the report if it could not be written."""
    names = [model.name for model in measured.models if model.name not in measured.found]
    return names if (measured.wanted.folder / REPORT).is_file() else [*names, "report"]


def runs_of(measured: Measured, kind: Kind) -> list[tuple[Answer, ...]]:
    """The answers of a kind of model, one entry for each finetuning seed that came out."""
    names = [model.name for model in measured.models if model.kind == kind]
    return [measured.found[name] for name in names if name in measured.found]


def _read(measured: Measured) -> Json:
    if not measured.wanted.is_pocket:
        return {}
    found = instructions_read(measured.state)
    return {name: found[name] for name in ("read", "unread", "ambiguous")}


def _checked(measured: Measured) -> Json:
    """Instances, and what the strict reader says of them where the model is of its world."""
    found = instances_checked(measured.state)
    if not measured.wanted.is_pocket:
        return {"all": found.total()}
    return {"all": found.total(), "share right": share_right(found), **{name: found[name] for name in STATUSES}}


def model_row(measured: Measured, kind: Kind, pooled: Sequence[Answer]) -> Json:
    """One model: means over its finetuning seeds, and each seed singly."""
    row: Json = {"name": kind.name, "told": kind.told, "part": kind.part, "generated tasks": kind.tasks}
    if kind.setting:
        row |= {"source": kind.source, "steps": kind.setting.steps, "learning rate": kind.setting.rate}
    row["whole answer"] = _line(line(pooled, whole))
    row["first line"] = _line(line(pooled, first_line))
    row["exact"] = _line(line(pooled, exact))
    if kind.setting:
        single = {
            model.seed: line(found, first_line).all.value if (found := measured.found.get(model.name)) else None
            for model in measured.models
            if model.kind == kind and model.seed is not None
        }
        told = spread(single)
        row["by seed"] = {str(seed): value for seed, value in told.single.items()}
        row |= {"mean over seeds": told.mean, "deviation over seeds": told.deviation}
    return row


def _line(means: Line) -> Json:
    named = {"all": means.all, SEEDED: means.seeded, UNSEEDED: means.unseeded}
    return {name: {"mean": each.value, "error": each.error, "count": each.count} for name, each in named.items()}


def differences(pooled: dict[str, tuple[Answer, ...]]) -> list[Json]:
    """Self-instruct against the model as it was, the seeds alone and the upper bound; first lines, with 95% intervals."""
    rows = []
    for other in ("as-it-was", "seeds-only", "solved"):
        for group in (None, UNSEEDED):
            if pooled.get(other) and pooled.get("self-instruct"):
                found = difference(pooled[other], pooled["self-instruct"], group)
                between = None if found.interval is None else dataclasses.asdict(found.interval)
                row = {"over": other, "prompts": group or "all", "count": found.count}
                rows.append(row | {"value": found.value, "interval": between})
    return rows


def family_rows(pooled: dict[str, tuple[Answer, ...]]) -> list[Json]:
    """First-line scores of each family, worst first: as it was, seeds only, self-instruct."""
    names = ("as-it-was", "seeds-only", "self-instruct")
    return [
        {
            "family": each.name,
            "group": each.group,
            "prompts": each.prompts,
            **dict(zip(names, each.scores, strict=True)),
        }
        for each in by_family([pooled[name] for name in names])
    ]


def curve_rows(told: Json) -> list[Json]:
    """The models of the curve by amount of data: the seeds alone, the nested subsets, all."""
    rows = [row for row in told["models"] if row["part"] == "curve" or row["name"] in ("seeds-only", "self-instruct")]
    return sorted(rows, key=lambda row: row["generated tasks"]) if len(rows) > 2 else []


def write_summary(measured: Measured) -> Json:
    """Write summary.json; what stands in it comes back."""
    told = summary(measured)
    write_whole(measured.wanted.folder / SUMMARY, (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode())
    return told

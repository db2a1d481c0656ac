"""Measure how well answer matching finds wrong outputs, in the pocket model's world, where the truth is known.

    python benchmarks/answer_matching.py --run RUN        RUN is a pocket run whose recipe has an `agreement` check

The script judges the recorded answers again under other settings, for which it sends no request. It prints how many right and
wrong instances each setting keeps.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bootstruct.config.recipe import Check
from bootstruct.journal.file import journal_path
from bootstruct.journal.reviews import wilson
from bootstruct.journal.state import State
from bootstruct.pocket.world.strict_reader import check_instance
from bootstruct.run.folder import read_run
from bootstruct.run.task_provenance import counted_reply
from bootstruct.stages.instance_checks import InstanceChecks, check_keys
from bootstruct.types import CheckVerdict

SETTINGS: dict[str, dict[str, Any]] = {
    "share, at least 0.5": {"at_least": 0.5},
    "share, at least 0.3": {"at_least": 0.3},
    "majority, at least 0": {"majority": True, "at_least": 0.0},
    "majority, at least 0.5": {"majority": True, "at_least": 0.5},
    "majority, 0.5 to 0.9": {"majority": True, "at_least": 0.5, "at_most": 0.9},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    run = parser.parse_args().run
    state, journal = read_run(run), journal_path(run)
    check = next(check for check in state.recipe.checks if check.kind == "agreement")
    columns = ("kept", "right among kept", "precision: not right among rejected", "recall: rejected among not right")
    print(f"| setting | {' | '.join(columns)} | rejected as |\n|---|---|---|---|---|---|")
    for name, values in {"none": {"at_least": 0.0}, **SETTINGS}.items():
        rows = list(judged(state, journal, replace(check, **values)))
        kept = [right for verdict, right in rows if verdict.kept]
        lost = [right for verdict, right in rows if not verdict.kept]
        reasons = sorted({str(verdict.rule) for verdict, _ in rows if not verdict.kept})
        counts = ", ".join(f"{sum(v.rule == reason for v, _ in rows)} {reason}" for reason in reasons)
        wrong = sum(not right for _, right in rows)
        cells = [share(sum(kept), len(kept)), share(lost.count(False), len(lost)), share(lost.count(False), wrong)]
        print(f"| {name} | {len(kept)} of {len(rows)} | {' | '.join(cells)} | {counts} |")


def judged(state: State, journal: Path, check: Check) -> Iterator[tuple[CheckVerdict, bool]]:
    """Yield the verdict on each instance that the strict reader can judge, and whether the instance is right."""
    checks = InstanceChecks(replace(state.recipe, checks=(check,)))
    for task in state.completed_tasks:
        for number, instance in enumerate(state.completed[task.name].instances):
            truth = check_instance(task.text, instance.input, instance.output)
            recorded = [counted_reply(state, journal, key) for key in check_keys(check, task, number)]
            replies = [event.reply for event in recorded if event is not None]
            if truth in ("right", "wrong", "bad input") and len(replies) == check.asks:
                yield checks.judge(check, task, number, instance, replies), truth == "right"


def share(count: int, total: int) -> str:
    """Return a share in percent with its Wilson interval."""
    if not total:
        return "-"
    low, high = wilson(count, total)
    return f"{100 * count / total:.0f}% [{100 * low:.0f}, {100 * high:.0f}]"


if __name__ == "__main__":
    main()

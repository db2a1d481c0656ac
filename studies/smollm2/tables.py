"""Write the study's figures into docs/evidence.md and draw its chart, from the committed summary.

    python studies/smollm2/tables.py out/smollm2/summary.json    keeps it as docs/evidence/smollm2.json and writes both
    python studies/smollm2/tables.py                             writes page and chart from docs/evidence/smollm2.json

The page holds figures between `<!-- smollm2: NAME -->` and `<!-- smollm2 end -->`. Nothing between these marks is written by
hand, and a test compares page and chart with the summary.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from chart import chart

ROOT = Path(__file__).parent.parent.parent
SUMMARY = ROOT / "docs" / "evidence" / "smollm2.json"
CHART = ROOT / "docs" / "img" / "smollm2.svg"
PAGE = ROOT / "docs" / "evidence.md"
SETS = {"all": "all", "superni": "SuperNI", "dolly": "Dolly", "vicuna": "Vicuna", "user": "user tasks"}
_BLOCK = re.compile(r"(<!-- smollm2: ([\w ]+) -->\n).*?(<!-- smollm2 end -->)", re.DOTALL)


def signed(value: float) -> str:
    """Return a difference in nats with its sign."""
    return f"{value:+.3f}".replace("+0.000", "0.000").replace("-0.000", "0.000")


def with_interval(row: dict[str, Any]) -> str:
    """Return a difference with its interval."""
    interval = row["interval"]
    return signed(row["value"]) + (f" [{signed(interval[0])}, {signed(interval[1])}]" if interval else "")


def chance(p: float | None) -> str:
    """Return a p value."""
    return "-" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def test_lines(summary: dict[str, Any]) -> list[str]:
    """Return the table of the two tests."""
    lines = [
        "| test | formats | tasks | nats per token | p | corrected | verdict |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for name, row in summary["tests"].items():
        better = f" (here {summary['arms'][row['better']]['title'][0]})" if "better" in row else ""
        formats = " less ".join(dict.fromkeys(row["formats"]))
        lines.append(
            f"| {name}{better} | {formats} | {row['tasks']} | {with_interval(row)} | {chance(row['p'])} | "
            f"{chance(row['corrected p'])} | {row['verdict']} |"
        )
    return lines


def arm_lines(summary: dict[str, Any]) -> list[str]:
    """Return the table of losses by arm, format and set."""
    sets = [name for name in SETS if name == "all" or name in summary["rows"]["test"]]
    lines = [
        f"| arm | format | {' | '.join(SETS[name] for name in sets)} | all, by finetuning seed |",
        "|---|---|" + "---:|" * (len(sets) + 1),
    ]
    for arm in summary["arms"].values():
        for form, means in arm["test"].items():
            mark = " (best)" if form == arm["best format"] else ""
            cells = " | ".join(f"{means[name]:.3f}" for name in sets)
            seeds = ", ".join(f"{row[form]:.3f}" for row in arm["by model"].values() if form in row)
            lines.append(f"| {arm['title']} | {form}{mark} | {cells} | {seeds} |")
    return lines


def difference_lines(summary: dict[str, Any]) -> list[str]:
    """Return the table of differences that are described, not tested."""
    arms = summary["arms"]
    lines = ["| arm, less | in plain (of training) | in chat (not of training) |", "|---|---:|---:|"]
    for name, row in summary["differences"].items():
        first, second = (arms[arm]["title"] for arm in name.split(" less "))
        lines.append(f"| {first}, less {second} | {with_interval(row['plain'])} | {with_interval(row['chat'])} |")
    return lines


def secondary_lines(summary: dict[str, Any]) -> list[str]:
    """Return the table of ROUGE-L and of label ranking, or a sentence if the run reached neither."""
    rows = [arm for arm in summary["arms"].values() if arm["rouge"] or arm["labels"]]
    if not rows:
        return ["Neither was reached in this run."]
    lines = ["| arm | format | ROUGE-L | labels ranked first |", "|---|---|---:|---:|"]
    for arm in rows:
        rouge, labels = arm["rouge"], arm["labels"]
        score = f"{rouge['mean']:.1f} [{rouge['interval'][0]:.1f}, {rouge['interval'][1]:.1f}]" if rouge else "-"
        right = f"{labels['right']:g} of {labels['tasks']}" if labels else "-"
        lines.append(f"| {arm['title']} | {(rouge or labels)['format']} | {score} | {right} |")
    return lines


def generation_lines(summary: dict[str, Any]) -> list[str]:
    """Return a description of what the model wrote."""
    lines = []
    for name, run in summary["generation"].items():
        if name.startswith("run-"):
            rejected = ", ".join(f"{rule} {count}" for rule, count in list(run["rejected"].items())[:3])
            lines.append(
                f"Run {name[4:]}: {run['candidates']} candidates, {run['accepted']} accepted (rejected: {rejected or 'none'}), "
                f"{run['completed']} completed with {run['instances']} instances, "
                f"{run['classification']} called classification; {run['replies']} replies, {run['tokens']:,} tokens."
            )
        else:
            lines.append(f"Seed instructions: {run['instances']} instances for {run['seeds with instances']} of them.")
    return lines


def time_line(summary: dict[str, Any]) -> str:
    """Return the times, and the steps that the run did not reach."""
    spent = ", ".join(f"{sort} {seconds / 60:.0f} min" for sort, seconds in summary["seconds"].items() if seconds >= 30)
    machine, left = summary["machine"], summary["not done"]
    speeds = [row["tokens per second"] for row in summary["training"].values()]
    more = f" Training read {min(speeds):.0f} to {max(speeds):.0f} tokens per second." if speeds else ""
    undone = f" Not reached: {', '.join(left)}." if left else " Every step was reached."
    where = f"{machine['processor']}, {machine['priority']}"
    return f"Wall time summed over steps, up to three of which ran at once: {spent} ({where}).{more}{undone}"


def reading_line(summary: dict[str, Any]) -> str:
    """Return the judgements of a person who has read tasks of arm 4."""
    found = summary["reading"]
    if not found:
        return "Nobody has read the drawn tasks yet."
    return (
        f"Of {found['read']} tasks of arm 4, drawn by hash and read by the author of the study, {found['sensible']} have an "
        f"instruction that can be followed as it stands, and {found['right']} an output that can stand."
    )


def formats_line(summary: dict[str, Any]) -> str:
    """Return the untrained model's losses on the development part, and the learning rates that were tried."""
    forms = ", ".join(
        f"{form} {row['development']:.3f}" for form, row in summary["formats of the untrained model"].items()
    )
    rates = ", ".join(f"rate {rate} {loss:.3f}" for rate, loss in summary["rates on development part"].items() if loss)
    gap = summary["bf16 less fp32"]
    return (
        f"On the development part, untrained: {forms}. Arm 2, mean of plain and chat: {rates}. Losses in bf16 less those in "
        f"fp32 there: {gap['mean']:.5f} on average, at most {gap['largest']:.3f} in a row."
    )


def data_lines(summary: dict[str, Any]) -> list[str]:
    """Return the table of the arms' training data."""
    lines = ["| arm | examples | distinct | tokens | learnt | last loss by seed |", "|---|---:|---:|---:|---:|---:|"]
    for arm, row in summary["arms"].items():
        own = [summary["training"][name] for name in row["by model"] if name in summary["training"]]
        if own:
            data = summary["data"][f"{arm}-1"]
            losses = ", ".join(f"{each['loss']:.2f}" for each in own)
            cells = (
                row["title"],
                data["examples"],
                data["distinct"],
                f"{own[0]['tokens']:,}",
                f"{own[0]['learnt']:,}",
                losses,
            )
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def rows_line(summary: dict[str, Any]) -> str:
    """Return the numbers of rows."""
    rows = summary["rows"]
    parts = ", ".join(f"{count} of {SETS[name]}" for name, count in rows["test"].items())
    return f"Test part: {sum(rows['test'].values())} rows ({parts}) of {rows['test tasks']} tasks."


def blocks(summary: dict[str, Any]) -> dict[str, list[str]]:
    """Return the blocks of the page, by the name in their marks."""
    return {
        "tests": test_lines(summary),
        "arms": arm_lines(summary),
        "differences": difference_lines(summary),
        "secondary": secondary_lines(summary),
        "generation": [" ".join(generation_lines(summary))],
        "rows": [rows_line(summary)],
        "data": data_lines(summary),
        "formats": [formats_line(summary)],
        "reading": [reading_line(summary)],
        "time": [time_line(summary)],
    }


def written(page: str, summary: dict[str, Any]) -> str:
    """Return a page with its figures written anew."""
    texts = blocks(summary)
    return _BLOCK.sub(lambda found: found[1] + "\n" + "\n".join(texts[found[2]]) + "\n" + found[3], page)


def main() -> None:
    """Keep a summary if one is named, and write page and chart."""
    if len(sys.argv) > 1:
        SUMMARY.write_bytes(Path(sys.argv[1]).read_bytes())
    summary = json.loads(SUMMARY.read_text(encoding="utf-8"))
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), summary), encoding="utf-8")
    CHART.write_text(chart(summary), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Measure preference pairs in the pocket model's world, where the truth is known.

    python benchmarks/preference.py --run RUN --out DIR      RUN is a pocket run whose recipe has an `agreement` check

The script prints which of the two outputs of a pair is right, by margin. It also prints how DPO on the pairs changes the
answers to held-out tasks, compared with the finetuned model before DPO and with the same model finetuned once more on the
chosen outputs. It needs bootstruct[local,train].
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bootstruct.export.preference import PreferencePair, select_pairs
from bootstruct.export.selection import RunSource
from bootstruct.io.rows import read_rows
from bootstruct.journal.file import journal_path
from bootstruct.journal.reviews import wilson
from bootstruct.pocket.world.strict_reader import check_instance
from bootstruct.run.folder import read_run
from bootstruct.types import Prompt, Sampling

SPLIT = "test=0.4"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    pairs_table(args.run)
    training_table(args.run, args.out)


def pairs_table(run: Path) -> None:
    """Print which output of the pairs is right, by least margin."""
    source = RunSource(read_run(run), journal_path(run), (), run)
    pairs = [row for row in select_pairs([source]).rows[0] if isinstance(row, PreferencePair)]
    own, voted = 0, 0
    print(
        "| least margin | pairs | chosen right | rejected wrong | in order | against the truth |\n|---|---|---|---|---|---|"
    )
    for least in (0.0, 0.4, 0.6, 0.8):
        judged = []
        for pair in pairs:
            if (pair.margin or 0) >= least:
                texts = (pair.instance.output, pair.rejected)
                judged.append(tuple(check_instance(pair.instruction, pair.instance.input, text) for text in texts))
        read = [row for row in judged if set(row) <= {"right", "wrong"}]
        cells = [
            sum(first == "right" for first, _ in read),
            sum(second == "wrong" for _, second in read),
            sum(row == ("right", "wrong") for row in read),
            sum(row == ("wrong", "right") for row in read),
        ]
        print(
            f"| {least} | {len(judged)} ({len(read)} read) | " + " | ".join(share(n, len(read)) for n in cells) + " |"
        )
    for pair in pairs:
        mine = check_instance(pair.instruction, pair.instance.input, pair.rejected)
        own += mine == "right"
        voted += check_instance(pair.instruction, pair.instance.input, pair.instance.output) == "right"
    print(f"\n{len(pairs)} pairs: {voted} chosen outputs right, {own} rejected outputs right")


def training_table(run: Path, out: Path) -> None:
    """Print the number of right answers to held-out tasks of the three models.

    They are a finetuned model, the same after DPO, and the same finetuned on the chosen outputs.
    """
    command("export", run, "--format", "alpaca", "--out", out / "rows.jsonl", "--split", SPLIT)
    command("export", run, "--format", "preference-text", "--out", out / "pairs.jsonl", "--split", SPLIT)
    pairs = [row for _, row in read_rows(out / "pairs-train.jsonl")]
    chosen = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in pairs]
    (out / "chosen.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chosen))
    tune(out / "rows-train.jsonl", "pocket", out / "first")
    tune(out / "pairs-train.jsonl", out / "first", out / "dpo", "--method", "dpo")
    tune(out / "chosen.jsonl", out / "first", out / "chosen", "--learning-rate", "1e-4")
    cases = [row for _, row in read_rows(out / "rows-test.jsonl")]
    cases = [row for row in cases if check_instance(row["instruction"], row["input"], "-") == "wrong"]
    print(f"\n| model | right of {len(cases)} answers to tasks not trained on |\n|---|---|")
    for name in ("first", "dpo", "chosen"):
        print(f"| {name} | {share(answered_right(out / name, cases), len(cases))} |")


def answered_right(model: Path, cases: list[dict[str, Any]]) -> int:
    """Return how many greedy answers are right."""
    from bootstruct.engines.local.load import load

    sampling = Sampling(0.0, max_tokens=40, stop=("\n",))
    texts = [
        f"{row['instruction']}\n{row['input']}\nAnswer:" if row["input"] else f"{row['instruction']}\nAnswer:"
        for row in cases
    ]
    replies = load(str(model)).generate(
        [Prompt("answer", str(model), sampling, 0, text=text) for text in texts], lambda: False
    )
    return sum(
        check_instance(row["instruction"], row["input"], reply.text) == "right"
        for row, reply in zip(cases, replies, strict=True)
    )


def tune(source: Path, model: Path | str, out: Path, *options: str) -> None:
    """Finetune a model unless it is there already."""
    if not (out / "config.json").is_file():
        command("finetune", source, "--model", model, "--out", out, "--held-out", 0, "--no-seeds", "--quiet", *options)


def command(*words: object) -> None:
    """Run a command of bootstruct."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-m", "bootstruct", *map(str, words)], check=True, env=environment)


def share(count: int, total: int) -> str:
    """Return a share in percent with its Wilson interval."""
    low, high = wilson(count, max(1, total))
    return f"{100 * count / max(1, total):.0f}% [{100 * low:.0f}, {100 * high:.0f}]"


if __name__ == "__main__":
    main()

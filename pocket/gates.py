"""The gates that corpus, training and model must pass; `build.py` checks them and exports nothing that fails one.

    python pocket/gates.py corpus [--documents 20000]
    python pocket/gates.py model FOLDER

**Corpus.** No document shows an instruction of a held-out family with an answer, and none contains a frame that is kept for the
evaluation or the headline format. **Training** (from the log): after solved tasks of other families, the model answers most
tasks of the families that the corpus answers and some of the held-out ones; from the instruction alone it answers hardly any.
**Model.** It answers hardly any bare instruction in any format of the demo, even the one that suits it best.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from statistics import fmean

from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.grammar import PhraseReader
from bootstruct.pocket.world.held_out_families import HELD_OUT
from bootstruct.pocket.world.strict_reader import possible_tasks

BLANK = "......"  # stands for an answer in a worksheet
LEAST_TWO_SHOT = 0.80
# Share of right answers in families that the corpus answers, after solved tasks of other families.
LEAST_DEMONSTRATED = 0.75
# The same in held-out families: some answers must be right, and finetuning must be able to improve.
HELD_OUT_BETWEEN = (0.25, 0.85)
# Share of right answers from the instruction alone, in the layout of the corpus: in answered families, in held-out ones.
MOST_ALONE = (0.30, 0.05)
# Percent of right first lines for a bare instruction: in all families, in held-out ones.
MOST_IN_ANY_FORMAT = (20.0, 5.0)
_ANSWER = re.compile(r"^Output: (?!\.{6}$)|^Class label: ", re.MULTILINE)
_ROW = re.compile(r"^.+ (?:->|=|=>|\|) (?!\.{6}$).+$")


def answered(text: str) -> Iterator[str]:
    """Yield the first line of every block of a document that holds an answer, without "Task:" before it."""
    for block in text.split("\n\n"):
        first, _, rest = block.partition("\n")
        if _ANSWER.search(block) or (rest and any(map(_ROW.match, rest.split("\n")))):
            yield first.removeprefix("Task: ")


@cache
def _unseen() -> re.Pattern[str]:
    """Return a pattern that finds the frames kept for the evaluation, at any place of a text."""
    parts = [PhraseReader(family.unseen_templates, family.slots).pattern for family in FAMILIES.values()]
    return re.compile("|".join(re.sub(r"\?P<\w+>", "?:", part) for part in parts if part != r"(?!)"), re.IGNORECASE)


def corpus_faults(documents: Iterable[str]) -> list[str]:
    """Return everything in the documents that they must not contain, each with the number of its document."""
    faults = []
    for number, text in enumerate(documents):
        for line in answered(text):
            held = [task.family.name for task in possible_tasks(line) if task.family.name in HELD_OUT]
            if held:
                faults.append(f"document {number}: {line!r} ({', '.join(held)}) with an answer")
        if "Answer:" in text or re.search(r"^Task: .*\nInput:", text, re.MULTILINE):
            faults.append(f"document {number}: a format of the evaluation or of the training examples")
        if re.search(r"Look at (?:an?|some|two|three|the) |I will show you ", text) and (
            found := _unseen().search(text)
        ):
            faults.append(f"document {number}: {found[0]!r}, a frame that is kept for the evaluation")
    return faults


def training_faults(log: str) -> list[str]:
    """Return the gates that the last measurement in a training log does not pass."""
    line = [line for line in log.splitlines() if "two-shot" in line][-1]
    found = re.search(
        r"two-shot ([\d.]+) demonstrated ([\d.]+) held out ([\d.]+), alone ([\d.]+) held out ([\d.]+)", line
    )
    if found is None:
        return [f"the log's last measurement cannot be read: {line[:80]}"]
    two_shot, shown, shown_held, alone, alone_held = map(float, found.groups())
    low, high = HELD_OUT_BETWEEN
    gates = (
        (two_shot >= LEAST_TWO_SHOT, f"two-shot accuracy {two_shot} is below {LEAST_TWO_SHOT}"),
        (shown >= LEAST_DEMONSTRATED, f"accuracy after other solved tasks is {shown}, below {LEAST_DEMONSTRATED}"),
        (low <= shown_held <= high, f"accuracy in held-out families is {shown_held}, not between {low} and {high}"),
        (alone <= MOST_ALONE[0], f"accuracy from the instruction alone is {alone}, above {MOST_ALONE[0]}"),
        (alone_held <= MOST_ALONE[1], f"in held-out families it is {alone_held}, above {MOST_ALONE[1]}"),
    )
    return [fault for holds, fault in gates if not holds]


def format_scores(folder: Path) -> dict[str, tuple[float, float, float]]:
    """Ask the demo's development prompts in each of its formats.

    Returns:
        By format: the percentage of first lines that are right, the same in held-out families, and the ROUGE-L of first lines
        in percent. ROUGE-L is higher, because it also counts words that are only copied from the input.
    """
    from judge import Model

    from bootstruct.novelty.rouge import rouge_l
    from bootstruct.pocket.demo.evaluation_data import development_rows
    from bootstruct.pocket.demo.formats import FORMATS
    from bootstruct.stages.templates import fill

    model, rows, scores = Model(folder), development_rows(set(), 1), {}
    for name, template in FORMATS.items():
        prompts = [fill(template, instruction=r["instruction"], input=r["instances"][0]["input"]) for r in rows]
        lines = [reply.strip().split("\n")[0] for reply in model.continue_all(prompts, 24, 0, "\0")]
        pairs = [(row["family"], row["instances"][0]["output"], line) for row, line in zip(rows, lines, strict=True)]
        right = [100.0 * (answer == line) for _, answer, line in pairs]
        held = [100.0 * (answer == line) for family, answer, line in pairs if family in HELD_OUT]
        rouge = [100 * rouge_l(answer, line) for _, answer, line in pairs]
        scores[name] = (fmean(right), fmean(held), fmean(rouge))
    return scores


def model_faults(folder: Path) -> list[str]:
    """Return the formats in which an exported model answers too many bare instructions, and print all scores."""
    faults = []
    for name, (right, held, rouge) in format_scores(folder).items():
        print(
            f"bare instruction, {name}: {right:.1f}% right, {held:.1f}% in held-out families, ROUGE-L {rouge:.1f}",
            flush=True,
        )
        if right > MOST_IN_ANY_FORMAT[0] or held > MOST_IN_ANY_FORMAT[1]:
            faults.append(f"format {name}: {right:.1f}% right, {held:.1f}% in held-out families")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["corpus", "model"])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--documents", type=int, default=20_000)
    arguments = parser.parse_args()
    if arguments.what == "corpus":
        from corpus import document

        faults = corpus_faults(map(document, range(arguments.documents)))
    else:
        faults = model_faults(arguments.folder)
    if faults:
        sys.exit("\n".join(["gates that do not hold:", *faults[:20]]))
    print("all gates hold.")


if __name__ == "__main__":
    main()

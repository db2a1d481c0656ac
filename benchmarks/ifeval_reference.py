"""Compare our verdicts on IFEval's 25 kinds of constraints with those of the reference in the lm-eval wheel.

    python benchmarks/ifeval_reference.py --texts 10000 [--seed 0] [--own]

The script needs, in a separate environment, `pip install lm-eval langdetect immutabledict nltk` and nltk's data `punkt_tab`. It
makes the texts itself. Each text is judged by every kind, strictly and loosely, with values drawn for it. With `--own`, our own
functions tell the language and the sentences in place of langdetect and nltk, which shows how often these differ.
"""

import argparse
import functools
import logging
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bootstruct.evaluation.language_tools import find_language_tools
from bootstruct.stages.constraint_verifier import OWN_TOOLS, VERIFIERS, follows, follows_loosely
from tests.support.ifeval_texts import draw


def reference() -> Callable[[str, dict[str, Any], str], tuple[bool, bool]]:
    """Return a function that gives the reference's verdicts, strict and loose.

    The reference's language detector is seeded, and its results are cached to save time.
    """
    import langdetect
    from langdetect import DetectorFactory
    from lm_eval.tasks.ifeval import utils

    logging.disable(logging.ERROR)
    DetectorFactory.seed = 0
    langdetect.detect = functools.lru_cache(maxsize=4096)(langdetect.detect)

    def judge(name: str, values: dict[str, Any], text: str) -> tuple[bool, bool]:
        asked = SimpleNamespace(instruction_id_list=[name], kwargs=[values], prompt="", key=0)
        strict = utils.test_instruction_following_strict(asked, text).follow_all_instructions
        return strict, utils.test_instruction_following_loose(asked, text).follow_all_instructions

    return judge


def main() -> None:
    """Compare the verdicts, print one line per kind, and exit with 1 if any verdict differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--own", action="store_true")
    parser.add_argument("--show", type=int, default=2)
    parser.add_argument("--record", type=Path, help="write the reference's verdicts, strict and loose, as digits")
    given = parser.parse_args()
    tools, differing = (OWN_TOOLS, {}) if given.own else find_language_tools()
    if differing:
        raise SystemExit(f"missing: {differing}")
    judge, began = reference(), time.time()
    counts: Counter[tuple[str, str]] = Counter()
    record: list[str] = []
    for number in range(given.texts):
        text, values_of = draw(f"{given.seed}/{number}")
        for name in VERIFIERS:
            values = values_of(name)
            theirs = judge(name, values, text)
            record.append(f"{theirs[0]:d}{theirs[1]:d}")
            ours = follows(name, values, text, tools), follows_loosely(name, values, text, tools)
            counts[name, "strict"] += theirs[0]
            counts[name, "loose"] += theirs[1]
            if ours != theirs:
                counts[name, "differ"] += 1
                if counts[name, "differ"] <= given.show:
                    print(name, values, repr(text), "reference:", theirs, "ours:", ours, file=sys.stderr)
    for name in VERIFIERS:
        print(f"{name:45} {counts[name, 'strict']:6} {counts[name, 'loose']:6} {counts[name, 'differ']:6}")
    differ = sum(counts[name, "differ"] for name in VERIFIERS)
    total = given.texts * len(VERIFIERS)
    print(f"{given.texts} texts, {total} pairs of verdicts, {differ} differ ({time.time() - began:.0f} s)")
    if given.record is not None:
        given.record.write_text(textwrap.fill("".join(record), 120) + "\n")
    raise SystemExit(differ > 0)


if __name__ == "__main__":
    main()

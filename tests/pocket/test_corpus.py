"""The corpus and the recipe files: what the pocket model may see, and what it must never have seen."""

import json
import re
import sys

import pytest

from bootstruct.novelty.rouge import rouge_l
from bootstruct.pocket.world import prompt_headers
from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.held_out_families import HELD_OUT
from bootstruct.pocket.world.strict_reader import ReadTask, check_instance, read_instruction
from tests.support.paths import ROOT

RECIPE = ROOT / "src" / "bootstruct" / "config" / "recipes" / "pocket"


@pytest.fixture(scope="module")
def documents() -> list[str]:
    if not (ROOT / "pocket" / "corpus.py").exists():
        pytest.skip("pocket/ lies in the repository, not in the package")
    sys.path.insert(0, str(ROOT / "pocket"))
    try:
        import corpus
    finally:
        sys.path.pop(0)
    return [corpus.document(number) for number in range(20_000)]


def instructions_of(text: str) -> list[str]:
    return [line.removeprefix("Task: ") for line in text.splitlines() if line.startswith("Task: ") and "{{" not in line]


@pytest.mark.slow
def test_the_headline_format_is_absent_from_the_corpus(documents: list[str]) -> None:
    assert not [text for text in documents if "Answer:" in text]
    instructions = {text for text in documents if re.search(r"^Task: .*\nInput:", text, re.MULTILINE)}
    assert not instructions, "a task directly followed by its input is a format of the training examples"


def test_the_corpus_holds_every_family_and_every_header(documents: list[str]) -> None:
    whole = "\n".join(documents)
    for header in (
        prompt_headers.PROPOSE,
        prompt_headers.PROPOSE_CLASSIFICATION,
        prompt_headers.CLASSIFY,
        prompt_headers.INPUT_FIRST,
        prompt_headers.OUTPUT_FIRST,
    ):
        assert whole.count(header + "\n") > 100
    listed = [
        line.partition(". ")[2]
        for text in documents[:3000]
        if text.startswith(prompt_headers.PROPOSE)
        for line in text.splitlines()
    ]
    assert _families(listed) == set(FAMILIES), "every family is listed, and can be proposed"
    import gates

    shown = [line for text in documents[:3000] for line in gates.answered(text)]
    assert _families(shown) == set(FAMILIES) - set(HELD_OUT), "and all but the held-out ones are shown with answers"


def _families(texts: list[str]) -> set[str]:
    return {task.family.name for task in map(read_instruction, texts) if isinstance(task, ReadTask)}


def test_the_gates_of_the_corpus_hold_and_see_what_they_are_for(documents: list[str]) -> None:
    import gates

    assert gates.corpus_faults(documents[:2000]) == []
    held = "Task: Swap the first and the last word of the list."
    assert not gates.corpus_faults([f"{held}\nExample 1\nInput: a, b\nOutput: {gates.BLANK}"])
    for fault in (
        f"{held}\nExample 1\nInput: cat, dog\nOutput: dog, cat",
        "Swap the first and the last word of the list.\ncat, dog -> dog, cat",
        "Is it a fruit or a vegetable?\nClass label: fruit\nInput: apple",
        "1. Look at a number. What is twice the number?",
        "Double the number.\n4\nAnswer: 8",
    ):
        assert len(gates.corpus_faults([f"{prompt_headers.INPUT_FIRST}\n\n{fault}"])) == 1, fault


def test_a_training_that_misses_a_gate_is_named() -> None:
    import gates

    line = "12:00:00 VALID step 1 tokens 1 loss 1.0 two-shot {} demonstrated {} held out {}, alone {} held out {} weak:"
    assert gates.training_faults("first\n" + line.format(0.9, 0.9, 0.5, 0.02, 0.01)) == []
    assert len(gates.training_faults(line.format(0.5, 0.5, 0.1, 0.5, 0.5))) == 5
    assert gates.training_faults(line.format(0.9, 0.9, 0.95, 0.0, 0.0)) == [
        "accuracy in held-out families is 0.95, not between 0.25 and 0.85"
    ]


def test_half_of_the_evaluation_is_in_frames_that_the_corpus_lacks(documents: list[str]) -> None:
    from bootstruct.pocket.demo.evaluation_data import evaluation_rows

    known = {line.partition(". ")[2] for text in documents[:5000] for line in text.splitlines()}
    rows = [
        row for row in evaluation_rows(set()) if row["id"].endswith("_0") and FAMILIES[row["family"]].unseen_templates
    ]
    assert len(rows) > 100
    assert not [row for row in rows if row["instruction"] in known]


def test_what_the_corpus_teaches_is_right(documents: list[str]) -> None:
    import gates

    checked = 0
    for text in documents[:600]:
        for block in text.split("\n\n"):
            written = instructions_of(block)
            pairs = re.findall(r"Input: (.+)\nOutput: (.+)", block)
            for given, output in pairs if written and gates.BLANK not in block else []:
                assert check_instance(written[0], given, output) == "right"
                checked += 1
    assert checked > 1000


def test_documents_are_a_pure_function_of_their_number(documents: list[str]) -> None:
    import corpus

    assert [corpus.document(number) for number in range(50)] == documents[:50]
    assert corpus.document(0, seed=2) != documents[0]


def test_seeds_are_in_the_papers_format_and_right() -> None:
    rows = [json.loads(line) for line in (RECIPE / "seeds.jsonl").read_text(encoding="utf-8").splitlines()]
    assert 12 <= len(rows) <= 40
    for number, row in enumerate(rows):
        assert set(row) == {"id", "name", "instruction", "instances", "is_classification"}
        assert row["id"] == f"seed_task_{number}"
        (instance,) = row["instances"]
        assert check_instance(row["instruction"], instance["input"], instance["output"]) == "right"
        assert row["is_classification"] == FAMILIES[row["name"]].is_classification
    texts = [row["instruction"] for row in rows]
    assert max(rouge_l(one, other) for k, one in enumerate(texts) for other in texts[:k]) <= 0.7


def test_no_seed_and_no_demonstration_is_of_a_held_out_family() -> None:
    rows = [json.loads(line) for line in (RECIPE / "seeds.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = [row["instruction"] for row in rows]
    for name in ("classify", "input_first", "output_first"):
        found = instructions_of((RECIPE / f"{name}.jinja").read_text(encoding="utf-8"))
        assert len(found) >= 5
        texts += found
    for text in texts:
        task = read_instruction(text)
        assert isinstance(task, ReadTask)
        assert task.family.name not in HELD_OUT


def test_prompts_begin_with_the_headers_of_the_corpus_and_fit_the_context() -> None:
    for name, header in (
        ("propose", prompt_headers.PROPOSE),
        ("classify", prompt_headers.CLASSIFY),
        ("input_first", prompt_headers.INPUT_FIRST),
        ("output_first", prompt_headers.OUTPUT_FIRST),
    ):
        text = (RECIPE / f"{name}.jinja").read_text(encoding="utf-8")
        assert header + "\n" in text
        # A piece of the tokenizer is longer than two characters on average; the context is 1,024 pieces.
        assert len(text) < 2 * 1024 + 1024


def test_the_recipe_files_are_what_the_script_writes() -> None:
    pytest.importorskip("jinja2")
    if not (ROOT / "pocket" / "recipe.py").exists():
        pytest.skip("pocket/ lies in the repository, not in the package")
    sys.path.insert(0, str(ROOT / "pocket"))
    try:
        import recipe
    finally:
        sys.path.pop(0)
    for name, content in recipe.files().items():
        assert (RECIPE / name).read_text(encoding="utf-8") == content

"""The corpus and the recipe files: what the pocket model may see, and what it must never have seen."""

import json
import re
import sys
from pathlib import Path

import pytest

from bootstruct.pocket import headers
from bootstruct.pocket.families import FAMILIES
from bootstruct.pocket.held_out import HELD_OUT
from bootstruct.pocket.reading import Meant, check_instance, read_instruction
from bootstruct.stages.rouge import rouge_l

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "src" / "bootstruct" / "recipes" / "pocket"


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


def test_the_headline_format_is_absent_from_the_corpus(documents: list[str]) -> None:
    assert not [text for text in documents if "Answer:" in text]
    instructions = {text for text in documents if re.search(r"^Task: .*\nInput:", text, re.MULTILINE)}
    assert not instructions, "a task directly followed by its input is a format of the training examples"


def test_the_corpus_holds_every_family_and_every_header(documents: list[str]) -> None:
    whole = "\n".join(documents)
    for header in (
        headers.PROPOSE,
        headers.PROPOSE_CLASSIFICATION,
        headers.CLASSIFY,
        headers.INPUT_FIRST,
        headers.OUTPUT_FIRST,
    ):
        assert whole.count(header + "\n") > 100
    found = {
        meant.family.name
        for text in documents[:3000]
        for meant in map(read_instruction, instructions_of(text))
        if isinstance(meant, Meant)
    }
    assert found == set(FAMILIES)


def test_what_the_corpus_teaches_is_right(documents: list[str]) -> None:
    checked = 0
    for text in documents[:400]:
        for block in text.split("\n\n"):
            said = instructions_of(block)
            pairs = re.findall(r"Input: (.+)\nOutput: (.+)", block)
            for given, output in pairs if said else []:
                assert check_instance(said[0], given, output) == "right"
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
        meant = read_instruction(text)
        assert isinstance(meant, Meant)
        assert meant.family.name not in HELD_OUT


def test_prompts_begin_with_the_headers_of_the_corpus_and_fit_the_context() -> None:
    for name, header in (
        ("propose", headers.PROPOSE),
        ("classify", headers.CLASSIFY),
        ("input_first", headers.INPUT_FIRST),
        ("output_first", headers.OUTPUT_FIRST),
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

"""Parsing as the released code does, to the byte, with every reply of the public runs of that code."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.recipe import Recipe
from bootstruct.config.seeds import read_seeds
from bootstruct.journal.events import CandidatesJudged
from bootstruct.journal.state import State, apply
from bootstruct.stages.parsing import original
from bootstruct.stages.pool import Pool
from bootstruct.stages.rules import broken_rule
from bootstruct.stages.templates import fill
from bootstruct.stages.training_format import training_instances, without_field_name
from bootstruct.types import Candidate, Instance, Reply, Seed
from tests.support.paths import DATA

RUNS = DATA / "runs"
with_data = pytest.mark.skipif(not RUNS.is_dir(), reason=f"{RUNS}: the public runs are not on this machine")


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().decode().split("\n") if line.strip()]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return read_recipe(Path(str(recipe_folder("original") / "recipe.yaml")))


def texts(reply: str, finish: str = "stop") -> list[str]:
    found = original.parse_instructions(Reply(reply, finish))
    assert all(candidate.flaw is None for candidate in found)
    return [candidate.text for candidate in found]


def pairs(reply: str, is_classification: bool = False, finish: str = "stop") -> list[tuple[str, str]]:
    kept, _ = original.parse_instances(Reply(reply, finish), is_classification)
    return [(entry.input, entry.output) for entry in kept]


def reasons(reply: str, is_classification: bool = False, finish: str = "stop") -> list[tuple[str, str, str]]:
    _, rejected = original.parse_instances(Reply(reply, finish), is_classification)
    return [(entry.instance.input, entry.instance.output, entry.rule) for entry in rejected]


# the paper and its code: reading instructions


def test_only_a_newline_a_number_a_dot_and_a_blank_separate() -> None:
    assert texts(" Say a.\n10. Say b.\n11 . Say c.\n12.Say d.\n13) Say e.\n14: Say f.") == [
        "Say a.",
        "Say b.",
        "Say c. 12.say d. 13) say e. 14: say f.",
    ]


def test_a_number_at_the_very_beginning_stays() -> None:
    assert texts("9. Say a.\n10. Say b.") == ["9. say a.", "Say b."]


def test_case_is_lost_and_blanks_collapse() -> None:
    assert texts("  Name three\tNASA \n missions to   Mars. ") == ["Name three nasa missions to mars."]
    assert texts("  éCOLE and İstanbul") == ["École and i̇stanbul"]  # str.capitalize, as the original calls it


def test_a_year_before_a_dot_and_a_blank_at_a_line_start_separates() -> None:
    assert texts("Describe the war of\n1945. Give dates.") == ["Describe the war of", "Give dates."]


def test_a_reply_cut_at_max_tokens_is_dropped_whole() -> None:
    assert texts("Say a.\n10. Say b.\n11. Say", finish="length") == []


def test_empty_items_are_dropped() -> None:
    assert texts("\n10. \n11.  \n12. Say b.\n") == ["Say b."]
    assert texts("") == texts(" \n\t") == []


# the paper and its code: classification


@pytest.mark.parametrize("text", [" Yes", "yes\n", "YES", "\tYes "])
def test_yes_in_three_spellings_is_yes(text: str) -> None:
    assert original.parse_task_type(Reply(text))


@pytest.mark.parametrize("text", ["", "No", "yEs", "Yes.", "Yes, it is", "**Yes**", "true"])
def test_anything_else_is_no(text: str) -> None:
    assert not original.parse_task_type(Reply(text))


# the paper and its code: reading instances


def test_pairs_of_input_and_output() -> None:
    assert pairs("Example 1\nInput: a\nOutput: b\nExample 2\nInput: c\nOutput: d") == [("a", "b"), ("c", "d")]


def test_named_inputs_keep_their_names() -> None:
    assert pairs("Example 1\nSentence: a\nTense: past\nOutput: b") == [("Sentence: a\nTense: past", "b")]


@pytest.mark.parametrize("heading", ["Example 1", "Example1.", "Example", "Example  2", "Example 12."])
def test_headings_as_the_pattern_matches_them(heading: str) -> None:
    expected = [("2\nSay: a", "b")] if heading == "Example  2" else [("Say: a", "b")]  # one blank at most
    assert pairs(f"{heading}\nSay: a\nOutput: b") == expected


def test_without_heading_one_pair_to_the_second_output() -> None:
    assert pairs("Input: a\nOutput: b\nInput: c\nOutput: d") == [("a", "b")]
    assert pairs("Output: b\nmore of b") == [("", "b\nmore of b")]
    assert pairs("Output 1: b\nOutput 2: c") == [("", "b")]


def test_without_heading_and_output_nothing() -> None:
    assert pairs("The answer is b.") == reasons("The answer is b.") == []


def test_a_part_without_output_is_all_output() -> None:
    assert pairs("Example 1\nthe answer") == [("", "the answer")]


def test_an_output_ends_at_the_next_input() -> None:
    assert pairs("Example 1\nOutput: b\nInput 2: c") == [("", "b")]


def test_only_a_leading_input_marker_leaves_the_input() -> None:
    assert pairs("Example 1\nInput 3 : a\nInput: z\nOutput: b") == [("a\nInput: z", "b")]


def test_markers_have_one_case_and_may_be_anywhere() -> None:
    assert pairs("example 1\noutput: b") == []
    assert pairs("Output: The first Example is short. It helps.") == [("", "The first"), ("", "is short. It helps.")]
    assert pairs("Example 1\nInput: a\nOutput: it prints Output: 5") == [("a", "it prints")]


def test_classification_takes_the_label_first() -> None:
    assert pairs("Class label: Yes\nText: a\nClass label: No\nText: b\nmore", True) == [
        ("Text: a", "Yes"),
        ("Text: b\nmore", "No"),
    ]


def test_classification_without_a_label_gives_nothing() -> None:
    assert pairs("class label: Yes\nText: a", True) == []


def test_text_before_the_first_label_is_dropped() -> None:
    assert pairs("Sure.\nClass label: Yes\nText: a", True) == [("Text: a", "Yes")]


def test_a_label_without_input_is_kept() -> None:
    assert pairs("Class label: Yes", True) == [("", "Yes")]


def test_a_cut_reply_loses_its_last_instance() -> None:
    text = "Example 1\nInput: a\nOutput: b\nExample 2\nInput: c\nOutput: d"
    assert pairs(text, finish="length") == [("a", "b")]
    assert reasons(text, finish="length") == [("c", "d", "cut off")]
    assert pairs("Output: a long answer", finish="length") == []
    assert pairs("Class label: A\nText: a\nClass label: B\nText: b", True, "length") == [("Text: a", "A")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Example 1\nInput: a\nOutput: a", ("a", "a", "output repeats input")),
        ("Example 1\nInput: a\nOutput:", ("a", "", "empty output")),
        ("Example 1\nInput: a:\nOutput: b", ("a:", "b", "ends with a colon")),
        ("Example 1\nInput: a\nOutput: b:", ("a", "b:", "ends with a colon")),
    ],
)
def test_rejected_instances(text: str, reason: tuple[str, str, str]) -> None:
    assert pairs(text) == []
    assert reasons(text) == [reason]


def test_one_conflict_costs_the_whole_task() -> None:
    text = "Example 1\nInput: a\nOutput: b\nExample 2\nInput: a\nOutput: c\nExample 3\nInput: d\nOutput: e"
    assert pairs(text) == []
    assert [reason for *_, reason in reasons(text)] == ["conflicting outputs"] * 3


def test_two_outputs_without_input_are_no_conflict() -> None:
    assert pairs("Example 1\nOutput: b\nExample 2\nOutput: c") == [("", "b"), ("", "c")]


def test_duplicates_are_kept_once() -> None:
    assert pairs("Example 1\nInput: a\nOutput: b\nExample 2\nInput: a\nOutput: b") == [("a", "b")]


def test_a_rejected_instance_takes_no_part_in_a_conflict() -> None:
    text = "Example 1\nInput: a\nOutput: b\nExample 2\nInput: a\nOutput: c:"
    assert pairs(text) == [("a", "b")]


# The public runs


def replies(name: str) -> list[tuple[Reply, list[str]]]:
    """Every reply in a file of step 1, in order, with the instructions the original accepted from it."""
    found = []
    for _, group in itertools.groupby(rows(RUNS / name), key=lambda row: json.dumps(row["metadata"])):
        mine = list(group)
        answer = mine[0]["metadata"]["response"]
        if isinstance(answer, dict):
            choice = answer["choices"][0]
            reply = Reply(choice["text"], choice["finish_reason"] or "stop")
        else:
            reply = Reply(answer)
        found.append((reply, [row["instruction"] for row in mine]))
    return found


def official_seeds() -> tuple[Seed, ...]:
    return read_seeds(DATA / "official" / "seed_tasks.jsonl")


def judged(recipe: Recipe, name: str) -> Iterator[tuple[list[Candidate], list[str], list[str]]]:
    """(candidates read, accepted by us, accepted by the original) for each reply, the pool growing as it grew there."""
    state = State(recipe, official_seeds())
    pool = Pool(recipe).catch_up(state)
    for index, (reply, accepted) in enumerate(replies(name)):
        candidates = original.parse_instructions(reply)
        verdicts = pool.judge(index, candidates)
        apply(state, CandidatesJudged(index, (), verdicts))
        pool.catch_up(state)
        yield candidates, [verdict.text for verdict in verdicts if verdict.kept], accepted


@with_data
@pytest.mark.parametrize(
    ("name", "answers", "read", "candidates", "accepted"),
    [
        ("davinci_small/machine_generated_instructions.jsonl", 14, 85, 69, 67),
        ("davinci_two/machine_generated_instructions.jsonl", 22, 158, 140, 107),
        ("davinci_two/machine_generated_instructions_gpt.jsonl", 24, 152, 133, 114),
    ],
)
def test_step_1_of_a_public_run(
    recipe: Recipe, name: str, answers: int, read: int, candidates: int, accepted: int
) -> None:
    """The check values of the data call candidate what passed the rules, that is, what novelty is asked about."""
    result = list(judged(recipe, name))
    rules = recipe.propose.rules
    assert len(result) == answers
    assert sum(len(found) for found, _, _ in result) == read
    assert sum(broken_rule(rules, entry.text) is None for found, _, _ in result for entry in found) == candidates
    assert sum(len(ours) for _, ours, _ in result) == accepted
    assert [ours for _, ours, _ in result] == [theirs for _, _, theirs in result]


@with_data
def test_step_1_on_another_backend_with_its_one_known_gap(recipe: Recipe) -> None:
    result = list(judged(recipe, "2024_backend/machine_generated_instructions.jsonl"))
    differing = [(ours, theirs) for _, ours, theirs in result if ours != theirs]
    assert len(result) == 90
    assert sum(len(theirs) for _, _, theirs in result) == 306
    assert differing == [([*differing[0][1], "Can you tell me about your family?"], differing[0][1])]


def small_run() -> Iterator[tuple[str, Reply, bool]]:
    """(instruction, reply of step 3, is classification) of davinci_small."""
    folder = RUNS / "davinci_small"
    kinds = {
        row["instruction"]: row["is_classification"] for row in rows(folder / "is_clf_or_not_davinci_template_1.jsonl")
    }
    for row in rows(folder / "machine_generated_instances.jsonl"):
        finish = row["instance_metadata"]["response"]["choices"][0]["finish_reason"]
        kind = original.parse_task_type(Reply(kinds[row["instruction"]]))
        yield row["instruction"], Reply(row["raw_instances"], finish), kind


@with_data
def test_step_4_of_a_public_run() -> None:
    result = list(small_run())
    read = [(text, original.parse_instances(reply, kind)) for text, reply, kind in result]
    ours = {(text, entry.input, entry.output) for text, (kept, _) in read for entry in kept}
    theirs = {
        (row["instruction"], row["input"], row["output"])
        for row in rows(RUNS / "davinci_small" / "all_generated_instances.jsonl")
    }
    assert len(result) == 67
    assert sum(kind for _, _, kind in result) == 8
    assert sum(reply.is_cut for _, reply, _ in result) == 9
    assert sum(bool(kept) for _, (kept, _) in read) == 58
    assert sum(len(kept) for _, (kept, _) in read) == 78
    assert ours == theirs


@with_data
def test_every_encoded_row_of_a_public_run_is_one_of_ours(recipe: Recipe) -> None:
    """Which template a row has and whether the colon rule is applied was drawn: each must be among the possible ones."""
    machine = [
        (text, instance)
        for text, reply, kind in small_run()
        for instance in training_instances(recipe, text, original.parse_instances(reply, kind)[0])
    ]
    seeds = [(seed.instruction, instance) for seed in official_seeds() for instance in seed.instances]
    possible = {row for text, entry in (*machine, *seeds) for row in encodings(recipe, text, entry)}
    theirs = rows(RUNS / "davinci_small" / "gpt3_finetuning_data_253.jsonl")
    assert len(theirs) == len(machine) + len(seeds) == 253
    unknown = [row for row in theirs if (row["prompt"], row["completion"]) not in possible]
    assert unknown == []


def encodings(recipe: Recipe, text: str, instance: Instance) -> Iterator[tuple[str, str]]:
    encode = recipe.encode
    for given in (instance.input.strip(), without_field_name(recipe, instance.input.strip())):
        with_input = zip(encode.with_input, encode.completion_with_input, strict=True)
        without_input = zip(encode.without_input, encode.completion_without_input, strict=True)
        for prompt, completion in with_input if given else without_input:
            values = {"instruction": text.strip(), "input": given, "output": instance.output.strip()}
            yield fill(prompt, **values), fill(completion, **values) + encode.end

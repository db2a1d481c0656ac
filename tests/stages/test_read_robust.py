"""The robust reading: each fault of the original that concerns reading (the paper and its released code), then many messy replies."""

from pathlib import Path

import pytest
from messy_answers import CLASSIFIED, GENERATED, Answer
from messy_listings import BASE, CHAT, Listing

from bootstruct.domain import Candidate, Reply
from bootstruct.files import read_recipe, recipe_folder
from bootstruct.stages import read_original, read_robust
from bootstruct.stages.read_robust import CUT_OFF
from bootstruct.stages.rules import broken_rule


def original(reply: str, finish: str = "stop") -> list[str]:
    return [candidate.text for candidate in read_original.instructions(Reply(reply, finish))]


def robust(reply: str, finish: str = "stop", opened: int | None = 9) -> list[str]:
    return [each.text for each in read_robust.instructions(Reply(reply, finish), opened) if each.flaw is None]


def pairs(reader: object, reply: str, labels: bool = False, finish: str = "stop") -> list[tuple[str, str]]:
    kept, _ = reader.instances(Reply(reply, finish), labels)  # type: ignore[attr-defined]
    return [(each.input, each.output) for each in kept]


def name(case: Listing | Answer) -> str:
    return case.name


# The faults, one by one: what the original reads, what we read


def test_case_is_kept() -> None:
    reply = " Compare NASA and ESA.\n10. Who painted Guernica?"
    assert original(reply) == ["Compare nasa and esa.", "Who painted guernica?"]
    assert robust(reply) == ["Compare NASA and ESA.", "Who painted Guernica?"]


def test_a_year_ends_no_reply() -> None:
    """The original's stop string cuts the reply inside "2016."; ours stand at line starts."""
    told = " List the films of 2016. Rank them.\n10. Say why."
    stops = {name: stop_strings(name) for name in ("original", "paper")}
    assert any(stop in told for stop in stops["original"])
    assert not any(stop in told for stop in stops["paper"])
    assert robust(told) == ["List the films of 2016. Rank them.", "Say why."]


def test_a_blank_line_ends_no_reply() -> None:
    told = " Name a river.\n\n10. Name a hill."
    assert any(stop in told for stop in stop_strings("original"))
    assert not any(stop in told for stop in stop_strings("paper"))
    assert robust(told) == ["Name a river.", "Name a hill."]


def test_the_seventh_new_task_still_ends_a_reply() -> None:
    assert all(any(stop in f"\n{number} again" for stop in stop_strings("paper")) for number in ("16.", "16 .", "16)"))


def stop_strings(recipe: str) -> tuple[str, ...]:
    return read_recipe(Path(str(recipe_folder(recipe) / "recipe.yaml"))).propose.ask.sampling.stop


def test_a_cut_reply_loses_its_last_item_only() -> None:
    reply = " Name a river.\n10. Name a hill.\n11. Name a"
    assert original(reply, "length") == []
    assert robust(reply, "length") == ["Name a river.", "Name a hill."]
    assert read_robust.instructions(Reply(reply, "length"), 9)[-1] == Candidate("Name a", CUT_OFF)


def test_a_reply_cut_right_after_a_number_loses_nothing() -> None:
    assert robust(" Name a river.\n10. Name a hill.\n11.", "length") == ["Name a river.", "Name a hill."]


@pytest.mark.parametrize(
    "mark", ["10)", "Task 10:", "**10.**", "10.", "(10)", "### 10.", "10、", "**Task 10:**", "10 -"]
)
def test_markers_of_all_shapes(mark: str) -> None:
    blank = "" if mark == "10." else " "
    reply = f" Name a river.\n{mark}{blank}Name a hill."
    assert original(reply) == [f"Name a river. {mark}{blank}name a hill.".capitalize()]
    assert robust(reply) == ["Name a river.", "Name a hill."]


def test_bullets() -> None:
    reply = "- Name a river.\n- Name a hill."
    assert original(reply) == ["- name a river. - name a hill."]
    assert robust(reply, opened=None) == ["Name a river.", "Name a hill."]


def test_a_preamble_is_no_instruction() -> None:
    reply = "Sure! Here are 8 new tasks:\n9. Name a river.\n10. Name a hill."
    assert original(reply)[0] == "Sure! here are 8 new tasks:"
    assert robust(reply, opened=None) == robust(reply) == ["Name a river.", "Name a hill."]


def test_the_colon_of_an_announcing_item_does_not_make_it_a_preamble() -> None:
    assert robust(" Translate this:\n10. Name a hill.") == ["Translate this:", "Name a hill."]


def test_example_inside_an_answer() -> None:
    reply = "Output: Give an Example to each child."
    assert pairs(read_original, reply) == [("", "Give an"), ("", "to each child.")]
    assert pairs(read_robust, reply) == [("", "Give an Example to each child.")]


def test_a_second_output_and_input_inside_an_answer() -> None:
    reply = "Example 1\nInput: x = 2\nOutput: It asks for Input: and prints Output: 2"
    assert pairs(read_original, reply) == [("x = 2", "It asks for")]
    assert pairs(read_robust, reply) == [("x = 2", "It asks for Input: and prints Output: 2")]


def test_markers_of_any_case() -> None:
    reply = "EXAMPLE 1\nINPUT: a\noutput: b"
    assert pairs(read_original, reply) == []
    assert pairs(read_robust, reply) == [("a", "b")]
    reply = "class label: Yes\nText: a"
    assert pairs(read_original, reply, True) == []
    assert pairs(read_robust, reply, True) == [("Text: a", "Yes")]


def test_a_cut_answer_without_input_is_salvaged() -> None:
    sentence = "The tide comes in twice a day."
    reply = "Output: " + " ".join([sentence] * 5) + " And then"
    assert pairs(read_original, reply, finish="length") == []
    assert pairs(read_robust, reply, finish="length") == [("", " ".join([sentence] * 5))]


def test_a_cut_answer_with_input_is_not_salvaged() -> None:
    reply = "Example 1\nInput: a\nOutput: " + "The tide comes in. " * 9
    assert pairs(read_robust, reply, finish="length") == []


def test_a_conflict_costs_those_in_conflict_only() -> None:
    reply = "Example 1\nInput: a\nOutput: b\nExample 2\nInput: a\nOutput: c\nExample 3\nInput: d\nOutput: e"
    assert pairs(read_original, reply) == []
    assert pairs(read_robust, reply) == [("d", "e")]


def test_several_pairs_without_headings() -> None:
    reply = "Input: a\nOutput: b\nInput: c\nOutput: d"
    assert pairs(read_original, reply) == [("a", "b")]
    assert pairs(read_robust, reply) == [("a", "b"), ("c", "d")]


def test_an_input_that_was_not_answered_is_no_output() -> None:
    reply = "Example 1\nText: a\nOutput: b\nExample 2\nText: c"
    assert pairs(read_original, reply) == [("Text: a", "b"), ("", "Text: c")]
    assert pairs(read_robust, reply) == [("Text: a", "b")]


@pytest.mark.parametrize(
    ("reply", "ours", "theirs"),
    [
        (" Yes", True, True),
        ("No", False, False),
        ("Yes.", True, False),
        ("**Yes**", True, False),
        ("Answer: yes", True, False),
        ("Is it classification? Yes", True, False),
        ("yEs", True, False),
        ("No, yes would be wrong", False, False),
        ("Yesterday", False, False),
        ("<think>No labels? Yes, two.</think>\n\nNo", False, False),
        ("<think>Yes, two labels", False, False),
        ("", False, False),
        ("I am not sure", False, False),
    ],
)
def test_yes_and_no(reply: str, ours: bool, theirs: bool) -> None:
    assert read_robust.is_classification(Reply(reply)) is ours
    assert read_original.is_classification(Reply(reply)) is theirs


MANY_SCRIPTS = [
    "写一首关于秋天的诗。",
    "列出三种常见的水果，并说明它们的味道。",
    "일본의 수도는 어디인가요? 설명해 주세요.",
    "주어진 문장을 영어로 번역해 주세요.",
    "اكتب قصيدة قصيرة عن الخريف في المدينة.",
    "ما هي عاصمة اليابان ولماذا؟",
    "Écrivez un poème sur l'automne à Genève.",
    "Ändere den Satz so, dass er höflicher klingt.",
    "¿Cuál es la capital de Japón y por qué?",
    "Напиши короткое письмо соседу.",
    "秋について短い詩を書いてください。",
    "เขียนบทกวีเกี่ยวกับฤดูใบไม้ร่วง",
    "शरद ऋतु पर एक छोटी कविता लिखो।",
]


@pytest.mark.parametrize("recipe_name", ["paper", "chat"])
@pytest.mark.parametrize("text", MANY_SCRIPTS)
def test_every_script_passes_reading_and_rules(text: str, recipe_name: str) -> None:
    recipe = read_recipe(Path(str(recipe_folder(recipe_name) / "recipe.yaml")))
    reply = f" {text}\n10. Name a hill." if recipe.api == "text" else f"9. {text}\n10. Name a hill."
    assert robust(reply, opened=9 if recipe.api == "text" else None) == [text, "Name a hill."]
    assert broken_rule(recipe.propose.rules, text) is None


# Many messy replies


@pytest.mark.parametrize("case", [*BASE, *CHAT], ids=name)
def test_listing(case: Listing) -> None:
    found = read_robust.instructions(Reply(case.reply, "length" if case.cut else "stop"), case.opened)
    assert [candidate.text for candidate in found] == case.read
    flaws = [candidate.flaw for candidate in found]
    assert flaws == [*([None] * (len(found) - 1)), CUT_OFF] if case.flawed else not any(flaws)


@pytest.mark.parametrize("case", [*GENERATED, *CLASSIFIED], ids=name)
def test_answer(case: Answer) -> None:
    kept, refused = read_robust.instances(Reply(case.reply, "length" if case.cut else "stop"), case.labels)
    assert [(each.input, each.output) for each in kept] == case.kept
    assert tuple(each.rule for each in refused) == case.refused

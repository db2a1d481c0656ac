"""The robust parsers: each fault of the released code that concerns parsing, then many messy replies."""

from pathlib import Path

import pytest

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.stages.parsing import instances as instance_parser
from bootstruct.stages.parsing import instructions as text_parser
from bootstruct.stages.parsing import original as original_parser
from bootstruct.stages.parsing.cleanup import CUT_OFF
from bootstruct.stages.parsing.task_types import parse_task_type
from bootstruct.stages.rules import broken_rule
from bootstruct.types import Candidate, Reply
from tests.support.messy_answers import CLASSIFIED, GENERATED, Answer
from tests.support.messy_listings import BASE, CHAT, Listing


def original(reply: str, finish: str = "stop") -> list[str]:
    return [candidate.text for candidate in original_parser.parse_instructions(Reply(reply, finish))]


def robust(reply: str, finish: str = "stop", opened: int | None = 9) -> list[str]:
    return [
        instruction.text
        for instruction in text_parser.parse_instructions(Reply(reply, finish), opened)
        if instruction.flaw is None
    ]


def pairs(parser: object, reply: str, labels: bool = False, finish: str = "stop") -> list[tuple[str, str]]:
    kept, _ = parser.parse_instances(Reply(reply, finish), labels)  # type: ignore[attr-defined]
    return [(entry.input, entry.output) for entry in kept]


def name(case: Listing | Answer) -> str:
    return case.name


# The faults, one by one: what the original reads, what we read


def test_case_is_kept() -> None:
    reply = " Compare NASA and ESA.\n10. Who painted Guernica?"
    assert original(reply) == ["Compare nasa and esa.", "Who painted guernica?"]
    assert robust(reply) == ["Compare NASA and ESA.", "Who painted Guernica?"]


def test_a_year_ends_no_reply() -> None:
    """The original's stop string cuts the reply inside "2016."; ours stand at line starts."""
    result = " List the films of 2016. Rank them.\n10. Say why."
    stops = {name: stop_strings(name) for name in ("original", "paper")}
    assert any(stop in result for stop in stops["original"])
    assert not any(stop in result for stop in stops["paper"])
    assert robust(result) == ["List the films of 2016. Rank them.", "Say why."]


def test_a_blank_line_ends_no_reply() -> None:
    result = " Name a river.\n\n10. Name a hill."
    assert any(stop in result for stop in stop_strings("original"))
    assert not any(stop in result for stop in stop_strings("paper"))
    assert robust(result) == ["Name a river.", "Name a hill."]


def test_the_seventh_new_task_still_ends_a_reply() -> None:
    assert all(any(stop in f"\n{number} again" for stop in stop_strings("paper")) for number in ("16.", "16 .", "16)"))


def stop_strings(recipe: str) -> tuple[str, ...]:
    return read_recipe(Path(str(recipe_folder(recipe) / "recipe.yaml"))).propose.ask.sampling.stop


def test_a_cut_reply_loses_its_last_item_only() -> None:
    reply = " Name a river.\n10. Name a hill.\n11. Name a"
    assert original(reply, "length") == []
    assert robust(reply, "length") == ["Name a river.", "Name a hill."]
    assert text_parser.parse_instructions(Reply(reply, "length"), 9)[-1] == Candidate("Name a", CUT_OFF)


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


def test_a_preamble_is_not_an_instruction() -> None:
    reply = "Sure! Here are 8 new tasks:\n9. Name a river.\n10. Name a hill."
    assert original(reply)[0] == "Sure! here are 8 new tasks:"
    assert robust(reply, opened=None) == robust(reply) == ["Name a river.", "Name a hill."]


def test_the_colon_of_an_announcing_item_does_not_make_it_a_preamble() -> None:
    assert robust(" Translate this:\n10. Name a hill.") == ["Translate this:", "Name a hill."]


def test_example_inside_an_answer() -> None:
    reply = "Output: Give an Example to each child."
    assert pairs(original_parser, reply) == [("", "Give an"), ("", "to each child.")]
    assert pairs(instance_parser, reply) == [("", "Give an Example to each child.")]


def test_a_second_output_and_input_inside_an_answer() -> None:
    reply = "Example 1\nInput: x = 2\nOutput: It asks for Input: and prints Output: 2"
    assert pairs(original_parser, reply) == [("x = 2", "It asks for")]
    assert pairs(instance_parser, reply) == [("x = 2", "It asks for Input: and prints Output: 2")]


def test_markers_of_any_case() -> None:
    reply = "EXAMPLE 1\nINPUT: a\noutput: b"
    assert pairs(original_parser, reply) == []
    assert pairs(instance_parser, reply) == [("a", "b")]
    reply = "class label: Yes\nText: a"
    assert pairs(original_parser, reply, True) == []
    assert pairs(instance_parser, reply, True) == [("Text: a", "Yes")]


def test_a_cut_output_without_input_is_salvaged() -> None:
    sentence = "The tide comes in twice a day."
    reply = "Output: " + " ".join([sentence] * 5) + " And then"
    assert pairs(original_parser, reply, finish="length") == []
    assert pairs(instance_parser, reply, finish="length") == [("", " ".join([sentence] * 5))]


def test_a_cut_output_with_input_is_not_salvaged() -> None:
    reply = "Example 1\nInput: a\nOutput: " + "The tide comes in. " * 9
    assert pairs(instance_parser, reply, finish="length") == []


def test_a_conflict_costs_those_in_conflict_only() -> None:
    reply = "Example 1\nInput: a\nOutput: b\nExample 2\nInput: a\nOutput: c\nExample 3\nInput: d\nOutput: e"
    assert pairs(original_parser, reply) == []
    assert pairs(instance_parser, reply) == [("d", "e")]


def test_several_pairs_without_headings() -> None:
    reply = "Input: a\nOutput: b\nInput: c\nOutput: d"
    assert pairs(original_parser, reply) == [("a", "b")]
    assert pairs(instance_parser, reply) == [("a", "b"), ("c", "d")]


def test_an_input_without_output_is_no_output() -> None:
    reply = "Example 1\nText: a\nOutput: b\nExample 2\nText: c"
    assert pairs(original_parser, reply) == [("Text: a", "b"), ("", "Text: c")]
    assert pairs(instance_parser, reply) == [("Text: a", "b")]


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
        ("Yesterday", None, False),
        ("<think>No labels? Yes, two.</think>\n\nNo", False, False),
        ("<think>Yes, two labels", None, False),
        ("", None, False),
        ("I am not sure", None, False),
    ],
)
def test_yes_and_no(reply: str, ours: bool | None, theirs: bool) -> None:
    assert parse_task_type(Reply(reply), False) is ours
    assert original_parser.parse_task_type(Reply(reply)) is theirs


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
def test_every_script_passes_parsing_and_rules(text: str, recipe_name: str) -> None:
    recipe = read_recipe(Path(str(recipe_folder(recipe_name) / "recipe.yaml")))
    reply = f" {text}\n10. Name a hill." if recipe.api == "text" else f"9. {text}\n10. Name a hill."
    assert robust(reply, opened=9 if recipe.api == "text" else None) == [text, "Name a hill."]
    assert broken_rule(recipe.propose.rules, text) is None


# Many messy replies


@pytest.mark.parametrize("case", [*BASE, *CHAT], ids=name)
def test_messy_lists(case: Listing) -> None:
    found = text_parser.parse_instructions(Reply(case.reply, "length" if case.cut else "stop"), case.opened)
    assert [candidate.text for candidate in found] == case.read
    flaws = [candidate.flaw for candidate in found]
    assert flaws == [*([None] * (len(found) - 1)), CUT_OFF] if case.flawed else not any(flaws)


@pytest.mark.parametrize("case", [*GENERATED, *CLASSIFIED], ids=name)
def test_messy_instances(case: Answer) -> None:
    kept, rejected = instance_parser.parse_instances(Reply(case.reply, "length" if case.cut else "stop"), case.labels)
    assert [(entry.input, entry.output) for entry in kept] == case.kept
    assert tuple(entry.rule for entry in rejected) == case.rejected


def test_a_cut_output_that_repeats_itself_is_rejected_by_name() -> None:
    for loop in ('1. "A-B" 2. "A-B" 3. "A-B" ' * 20, "It is made of paper. " * 30):
        _, rejected = instance_parser.parse_instances(Reply("Output: " + loop, "length"), False)
        assert [instance.rule for instance in rejected] == ["output repeats itself"]
    words = "Noah keeps three old bees near the gate while Ada reads aloud from her book of rivers and hills. ".split()
    varied = " ".join(f"{words[n % 7]} {words[n % 5 + 7]} {words[n % 6 + 12]}." for n in range(40))
    assert instance_parser.parse_instances(Reply("Output: " + varied, "length"), False)[0]
    assert instance_parser.parse_instances(Reply("Output: " + "I will not run. " * 30), False)[
        0
    ]  # whole: perhaps it was asked for


def test_the_number_of_an_item_that_was_cut_off_goes() -> None:
    item = "An owl hunts by night in {}."
    listed = " ".join(f"{number}. " + item.format(place) for number, place in enumerate("barns woods parks".split(), 1))
    listed += " 4. Some hawks follow the tractor to catch mice. 5."
    assert pairs(instance_parser, "Output: " + listed + " Ot", finish="length") == [("", listed.removesuffix(" 5."))]


def test_an_empty_field_at_the_end_is_no_part_of_the_output() -> None:
    assert pairs(instance_parser, " A knife.\nOutput: It is in the car.\nOutput:") == [
        ("A knife.", "It is in the car.")
    ]
    assert pairs(instance_parser, "\nOutput: It is in the car.\nOutput:\n") == [("", "It is in the car.")]


def test_an_output_that_is_the_instruction_or_nothing_is_rejected_by_name() -> None:
    kept, rejected = instance_parser.parse_instances(Reply("Output: Name  a bird."), False, "Name a bird.")
    assert (kept, [instance.rule for instance in rejected]) == ((), ["output repeats instruction"])
    assert instance_parser.parse_instances(Reply("Input: x\nOutput: Name a bird."), False, "Name a bird.")[0]
    assert [instance.rule for instance in instance_parser.parse_instances(Reply("\nOutput:"), False)[1]] == [
        "empty output"
    ]

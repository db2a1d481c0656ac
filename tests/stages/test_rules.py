"""Every rule of every shipped recipe: what it rejects, and what it must accept."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstruct.config.loading import read_recipe, recipe_folder, recipe_names
from bootstruct.config.recipe import Recipe, Rule
from bootstruct.stages.rules import breaks, broken_output_rule, broken_rule, count_words
from bootstruct.types import Instance

RECIPES: dict[str, Recipe] = {
    name: read_recipe(Path(str(recipe_folder(name) / "recipe.yaml"))) for name in recipe_names()
}
OURS = ["paper", "chat"]


def verdict(recipe: str, text: str) -> str | None:
    return broken_rule(RECIPES[recipe].propose.rules, text)


def words(count: int) -> str:
    return " ".join(["Say"] + ["word"] * (count - 1))


def test_the_order_of_the_original() -> None:
    """the paper and its code: length, words, "Write a program", punctuation, ASCII."""
    names = [rule.name for rule in RECIPES["original"].propose.rules]
    assert names == [
        "too short",
        "too long",
        "needs more than text",
        "asks for a program",
        "starts with punctuation",
        "starts outside ASCII",
    ]


@pytest.mark.parametrize("recipe", ["original", *OURS])
@pytest.mark.parametrize(
    ("count", "rule"), [(1, "too short"), (3, "too short"), (4, None), (150, None), (151, "too long")]
)
def test_lengths(recipe: str, count: int, rule: str | None) -> None:
    assert verdict(recipe, words(count)) == rule


@pytest.mark.parametrize("recipe", OURS)
def test_lengths_count_characters_where_a_script_writes_no_blanks(recipe: str) -> None:
    assert verdict(recipe, "写一首") == "too short"
    assert verdict(recipe, "写一首诗") is None
    assert verdict(recipe, "写" * 150) is None
    assert verdict(recipe, "写" * 151) == "too long"
    assert verdict("original", "Say 写一首关于秋天的诗。") == "too short"  # two words between blanks


def test_counting() -> None:
    assert count_words(" one\ttwo \n three ") == 3
    assert count_words("写一首诗 now") == 2
    assert count_words("写一首诗 now", "any script") == 5
    assert count_words("한국어 문장 하나", "any script") == 3  # Hangul writes blanks
    assert count_words("ครับ", "any script") == 4
    assert count_words("") == count_words("", "any script") == 0


@given(st.text())
def test_counting_agrees_on_ascii_and_never_counts_less(text: str) -> None:
    assert count_words(text, "any script") >= count_words(text)
    if text.isascii():
        assert count_words(text, "any script") == count_words(text)


BLACKLIST = [
    "image",
    "images",
    "graph",
    "graphs",
    "picture",
    "pictures",
    "file",
    "files",
    "map",
    "maps",
    "draw",
    "plot",
    "go to",
]


@pytest.mark.parametrize("word", BLACKLIST)
def test_the_blacklist_of_the_original(word: str) -> None:
    assert verdict("original", f"Say what one {word} is for.") == "needs more than text"
    assert verdict("original", f"{word.upper()} is the word to use.") == "needs more than text"
    assert verdict("original", f"Say what pre{word} and {word}ly mean.") is None


HARMLESS = [
    "Map a function over every element of the list.",
    "Write how to file a complaint about noise at night.",
    "Tell the plot of a story about two sisters.",
    "Draw a conclusion from the two statements.",
    "Draw the line between advice and an order.",
    "Explain how to go to sleep earlier.",
    "Name the parts of a nail file.",
    "Say who drew up the first map of the moon.",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_words_with_another_sense_are_kept(text: str) -> None:
    assert verdict("original", text) == "needs more than text"
    assert [verdict(recipe, text) for recipe in OURS] == [None, None]


BEYOND_TEXT = [
    "Describe what happens in the following image.",
    "Say who is to be seen in this photo.",
    "Summarize the attached video in two sentences.",
    "Transcribe the audio clip word by word.",
    "Write a caption for the given picture.",
    "Explain the trend shown in this bar chart.",
    "Draw a cat that sits on a mat.",
    "Plot the monthly sales of the shop.",
    "Sketch a house with two windows.",
    "Go to the website and sign up.",
    "Rate THIS SCREENSHOT of a menu.",
]


@pytest.mark.parametrize("text", BEYOND_TEXT)
def test_tasks_that_text_cannot_do_are_rejected(text: str) -> None:
    assert [verdict(recipe, text) for recipe in OURS] == ["needs more than text"] * 2


def test_the_original_lets_video_and_audio_pass() -> None:
    assert verdict("original", "Summarize the attached video in two sentences.") is None
    assert verdict("original", "Transcribe the audio clip word by word.") is None


@pytest.mark.parametrize("recipe", OURS)
@pytest.mark.parametrize(
    "text",
    [
        "Explain how a video camera works.",
        "Describe the MP3 audio format to a beginner.",
        "Come up with a slogan for a photo studio.",
    ],
)
def test_tasks_about_media_that_need_text_only(recipe: str, text: str) -> None:
    assert verdict(recipe, text) is None


@pytest.mark.parametrize("recipe", OURS)
@pytest.mark.parametrize(
    "text",
    [
        "Look at the graph and say when sales peaked.",
        "Use the attached map to find the shortest way.",
        "Open the attached file and count its lines.",
    ],
)
def test_tasks_with_something_attached(recipe: str, text: str) -> None:
    assert verdict(recipe, text) == "needs more than text"


@pytest.mark.parametrize("recipe", ["original", *OURS])
def test_programs(recipe: str) -> None:
    assert verdict(recipe, "Write a program that sorts names.") == "asks for a program"
    assert verdict(recipe, "Write a Python function that sorts names.") is None
    assert verdict(recipe, "Explain how to write a program that sorts.") is None


@pytest.mark.parametrize("recipe", ["original", *OURS, "pocket"])
@pytest.mark.parametrize("mark", string.punctuation)
def test_a_first_character_of_ascii_punctuation(recipe: str, mark: str) -> None:
    assert verdict(recipe, f"{mark} say what it means.") == "starts with punctuation"


@pytest.mark.parametrize("first", ["é", "¿", "“", "写", "ع", "\u00a0x"])
def test_a_first_character_outside_ascii(first: str) -> None:
    text = f"{first}ay what it means in five words."
    assert verdict("original", text) == "starts outside ASCII"
    assert [verdict(recipe, text) for recipe in OURS] == [None, None]


@pytest.mark.parametrize("recipe", OURS)
def test_refusals_of_a_model_are_rejected(recipe: str) -> None:
    assert verdict(recipe, "I'm sorry, but I can't help with that.") == "is a refusal"
    assert verdict(recipe, "As an AI, I have no opinion.") == "is a refusal"
    assert verdict(recipe, "I cannot write these tasks.") == "is a refusal"
    assert verdict(recipe, 'Rewrite "I cannot come" politely.') is None
    assert verdict(recipe, "I cannottranslate this: help me.") is None


@pytest.mark.parametrize("recipe", OURS)
@pytest.mark.parametrize("text", ["I’m sorry, but I can’t help with that.", "Sorry, but I can't assist with that."])
def test_refusals_as_models_write_them_are_rejected(recipe: str, text: str) -> None:
    assert verdict(recipe, text) == "is a refusal"


def test_the_pocket_recipe_wants_whole_sentences() -> None:
    assert verdict("pocket", "Name a river in the") == "breaks off"
    assert verdict("pocket", "Name a river in the north.") is None
    assert verdict("pocket", "Is this a river or not?") is None
    assert verdict("pocket", words(61) + ".") == "too long"
    assert verdict("pocket", words(60) + ".") is None


def test_the_first_broken_rule_gives_the_name() -> None:
    rules = (Rule("first", matches="x"), Rule("second", matches="x"), Rule("third", words_at_most=0))
    assert broken_rule(rules, "x") == "first"
    assert broken_rule(rules[::-1], "x") == "second"
    assert broken_rule(rules, "y") is None
    assert broken_rule((), "y") is None


@pytest.mark.parametrize("recipe", RECIPES)
@given(text=st.text(min_size=1))
def test_any_text_gets_a_verdict(recipe: str, text: str) -> None:
    rules = RECIPES[recipe].propose.rules
    name = broken_rule(rules, text)
    assert [rule.name for rule in rules if breaks(rule, text)][:1] == ([] if name is None else [name])


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_expression_is_case_blind_and_sound(recipe: str) -> None:
    for rule in RECIPES[recipe].propose.rules:
        assert rule.matches is None or re.compile(rule.matches)
        assert rule.matches is None or rule.matches == rule.matches.strip()  # YAML's folding left nothing behind


@pytest.mark.parametrize("recipe", ["chat", "alpaca"])
@pytest.mark.parametrize(
    ("output", "rule"),
    [
        ("The task is completed successfully!", "output is a placeholder"),
        ("Task has been completed.", "output is a placeholder"),
        ("The task is completed by two people on Monday.", None),
    ],
)
def test_a_report_that_a_task_is_done_is_no_output(recipe: str, output: str, rule: str | None) -> None:
    assert broken_output_rule(RECIPES[recipe].instances.output_rules, Instance("", output)) == rule


def test_recipes_agree_on_what_a_refusal_is() -> None:
    """The same rules stand in several recipes, since a run folder holds its recipe whole."""
    assert RECIPES["alpaca"].instances.output_rules == RECIPES["chat"].instances.output_rules
    shared = {rule.name for rule in RECIPES["chat"].propose.rules} & {
        rule.name for rule in RECIPES["paper"].propose.rules
    }
    assert "is a refusal" in shared
    for name in shared - {"too long", "too short"}:
        rules = [next(r for r in RECIPES[recipe].propose.rules if r.name == name) for recipe in ("chat", "paper")]
        assert rules[0] == rules[1], name

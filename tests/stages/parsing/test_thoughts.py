"""What a model thought is never read as its answer."""

import pytest

from bootstruct.stages.parsing.thoughts import split_thought
from bootstruct.stages.unread_replies import CUT_WHILE_THINKING, EMPTY, FILTERED, REFUSAL, TOOL_CALLS, unread_reason
from bootstruct.types import Reply

MARKED = {  # the reply -> its answer
    "no thought": ("Yes", "Yes"),
    "tags": ("<think>\nIs it No?\n</think>\n\nYes", "Yes"),
    "no opening tag": ("Is it No? Hardly.\n</think>\n\nYes", "Yes"),
    "unclosed": ("<think>\nIs it No?", ""),
    "empty thought": ("<think>\n\n</think>\n\nYes", "Yes"),
    "nested": ("<think>a<think>No</think>b</think>Yes", "Yes"),
    "an opening tag is spoken of in the thought": ("<think>They may want <think> tags. No.</think>\nYes", "Yes"),
    "upper case": ("<THINK>No</THINK>Yes", "Yes"),
    "thinking": ("<thinking>No</thinking>\n\nYes", "Yes"),
    "two thoughts": ("<think>No</think>\n<think>No again</think>\nYes", "Yes"),
    "a thought after a greeting": ("Let me see.\n<think>\nNo\n</think>\nYes", "Let me see.\n\nYes"),
    "Kimi": ("◁think▷No◁/think▷Yes", "Yes"),
    "Magistral": ("[THINK]No[/THINK]Yes", "Yes"),
    "Command A": ("<|START_THINKING|>No<|END_THINKING|><|START_RESPONSE|>Yes<|END_RESPONSE|>", "Yes"),
    "Gemma": ("<|channel>thought\nNo\n<channel|>Yes", "Yes"),
    "MedGemma": ("<unused94>thought\nNo<unused95>Yes", "Yes"),
    "Apertus": ("<|inner_prefix|>No<|inner_suffix|>Yes", "Yes"),
    "Seed": ("<seed:think>No</seed:think>Yes", "Yes"),
    "Granite": ("Here is my thought process:\nNo, yes.\n\nHere is my response:\nYes", "Yes"),
    "Granite cut": ("Here's my thought process:\nNo, yes", ""),
    "wrapped answer": ("<think>No</think>\n<answer>\nYes\n</answer>", "Yes"),
    "GLM box": ("<|begin_of_box|>Yes<|end_of_box|>", "Yes"),
    "harmony": ("<|channel|>analysis<|message|>No<|end|><|start|>assistant<|channel|>final<|message|>Yes<|return|>", "Yes"),
    "harmony with a constraint": ("<|channel|>analysis<|message|>No<|end|><|start|>assistant<|channel|>final "
                                  "<|constrain|>json<|message|>Yes", "Yes"),
    "harmony with commentary": ("<|channel|>commentary<|message|>No<|end|><|channel|>final<|message|>Yes", "Yes"),
    "harmony cut": ("<|channel|>analysis<|message|>No, ", ""),
    "harmony without its first token": ("analysis<|message|>No<|end|><|start|>assistant<|channel|>final<|message|>Yes", "Yes"),
    "leaked channels": ("analysisThe user wants No?assistantfinalYes", "Yes"),
    "leaked channels with commentary": ("analysisNo.assistantcommentaryNo.assistantfinalYes", "Yes"),
    "leaked channels cut": ("analysisWe need to say No", ""),
    "a sentence about analysis": ("Analysis of rivers.", "Analysis of rivers."),
    "a word that begins alike": ("analysis of rivers", "analysis of rivers"),
    "a tag in the answer": ("Put your thoughts between <think> and </think>.", "Put your thoughts between <think> and </think>."),
    "an opening tag in the answer": ('{"tasks": ["Explain the tag <think>."]}', '{"tasks": ["Explain the tag <think>."]}'),
    "a quoted closing tag": ("Explain what `</think>` ends.", "Explain what `</think>` ends."),
}  # fmt: skip


@pytest.mark.parametrize("name", MARKED)
def test_thought_and_answer_are_split(name: str) -> None:
    text, answer = MARKED[name]
    split = split_thought(text)
    assert split.answer.strip() == answer
    assert len(split.thought) + len(split.answer) <= len(text)
    assert bool(split.thought) == (answer != text and "box" not in text)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("<think>Hm", "length"), CUT_WHILE_THINKING),
        (Reply("<think>Hm", "max_tokens"), CUT_WHILE_THINKING),
        (Reply("<think>Hm"), CUT_WHILE_THINKING),  # stopped by a stop string of the recipe
        (Reply("", "length", thought="Hm"), CUT_WHILE_THINKING),
        (Reply("", "length"), CUT_WHILE_THINKING),  # the server keeps the thought to itself
        (Reply("<think>Hm</think>", "stop"), EMPTY),
        (Reply(" \n"), EMPTY),
        (Reply("I can't help with that.", "refusal"), REFUSAL),
        (Reply("", "content_filter"), FILTERED),
        (Reply("", "SAFETY"), FILTERED),
        (Reply("9. Name a", "content_filter"), ""),
        (Reply("<think>Hm</think>Yes", "length"), ""),
        (Reply("", "tool_calls"), TOOL_CALLS),
        (Reply('{"place": "Rome"}', "function_call"), TOOL_CALLS),  # the arguments, in the place of the text
        (Reply('{"tasks": ["Name a fruit."]}', "tool_calls"), ""),  # an answer as JSON, put into a call
        (Reply("1. Name a fruit.", "tool_calls"), ""),
        (Reply("No"), ""),
    ],
)
def test_a_reply_without_an_answer_is_named(reply: Reply, reason: str) -> None:
    assert unread_reason(reply) == reason

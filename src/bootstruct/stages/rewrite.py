"""The outputs of a task's instances written anew, as a conversation: one question each, its reply is the new output."""

from collections.abc import Generator

from bootstruct.domain import Instance, Instruction, Prompt, Refused, Reply
from bootstruct.recipe import Ask, Recipe
from bootstruct.stages.draw import sample_number
from bootstruct.stages.propose import prompt_of
from bootstruct.stages.read_original import Read, broken
from bootstruct.stages.said import CUT_OFF, LABEL, OUTPUT, SHORT_LABEL, said


def rewrite(
    recipe: Recipe, ask: Ask, task: Instruction, is_classification: bool, kept: tuple[Instance, ...]
) -> Generator[Prompt, Reply, Read]:
    """Ask for the output of each instance that was kept. What comes back is refused by the rules for instances, as
    `rewritten: empty output` and the like; an instance whose new output is refused does not keep its old one."""
    made, refused = [], []
    for number, old in enumerate(kept):
        sample = sample_number(recipe.seed, "rewrite", number, task.text)
        values = {"instruction": task.text, "input": old.input, "is_classification": is_classification}
        reply = yield prompt_of(recipe, ask, f"rewrite/{number}", sample, **values)
        new = Instance(old.input, read_output(reply, is_classification))
        rule = CUT_OFF if reply.is_cut else broken(new)
        if rule is None:
            made.append(new)
        else:
            refused.append(Refused(new, f"rewritten: {rule}"))
    return tuple(dict.fromkeys(made)), tuple(refused)


def read_output(reply: Reply, is_classification: bool) -> str:
    """The output in a reply: all of it, but for thoughts, end tokens, and the name of the field where it was repeated."""
    text = said(reply.text).strip()
    for name in (OUTPUT, LABEL, SHORT_LABEL) if is_classification else (OUTPUT,):
        if match := name.match(text):
            return text[match.end() :].strip()
    return text

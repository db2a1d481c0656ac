"""Write the seeds and prompts of the recipe `pocket` from the micro-world, into the package's recipes/pocket.

There are twenty seeds with one instance each. The prompt that proposes instructions shows six of them at a time, in one of
38,760 selections. That is enough for variety, while a model trained on the seeds alone still sees few tasks. No seed and no
demonstration belongs to a held-out family.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from corpus import input_first_block

from bootstruct.pocket.world import prompt_headers
from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.grammar import render
from bootstruct.pocket.world.held_out_families import HELD_OUT

SEEDS = (
    "list_reverse", "sentiment", "plural", "name_some", "topic", "list_nth", "past_tense", "antonym", "parity",
    "translate", "letter", "capital", "spam", "animal_sound", "add", "continent", "negate", "repeat_word",
    "extract", "true_false",
)  # fmt: skip
_KINDS = (
    "list_count", "sentence_kind", "comparative", "season", "color_of", "sort_numbers", "number_of_noun",
    "to_question", "urgency", "pronoun", "tense", "who_gave", "double", "list_same", "sentence_about", "category",
)  # fmt: skip
_INPUT_FIRST = (
    "list_without", "color_of", "sentence_about", "to_question", "double", "greeting", "who_gave",
)  # fmt: skip
_OUTPUT_FIRST = (
    "sentence_kind", "season", "number_of_noun", "urgency", "category",
)  # fmt: skip
_RECIPE = Path(__file__).parents[1] / "src" / "bootstruct" / "config" / "recipes" / "pocket"
_PROPOSE = """{{% if only_classification -%}}
{class_header}
{{% else -%}}
{header}
{{% endif -%}}
{{% for example in examples -%}}
{{{{ loop.index }}}}. {{{{ example }}}}
{{% endfor -%}}
{{{{ examples | length + 1 }}}}.
"""


def _bare(name: str, rng: Random) -> tuple[str, dict[str, str]]:
    """Return an instruction of the family without a sentence before or after it, and the values of its slots."""
    family = FAMILIES[name]
    params = family.params(rng)
    return render(rng.choice(family.templates), rng, params), params


def seeds() -> str:
    """Return the seed file: JSON Lines in the format of the paper's seed tasks."""
    lines = []
    for number, name in enumerate(SEEDS):
        rng = Random(f"pocket seed/{name}")
        family = FAMILIES[name]
        params = family.params(rng)
        text, output = family.instance(rng, params)
        row = {
            "id": f"seed_task_{number}", "name": name, "instruction": family.instruction(rng, params),
            "instances": [{"input": text, "output": output}], "is_classification": family.is_classification,
        }  # fmt: skip
        lines.append(json.dumps(row) + "\n")
    return "".join(lines)


def classify_prompt() -> str:
    """Return the prompt that asks whether a task is classification: solved tasks, then the place of the new one."""
    rng = Random("pocket classify")
    blocks = [prompt_headers.CLASSIFY]
    for name in _KINDS:
        kind = "Yes" if FAMILIES[name].is_classification else "No"
        blocks.append(f"Task: {_bare(name, rng)[0]}\nIs it classification? {kind}")
    return "\n\n".join([*blocks, "Task: {{ instruction }}\nIs it classification?\n"])


def input_first_prompt() -> str:
    """Return the prompt for instances, input before output: tasks with examples, then the place of the new one."""
    rng = Random("pocket input first")
    blocks = [prompt_headers.INPUT_FIRST, *(input_first_block(rng, FAMILIES[name]) for name in _INPUT_FIRST)]
    return "\n\n".join([*blocks, "Task: {{ instruction }}\n\n"])


def output_first_prompt() -> str:
    """Return the prompt for instances of classification tasks.

    It has tasks with an input for each label, then the place of the new task.
    """
    rng = Random("pocket output first")
    blocks = [prompt_headers.OUTPUT_FIRST]
    for name in _OUTPUT_FIRST:
        text, params = _bare(name, rng)
        lines = [f"Task: {text}"]
        for label in rng.sample(FAMILIES[name].labels, min(3, len(FAMILIES[name].labels))):
            lines += [f"Class label: {label}", f"Input: {FAMILIES[name].instance(rng, params, label)[0]}"]
        blocks.append("\n".join(lines))
    return "\n\n".join([*blocks, "Task: {{ instruction }}\n\n"])


def files() -> dict[str, str]:
    """Return the content of every file that this module writes, by name."""
    assert not set(SEEDS + _KINDS + _INPUT_FIRST + _OUTPUT_FIRST) & set(HELD_OUT)
    return {
        "seeds.jsonl": seeds(),
        "propose.jinja": _PROPOSE.format(
            header=prompt_headers.PROPOSE, class_header=prompt_headers.PROPOSE_CLASSIFICATION
        ),
        "classify.jinja": classify_prompt(),
        "input_first.jinja": input_first_prompt(),
        "output_first.jinja": output_first_prompt(),
    }


def write(folder: Path = _RECIPE) -> None:
    """Write the files."""
    for name, content in files().items():
        (folder / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    write()

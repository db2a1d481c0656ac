"""The formats of the untuned model's evaluation: its best one, and all of them with `--full`."""

from typing import Final

from bootstruct.config.loading import recipe_folder

HEADLINE: Final = "{{ instruction }}\n{% if input %}{{ input }}\n{% endif %}Answer:"  # a format that the corpus lacks
FEW_SHOT: Final = "few-shot"  # the prompt that instances are written with, and the task's input after it
_INPUT = "{% if input %}Input: {{ input }}\n"
FORMATS: Final[dict[str, str]] = {
    "headline": HEADLINE,
    "paper": "{{ instruction }}\n\n" + _INPUT + "\n{% endif %}Output:",
    "task": "Task: {{ instruction }}\n" + _INPUT + "{% endif %}Output:",
    "example": "Task: {{ instruction }}\n{% if input %}Example 1\nInput: {{ input }}\n{% endif %}Output:",
    "question": "Question: {{ instruction }}{% if input %} {{ input }}{% endif %}\nAnswer:",
    "arrow": "{{ instruction }}\n{{ input }} ->",
    "sentence": "{{ instruction }} {{ input }}",
}
_PLACE_OF_TASK: Final = "Task: {{ instruction }}"  # the end of the recipe's prompt for instances


def format_template(name: str) -> str:
    r"""Return the template of a format: `instruction` and `input` -> the text that the model continues.

    `few-shot` is the pocket recipe's own prompt for instances with its solved tasks, and then the format `example`:
    it shows what the model can do after examples, instead of with a bare instruction.

    Example:
        >>> format_template("arrow")
        '{{ instruction }}\n{{ input }} ->'
    """
    if name != FEW_SHOT:
        return FORMATS[name]
    text = recipe_folder("pocket").joinpath("input_first.jinja").read_text(encoding="utf-8")
    return text.split(_PLACE_OF_TASK)[0] + FORMATS["example"]

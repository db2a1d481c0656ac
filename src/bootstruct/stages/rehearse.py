"""A recipe tried out on nothing, so that its faults show before anything is paid for."""

from collections.abc import Iterator, Mapping

from bootstruct.domain import Instance, Instruction
from bootstruct.errors import BadInput
from bootstruct.events import SHARED
from bootstruct.recipe import Recipe
from bootstruct.stages.checks import Checks
from bootstruct.stages.draw import draw_hints
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import prompt_of, propose_values
from bootstruct.stages.templates import fill


def rehearse(recipe: Recipe) -> None:
    """Fill every template and build the novelty index. Raises BadInput where something of it cannot work."""
    Pool(recipe)
    _propose(recipe)
    if recipe.classify_together is not None:
        prompt_of(recipe, recipe.classify_together, SHARED, 0, instructions=["An instruction.", "Another one."])
    for ask in (recipe.classify, recipe.instances.input_first, recipe.instances.output_first):
        prompt_of(recipe, ask, "instances", 0, instruction="An instruction.")
    if recipe.instances.rewrite is not None:
        values = {"instruction": "An instruction.", "input": "An input.", "is_classification": False}
        prompt_of(recipe, recipe.instances.rewrite, "rewrite/0", 0, **values)
    checks, task = Checks(recipe), Instruction("0.0", "An instruction.")
    for check in recipe.checks:
        for given in ("An input.", "") if check.ask else ():
            checks.question(check, task, Instance(given, "An output."), 0)
    rules = recipe.encode
    for template in (
        *rules.with_input,
        *rules.without_input,
        *rules.completion_with_input,
        *rules.completion_without_input,
    ):
        fill(template, instruction="An instruction.", input="An input.", output="An output.")


class _Watched(Mapping[str, str]):
    """Hints that remember which of them were looked at."""

    def __init__(self, hints: dict[str, str]) -> None:
        self._hints, self.seen = hints, set[str]()

    def __getitem__(self, name: str) -> str:
        self.seen.add(name)
        return self._hints[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._hints)

    def __len__(self) -> int:
        return len(self._hints)


def _propose(recipe: Recipe) -> None:
    """The first request, with a made-up example: every hint must be used by its template, and no other."""
    hints = _Watched(draw_hints(recipe.propose, recipe.seed, 0))
    shown = [Instruction("0.0", "An example.", (Instance("An input.", "An output."),))]
    prompt_of(recipe, recipe.propose.ask, "propose", 0, **propose_values(recipe, shown), hints=hints)
    if idle := [name for name in hints if name not in hints.seen]:
        raise BadInput(
            f"propose.hints.{idle[0]}: the prompt of propose.ask does not use it; write {{{{ hints.{idle[0]} }}}} where it "
            "belongs, or take it out of the hints."
        )

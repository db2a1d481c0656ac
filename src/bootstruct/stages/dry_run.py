"""Try out a recipe without a model, so that its faults show before anything is paid for."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from bootstruct.config.recipe import Recipe
from bootstruct.errors import InputError
from bootstruct.journal.keys import SHARED
from bootstruct.stages.constraints import check_constraints
from bootstruct.stages.draw import draw_hints
from bootstruct.stages.followups import turn_prompts
from bootstruct.stages.house_style import draw_worked_seeds
from bootstruct.stages.instance_checks import InstanceChecks
from bootstruct.stages.passages import passage_values
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import build_prompt, template_values
from bootstruct.stages.revisions import example_values
from bootstruct.stages.templates import fill
from bootstruct.types import Instance, Instruction, Passage, Seed

_PASSAGE = Passage("a.txt", 0, 10, "A passage.", "A heading")


def dry_run(recipe: Recipe) -> None:
    """Fill every template of a recipe once, and build its novelty index.

    Raises:
        InputError: a template, a hint, a check or a novelty setting cannot work.
    """
    Pool(recipe)
    check_constraints(recipe)
    _propose(recipe)
    if recipe.propose.evolve is not None:
        for way in recipe.propose.evolve.ways:
            build_prompt(recipe, recipe.propose.evolve.ask, "propose", 0, instruction="An instruction.", way=way)
    if recipe.classify_together is not None:
        build_prompt(recipe, recipe.classify_together, SHARED, 0, instructions=["An instruction.", "Another one."])
    build_prompt(recipe, recipe.classify, "kind", 0, instruction="An instruction.")
    seeds = [Seed("0", "A seed task.", (Instance("An input.", "An output."),), False)]
    worked = draw_worked_seeds(recipe.instances, recipe.seed, Instruction("0.0", "An instruction."), False, seeds)
    for ask in (recipe.instances.input_first, recipe.instances.output_first):
        build_prompt(recipe, ask, "instances", 0, instruction="An instruction.", worked=worked)
    if recipe.instances.rewrite is not None:
        values = {"instruction": "An instruction.", "input": "An input.", "is_classification": False}
        values |= {**passage_values(recipe, _PASSAGE), "worked": ()} if recipe.documents else {}
        build_prompt(recipe, recipe.instances.rewrite, "rewrite/0", 0, **values)
    _documents(recipe)
    _turns(recipe)
    checks, task = InstanceChecks(recipe), Instruction("0.0", "An instruction.")
    for check in recipe.checks:
        if check.revise is not None:
            values = example_values(check, recipe.propose.with_instances)
            build_prompt(recipe, check.revise, "propose", 0, **values)
        for given in ("An input.", ""):
            checks.first_prompts(check, task, 0, Instance(given, "An output."))
    rules = recipe.encode
    for template in (
        *rules.with_input,
        *rules.without_input,
        *rules.completion_with_input,
        *rules.completion_without_input,
    ):
        fill(template, instruction="An instruction.", input="An input.", output="An output.")


def _documents(recipe: Recipe) -> None:
    """Build the requests about a passage, with that of the first one."""
    if recipe.documents is None:
        return
    shown = [Instruction("0.0", "An example.", (Instance("An input.", "An output."),))]
    values = {**template_values(recipe, shown), "hints": draw_hints(recipe.propose, recipe.seed, 0)}
    values |= passage_values(recipe, _PASSAGE)
    build_prompt(recipe, recipe.documents.ask, "propose", 0, **values)
    values = {"instruction": "An instruction.", "is_classification": False, "worked": []}
    values |= passage_values(recipe, _PASSAGE)
    build_prompt(recipe, recipe.documents.answer, "instances", 0, **values)


def _turns(recipe: Recipe) -> None:
    """Build the requests for a further turn, with each intent."""
    if (followups := recipe.followups) is not None:
        for intent in followups.intents:
            list(turn_prompts(replace(recipe, followups=replace(followups, intents=(intent,)))))


class _RecordedHints(Mapping[str, str]):
    """Hints that record which of them a template uses."""

    def __init__(self, hints: dict[str, str]) -> None:
        self._hints, self.used = hints, set[str]()

    def __getitem__(self, name: str) -> str:
        self.used.add(name)
        return self._hints[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._hints)

    def __len__(self) -> int:
        return len(self._hints)


def _propose(recipe: Recipe) -> None:
    """Build the first request with a made-up example; its template must use every hint, and no other."""
    hints = _RecordedHints(draw_hints(recipe.propose, recipe.seed, 0))
    shown = [Instruction("0.0", "An example.", (Instance("An input.", "An output."),))]
    build_prompt(recipe, recipe.propose.ask, "propose", 0, **template_values(recipe, shown), hints=hints)
    if unused := [name for name in hints if name not in hints.used]:
        raise InputError(
            f"propose.hints.{unused[0]}: the prompt of propose.ask does not use it; write {{{{ hints.{unused[0]} }}}} where it "
            "belongs, or remove it from the hints."
        )

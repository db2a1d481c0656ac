"""The commands that finetune and evaluate each model, with digests of everything that they depend on."""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bootstruct.engines.local.load import place_of as model_folder
from bootstruct.journal.state import State
from bootstruct.pocket.demo.evaluation_data import NEW_TOKENS
from bootstruct.pocket.demo.experiment_configs import SeededModel
from bootstruct.pocket.demo.options import EVALUATION_ROWS, PROMPTS, RUN, DemoOptions, numbered
from bootstruct.pocket.demo.steps import CommandStep, digest

BASE_MODEL = ""  # the key of the base model among the sources


def model_steps(options: DemoOptions, seeded: SeededModel, sources: Mapping[str, str]) -> list[CommandStep]:
    """List the steps of a model: its finetuning, unless it is the model as it was, and its evaluation.

    Args:
        options: the demo's options.
        seeded: the model.
        sources: digests of all sources, as `source_digests` gives them.
    """
    steps, name, made_of = [], options.model, sources[BASE_MODEL]
    if seeded.config.setting is not None:
        words = finetune_command(seeded, options.model.removeprefix("hf/"))
        name, made_of = f"hf/./{finetuned_folder(seeded)}", digest(words, made_of, sources[seeded.source])
        steps.append(CommandStep("finetuning", seeded.config.label, words, finetuned_folder(seeded), made_of))
    output, template = evaluation_folder(seeded), prompt_file(seeded.config.asked_in)
    words = (
        "evaluate", "user-tasks", "--model", name, "--tasks", EVALUATION_ROWS, "--prompt", template,
        "--new-tokens", str(NEW_TOKENS), "--out", output, "--quiet",
    )  # fmt: skip
    made_of = digest(words, made_of, sources[EVALUATION_ROWS], sources[template])
    return [*steps, CommandStep("evaluation", seeded.config.label, words, output, made_of)]


def finetune_command(seeded: SeededModel, base: str) -> tuple[str, ...]:
    """Return the words of the command that finetunes a model, to run in the demo's folder.

    Args:
        seeded: a model with settings.
        base: the base model, as `finetune --model` takes it.
    """
    setting = seeded.config.setting
    assert setting is not None
    subset = ("--tasks", str(seeded.config.tasks)) if seeded.config.is_subset else ()
    return (
        "finetune", seeded.source, *subset, "--model", base, "--out", finetuned_folder(seeded), "--max-steps",
        str(setting.steps), "--learning-rate", f"{setting.rate:g}", "--seed", str(seeded.seed), "--held-out", "0",
        "--quiet",
    )  # fmt: skip


def finetuned_folder(seeded: SeededModel) -> str:
    """Return the folder of a finetuned model, in the demo's folder."""
    return f"models/{seeded.name}"


def evaluation_folder(seeded: SeededModel) -> str:
    """Return the folder of a model's evaluation, in the demo's folder."""
    return f"evaluations/{seeded.name}"


def prompt_file(name: str) -> str:
    """Return the file of a format's template, in the demo's folder."""
    return f"{PROMPTS}/{name}.jinja"


def source_digests(options: DemoOptions, states: Sequence[State], models: Iterable[SeededModel]) -> dict[str, str]:
    """Return a digest of everything that a model may be made of, by its path in the demo's folder.

    Args:
        options: the demo's options.
        states: the runs, the first one first.
        models: the models that are made.
    """
    digests = {BASE_MODEL: base_model_digest(options.model)}
    for generation, state in enumerate(states, 1):
        names = {task.name: task.text for task in state.accepted}
        grown = [
            [names[completed.task], *map(dataclasses.astuple, completed.instances)]
            for completed in state.completed.values()
        ]
        digests[numbered(RUN, generation)] = digest(state.recipe.digest(), state.seeds, sorted(grown, key=str))
    files = {EVALUATION_ROWS} | {
        path for seeded in models for path in (seeded.source, prompt_file(seeded.config.asked_in))
    }
    for name in files - {""} - set(digests):
        path = options.folder / name
        digests[name] = digest(path.read_text(encoding="utf-8")) if path.is_file() else ""
    return digests


def base_model_digest(model: str) -> str:
    """Return a digest of a base model.

    For the pocket model it is that of the weights, for a folder that of the names, sizes and times of its files, for a
    model elsewhere that of its name.
    """
    if model == "pocket":
        weights = Path(model_folder(model, is_pocket=True)) / "model.safetensors"
        return hashlib.sha256(weights.read_bytes()).hexdigest()
    folder = Path(model.removeprefix("hf/"))
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return digest(model, [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files])

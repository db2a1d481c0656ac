"""Do the study's steps in order: base model, rows, generation, training data, training, evaluation, summary."""

import dataclasses
import json
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from base_model import write_base_model
from evaluation_rows import Row, draw, read_sets
from likelihood import Likelihood
from measurements import Measurements
from options import (
    FORMATS,
    HUMAN,
    LONGEST_EXAMPLE,
    OWN,
    RATES,
    READING,
    SEED_INSTRUCTIONS,
    SEEDS,
    SELF_INSTRUCT,
    SHUFFLED,
    TEMPLATES,
    TRAINED_FORMATS,
    UNFILTERED,
    UNTRAINED,
    Options,
)
from steps import Steps, alone, meter, say
from summary import summary
from training_rows import (
    Item,
    human_items,
    invented_items,
    rows_with_seeds,
    seed_items,
    seed_rows,
    seed_rows_in_templates,
    shuffled,
    to_read,
    written_items,
)

import bootstruct as bs
from bootstruct.config.loading import recipe_folder
from bootstruct.errors import InputError, RunStoppedError
from bootstruct.io.files import write_whole
from bootstruct.journal.state import State
from bootstruct.pocket.demo.more_instances import seed_instances
from bootstruct.run.folder import read_plan, read_run

CHANGES = {  # to the recipe `paper`
    "propose.lag.least": 24,
    "propose.ask.sampling.max_tokens": 400,
    "instances.input_first.sampling.temperature": 0.7,
    "instances.output_first.sampling.temperature": 0.7,
    "instances.input_first.sampling.max_tokens": 160,
    "instances.output_first.sampling.max_tokens": 160,
}


WRITTEN = {  # what the model has to write for an arm
    SEED_INSTRUCTIONS: (("generation", "instances"),),
    SELF_INSTRUCT: (("generation", "run"),),
    SHUFFLED: (("generation", "run"),),
    UNFILTERED: (("generation", "run"), ("generation", "unfiltered")),
}


class Study:
    """A study in a folder.

    Attributes:
        options: the options.
        threads: the number of torch's threads.
        steps: records what is done.
    """

    def __init__(self, options: Options, threads: int) -> None:
        """Open the folder, or begin a study in it.

        Raises:
            InputError: the folder holds another study, or the arm `human` has no file.
        """
        self.options, self.threads = options, threads
        if HUMAN in options.arms and options.human is None:
            raise InputError("arm human: --human names the file of human-written instructions.")
        self.steps = Steps(options.out, options.settings())
        self.steps.planned = list(dict.fromkeys(self._planned()))

        self.base = self._path("base")

    def run(self) -> None:
        """Do all steps that are not done. Several processes may do this at once, for example with different arms."""
        import torch

        torch.set_num_threads(self.threads)
        base = self.steps.once("base", "model", lambda: write_base_model(self.options.model, self._path("base")))
        self.base = Path(base["folder"])
        self.measurements = Measurements(self.options, self.steps, self.base, self._drawn_rows())
        for _, generation, arm in self._models():
            self._data(arm, generation)
        self.measurements.score(UNTRAINED, FORMATS)
        self.measurements.answer(UNTRAINED, UNTRAINED)
        self.measurements.label(UNTRAINED, UNTRAINED)
        self.steps.once("check", "precision", self.measurements.compare_precision)
        rate = self._choose_rate()
        for seed, generation, arm in self._models():
            name = model_name(arm, generation, seed)
            self._train(name, arm, generation, seed, rate)
            self.measurements.score(name, TRAINED_FORMATS)
        for seed, generation, arm in self._models():
            self.measurements.answer(model_name(arm, generation, seed), arm)
            self.measurements.label(model_name(arm, generation, seed), arm)

    def write_summary(self) -> Path:
        """Write the summary of the results so far, and return its file."""
        path = self.options.out / "summary.json"
        write_whole(path, (json.dumps(summary(self.options, self.steps, self.threads), indent=1) + "\n").encode())
        return path

    def _generations(self) -> range:
        return range(1, self.options.sizes.generations + 1)

    def _models(self) -> Iterator[tuple[int, int, str]]:
        """Yield the trained models as (finetuning seed, generation seed, arm); those that the tests need come first."""
        for seed in range(1, self.options.sizes.finetunings + 1):
            for generation in self._generations():
                for arm in self.options.arms:
                    if arm in OWN or generation == 1:
                        yield seed, generation, arm

    def _planned(self) -> Iterator[tuple[str, str]]:
        yield from (("base", "model"), ("rows", "drawn"))
        for _, generation, arm in self._models():
            yield from ((sort, f"{name}-{generation}") for sort, name in WRITTEN.get(arm, ()))
            yield "data", f"{arm}-{generation}"
        for sort in ("scores", "answers", "labels"):
            yield sort, UNTRAINED
        yield "check", "precision"
        for rate in RATES:
            yield from (("training", f"rate-{rate:g}"), ("rates", f"{rate:g}"))
        for seed, generation, arm in self._models():
            name = model_name(arm, generation, seed)
            yield from (("training", name), ("scores", name), ("answers", name), ("labels", name))

    def _path(self, *names: str) -> Path:
        return self.options.out.joinpath(*names)

    def _drawn_rows(self) -> list[Row]:
        def work() -> dict[str, Any]:
            model = Likelihood(self.base)
            sets = read_sets(self.options.data)
            rows, too_long = draw(
                sets, self.options.sizes, lambda row: sum(map(len, model.tokens(row, "plain", row.output)))
            )
            return {"rows": [dataclasses.asdict(row) for row in rows], "too long": too_long}

        return [Row(**row) for row in self.steps.once("rows", "drawn", work)["rows"]]

    def _run(self, generation: int) -> Path:
        """Return the run folder of a generation seed, and make it if it does not exist."""
        folder, recipe = self._path("runs", str(generation)), self._path(f"recipe-{generation}.yaml")
        with alone(self._path(f"recipe-{generation}.lock")):
            if not folder.is_dir():
                write_recipe(recipe, self.options.recipe, CHANGES | {"seed": 42 + generation})
                bs.init(folder, recipe=recipe, model=f"hf/{self.base.resolve()}", seeds=self.options.seeds)
        return folder

    def _grow(self, folder: Path, tasks: int | None) -> dict[str, Any]:
        show = meter("tasks completed")
        result = bs.generate(folder, tasks, on_progress=lambda now: show(now.completed, now.goal or 0))
        status = result.run.status()
        return {
            "accepted": status.accepted,
            "candidates": status.candidates,
            "rejected": dict(status.rejected),
            "completed": status.completed,
            "instances": status.instances,
            "replies": status.replies,
            "tokens": status.prompt_tokens + status.completion_tokens,
            "classification": sum(bool(task.is_classification) for task in result.run.tasks),
            "stopped": result.stopped,
        }

    def _items(self, arm: str, generation: int) -> list[Item]:
        """Return the examples of an arm besides the seeds, and have the model write those that do not exist yet."""
        if arm == HUMAN:
            assert self.options.human is not None
            return human_items(self.options.human)
        run = self._run(generation)
        if arm == SEED_INSTRUCTIONS:
            self.steps.once("generation", f"instances-{generation}", lambda: self._write_instances(generation))
            rows = json.loads(self._path(f"instances-{generation}.json").read_text(encoding="utf-8"))
            return written_items(
                bs.open(run).seeds, {name: [bs.Instance(**row) for row in own] for name, own in rows.items()}
            )
        self.steps.once("generation", f"run-{generation}", lambda: self._grow(run, self.options.sizes.tasks))
        if arm == UNFILTERED:
            folder = self._path("runs", f"{generation}-unfiltered")
            self.steps.once("generation", f"unfiltered-{generation}", lambda: self._grow_unfiltered(generation, folder))
            run = folder
        return invented_items(read_run(run))

    def _write_instances(self, generation: int) -> dict[str, Any]:
        """Have the model write instances for the seed instructions (arm 3)."""
        recipe, seeds = read_plan(self._run(generation))
        folder = self._path("instances", str(generation))
        folder.parent.mkdir(exist_ok=True)
        model, requests = f"hf/{self.base.resolve()}", self.options.sizes.requests
        written = seed_instances(State(recipe, seeds), model, folder, requests)
        rows = {name: [dataclasses.asdict(instance) for instance in instances] for name, instances in written.items()}
        write_whole(self._path(f"instances-{generation}.json"), (json.dumps(rows, indent=1) + "\n").encode())
        return {"instances": sum(map(len, rows.values())), "seeds with instances": sum(map(bool, rows.values()))}

    def _grow_unfiltered(self, generation: int, folder: Path) -> dict[str, Any]:
        """Make the run as it would be without the novelty filter (arm 5).

        The replies of the filtered run are judged again with a threshold that rejects nothing as too similar, and the tasks
        that this adds are completed.
        """
        recipe = self._path(f"recipe-{generation}-unfiltered.yaml")
        if not folder.is_dir():
            write_recipe(
                recipe, self.options.recipe, CHANGES | {"seed": 42 + generation, "propose.novelty.threshold": 1.0}
            )
            run, model = self._path("runs", str(generation)), f"hf/{self.base.resolve()}"
            bs.init(folder, rejudge=run, recipe=recipe, model=model)
        return self._grow(folder, len(bs.open(folder).tasks))

    def _data(self, arm: str, generation: int) -> Any:
        """Write the training rows of an arm, once."""
        return self.steps.once("data", f"{arm}-{generation}", lambda: self._write_data(arm, generation))

    def _write_data(self, arm: str, generation: int) -> dict[str, Any]:
        """Write the training rows of an arm, and return how many there are of each kind.

        Raises:
            RunStoppedError: the arm has too few rows.
        """
        from transformers import AutoTokenizer

        number, tokenizer = self.options.sizes.examples, AutoTokenizer.from_pretrained(self.base)
        recipe, seeds = read_plan(self._run(generation))
        if arm in (SEEDS, TEMPLATES):
            make = seed_rows if arm == SEEDS else seed_rows_in_templates
            return self._write_rows(make(recipe, seeds, number), arm, generation, tokenizer)

        def is_short(item: Item) -> bool:
            text = f"{item.instruction}\n{item.instance.input}\n{item.instance.output}"
            return len(tokenizer(text)["input_ids"]) <= LONGEST_EXAMPLE

        items = self._items(SELF_INSTRUCT if arm == SHUFFLED else arm, generation)
        short, own = list(filter(is_short, items)), seed_items(seeds)[: number // 2]  # all, unless of toy size
        rows = rows_with_seeds(recipe, own, short)[:number]
        if len(rows) < number:
            raise RunStoppedError(
                f"Arm {arm} has only {len(rows)} examples of {number}: the model wrote too few; choose smaller sizes in "
                "options.py, and another folder."
            )
        reading = self._path(READING)
        if arm == SELF_INSTRUCT and not reading.is_file():
            write_whole(reading, (json.dumps(to_read(short[: number - len(own)]), indent=1) + "\n").encode())
        if arm == SHUFFLED:
            rows = shuffled(rows, generation)
        written = {"seed examples": len(own), "written": len(items), "short enough": len(short)}
        return written | self._write_rows(rows, arm, generation, tokenizer)

    def _write_rows(self, rows: Sequence[dict[str, Any]], arm: str, generation: int, tokenizer: Any) -> dict[str, Any]:
        """Write training rows, and return the numbers of examples, of distinct examples and of tokens."""
        path = self._path("data", f"{arm}-{generation}.jsonl")
        path.parent.mkdir(exist_ok=True)
        write_whole(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
        return {
            "examples": len(rows),
            "distinct": len({json.dumps(row) for row in rows}),
            "tokens": sum(len(tokenizer(row["prompt"] + row["completion"])["input_ids"]) for row in rows),
        }

    def _train(self, name: str, arm: str, generation: int, seed: int, rate: float) -> Any:
        """Finetune a model with `bootstruct.finetune`, once.

        An unfinished training starts anew, because it takes only minutes.
        """
        folder, data = self._path("models", name), self._path("data", f"{arm}-{generation}.jsonl")
        tried = f"rate-{rate:g}"

        def work() -> dict[str, Any]:
            shutil.rmtree(folder, ignore_errors=True)
            if name == model_name(TEMPLATES, 1, 1):  # it was trained when the rate was chosen
                shutil.copytree(self._path("models", tried), folder)
                return self.steps.result("training", tried)  # type: ignore[no-any-return]
            result = bs.finetune(
                data, model=str(self.base), out=folder, epochs=1.0, learning_rate=rate, held_out=0.0, seed=seed,
                trainer={"bf16": True, "save_strategy": "no", **SPEED}, on_step=lambda line: say(f"  {line}"),
            )  # fmt: skip
            trained = result.trained
            return {
                "arm": arm,
                "generation": generation,
                "seed": seed,
                "rate": rate,
                "steps": trained.steps,
                "loss": trained.loss,
                "tokens": result.rows.size,
                "learnt": result.rows.learnt,
                "tokens per second": round(trained.tokens_per_second, 1),
            }

        return self.steps.once("training", name, work)

    def _choose_rate(self) -> float:
        """Train arm 2 with each learning rate, and return the rate with the lowest loss on the development part."""
        found: dict[float, float] = {}
        for rate in RATES:
            name = f"rate-{rate:g}"
            self._data(TEMPLATES, 1)
            self._train(name, TEMPLATES, 1, 1, rate)

            found[rate] = self.steps.once("rates", f"{rate:g}", partial(self.measurements.development_loss, name))
        return min(found, key=lambda rate: (found[rate], rate))


SPEED: dict[str, Any] = {"per_device_train_batch_size": 8}


def model_name(arm: str, generation: int, seed: int) -> str:
    """Return the name of a model in the study's folder."""
    return arm if arm == UNTRAINED else f"{arm}-{generation}-{seed}"


def write_recipe(path: Path, name: str, changes: dict[str, Any]) -> None:
    """Write a shipped recipe with changed values, which are given by dotted keys."""
    mapping = yaml.safe_load((recipe_folder(name) / "recipe.yaml").read_text(encoding="utf-8"))
    for key, value in changes.items():
        *outer, last = key.split(".")
        place = mapping
        for name in outer:
            place = place[name]
        place[last] = value
    write_whole(path, yaml.safe_dump(mapping, sort_keys=False, allow_unicode=True).encode())

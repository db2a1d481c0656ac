"""The measurements of the study's models: likelihoods of the references, answers, and labels of classification tasks."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evaluation_rows import Row, answer_rows, label_rows
from likelihood import Likelihood
from options import (
    NEW_TOKENS,
    TRAINED_FORMATS,
    UNTRAINED,
    Options,
)
from steps import Steps, meter
from summary import best_format, lowest

import bootstruct as bs
from bootstruct.errors import RunStoppedError
from bootstruct.io.files import write_whole


class Measurements:
    """Measures models and makes each measurement once.

    Args:
        options: the options of the study.
        steps: records which measurements are done.
        base: the folder of the base model.
        rows: the rows of the evaluation.
    """

    def __init__(self, options: Options, steps: Steps, base: Path, rows: Sequence[Row]) -> None:
        self.options, self.steps, self.base, self.rows = options, steps, base, rows

    def score(self, name: str, forms: Sequence[str]) -> Any:
        """Measure the likelihood of the references: development rows in all formats, test rows in those of the tests.

        The formats of the tests are plain, chat and the one with the lowest loss on the development part.
        """
        dev, test = self._part("dev"), self._part("test")

        def work() -> dict[str, Any]:
            model, found = Likelihood(self._folder(name)), dict[str, Any](dev={}, test={})
            for form in forms:
                found["dev"][form] = self._per_token(model, dev, form, meter(f"development rows in {form}"))
            for form in sorted({*TRAINED_FORMATS, lowest(found["dev"])}):
                found["test"][form] = self._per_token(model, test, form, meter(f"test rows in {form}"))
            return found

        return self.steps.once("scores", name, work)

    def _part(self, part: str) -> list[Row]:
        return [row for row in self.rows if row.part == part]

    def _per_token(
        self,
        model: Likelihood,
        rows: Sequence[Row],
        form: str,
        show: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[float]:
        """Return the negative log-likelihood of the rows' references in nats per token."""
        losses = model.losses([(row, form, row.output) for row in rows], show)
        return [round(loss / model.size(row.output), 5) for loss, row in zip(losses, rows, strict=True)]

    def compare_precision(self) -> dict[str, float]:
        """Compare bf16 with fp32 on the development part, with the untrained model."""
        model = Likelihood(self.base, is_bf16=False)
        low, high = (
            self.steps.result("scores", UNTRAINED)["dev"]["plain"],
            self._per_token(model, self._part("dev"), "plain"),
        )
        gaps = [a - b for a, b in zip(low, high, strict=True)]
        return {"rows": len(gaps), "mean": sum(gaps) / len(gaps), "largest": max(map(abs, gaps))}

    def development_loss(self, name: str) -> float:
        """Return the loss of a model on the development part in nats per token, averaged over `TRAINED_FORMATS`."""
        model, dev = Likelihood(self._folder(name)), self._part("dev")
        losses = [loss for form in TRAINED_FORMATS for loss in self._per_token(model, dev, form)]
        return round(sum(losses) / len(losses), 5)

    def label(self, name: str, arm: str) -> Any:
        """Measure which label of each classification task has the highest likelihood, in the arm's best format."""
        form = best_format(self.options, self.steps, arm)

        def work() -> dict[str, Any]:
            model, tasks = Likelihood(self._folder(name)), label_rows()[: self.options.sizes.labels or None]
            losses = iter(
                model.losses([(row, form, label) for row, labels in tasks for label in labels], meter("labels"))
            )
            right = {}
            for row, labels in tasks:
                own = {label: next(losses) for label in labels}
                right[row.task] = min(own, key=lambda label: own[label]) == row.output
            return {"format": form, "right": right}

        return self.steps.once("labels", name, work)

    def _folder(self, name: str) -> Path:
        return self.base if name == UNTRAINED else self.options.out / "models" / name

    def answer(self, name: str, arm: str) -> Any:
        """Have a model write answers greedily, and score them as `bootstruct evaluate` does."""
        form = best_format(self.options, self.steps, arm)

        def work() -> dict[str, Any]:
            tasks, prompt = self.options.out / "answers.jsonl", self.options.out / f"prompt-{form}.jinja"
            rows = answer_rows(self.rows, self.options.sizes.answers)
            texts = [
                {
                    "id": f"{n}",
                    "instruction": row.instruction,
                    "instances": [{"input": row.input, "output": row.output}],
                }
                for n, row in enumerate(rows)
            ]
            write_whole(tasks, "".join(json.dumps(text) + "\n" for text in texts).encode())
            write_whole(prompt, prompt_template(form).encode())
            result = bs.evaluate.user_tasks(
                f"hf/{self._folder(name).resolve()}",
                tasks,
                prompt=prompt,
                out=self.options.out / "evaluations" / name,
                new_tokens=NEW_TOKENS,
                api="chat" if form == "chat" else "text",
            )
            if result.stopped:
                raise RunStoppedError(result.stopped)
            return {"format": form, **scores_of(result, rows)}

        return self.steps.once("answers", name, work)


def scores_of(result: bs.evaluate.EvaluationResult, rows: Sequence[Row]) -> dict[str, Any]:
    """Return ROUGE-L by task, of answers that are cut as the evaluation cuts them."""
    table = result.scorecards[0].tables["raw"]
    by_task: dict[str, list[float]] = {}
    for n, row in enumerate(rows):
        by_task.setdefault(f"{row.source}/{row.task}", []).append(table.tasks[f"{n}"].rouge_l)
    return {"rouge": {task: sum(values) / len(values) for task, values in by_task.items()}}


def prompt_template(form: str) -> str:
    """Return a format as a Jinja2 template."""
    from evaluation_rows import FORM

    if form == "chat":
        return "{{ instruction }}{% if input %}\n\n{{ input }}{% endif %}"
    with_input, without = (text.replace("{", "{{ ").replace("}", " }}") for text in FORM[form])
    return "{% if input %}" + with_input + "{% else %}" + without + "{% endif %}"

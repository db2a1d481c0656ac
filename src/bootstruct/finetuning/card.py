"""The model card: the model, its training data and its terms, in the form that the Hub reads."""

import json
from typing import Any

from bootstruct.finetuning.data import TrainingData
from bootstruct.finetuning.settings import FinetuneSettings
from bootstruct.finetuning.tokens import TokenizedExamples
from bootstruct.finetuning.train import TrainingResult


def card(
    base: str,
    settings: FinetuneSettings,
    data: TrainingData,
    rows: TokenizedExamples,
    trained: TrainingResult,
    rate: float,
    version: str,
) -> str:
    """The card as Markdown with its metadata header."""
    header = {
        "base_model": base,
        "library_name": "transformers",
        "tags": ["self-instruct", "instruction-tuning", "bootstruct"],
    }
    lines = [
        "---",
        *(f"{name}: {json.dumps(value)}" for name, value in header.items()),
        "---",
        "",
        "# Finetuned model",
        "",
    ]
    how = {
        "full": "all weights",
        "lora": "LoRA adapters",
        "qlora": "LoRA adapters on 4-bit weights",
        "dpo": "all weights, by DPO on preference pairs",
        "dpo-lora": "LoRA adapters, by DPO on preference pairs",
    }[settings.method]
    lines += [
        f"`{base}`, finetuned ({how}) on {data.tasks:,} tasks with {len(rows.ids):,} examples by bootstruct {version}.",
        "", "## Data", "",
        "| source | kind | tasks | examples | digest | recipe | written by |", "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for source in data.sources:
        cells = (
            source.path,
            source.kind,
            f"{source.tasks:,}",
            f"{source.examples:,}",
            source.digest,
            source.recipe,
            source.model,
        )
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    lines += [
        "", f"Digest of the training examples: `{data.digest()}`. {data.held_out_tasks:,} tasks were held out whole. "
        f"{rows.too_long:,} examples were too long and were left out.",
        "", "## Prompt format", "", _format(settings), "", "## Training", "",
        "| setting | value |", "|---|---|",
    ]  # fmt: skip
    metadata: list[tuple[str, Any]] = [
        ("method", settings.method), ("epochs", f"{trained.epochs:.2f}"), ("steps", trained.steps), ("learning rate", rate),
        ("packing", settings.packing), ("seed", settings.seed), ("loss at the end", _number(trained.loss)),
        ("lowest loss on held-out tasks", _number(trained.held_out_loss)),
        ("loss on", "both answers of each pair" if settings.has_pairs else "the completion and the end of text only"),
        ("like the paper", "; set otherwise: ".join(["yes", *settings.unlike_paper()]) if settings.like_paper else "no"),
        ("options of the trainer", dict(settings.trainer) or "defaults"),
    ]  # fmt: skip
    lines += [f"| {name} | {_cell(str(value))} |" for name, value in metadata]
    lines += [
        "", "## Licence and limits", "",
        "The weights are derived from the base model, so its licence applies. The terms of the model that wrote the data may "
        "apply as well, and so may the licences of the other sources above. Nobody has checked every example; the "
        "model repeats the "
        "mistakes and biases of its data and its base.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _format(settings: FinetuneSettings) -> str:
    if settings.format == "chat":
        return "The chat template of the tokenizer: the instruction, a blank line and the input as the user's message."
    return "The templates of the recipe, one drawn for each example; the paper's first one is instruction, `Input:`, `Output:`."


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"

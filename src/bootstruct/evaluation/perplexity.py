"""How likely a model finds the outputs of instruction data after their prompts: perplexity and bits per byte."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bootstruct.errors import InputError
from bootstruct.evaluation.intervals import Interval, resampled
from bootstruct.evaluation.loss_records import TextLoss
from bootstruct.evaluation.predict import PREDICTIONS, SCORES, EvaluationManifest, write_header
from bootstruct.evaluation.scorecard import bracket, table_lines
from bootstruct.io.accounts import RowAccount
from bootstruct.io.files import json_bytes, write_whole
from bootstruct.io.rows import read_rows
from bootstruct.io.shapes import ShapeError, read_task_row


@dataclass(frozen=True, slots=True)
class ReferenceText:
    """An output of instruction data, and what comes before it."""

    key: str
    task: str
    instruction: str
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class PerplexityScores:
    """The scores of one model. Intervals are at 95%, with whole tasks drawn; None for fewer than five tasks.

    Attributes:
        name: the model.
        texts: the number of outputs.
        tokens: the number of their tokens.
        loss: the mean negative log-likelihood of a token, in nats.
        perplexity: its exponential.
        perplexity_interval: of the perplexity.
        bits_per_byte: the negative log-likelihood in bits by the bytes of the outputs, which compares models with other tokens.
        cut: the number of prompts that lost their beginning, because they exceed the context.
        accounts: an account of the file.
    """

    name: str
    texts: int
    tokens: int
    loss: float
    perplexity: float
    perplexity_interval: Interval | None
    bits_per_byte: float
    cut: int
    accounts: tuple[RowAccount, ...] = ()


def read_reference_texts(
    path: Path, fields: Mapping[str, str] | None = None, accounts: list[RowAccount] | None = None
) -> tuple[ReferenceText, ...]:
    """Return every output of a file of instruction data, in any shape.

    Args:
        path: the file.
        fields: the names of fields by their meaning, as `--fields` gives them.
        accounts: takes an account of its rows.

    Raises:
        InputError: no row has an output, or the file cannot be read.
    """
    account, texts = RowAccount(str(path)), list[ReferenceText]()
    for number, row in read_rows(path, account=account, columns=(fields or {}).values()):
        try:
            task = read_task_row(row, fields)
        except ShapeError as exc:
            account.leave_out(number, exc.reason, str(exc))
            continue
        pairs = [(given, output) for given, output in task.pairs if output is not None and output.strip()]
        if not pairs:
            account.leave_out(number, "without an output")
            continue
        account.use(task.shape_name, task.notes)
        texts += [
            ReferenceText(f"{number}/{place}", task.task, task.instruction.strip(), given.strip(), output.strip())
            for place, (given, output) in enumerate(pairs)
        ]
    if not texts:
        raise InputError(f"{path}: contains no output ({account.first_fault() or 'it is empty'}).")
    if accounts is not None:
        accounts.append(account)
    return tuple(texts)


def write_perplexity(
    folder: Path, note: EvaluationManifest, texts: Sequence[ReferenceText], losses: Mapping[str, TextLoss]
) -> PerplexityScores:
    """Write the exports of an evaluation folder, and return the scores."""
    found = [losses[text.key] for text in texts]
    nats = np.array([loss.nats for loss in found])
    tokens = np.array([loss.tokens for loss in found])
    size = sum(len(text.output.encode("utf-8", "replace")) for text in texts)

    def perplexity(drawn: Any) -> float:
        return float(np.exp(nats[drawn].sum() / max(1, tokens[drawn].sum())))

    every = np.arange(len(texts))
    scores = PerplexityScores(
        note.model,
        len(texts),
        int(tokens.sum()),
        round(float(nats.sum()) / max(1, int(tokens.sum())), 4),
        round(perplexity(every), 4),
        resampled(perplexity, [text.task for text in texts]),
        round(float(nats.sum()) / math.log(2) / size, 4),
        sum(loss.is_cut for loss in found),
    )
    rows = [
        json_bytes({"id": text.key, **asdict(text), "nats": loss.nats, "tokens": loss.tokens}) + b"\n"
        for text, loss in zip(texts, found, strict=True)
    ]
    write_header(folder, note)
    write_whole(folder / PREDICTIONS, b"".join(rows))
    write_whole(folder / SCORES, json_bytes(to_row(scores), indent=1) + b"\n")
    return scores


def to_row(scores: PerplexityScores) -> dict[str, Any]:
    """The scores as plain JSON values."""
    row = asdict(scores)
    del row["accounts"]
    return row


def markdown(found: Sequence[PerplexityScores]) -> str:
    """The scores of all models as a Markdown table."""
    return "\n".join(_lines(found))


def _lines(found: Sequence[PerplexityScores]) -> Iterator[str]:
    yield "Perplexity of the outputs after their prompts, with 95% intervals over tasks. Lower is likelier."
    yield ""
    rows = [
        [
            *(s.name, s.texts, s.tokens, f"{s.perplexity:.2f}{bracket(s.perplexity_interval, 2)}"),
            *(f"{s.loss:.4f}", f"{s.bits_per_byte:.4f}"),
        ]
        for s in found
    ]
    yield from table_lines(["model", "outputs", "tokens", "perplexity", "nats per token", "bits per byte"], rows)
    for s in found:
        if s.cut:
            yield f"\n{s.name}: {s.cut:,} prompts lost their beginning, because they exceed its context."

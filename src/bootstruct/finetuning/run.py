"""`bootstruct finetune`: from sources to a model folder."""

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstruct import __version__
from bootstruct.engines.local.gguf_files import is_gguf
from bootstruct.engines.local.load import place_of
from bootstruct.errors import InputError
from bootstruct.finetuning.card import card
from bootstruct.finetuning.data import TrainingData, mixture_of, read_data, read_part
from bootstruct.finetuning.preferences import read_pairs
from bootstruct.finetuning.selecting import select_examples, write_selection
from bootstruct.finetuning.seq2seq import is_encoder_decoder, lost_line_breaks, require_settings
from bootstruct.finetuning.settings import FinetuneSettings
from bootstruct.finetuning.tokens import TokenizedExamples, encode_all, encode_pairs
from bootstruct.finetuning.train import (
    Tell,
    TrainingResult,
    batch_options,
    is_first,
    learning_rate,
    load_model,
    longest_of,
    require_disk,
    require_extra,
    train,
)
from bootstruct.io.files import write_whole
from bootstruct.io.rows import read_json
from bootstruct.io.trust import require_no_links
from bootstruct.types import digest_of_value

NOTE, CARD = "finetune.json", "README.md"


@dataclass(frozen=True, slots=True)
class FinetuneResult:
    """The result: the data, how they were encoded, and the training."""

    out: Path
    data: TrainingData
    rows: TokenizedExamples
    trained: TrainingResult


def finetune(model: str, out: Path, settings: FinetuneSettings, resume: bool, tell: Tell) -> FinetuneResult:
    """Finetune `model` (a folder, a name on the hub, or `pocket`) on the settings' mixture and write a model folder.

    Raises InputError before anything is trained if something cannot be used, and EngineUnavailableError if memory or
    disk space runs out.
    """
    require_extra()
    place = place_of(re.sub(r"^hf/", "", model), model == "pocket")
    if is_gguf(Path(place)):
        raise InputError(
            f"{place}: a GGUF file cannot be finetuned; use the model from which it was made (safetensors)."
        )
    read = read_pairs if settings.has_pairs else read_part
    data = read_data(mixture_of(settings), settings.tasks, settings.held_out, settings.seed, read)
    data, explained = select_examples(data, settings.select, settings.seed, tell)
    note = {"model": model, "data": data.digest(), "settings": digest_of_value(_settings_row(settings))}
    if is_first():
        _check(out, note, resume)
    for source in data.sources:
        if source.account is not None:
            tell(source.account.in_words())
    base, tokenizer = load_model(place, settings)
    require_settings(base, settings)
    disk = require_disk(out, base, settings)
    is_chat, longest = settings.format == "chat", longest_of(base, settings)
    is_encoder = is_encoder_decoder(base)
    if settings.has_pairs:
        rows, held_out = (encode_pairs(tokenizer, part, is_chat, longest) for part in (data.train, data.held_out))
    else:
        parts = (data.train, data.held_out)
        rows, held_out = (encode_all(tokenizer, part, is_chat, longest, is_encoder) for part in parts)
    if not rows.ids:
        raise InputError(
            f"All {rows.too_long} examples are longer than max_length {longest} (the longest has {rows.longest})."
        )
    if is_first():
        write_whole(out / NOTE, json.dumps(note, indent=1).encode())
        write_selection(out, explained)
    tell(
        f"{data.tasks:,} tasks, {len(rows.ids):,} examples, {rows.learnt:,} tokens to train on; "
        f"{data.held_out_tasks:,} tasks held out"
    )
    tell(disk)
    if rows.last_only:
        tell(
            f"{rows.last_only:,} conversations are learnt by their last answer: the chat template rewrites earlier turns"
        )
    if rows.too_long:
        tell(f"{rows.too_long:,} examples longer than {longest} tokens are left out (the longest has {rows.longest:,})")
    if is_encoder and (lost := lost_line_breaks(tokenizer, data.train)):
        tell(f"{lost:,} outputs lose their line breaks, because the model's tokenizer has none")
    rate = learning_rate(settings, base.num_parameters())
    if settings.like_paper:
        tell(_like_paper(settings, len(rows.ids), rate))
    trained = train(base, tokenizer, rows, held_out, settings, out, resume, tell)
    if is_first():
        text = card(model, settings, data, rows, trained, rate, __version__)
        write_whole(out / CARD, text.encode())
        write_whole(out / NOTE, json.dumps(note | {"done": True}, indent=1).encode())
    return FinetuneResult(out, data, rows, trained)


def _like_paper(settings: FinetuneSettings, examples: int, rate: float) -> str:
    """Which settings follow the paper and which cannot, in words."""
    batch = batch_options(settings, examples)
    size = batch["per_device_train_batch_size"] * batch["gradient_accumulation_steps"]
    text = f"like the paper: 2 epochs, templates, nothing held out, loss on completions; batches of {size}"
    differs = settings.unlike_paper()
    text += f"; set otherwise: {', '.join(differs)}" if differs else ""
    return f"{text}; the learning rate {rate:g} is ours, because the paper's is not known"


def _settings_row(settings: FinetuneSettings) -> dict[str, Any]:
    """The settings as plain values; later additions are left out at their default, so that older trainings resume."""
    row = dataclasses.asdict(settings)
    if not row["like_paper"]:
        del row["like_paper"]
    if not settings.select.rule:
        del row["select"]
    for part in row["mixture"]:
        for name in ("fields", "test_tasks", "other_languages"):
            if not part[name]:
                del part[name]
    return row


def _check(out: Path, note: dict[str, str], resume: bool) -> None:
    """Raises InputError if the folder holds something else, or a training that this one does not continue."""
    require_no_links(out)
    path = out / NOTE
    if not path.is_file():
        if resume:
            raise InputError(f"{out}: contains no training to resume; leave --resume out.")
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f"{out}: is not an empty folder; choose another one for the model.")
        return
    known = read_json(path, out)
    if not isinstance(known, dict):
        raise InputError(f"{path}: does not describe a training; choose another folder for the model.")
    if known.get("done"):
        raise InputError(f"{out}: contains a finished model; choose another folder.")
    if not resume:
        raise InputError(
            f"{out}: contains an unfinished training; continue it with --resume, or choose another folder."
        )
    changed = [name for name in note if known.get(name) != note[name]]
    if changed:
        raise InputError(
            f"{out}: --resume: the {changed[0]} changed since this training began; start again in another folder."
        )

"""`bootstruct finetune`: from sources to a model folder."""

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path

from bootstruct import __version__
from bootstruct.domain import digest_of_value
from bootstruct.engines.local.load import place_of
from bootstruct.errors import BadInput
from bootstruct.files import write_whole
from bootstruct.finetune.card import card
from bootstruct.finetune.data import Data, read_data
from bootstruct.finetune.settings import Settings
from bootstruct.finetune.tokens import Encoded, encode_all
from bootstruct.finetune.train import (
    Tell,
    Trained,
    is_first,
    learning_rate,
    load_model,
    longest_of,
    require_disk,
    require_extra,
    train,
)

NOTE, CARD = "finetune.json", "README.md"


@dataclass(frozen=True, slots=True)
class Finetuned:
    """What was done: the data, how it was encoded, and what came out."""

    out: Path
    data: Data
    rows: Encoded
    trained: Trained


def finetune(model: str, out: Path, settings: Settings, resume: bool, tell: Tell) -> Finetuned:
    """Finetune `model` (a folder, a name on the hub, or `pocket`) on the settings' mixture and write a model folder.

    Raises BadInput before anything is trained where something cannot be used; DoorClosed where the machine gives out.
    """
    require_extra()
    place = place_of(re.sub(r"^hf/", "", model), model == "pocket")
    data = read_data(settings.mixture, settings.tasks, settings.held_out, settings.seed)
    note = {"model": model, "data": data.digest(), "settings": digest_of_value(dataclasses.asdict(settings))}
    if is_first():
        _check(out, note, resume)
    base, tokenizer = load_model(place, settings)
    disk = require_disk(out, base, settings)
    is_chat, longest = settings.format == "chat", longest_of(base, settings)
    rows = encode_all(tokenizer, data.train, is_chat, longest)
    held_out = encode_all(tokenizer, data.held_out, is_chat, longest)
    if not rows.ids:
        raise BadInput(
            f"All {rows.too_long} examples are longer than max_length {longest} (the longest has {rows.longest})."
        )
    if is_first():
        write_whole(out / NOTE, json.dumps(note, indent=1).encode())
    tell(
        f"{data.tasks:,} tasks, {len(rows.ids):,} examples, {rows.learnt:,} tokens to learn; "
        f"{data.held_out_tasks:,} tasks held out"
    )
    tell(disk)
    if rows.too_long:
        tell(f"{rows.too_long:,} examples longer than {longest} tokens are left out (the longest has {rows.longest:,})")
    rate = learning_rate(settings, base.num_parameters())
    trained = train(base, tokenizer, rows, held_out, settings, out, resume, tell)
    if is_first():
        text = card(model, settings, data, rows, trained, rate, __version__)
        write_whole(out / CARD, text.encode())
        write_whole(out / NOTE, json.dumps(note | {"done": True}, indent=1).encode())
    return Finetuned(out, data, rows, trained)


def _check(out: Path, note: dict[str, str], resume: bool) -> None:
    """Raises BadInput where the folder holds something else, or a training that this one does not go on with."""
    path = out / NOTE
    if not path.is_file():
        if resume:
            raise BadInput(f"{out}: holds no training to resume; leave --resume out.")
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise BadInput(f"{out}: is not an empty folder; choose another one for the model.")
        return
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise BadInput(f"{path}: cannot be read; choose another folder for the model.") from None
    if known.get("done"):
        raise BadInput(f"{out}: holds a finished model; choose another folder.")
    if not resume:
        raise BadInput(f"{out}: holds an unfinished training; --resume goes on with it, or choose another folder.")
    changed = [name for name in note if known.get(name) != note[name]]
    if changed:
        raise BadInput(
            f"{out}: --resume: the {changed[0]} changed since this training began; begin anew in another folder."
        )

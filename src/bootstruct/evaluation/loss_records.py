"""Likelihoods that were computed, in a file that grows: what is recorded for a model is not computed again."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bootstruct.engines.local.likelihood import LikelihoodModel
from bootstruct.engines.local.load import POCKET, place_of
from bootstruct.io.files import json_bytes
from bootstruct.io.trust import require_no_links
from bootstruct.types import Prompt

LOSSES: Final = "likelihoods.jsonl"
AT_ONCE: Final = 64  # texts between two writes


@dataclass(frozen=True, slots=True)
class TextLoss:
    """How likely a text is after its prompt.

    Attributes:
        nats: its negative log-likelihood.
        tokens: the number of its tokens.
        is_cut: whether the prompt was cut to the model's context.
    """

    nats: float
    tokens: int
    is_cut: bool = False


def recorded_losses(
    folder: Path,
    name: str,
    wanted: Mapping[str, tuple[Prompt, str]],
    trust_remote_code: bool = False,
    tell: Callable[[int, int], object] = lambda done, total: None,
) -> dict[str, TextLoss]:
    """Return the likelihood of each text; the model is loaded only if one is not recorded yet.

    Args:
        folder: the evaluation folder of the model.
        name: the model, `pocket` or `hf/...`.
        wanted: prompts and texts by key.
        trust_remote_code: whether code that the model brings may run.
        tell: called with how many are done, and how many there are.

    Raises:
        InputError: as `LikelihoodModel`.
        EngineUnavailableError: as `LikelihoodModel`.
    """
    weights = _weights(name)
    digests = {key: _digest(weights, prompt, text) for key, (prompt, text) in wanted.items()}
    path = folder / LOSSES
    known = _read(path, folder)
    missing = [key for key, digest in digests.items() if digest not in known]
    if missing:
        model = LikelihoodModel(name, trust_remote_code)
        pairs = {key: model.pair(*wanted[key]) for key in missing}
        missing.sort(key=lambda key: len(pairs[key].prompt) + len(pairs[key].text))
        folder.mkdir(parents=True, exist_ok=True)
        for start in range(0, len(missing), AT_ONCE):
            part = missing[start : start + AT_ONCE]
            losses = model.losses([pairs[key] for key in part])
            found = {
                digests[key]: TextLoss(round(loss, 6), len(pairs[key].text), pairs[key].is_cut)
                for key, loss in zip(part, losses, strict=True)
            }
            _append(path, found)
            known |= found
            tell(len(wanted) - len(missing) + start + len(part), len(wanted))
    return {key: known[digest] for key, digest in digests.items()}


def _weights(name: str) -> Sequence[object]:
    """What tells weights from others under the same name: the sizes and times of the files of a folder."""
    path = Path(place_of(name.partition("/")[2] or name, name == POCKET))
    if not path.exists():
        return [name]
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return [name, *([] if name == POCKET else facts)]


def _digest(weights: Sequence[object], prompt: Prompt, text: str) -> str:
    asked = [weights, prompt.text, [[turn.role, turn.content] for turn in prompt.messages], text]
    return hashlib.blake2b(json_bytes(asked), digest_size=16).hexdigest()


def _read(path: Path, folder: Path) -> dict[str, TextLoss]:
    require_no_links(folder)
    found: dict[str, TextLoss] = {}
    if not path.is_file():
        return found
    with path.open("rb") as lines:
        for line in lines:
            try:
                row = json.loads(line)
                found[str(row["digest"])] = TextLoss(float(row["nats"]), int(row["tokens"]), bool(row["is_cut"]))
            except (ValueError, KeyError, TypeError):  # the last line of a process that was killed
                continue
    return found


def _append(path: Path, found: Mapping[str, TextLoss]) -> None:
    torn = path.is_file() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
    with path.open("ab") as file:
        file.write(b"\n" * bool(torn))
        for digest, loss in found.items():
            row = {"digest": digest, "nats": loss.nats, "tokens": loss.tokens, "is_cut": loss.is_cut}
            file.write(json_bytes(row) + b"\n")

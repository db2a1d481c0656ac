"""The machine's settings: how a model is reached, how fast, at what price. Nothing here changes a byte of the data.

Where a value comes from, first found wins: a flag, the environment (BOOTSTRUCT_BASE_URL), `machine.yaml` in the run
folder, the user's settings file (BOOTSTRUCT_SETTINGS, else ~/.config/bootstruct/settings.yaml), the default.
"""

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from bootstruct.errors import BadInput
from bootstruct.files import read_text
from bootstruct.shape import build

PROVIDERS = ("openai", "hf", "pocket", "ray/hf", "ray/pocket", "recorded")
_DATED = r"-20\d\d-?\d\d(-?\d\d)?"
DEFAULT_URL = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens, by model: (prompt, reply). batch_factor: the part of it that batches cost."""

    table: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    batch_factor: float = 0.5

    def of(self, model: str) -> tuple[float, float] | None:
        """The price of a model; a dated name (`gpt-4o-2024-08-06`) has that of the longest known name it begins with."""
        known = [name for name in self.table if model == name or re.fullmatch(re.escape(name) + _DATED, model)]
        return self.table[max(known, key=len)] if known else None

    def cost(self, model: str, prompt_tokens: int, completion_tokens: int) -> float | None:
        """US dollars, None where the price is not known."""
        price = self.of(model)
        return None if price is None else (price[0] * prompt_tokens + price[1] * completion_tokens) / 1e6


@dataclass(frozen=True, slots=True)
class Actor:
    """What an actor takes of a Ray cluster: gpus (parts of one too; None for one where the cluster has any), cpus, and
    resources by names of your own."""

    gpus: float | None = None
    cpus: float = 1.0
    resources: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Machine:
    """engine: who answers (`openai`, `hf` or `pocket` for a model on this machine, or `recorded:PATH`). base_url: one or
    more servers. key_env: the environment variable that holds the key. concurrency: questions in flight, None to find the
    level. timeout: seconds a call. trust_remote_code: run code that a model brings; never from a settings file.
    key_header: the header that holds the key (`api-key` for Azure). headers: more headers, none of them secret.

    ray_address: HOST:PORT, `auto` or `local` (None: RAY_ADDRESS, else local). ray_actors: the least, and the most unless as
    many as fit. ray_wait: seconds that the first actor may look for a place."""

    engine: str = "openai"
    base_url: tuple[str, ...] = ()
    key_env: str = "OPENAI_API_KEY"
    concurrency: int | None = None
    timeout: float = 120.0
    prices: Prices = field(default_factory=Prices)
    trust_remote_code: bool = False
    key_header: str = "authorization"
    headers: Mapping[str, str] = field(default_factory=dict)
    ray_address: str | None = None
    ray_actor: Actor = field(default_factory=Actor)
    ray_actors: tuple[int, ...] = (1,)
    ray_wait: float = 60.0

    def key(self) -> str | None:
        """The API key, from the environment only. Raises BadInput where it cannot be a key."""
        key = os.environ.get(self.key_env, "").strip()
        if key and not (key.isascii() and key.isprintable()):
            raise BadInput(f"{self.key_env}: the key holds characters that no key has; set it again.")
        return key or None


@dataclass(frozen=True, slots=True)
class _File:
    """A settings file: any of Machine's fields."""

    engine: str | None = None
    base_url: str | None = None
    base_urls: tuple[str, ...] = ()
    key_env: str | None = None
    concurrency: int | None = None
    timeout: float | None = None
    key_header: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    batch_factor: float | None = None
    ray_address: str | None = None
    ray_actor: Actor | None = None
    ray_actors: tuple[int, ...] = ()
    ray_wait: float | None = None


def read_machine(folder: Path | None = None, **flags: Any) -> Machine:
    """The machine's settings for a run folder; flags that are None (or empty) say nothing."""
    named = os.environ.get("BOOTSTRUCT_SETTINGS")
    own = Path(named or _config_home() / "bootstruct" / "settings.yaml")
    if named and not own.is_file():
        raise BadInput(f"{own}: no such settings file; BOOTSTRUCT_SETTINGS names it.")
    values: dict[str, Any] = {}
    prices, factor = _shipped_prices(), Prices().batch_factor
    for path in (own, folder / "machine.yaml" if folder else None):
        if path is not None and path.is_file():
            found, table = _read_file(path)
            factor = found.pop("batch_factor", factor)
            values |= found
            prices |= table
    if url := os.environ.get("BOOTSTRUCT_BASE_URL"):
        values["base_url"] = (url,)
    values |= {name: value for name, value in flags.items() if value not in (None, ())}
    machine = dataclasses.replace(Machine(), prices=Prices(prices, factor), **values)
    if machine.engine.partition(":")[0] not in PROVIDERS:
        raise BadInput(f"engine {machine.engine!r}: unknown; take {' or '.join(PROVIDERS)}, as in openai/gpt-4.1-mini.")
    if machine.concurrency is not None and machine.concurrency < 1:
        raise BadInput("concurrency must be at least 1; leave it out to let bootstruct find the level.")
    if machine.timeout <= 0:
        raise BadInput("timeout must be a number of seconds above 0.")
    if not 0 <= factor <= 1:
        raise BadInput("batch_factor must be the part of the list price that batches cost, as in 0.5.")
    _check_headers(machine)
    _check_ray(machine)
    return machine


def _check_headers(machine: Machine) -> None:
    for name, value in {machine.key_header: "", **machine.headers}.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or not (value.isascii() and value.isprintable()):
            raise BadInput(f"headers: {name!r} is no header that can be sent: a plain name and a plain value.")
    for name in machine.headers:
        if re.search(r"authorization|key|token|secret|password|cookie", name, re.IGNORECASE):
            raise BadInput(
                f"headers: {name}: keys come from the environment only; `key_env: NAME` says from which variable and "
                "`key_header: NAME` in which header the key is sent."
            )


def _check_ray(machine: Machine) -> None:
    number, actor = machine.ray_actors, machine.ray_actor
    if not (len(number) in (1, 2) and number[0] >= 1 and number[-1] >= number[0]):
        raise BadInput("ray_actors must be the least and the most, as in `[1, 8]` (`--ray-actors 1:8`), from 1 on.")
    if min(actor.gpus or 0, actor.cpus, *actor.resources.values()) < 0:
        raise BadInput("ray_actor: gpus, cpus and resources must not be below 0.")
    if machine.ray_wait <= 0:
        raise BadInput("ray_wait must be a number of seconds above 0.")


def _read_file(path: Path) -> tuple[dict[str, Any], dict[str, tuple[float, float]]]:
    mapping = _yaml(path) or {}
    if not isinstance(mapping, dict):
        raise BadInput(f"{path}: expected keys with values, as in `base_url: http://127.0.0.1:8000/v1`.")
    table = _prices(mapping.pop("prices", {}), path)
    for key in mapping:
        if "key" in str(key) and key not in ("key_env", "key_header"):
            raise BadInput(
                f"{path}: {key}: keys come from the environment only; `key_env: NAME` says from which variable."
            )
    file = build(_File, mapping, str(path))
    urls = file.base_urls or ((file.base_url,) if file.base_url else ())
    values = {
        "engine": file.engine,
        "base_url": urls,
        "key_env": file.key_env,
        "concurrency": file.concurrency,
        "timeout": file.timeout,
        "key_header": file.key_header and file.key_header.lower(),
        "headers": file.headers or None,
        "batch_factor": file.batch_factor,
        "ray_address": file.ray_address,
        "ray_actor": file.ray_actor,
        "ray_actors": file.ray_actors,
        "ray_wait": file.ray_wait,
    }
    if file.key_env is not None and not re.fullmatch(r"[A-Za-z_]\w*", file.key_env):
        raise BadInput(f"{path}: key_env: must be the name of an environment variable, not a key.")
    return {name: value for name, value in values.items() if value not in (None, ())}, table


def _prices(value: object, path: Path) -> dict[str, tuple[float, float]]:
    hint = f"{path}: prices: expected `model: [prompt, reply]` in US dollars for a million tokens."
    if not isinstance(value, dict):
        raise BadInput(hint)
    table = {}
    for model, pair in value.items():
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(p, int | float) and p >= 0 for p in pair)):
            raise BadInput(f"{hint} {model} has {pair!r}.")
        table[str(model)] = (float(pair[0]), float(pair[1]))
    return table


def _shipped_prices() -> dict[str, tuple[float, float]]:
    path = Path(str(resources.files("bootstruct") / "prices.yaml"))
    return _prices(_yaml(path), path)


def _yaml(path: Path) -> object:
    import yaml

    try:
        return yaml.safe_load(read_text(path))
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise BadInput(f"{path}: not YAML: {' '.join(str(exc).split())}.") from None


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")

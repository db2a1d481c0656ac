"""The machine's settings: how a model is reached, how fast, at what price.

Nothing here changes a byte of the data.

The first of these that has a value wins: a flag, the environment (BOOTSTRUCT_BASE_URL), `machine.yaml` in the run
folder, the user's settings file (BOOTSTRUCT_SETTINGS, else ~/.config/bootstruct/settings.yaml), the default.

A run folder may come from somebody else. If its `machine.yaml` says where requests go or which key they carry, the
settings are `unconfirmed` until the user confirms them, once for the folder and these values (see `io.trust`).
"""

import dataclasses
import os
import re
import typing
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from bootstruct.config.addresses import is_loopback, require_plain, shown_address
from bootstruct.config.servers import shipped_servers
from bootstruct.config.validation import build, parse_yaml
from bootstruct.errors import InputError
from bootstruct.io.rows import read_text
from bootstruct.io.trust import config_folder, confirm, is_confirmed, why_not_own

PROVIDERS = ("openai", "hf", "pocket", "ray/hf", "ray/pocket", "recorded", "python")
_DATED = r"-20\d\d-?\d\d(-?\d\d)?"
DEFAULT_URL = "https://api.openai.com/v1"
DEFAULT_KEY_ENV = "OPENAI_API_KEY"
MACHINE = "machine.yaml"  # the settings in a run folder


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens, by model: (prompt, reply).

    Attributes:
        batch_factor: the fraction of the price that batches cost.
    """

    table: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    batch_factor: float = 0.5

    def of(self, model: str) -> tuple[float, float] | None:
        """The price of a model; a dated name (`gpt-4o-2024-08-06`) has that of the longest known name at its start."""
        known = [name for name in self.table if model == name or re.fullmatch(re.escape(name) + _DATED, model)]
        return self.table[max(known, key=len)] if known else None

    def cost(self, model: str, prompt_tokens: int, completion_tokens: int) -> float | None:
        """US dollars, None if the price is not known."""
        price = self.of(model)
        return None if price is None else (price[0] * prompt_tokens + price[1] * completion_tokens) / 1e6


@dataclass(frozen=True, slots=True)
class RayActorSettings:
    """The resources that an actor uses on a Ray cluster.

    GPUs (also fractions; None for one if the cluster has any), CPUs, and resources with names of your own.
    """

    gpus: float | None = None
    cpus: float = 1.0
    resources: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """How a model is reached and how fast; no part of the data.

    Attributes:
        engine: the engine (`openai`, `hf` or `pocket` for a model on this machine, or `recorded:PATH`).
        base_url: one or more servers.
        key_env: the environment variable that holds the key.
        concurrency: requests in flight; None adapts the number to the server.
        timeout: seconds after which a request is abandoned.
        thinking_tokens: tokens beyond `max_tokens` for a model's thoughts; None determines it from the replies.
        trust_remote_code: run code that comes with a model; never from a settings file.
        key_header: the header that holds the key (`api-key` for Azure).
        headers: further headers, none of them secret.
        ray_address: HOST:PORT, `auto` or `local` (None: RAY_ADDRESS, else local).
        ray_actor: the resources of each actor.
        ray_actors: the least number, and the most (without it, as many as fit).
        ray_wait: how many seconds the first actor may wait for a place.
        unconfirmed: why nothing may be sent yet, as a sentence: the run folder chose the destination, and the user has not
            confirmed it. Empty if all is well.
        unconfirmed_prices: likewise, why no cap on money can be computed yet.
    """

    engine: str = "openai"
    base_url: tuple[str, ...] = ()
    key_env: str = DEFAULT_KEY_ENV
    concurrency: int | None = None
    timeout: float = 120.0
    thinking_tokens: int | None = None
    prices: Prices = field(default_factory=Prices)
    trust_remote_code: bool = False
    key_header: str = "authorization"
    headers: dict[str, str] = field(default_factory=dict)
    ray_address: str | None = None
    ray_actor: RayActorSettings = field(default_factory=RayActorSettings)
    ray_actors: tuple[int, ...] = (1,)
    ray_wait: float = 60.0
    unconfirmed: str = ""
    unconfirmed_prices: str = ""

    def require_confirmed(self, is_money_capped: bool = False) -> None:
        """Raise InputError where a run folder chose the destination and the user has not confirmed it.

        Args:
            is_money_capped: whether the prices must also be the user's.
        """
        if self.unconfirmed:
            raise InputError(self.unconfirmed)
        if is_money_capped and self.unconfirmed_prices:
            raise InputError(self.unconfirmed_prices)

    def key(self) -> str | None:
        """The API key, from the environment only. Raises InputError where it cannot be a key."""
        key = os.environ.get(self.key_env, "").strip()
        if key and not (key.isascii() and key.isprintable()):
            raise InputError(f"{self.key_env}: the key contains characters that cannot occur in a key; set it again.")
        return key or None


# Prices are a table of their own; only a flag trusts code, and only the user trusts a folder.
_NOT_IN_FILES = ("prices", "trust_remote_code", "unconfirmed", "unconfirmed_prices")
_DESTINATION = ("base_url", "key_env", "key_header", "headers")  # of requests to servers, and what they carry


def settings_file_class() -> type:
    """The fields of a settings file: those of MachineSettings, each of which may be left out, and two more."""
    hints: dict[str, Any] = typing.get_type_hints(MachineSettings)
    hints = {name: hint for name, hint in hints.items() if name not in _NOT_IN_FILES}
    hints |= {"base_url": str, "base_urls": hints["base_url"], "batch_factor": float}
    fields: list[Any] = [(name, hint | None, field(default=None)) for name, hint in hints.items()]
    return dataclasses.make_dataclass("SettingsFile", fields, frozen=True)


def read_machine(folder: Path | None = None, trust: bool = False, **flags: Any) -> MachineSettings:
    """The machine's settings for a run folder; flags that are None (or empty) say nothing.

    Args:
        folder: the run folder; None if no run is concerned.
        trust: the user confirms the folder's destination, key and prices; this is recorded.
        flags: fields of `MachineSettings`.
    """
    own, mine, from_folder, servers = _own_settings(), dict[str, Any](), dict[str, Any](), dict[str, dict[str, Any]]()
    known = theirs = Prices(_shipped_prices())
    for path, values in ((own, mine), (folder / MACHINE if folder else None, from_folder)):
        is_own = path == own
        if path is not None and _is_there(path, None if is_own else folder):
            found, table = _read_file(path, servers if is_own else None, None if is_own else folder)
            factor = found.pop("batch_factor", known.batch_factor)
            values |= found
            theirs = Prices({**known.table, **table}, factor)
            known = theirs if is_own else known
    url = os.environ.get("BOOTSTRUCT_BASE_URL")
    given: dict[str, Any] = {"base_url": (url,)} if url else {}
    given |= {name: value for name, value in flags.items() if value not in (None, ())}
    merged = mine | from_folder | given
    named = merged.get("base_url", ("",))[0]
    server = servers.get(named, {})
    machine = dataclasses.replace(MachineSettings(), prices=theirs, **(merged | (server or _shipped_server(named))))
    claims = {name: value for name, value in from_folder.items() if name not in given and name not in server}
    chosen = _chosen_by_folder(machine, claims, mine, servers) if folder is not None else {}
    if folder is not None and chosen and trust:
        _confirm(folder, chosen)
    elif folder is not None and chosen and not _is_harmless(machine, chosen) and not is_confirmed(folder, chosen):
        machine = dataclasses.replace(machine, unconfirmed=_question(folder, machine, chosen))
    if folder is not None and (lowered := _lowered(known, theirs)):
        if trust:
            _confirm(folder, lowered)
        elif not is_confirmed(folder, lowered):
            machine = dataclasses.replace(machine, unconfirmed_prices=_question_of_prices(folder, lowered))
    if machine.engine.partition(":")[0] not in PROVIDERS:
        raise InputError(
            f"engine {machine.engine!r}: unknown; use {' or '.join(PROVIDERS)}, as in openai/gpt-4.1-mini."
        )
    if machine.concurrency is not None and machine.concurrency < 1:
        raise InputError("concurrency must be at least 1; leave it out to let bootstruct adapt it to the server.")
    if machine.timeout <= 0:
        raise InputError("timeout must be a number of seconds above 0.")
    if machine.thinking_tokens is not None and machine.thinking_tokens < 0:
        raise InputError(
            "thinking_tokens must be a number of tokens, 0 or more; leave it out to let bootstruct determine it."
        )
    if not 0 <= theirs.batch_factor <= 1:
        raise InputError("batch_factor must be the share of the list price that batches cost, as in 0.5.")
    _check_addresses(machine, servers)
    _check_headers(machine)
    _check_ray(machine)
    return machine


def _shipped_server(name: str) -> dict[str, Any]:
    """The settings of a server that the package knows by this name, none if it knows none."""
    known = shipped_servers().get(name)
    return {} if known is None else known.settings()


def _check_addresses(machine: MachineSettings, servers: Mapping[str, dict[str, Any]]) -> None:
    """Refuse what is neither an address nor, given alone, the name of a server."""
    for url in machine.base_url:
        require_plain(url)
        if machine.engine.partition(":")[0] == "openai" and not re.match(r"https?://", url, re.IGNORECASE):
            known = ", ".join([*servers, *shipped_servers()])
            raise InputError(
                f"server {shown_address(url)!r}: is neither an address, as in --base-url http://127.0.0.1:8000/v1, nor the "
                f"name of a known server ({known})."
            )


def _own_settings() -> Path:
    """The user's own settings file, whether or not it exists. Raises InputError if it is not the user's alone."""
    named = os.environ.get("BOOTSTRUCT_SETTINGS")
    own = Path(named or config_folder("XDG_CONFIG_HOME", ".config") / "bootstruct" / "settings.yaml")
    if named and not own.is_file():
        raise InputError(f"{own}: no such settings file; BOOTSTRUCT_SETTINGS names it.")
    if own.is_file() and (fault := why_not_own(own.stat())):
        raise InputError(
            f'{own}: {fault}, who could choose where your key is sent; make it yours alone (`chown "$(id -u)"` and `chmod 600` '
            "on it), or name a copy of your own in BOOTSTRUCT_SETTINGS."
        )
    return own


def _lowered(known: Prices, theirs: Prices) -> dict[str, Any]:
    """The prices in a folder's file that let a cap on money allow more: lower ones, and those of unknown models."""
    found: dict[str, Any] = {}
    for model, price in theirs.table.items():
        before = known.of(model)
        if before is None or price[0] < before[0] or price[1] < before[1]:
            found[model] = list(price)
    if theirs.batch_factor < known.batch_factor:
        found["batch_factor"] = theirs.batch_factor
    return {"prices": found} if found else {}


def _question_of_prices(folder: Path, lowered: Mapping[str, Any]) -> str:
    """What a user has to confirm before money is capped by a folder's prices, as a sentence."""
    what = ", ".join(f"{name}: {value}" for name, value in list(lowered["prices"].items())[:3])
    return (
        f"{folder / MACHINE}: has prices of its own ({what:.200}), by which a cap on money would be computed; if they are "
        "right, confirm them once with --trust (from Python: trust=True), or write them into your own settings file."
    )


def _confirm(folder: Path, chosen: Mapping[str, Any]) -> None:
    try:
        confirm(folder, chosen)
    except InputError as exc:
        warnings.warn(f"{exc} The confirmation holds for this command only.", stacklevel=4)


def _chosen_by_folder(
    machine: MachineSettings, claims: dict[str, Any], mine: dict[str, Any], servers: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """The choices of a folder's file that are the user's alone: destination, key and headers, source of replies."""
    provider = machine.engine.partition(":")[0]
    names: tuple[str, ...] = {"openai": _DESTINATION, "recorded": ("engine",)}.get(provider, ())
    if provider.startswith("ray/") and machine.ray_address not in ("auto", "local"):
        names = ("ray_address",)
    usual = _fields_of(MachineSettings()) | {"base_url": (DEFAULT_URL,)} | mine
    chosen = {name: claims[name] for name in names if name in claims and claims[name] != usual[name]}
    if provider != "openai" or not chosen:
        return chosen
    full = {name: getattr(machine, name) for name in _DESTINATION}
    defaults = {name: usual[name] for name in _DESTINATION}
    return {} if any(full == defaults | server for server in servers.values()) else full


def _is_harmless(machine: MachineSettings, chosen: Mapping[str, Any]) -> bool:
    """Whether requests go to this machine itself and carry nothing that the user has not given."""
    is_here = bool(machine.base_url) and all(is_loopback(url) and not {"?", "@"} & {*url} for url in machine.base_url)
    return "base_url" in chosen and is_here and not chosen["headers"] and not os.environ.get(machine.key_env)


def _fields_of(machine: MachineSettings) -> dict[str, Any]:
    """The settings as a dict of their fields."""
    return {row.name: getattr(machine, row.name) for row in dataclasses.fields(machine)}


def _question(folder: Path, machine: MachineSettings, chosen: Mapping[str, Any]) -> str:
    """What a user has to confirm, as a sentence with the address and the variable."""
    if "engine" in chosen:
        what = f"reads the replies of {machine.engine.partition(':')[2]}"
    elif "ray_address" in chosen:
        what = f"runs the model on the Ray cluster at {machine.ray_address}"
    else:
        urls = " and ".join(map(shown_address, machine.base_url or (DEFAULT_URL,)))
        what = f"sends requests to {urls} with the key in the environment variable {machine.key_env}"
        what += f", in the header {machine.key_header}" if machine.key_header != "authorization" else ""
        what += f", and with the headers {', '.join(machine.headers)}" if machine.headers else ""
    return (
        f"{folder / MACHINE}: {what}, which you have not confirmed for this folder; if that is what you want, confirm it "
        "once with --trust (from Python: trust=True)."
    )


def _is_there(path: Path, folder: Path | None) -> bool:
    return path.is_file() or (folder is not None and path.is_symlink())


def _check_headers(machine: MachineSettings) -> None:
    for name, value in {machine.key_header: "", **machine.headers}.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or not (value.isascii() and value.isprintable()):
            raise InputError(f"headers: {name!r} cannot be sent as a header; give a plain name and a plain value.")
    for name in machine.headers:
        if re.search(r"authorization|key|token|secret|password|cookie", name, re.IGNORECASE):
            raise InputError(
                f"headers: {name}: keys come from the environment only; `key_env: NAME` says from which variable and "
                "`key_header: NAME` in which header the key is sent."
            )


def _check_ray(machine: MachineSettings) -> None:
    number, actor = machine.ray_actors, machine.ray_actor
    if not (len(number) in (1, 2) and number[0] >= 1 and number[-1] >= number[0]):
        raise InputError(
            "ray_actors must be the fewest and the most actors, as in `[1, 8]` (`--ray-actors 1:8`), from 1 on."
        )
    if min(actor.gpus or 0, actor.cpus, *actor.resources.values()) < 0:
        raise InputError("ray_actor: gpus, cpus and resources must not be below 0.")
    if machine.ray_wait <= 0:
        raise InputError("ray_wait must be a number of seconds above 0.")


def _read_file(
    path: Path, servers: dict[str, dict[str, Any]] | None, folder: Path | None
) -> tuple[dict[str, Any], dict[str, tuple[float, float]]]:
    """The values of a settings file and its prices; the named servers of the user's own file go into `servers`."""
    mapping = parse_yaml(read_text(path, folder), str(path)) or {}
    if not isinstance(mapping, dict):
        raise InputError(f"{path}: expected keys with values, as in `base_url: http://127.0.0.1:8000/v1`.")
    table = _prices(mapping.pop("prices", {}), path)
    if servers is not None:
        servers |= _named_servers(mapping.pop("servers", {}), path)
    return _values(mapping, path), table


def _named_servers(value: object, path: Path) -> dict[str, dict[str, Any]]:
    """The servers that a user's settings file lists by name."""
    if not isinstance(value, dict) or not all(isinstance(server, dict) for server in value.values()):
        raise InputError(f"{path}: servers: expected `NAME: {{base_url: URL, key_env: VARIABLE}}`.")
    found = {}
    for name, server in value.items():
        wrong = [key for key in server if key not in (*_DESTINATION, "base_urls")]
        if wrong or not server.keys() & {"base_url", "base_urls"}:
            raise InputError(
                f"{path}: servers.{name}: takes base_url (or base_urls), key_env, key_header and headers"
                f"{f', not {wrong[0]}' if wrong else '; it has no base_url'}."
            )
        found[str(name)] = _values(server, path)
    return found


def _values(mapping: dict[Any, Any], path: Path) -> dict[str, Any]:
    for key in mapping:
        if "key" in str(key) and key not in ("key_env", "key_header"):
            raise InputError(
                f"{path}: {key}: keys come from the environment only; `key_env: NAME` says from which variable."
            )
    file: dict[str, Any] = dict(vars(build(settings_file_class(), mapping, str(path))))
    urls, header = file.pop("base_urls"), file["key_header"]
    file |= {"base_url": urls or ((file["base_url"],) if file["base_url"] else ())}
    if any(not "!" <= char <= "~" or char == "#" for url in file["base_url"] for char in url):
        raise InputError(
            f"{path}: base_url: must be an address without blanks and hidden characters, without `#`, and in ASCII, because "
            "other letters can look like these; write the name of such a host as `xn--...`."
        )
    file |= {"key_header": header and header.lower()}
    if file["key_env"] is not None and not re.fullmatch(r"[A-Za-z_]\w*", file["key_env"]):
        raise InputError(f"{path}: key_env: must be the name of an environment variable, not a key.")
    return {name: value for name, value in file.items() if value not in (None, (), {})}


def _prices(value: object, path: Path) -> dict[str, tuple[float, float]]:
    hint = f"{path}: prices: expected `model: [prompt, reply]` in US dollars per million tokens."
    if not isinstance(value, dict):
        raise InputError(hint)
    table = {}
    for model, pair in value.items():
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(p, int | float) and p >= 0 for p in pair)):
            raise InputError(f"{hint} {model} has {pair!r}.")
        table[str(model)] = (float(pair[0]), float(pair[1]))
    return table


def _shipped_prices() -> dict[str, tuple[float, float]]:
    path = Path(str(resources.files("bootstruct.config") / "prices.yaml"))
    return _prices(parse_yaml(read_text(path), str(path)), path)

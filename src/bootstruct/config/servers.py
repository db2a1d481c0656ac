"""Servers that can be given by name (`--server ollama`), without an address: those that come with the package."""

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from bootstruct.config.validation import build, parse_yaml
from bootstruct.errors import InputError


@dataclass(frozen=True, slots=True)
class NamedServer:
    """A server that the package knows by name.

    Attributes:
        base_url: its address; with `base_url_env`, the last part of it.
        key_env: the environment variable that holds the key.
        key_header: the header that holds the key.
        base_url_env: the environment variable with the first part of an address that differs by account.
        note: what it supports, by its documentation.
    """

    base_url: str
    key_env: str
    key_header: str = "authorization"
    base_url_env: str = ""
    note: str = ""

    def settings(self) -> dict[str, Any]:
        """The machine settings that reach it.

        Raises:
            InputError: the variable with the first part of its address is not set.
        """
        first = os.environ.get(self.base_url_env, "").rstrip("/") if self.base_url_env else ""
        if self.base_url_env and not first.startswith(("http://", "https://")):
            raise InputError(
                f"{self.base_url_env}: is not set to an address; set it to the first part of your server's address, as in "
                "https://RESOURCE.openai.azure.com, or give the whole address as --base-url."
            )
        return {"base_url": (first + self.base_url,), "key_env": self.key_env, "key_header": self.key_header}


@functools.cache
def shipped_servers() -> Mapping[str, NamedServer]:
    """The servers that the package knows, by name.

    Example:
        >>> shipped_servers()["ollama"].base_url
        'http://127.0.0.1:11434/v1'
    """
    path = Path(str(resources.files("bootstruct.config") / "servers.yaml"))
    table = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    return {name: build(NamedServer, values, f"{path}: {name}") for name, values in table.items()}

"""Blocking counterparts of coroutine functions, without duplicated code."""

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from bootstruct.errors import InputError

Parameters = ParamSpec("Parameters")
R = TypeVar("R")


def blocking(
    function: Callable[Parameters, Coroutine[Any, Any, R]], module: str = "bootstruct"
) -> Callable[[Callable[[], None]], Callable[Parameters, R]]:
    """Gives a documented stub the body `asyncio.run(function(...))` and the signature of `function`.

    The result raises InputError inside a running event loop, naming the coroutine function to await there; `module` is
    the public module that holds both.
    """

    def decorate(stub: Callable[[], None]) -> Callable[Parameters, R]:
        @functools.wraps(stub)
        def call(*args: Parameters.args, **options: Parameters.kwargs) -> R:
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return asyncio.run(function(*args, **options))
            name = stub.__name__
            raise InputError(f"{name}() cannot run inside a running event loop: use `await {module}.a{name}(...)`.")

        call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        return call

    return decorate

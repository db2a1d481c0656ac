"""The tree of errors: its drawing is true, and whatever escapes is one sentence and an exit code."""

import inspect
import re

import click
import pytest

import bootstruct.cli as command_line
from bootstruct import errors
from bootstruct.errors import (
    BootstructError,
    EngineUnavailableError,
    InputError,
    RequestRejectedError,
    RunStoppedError,
    TransientError,
)


def _defined() -> dict[str, type[BaseException]]:
    return {name: value for name, value in vars(errors).items() if inspect.isclass(value)}


def test_the_drawn_tree_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for indent, name in re.findall(r"^([│├└─ ]*)(\w+Error) ", errors.__doc__ or "", re.MULTILINE):
        above = [(depth, parent) for depth, parent in above if depth < len(indent)]
        drawn[name] = above[-1][1] if above else "Exception"
        above.append((len(indent), name))
    assert drawn == {name: value.__bases__[0].__name__ for name, value in _defined().items()}


def test_all_errors_are_exported_and_belong_to_one_tree() -> None:
    assert set(errors.__all__) == set(_defined())
    assert all(issubclass(value, BootstructError) for value in _defined().values())


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (InputError("a.yaml: not YAML."), 2, "error: a.yaml: not YAML.\n"),
        (EngineUnavailableError("No key."), 2, "error: No key.\n"),
        (RunStoppedError("No reply."), 1, "stopped: No reply.\n"),
        (TransientError(503, "overloaded"), 1, "stopped: A request to the model failed with status 503: overloaded."),
        (TransientError(0, "the connection broke"), 1, "stopped: A request to the model failed: the connection broke."),
        (RequestRejectedError(400, "too long."), 2, "error: A request to the model failed with status 400: too long. "),
    ],
)
def test_an_error_that_escapes_is_one_sentence_and_an_exit_code(
    error: BootstructError,
    code: int,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(command_line, "cli", failing)
    monkeypatch.setattr("sys.argv", ["bootstruct"])
    with pytest.raises(SystemExit) as caught:
        command_line.main()
    written = capsys.readouterr().err
    assert caught.value.code == code
    assert written.startswith(expected)
    assert written.count("\n") == 1

"""What a quirk declares: how the server behaves, and what the result of a run against it must be."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.zoo.server import Request, Response

Behaviour = Callable[[Request], Response | None]  # None: the good answer


@dataclass(frozen=True)
class Same:
    """The run succeeds with the same tasks and instances as against the clean server.

    Attributes:
        wasted: the most requests beyond those of the clean run.
        paid: the most replies in the journal beyond those of the clean run.
    """

    wasted: int = 0
    paid: int = 0


@dataclass(frozen=True)
class Ends:
    """The run ends early or with something missing, and says why.

    Attributes:
        codes: the exit codes that are right.
        message: a regular expression that the output must match.
        requests: the most requests to the server.
        paid: the most replies in the journal; None for any number.
        heals: whether the same command, once the server is well, leads to the result of the clean server.
        never: a regular expression that the output must not match; empty for none.
    """

    codes: tuple[int, ...]
    message: str
    requests: int = 12
    paid: int | None = 0
    heals: bool = True
    never: str = ""


@dataclass(frozen=True)
class Quirk:
    """One quirk.

    Attributes:
        name: its name, unique and in plain words.
        behave: returns the response to a request; None for the good answer.
        expected: the result that the run must have.
        says: a regular expression that the output of `generate` must match; empty if it need not say anything.
        status: a regular expression that `status --json` must match, whatever the names of its fields.
        journal: a regular expression that the journal must match.
        adapts: a regular expression for the fields that the journal must record as changed; empty for none.
        thinks: whether a reply shows a thought, so that the client may make room for thoughts.
        doctor: a regular expression that the output of `doctor --model` must match; empty if it only must succeed.
        keeps: the fields that the last request must still have.
        recipe: the run's recipe.
        beside_clean: whether a clean server serves beside this one.
        timeout: the run's `--timeout` in seconds of its own clock; None for the default.
        speed: how many times faster than ours the run's clock is.
        env: the environment variables of the run.
    """

    name: str
    behave: Behaviour
    expected: Same | Ends
    says: str = ""
    status: str = ""
    journal: str = ""
    adapts: str = ""
    thinks: bool = False
    doctor: str = ""
    keeps: tuple[str, ...] = ()
    recipe: str = "chat"
    beside_clean: bool = False
    timeout: float | None = None
    speed: float = 20.0
    env: tuple[tuple[str, str], ...] = ()


QUIRKS: dict[str, Quirk] = {}


def quirk(name: str, expected: Same | Ends, **more: object) -> Callable[[Behaviour], Behaviour]:
    """Return a decorator that registers a behaviour as a quirk."""

    def register(behave: Behaviour) -> Behaviour:
        assert name not in QUIRKS, name
        QUIRKS[name] = Quirk(name, behave, expected, **more)  # type: ignore[arg-type]
        return behave

    return register

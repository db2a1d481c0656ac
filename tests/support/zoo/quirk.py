"""What a quirk is: how the server behaves, and what must come out of a run against it."""

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
    """The run ends early, or with something missing, and says why.

    Attributes:
        codes: exit codes that are right.
        message: regular expression that the output must match.
        requests: the most requests to the server.
        paid: the most replies in the journal; None for any number.
        heals: whether the same command, once the server is well, brings what the clean server brings.
        never: regular expression that the output must not match; empty for none.
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
        name: unique, in plain words.
        behave: the answer to a request; None for the good one.
        expected: what must come out.
        says: regular expression that the output of `generate` must match; empty where nothing need be said.
        status: regular expression that `status --json` must match, whatever the names of its fields.
        journal: regular expression that the journal must match.
        thinks: whether a reply shows a thought, so that room for thoughts may be made.
        adapts: regular expression for the fields that the journal must note as sent otherwise; empty for none.
        doctor: regular expression that the output of `doctor --model` must match; empty where it only must work.
        keeps: fields that the last request must still have.
        recipe: the run's recipe.
        beside_clean: whether a clean server serves beside this one.
        timeout: the run's `--timeout` in its own seconds; None for the default.
        speed: how many times faster the run's clock goes than ours.
        env: environment variables of the run.
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
    """Register a behaviour as a quirk."""

    def register(behave: Behaviour) -> Behaviour:
        assert name not in QUIRKS, name
        QUIRKS[name] = Quirk(name, behave, expected, **more)  # type: ignore[arg-type]
        return behave

    return register

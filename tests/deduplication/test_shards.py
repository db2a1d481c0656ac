"""The pool in pieces decides as the pool in one: with the actors' work done here, and on a real Ray."""

import importlib.util
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootstruct.deduplication import shards as module
from bootstruct.deduplication.filter import DedupResult, dedup, report_row
from bootstruct.deduplication.shards import Shards
from bootstruct.errors import EngineUnavailableError
from tests.support.commands import bootstruct
from tests.support.scripts import WORDS

HAS_RAY = importlib.util.find_spec("ray") is not None


class Here:
    """Stands for the module `ray`: an actor's methods run when they are called, their results wait."""

    class exceptions:  # noqa: N801
        class RayError(Exception):
            pass

        class GetTimeoutError(RayError):
            pass

    def __init__(self) -> None:
        self.actors: list[Any] = []
        self.dead: set[int] = set()

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 3.0}

    def remote(self, cls: type) -> Any:
        ray = self

        class Made:
            def options(self, **words: Any) -> Any:
                return self

            def remote(self, *args: Any) -> Any:
                ray.actors.append(Handle(cls(*args), len(ray.actors)))
                return ray.actors[-1]

        class Handle:
            def __init__(self, actor: Any, number: int) -> None:
                self.actor, self.number = actor, number

            def __getattr__(self, name: str) -> Any:
                call = getattr(self.actor, name)

                class Method:
                    remote = staticmethod(lambda *args: (self.number, call(*args)))

                return Method

        return Made()

    def get(self, asked: list[tuple[int, Any]], timeout: float | None = None) -> list[Any]:
        if any(number in self.dead for number, _ in asked):
            raise self.exceptions.RayError("The actor died.")
        return [value for _, value in asked]

    def kill(self, handle: Any) -> None:
        self.actors.remove(handle)

    def shutdown(self) -> None:
        assert not self.actors


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    ray = Here()
    monkeypatch.setattr(module, "connect", lambda address: ray)
    return ray


def write(path: Path, count: int, seed: int) -> Path:
    """Rows of which many come near one that stands a few or very many rows before, and some have no text."""
    rng, made = random.Random(seed), list[list[str]]()
    for _ in range(count):
        words = [rng.choice(WORDS) for _ in range(rng.randint(0, 12))]
        if made and rng.random() < 0.6:
            words = list(rng.choice(made[-4:] if rng.random() < 0.5 else made))
            if words and rng.random() < 0.7:
                words[rng.randrange(len(words))] = rng.choice(WORDS)
        made.append(words)
    path.write_text("".join(json.dumps({"text": " ".join(words), "n": n}) + "\n" for n, words in enumerate(made)))
    return path


def run(
    files: list[Path], away: list[Path], pool: Callable[..., Any] | None, threshold: float = 0.7
) -> tuple[list[Any], list[Any], tuple[int, ...]]:
    result, kept = DedupResult(), list[Any]()
    for _ in dedup(files, away, None, threshold, "unicode", result, kept.append, shards=pool):
        pass
    return (
        kept,
        [report_row(dropped) for dropped in result.dropped],
        (result.rows, result.kept, result.without_text, result.near),
    )


@pytest.mark.parametrize("block", [1, 2, 7, 500])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("threshold", [0.5, 0.7])
def test_the_same_decisions_neighbours_and_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: Here, block: int, count: int, threshold: float
) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    files = [write(tmp_path / "a.jsonl", 300, block), write(tmp_path / "b.jsonl", 100, count)]
    away = [write(tmp_path / "away.jsonl", 15, block)]  # its rows are the first of a.jsonl
    made: list[Shards[Any]] = []

    def pool(places: Any) -> Shards[Any]:
        made.append(Shards(((place.text, place) for place in places), threshold, "unicode", count=count))
        return made[0]

    spread = run(files, away, pool, threshold)
    assert spread == run(files, away, None, threshold)
    assert 50 < spread[2][1] < 390
    assert spread[2][2] > 0
    assert spread[2][3] > 0
    sizes = [len(actor.actor._indices["pool"]) for actor in here.actors]
    assert len(sizes) == count
    assert max(sizes) - min(sizes) <= 1
    made[0].close()


def test_a_shard_that_dies_is_one_sentence(tmp_path: Path, here: Here) -> None:
    def pool(places: Any) -> Shards[Any]:
        made = Shards(((place.text, place) for place in places), 0.7, "unicode")
        here.dead = {1}
        return made

    with pytest.raises(EngineUnavailableError, match="lost a shard of the index"):
        run([write(tmp_path / "a.jsonl", 30, 1)], [], pool)
    assert len(here.actors) == 3


def test_flags_that_say_nothing_without_ray(tmp_path: Path) -> None:
    done = bootstruct("dedup", write(tmp_path / "a.jsonl", 5, 1), "--shards", 2)
    assert done.returncode == 2
    assert "belong to --ray" in done.stderr


@pytest.mark.real
@pytest.mark.skipif(not HAS_RAY, reason="ray is not installed: pip install 'bootstruct[ray]'")
def test_on_a_real_ray_the_same_bytes(tmp_path: Path) -> None:
    file, away = write(tmp_path / "a.jsonl", 1500, 1), write(tmp_path / "away.jsonl", 50, 2)
    for name, words in (("one", ()), ("ray", ("--ray", "--ray-address", "local", "--shards", 2))):
        done = bootstruct(
            "dedup", file, "--against", away, "--out", tmp_path / f"{name}.jsonl", "--dropped", tmp_path / f"{name}.drop",
            "--quiet", *words,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    for suffix in ("jsonl", "drop"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"ray.{suffix}").read_bytes()
        assert (tmp_path / f"one.{suffix}").stat().st_size > 1000

"""Events to JSON lines and back: the inverse of one another for every kind, and faults told as such."""

import contextlib
import copy
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstruct.config.loading import read_recipe, recipe_folder, recipe_names
from bootstruct.errors import JournalError
from bootstruct.journal.codec import from_json, to_json
from bootstruct.journal.events import (
    VERSION,
    CandidatesJudged,
    Event,
    ImportRecorded,
    InstancesChecked,
    ReplyReceived,
    RequestAdapted,
    RequestFailed,
    RunStarted,
    TaskCompleted,
)
from bootstruct.types import CheckVerdict, Instance, RejectedInstance, Reply, Seed, Verdict

RECIPES = [read_recipe(Path(str(recipe_folder(name) / "recipe.yaml"))) for name in recipe_names()]

texts = st.text(max_size=30) | st.sampled_from(["", "\u2028", "a\nb\r\n", '"\\', "\x00", "\U0001f600", "null"])
counts = st.integers(0, 2**53)
scores = st.floats(0, 1)
instances = st.builds(Instance, texts, texts)
tuples = st.lists(instances, max_size=3).map(tuple)
refusals = st.lists(st.builds(RejectedInstance, instances, texts), max_size=3).map(tuple)
verdicts = st.one_of(
    st.builds(Verdict, texts),
    st.builds(Verdict, texts, texts),
    st.builds(Verdict, texts, texts, scores, texts),
)
seeds = st.builds(Seed, texts, texts, tuples, st.booleans(), texts)
recipes = st.builds(
    dataclasses.replace,
    st.sampled_from(RECIPES),
    seed=st.integers(-(2**63), 2**63 - 1),
    keep_away=st.lists(texts, max_size=3).map(tuple),
    model=texts.filter(bool),
)
replies = st.builds(Reply, texts, texts, counts, counts, texts, thought=texts)
numbers = st.floats(allow_nan=False, allow_infinity=False)
EVENTS: dict[type, st.SearchStrategy[Any]] = {
    RunStarted: st.builds(
        RunStarted,
        recipe=recipes,
        seeds=st.lists(seeds, max_size=3).map(tuple),
        origin=texts,
        source=texts,
        inherited=counts,
        version=st.integers(0, VERSION),
    ),
    ReplyReceived: st.builds(ReplyReceived, texts, texts, replies, texts, texts),
    RequestFailed: st.builds(RequestFailed, texts, texts, st.integers(0, 599), texts),
    RequestAdapted: st.builds(RequestAdapted, texts, texts, texts, texts, texts),
    CandidatesJudged: st.builds(
        CandidatesJudged,
        counts,
        st.lists(texts, max_size=8).map(tuple),
        st.lists(verdicts, max_size=4).map(tuple),
        st.booleans(),
    ),
    TaskCompleted: st.builds(TaskCompleted, texts, st.booleans(), tuples, refusals, st.booleans()),
    InstancesChecked: st.builds(
        InstancesChecked,
        texts,
        texts,
        st.lists(st.builds(CheckVerdict, counts, texts | st.none(), scores | st.none(), texts), max_size=4).map(tuple),
        st.booleans(),
    ),
    ImportRecorded: st.builds(
        ImportRecorded,
        texts,
        st.lists(st.tuples(texts, scores), max_size=3).map(tuple),
        numbers | st.none(),
        st.integers(0, 10**9),
    ),
}


def test_every_kind_of_event_is_tried() -> None:
    assert set(EVENTS) == set(Event.__args__)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_line_is_read_back_as_it_was(kind: type, data: st.DataObject) -> None:
    event = data.draw(EVENTS[kind])
    line = orjson.dumps(to_json(event))
    assert b"\n" not in line
    assert from_json(orjson.loads(line)) == event


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_equal_events_make_equal_lines(kind: type, data: st.DataObject) -> None:
    event = data.draw(EVENTS[kind])
    again = from_json(orjson.loads(orjson.dumps(to_json(event))))
    assert orjson.dumps(to_json(again)) == orjson.dumps(to_json(event))


SAMPLES: list[Event] = [
    RunStarted(RECIPES[0], (Seed("s", "Say.", (Instance("", "x"),), False),)),
    ReplyReceived("propose/0", "d" * 32, Reply("text", "stop", 1, 2, "m", 1.5, 2), "question", "run", 1.7e9),
    RequestFailed("propose/0", "d" * 32, 400, "too long"),
    RequestAdapted("http://h/v1", "m", "temperature", "", "not supported"),
    CandidatesJudged(0, ("s",), (Verdict("a"), Verdict("b", "too similar", 0.8, "s"))),
    TaskCompleted("0.0", True, (Instance("a", "b"),), (RejectedInstance(Instance("", ""), "empty output"),)),
    ImportRecorded("0.0", (("a", 0.5),), 0.1, 3),
]
LEFT_OUT = {
    "question",
    "source",
    "at",
    "seconds",
    "retries",
    "inherited",
    "tokens",
    "model",
    "failed",
    "rule",
    "score",
    "near",
}
RECIPE_DEFAULTS = {"recipe"}  # what a recipe may leave out is the business of its own tests


def name(value: object) -> str:
    return type(value).__name__


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield (*path, key)
            if key not in RECIPE_DEFAULTS:
                yield from places(entry, (*path, key))
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from places(entry, (*path, number))


def row_of(event: Event) -> Any:
    return orjson.loads(orjson.dumps(to_json(event)))


def holder(row: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        row = row[step]
    return row


@pytest.mark.parametrize("event", SAMPLES, ids=name)
def test_a_missing_key_is_named(event: Event) -> None:
    keys = [path for path in places(row_of(event)) if isinstance(path[-1], str) and path[-1] not in LEFT_OUT]
    assert keys
    for path in keys:
        row = row_of(event)
        del holder(row, path)[path[-1]]
        with pytest.raises(JournalError, match=f"not an event: '{path[-1]}' is missing"):
            from_json(row)


@pytest.mark.parametrize("event", SAMPLES, ids=name)
@pytest.mark.parametrize("wrong", [5.5, "x", [], {}, [[1]], True, -1, 2**63, 1e300], ids=repr)
def test_a_value_of_another_type_never_becomes_an_event(event: Event, wrong: object) -> None:
    """What is read must be what could have been written: any other value is refused."""
    for path in places(row_of(event)):
        row = row_of(event)
        holder(row, path)[path[-1]] = copy.deepcopy(wrong)
        with contextlib.suppress(JournalError):
            read = from_json(row)
            assert from_json(row_of(read)) == read  # it can be written and read again


@pytest.mark.parametrize("event", SAMPLES, ids=name)
def test_nothing_in_the_place_of_a_value(event: Event) -> None:
    for path in places(row_of(event)):
        if path[-1] in ("rule", "score", "near", "mean"):
            continue
        row = row_of(event)
        holder(row, path)[path[-1]] = None
        with pytest.raises(JournalError):
            from_json(row)


@pytest.mark.parametrize("row", [None, 5, "started", [], [{}], True])
def test_no_object(row: object) -> None:
    with pytest.raises(JournalError, match="not an event: expected an object"):
        from_json(row)


@pytest.mark.parametrize("event", ["paused", "Started", "", 5, None, [], "x" * 10_000])
def test_an_unknown_event(event: object) -> None:
    with pytest.raises(JournalError, match=r"unknown event .*; a newer bootstruct may have written it") as caught:
        from_json({"event": event})
    assert len(str(caught.value)) < 200


def test_no_event() -> None:
    with pytest.raises(JournalError, match="not an event: 'event' is missing"):
        from_json({"key": "propose/0"})


def test_a_newer_version() -> None:
    row = to_json(SAMPLES[0]) | {"version": VERSION + 1, "recipe": "of another shape"}
    with pytest.raises(
        JournalError, match=rf"newer bootstruct \(journal version {VERSION + 1}, .* install the newer one"
    ):
        from_json(row)


def test_a_recipe_that_is_none_is_told_as_a_fault_of_the_journal() -> None:
    row = row_of(SAMPLES[0])
    row["recipe"]["seed"] = "x"
    with pytest.raises(JournalError, match="the recipe in the journal: seed: expected a whole number"):
        from_json(row)


def test_defaults_are_left_out() -> None:
    row = to_json(ReplyReceived("k", "d", Reply("t")))
    assert row == {"event": "replied", "key": "k", "digest": "d", "reply": {"text": "t", "finish": "stop"}}
    assert to_json(CandidatesJudged(0, (), (Verdict("a"),))) == {
        "event": "proposed",
        "index": 0,
        "shown": [],
        "verdicts": [{"text": "a"}],
    }


def test_an_unknown_key_of_a_later_version_is_passed_over() -> None:
    row = row_of(SAMPLES[1]) | {"added_later": 1}
    assert from_json(row) == SAMPLES[1]

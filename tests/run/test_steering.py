"""Hints dealt towards thin places: a function of the pool that a request sees, recorded, and the same after any crash."""

import dataclasses
import random
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

import bootstruct as bs
from bootstruct.cli.generate import generate_command
from bootstruct.config.recipe import Recipe, to_mapping
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.config.recipe_steer import Steer
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.errors import InputError
from bootstruct.history.verify import verify
from bootstruct.journal.codec import from_json, to_json
from bootstruct.journal.events import CandidatesJudged
from bootstruct.journal.file import read_events
from bootstruct.journal.state import State
from bootstruct.reporting.hint_places import hint_columns
from bootstruct.run.folder import read_run
from bootstruct.stages.draw import draw_hints
from bootstruct.stages.steering import PlaceReader, hints_of
from bootstruct.types import Prompt, Reply, digest_of
from tests.support.crashes import exported, run_with_crashes
from tests.support.journals import sealed
from tests.support.marks import trials
from tests.support.scripts import WORDS, answer, outcome, recipe, run_to

TOPICS = tuple(WORDS[:8])
SONG = '{"tasks": [{"instruction": "Sing a song about the sea at night."}]}'
FAVOURITE, REFUSED = TOPICS[0], TOPICS[1]


def steered(steer: Steer | None = Steer()) -> Recipe:  # noqa: B008 - frozen
    """The paper's recipe with hints of eight topics, each a word."""
    plain = recipe()
    ask = dataclasses.replace(plain.propose.ask, prompt=plain.propose.ask.prompt + " (about {{ hints.topic }})")
    propose = dataclasses.replace(plain.propose, ask=ask, hints={"topic": TOPICS}, steer=steer)
    return dataclasses.replace(plain, propose=propose)


def biased(prompt: Prompt, refused: str = "") -> Reply:
    """Write four tasks about the hint, or in three of ten cases (always for the refused topic) about the favourite."""
    if prompt.step != "propose":
        return answer(prompt)
    chance = random.Random(digest_of(prompt))
    hint = prompt.text.rsplit("(about ", 1)[1].split(")")[0]
    tasks = []
    for _ in range(4):
        topic = FAVOURITE if hint == refused or chance.random() < 0.3 else hint
        tasks.append(f"{' '.join(chance.sample(WORDS[8:], 6)).capitalize()} {topic}.")
    return Reply(" " + tasks[0] + "".join(f"\n{number}. {task}" for number, task in enumerate(tasks[1:], 10)), "stop")


def topics(state: State) -> Counter[str]:
    return Counter(task.text.rstrip(".").rsplit(" ", 1)[1].lower() for task in state.accepted)


def test_thin_topics_get_more_requests(tmp_path: Path) -> None:
    even = run_to(tmp_path / "even.jsonl", ScriptedEngine(biased), 200, steered(None))
    state = run_to(tmp_path / "steered.jsonl", ScriptedEngine(biased), 200, steered())
    (column,), (plain,) = hint_columns(state), hint_columns(even)
    requests = {value: count for value, count, _ in column.rows}
    assert requests[FAVOURITE] < min(requests[topic] for topic in TOPICS[1:])
    assert topics(state)[FAVOURITE] < topics(even)[FAVOURITE]
    assert column.entropy > plain.entropy and column.changed > 0 and plain.changed == 0


def test_a_topic_that_brings_nothing_gets_no_more_than_its_even_share(tmp_path: Path) -> None:
    engine = ScriptedEngine(lambda prompt: biased(prompt, REFUSED))
    (column,) = hint_columns(run_to(tmp_path / "a.jsonl", engine, 200, steered()))
    requests = {value: count for value, count, _ in column.rows}
    assert {value: count for value, _, count in column.rows}[REFUSED] == 0
    assert 0 < requests[REFUSED] <= sum(requests.values()) / len(TOPICS) + 4


@pytest.mark.parametrize("trial", trials(2, 8))
def test_any_speed_any_crash_same_bytes(tmp_path: Path, trial: int) -> None:
    one = run_to(
        tmp_path / "one.jsonl", ThrottledEngine([ScriptedEngine(biased)], ConcurrencyLimiter(1)), 60, steered()
    )
    state, _ = run_with_crashes(tmp_path / "journal.jsonl", biased, 60, trial, steered())
    assert outcome(state) == outcome(one)
    assert exported(tmp_path / "journal.jsonl", state) == exported(tmp_path / "one.jsonl", one)
    assert verify(tmp_path / "journal.jsonl").agrees


def test_hints_are_recorded_and_verified(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    state = run_to(path, ScriptedEngine(biased), 30, steered())
    judged = [event for _, event in read_events(path) if isinstance(event, CandidatesJudged)]
    assert [dict(event.hints) for event in judged] == [hints_of(state, index) for index in range(len(judged))]
    number = next(n for n, event in enumerate(judged) if n > 5)
    text = path.read_text()
    old = f'"hints":{{"topic":"{judged[number].hints[0][1]}"}}'
    place = text.index(old, text.index(f'"proposed","index":{judged[number].index},'))
    path.write_bytes(sealed((text[:place] + '"hints":{"topic":"nothing"}' + text[place + len(old) :]).encode()))
    assert any("recorded hints nothing, derived" in sentence for sentence in verify(path).disagreements)


def test_a_longer_run_has_the_same_beginning(tmp_path: Path) -> None:
    short = run_to(tmp_path / "a.jsonl", ScriptedEngine(biased), 30, steered())
    run_to(tmp_path / "a.jsonl", ScriptedEngine(biased), 90, steered())
    whole = run_to(tmp_path / "b.jsonl", ScriptedEngine(biased), 90, steered())
    assert exported(
        tmp_path / "a.jsonl", run_to(tmp_path / "a.jsonl", ScriptedEngine(biased), 90, steered())
    ) == exported(tmp_path / "b.jsonl", whole)
    assert whole.accepted[: len(short.accepted)] == short.accepted


def test_only_a_share_is_steered(tmp_path: Path) -> None:
    state = run_to(tmp_path / "a.jsonl", ScriptedEngine(biased), 120, steered(Steer(share=0.3)))
    (some,), (every,) = (
        hint_columns(state),
        hint_columns(run_to(tmp_path / "b.jsonl", ScriptedEngine(biased), 120, steered())),
    )
    assert 0 < some.changed < every.changed


def test_places_are_told_by_words_and_else_by_the_hint() -> None:
    propose = dataclasses.replace(
        recipe().propose, hints={"topic": ("old clocks", "the sea")}, steer=Steer(words={"the sea": ("ship", "tide")})
    )
    place = PlaceReader(propose).place
    assert place("topic", "Repair a clock.", "the sea") == "old clocks"
    assert place("topic", "Name two ships.", "old clocks") == "the sea"
    assert place("topic", "Name a ship with a clock.", "old clocks") == "old clocks"  # as many words of both
    assert place("topic", "Name a bird.", "the sea") == "the sea" and place("topic", "Name a bird.", None) is None


def test_recipes_without_the_key_keep_digest_hints_and_journal() -> None:
    plain = steered(None)
    assert "steer" not in to_mapping(plain)["propose"]
    event = CandidatesJudged(0, (), ())
    assert "hints" not in to_json(event) and from_json(to_json(event)) == event
    state = State(plain, ())
    assert hints_of(state, 5) == draw_hints(plain.propose, plain.seed, 5) and state.steering is None


@pytest.mark.parametrize(
    ("steer", "sentence"),
    [
        ({"share": 0}, "share: must be above 0"),
        ({"most": 0.5}, "most: must be between 1 and 1000"),
        ({"words": {"pianos": ["key"]}}, "'pianos' is not a value of a hint"),
    ],
)
def test_faults_of_the_key_are_told(steer: dict[str, object], sentence: str) -> None:
    mapping = to_mapping(steered(None))
    mapping["propose"]["steer"] = steer
    with pytest.raises(InputError, match=sentence):
        from_mapping(mapping, "recipe.yaml")
    mapping["propose"] |= {"steer": {}, "hints": {}}
    with pytest.raises(InputError, match="the recipe has none; give it"):
        from_mapping(mapping, "recipe.yaml")


def test_the_flag_writes_the_key_before_the_run_begins(tmp_path: Path) -> None:
    seeds = [{"instruction": f"Name a {word}.", "output": word} for word in WORDS[:10]]
    bs.init(tmp_path / "a", recipe="chat", model="python/script", seeds=seeds)
    engine = bs.ScriptedEngine(lambda prompt: SONG)
    text = (tmp_path / "a" / "recipe.yaml").read_text()
    for _ in range(2):  # the second time, the recipe has the key already
        bs.generate(tmp_path / "a", tasks=1, steer=True, engine=engine)
    edited = (tmp_path / "a" / "recipe.yaml").read_text()
    assert edited.replace("  steer: {}\n", "", 1) == text
    assert read_run(tmp_path / "a").recipe.propose.steer == Steer()


def test_a_run_that_began_without_it_says_what_to_do(tmp_path: Path) -> None:
    seeds = [{"instruction": f"Name a {word}.", "output": word} for word in WORDS[:10]]
    bs.init(tmp_path / "a", recipe="chat", model="python/script", seeds=seeds)
    bs.generate(
        tmp_path / "a", tasks=1, engine=bs.ScriptedEngine(lambda prompt: '{"tasks": [{"instruction": "Sing."}]}')
    )
    done = CliRunner().invoke(generate_command, [str(tmp_path / "a"), "--steer"])
    assert isinstance(done.exception, InputError) and "began without steering" in str(done.exception)
    bs.init(tmp_path / "b", recipe="paper", model="python/script", seeds=seeds)
    done = CliRunner().invoke(generate_command, [str(tmp_path / "b"), "--steer"])
    assert isinstance(done.exception, InputError) and "the recipe has none" in str(done.exception)
    assert "steer" not in (tmp_path / "b" / "recipe.yaml").read_text()

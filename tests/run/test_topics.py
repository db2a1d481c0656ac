"""Topics of a run: those of the shipped recipe go where the user's own seeds come; one request proposes topics of these."""

import json
from pathlib import Path

import pytest
import yaml

import bootstruct as bs
from bootstruct.errors import InputError
from bootstruct.run.topics import without_topics
from bootstruct.stages.topics import MOST_TOPICS, read_topics, topics_prompt
from bootstruct.types import Instance, Reply, Seed
from tests.support.commands import bootstruct
from tests.support.scripts import recipe

SEEDS = [{"instruction": f"Mend part {n} of a bicycle.", "output": "Turn it."} for n in range(60)]
REPLY = '{"topics": ["1. wheels: spokes # and \\"rims\\"", "{{ brakes }}", "wheels: spokes # and \\"rims\\"", "\\u202egears"]}'


def hints(folder: Path) -> dict[str, list[str]]:
    loaded: dict[str, list[str]] = yaml.safe_load((folder / "recipe.yaml").read_text())["propose"]["hints"]
    return loaded


def test_shipped_topics_are_for_the_shipped_seeds(tmp_path: Path) -> None:
    (tmp_path / "seeds.jsonl").write_text("".join(json.dumps(seed) + "\n" for seed in SEEDS[:2]))
    said = bootstruct("init", tmp_path / "own", "--seeds", tmp_path / "seeds.jsonl", "--model", "python/x").stdout
    assert (
        "its 40 topics fit the 175 shipped seeds and are left out (--topics-from-seeds finds topics that fit yours)"
        in said
    )
    assert list(hints(tmp_path / "own")) == ["kind", "length"]
    said = bootstruct("init", tmp_path / "shipped", "--model", "python/x").stdout
    assert "left out" not in said
    assert len(hints(tmp_path / "shipped")["topic"]) == 40


def test_a_recipe_of_ones_own_keeps_its_topics(tmp_path: Path) -> None:
    bs.init(tmp_path / "a", model="python/x")
    bs.init(tmp_path / "b", recipe=tmp_path / "a" / "recipe.yaml", seeds=SEEDS[:2], model="python/x")
    assert len(hints(tmp_path / "b")["topic"]) == 40


def test_a_recipe_without_topics_stays_as_it_is() -> None:
    text = "propose:\n  hints:\n    kind:\n      - a\n"
    assert without_topics(text) == (text, 0)


def test_topics_come_from_the_seeds(tmp_path: Path) -> None:
    bs.init(tmp_path / "a", seeds=SEEDS, model="python/x")
    asked = []

    def answer(prompt: bs.Prompt) -> str:
        asked.append(prompt)
        return REPLY

    topics = bs.topics_from_seeds(tmp_path / "a", engine=bs.ScriptedEngine(answer))
    assert topics == ('wheels: spokes # and "rims"', "{{ brakes }}", "\u202egears")
    assert hints(tmp_path / "a")["topic"] == list(topics)
    assert list(hints(tmp_path / "a")) == ["topic", "kind", "length"]
    [prompt] = asked
    text = prompt.messages[-1].content
    assert text.count("of a bicycle.") == 40
    record = json.loads((tmp_path / "a" / "topics.jsonl").read_text())
    assert (record["prompt"], record["reply"]) == (text, REPLY)

    again = bs.topics_from_seeds(tmp_path / "a", engine=bs.ScriptedEngine(lambda _: '{"topics": ["saddles"]}'))
    assert hints(tmp_path / "a")["topic"] == list(again) == ["saddles"]


@pytest.mark.parametrize(
    "reply", ["", "I'm sorry, but I can't help with that.", '{"topics": []}', '{"topics": [1, {}]}']
)
def test_a_reply_without_topics_is_kept_and_named(tmp_path: Path, reply: str) -> None:
    bs.init(tmp_path / "a", seeds=SEEDS, model="python/x")
    before = (tmp_path / "a" / "recipe.yaml").read_text()
    with pytest.raises(InputError, match="no topics can be read"):
        bs.topics_from_seeds(tmp_path / "a", engine=bs.ScriptedEngine(lambda _: reply))
    assert (tmp_path / "a" / "recipe.yaml").read_text() == before
    assert json.loads((tmp_path / "a" / "topics.jsonl").read_text())["reply"] == reply


def test_recipes_and_runs_that_take_no_topics(tmp_path: Path) -> None:
    bs.init(tmp_path / "paper", recipe="paper", model="python/x")
    with pytest.raises(InputError, match=r"has no `propose.hints` for topics"):
        bs.topics_from_seeds(tmp_path / "paper", engine=bs.ScriptedEngine(lambda _: REPLY))
    bs.init(tmp_path / "begun", seeds=SEEDS, model="python/x")
    (tmp_path / "begun" / "journal.jsonl").write_text("x")
    with pytest.raises(InputError, match="has begun already"):
        bs.topics_from_seeds(tmp_path / "begun", engine=bs.ScriptedEngine(lambda _: REPLY))
    done = bootstruct("init", tmp_path / "c", "--topics-from-seeds", "--rejudge", tmp_path / "paper")
    assert done.returncode == 2
    assert "is for a new run" in done.stderr


def test_topics_in_plain_text_and_many_of_them() -> None:
    chat = recipe("chat")
    listed = "".join(f"{n}. topic number {n}.\n" for n in range(1, 99))
    assert read_topics(chat, Reply("Here are the topics:\n\n" + listed))[:2] == ("topic number 1", "topic number 2")
    assert len(read_topics(chat, Reply(listed))) == MOST_TOPICS
    assert read_topics(chat, Reply('{"topics": ["brakes", "the whe', "length")) == ("brakes",)
    seeds = [Seed("s", "Mend\x00 it. " * 99, (Instance("", "x"),), False)]
    assert len(topics_prompt(chat, seeds).messages[-1].content) < 1200

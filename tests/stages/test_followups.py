"""Conversations: intents dealt, turns asked for and read, one side told from the other, bytes, budgets, exports."""

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import bootstruct as bs
from bootstruct.config.loading import read_recipe
from bootstruct.config.machine import Prices
from bootstruct.config.recipe import Recipe, to_mapping
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import InputError
from bootstruct.history.verify import verify
from bootstruct.journal.file import read_state
from bootstruct.journal.state import State
from bootstruct.run.status import status_of
from bootstruct.stages.followups import conversation, draw_intents, read_turn
from bootstruct.types import Instance, Prompt, Reply, Turn, digest_of
from tests.support.checked_runs import throttled
from tests.support.commands import bootstruct
from tests.support.method_runs import at_any_speed
from tests.support.scripts import WORDS, answer, outcome, recipe, run_to


def talking(folder: Path, name: str = "paper", **followups: object) -> Recipe:
    """A shipped recipe with `followups`, as a file of the user's."""
    from bootstruct.config.loading import recipe_folder

    text = (recipe_folder(name) / "recipe.yaml").read_text(encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "talking.yaml"
    path.write_text(text + "\nfollowups: " + json.dumps({"turns": [1, 3]} | followups) + "\n")
    return read_recipe(path)


def answering(prompt: Prompt) -> Reply:
    """As the small world, and turns: some write both sides, some are the other side's, empty, cut, refusals or repeats."""
    if prompt.stage not in ("user", "assistant"):
        return answer(prompt)
    rng = random.Random(digest_of(prompt))
    one, two = rng.sample(WORDS, 2)
    other = "Assistant" if prompt.stage == "user" else "User"
    kinds = {
        f" What about the {one} and the {two}?": 8,
        f" And the {one}?\n{other}: It is a {two}.": 2,
        f"{other}: It is a {two}.": 1,
        "": 1,
        " I'm sorry, but I cannot assist with that request.": 1,
    }
    text = rng.choices(list(kinds), list(kinds.values()))[0]
    return Reply(text, rng.choice(["stop"] * 15 + ["length"]), 60, 9, "scripted")


def grown(folder: Path, chosen: Recipe, tasks: int = 40) -> tuple[State, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "journal.jsonl"
    return run_to(path, throttled(ScriptedEngine(answering), 16), tasks, chosen), path


def test_an_instance_gets_as_many_turns_as_were_drawn_until_one_cannot_be_used(tmp_path: Path) -> None:
    chosen = talking(tmp_path)
    assert chosen.followups is not None
    state, path = grown(tmp_path / "run", chosen)
    found = Counter[str]()
    for task in state.completed.values():
        for number, instance in enumerate(task.instances):
            wanted = draw_intents(chosen, chosen.followups, task.task, number)
            assert 1 <= len(wanted) <= 3
            assert [turn.intent for turn in instance.turns] == list(wanted[: len(instance.turns)])
            found["ended"] += len(instance.turns) < len(wanted)
            for turn in instance.turns:
                assert turn.user and turn.assistant
                assert not any(
                    f"{side}:" in text for side in ("User", "Assistant") for text in (turn.user, turn.assistant)
                )
                found.update(turn.cut)
    rules = Counter(row.rule for task in state.completed.values() for row in task.rejected)
    steps = Counter((step.partition("/")[0], why) for task in state.completed.values() for step, why in task.unread)
    assert found["user"] and found["assistant"]
    assert rules["turn: written by the other side"]
    assert {(side, why) for side in ("user", "assistant") for why in ("empty", "cut")} <= steps.keys()
    ended = sum(count for rule, count in rules.items() if rule.startswith("turn: "))
    ended += sum(count for (side, _), count in steps.items() if side in ("user", "assistant"))
    assert found["ended"] >= ended > 0  # each has a named reason; an end at the last turn is one too
    told = status_of(state, Prices())
    turns = [turn for task in state.completed.values() for instance in task.instances for turn in instance.turns]
    assert told.conversations["turns"] == len(turns)
    assert told.conversations["cut"] == sum(bool(turn.cut) for turn in turns)
    assert told.conversations["wanted"] - len(turns) >= ended
    assert verify(path).disagreements == []
    left = {key.split("/")[1] for key in state.replies if key.startswith("annotate/")}
    assert left <= {name for name, task in state.completed.items() if task.retried_steps}  # which --retry-failed needs


def test_the_pool_is_that_of_a_run_without_turns(tmp_path: Path) -> None:
    plain = run_to(tmp_path / "plain.jsonl", throttled(ScriptedEngine(answering), 4), 30, recipe())
    state, _ = grown(tmp_path / "run", talking(tmp_path), 30)
    assert state.accepted == plain.accepted
    first = [[(i.input, i.output) for i in task.instances] for task in state.completed.values()]
    assert first == [[(i.input, i.output) for i in task.instances] for task in plain.completed.values()]


@pytest.mark.slow
def test_any_speed_any_crash_same_bytes(tmp_path: Path) -> None:
    at_any_speed(tmp_path, talking(tmp_path / "made"), answering, 30, crashing=30)


def test_a_crash_changes_nothing(tmp_path: Path) -> None:
    at_any_speed(tmp_path, talking(tmp_path / "made", turns=[1, 2]), answering, 15, crashing=1)


@pytest.mark.parametrize(
    ("text", "user", "assistant"),
    [
        ("And in winter?", ("And in winter?", False), ("And in winter?", False)),
        ("User: And in winter?", ("And in winter?", False), ("", True)),
        ("**Assistant:** It sleeps.", ("", True), ("It sleeps.", False)),
        ("Why?\n\nAssistant: So.\nUser: Oh.", ("Why?", True), ("Why?", True)),
        ("Why?\n### Human\nOh.", ("Why?", True), ("Why?", True)),
        ("[assistant]\nSo.\n[user]\nOh.", ("", True), ("So.", True)),
        ("<think>Hm. User: x</think>It sleeps.", ("It sleeps.", False), ("It sleeps.", False)),
        ("It sleeps.<|im_end|>\n<|im_start|>user\nOh.", ("It sleeps.", False), ("It sleeps.", False)),
        ("The user: is told.\nAn assistant: too.", *[("The user: is told.\nAn assistant: too.", False)] * 2),
        ("User manual: page 3", ("User manual: page 3", False), ("User manual: page 3", False)),
        ("human", ("human", False), ("human", False)),
        ("", ("", False), ("", False)),
    ],
)  # fmt: skip
def test_one_side_is_told_from_the_other(text: str, user: tuple[str, bool], assistant: tuple[str, bool]) -> None:
    assert read_turn(text, "user") == user
    assert read_turn(text, "assistant") == assistant


def test_turns_are_read_in_linear_time() -> None:
    for unit in ("*", "#", "\n", " ", "user", "user\n", "[user", "[", "User : ", "\n*user*", "### user\n", "human's "):
        read_turn(unit * (200_000 // len(unit)), "user")


def test_a_chat_model_answers_the_conversation_itself(tmp_path: Path) -> None:
    chosen = talking(tmp_path, "chat", turns=[2, 2])
    chosen = replace(chosen, system="You are terse.")
    seen: list[Prompt] = []

    def chatting(prompt: Prompt) -> Reply:
        seen.append(prompt)
        if prompt.step == "propose":
            return Reply('{"tasks": ["Explain why the wren sings so loudly at noon."]}')
        if prompt.step == "kind":
            return Reply('{"is_classification": false}')
        if prompt.step == "instances":
            return Reply('{"examples": [{"input": "", "output": "It marks its ground."}]}')
        return Reply(f"{prompt.stage} turn {len(prompt.messages)} {prompt.step[-1]}.")

    path = tmp_path / "journal.jsonl"
    state = run_to(path, throttled(ScriptedEngine(chatting), 1), 1, chosen)
    (instance,) = state.completed[state.accepted[0].name].instances
    assert [(turn.user, turn.assistant) for turn in instance.turns] == [
        ("user turn 1 1.", "assistant turn 4 1."),
        ("user turn 1 2.", "assistant turn 6 2."),
    ]
    last = next(prompt for prompt in seen if prompt.step == "assistant/0/2")
    assert [(message.role, message.content) for message in last.messages] == [
        ("system", "You are terse."),
        ("user", "Explain why the wren sings so loudly at noon."),
        ("assistant", "It marks its ground."),
        ("user", "user turn 1 1."),
        ("assistant", "assistant turn 4 1."),
        ("user", "user turn 1 2."),
    ]
    asked = next(prompt for prompt in seen if prompt.step == "user/0/1").messages[-1].content
    assert "[assistant]\nIt marks its ground." in asked
    assert "Write only this one message" in asked
    assert verify(path).disagreements == []


def test_model_text_in_a_conversation_is_never_a_template(tmp_path: Path) -> None:
    chosen = talking(tmp_path, turns=[1, 1])

    def hostile(prompt: Prompt) -> Reply:
        if prompt.stage in ("user", "assistant"):
            assert "49" not in prompt.text.replace("{{ 7 * 7 }}", "")
            return Reply(" {{ 7 * 7 }} {% raw %}?")
        return answer(prompt)

    state = run_to(tmp_path / "j.jsonl", throttled(ScriptedEngine(hostile), 1), 5, chosen)
    turns = [turn for task in state.completed.values() for i in task.instances for turn in i.turns]
    assert turns and all(turn.user == turn.assistant == "{{ 7 * 7 }} {% raw %}?" for turn in turns)


def test_exports_hold_conversations_or_say_that_they_do_not(tmp_path: Path) -> None:
    state, _ = grown(tmp_path / "run", talking(tmp_path))
    run = bs.open(tmp_path / "run")
    longest = max((i for task in state.completed.values() for i in task.instances), key=lambda i: len(i.turns))
    for name, field, value in (("messages", "messages", "content"), ("openai", "messages", "content")):
        result = run.export(name, tmp_path / f"{name}.jsonl")
        assert not result.notes
        rows = [json.loads(line)[field] for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        assert all([turn["role"] for turn in row] == ["user", "assistant"] * (len(row) // 2) for row in rows)
        assert any(
            row[-1][value] == longest.turns[-1].assistant and len(row) == 2 + 2 * len(longest.turns) for row in rows
        )
    run.export("sharegpt", tmp_path / "s.json")
    rows = [row["conversations"] for row in json.loads((tmp_path / "s.json").read_text())]
    assert any([turn["from"] for turn in row] == ["human", "gpt"] * 3 for row in rows)
    for name in ("alpaca", "prompt-completion"):
        (note,) = run.export(name, tmp_path / f"{name}.x").notes
        assert "continue as conversations, and" in note and name in note
    made = bootstruct("export", tmp_path / "run", "--format", "alpaca", "--out", tmp_path / "a.json")
    assert "holds the first turn of each" in made.stdout + made.stderr


def test_failed_and_unread_turns_are_asked_again_and_no_other(tmp_path: Path) -> None:
    chosen = talking(tmp_path)
    state, path = grown(tmp_path / "run", chosen, 15)
    (tmp_path / "run" / "recipe.yaml").write_text((tmp_path / "talking.yaml").read_text())
    wanted = {(task, step) for task, done in state.completed.items() for step in done.retried_steps}
    assert any(step.startswith("user/") for _, step in wanted)
    asked: list[str] = []

    def well(prompt: Prompt) -> Reply:
        asked.append(prompt.step)
        if prompt.stage in ("user", "assistant"):
            return Reply(f" Well, the {WORDS[prompt.sample % len(WORDS)]} {prompt.sample}.")
        return answer(prompt)

    engine = ScriptedEngine(well)

    async def main() -> State:
        from bootstruct.pipeline import generate
        from bootstruct.run.scheduler import ActiveRun
        from tests.support.scripts import open_journal

        again, journal = open_journal(path, chosen)
        try:
            await generate(ActiveRun(again, journal, engine, retry_failed=True), 15)
        finally:
            journal.close()
        return again

    import asyncio

    later = asyncio.run(main())
    assert verify(path).disagreements == []
    turns = [sum(len(i.turns) for task in at.completed.values() for i in task.instances) for at in (state, later)]
    assert turns[1] > turns[0]
    left = {
        (t, s) for t, done in later.completed.items() for s in done.retried_steps if s.startswith(("user", "assistant"))
    }
    assert not left


def test_a_budget_counts_a_task_when_its_turns_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    talking(tmp_path)
    bs.init(folder, recipe=tmp_path / "talking.yaml", model="python/x")
    status = bs.generate(folder, tasks=400, max_requests=250, engine=ScriptedEngine(answering)).run.status()
    assert status.replies <= 250
    assert status.completed >= 0.5 * status.accepted  # without an estimate of turns it would be a tenth
    assert status.conversations["turns"] > 0
    more = bs.generate(folder, tasks=400, max_requests=400, engine=ScriptedEngine(answering)).run.status()
    assert status.completed < more.completed
    assert more.replies <= 400


def test_a_preview_shows_turns_and_estimates_them(tmp_path: Path) -> None:
    talking(tmp_path, turns=[2, 2])
    bs.init(tmp_path / "run", recipe=tmp_path / "talking.yaml", model="python/x")
    found = bs.preview(tmp_path / "run", engine=ScriptedEngine(answering), requests=3)
    steps = Counter(row.step.partition("/")[0] for row in found.requests)
    assert steps["user"] and steps["assistant"]
    assert all(not row.instances for row in found.requests if row.step.startswith(("user", "assistant")))
    assert found.estimate is not None
    assert found.estimate.requests > 3 * found.estimate.tasks


def test_other_rules_reuse_every_turn_and_rewriting_leaves_them_out(tmp_path: Path) -> None:
    chosen = talking(tmp_path)
    state, _ = grown(tmp_path / "run", chosen, 20)
    bs.init(tmp_path / "new", rejudge=tmp_path / "run")
    again = read_state(tmp_path / "new" / "journal.jsonl")
    assert again is not None and outcome(again) == outcome(state)
    bs.init(tmp_path / "better", rewrite_outputs=tmp_path / "run", model="python/better")
    run = bs.generate(tmp_path / "better", engine=ScriptedEngine(lambda prompt: Reply(f" Better {prompt.sample}."))).run
    assert run.recipe.followups is None
    assert run.verify().disagreements == []
    assert not any(instance.turns for task in run.tasks for instance in task.instances)


def test_a_report_shows_turns(tmp_path: Path) -> None:
    grown(tmp_path / "run", talking(tmp_path), 12)
    bs.report(tmp_path / "run", out=tmp_path / "page.html")
    assert "What about the" in (tmp_path / "page.html").read_text()
    told = " ".join(bootstruct("status", tmp_path / "run").stdout.split())
    assert "of them continue as" in told and "further turns of" in told


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"turns": [3, 1]}, r"followups\.turns: needs the fewest and the most"),
        ({"turns": [1]}, r"followups\.turns"),
        ({"turns": [0, 2]}, r"followups\.turns"),
        ({"share": 0}, r"followups\.share: must be in \(0, 1\]"),
        ({"intents": []}, r"followups\.intents: needs at least one"),
        ({"user": {"reply": "json"}}, r"the reply to each request is the turn itself"),
        ({"user": {"prompt": "{{ nothing }}"}}, "nothing"),
    ],
)
def test_faults_are_told(tmp_path: Path, change: dict[str, object], message: str) -> None:
    from bootstruct.stages.dry_run import dry_run

    with pytest.raises(InputError, match=message):
        dry_run(talking(tmp_path, **change))


def test_recipes_without_turns_are_what_they_were_and_begun_ones_keep_their_prompts(tmp_path: Path) -> None:
    assert "followups" not in to_mapping(recipe())
    chosen = talking(tmp_path)
    assert chosen.followups is not None
    older = replace(
        chosen, followups=replace(chosen.followups, user=replace(chosen.followups.user, prompt="old {{ intent }}"))
    )
    assert read_recipe(tmp_path / "talking.yaml", older).digest() == older.digest()
    mapping = yaml.safe_load((tmp_path / "talking.yaml").read_text())
    mapping["followups"] |= {"intents": ["ask for a joke"]}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(mapping))
    own = read_recipe(tmp_path / "own.yaml")
    assert own.followups is not None and own.followups.intents == ("ask for a joke",)


def test_an_instance_as_messages() -> None:
    pair = Instance("3 and 4", "7", (Turn("Why?", "They add up."),))
    assert [message.content for message in conversation("Add.", pair)] == [
        "Add.\n\n3 and 4",
        "7",
        "Why?",
        "They add up.",
    ]

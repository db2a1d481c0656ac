"""Task types of several tasks in one request: what is asked, what is parsed, and which tasks ask alone."""

import dataclasses
from collections.abc import Callable

import pytest

from bootstruct.config.recipe import Ask, Recipe
from bootstruct.journal.events import CandidatesJudged, ReplyReceived, RequestFailed, RunStarted, TaskCompleted
from bootstruct.journal.keys import SHARED, key_of
from bootstruct.journal.state import apply, begin, siblings
from bootstruct.stages import schemas
from bootstruct.stages.annotate import annotate, flow_reply
from bootstruct.stages.parsing.task_types import parse_task_types
from bootstruct.types import Instruction, Prompt, Reply, Verdict
from tests.support.scripts import SEEDS, recipe

CHAT = recipe("chat")
TASKS = tuple(Instruction(f"3.{n}", text) for n, text in enumerate(("Name a river.", "Is it wet or dry?", "Sing.")))


def spoken(chosen: Recipe) -> Recipe:
    """The recipe with text replies for kinds."""
    assert chosen.classify_together is not None
    together = dataclasses.replace(chosen.classify_together, reply="text")
    return dataclasses.replace(chosen, classify_together=together)


def steps(chosen: Recipe, task: Instruction, group: tuple[Instruction, ...], say: Callable[[Prompt], str]) -> list[str]:
    """The steps that a task's conversation takes, and what its instances are asked as."""
    flow, taken = annotate(chosen, task, group), []
    prompt = next(flow)
    while True:
        taken.append(prompt.step)
        if prompt.step == "instances":
            return [*taken, "label first" if prompt.schema == schemas.LABEL_FIRST else "input first"]
        prompt = flow.send(Reply(say(prompt)))


def test_one_prompt_names_all_tasks_and_is_the_same_for_each() -> None:
    asked = {next(annotate(CHAT, task, TASKS)) for task in TASKS}
    assert len(asked) == 1
    prompt = asked.pop()
    assert (prompt.step, prompt.schema) == (SHARED, schemas.TASK_TYPES)
    for number, task in enumerate(TASKS, 1):
        assert f"\n{number}. {task.text}\n" in prompt.messages[-1].content


@pytest.mark.parametrize(
    "text",
    [
        '{"answers": [{"number": 1, "is_classification": false}, {"number": 2, "is_classification": true}]}',
        "1. No\n2. Yes",
        "Task 1: no\nTask 2: **Yes** - wet, dry",
        "1. Name a river. -> No\n2. Is it wet or dry? Yes",
        "1: No, 2: Yes",
    ],
)
def test_each_task_takes_its_own_answer_and_one_without_asks_alone(text: str) -> None:
    def say(prompt: Prompt) -> str:
        return text if prompt.step == SHARED else '{"is_classification": true}'

    assert steps(CHAT, TASKS[0], TASKS, say) == [SHARED, "instances", "input first"]
    assert steps(CHAT, TASKS[1], TASKS, say) == [SHARED, "instances", "label first"]
    assert steps(CHAT, TASKS[2], TASKS, say) == [SHARED, "kind", "instances", "label first"]


@pytest.mark.parametrize(
    "text", ["", "I cannot tell.", "1. maybe", "1. Yes\n1. No", "5. Yes", "Yes\nNo", '{"answers": []}']
)
def test_without_a_readable_answer_a_task_asks_alone(text: str) -> None:
    for chosen in (CHAT, spoken(CHAT)):
        taken = steps(chosen, TASKS[0], TASKS, lambda prompt: text if prompt.step == SHARED else "No")
        assert taken == [SHARED, "kind", "instances", "input first"]


def test_one_task_alone_is_asked_alone() -> None:
    for group in ((), TASKS[:1]):
        assert steps(CHAT, TASKS[0], group, lambda _: "No")[0] == "kind"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. Yes\n2. No\n3. no.", {1: True, 2: False, 3: False}),
        ("**1.** Yes\n(2) no\n#3 - YES", {1: True, 2: False, 3: True}),
        ("Yes\nNo\nYes", {1: True, 2: False, 3: True}),
        ("1) Yes; 2) No; 3) Yes", {1: True, 2: False, 3: True}),
        ("1. Say no to the offer: Yes\n2. Are there 3 no more? - no", {1: True, 2: False}),
        ("2. Yes, because there is no other label", {2: True}),
        ("Yes\nNo", {}),
        ("Here is my answer: yes", {}),
        ("", {}),
    ],
)
def test_answers_in_words(text: str, expected: dict[int, bool]) -> None:
    assert parse_task_types(Reply(text), 3, False) == expected


@pytest.mark.parametrize(
    "text", ["1 " * 100_000, "1. \n" * 100_000, "yes" * 100_000, "1" * 300_000, ",-" * 100_000, "\u0661. yes\n" * 9]
)
def test_hostile_answers(text: str) -> None:
    assert set(parse_task_types(Reply(text), 3, False)) <= {1, 2, 3}


def test_after_a_failed_shared_request_each_task_asks_alone() -> None:
    shared, own = next(annotate(CHAT, TASKS[0], TASKS)), next(annotate(CHAT, TASKS[0]))
    assert flow_reply(shared, None) is not None
    assert flow_reply(own, None) is None
    assert flow_reply(own, Reply("x")) == Reply("x")


def test_keys() -> None:
    assert key_of("812.3", "kind") == "annotate/812.3/kind"
    assert key_of("812.3", SHARED) == "annotate/812/kinds"


def begun(chosen: Recipe) -> tuple[object, ...]:
    state = begin(RunStarted(chosen, SEEDS))
    apply(state, CandidatesJudged(0, (), (Verdict("A"), Verdict("B", "too short"))))
    apply(state, CandidatesJudged(1, (), (Verdict("C"), Verdict("D", "too short"), Verdict("E"))))
    apply(state, CandidatesJudged(2, (), ()))
    return state, [task.name for task in state.accepted]


def test_siblings_are_those_accepted_from_the_same_request() -> None:
    state, names = begun(CHAT)
    assert names == ["0.0", "1.0", "1.2"]
    assert [t.name for t in siblings(state, "1.2")] == ["1.0", "1.2"]  # type: ignore[arg-type]
    assert [t.name for t in siblings(state, "0.0")] == ["0.0"]  # type: ignore[arg-type]
    alone, _ = begun(recipe("paper"))
    assert siblings(alone, "1.2") == ()  # type: ignore[arg-type]


@pytest.mark.parametrize("failed", [False, True])
def test_the_shared_reply_stays_until_the_last_of_its_tasks_is_completed(failed: bool) -> None:
    state = begin(RunStarted(CHAT, SEEDS))
    apply(state, CandidatesJudged(0, (), (Verdict("A"), Verdict("B"))))
    shared = key_of("0.0", SHARED)
    apply(state, ReplyReceived(shared, "d", Reply("1. Yes")))
    apply(state, RequestFailed(key_of("0.1", "kind"), "d", 400, "no"))
    apply(state, TaskCompleted("0.0", True, ()))
    assert shared in state.replies
    apply(state, TaskCompleted("0.1", False, (), failed=failed))
    assert (shared in state.replies) is failed
    if failed:
        apply(state, TaskCompleted("0.1", False, ()))  # asked again, and answered
    assert state.replies == {}


def test_a_shared_request_allows_tokens_for_all_answers() -> None:
    together = CHAT.classify_together
    assert isinstance(together, Ask)
    assert together.sampling.max_tokens >= 8 * 25 > CHAT.classify.sampling.max_tokens

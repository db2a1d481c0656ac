import asyncio

import pytest

from bootstruct.domain import Prompt
from bootstruct.engines.balanced import Balanced
from bootstruct.engines.scripted import Scripted
from bootstruct.errors import Passing
from tests.engines.virtual import run
from tests.engines.worlds import prompt


def unreachable(_: Prompt) -> str:
    raise Passing(0, "cannot connect", connected=False)


def ask(questions: int, *engines: Scripted) -> None:
    async def go() -> None:
        balanced = Balanced(engines)
        await asyncio.gather(*(balanced.complete(prompt(n)) for n in range(questions)))

    run(go())


def test_each_question_goes_to_the_least_busy_server() -> None:
    slow, quick = Scripted(lambda _: "a", lambda _: 9.0), Scripted(lambda _: "a", lambda _: 1.0)
    ask(10, slow, quick)
    assert (len(slow.asked), len(quick.asked)) == (5, 5)


def test_a_server_that_is_down_costs_no_answer_and_is_left_alone() -> None:
    down, up = Scripted(unreachable), Scripted(lambda _: "a")

    async def go() -> None:
        balanced = Balanced([down, up])
        for number in range(20):
            assert (await balanced.complete(prompt(number))).text == "a"
        assert len(down.asked) == 1
        await asyncio.sleep(16)
        await balanced.complete(prompt(99))
        await balanced.complete(prompt(100))
        assert len(down.asked) == 2

    run(go())
    assert len(up.asked) == 22


def test_all_down_is_a_failure_in_passing() -> None:
    with pytest.raises(Passing):
        ask(1, Scripted(unreachable), Scripted(unreachable))


def test_other_failures_are_not_passed_on_to_the_next() -> None:
    def refuse(_: Prompt) -> str:
        raise Passing(429, "no")

    other = Scripted(lambda _: "a")
    with pytest.raises(Passing):
        ask(1, Scripted(refuse), other)
    assert not other.asked

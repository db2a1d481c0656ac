"""New outputs for the instances of one task, as the rules for instances judge them."""

from bootstruct.stages.regenerate_outputs import rewrite
from bootstruct.types import Instance, Instruction, RejectedInstance, Reply
from tests.support.scripts import recipe


def test_a_new_output_that_equals_another_of_its_task_is_rejected_by_name() -> None:
    given = recipe()
    old = (Instance("", "Drink water."), Instance("", "Sleep."), Instance("tea", "Sleep."))
    asking = rewrite(given, given.instances.input_first, Instruction("machine/0", "Give advice."), False, old)
    steps = [next(asking).step]
    try:
        while True:
            steps.append(asking.send(Reply("Go for a walk.", "stop")).step)
    except StopIteration as ended:
        kept, rejected, unread = ended.value
    assert steps == ["rewrite/0", "rewrite/1", "rewrite/2"]
    assert kept == (Instance("", "Go for a walk."), Instance("tea", "Go for a walk."))
    assert rejected == (RejectedInstance(Instance("", "Go for a walk."), "rewritten: duplicate"),)
    assert unread == []

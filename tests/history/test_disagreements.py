"""What `verify` says of a difference: both sides of each field, and equal differences once."""

from bootstruct.history.verify_wording import checks_differ, completions_differ, grouped, verdicts_differ
from bootstruct.journal.events import InstancesChecked, TaskCompleted
from bootstruct.types import CheckVerdict, Instance, RejectedInstance, Verdict

DONE = TaskCompleted("0.0", False, (Instance("a", "b"),), (RejectedInstance(Instance("", ""), "empty output"),))


def test_each_field_of_a_task_shows_both_sides() -> None:
    other = TaskCompleted("0.0", True, (Instance("a", "c"), Instance("d", "e")), (), unread=(("kind", "cut"),))
    assert completions_differ(DONE, other) == (
        "task type recorded no classification, derived unreadable; instance 0 recorded 'a' -> 'b', derived 'a' -> 'c'; "
        "instance 1 recorded none, derived 'd' -> 'e'; rejected instance 0 recorded '' -> '' as empty output, derived none; "
        "unread replies recorded none, derived kind: cut"
    )


def test_equal_fields_are_left_out_and_long_texts_are_cut() -> None:
    long = TaskCompleted("0.0", False, (Instance("a", "b" * 500),), DONE.rejected)
    assert completions_differ(DONE, long) == f"instance 0 recorded 'a' -> 'b', derived 'a' -> '{'b' * 60}…'"
    failed = TaskCompleted("0.0", False, DONE.instances, DONE.rejected, failed=True)
    assert completions_differ(failed, DONE) == "recorded failed, derived completed"


def test_verdicts_of_checks_show_both_sides() -> None:
    old = InstancesChecked("0.0", "rubric", (CheckVerdict(0, None, 4.0), CheckVerdict(1, "graded too low", 2.0)))
    new = InstancesChecked("0.0", "rubric", (CheckVerdict(0, None, 4.0), CheckVerdict(1, None, 5.0)))
    assert (
        checks_differ(old, new)
        == "instance 1 recorded rejected as graded too low (score 2.0), derived kept (score 5.0)"
    )
    assert checks_differ(old, InstancesChecked("0.0", "rubric", (old.verdicts[0],))) == (
        "instance 1 recorded rejected as graded too low (score 2.0), derived without a verdict"
    )


def test_verdicts_on_candidates_show_both_sides() -> None:
    assert verdicts_differ(Verdict("a"), Verdict("a", "too similar", 0.8, "b")) == (
        "recorded kept, derived rejected as too similar (0.8 with b)"
    )
    assert verdicts_differ(Verdict("a"), Verdict("b")) == "recorded 'a', derived 'b'"


def test_repeats_are_grouped() -> None:
    many = [f"task {n}.0 'text {n}': instance 0 recorded 'x{n}' -> 'y', derived 'x{n}' -> 'z'" for n in range(50)]
    other = "request 3: recorded examples a, b, derived b, a"
    groups = grouped([*many, other, *many])
    assert [group.count for group in groups] == [100, 1]
    assert [group.first for group in groups] == [many[0], other]

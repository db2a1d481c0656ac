"""The written content: 175 seeds, 252 user tasks and the paper recipe's few-shot prompts are what their cards say.

ROUGE-L is computed with rapidfuzz; one test compares it with the reference implementation. Outputs and inputs are
compared with public data only where both have at least eight tokens: equal labels such as "yes" mean nothing.
"""

import random
from collections.abc import Callable

import pytest
from rouge_score import rouge_scorer

from tests.support import content_cards as cards
from tests.support import content_checks as checks
from tests.support.content_arithmetic import readable_equations
from tests.support.content_texts import (
    Row,
    Template,
    instance_of,
    long_enough,
    nearest,
    official_texts,
    read_rows,
    read_template,
    rouge_l,
    tokens_of,
)
from tests.support.paths import PACKAGE, ROOT


@pytest.fixture(scope="module")
def seeds() -> list[Row]:
    return read_rows(PACKAGE / "config" / "seeds.jsonl")


@pytest.fixture(scope="module")
def user_tasks() -> list[Row]:
    return read_rows(PACKAGE / "evaluation" / "user_tasks.jsonl")


@pytest.fixture(scope="module")
def templates() -> dict[str, Template]:
    return {name: read_template(name) for name in ("classify", "input_first", "output_first")}


@pytest.fixture(scope="module")
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Print a measured number past pytest's capture."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def write(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n  {text}", end="")

    return write


def instructions(rows: list[Row]) -> list[str]:
    return [row["instruction"] for row in rows]


def counts(rows: list[Row]) -> tuple[int, int, int]:
    """Rows, classification rows, rows without input."""
    return len(rows), sum(row.get("is_classification", False) for row in rows), sum(not instance_of(r)[0] for r in rows)


# ---- formats and counts -------------------------------------------------------------------------------------------


def test_seeds_have_the_format(seeds: list[Row]) -> None:
    assert checks.format_problems(seeds, checks.SEED_KEYS, "seed_task_") == []


def test_seeds_have_the_counts(seeds: list[Row], say: Callable[[str], None]) -> None:
    total, classification, no_input = counts(seeds)
    say(f"seeds: {total} rows, {classification} classification, {no_input} without input")
    assert total == 175
    assert 28 <= classification <= 36
    assert 45 <= no_input <= 55


def test_user_tasks_have_the_format(user_tasks: list[Row]) -> None:
    assert checks.format_problems(user_tasks, checks.USER_TASK_KEYS, "user_task_") == []


def test_user_tasks_have_the_counts(user_tasks: list[Row], say: Callable[[str], None]) -> None:
    total, _, no_input = counts(user_tasks)
    applications = {row["motivation_app"] for row in user_tasks}
    say(f"user tasks: {total} rows, {len(applications)} applications, {no_input} without input")
    assert total == 252
    assert 40 <= no_input <= 50
    assert 60 <= len(applications) <= 80
    assert len({name.casefold().replace(" ", "") for name in applications}) == len(applications), (
        "one name, two spellings"
    )


def test_templates_have_the_format(templates: dict[str, Template]) -> None:
    assert checks.template_problems(templates["classify"], checks.CLASSIFY_TAIL) == []
    assert checks.template_problems(templates["input_first"], checks.OPEN_TAIL) == []
    assert checks.template_problems(templates["output_first"], checks.OPEN_TAIL) == []


def test_demonstrations_have_their_shapes_and_counts(templates: dict[str, Template]) -> None:
    assert checks.classify_problems(templates["classify"]) == []
    assert checks.input_first_problems(templates["input_first"]) == []
    assert checks.output_first_problems(templates["output_first"]) == []


# ---- rules ----------------------------------------------------------------------------------------------------------


def test_no_instruction_breaks_a_rule(seeds: list[Row], user_tasks: list[Row], templates: dict[str, Template]) -> None:
    assert checks.rule_problems(instructions(seeds)) == []
    assert checks.rule_problems(instructions(user_tasks)) == []
    assert (
        checks.rule_problems(instruction for template in templates.values() for instruction in template.instructions)
        == []
    )


# ---- likeness -------------------------------------------------------------------------------------------------------


def test_fast_rouge_is_the_reference(seeds: list[Row], user_tasks: list[Row]) -> None:
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    texts = [text for row in seeds + user_tasks for text in (row["instruction"], *instance_of(row)) if text]
    rng = random.Random("content/rouge")
    for _ in range(200):
        left, right = rng.choice(texts), rng.choice(texts)
        assert rouge_l(tokens_of(left), tokens_of(right)) == scorer.score(left, right)["rougeL"].fmeasure


def test_seeds_differ(seeds: list[Row], say: Callable[[str], None]) -> None:
    """The paper's threshold is 0.7; hand-written seeds should keep far below it."""
    near = nearest(instructions(seeds))
    say(f"nearest two seeds {near}")
    assert near.score < 0.7
    assert near.score < 0.55


def test_seeds_differ_from_user_tasks(seeds: list[Row], user_tasks: list[Row], say: Callable[[str], None]) -> None:
    near = nearest(instructions(seeds), instructions(user_tasks))
    say(f"nearest seed and user task {near}")
    assert near.score < 0.5


def test_user_tasks_differ(user_tasks: list[Row], say: Callable[[str], None]) -> None:
    near = nearest(instructions(user_tasks))
    say(f"nearest two user tasks {near}")
    assert near.score < 0.6


def test_demonstrations_differ_from_all_else(
    seeds: list[Row], user_tasks: list[Row], templates: dict[str, Template], say: Callable[[str], None]
) -> None:
    shown = [instruction for template in templates.values() for instruction in template.instructions]
    among, beside = nearest(shown), nearest(shown, instructions(seeds) + instructions(user_tasks))
    say(f"nearest two demonstrations {among}")
    say(f"nearest demonstration and task {beside}")
    assert among.score < 0.6
    assert beside.score < 0.6


def test_nothing_is_like_the_public_data(
    seeds: list[Row], user_tasks: list[Row], templates: dict[str, Template], say: Callable[[str], None]
) -> None:
    public = official_texts()
    if public is None:
        pytest.skip("the paper's seeds and user tasks are not at ../shared/data/official")
    shown = [instruction for template in templates.values() for instruction in template.instructions]
    examples = [pair for template in templates.values() for pair in template.instances()]
    inputs, outputs = zip(*[instance_of(row) for row in seeds + user_tasks], *examples, strict=True)
    ours = (
        instructions(seeds) + instructions(user_tasks) + shown,
        long_enough(list(inputs)),
        long_enough(list(outputs)),
    )
    theirs = (public[0], long_enough(public[1]), long_enough(public[2]))
    for what, mine, other in zip(("instruction", "input", "output"), ours, theirs, strict=True):
        near = nearest(mine, other)
        say(f"nearest public {what} {near}")
        assert near.score < 0.6, what


# ---- correctness ----------------------------------------------------------------------------------------------------


def test_code_data_tables_and_sums_are_right(
    seeds: list[Row], user_tasks: list[Row], templates: dict[str, Template], say: Callable[[str], None]
) -> None:
    sums, found = 0, []
    for row in seeds + user_tasks:
        given, output = instance_of(row)
        sums += len(readable_equations(output)) + len(readable_equations(given))
        found += [f"{row['id']}: {problem}" for problem in checks.output_problems(row["instruction"], output)]
        found += [f"{row['id']} (input): {problem}" for problem in checks.table_problems(given)]
        if "wrong" not in row["instruction"].lower() and not row.get("is_classification"):
            found += [f"{row['id']} (input): {problem}" for problem in checks.sum_problems(given)]
    for name, template in templates.items():
        for _, output in template.instances():
            found += [f"{name}: {problem}" for problem in checks.output_problems("", output)]
    say(f"{sums} equations were evaluated")
    assert found == []


def test_labels_are_balanced(seeds: list[Row], say: Callable[[str], None]) -> None:
    rows = [row for row in seeds if row["is_classification"]]
    say(f"opposite labels of classification seeds: {checks.affirmative_share(rows)}")
    assert checks.label_problems(rows) == []


def test_labels_of_demonstrations_do_not_lean_to_one_place(templates: dict[str, Template]) -> None:
    """Of the opposite labels, none comes always first: a model would copy the order."""
    firsts = [block.split("Class label: ")[1].split("\n")[0].lower() for block in templates["output_first"].blocks]
    assert {"yes", "no"} <= set(firsts)


@pytest.mark.parametrize("which", ["seeds", "user_tasks"])
def test_shares_are_bounded(which: str, request: pytest.FixtureRequest, say: Callable[[str], None]) -> None:
    rows: list[Row] = request.getfixturevalue(which)
    texts = instructions(rows)
    questions = sum(map(checks.is_question, texts)) / len(rows)
    verb, times = checks.first_verbs(texts).most_common(1)[0]
    _, classification, no_input = counts(rows)
    say(
        f"{which}: classification {classification / len(rows):.1%}, without input {no_input / len(rows):.1%}, "
        f"questions {questions:.1%}, first verb {verb!r} {times / len(rows):.1%}"
    )
    assert times / len(rows) < 0.08, verb
    assert questions >= 0.15


# ---- cards ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("card", sorted(cards.CARDS))
def test_card_tables_are_recomputed(card: str) -> None:
    """Every table between markers equals the one computed from the files; no marker is missing or unknown."""
    text = (ROOT / "docs" / card).read_text("utf-8")
    assert cards.tables_in(text) == cards.CARDS[card]()

"""`finetune --select`: the rules of `bootstruct select` decide which examples are trained on."""

import dataclasses
from pathlib import Path

import pytest
from click.testing import CliRunner

from bootstruct.cli.finetune import finetune_command
from bootstruct.errors import InputError
from bootstruct.finetuning.data import TrainingData, read_data
from bootstruct.finetuning.run import _settings_row
from bootstruct.finetuning.selecting import SELECTION, select_examples, write_selection
from bootstruct.finetuning.settings import FinetuneSettings, MixturePart, SelectSettings, read_settings
from bootstruct.io.rows import read_rows


@pytest.fixture(scope="module")
def data(run: Path) -> TrainingData:
    return read_data([MixturePart(str(run))], 0, 0.1, 42)


def quiet(line: str) -> None:
    """Show nothing."""


def test_the_longest_outputs_are_chosen_and_seeds_stay(data: TrainingData) -> None:
    steps: list[str] = []
    found, explained = select_examples(data, SelectSettings("longest", 10), 42, steps.append)
    own = [example for example in found.train if not example.is_seed]
    others = [example for example in data.train if not example.is_seed and example not in own]
    assert len(own) == 10 and others
    count = lambda example: len(example.messages[-1].content.split())  # noqa: E731
    assert min(map(count, own)) >= max(map(count, others))
    assert [e for e in found.train if e.is_seed] == [e for e in data.train if e.is_seed]
    assert found.train == tuple(example for example in data.train if example in found.train)  # in their order
    assert found.held_out == data.held_out and found.tasks == len({example.task for example in found.train})
    assert [row["rank"] for row in explained] == list(range(1, 11)) and "words" in explained[0]["why"]
    assert any("10 of" in step for step in steps)


def test_equal_settings_choose_equal_examples(data: TrainingData) -> None:
    for settings in (SelectSettings("random", 5), SelectSettings("k-center", 5, embed="hashed"), SelectSettings("mixture", 5, embed="hashed", quality="longest")):  # fmt: skip
        first, second = (select_examples(data, settings, 7, quiet)[0] for _ in range(2))
        assert first.digest() == second.digest() != data.digest()
    assert select_examples(data, SelectSettings("random", 5), 8, quiet)[0].digest() != select_examples(data, SelectSettings("random", 5), 7, quiet)[0].digest()  # fmt: skip


def test_each_choice_is_explained_beside_the_model(data: TrainingData, tmp_path: Path) -> None:
    _, explained = select_examples(data, SelectSettings("longest", 4), 42, quiet)
    write_selection(tmp_path, explained)
    assert [row["rank"] for _, row in read_rows(tmp_path / SELECTION)] == [1, 2, 3, 4]
    write_selection(tmp_path / "none", [])
    assert not (tmp_path / "none").exists()


def test_without_a_rule_nothing_changes(data: TrainingData) -> None:
    assert select_examples(data, SelectSettings(), 42, quiet) == (data, [])
    assert "select" not in _settings_row(FinetuneSettings())  # so that older trainings resume
    assert "select" in _settings_row(FinetuneSettings(select=SelectSettings("random", 3)))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (SelectSettings("nearest", 3), "unknown; use one of"),
        (SelectSettings("random"), "choose at least one"),
        (SelectSettings("random", 10**6), "--select-size 1000000: there are"),
        (SelectSettings("grade", 3), "bootstruct select --by grade"),
        (SelectSettings("mixture", 3, embed="hashed", quality="grade"), "bootstruct select --by grade"),
        (SelectSettings("k-center", 3), "needs a model of embeddings"),
        (SelectSettings("ifd", 3), "needs a small model"),
    ],
)
def test_faults_are_told_in_a_sentence(data: TrainingData, settings: SelectSettings, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        select_examples(data, settings, 42, quiet)


def test_flags_and_files_name_it(run: Path, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("select: {rule: longest, size: 7}\n")
    assert read_settings(tmp_path / "s.yaml", {}).select == SelectSettings("longest", 7)
    flagged = read_settings(tmp_path / "s.yaml", {"select": {"rule": "random", "size": 2}})
    assert dataclasses.astuple(flagged.select) == ("random", 2, "", "", "")
    words = [str(run), "--model", "pocket", "--out", str(tmp_path / "m"), "--select-size", "3"]
    done = CliRunner().invoke(finetune_command, words)
    assert isinstance(done.exception, InputError) and "belong to --select" in str(done.exception)

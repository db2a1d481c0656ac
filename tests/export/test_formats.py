"""Each export is what its readers expect, the same state gives the same bytes, and files are whole or absent."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import InputError, RunStoppedError
from bootstruct.export.files import export
from bootstruct.export.formats import FORMATS
from bootstruct.export.openai_chat_validation import openai_faults
from bootstruct.export.rows import training_rows
from bootstruct.journal.state import State, begin
from tests.support.scripts import SEEDS, answer, open_journal, recipe, run_to


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[State, Path]:
    path = tmp_path_factory.mktemp("run") / "journal.jsonl"
    return run_to(path, ScriptedEngine(answer), 40), path


def written(run: tuple[State, Path], format: str, out: Path, **options: bool) -> bytes:
    state, journal = run
    export(state, journal, format, out, **options)
    return out.read_bytes()


def test_rows_follow_the_order_of_acceptance(run: tuple[State, Path]) -> None:
    state = run[0]
    names = [row.task for row in training_rows(state)]
    order = [task.name for task in state.accepted]
    assert names == sorted(names, key=order.index)
    with_seeds = list(training_rows(state, seeds=True))
    assert [row.task for row in with_seeds[: len(SEEDS)]] == [seed.id for seed in SEEDS]
    most = state.recipe.instances.most
    assert all(names.count(name) <= most for name in names)
    assert any(len(a.instances) > most for a in state.completed.values()) or most >= 5


@pytest.mark.parametrize(
    "format", [name for name in sorted(FORMATS) if name != "original" and not FORMATS[name].has_pairs]
)
def test_the_same_state_gives_the_same_bytes(tmp_path: Path, run: tuple[State, Path], format: str) -> None:
    if format == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    first = written(run, format, tmp_path / f"a{FORMATS[format].suffix}")
    assert first == written(run, format, tmp_path / f"b{FORMATS[format].suffix}")
    assert len(first) > 1000


def test_alpaca_messages_and_sharegpt_say_the_same(tmp_path: Path, run: tuple[State, Path]) -> None:
    alpaca = json.loads(written(run, "alpaca", tmp_path / "a.json"))
    messages = [json.loads(line) for line in written(run, "messages", tmp_path / "m.jsonl").splitlines()]
    sharegpt = json.loads(written(run, "sharegpt", tmp_path / "s.json"))
    assert len(alpaca) == len(messages) == len(sharegpt) == len(list(training_rows(run[0])))
    for flat, chat, talk in zip(alpaca, messages, sharegpt, strict=True):
        asked = flat["instruction"] + ("\n\n" + flat["input"] if flat["input"] else "")
        assert chat["messages"] == [
            {"role": "user", "content": asked},
            {"role": "assistant", "content": flat["output"]},
        ]
        assert talk["conversations"] == [{"from": "human", "value": asked}, {"from": "gpt", "value": flat["output"]}]
        assert flat["id"] == chat["id"] == talk["id"]


def test_prompt_completion_uses_the_templates_and_no_end_mark(tmp_path: Path, run: tuple[State, Path]) -> None:
    made = [json.loads(line) for line in written(run, "prompt-completion", tmp_path / "p.jsonl").splitlines()]
    assert all(set(row) == {"id", "task", "prompt", "completion"} for row in made)
    assert not any("<|endoftext|>" in row["completion"] for row in made)
    assert len({row["prompt"].split("\n")[-1] for row in made}) > 1


def test_openai_is_what_the_api_takes(tmp_path: Path, run: tuple[State, Path]) -> None:
    content = written(run, "openai", tmp_path / "o.jsonl")
    assert openai_faults(content) == []
    assert all(set(json.loads(line)) == {"messages"} for line in content.splitlines())


@pytest.mark.parametrize(
    ("rows", "written"),
    [
        ([{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}] * 9, "at least 10"),
        ([{"messages": [{"role": "assistant", "content": ""}]}] * 10, "line 1: the assistant's content is empty"),
        ([{"messages": [{"role": "user", "content": "x"}]}] * 10, "the last message is not the assistant's"),
        ([{"messages": [{"role": "bot", "content": "x"}]}] * 10, "unknown role 'bot'"),
        ([{"messages": [], "id": 1}] * 10, "unknown key 'id'"),
        ([{"messages": []}] * 10, "missing or empty"),
        ([{"messages": [{"role": "user", "content": "x", "text": 1}]}] * 10, "unknown key 'text'"),
        ([[]] * 10, "not an object"),
    ],
)
def test_openai_faults_are_found_before_anything_is_sent(rows: list[object], written: str) -> None:
    faults = openai_faults(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    assert any(written in fault for fault in faults), faults


def test_a_part_of_a_run_says_how_far_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    calls = 0

    def few(prompt: object) -> object:
        nonlocal calls
        calls += 1
        if calls > 60:
            raise RunStoppedError("enough")
        return answer(prompt)  # type: ignore[arg-type]

    with pytest.raises(RunStoppedError):
        run_to(path, ScriptedEngine(few), 100)  # type: ignore[arg-type]
    state, journal = open_journal(path)
    journal.close()
    done = export(state, path, "messages", tmp_path / "m.jsonl")
    assert 0 < done.completed < done.tasks
    assert done.requests == len(state.accepted_after)


def test_a_stream_gets_the_bytes_of_the_file(tmp_path: Path, run: tuple[State, Path]) -> None:
    stream = io.BytesIO()
    result = export(*run, "messages", stream)
    assert stream.getvalue() == written(run, "messages", tmp_path / "m.jsonl")
    assert result.files == {"-": stream.getvalue().count(b"\n")}
    with pytest.raises(InputError, match="is a folder of files"):
        export(*run, "original", stream)


def test_an_unknown_format_is_told_with_the_known_ones(tmp_path: Path, run: tuple[State, Path]) -> None:
    with pytest.raises(InputError, match="format 'jsonl': unknown; use one of alpaca, messages, "):
        export(*run, "jsonl", tmp_path / "out")


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path: Path, run: tuple[State, Path]) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="file: is a file; the format `original` is a folder"):
        export(*run, "original", tmp_path / "file")
    with pytest.raises(InputError, match=r"is a folder; name a file, as in .*data\.json\."):
        export(*run, "alpaca", tmp_path)


def test_nothing_to_export_is_told(tmp_path: Path) -> None:
    from bootstruct.journal.events import RunStarted

    with pytest.raises(InputError, match="no accepted instruction yet"):
        export(begin(RunStarted(recipe(), SEEDS)), tmp_path / "journal.jsonl", "alpaca", tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()


@pytest.mark.real
def test_read_back_by_their_own_ecosystems(
    tmp_path: Path, run: tuple[State, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """datasets.load_dataset reads the JSON formats, pyarrow and datasets the table, TRL's trainer takes the rows."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    count = len(list(training_rows(run[0])))
    for format in sorted(set(FORMATS) - {"original", "parquet", "preference", "preference-text"}):
        path = tmp_path / f"{format}{FORMATS[format].suffix}"
        written(run, format, path)
        table = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
        assert len(table) == count if format != "prompt-completion" else 0 < len(table) <= count
    path = tmp_path / "a.parquet"
    written(run, "parquet", path)
    assert parquet.read_table(path).num_rows == count
    loaded = datasets.load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded[0]["instruction"] == next(training_rows(run[0])).instruction


@pytest.mark.real
@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("messages", "a.jsonl"),
        ("messages", "a.parquet"),
        ("openai", "a.jsonl"),
        ("sharegpt", "a.json"),
        ("sharegpt", "a.arrow"),
        ("prompt-completion", "a.csv"),
        ("alpaca", "a.json"),
        ("parquet", "a.parquet"),
    ],
)
def test_trl_trains_on_it(
    tmp_path: Path, run: tuple[State, Path], format: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trl = pytest.importorskip("trl", reason="trl is not installed")
    import datasets

    from tests.support.tiny_model import make

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    written(run, format, tmp_path / name)
    kind = {"jsonl": "json"}.get(name.split(".")[1], name.split(".")[1])
    data = datasets.load_dataset(
        kind, data_files=str(tmp_path / name), split="train[:8]", cache_dir=str(tmp_path / "cache")
    )
    by_function = {"alpaca", "parquet"}  # TRL knows no instructions: a function makes the texts
    options: dict[str, Any] = {}
    if format in by_function:
        options["formatting_func"] = lambda row: f"{row['instruction']}\n{row['input'] or ''}\n{row['output']}"
    config = trl.SFTConfig(
        output_dir=str(tmp_path / "out"), max_steps=1, per_device_train_batch_size=2, use_cpu=True, bf16=False,
        report_to="none", save_strategy="no", max_length=256,
    )  # fmt: skip
    trainer = trl.SFTTrainer(model=str(make(tmp_path / "tiny")), train_dataset=data, args=config, **options)
    assert trainer.train().training_loss > 0

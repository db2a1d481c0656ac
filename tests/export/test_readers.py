"""Exports as other tools read them: pandas, polars and datasets by themselves, trainers by their documented rules."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.export.files import export_runs
from bootstruct.export.rows import training_rows
from bootstruct.export.selection import RunSource
from tests.support.scripts import answer, run_to
from tests.support.trainer_formats import OPENAI_TAGS, SHAREGPT_TAGS, alpaca_faults, chat_faults

Json = dict[str, Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunSource:
    path = tmp_path_factory.mktemp("run") / "journal.jsonl"
    return RunSource(run_to(path, ScriptedEngine(answer), 15), path)


def rows(path: Path) -> list[Json]:
    text = path.read_text(encoding="utf-8")
    return list(json.loads(text)) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_llama_factory_and_axolotl_take_every_chat_and_alpacas_format(
    name: str, run: RunSource, tmp_path: Path
) -> None:
    for format, faults in (
        ("alpaca", alpaca_faults),
        ("messages", lambda found: chat_faults(found, OPENAI_TAGS)),
        ("openai", lambda found: chat_faults(found, OPENAI_TAGS)),
        ("sharegpt", lambda found: chat_faults(found, SHAREGPT_TAGS)),
    ):
        path = tmp_path / ("a.jsonl" if format == "openai" else name)
        export_runs([run], format, path)
        assert faults(rows(path)) == []
        assert len(rows(path)) == len(list(training_rows(run.state)))


def test_the_validator_refuses_what_trainers_refuse() -> None:
    assert alpaca_faults([{"instruction": "a", "output": "b"}, {"instruction": "a", "input": "", "output": ""}])
    user, bot = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
    assert chat_faults([{"messages": [user]}], OPENAI_TAGS)
    assert chat_faults([{"messages": [bot, user]}], OPENAI_TAGS)
    assert chat_faults([{"messages": [user, bot | {"content": None}]}], OPENAI_TAGS)
    assert not chat_faults([{"messages": [user, bot]}], OPENAI_TAGS)


@pytest.mark.real
@pytest.mark.parametrize(
    "format", ["alpaca", "messages", "sharegpt", "prompt-completion", "parquet", "openai", "original"]
)
@pytest.mark.parametrize(
    "name",
    ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.jsonl.gz", "a.csv.gz", "a.parquet", "a.arrow", "dataset"],
)
def test_pandas_polars_and_datasets(
    name: str, format: str, run: RunSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if format in ("openai", "original") and name != "a.jsonl":
        pytest.skip(f"{format} is JSON Lines only")
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    polars = pytest.importorskip("polars", reason="polars is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    container = "dataset" if name == "dataset" else None
    if format == "original":
        written = export_runs([run], format, tmp_path / "original").files
        files = {path: count for path, count in written.items() if count and path.endswith(".jsonl")}
    else:
        (count,) = export_runs([run], format, tmp_path / name, container=container).files.values()
        files = {str(tmp_path / name): count}
    if name == "dataset":
        assert len(datasets.load_from_disk(str(tmp_path / name))) == count
        return
    kind = name.split(".")[1]
    builder = {"jsonl": "json", "tsv": "csv"}.get(kind, kind)
    frames: dict[str, Any] = {
        "jsonl": lambda path: pandas.read_json(path, lines=True),
        "json": pandas.read_json,
        "csv": pandas.read_csv,
        "tsv": lambda path: pandas.read_csv(path, sep="\t"),
        "parquet": pandas.read_parquet,
        "arrow": pandas.read_feather,
    }
    readers: dict[str, Any] = {"jsonl": polars.read_ndjson, "json": polars.read_json, "csv": polars.read_csv}
    readers |= {"parquet": polars.read_parquet, "arrow": polars.read_ipc}
    readers["tsv"] = lambda path: polars.read_csv(path, separator="\t")
    for path, rows_there in files.items():
        found = [frames[kind](path)]
        if not name.endswith(".tsv"):  # `datasets` takes no tabs by itself
            found.append(
                datasets.load_dataset(builder, data_files=path, split="train", cache_dir=str(tmp_path / "cache"))
            )
        if not name.endswith(".gz"):
            found.append(readers[kind](path))
        assert [len(frame) for frame in found] == [rows_there] * len(found), path

"""`export --for`: the folder of each trainer, read by the trainer's own code where it is installed."""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import bootstruct as bs
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import InputError
from bootstruct.export.for_trainer import TrainerExport, export_for
from bootstruct.export.selection import RunSource
from bootstruct.export.trainers import TRAINERS
from tests.support.commands import bootstruct
from tests.support.scripts import answer, run_to


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunSource:
    folder = tmp_path_factory.mktemp("runs") / "a"
    folder.mkdir()
    return RunSource(run_to(folder / "journal.jsonl", ScriptedEngine(answer), 30), folder / "journal.jsonl")


def made(run: RunSource, trainer: str, folder: Path, **options: Any) -> tuple[TrainerExport, dict[str, Any]]:
    result = export_for([run], trainer, folder, splits={"test": 0.2}, **options)
    return result, yaml.safe_load((folder / TRAINERS[trainer].config).read_text(encoding="utf-8"))


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_folder_holds_data_and_configuration_and_says_the_command(
    trainer: str, run: RunSource, tmp_path: Path
) -> None:
    folder = tmp_path / "a folder"
    result, config = made(run, trainer, folder)
    train, test = rows(folder / "data" / "train.jsonl"), rows(folder / "data" / "test.jsonl")
    assert result.result.files[str(folder / "data" / "train.jsonl")] == len(train) > len(test) > 0
    assert result.command == f"cd '{folder}' && {TRAINERS[trainer].command}"
    assert TRAINERS[trainer].config in result.command
    first = (folder / TRAINERS[trainer].config).read_text(encoding="utf-8").splitlines()[0]
    assert first.endswith(TRAINERS[trainer].command) and "Qwen" in json.dumps(config)
    assert str(tmp_path) not in json.dumps(config)  # the folder may be moved
    assert ("test" in json.dumps(config)) == TRAINERS[trainer].evaluates
    assert any("measures no loss" in note for note in result.result.notes) != TRAINERS[trainer].evaluates
    before = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    made(run, trainer, folder)
    assert before == {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("trainer", TRAINERS)
def test_without_a_part_to_measure_on_none_is_named(trainer: str, run: RunSource, tmp_path: Path) -> None:
    result = export_for([run], trainer, tmp_path, base_model="Qwen/Qwen2.5-3B-Instruct")
    config = yaml.safe_load((tmp_path / TRAINERS[trainer].config).read_text(encoding="utf-8"))
    assert "test" not in json.dumps(config) and not (tmp_path / "data" / "test.jsonl").exists()
    assert "Qwen2.5-3B-Instruct" in json.dumps(config) and "3B" in result.base_model
    assert config.get("eval_strategy", "no") == "no" and not result.result.notes


def test_the_answer_alone_is_learned_by_trl(run: RunSource, tmp_path: Path) -> None:
    made(run, "trl", tmp_path)
    for row in rows(tmp_path / "data" / "train.jsonl"):
        assert [turn["role"] for turn in row["prompt"]] == ["user"]
        assert [turn["role"] for turn in row["completion"]] == ["assistant"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--for", "axolotls"], "axolotl, llama-factory"),
        ([], "name one of --format"),
        (["--for", "trl", "--format", "alpaca"], "name one of --format"),
        (["--for", "trl", "--container", "csv"], "leave --container"),
        (["--for", "trl", "--out", "-"], "writes a folder"),
        (["--format", "alpaca", "--base-model", "m"], "is for --for"),
        (["--for", "trl", "--split", "test=0.1", "--split", "more=0.1"], "one part beside `train`"),
        (["--for", "torchtune", "--base-model", "org/other"], "a function for each model"),
        (["--for", "trl", "--out", "."], "is the folder of the run"),
        (["--for", "trl", "--out", "journal.jsonl"], "is a file"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(words: list[str], fault: str, run: RunSource) -> None:
    with contextlib.chdir(run.journal.parent):
        done = bootstruct("export", run.journal.parent, *words)
        assert done.returncode == 2 and fault in done.stderr and done.stderr.count("\n") == 1, done.stderr
        assert [path.name for path in run.journal.parent.iterdir()] == ["journal.jsonl"]


def test_the_command_and_python_write_the_same(run: RunSource, tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path):
        done = bootstruct("export", run.journal.parent, "--for", "llama-factory", "--split", "test=0.2", "--json")
        told = json.loads(done.stdout)
        assert (told["for"], told["base_model"]) == ("llama-factory", "Qwen/Qwen2.5-0.5B-Instruct")
        assert told["command"] == "cd a-llama-factory && llamafactory-cli train sft.yaml"
        said = bootstruct("export", run.journal.parent, "--for", "torchtune").stdout.splitlines()
        assert said[-1].startswith("train with: cd a-torchtune && tune run") and "tune download" in said[-2]
        bs.export_for(run.journal.parent, "llama-factory", "python", split={"test": 0.2})
    for path in (tmp_path / "python").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "a-llama-factory" / path.relative_to(tmp_path / "python")).read_bytes()
    with pytest.raises(InputError, match="good"):
        bs.export_for(run.journal.parent, "trl", tmp_path / "x", reviewed="bad")


# The trainers' own code


def small_model(folder: Path) -> str:
    from tests.support.tiny_model import make

    return str(make(folder))


@pytest.mark.real
def test_trls_own_parser_and_script_train_on_it(
    run: RunSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl", reason="trl is not installed")
    from trl.scripts.sft import main, make_parser

    made(run, "trl", tmp_path, base_model=small_model(tmp_path / "model"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(
        sys, "argv", ["sft", "--config", "sft.yaml", "--use_cpu", "--bf16", "false", "--max_steps", "1"]
    )
    parsed = make_parser().parse_args_and_config()
    assert parsed[1].max_length == 2048 and parsed[1].eval_strategy == "epoch" and parsed[2].lora_r == 16
    main(*parsed)
    assert (tmp_path / "output" / "adapter_model.safetensors").is_file()


@pytest.mark.real
def test_llama_factorys_own_parser_and_loader_take_it(
    run: RunSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("llamafactory", reason="llamafactory is not installed")
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from transformers import AutoTokenizer

    model = small_model(tmp_path / "model")
    result, config = made(run, "llama-factory", tmp_path, base_model=model)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = get_train_args(config | {"use_cpu": True})
    tokenizer = AutoTokenizer.from_pretrained(model)
    template = get_template_and_fix_tokenizer(tokenizer, found[1])
    parts = get_dataset(template, found[0], found[1], found[2], stage="sft", tokenizer=tokenizer)
    counts = [count for count in result.result.files.values() if count]
    assert [len(parts["train_dataset"]), len(parts["eval_dataset"])] == counts
    for row in parts["train_dataset"]:
        assert 0 < sum(label >= 0 for label in row["labels"]) < len(row["labels"])


@pytest.mark.real
def test_axolotls_own_schema_and_strategy_take_it(
    run: RunSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("axolotl", reason="axolotl is not installed")
    from axolotl.prompt_strategies.chat_template import StrategyLoader
    from axolotl.utils.config import validate_config
    from axolotl.utils.dict import DictDefault
    from transformers import AutoTokenizer

    model = small_model(tmp_path / "model")
    _, config = made(run, "axolotl", tmp_path, base_model=model)
    monkeypatch.chdir(tmp_path)
    checked = validate_config(
        DictDefault(config | {"bf16": False}),
        capabilities={"bf16": False, "n_gpu": 0, "compute_capability": ""},
        env_capabilities={"torch_version": "2.13.0"},
    )
    assert checked.adapter == "lora" and checked.datasets[0].type == "chat_template"
    tokenizer = AutoTokenizer.from_pretrained(model)
    strategy = StrategyLoader()(tokenizer, checked, ds_cfg=dict(config["datasets"][0]))
    for row in rows(tmp_path / "data" / "train.jsonl"):
        labels = strategy.tokenize_prompt(row)["labels"]
        assert 0 < sum(label >= 0 for label in labels) < len(labels)


@pytest.mark.real
def test_unsloths_own_schema_takes_it(run: RunSource, tmp_path: Path) -> None:
    config = pytest.importorskip("unsloth_cli.config", reason="unsloth is not installed")
    made(run, "unsloth", tmp_path)
    found = config.load_config(tmp_path / "unsloth.yaml")
    assert found.data.local_dataset == ["data/train.jsonl"] and found.training.train_on_completions


@pytest.mark.real
@pytest.mark.parametrize("size", ["0.5B", "1.5B", "3B", "7B"])
def test_torchtunes_own_builders_take_it(
    size: str, run: RunSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torchtune", reason="torchtune is not installed")
    from omegaconf import OmegaConf
    from torchtune import config as builders

    made(run, "torchtune", tmp_path, base_model=f"Qwen/Qwen2.5-{size}-Instruct")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = OmegaConf.load("lora.yaml")
    builders.validate(found)
    folder = Path(f"Qwen2.5-{size}-Instruct")
    folder.mkdir()
    letters = [chr(n) for n in (*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 324))]
    (folder / "vocab.json").write_text(json.dumps({letter: n for n, letter in enumerate(letters)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    data = builders.instantiate(found.dataset, builders.instantiate(found.tokenizer))
    assert len(data) == len(rows(tmp_path / "data" / "train.jsonl"))
    assert any(label >= 0 for label in data[0]["labels"]) and any(label < 0 for label in data[0]["labels"])

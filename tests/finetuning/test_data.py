"""What is trained on: mixtures, nested subsets, held-out tasks, formats of files, settings. No trainer needed."""

import dataclasses
import json
from collections import Counter
from pathlib import Path

import pytest

from bootstruct.config.seeds import read_seeds, shipped_seeds
from bootstruct.errors import InputError
from bootstruct.export.files import export
from bootstruct.export.formats import FORMATS
from bootstruct.finetuning.data import TrainingExample, held_out_tasks, mixture_of, read_data, read_part, weighted
from bootstruct.finetuning.settings import FinetuneSettings, MixturePart, check_trainer, read_settings
from bootstruct.finetuning.train import batch_options
from bootstruct.journal.codec import seed_to_json
from bootstruct.journal.events import RequestAdapted
from bootstruct.journal.file import Journal
from bootstruct.run.folder import read_run
from bootstruct.types import Message
from tests.support.finetune_runs import make_run
from tests.support.paths import ROOT
from tests.support.scripts import FORMATS_HERE
from tests.support.superni_tasks import superni_checkout


def taught(count: int) -> list[TrainingExample]:
    return [
        TrainingExample(f"task {n}", f"p{n}", f" c{n}", (Message("user", "p"), Message("assistant", "c")))
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("finetune") / "run", 30)


def test_a_run_gives_its_accepted_tasks_and_its_seeds(run: Path) -> None:
    data = read_data([MixturePart(str(run))], 0, 0, 42)
    without = read_data([MixturePart(str(run), seeds=False)], 0, 0, 42)
    assert data.tasks >= 30
    assert {entry.is_seed for entry in data.train} == {True, False}
    assert not any(entry.is_seed for entry in without.train)
    assert len(data.train) - len(without.train) == 10
    for entry in data.train:
        assert entry.task in entry.prompt
        assert entry.completion.strip() == entry.messages[-1].content.strip()
    (source,) = data.sources
    assert (source.kind, source.model) == ("run", "davinci-002")


def test_subsets_are_nested_and_counted(run: Path) -> None:
    sets = []
    for count in (5, 12, 25):
        data = read_data([MixturePart(str(run))], count, 0, 42)
        names = {entry.task for entry in data.train if not entry.is_seed}
        assert len(names) == count
        sets.append(names)
    assert sets[0] < sets[1] < sets[2]
    with pytest.raises(InputError, match="there are only"):
        read_data([MixturePart(str(run))], 5000, 0, 42)


def test_held_out_is_by_task_and_stays_when_more_comes() -> None:
    names = [f"task {n}" for n in range(400)]
    few, many = held_out_tasks(names[:200], 0.1, 1), held_out_tasks(names, 0.1, 1)
    assert 8 <= len(few) <= 35
    assert few == many & set(names[:200])
    assert held_out_tasks(names, 0.1, 2) != many
    assert held_out_tasks(names[:30], 0.0001, 1)
    assert not held_out_tasks(names[:5], 0.0001, 1)


def test_no_held_out_task_is_trained_on(run: Path) -> None:
    data = read_data([MixturePart(str(run))], 0, 0.3, 42)
    assert data.held_out
    assert not {entry.task for entry in data.train} & {entry.task for entry in data.held_out}
    assert data.held_out_tasks == len({entry.task for entry in data.held_out})


def test_weights_and_caps() -> None:
    examples = taught(40)
    half = weighted(examples, 0.5, 0, "s")
    assert len(set(half)) == 20
    assert set(weighted(examples, 0.25, 0, "s")) < set(half)
    counts = Counter(weighted(examples, 2.5, 0, "s"))
    assert sorted(counts.values()) == [2] * 20 + [3] * 20
    assert weighted(examples, 2.5, 7, "s") == weighted(examples, 1, 7, "s")
    assert len(weighted(examples, 2.5, 7, "s")) == 7
    assert weighted(examples, 1, 7, "other") != weighted(examples, 1, 7, "s")


def test_a_mixture_is_the_same_every_time_and_whatever_the_folder_is_called(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "public.json"
    rows = [{"instruction": f"Say {n}", "input": "", "output": str(n)} for n in range(20)]
    file.write_text(json.dumps(rows))
    parts = [MixturePart(str(run)), MixturePart(str(file), 0.5)]
    one = read_data(parts, 0, 0.1, 7)
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "journal.jsonl").write_bytes((run / "journal.jsonl").read_bytes())
    two = read_data([MixturePart(str(other)), parts[1]], 0, 0.1, 7)
    assert one.digest() == two.digest()
    assert read_data(parts, 0, 0.1, 8).digest() != one.digest()
    assert sum(entry.task.startswith("Say ") for entry in (*one.train, *one.held_out)) == 10


def test_files_of_three_formats_and_super_naturalinstructions(tmp_path: Path) -> None:
    alpaca, chat, plain = tmp_path / "a.json", tmp_path / "m.jsonl", tmp_path / "p.jsonl"
    alpaca.write_text(json.dumps([{"instruction": "Add.", "input": "1 2", "output": "3"}]))
    turns = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "U"},
        {"role": "assistant", "content": "A"},
    ]
    chat.write_text(json.dumps({"messages": turns}) + "\n")
    plain.write_text(json.dumps({"prompt": "P:", "completion": " C"}) + "\n")
    folder = tmp_path / "tasks"
    folder.mkdir()
    task = {
        "Definition": ["Count."],
        "Instances": [{"input": "a b", "output": ["2", "two"]}, {"input": "c", "output": ["1"]}],
    }
    (folder / "task001_count.json").write_text(json.dumps(task))
    read = {path: read_part(MixturePart(str(path))) for path in (alpaca, chat, plain, folder)}
    assert [source.kind for source, _ in read.values()] == [
        "alpaca", "messages", "prompt and completion", "Super-NaturalInstructions",
    ]  # fmt: skip
    (one,) = read[alpaca][1]
    assert "1 2" in one.prompt
    assert one.completion.strip() == "3"
    assert [message.role for message in read[chat][1][0].messages] == ["system", "user", "assistant"]
    assert (read[plain][1][0].prompt, read[plain][1][0].completion) == ("P:", " C")
    assert [entry.completion.strip() for entry in read[folder][1]] == ["2", "1"]
    assert {entry.task for entry in read[folder][1]} == {"Count."}
    capped = read_data([MixturePart(str(folder), per_task=1)], 0, 0, 1)
    assert len(capped.train) == 1


def test_test_tasks_are_not_trained_on_unless_they_are_asked_for(tmp_path: Path) -> None:
    folder = superni_checkout(tmp_path / "ni")
    source, examples = read_part(MixturePart(str(folder / "tasks")))
    assert {entry.task for entry in examples} == {"Do what task 0 asks for."}
    assert source.account is not None
    assert (source.account.read, source.account.used, source.account.omitted) == (5, 1, 4)
    everything = read_part(MixturePart(str(folder), test_tasks=True, other_languages=True))[1]
    assert len(everything) == 10
    assert set(examples) < set(everything)  # the same prompts, whatever else is read


def test_seeds_are_a_source_of_their_own(run: Path, tmp_path: Path) -> None:
    """The paper's baseline, seeds only: the file that `init` takes gives the very examples that a run gives of its seeds."""
    source, examples = read_part(MixturePart(str(shipped_seeds())))
    seeds = read_seeds(shipped_seeds())
    assert (source.kind, source.tasks) == ("seeds", len(seeds))
    assert [example.task for example in examples] == [seed.instruction for seed in seeds for _ in seed.instances]
    assert read_data([MixturePart(str(shipped_seeds()))], 20, 0, 42).tasks == 20
    path = tmp_path / "seeds.jsonl"
    path.write_text("".join(json.dumps(seed_to_json(seed)) + "\n" for seed in read_run(run).seeds))
    own = [entry for entry in read_part(MixturePart(str(run)))[1] if entry.is_seed]
    assert [(entry.prompt, entry.completion) for entry in read_part(MixturePart(str(path)))[1]] == [
        (entry.prompt, entry.completion) for entry in own
    ]


def test_public_sets_as_they_come(tmp_path: Path) -> None:
    """Alpaca and chat sets as they are published: more fields, a missing input, JSONL called .json, ShareGPT's names."""
    alpaca = [
        {"instruction": "Add.", "output": "3", "text": "..."},
        {"instruction": "Go.", "input": None, "output": "ok"},
    ]
    chat = [{"from": "system", "value": "S"}, {"from": "human", "value": "U"}, {"from": "gpt", "value": "A"}]
    content = {
        "list.json": json.dumps(alpaca, indent=1),
        "lines.json": "".join(json.dumps(row) + "\n" for row in alpaca),
        "lines.jsonl": "".join(json.dumps(row) + "\n" for row in alpaca),
        "sharegpt.json": json.dumps([{"id": "1", "conversations": chat}]),
    }
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    read = {name: read_part(MixturePart(str(tmp_path / name))) for name in content}
    assert read["list.json"][1] == read["lines.json"][1] == read["lines.jsonl"][1]
    assert [entry.completion.strip() for entry in read["list.json"][1]] == ["3", "ok"]
    assert read["sharegpt.json"][0].kind == "conversations"
    assert [message.role for message in read["sharegpt.json"][1][0].messages] == ["system", "user", "assistant"]


@pytest.mark.parametrize("format_", [name for name in FORMATS_HERE if name != "original"])
def test_every_file_we_export_is_a_source(run: Path, tmp_path: Path, format_: str) -> None:
    out = tmp_path / f"data{FORMATS[format_].suffix}"
    export(read_run(run), run / "journal.jsonl", format_, out)
    _, examples = read_part(MixturePart(str(out)))
    assert len(examples) >= 30


def test_a_file_that_is_no_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'bootstruct[parquet]'")
    (tmp_path / "a.parquet").write_text("no")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_part(MixturePart(str(tmp_path / "a.parquet")))


@pytest.mark.parametrize(
    ("name", "content", "written"),
    [
        ("missing.jsonl", None, "no such run or file"),
        ("a.json", "{", "not JSON"),
        ("a.json", "[]", "contains no rows"),
        ("a.jsonl", '{"text": "x"}', "a.jsonl:1: of text alone"),
        ("a.jsonl", '{"conversations": [{"from": "bot", "value": "x"}]}', "a.jsonl:1: a row without instruction"),
        ("a.jsonl", '{"instruction": "x", "instances": [{"input": "y"}]}', "a.jsonl:1: without output"),
        ("a.json", '{"data": []}', "a.json:1: a row without instruction; expected .*, found data"),
        ("a.csv", "instruction,output", "a.csv: contains no rows"),
        ("a.jsonl", '{"messages": [{"role": "user", "content": "x"}]}', "a.jsonl:1: of a chat whose last message"),
        ("a.jsonl", '{"instruction": "x", "output": {"y": 1}}', "a.jsonl:1: `output` is not text"),
        (
            "a.jsonl",
            '{"messages": [{"role": "elf", "content": "x"}, {"role": "user", "content": "y"}, '
            '{"role": "assistant", "content": "z"}]}',
            "a.jsonl:1: of a chat with the unknown role 'elf'",
        ),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path: Path, name: str, content: str | None, written: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=written):
        read_part(MixturePart(str(path)))


def test_an_empty_folder_and_an_empty_run_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a run"):
        read_part(MixturePart(str(tmp_path)))
    empty = make_run(tmp_path / "empty", 1)
    lines = (empty / "journal.jsonl").read_text().splitlines(keepends=True)
    (empty / "journal.jsonl").write_text(lines[0])
    with pytest.raises(InputError, match="nothing to train on"):
        read_data([MixturePart(str(empty), seeds=False)], 0, 0, 1)


def test_settings_from_a_file_with_flags_over_it(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "epochs: 3\nmethod: lora\nlora: {rank: 4}\nmixture: [{path: runs/a, weight: 0.5}]\ntrainer: {warmup_steps: 7}\n"
    )
    settings = read_settings(path, {"epochs": 1.0, "method": None}, ["weight_decay=0.1", "report_to=wandb"])
    assert (settings.epochs, settings.method, settings.lora.rank) == (1.0, "lora", 4)
    assert settings.mixture == (MixturePart("runs/a", 0.5),)
    assert settings.trainer == {"warmup_steps": 7, "weight_decay": 0.1, "report_to": "wandb"}
    own = (MixturePart("runs/b"),)
    assert read_settings(path, {"mixture": own}).mixture == own
    assert read_settings(None, {}) == FinetuneSettings()


@pytest.mark.parametrize(
    ("content", "written"),
    [
        ("epoch: 3", "did you mean `epochs`"),
        ("method: half", "must be one of"),
        ("held_out: 1", "held_out"),
        ("mixture: [{path: a, weight: 0}]", "weights must be above 0"),
        ("trainer: 3", "trainer: expected options"),
        ("trainer: {push_to_hub: true, hub_model_id: of/a-stranger}", "sends the model away.*--set push_to_hub=True"),
        ("trainer: {trackio_space_id: of/a-stranger}", "sends the model away"),
        ("- 1", "expected keys with values"),
        ("a: [", "not YAML"),
    ],
)
def test_settings_that_cannot_be_are_named(tmp_path: Path, content: str, written: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=written):
        read_settings(path, {})


def test_the_papers_settings(tmp_path: Path) -> None:
    """Two epochs on everything, in the templates; a file and flags go over them, and what differs is said."""
    path = tmp_path / "s.yaml"
    path.write_text("held_out: 0.1\nmethod: lora\n")
    bare = read_settings(None, {"like_paper": True})
    assert (bare.epochs, bare.held_out, bare.format, bare.tasks, bare.unlike_paper()) == (2.0, 0.0, "templates", 0, [])
    mixed = read_settings(path, {"like_paper": True, "epochs": 3.0}, ["per_device_train_batch_size=4"])
    assert mixed.unlike_paper() == ["method lora", "held_out 0.1", "epochs 3.0", "per_device_train_batch_size 4"]
    assert read_settings(path, {}).unlike_paper() == []
    unseeded = read_settings(None, {"like_paper": True, "mixture": (MixturePart("a", seeds=False),)})
    assert unseeded.unlike_paper() == ["without a run's seed tasks"]
    yaml = tmp_path / "p.yaml"
    yaml.write_text("like_paper: true\n")
    assert read_settings(yaml, {}).held_out == 0.0


def test_the_papers_batch_and_its_sample_of_super_naturalinstructions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_settings(None, {"like_paper": True})
    sizes = {count: batch_options(settings, count) for count in (3, 1_000, 50_000, 1_000_000)}
    assert [row["per_device_train_batch_size"] * row["gradient_accumulation_steps"] for row in sizes.values()] == [
        1, 2, 104, 256,
    ]  # fmt: skip
    assert batch_options(FinetuneSettings(), 50_000) == {"per_device_train_batch_size": 8}
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert batch_options(settings, 1_000_000) == {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 8}
    folder = superni_checkout(tmp_path / "ni")
    parts = (MixturePart(str(folder)), MixturePart(str(folder), most=7), MixturePart("run"))
    assert [part.most for part in mixture_of(dataclasses.replace(settings, mixture=parts))] == [50_000, 7, 0]
    assert mixture_of(FinetuneSettings(mixture=parts)) == parts


def test_options_of_the_trainer_are_checked() -> None:
    check_trainer({"warmup_steps": 3}, ["warmup_steps", "optim"])
    with pytest.raises(InputError, match="did you mean warmup_steps"):
        check_trainer({"warmup_step": 3}, ["warmup_steps", "optim"])
    with pytest.raises(InputError, match="is set by --out"):
        check_trainer({"output_dir": "x"}, ["output_dir"])
    for name in ("trust_remote_code", "model_init_kwargs", "chat_template_path", "hub_token"):
        with pytest.raises(InputError, match=rf"trainer: {name}: is (set by|not an option)"):
            check_trainer({name: True}, [name])
    with pytest.raises(InputError, match="NAME=VALUE"):
        read_settings(None, {}, ["warmup"])
    assert read_settings(None, {}, ["push_to_hub=true"]).trainer == {"push_to_hub": True}


def test_options_of_the_trainer_from_python_are_taken_as_they_are() -> None:
    """They once went through YAML, which reads the text "no" as false, and 1e-05 as a text."""
    given = {"save_strategy": "no", "adam_epsilon": 1e-05, "bf16": True}
    assert read_settings(None, {}, ["save_strategy=steps"], given).trainer == given


def test_every_setting_is_described() -> None:
    text = (ROOT / "docs" / "finetune.md").read_text()
    for cls in (FinetuneSettings, MixturePart):
        for field in dataclasses.fields(cls):
            assert f"`{field.name}`" in text, field.name


def test_the_order_of_training_follows_the_data_of_a_run_not_its_journal(tmp_path: Path) -> None:
    """Equal data from runs that went another way (times, order of arrival, how a server was asked) trains equally."""
    run = make_run(tmp_path / "run")
    before = read_data((MixturePart(str(run)),), 0, 0.0, 42)
    journal = Journal(run / "journal.jsonl")
    journal.append(RequestAdapted("http://127.0.0.1:1/v1", "m", "temperature", "", "not supported"))
    journal.close()
    after = read_data((MixturePart(str(run)),), 0, 0.0, 42)
    assert after.train == before.train
    assert after.digest() == before.digest()
    assert read_data((MixturePart(str(run)),), 0, 0.0, 43).train != before.train

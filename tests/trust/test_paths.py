"""No file of a run folder leads out of it, and nothing in it is written or deleted before it is understood."""

import asyncio
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import bootstruct as bs
from bootstruct.engines.batch.store import BatchStore, SubmittedBatch
from bootstruct.errors import BootstructError, InputError, JournalError
from bootstruct.evaluation.ratings import ratings_in, write_sheet
from bootstruct.evaluation.superni import read_split
from bootstruct.finetuning.openai_api import FinetuneEndpoint, finetune_there
from bootstruct.finetuning.run import _check as check_training
from bootstruct.journal.file import Journal
from bootstruct.journal.reviews import read_reviews
from bootstruct.pocket.demo.steps import open_record
from bootstruct.reviewing.ledger import ReviewLedger
from bootstruct.reviewing.sheet import find_sheet
from bootstruct.run.folder import open_run, read_plan, read_run
from tests.support.commands import bootstruct

SEEDS = [{"instruction": "Name a fruit.", "output": "apple"}]
SECRET = "first line of a private file\nsecond line without an end"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    bs.init(tmp_path / "run", recipe="paper", model="openai/m", seeds=SEEDS, eject=True)
    return tmp_path / "run"


@pytest.fixture
def private(tmp_path: Path) -> Path:
    path = tmp_path / "private.jinja"
    path.write_text(SECRET)
    return path


def begin(run: Path) -> None:
    replies = {"propose": " Sing a song about the sea.", "kind": "No", "instances": "Output: La la la."}
    bs.generate(run, tasks=1, engine=bs.ScriptedEngine(lambda prompt: replies[prompt.step]))


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert SECRET[:10] not in str(caught.value)
    return str(caught.value)


def edit_recipe(run: Path, key: str, value: str) -> None:
    import yaml

    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    if key == "texts":
        recipe["checks"] = [{"kind": "decontamination", "texts": [value]}]
    else:
        recipe["propose"]["ask"]["prompt"] = value
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))


@pytest.mark.parametrize("way", ["absolute", "dots", "hidden dots", "link", "folder link"])
def test_a_prompt_outside_the_folder(run: Path, private: Path, way: str) -> None:
    names = {"absolute": str(private), "dots": "../private.jinja", "hidden dots": "prompts/../../private.jinja"}
    if way == "link":
        (run / "prompts" / "mine.jinja").symlink_to(private)
    elif way == "folder link":
        shutil.rmtree(run / "prompts")
        (run / "prompts").symlink_to(private.parent)
    edit_recipe(run, "prompt", names.get(way, "mine.jinja" if way == "link" else "prompts/private.jinja"))
    assert "put a copy" in refusal(lambda: read_plan(run))
    assert not (run / "journal.jsonl").exists()


@pytest.mark.parametrize("way", ["absolute", "dots", "link"])
def test_texts_outside_the_folder(run: Path, tmp_path: Path, way: str) -> None:
    texts = tmp_path / "private.jsonl"
    texts.write_text(json.dumps({"text": "a private text of more than five words"}) + "\n")
    (run / "linked.jsonl").symlink_to(texts)
    edit_recipe(run, "texts", {"absolute": str(texts), "dots": "../private.jsonl", "link": "linked.jsonl"}[way])
    assert "put a copy" in refusal(lambda: read_plan(run))


@pytest.mark.parametrize("name", ["recipe.yaml", "seeds.jsonl", "keep_away.jsonl", "machine.yaml", "python.json"])
def test_the_files_of_the_folder_are_no_links(run: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    if (run / name).exists():
        (run / name).rename(outside)
    else:
        outside.write_text('{"text": "a"}\n')
    (run / name).symlink_to(outside)
    stopped = bootstruct("generate", run, "--base-url", "http://127.0.0.1:9/v1")
    assert stopped.returncode == 2
    assert "is a link" in stopped.stderr, stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_a_link_on_the_way_to_the_folder_is_the_users_own(run: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(run)
    begin(tmp_path / "latest")
    assert len(read_run(tmp_path / "latest").accepted) == 1
    (tmp_path / "latest.jsonl").symlink_to(run / "journal.jsonl")
    assert bootstruct("verify", tmp_path / "latest.jsonl").returncode == 0


def test_a_pipe_in_place_of_a_file_does_not_block(run: Path) -> None:
    (run / "seeds.jsonl").unlink()
    os.mkfifo(run / "seeds.jsonl")
    assert "no regular file" in refusal(lambda: read_plan(run))


@pytest.mark.parametrize("name", ["journal.jsonl", "preview.jsonl", "reviews.jsonl"])
@pytest.mark.parametrize("is_link", [True, False])
def test_what_is_no_log_of_ours_is_never_cut(run: Path, private: Path, name: str, is_link: bool) -> None:
    if is_link:
        (run / name).symlink_to(private)
    else:
        (run / name).write_text(SECRET)
    opens: dict[str, Callable[[], object]] = {
        "journal.jsonl": lambda: open_run(run),
        "preview.jsonl": lambda: bs.preview(run, engine=bs.ScriptedEngine(lambda prompt: "")),
        "reviews.jsonl": lambda: ReviewLedger(run / name),
    }
    with pytest.raises(BootstructError):
        opens[name]()
    assert (run / name).read_text() == SECRET


@pytest.mark.parametrize("content", ["half a line", '{"aws": "a secret"', '{"event', SECRET])
def test_a_file_without_a_whole_line_is_cut_only_if_it_began_as_a_journal(tmp_path: Path, content: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(content)
    if content == '{"event':
        Journal(path).close()
        assert path.read_bytes() == b""
    else:
        with pytest.raises((InputError, JournalError)):
            Journal(path)
        assert path.read_text() == content


def test_reviews_behind_a_link(run: Path, private: Path) -> None:
    (run / "reviews.jsonl").symlink_to(private)
    assert "is a link" in refusal(lambda: read_reviews(run / "reviews.jsonl"))


def test_a_sheet_behind_a_link(run: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "elsewhere"
    sheet.mkdir()
    row = dict.fromkeys(("item", "task", "letter", "instruction", "input", "reference", "response"), "a")
    (sheet / "sheet.jsonl").write_text(json.dumps(row) + "\n")
    (run / "rating").symlink_to(sheet)
    assert "is a link" in refusal(lambda: find_sheet(run, None, 1))
    (run / "rating").unlink()
    (run / "sheet.jsonl").symlink_to(sheet / "sheet.jsonl")
    assert "is a link" in refusal(lambda: find_sheet(run, None, 1))


def batch_file(run: Path, name: str = "0123456789abcdef", **more: object) -> Path:
    (run / "batches").mkdir(exist_ok=True)
    row = {"name": name, "path": "/chat/completions", "questions": ["a"], "state": "sent", "id": "batch_1"}
    path = run / "batches" / "0123456789abcdef.json"
    path.write_text(json.dumps(row | {"created": 1.0, "told": "", "done": 0, "failed": 0} | more))
    return path


@pytest.mark.parametrize(
    "attack",
    [
        {"name": "../../victim", "state": "made"},
        {"name": "/etc/victim", "state": "made"},
        {"name": "another", "state": "made"},
        {"id": "../files/file_of_another"},
        {"id": "a?limit=1"},
        {"id": "a b"},
        {"id": 7},
        {"path": "/../admin"},
        {"path": "https://collector.example"},
        {"state": "unheard of"},
        {"questions": "abc"},
        {"questions": [{"a": 1}]},
        {"created": "now"},
        {"told": 3},
    ],
)
def test_a_batch_that_this_package_did_not_write(run: Path, tmp_path: Path, attack: dict[str, object]) -> None:
    victims = [tmp_path / "victim.json", tmp_path / "victim.in.jsonl"]
    for victim in victims:
        victim.write_text("precious")
    path = batch_file(run, **attack)
    assert "does not describe a batch" in refusal(BatchStore(run).read)
    assert path.exists()
    assert [victim.read_text() for victim in victims] == ["precious", "precious"]


@pytest.mark.parametrize("id", ["", "batch_67a", "batches/abc-1.2", "0b2f:9"])
def test_batches_of_all_servers_are_read(run: Path, id: str) -> None:
    batch_file(run, id=id)
    (batch,) = BatchStore(run).read()
    assert batch.id == id


def test_batches_behind_links(run: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (run / "batches").symlink_to(elsewhere)
    store = BatchStore(run)
    assert "is a link" in refusal(store.read)
    assert "is a link" in refusal(lambda: store.add(SubmittedBatch("a", "/completions", []), b""))
    assert list(elsewhere.iterdir()) == []
    (run / "batches").unlink()
    path = batch_file(run)
    path.rename(elsewhere / "x.json")
    path.symlink_to(elsewhere / "x.json")
    assert "is a link" in refusal(store.read)


def test_init_writes_through_no_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "prompts").symlink_to(elsewhere)
    assert "is a link" in refusal(lambda: bs.init(tmp_path / "new", model="openai/m", seeds=SEEDS, eject=True))
    assert list(elsewhere.iterdir()) == []


def test_previews_behind_links_are_not_reused(run: Path, private: Path) -> None:
    (run / "preview-1.jsonl").symlink_to(private)
    assert "is a link" in refusal(lambda: begin(run))


@pytest.mark.parametrize("name", ["journal.jsonl", "evaluation.json", "predictions.jsonl", "batches"])
def test_an_evaluation_folder_with_a_link(tmp_path: Path, private: Path, name: str) -> None:
    folder = tmp_path / "evaluation"
    folder.mkdir()
    (folder / name).symlink_to(private)
    engine = bs.ScriptedEngine(lambda prompt: "a")
    assert "is a link" in refusal(lambda: bs.evaluate.user_tasks("python/m", engine=engine, out=folder))
    if name == "evaluation.json":
        assert "is a link" in refusal(lambda: bs.evaluate.compare([folder]))
    assert private.read_text() == SECRET


@pytest.mark.parametrize(
    "name", ["config.json", "checkpoints", "finetune.json", "checkpoints/checkpoint-1/rng_state.pth"]
)
def test_a_finetuning_folder_with_a_link(tmp_path: Path, private: Path, name: str) -> None:
    """Libraries write a model's files by name, and delete old checkpoints."""
    out = tmp_path / "model"
    (out / name).parent.mkdir(parents=True)
    if name != "finetune.json":
        (out / "finetune.json").write_text("{}")
    (out / name).symlink_to(private)
    assert "is a link" in refusal(lambda: check_training(out, {}, resume=True))


@pytest.mark.parametrize("name", ["job.json", "train.jsonl"])
def test_a_folder_of_the_fine_tuning_api_with_a_link(tmp_path: Path, private: Path, name: str) -> None:
    (tmp_path / "job.json").write_text(json.dumps({"model": "m"}))
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to(private)
    place = FinetuneEndpoint("http://127.0.0.1:9/v1", None)
    assert "is a link" in refusal(lambda: asyncio.run(finetune_there(place, "m", (), tmp_path, 1, 0, print)))


def test_a_rating_sheet_and_a_demo_with_links(tmp_path: Path, private: Path) -> None:
    (tmp_path / "key.json").symlink_to(private)
    (tmp_path / "ratings.jsonl").symlink_to(private)
    assert "is a link" in refusal(lambda: write_sheet(tmp_path, []))
    assert "is a link" in refusal(lambda: ratings_in([tmp_path]))
    assert "is a link" in refusal(lambda: open_record(tmp_path, "pocket"))


def test_a_list_of_tasks_names_no_paths(tmp_path: Path, private: Path) -> None:
    (tmp_path / "tasks").mkdir()
    for name in ("../private", str(private), "."):
        assert "is not the name of a task" in refusal(lambda name=name: read_split(tmp_path, only=(name,)))  # type: ignore[misc]

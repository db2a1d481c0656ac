"""`push` and `hub:` sources, against a server that behaves as the hub does; the hub's own client does the talking."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import bootstruct as bs
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import InputError
from bootstruct.io.hub import _chosen, fetch, is_on_hub
from bootstruct.io.rows import read_rows
from bootstruct.publishing.plan import require_repository
from tests.support.commands import bootstruct
from tests.support.hub_server import TOKEN, HubState, hub
from tests.support.scripts import answer, run_to

NAME = "me/my-tasks"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "a"
    folder.mkdir()
    run_to(folder / "journal.jsonl", ScriptedEngine(answer), 25)
    return folder


def header(card: str) -> dict[str, Any]:
    return dict(yaml.safe_load(card.split("---\n")[1]))


def test_a_dry_run_shows_files_sizes_and_card_and_uses_no_network(run: Path, tmp_path: Path) -> None:
    words = ["push", run, NAME, "--format", "messages", "--format", "alpaca", "--split", "test=0.2"]
    with hub() as (address, state):
        done = bootstruct(*words, "--license", "cc-by-4.0", "--dry-run", "--json", HF_ENDPOINT=address)
        shown = bootstruct(*words, "--dry-run", HF_ENDPOINT=address)
        assert state.requests == []
    told = json.loads(done.stdout)
    names = ["README.md", "alpaca/test.jsonl", "alpaca/train.jsonl", "croissant.json", "messages/test.jsonl"]
    assert list(told["files"]) == [*names, "messages/train.jsonl"] and told["commit"] == ""
    configs = header(told["card"])["configs"]
    assert [config["config_name"] for config in configs] == ["messages", "alpaca"] and configs[0]["default"]
    assert {file["split"]: file["path"] for file in configs[1]["data_files"]} == {
        "train": "alpaca/train.jsonl",
        "test": "alpaca/test.jsonl",
    }
    assert header(told["card"])["license"] == "cc-by-4.0"
    assert f"alpaca/test.jsonl: {told['files']['alpaca/test.jsonl']:,} bytes" in shown.stdout
    assert "Nothing was sent." in shown.stdout and "messages/train.jsonl: " in shown.stdout
    assert told["notes"] and str(tmp_path) not in done.stdout


@pytest.mark.parametrize("name", ["name", "a/b/c", "../x", "a/..", "a b/c", "a/b--c", "-a/b", "a/" + "x" * 97])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="not the name of a repository"):
        require_repository(name)


def test_options_of_runs_do_not_go_with_files(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"instruction": "Name a colour.", "output": "Red."}) + "\n")
    with pytest.raises(InputError, match="goes as it is"):
        bs.push(path, NAME, split={"test": 0.1}, dry_run=True)
    planned = bs.push(path, NAME, dry_run=True)
    assert planned.files["default/train.jsonl"] == path.stat().st_size
    with pytest.raises(InputError, match="no such file"):
        bs.push(tmp_path / "none.jsonl", NAME, dry_run=True)


def test_croissant_describes_every_file_and_column(run: Path, tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    from bootstruct.publishing.plan import make_plan

    (tmp_path / "alpaca").mkdir()
    bs.export_runs(run, "alpaca", tmp_path / "alpaca", split={"test": 0.2}, container="jsonl")
    bs.export_runs(run, "messages", tmp_path / "train.jsonl")
    parts = {"train": tmp_path / "alpaca" / "train.jsonl", "test": tmp_path / "alpaca" / "test.jsonl"}
    data = {"alpaca": parts, "messages": {"train": tmp_path / "train.jsonl"}}
    plan = make_plan(NAME, data, "---\nlicense: unknown\n---\n# A\n", "cc-by-4.0", address="https://example.org/d")
    for file in plan.files:
        place = tmp_path / "repository" / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content if isinstance(file.content, bytes) else file.content.read_bytes())
    described = mlcroissant.Dataset(jsonld=str(tmp_path / "repository" / "croissant.json"))
    assert not described.metadata.issues.errors
    records = list(described.records(record_set="alpaca/test"))
    rows = [json.loads(line) for line in parts["test"].read_text().splitlines()]
    assert [record["alpaca/test/output"].decode() for record in records] == [row["output"] for row in rows]
    first = next(iter(described.records(record_set="messages/train")))
    assert set(first) >= {"messages/train/id", "messages/train/messages"}


@pytest.mark.parametrize(
    ("files", "inner", "chosen"),
    [
        (
            [
                "README.md",
                "data/train-00000-of-00002.parquet",
                "data/train-00001-of-00002.parquet",
                "data/test.parquet",
            ],
            "",
            2,
        ),
        (["rows.jsonl", "croissant.json", "dataset_info.json"], "", 1),
        (["a/train.jsonl", "b/train.jsonl"], "", 0),
        (["a/train.jsonl", "b/train.jsonl"], "b", 1),
        (["default/train.jsonl", "b/train.jsonl"], "", 1),
        (["a.jsonl", "b.csv"], "", 0),
        (["train.jsonl", "test.jsonl"], "test.jsonl", 1),
        (["constraints.jsonl"], "", 1),
        (["../train.jsonl", "/train.jsonl"], "", 0),
        ([], "", 0),
    ],
)
def test_which_files_of_a_repository_are_meant(files: list[str], inner: str, chosen: int) -> None:
    path = Path(f"hub:{NAME}/{inner}" if inner else f"hub:{NAME}")
    if chosen:
        assert len(_chosen(path, files, inner)) == chosen
    else:
        with pytest.raises(InputError, match="name one, as in"):
            _chosen(path, files, inner)


@pytest.mark.parametrize("name", ["hub:", "hub:name", "hub:a/../b", "hub:a/b/../../c", "hub:a b/c"])
def test_what_is_no_data_set_on_the_hub(name: str) -> None:
    assert is_on_hub(Path(name))
    with pytest.raises(InputError, match="not a data set on the hub"):
        fetch(Path(name))


@contextlib.contextmanager
def reached(folder: Path) -> Iterator[tuple[dict[str, str], HubState]]:
    """A hub, and the environment in which the client uses it."""
    pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    with hub() as (address, state):
        home = {"HF_ENDPOINT": address, "HF_HOME": str(folder / "hf"), "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0"}
        yield home | {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}, state


@pytest.mark.real
def test_a_run_goes_in_one_commit_and_is_read_back(run: Path, tmp_path: Path) -> None:
    with reached(tmp_path) as (env, state):
        done = bootstruct("push", run, NAME, "--split", "test=0.2", "--private", "--quiet", **env)
        assert done.returncode == 0, done.stderr
        files = state.repositories[NAME]
        assert list(files) == ["README.md", "croissant.json", "messages/test.jsonl", "messages/train.jsonl"]
        assert state.private[NAME] and state.messages == ["Data set made with bootstruct"]
        assert f"/datasets/{NAME}/commit/" in done.stdout and TOKEN not in done.stdout + done.stderr
        assert not any(TOKEN.encode() in content for content in files.values())
        rows = [json.loads(line) for line in files["messages/train.jsonl"].splitlines()]
        again = bootstruct(
            "push", run, NAME, "--split", "test=0.2", "--message", "Again", "--quiet", **env
        )  # the repository is there
        assert again.returncode == 0 and state.messages[-1] == "Again", again.stderr

        assert "stays" not in again.stderr and "stays" not in done.stderr
        state.repositories[NAME]["alpaca/train.jsonl"] = b"{}\n"
        other = bootstruct("push", run, NAME, "--split", "test=0.2", "--quiet", **env)
        assert "note: alpaca/train.jsonl was there before and stays" in other.stderr
        del state.repositories[NAME]["alpaca/train.jsonl"]

        words = ["dedup", f"hub:{NAME}", "--threshold", "1", "--out", tmp_path / "kept.jsonl", "--json"]
        read = bootstruct(*words, **env)
        assert read.returncode == 0, read.stderr
        assert f"hub:{NAME}" in read.stdout and f'"read": {len(rows)}' in read.stdout
        test = bootstruct("dedup", f"hub:{NAME}/messages/test.jsonl", "--out", tmp_path / "t.jsonl", "--json", **env)
        assert test.returncode == 0, test.stderr
        offline = bootstruct(
            *words[:-1], "--json", **env | {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:9"}
        )
        assert offline.returncode == 0, offline.stderr
        nothing = bootstruct("dedup", "hub:me/other", "--out", tmp_path / "o.jsonl", **env)
        assert nothing.returncode == 2 and "cannot be fetched" in nothing.stderr and nothing.stderr.count("\n") == 1


@pytest.mark.real
def test_what_stops_a_push_is_said_in_one_sentence(run: Path, tmp_path: Path) -> None:
    with reached(tmp_path) as (env, state):
        for change, fault in (
            ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
            ({"HF_TOKEN": "", "HF_TOKEN_PATH": str(tmp_path / "none")}, "no token; set HF_TOKEN"),
            ({"HF_TOKEN": "hf_wrong"}, "run the same command again"),
            ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "run the same command again"),
        ):
            done = bootstruct("push", run, NAME, "--quiet", **env | change)
            assert done.returncode != 0 and fault in done.stderr and "Traceback" not in done.stderr, done.stderr
            assert "hf_wrong" not in done.stderr
        state.refusal = (403, "you have no right to write here")
        done = bootstruct("push", run, NAME, "--quiet", **env)
        assert done.returncode != 0 and "no right to write" in done.stderr, done.stderr
    assert state.repositories == {}


@pytest.mark.real
def test_rows_of_several_files_are_numbered_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = []
    for part in range(2):
        parts.append(tmp_path / f"train-{part}.jsonl")
        parts[-1].write_text("".join(json.dumps({"instruction": f"{part} {n}"}) + "\n" for n in range(3)))
    monkeypatch.setattr("bootstruct.io.rows.fetch", lambda path: parts)
    found = list(read_rows(Path(f"hub:{NAME}")))
    assert [number for number, _ in found] == [1, 2, 3, 4, 5, 6]
    assert [row["instruction"] for _, row in found] == ["0 0", "0 1", "0 2", "1 0", "1 1", "1 2"]

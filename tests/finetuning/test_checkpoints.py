"""Pickles run code when they are read: only those that this user's own training wrote are, and adapters never are."""

import json
import pickle
from pathlib import Path

import pytest

from bootstruct.engines.local.load import base_of
from bootstruct.errors import InputError
from bootstruct.finetuning.checkpoints import last_checkpoint, record_checkpoint, remove_pickled_settings, require_own

WRITTEN = ("optimizer.pt", "scheduler.pt", "rng_state.pth", "model.safetensors", "training_args.bin")


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint as a training of this user wrote it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "out" / "checkpoints" / "checkpoint-20"
    folder.mkdir(parents=True)
    for name in WRITTEN:
        (folder / name).write_bytes(pickle.dumps({"of": name}))
    (folder / "trainer_state.json").write_text("{}")
    record_checkpoint(folder, 0)
    return folder


def test_a_checkpoint_of_ones_own_is_read(checkpoint: Path) -> None:
    require_own(checkpoint)
    assert last_checkpoint(checkpoint.parent.parent) == checkpoint


@pytest.mark.parametrize("name", WRITTEN[:-1])
def test_a_damaged_file_is_named(checkpoint: Path, name: str) -> None:
    path = checkpoint / name
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(
        InputError, match=rf"{name}: is not a file that a training of yours on this machine wrote: .*Remove "
    ):
        require_own(checkpoint)


@pytest.mark.parametrize(
    "name", ["optimizer.pt", "pytorch_model.bin", "adapter_model.bin", "scaler.pt", "deep/x.pkl", "x"]
)
def test_a_pickle_from_elsewhere_is_refused(checkpoint: Path, name: str) -> None:
    path = checkpoint / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(InputError, match="a pickle, which can run code"):
        require_own(checkpoint)


def test_a_copied_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    checkpoint.rename(moved)
    with pytest.raises(InputError, match="comes from elsewhere"):
        require_own(moved)


def test_a_link_to_a_file_of_ones_own_is_refused(checkpoint: Path) -> None:
    (checkpoint / "optimizer.pt").rename(checkpoint.parent / "kept.pt")
    (checkpoint / "optimizer.pt").symlink_to(checkpoint.parent / "kept.pt")
    with pytest.raises(InputError, match=r"optimizer\.pt: is not a file that"):
        require_own(checkpoint)


def test_each_process_records_its_own_random_state(checkpoint: Path) -> None:
    (checkpoint / "rng_state.pth").unlink()
    for rank in (0, 1):
        (checkpoint / f"rng_state_{rank}.pth").write_bytes(bytes([rank]))
    record_checkpoint(checkpoint, 0)
    with pytest.raises(InputError, match="rng_state_1"):
        require_own(checkpoint)
    record_checkpoint(checkpoint, 1)
    require_own(checkpoint)


def test_a_finished_model_contains_no_pickle(tmp_path: Path) -> None:
    (tmp_path / "training_args.bin").write_bytes(pickle.dumps(1))
    remove_pickled_settings(tmp_path)
    remove_pickled_settings(tmp_path)
    assert not list(tmp_path.iterdir())


def test_pickled_adapters_are_refused(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/base"}))
    (tmp_path / "adapter_model.bin").write_bytes(pickle.dumps(print))
    with pytest.raises(InputError, match=r"contains no adapter_model\.safetensors.*pickled ones"):
        base_of(str(tmp_path))
    (tmp_path / "adapter_model.safetensors").touch()
    assert base_of(str(tmp_path)) == "org/base"
    (tmp_path / "adapter_config.json").write_text("{broken")
    with pytest.raises(InputError, match=r"adapter_config\.json: cannot be read"):
        base_of(str(tmp_path))

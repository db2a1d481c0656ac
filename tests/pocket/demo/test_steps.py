"""The demo's steps, which are done once."""

from pathlib import Path

import pytest

from bootstruct.errors import InputError, RunStoppedError
from bootstruct.pocket.demo.loop import absolute_model
from bootstruct.pocket.demo.steps import CommandStep, StepRecord, do_once, open_record, run_command, seconds_left


class TestSteps:
    def step(self, output: str, made_of: str = "one") -> CommandStep:
        return CommandStep("finetuning", output, ("finetune",), output, made_of)

    def done(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[str]:
        """Commands succeed, make their folder and are counted."""
        ran: list[str] = []

        def run(words: tuple[str, ...], where: Path, *_: object, **__: object) -> str:
            ran.append(words[0])
            assert where == folder
            (folder / "a").mkdir()
            return "a: trained\nNext: something"

        monkeypatch.setattr("bootstruct.pocket.demo.steps.run_command", run)
        return ran

    def test_what_is_done_is_not_done_again_until_its_sources_change(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ran = self.done(monkeypatch, tmp_path)
        assert do_once(self.step("a"), open_record(tmp_path, "pocket"), print)
        assert do_once(self.step("a"), open_record(tmp_path, "pocket"), print)
        assert ran == ["finetune"]
        (tmp_path / "a" / "old").touch()
        assert do_once(self.step("a", "another"), open_record(tmp_path, "pocket"), print)
        assert ran == ["finetune"] * 2
        assert not (tmp_path / "a" / "old").exists()

    def test_what_is_half_made_or_gone_is_made_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ran, record = self.done(monkeypatch, tmp_path), open_record(tmp_path, "pocket")
        (tmp_path / "a" / "checkpoints").mkdir(parents=True)
        assert do_once(self.step("a"), record, print)
        assert not (tmp_path / "a" / "checkpoints").exists()
        (tmp_path / "a").rmdir()
        assert not record.has(self.step("a"))
        assert do_once(self.step("a"), record, print)
        assert ran == ["finetune"] * 2

    def test_a_command_that_fails_is_not_done(self, tmp_path: Path) -> None:
        written: list[str] = []
        record = open_record(tmp_path, "pocket")
        step = CommandStep(
            "finetuning", "tuned", ("finetune", "nowhere", "--model", "pocket", "--out", "x"), "x", "one"
        )
        assert not do_once(step, record, written.append)
        assert not record.has(step)
        assert any("tuned: failed" in text for text in written)
        assert open_record(tmp_path, "pocket").seconds["finetuning"] > 0

    def test_commands_are_shown_and_say_how_they_ended(self, tmp_path: Path) -> None:
        written: list[str] = []
        with pytest.raises(InputError, match="ended with 2"):
            run_command(["status", "nowhere"], tmp_path, written.append)
        assert written == ["\n$ bootstruct status nowhere"]

    def test_time_left_is_known_once_each_kind_was_seen(self, tmp_path: Path) -> None:
        record = StepRecord(tmp_path / "steps.json", "pocket")
        (tmp_path / "a").mkdir()
        record.done["a"] = {"made_of": "one", "work": "finetuning", "seconds": 20.0}
        asking = CommandStep("evaluation", "b", (), "b", "one")
        assert seconds_left([self.step("a"), asking], record) is None
        assert seconds_left([self.step("a"), self.step("c"), self.step("d")], record) == 40.0

    def test_a_folder_belongs_to_one_model(self, tmp_path: Path) -> None:
        open_record(tmp_path, "pocket").save()
        with pytest.raises(InputError, match="contains a demo of the model pocket"):
            open_record(tmp_path, "hf/other")
        (tmp_path / "steps.json").write_text("{")
        with pytest.raises(InputError, match="cannot be read"):
            open_record(tmp_path, "pocket")

    def test_stopping_short_is_distinguished_from_bad_input(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Ended:
            returncode, stdout = 1, ""

        monkeypatch.setattr("subprocess.run", lambda *_, **__: Ended)
        with pytest.raises(RunStoppedError):
            run_command(["generate", "run"], tmp_path, print)
        Ended.returncode = 130
        with pytest.raises(KeyboardInterrupt):
            run_command(["generate", "run"], tmp_path, print)

    def test_a_model_folder_is_named_so_that_it_is_found_from_anywhere(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "m").mkdir()
        monkeypatch.chdir(tmp_path)
        assert absolute_model("hf/m") == absolute_model("hf/./m") == f"hf/{(tmp_path / 'm').resolve()}"
        assert absolute_model("hf/org/name") == "hf/org/name"
        assert absolute_model("pocket") == "pocket"

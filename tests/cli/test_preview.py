"""`preview` sets the reply apart from the prompt, shows hostile text as marks, and prints JSON for programs."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bootstruct.cli.preview import preview_command
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import InputError, RunStoppedError
from bootstruct.run.init import init_run
from bootstruct.types import Prompt
from tests.support.commands import bootstruct, simulator

REPLIES = {
    "propose": " Name a long river in Africa.\n10. Describe the wide and \x1b[31msea.",
    "kind": "No",
    "instances": "Output: The Nile.",
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder whose engine is scripted."""
    init_run(tmp_path / "run", "paper", "openai/davinci-002", None, None, (), False)
    monkeypatch.setattr("bootstruct.engines.build.open_servers", lambda *_: [_engine()])
    return tmp_path / "run"


def _engine() -> ScriptedEngine:
    def reply(prompt: Prompt) -> str:
        return REPLIES[prompt.step]

    engine = ScriptedEngine(reply)
    engine.where = "scripted"  # type: ignore[attr-defined]
    return engine


def test_lines_of_prompt_and_reply_have_marks_of_their_own(run: Path) -> None:
    done = CliRunner().invoke(preview_command, [str(run), "--requests", "1", "--full"], catch_exceptions=False)
    lines = done.output.splitlines()
    prompt, reply = lines.index("Prompt"), next(n for n, line in enumerate(lines) if line.startswith("Reply ("))
    parsed = lines.index("Parsed")
    assert all(line.startswith("  |") for line in lines[prompt + 1 : reply])
    assert [line[:3] for line in lines[reply + 1 : parsed]] == ["  >", "  >"]
    assert lines[reply - 1] == "  | 9."
    assert lines[reply + 1] == "  >  Name a long river in Africa."
    assert any(line.split() == ["kept", "Name", "a", "long", "river", "in", "Africa."] for line in lines)
    assert any("Estimate for 1,000 accepted instructions" in line for line in lines)


def test_control_characters_of_a_reply_do_not_reach_the_terminal(run: Path) -> None:
    done = CliRunner().invoke(preview_command, [str(run), "--requests", "1"], catch_exceptions=False)
    assert "\x1b" not in done.output
    assert "␛[31msea." in done.output
    assert "more lines (--full shows them)" in done.output or "..." not in done.output


def test_json_holds_every_request_and_the_estimate(run: Path) -> None:
    done = CliRunner().invoke(
        preview_command, [str(run), "--requests", "1", "--json", "--tasks", "10"], catch_exceptions=False
    )
    result = json.loads(done.output)
    assert [request["step"] for request in result["requests"]] == ["propose", "kind", "instances"]
    assert result["requests"][2]["instances"] == [{"input": "", "output": "The Nile.", "turns": []}]
    assert result["estimate"]["tasks"] == 10


def test_a_preview_without_an_accepted_instruction_ends_with_a_sentence(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REPLIES, "propose", "Hi.")
    with pytest.raises(InputError, match="accepted no instruction"):
        CliRunner().invoke(preview_command, [str(run), "--requests", "1"], catch_exceptions=False)


def test_what_a_server_refuses_is_said_in_one_line(tmp_path: Path) -> None:
    with simulator("--wants-other-limit") as server:
        done = bootstruct("init", tmp_path / "run", "--model", "openai/sim", "--base-url", server.url)
        assert done.returncode == 0, done.stderr
        done = bootstruct("preview", tmp_path / "run", "--requests", "1")
    assert done.returncode == 0, done.stderr
    notes = [line for line in done.stderr.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1 and "max_completion_tokens is sent in its place" in notes[0]
    assert "Warning" not in done.stderr


def test_the_estimate_has_intervals_from_the_variation_of_the_replies(tmp_path: Path) -> None:
    with simulator() as server:
        run = tmp_path / "run"
        model = ["--model", "openai/gpt-4o-mini", "--base-url", server.url]
        assert bootstruct("init", run, "--recipe", "paper", *model).returncode == 0
        done = bootstruct("preview", run, "--requests", "3", "--tasks", "200")
        assert done.returncode == 0, done.stderr
        text = " ".join(done.stdout.split())
        assert text.count("(90%: ") == 3
        assert "as a limit: --max-requests " in text
        estimate = json.loads(bootstruct("preview", run, "--requests", "3", "--tasks", "200", "--json").stdout)[
            "estimate"
        ]
        for name, value in (
            ("requests", estimate["requests"]),
            ("tokens", estimate["prompt_tokens"] + estimate["completion_tokens"]),
            ("cost", estimate["cost"]),
        ):
            low, high = estimate[f"{name}_range"]
            assert 0 < low <= value <= high or low == pytest.approx(high)
        one = bootstruct("preview", run, "--requests", "1", "--tasks", "200")
        assert "no interval: one request" in one.stdout


def test_a_preview_warns_of_what_is_unusable(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REPLIES, "kind", "It depends.")
    monkeypatch.setitem(REPLIES, "kind/again", "It depends.")
    done = CliRunner().invoke(preview_command, [str(run), "--requests", "1"], catch_exceptions=False)
    assert "warning: 1 of 1 replies about task types could not be read (unreadable 1)." in done.output
    assert "Next: " in done.stdout
    monkeypatch.setitem(REPLIES, "instances", "I'm sorry, but I can't help with that request.")
    monkeypatch.setitem(REPLIES, "propose", " Name a long road in Asia.\n10. Describe the tall and cold mountain.")
    for name in ("preview.jsonl",):
        (run / name).unlink()
    with pytest.raises(RunStoppedError, match="No task of the preview has a usable instance"):
        CliRunner().invoke(preview_command, [str(run), "--requests", "1"], catch_exceptions=False)

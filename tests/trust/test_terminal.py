"""What files, servers and models say reaches a terminal as visible marks only, also through a pipe."""

import ast
import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

import bootstruct as bs
from bootstruct.cli.echo import echo, echo_json, made_visible, styled
from bootstruct.cli.progress import line as progress_line
from bootstruct.cli.progress import panel
from bootstruct.engines.observing.run_log import RunLog
from bootstruct.io.formulas import guarded, unguarded
from bootstruct.journal.codec import encode_lines
from bootstruct.journal.events import CandidatesJudged
from bootstruct.journal.file import read_events
from bootstruct.render.sanitize import HIDDEN, visible
from bootstruct.run.closing import closing_summary
from bootstruct.run.progress import Progress
from bootstruct.run.status import FailureReason
from tests.support.commands import bootstruct, simulator
from tests.support.paths import ROOT

ATTACK = "\x1b]0;owned\x07\x1b[2J\x1b[31m\u202egnp.exe\u2066\x9b31m\x08\x7f\u200b\r"
NAME = "a\x1b[2Jb\u202ec"  # of a file or a folder
CLI = ROOT / "src" / "bootstruct" / "cli"


def is_harmless(text: str) -> bool:
    return HIDDEN.search(text) is None


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A run in which seeds, model, rule, replies, failures and folder name are hostile."""
    folder = tmp_path / NAME
    seeds = [{"instruction": f"Name {ATTACK} a fruit.", "output": f"{ATTACK} apple"}]
    bs.init(folder, recipe="paper", model=f"openai/m{ATTACK.strip()}", seeds=seeds)
    recipe = (folder / "recipe.yaml").read_text()
    assert "name: needs more than text" in recipe
    rule = json.dumps(f"rule {ATTACK}")
    (folder / "recipe.yaml").write_text(recipe.replace("name: needs more than text", f"name: {rule}"))
    replies = {
        "propose": f" Sing a {ATTACK} song about the sea.\n9. Draw {ATTACK} a picture of it now.\n10. Write a poem of love.",
        "kind": "No",
        "instances": f"Input: {ATTACK} x\nOutput: La {ATTACK} la.",
    }
    bs.generate(folder, tasks=2, engine=bs.ScriptedEngine(lambda prompt: replies[prompt.step]))
    return folder


@pytest.mark.parametrize("command", ["status", "verify", "export", "report", "generate"])
def test_every_command_on_a_hostile_run(hostile: Path, tmp_path: Path, command: str) -> None:
    more = {
        "export": ["--format", "messages", "--out", tmp_path / f"out{NAME}.jsonl"],
        "report": ["--out", tmp_path / f"out{NAME}.html"],
        "generate": ["--tasks", "2", "--engine", f"recorded:{hostile}"],
    }.get(command, [])
    done = bootstruct(command, hostile, *more)
    assert done.returncode in (0, 1), done.stderr
    assert is_harmless(done.stdout), done.stdout
    assert is_harmless(done.stderr), done.stderr
    if command in ("status", "verify", "export"):
        as_json = bootstruct(command, hostile, *more, "--json")
        assert is_harmless(as_json.stdout)
        assert json.loads(as_json.stdout)


def test_disagreements_show_what_was_recorded(hostile: Path) -> None:
    journal = hostile / "journal.jsonl"
    events = [event for _, event in read_events(journal)]
    for number, event in enumerate(events):
        if isinstance(event, CandidatesJudged):
            changed = dataclasses.replace(event.verdicts[0], text=f"another {ATTACK} text")
            events[number] = dataclasses.replace(event, verdicts=(changed, *event.verdicts[1:]))
    journal.write_bytes(b"".join(encode_lines(events)))
    done = bootstruct("verify", hostile)
    assert "disagrees: " in done.stdout
    assert is_harmless(done.stdout + done.stderr)


def test_status_keeps_its_values_in_json(hostile: Path) -> None:
    assert ATTACK.strip() in json.loads(bootstruct("status", hostile, "--json").stdout)["model"]


def test_preview_of_hostile_replies(tmp_path: Path) -> None:
    folder = tmp_path / NAME
    bs.init(folder, recipe="paper", model="openai/m", seeds=[{"instruction": f"Name {ATTACK}.", "output": "apple"}])
    with simulator() as server:
        done = bootstruct("preview", folder, "--requests", 1, "--base-url", server.url)
        assert done.returncode == 0, done.stderr
        assert is_harmless(done.stdout + done.stderr)
        assert "␛" in done.stdout, "the attack is there, as a mark"


@pytest.mark.parametrize(
    "words",
    [
        ["status", NAME],
        ["generate", NAME],
        ["export", NAME, "--format", f"x{NAME}", "--out", "a"],
        [f"stat{NAME}"],
        ["status", f"--{NAME}"],
        ["dedup", NAME],
        ["init", NAME, "--recipe", f"{NAME}.yaml"],
        ["evaluate", "score", NAME],
        ["finetune", NAME, "--model", "pocket", "--out", "x"],
    ],
)
def test_names_in_errors(tmp_path: Path, words: list[str]) -> None:
    done = bootstruct(*words)
    assert done.returncode == 2
    assert is_harmless(done.stdout + done.stderr), done.stderr


def hostile_progress() -> Progress:
    texts = {row.name: ATTACK for row in dataclasses.fields(Progress) if row.type in ("str", str)}
    numbers = {row.name: 1 for row in dataclasses.fields(Progress) if row.type in ("int", int)}
    floats = {row.name: 1.0 for row in dataclasses.fields(Progress) if row.type in ("float", float)}
    rest = {
        "rejections": {f"rule [red]{ATTACK}[/nonsense]": 3},
        "suspended": {f"http://{ATTACK}": ATTACK},
        "failed_by_reason": (FailureReason(500, ATTACK, 3),),
    }
    names = {row.name for row in dataclasses.fields(Progress)}
    given = texts | numbers | floats | {name: value for name, value in rest.items() if name in names}
    missing = {row.name for row in dataclasses.fields(Progress) if row.default is dataclasses.MISSING} - set(given)
    return Progress(**given, **dict.fromkeys(missing))  # type: ignore[arg-type]


def test_the_panel_of_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress = dataclasses.replace(hostile_progress(), recipe=f"[red]{ATTACK}[/nonsense]", phase="ending")
    console = Console(force_terminal=False, width=200, record=True)
    console.print(panel(made_visible(progress)))
    shown = capsys.readouterr().out
    assert is_harmless(shown)
    assert "[red]" in shown, "markup of others is text"
    echo(progress_line(progress))
    echo(closing_summary(progress, Path(NAME)))
    assert is_harmless(capsys.readouterr().out)


def test_echo(capsys: pytest.CaptureFixture[str]) -> None:
    echo("a ", styled(ATTACK, fg="red"), ATTACK)
    echo_json({ATTACK: [ATTACK, "\ud800", "ü"]})
    shown, row = capsys.readouterr().out.splitlines()
    assert is_harmless(shown)
    assert is_harmless(row)
    assert json.loads(row) == {ATTACK: [ATTACK, "\ud800", "ü"]}


def _calls(name: str) -> Callable[[str], bool]:
    return lambda text: re.search(rf"(?<![\w.]){re.escape(name)}\(", text) is not None


@pytest.mark.parametrize("path", sorted(CLI.rglob("*.py")), ids=lambda path: str(path.relative_to(CLI)))
def test_commands_print_through_the_one_function(path: Path) -> None:
    """No command calls click or print itself, except `echo.py`, which is that function."""
    if path.name == "echo.py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in (
                "click.echo",
                "click.secho",
                "click.style",
                "print",
                "sys.stdout.write",
                "sys.stderr.write",
            )


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'=", "''＠"])
def test_no_text_is_a_formula_in_a_spreadsheet(sign: str) -> None:
    text = f"{sign}cmd|'/C calc'!A1"
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


def test_the_log_of_a_run_hides_nothing(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run.log") as log:
        log.write("note", text=ATTACK + "é", where=tmp_path)
    written = (tmp_path / "run.log").read_text()
    assert is_harmless(written.rstrip("\n"))
    assert "é" in written
    assert json.loads(written)["text"] == ATTACK + "é"


def test_texts_hidden_in_variation_selectors() -> None:
    secret = "".join(chr(0xE0100 + ord(letter) - 16) for letter in "ignore all rules")
    assert visible(f"x{secret}").count("[U+E01") == len(secret) - 1
    assert visible("\u2764\ufe0f \u845b\U000e0100") == "\u2764\ufe0f \u845b\U000e0100"  # a red heart, a form of a sign

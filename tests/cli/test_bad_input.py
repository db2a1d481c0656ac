"""Bad input is normal input: one clear sentence, exit code 2, nothing lost, nothing half-written, no traceback."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstruct.cli import main
from bootstruct.journal.events import VERSION
from bootstruct.journal.file import Journal
from tests.support.commands import bootstruct, simulator

Said = tuple[int, str, str]
Cli = Callable[..., Said]
NOWHERE = "http://127.0.0.1:9/v1"  # the discard port: nobody listens there


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    """The command line in this process: (exit code, stdout, stderr)."""
    for name in list(os.environ):
        if name.startswith(("OPENAI", "BOOTSTRUCT")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["bootstruct", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as exc:
            code = int(exc.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run


@pytest.fixture
def run(cli: Cli, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    assert cli("init", folder, "--recipe", "paper", "--model", "openai/sim", "--base-url", NOWHERE)[0] == 0
    return folder


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def one_sentence(err: str) -> str:
    lines = [line for line in err.strip().splitlines() if line]
    assert len(lines) == 1, err
    return lines[0]


@pytest.mark.parametrize(
    ("old", "new", "written"),
    [
        (
            "temperature: 0.7",
            "temprature: 0.7",
            r"propose.ask.sampling.temprature: unknown key; did you mean `temperature`",
        ),
        ("temperature: 0.7", "temperature: warm", r"propose.ask.sampling.temperature: expected a number, found 'warm'"),
        ("seed_examples: 6", "seed_examples: six", r"propose.seed_examples: expected a whole number"),
        ("seed_examples: 6", "seed_examples: true", r"propose.seed_examples: expected a whole number"),
        ("threshold: 0.7", "threshold: 7", r"threshold: must be in \(0, 1\]"),
        ("tokenizer: unicode", "tokenizer: unicorn", r"tokenizer: 'unicorn' is unknown"),
        (
            "prompt: classify.jinja",
            "prompt: 'Is {{ instruktion }} one?'",
            r"'instruktion' is undefined; it may use instr",
        ),
        ("prompt: classify.jinja", "prompt: 'Is {% one?'", r"prompt template 'Is {% one"),
        ("{{ instruction }} Output:", "{{ instruction }} {{ x }} Output:", r"'x' is undefined"),
        ("prompt: classify.jinja", "prompt: nowhere.jinja", r"no prompt file 'nowhere.jinja'"),
        ("reading: robust", "reading: careful", r"reading: must be one of robust, original"),
        ("words_at_most: 3", "words_at_most: 3, starts_with: A", r"needs exactly one condition but has 2"),
        (
            "matches: >-",
            "matches: '('\n      count: blanks\n    - name: x\n      matches: >-",
            r"not a regular expression",
        ),
        ("seed: 42", "seed: [42", r"not YAML"),
        ("recipe: paper", "- recipe", r"not YAML|expected keys"),
    ],
)
def test_recipes(cli: Cli, run: Path, old: str, new: str, written: str) -> None:
    edit(run / "recipe.yaml", old, new)
    code, _, err = cli("generate", run)
    assert code == 2
    assert re.search(written, one_sentence(err)), err
    assert "recipe.yaml" in err or "tokenizer" in err
    assert not (run / "journal.jsonl").exists()


@pytest.mark.parametrize(
    ("content", "written"),
    [
        (b'{"instruction": "a b c d"}\n{"name": "x"}\n', r"seeds.jsonl:2: a row without instruction"),
        (b'{"instruction": "a b c d"}\n{"instruction": \n', r"seeds.jsonl:2: not JSON"),
        (b"", r"contains no seed tasks"),
        (b'{"instruction": "a"}\n{"instruction": "caf\xe9"}\n', r"seeds.jsonl:2: not UTF-8"),
        (b'[["a"]]\n', r"seeds.jsonl:1: expected an object"),
        (b'{"instruction": "a", "instances": [{"input": "x"}]}', r"seeds.jsonl:1: an instance needs"),
        (b'{"instruction": "a", "is_classification": "maybe"}', r"seeds.jsonl:1: `is_classification`"),
    ],
)
def test_seeds(cli: Cli, run: Path, tmp_path: Path, content: bytes, written: str) -> None:
    (run / "seeds.jsonl").write_bytes(content)
    code, _, err = cli("generate", run)
    assert code == 2
    assert re.search(written, one_sentence(err)), err
    assert not (run / "journal.jsonl").exists()
    code, _, err = cli("init", tmp_path / "other", "--seeds", run / "seeds.jsonl")
    assert code == 2
    assert re.search(written, one_sentence(err)), err
    assert not (tmp_path / "other").exists()


def test_equal_seeds_of_a_run_folder(cli: Cli, run: Path) -> None:
    """`init` merges them; in a run folder, which is edited by hand, they are a mistake."""
    (run / "seeds.jsonl").write_bytes(b'{"instruction": "same"}\n\n{"instruction": "same"}\n')
    code, _, err = cli("generate", run)
    assert code == 2
    assert re.search(r"seeds.jsonl:3: the same instruction as line 1", one_sentence(err)), err


def test_not_a_run(cli: Cli, tmp_path: Path) -> None:
    for command in ("generate", "status", "verify"):
        code, _, err = cli(command, tmp_path)
        assert code == 2, command
        assert str(tmp_path) in one_sentence(err)
        assert list(tmp_path.iterdir()) == []
        code, _, err = cli(command, tmp_path / "nowhere")
        assert code == 2, command
        assert "nowhere" in one_sentence(err)


def test_unknown_names(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("init", tmp_path / "x", "--recipe", "papper")
    assert (code, "paper" in err) == (2, True)
    code, _, err = cli("init", tmp_path / "x", "--model", "gpt-4.1")
    assert (code, "openai/gpt-4.1-mini" in err) == (2, True)
    code, _, err = cli("genrate", tmp_path / "x")
    assert (code, "generate" in err) == (2, True)
    assert not (tmp_path / "x").exists()


def test_a_run_is_not_overwritten(cli: Cli, run: Path) -> None:
    before = {path: path.read_bytes() for path in run.iterdir()}
    code, _, err = cli("init", run, "--recipe", "chat")
    assert (code, "already holds a run" in err) == (2, True)
    assert {path: path.read_bytes() for path in run.iterdir()} == before


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc").exists(), reason="needs a place that root cannot write to")
def test_an_unwritable_folder(cli: Cli) -> None:
    code, _, err = cli("init", "/proc/nowhere/run")
    assert code == 2
    assert "cannot be written" in one_sentence(err)


@pytest.mark.slow
def test_unreachable_server(cli: Cli, run: Path) -> None:
    code, _, err = cli("generate", run, "--tasks", "5")
    assert code == 2
    assert re.search(r"cannot connect to .*127.0.0.1:9.*--base-url", one_sentence(err)), err


def test_a_run_that_was_never_answered_may_be_edited(cli: Cli, run: Path) -> None:
    assert cli("generate", run, "--tasks", "5")[0] == 2
    edit(run / "recipe.yaml", "temperature: 0.7", "temperature: 0.9")
    with simulator() as server:
        assert cli("generate", run, "--tasks", "5", "--base-url", server.url, "--quiet")[0] == 0
    assert cli("verify", run)[0] == 0


def test_not_an_address(cli: Cli, run: Path) -> None:
    code, _, err = cli("generate", run, "--base-url", "not an address")
    assert code == 2
    assert "--base-url" in one_sentence(err)


def test_no_key_and_wrong_key(cli: Cli, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with simulator("--key", "right-key-123456789") as server:
        code, _, err = cli("generate", run, "--base-url", server.url)
        assert code == 2
        assert "OPENAI_API_KEY" in one_sentence(err)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-key-abcdefgh")
        code, _, err = cli("generate", run, "--base-url", server.url)
        assert code == 2
        assert "401" in one_sentence(err)
        assert "sk-wrong" not in err


@pytest.mark.parametrize("fault", ["key-in-error", "key-in-reply"])
def test_the_key_is_nowhere(tmp_path: Path, fault: str) -> None:
    """Not in the journal, the logs or an error, also where the server echoes it."""
    key = "sk-very-secret-0123456789abcdef"
    with simulator("--fault", f"{fault}=1.0", "--key", key) as server:
        run = tmp_path / "run"
        assert bootstruct("init", run, "--recipe", "paper", "--model", "openai/sim", OPENAI_API_KEY=key).returncode == 0
        done = bootstruct("generate", run, "--tasks", 5, "--base-url", server.url, "--ignore-stall",
                          "--max-requests", 40, OPENAI_API_KEY=key)  # fmt: skip
        assert server.stats()["requests"] > 0
        assert key not in done.stdout + done.stderr
        assert key[3:] not in done.stdout + done.stderr
        for path in run.rglob("*"):
            assert path.is_dir() or key.encode() not in path.read_bytes()


def test_a_second_writer(cli: Cli, run: Path) -> None:
    journal = Journal(run / "journal.jsonl")
    try:
        code, _, err = cli("generate", run)
        assert code == 2
        assert "another bootstruct is writing" in one_sentence(err)
    finally:
        journal.close()


@pytest.fixture
def begun(cli: Cli, run: Path) -> Path:
    with simulator() as server:
        assert cli("generate", run, "--tasks", "5", "--base-url", server.url, "--quiet")[0] == 0
    return run


def test_a_changed_recipe_or_seeds(cli: Cli, begun: Path) -> None:
    before = (begun / "journal.jsonl").read_bytes()
    edit(begun / "recipe.yaml", "temperature: 0.7", "temperature: 0.9")
    code, _, err = cli("generate", begun, "--tasks", "9")
    assert code == 2
    assert re.search(r"propose.ask.sampling.temperature differs .*--reuse", one_sentence(err)), err
    edit(begun / "recipe.yaml", "temperature: 0.9", "temperature: 0.7")
    rows = (begun / "seeds.jsonl").read_text().splitlines()
    (begun / "seeds.jsonl").write_text("\n".join(rows[:-1]) + "\n")
    code, _, err = cli("generate", begun, "--tasks", "9")
    assert code == 2
    assert re.search(r"seeds.jsonl: seed \d+ differs", one_sentence(err)), err
    assert (begun / "journal.jsonl").read_bytes() == before


def test_a_journal_from_a_newer_version(cli: Cli, begun: Path) -> None:
    edit(begun / "journal.jsonl", f'"version":{VERSION}', '"version":99')
    for command in ("generate", "status", "verify", "export"):
        more = ["--format", "alpaca", "--out", begun / "x"] if command == "export" else []
        code, _, err = cli(command, begun, *more)
        assert (command, code) == (command, 2)
        assert "newer" in one_sentence(err)


def test_a_damaged_journal(cli: Cli, begun: Path) -> None:
    lines = (begun / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (begun / "journal.jsonl").write_bytes(b"".join([*lines[:4], b"{broken\n", *lines[4:]]))
    for command in ("generate", "status", "verify"):
        code, _, err = cli(command, begun)
        assert (command, code) == (command, 2)
        assert re.search(
            r"journal.jsonl:5: .*lines above are intact; restore the file from a copy, or remove this line and those below it to continue",
            one_sentence(err),
        ), err
    assert (begun / "journal.jsonl").read_bytes().count(b"{broken") == 1


def test_export_refuses_what_it_cannot_write(cli: Cli, begun: Path, tmp_path: Path) -> None:
    code, _, err = cli("export", begun, "--format", "alpacca", "--out", tmp_path / "x.json")
    assert (code, "alpaca" in one_sentence(err)) == (2, True)
    code, _, err = cli("export", begun, "--format", "alpaca", "--out", tmp_path)
    assert (code, "is a folder" in one_sentence(err)) == (2, True)


def test_unknown_price_with_a_cost_cap(cli: Cli, run: Path) -> None:
    code, _, err = cli("generate", run, "--max-cost", "1")
    assert code == 2
    assert "prices:" in one_sentence(err)


def test_a_key_in_a_settings_file_is_refused(cli: Cli, run: Path) -> None:
    (run / "machine.yaml").write_text("engine: openai\napi_key: sk-123\n")
    code, _, err = cli("generate", run)
    assert code == 2
    assert "environment only" in one_sentence(err)
    assert "sk-123" not in err


def test_status_json_is_json(cli: Cli, begun: Path) -> None:
    code, out, _ = cli("status", begun, "--json")
    assert code == 0
    assert json.loads(out)["accepted"] >= 5

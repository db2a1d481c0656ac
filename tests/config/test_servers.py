"""Servers by name, and what the doctor says of a server without asking a model."""

import json
from pathlib import Path

import pytest

from bootstruct.config.machine import read_machine
from bootstruct.config.servers import shipped_servers
from bootstruct.errors import InputError
from tests.support.commands import bootstruct, simulator
from tests.support.paths import ROOT


@pytest.fixture(autouse=True)
def nobodys_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in ("BOOTSTRUCT_SETTINGS", "BOOTSTRUCT_BASE_URL", "AZURE_OPENAI_ENDPOINT", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_the_page_lists_them() -> None:
    page = (ROOT / "docs" / "servers.md").read_text(encoding="utf-8")
    for name, server in shipped_servers().items():
        assert f"| `{name}` | `{server.base_url_env}{server.base_url}` | `{server.key_env}` |" in page


def test_every_known_server_has_an_address_and_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com/")
    for name, server in shipped_servers().items():
        machine = read_machine(base_url=(name,))
        assert machine.base_url[0].startswith("https://" if "127.0.0.1" not in server.base_url else "http://127.0.0.1:")
        assert machine.key_env == server.key_env
        assert machine.key_env.endswith("_API_KEY")
        assert machine.unconfirmed == ""
        assert server.note
    azure = read_machine(base_url=("azure",))
    assert (azure.base_url, azure.key_header) == (("https://mine.openai.azure.com/openai/v1",), "api-key")


def test_what_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"server 'olama': is neither an address, .* nor the name .*vllm, .*ollama"):
        read_machine(base_url=("olama",))
    with pytest.raises(InputError, match="AZURE_OPENAI_ENDPOINT: is not set to an address"):
        read_machine(base_url=("azure",))
    with pytest.raises(InputError, match="nor the name"):
        read_machine(base_url=("http://127.0.0.1:1/v1", "ollama"))


def test_a_name_of_the_users_own_file_comes_first(tmp_path: Path) -> None:
    own = tmp_path / "XDG_CONFIG_HOME" / "bootstruct" / "settings.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("servers: {ollama: {base_url: 'http://10.0.0.9:11434/v1', key_env: MINE}}")
    machine = read_machine(base_url=("ollama",))
    assert (machine.base_url, machine.key_env) == (("http://10.0.0.9:11434/v1",), "MINE")


def test_a_folder_from_a_stranger_cannot_name_a_server_unasked(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "machine.yaml").write_text("base_url: openrouter\n")
    question = read_machine(folder).unconfirmed
    assert (
        "sends requests to https://openrouter.ai/api/v1 with the key in the environment variable OPENROUTER" in question
    )
    (folder / "machine.yaml").write_text("base_url: ollama\n")  # this machine itself, without a key
    assert read_machine(folder).unconfirmed == ""
    assert read_machine(folder, trust=True).base_url == ("http://127.0.0.1:11434/v1",)


def test_init_keeps_the_name_and_generate_needs_no_question(tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = bootstruct("init", run, "--model", "openai/MAKER/NAME", "--server", "openrouter")
    assert result.returncode == 0, result.stderr
    assert 'base_url: "openrouter"' in (run / "machine.yaml").read_text()
    machine = read_machine(run)
    assert (machine.base_url, machine.key_env) == (("https://openrouter.ai/api/v1",), "OPENROUTER_API_KEY")
    assert machine.unconfirmed == ""


def test_the_doctor_of_a_server_alone() -> None:
    with simulator() as server:
        rows = json.loads(bootstruct("doctor", "--server", server.url, "--json").stdout)["server"]
    assert [row["feature"] for row in rows] == ["key", "models"]
    assert rows[1]["outcome"] in ("yes", "unclear")
    gone = json.loads(bootstruct("doctor", "--server", "http://127.0.0.1:9/v1", "--json").stdout)["server"]
    assert gone[1]["outcome"] == "failed"
    assert "cannot connect" in gone[1]["note"]

"""`doctor` says what a server really does, by what its answers show."""

import json

import pytest

from tests.servers import bootstruct, simulator


def probed(*options: str) -> dict[str, str]:
    with simulator(*options) as server:
        done = bootstruct("doctor", "--model", "openai/sim", "--base-url", server.url, "--json")
    assert done.returncode == 0, done.stderr
    return {row["feature"]: row["outcome"] for row in json.loads(done.stdout)["server"]}


def test_a_good_server() -> None:
    found = probed()
    assert found["chat"] == found["text completion"] == found["token usage"] == "yes"
    assert found["temperature"] == found["seed"] == found["max_tokens"] == "yes"
    assert found["n"] == found["logprobs"] == found["JSON schema"] == "ignored"


def test_a_server_that_does_not_count() -> None:
    assert probed("--no-usage")["token usage"] == "no"


def test_a_server_that_needs_a_key_or_another_model() -> None:
    with simulator("--key", "right-key-123456789") as server:
        done = bootstruct("doctor", "--model", "openai/sim", "--base-url", server.url)
        assert done.returncode == 2
        assert "OPENAI_API_KEY" in done.stderr
        done = bootstruct(
            "doctor", "--model", "openai/sim", "--base-url", server.url, OPENAI_API_KEY="right-key-123456789"
        )
        assert done.returncode == 0
        assert "right-key" not in done.stdout + done.stderr
    with simulator("--models", "other") as server:
        done = bootstruct("doctor", "--model", "openai/sim", "--base-url", server.url)
        assert done.returncode == 2
        assert "model 'sim'" in done.stderr


def test_nobody_there() -> None:
    done = bootstruct("doctor", "--model", "openai/sim", "--base-url", "http://127.0.0.1:9/v1")
    assert done.returncode == 2
    assert "is the server running there?" in done.stderr


def test_without_a_model_it_tells_what_is_installed() -> None:
    done = bootstruct("doctor", "--json")
    names = {row["name"] for row in json.loads(done.stdout)["installed"]}
    assert {"python", "bootstruct", "local", "train", "report", "review", "parquet", "ray"} <= names


@pytest.mark.parametrize("words", [["--model", "gpt-4.1"], ["--model", "recorded:x/y"]])
def test_models_that_cannot_be_probed(words: list[str]) -> None:
    assert bootstruct("doctor", *words).returncode == 2

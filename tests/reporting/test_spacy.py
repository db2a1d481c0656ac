"""The verb-object reader on the real spaCy, with an English model that is trained here and installed like any other."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.real, pytest.mark.slow]
VERBS = ["write", "list", "describe", "explain", "sort", "count", "translate", "correct", "compare", "find"]
NOUNS = ["poem", "letter", "word", "sentence", "list", "number", "recipe", "story", "plan", "name"]
ADJECTIVES = ["short", "formal", "funny", "long", "simple"]
Words = list[tuple[str, str, int, str, str]]  # text, part of speech, head, relation, lemma


def sentence(rng: random.Random) -> Words:
    """A command with a direct object, or a nominal phrase without a verb."""
    verb, noun = rng.choice(VERBS), rng.choice(NOUNS)
    thing: Words = [("the", "DET", 0, "det", "the")] if rng.random() < 0.5 else [("a", "DET", 0, "det", "a")]
    if rng.random() < 0.5:
        adjective = rng.choice(ADJECTIVES)
        thing.append((adjective, "ADJ", 0, "amod", adjective))
    is_command = rng.random() < 0.8
    start = 1 if is_command else 0
    head = start + len(thing)
    phrase = [(text, pos, head, relation, lemma) for text, pos, _, relation, lemma in thing]
    if not is_command:
        return [*phrase, (noun, "NOUN", head, "ROOT", noun)]
    return [(verb.title(), "VERB", 0, "ROOT", verb), *phrase, (noun, "NOUN", 0, "dobj", noun)]


def trained() -> Any:
    """A pipeline with tagger and parser that has learnt such sentences (a few seconds)."""
    import spacy
    from spacy.tokens import Doc
    from spacy.training import Example

    pipeline = spacy.blank("en")
    for name in ("morphologizer", "parser"):
        pipeline.add_pipe(name)
    pipeline.add_pipe("trainable_lemmatizer", config={"min_tree_freq": 1})
    rng = random.Random(1)
    examples = []
    for _ in range(400):
        texts, parts, heads, relations, lemmas = zip(*sentence(rng), strict=True)
        history = Doc(
            pipeline.vocab, list(texts), pos=list(parts), heads=list(heads), deps=list(relations), lemmas=list(lemmas)
        )
        examples.append(Example(Doc(pipeline.vocab, list(texts)), history))
    pipeline.initialize(lambda: examples)
    for _ in range(4):
        rng.shuffle(examples)
        for start in range(0, len(examples), 20):
            pipeline.update(examples[start : start + 20])
    return pipeline


def install(folder: Path, name: str = "en_tiny_test") -> None:
    """Lay the model out as pip does: a package with `load`, and the entry point that spaCy finds models by."""
    package, history = folder / name, folder / f"{name}-0.0.1.dist-info"
    package.mkdir()
    trained().to_disk(package / "model")
    (package / "__init__.py").write_text(
        "from pathlib import Path\n"
        "from spacy.util import load_model_from_path\n"
        "def load(**overrides):\n"
        "    return load_model_from_path(Path(__file__).parent / 'model', **overrides)\n"
    )
    history.mkdir()
    (history / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.0.1\n")
    (history / "entry_points.txt").write_text(f"[spacy_models]\n{name} = {name}\n")


READ = """
import json, sys
from bootstruct.reporting.verbs import reader
found = reader()
print(json.dumps([found.name, list(found.read(json.loads(sys.argv[1])))]))
"""


def test_an_installed_model_reads_verbs_and_objects(tmp_path: Path) -> None:
    pytest.importorskip("spacy", reason="needs spaCy: pip install spacy")
    install(tmp_path)
    texts = ["Write a funny poem", "Sort the list", "Translate the long sentence", "the short letter"]
    done = subprocess.run(  # a process of its own: spaCy looks for models once, when it is imported
        [sys.executable, "-c", READ, json.dumps(texts)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    name, pairs = json.loads(done.stdout)
    assert name == "spaCy, en_tiny_test"
    assert pairs == [["write", "poem"], ["sort", "list"], ["translate", "sentence"], None]

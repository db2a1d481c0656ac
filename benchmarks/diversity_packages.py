"""Record the results of the packages `diversity`, `vendi-score` and `sacrebleu` for small sets of texts, as targets for ours.

    python benchmarks/diversity_packages.py tests/measures/packages.json

The script needs `pip install --no-deps diversity vendi-score sacrebleu`, and numpy, scipy, scikit-learn, nltk and tqdm for
them. It loads only the modules that it measures, because the packages import far more than these numbers need.
"""

import importlib.util
import json
import random
import sys
import types
from importlib.metadata import version
from pathlib import Path

import numpy as np

VERBS = ["write", "name", "list", "sort", "explain", "count", "paint", "translate", "compare", "summarize"]
THINGS = [
    "a short poem",
    "the red fruit",
    "all prime numbers",
    "the words below",
    "a letter to a friend, please",
    "3.5 cups of rice",
    'two "odd" words',
]
TAILS = [
    "about the sea.",
    "in alphabetical order!",
    "and say why (in one line)?",
    "for a child of 10, not 1,000.",
    "with well-known & simple words.",
    "by 2030-12.",
]


def sets() -> dict[str, list[str]]:
    """Return the sets of texts by name."""
    chance = random.Random(7)
    plain = [f"{chance.choice(VERBS).title()} {chance.choice(THINGS)} {chance.choice(TAILS)}" for _ in range(40)]
    nonsense = [
        " ".join(f"w{int(chance.paretovariate(0.7)) % 300}" for _ in range(chance.randint(4, 25))) for _ in range(60)
    ]
    return {
        "plain": plain,
        "with duplicates": plain[:20] + plain[:10] + plain[:5],
        "one text often": ["Name the red fruit about the sea."] * 6,
        "nothing shared": [f"a{n} b{n} c{n} d{n} e{n}" for n in range(8)],
        "of many lengths": nonsense,
        "two": ["Sort the words below in alphabetical order.", "Sort the words below by their length."],
    }


def module(package: str, name: str) -> types.ModuleType:
    """Return a module of an installed package without running the package's own imports."""
    found = importlib.util.find_spec(package)
    path = Path(next(iter(found.submodule_search_locations))) / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"only_{package}_{name}", path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def ngram_kernel(texts: list[str]) -> np.ndarray:
    """Return the similarities that `vendi_score.text_utils.ngram_vendi_score` computes, with tokens separated by blanks."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.preprocessing import normalize

    kernels = []
    for n in (1, 2, 3, 4):
        counts = CountVectorizer(
            tokenizer=str.split, token_pattern=None, ngram_range=(n, n), lowercase=False
        ).fit_transform(texts)
        rows = normalize(counts)
        kernels.append((rows @ rows.T).toarray())
    return np.stack(kernels).mean(axis=0)


def main() -> None:
    import sacrebleu
    import scipy.sparse

    scipy.sparse.csr = types.SimpleNamespace(
        csr_matrix=scipy.sparse.csr_matrix
    )  # the name it had when vendi-score was written
    ngram, repetition = module("diversity", "ngram_diversity"), module("diversity", "self_repetition")
    compression, vendi = module("diversity", "compression"), module("vendi_score", "vendi")
    rows = []
    for name, texts in sets().items():
        bleus = [sacrebleu.sentence_bleu(text, texts[:n] + texts[n + 1 :]).score for n, text in enumerate(texts)]
        vectors = np.array([[np.sin(1 + i * j) for j in range(7)] for i in range(len(texts))])
        rows.append(
            {
                "name": name,
                "texts": texts,
                "ngram_diversity": ngram.ngram_diversity_score(texts),
                "self_repetition": float(repetition.self_repetition_score(texts, verbose=False)),
                "compression_gzip": compression.compression_ratio(texts, "gzip"),
                "compression_xz": compression.compression_ratio(texts, "xz"),
                "bleu": bleus,
                "vendi_ngrams": float(vendi.score_K(ngram_kernel(texts))),
                "vendi_vectors": float(vendi.score_X(vectors)),
                "vendi_dual": float(vendi.score_dual(vectors)),
            }
        )
    packages = {
        name: version(name)
        for name in ("diversity", "vendi-score", "sacrebleu", "numpy", "scipy", "scikit-learn", "nltk")
    }
    Path(sys.argv[1]).write_text(json.dumps({"packages": packages, "sets": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Measure how well the report's rules for verbs and objects agree with the paper's method.

    python tools/verb_agreement.py FILE

FILE holds instructions in any shape of rows that bootstruct reads. A sample of them (`--sample`, `--seed`) is read twice: by
the rules of `reporting/verbs.py`, and by the paper's method, which is spaCy's parse (section 3.1). The script needs lemminflect
and spaCy with an English model; `--model` names a model other than en_core_web_sm.
"""

import argparse
import json
from pathlib import Path
from random import Random

from bootstruct.io.accounts import RowAccount
from bootstruct.io.tasks import read_tasks
from bootstruct.reporting.verbs import by_spacy, pair


def main() -> None:
    """Print the figures as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--sample", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="en_core_web_sm")
    given = parser.parse_args()
    import spacy

    account = RowAccount(str(given.file))
    texts = list(dict.fromkeys(task.instruction for _, task in read_tasks(given.file, account, bare_text=True)))
    drawn = Random(given.seed).sample(texts, min(given.sample, len(texts)))
    rules = [pair(text) for text in drawn]
    paper = list(by_spacy(spacy.load(given.model, exclude=["ner"]), drawn))
    both = [(a, b) for a, b in zip(rules, paper, strict=True) if a and b]
    figures = {
        "instructions": len(drawn),
        "rules_found": sum(map(bool, rules)),
        "paper_method_found": sum(map(bool, paper)),
        "same_answer": sum(a == b for a, b in zip(rules, paper, strict=True)),
        "both_found": len(both),
        "both_found_same_pair": sum(a == b for a, b in both),
        "both_found_same_verb": sum(a[0] == b[0] for a, b in both),
        "spacy": f"{spacy.__version__}, {given.model}",
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""Score 12,000 predictions with this package and with the reference package, in one run.

    python benchmarks/scoring.py [--predictions 12000] [--tasks 119] [--words 25] [--seed 1]

Predictions and references are synthetic and consist of words with falling frequencies. A prediction shares about half of its
words with its reference, and 4% of the predictions continue for 400 words, as those of a pretrained model do. The reference
method is `rouge_score` with its stemmer and exact match, the loop of the official scorer. Both must give the same means.
"""

import argparse
import random
import time

from rouge_score import rouge_scorer

from bootstruct.evaluation.scorecard import score
from bootstruct.evaluation.scores import Prediction, normalised, percent, points_of, table_of

clock = time.perf_counter


def made_up(count: int, tasks: int, words: int, chance: random.Random) -> list[Prediction]:
    """Return synthetic predictions with their references."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    endings = ("", "", "s", "ed", "ing", "ation", "ly", "ness")
    stock = ["".join(chance.choices(letters, k=chance.randint(2, 8))) + chance.choice(endings) for _ in range(20_000)]
    falling = [1 / (rank + 3) for rank in range(len(stock))]
    found = []
    for number in range(count):
        reference = chance.choices(stock, falling, k=max(1, int(chance.expovariate(1 / words))))
        answer = [w if chance.random() < 0.5 else chance.choice(stock) for w in reference]
        if chance.random() < 0.04:
            answer += chance.choices(stock, falling, k=400)
        text = " ".join(reference if chance.random() < 0.1 else answer)
        found.append(
            Prediction(f"task{number % tasks}", str(number), text, (" ".join(reference),), f"kind{number % 12}")
        )
    return found


def by_reference(predictions: list[Prediction]) -> tuple[float, float]:
    """Return the mean ROUGE-L and exact match by the reference method, in percent."""
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
    rouge, exact = [], []
    for prediction in predictions:
        rouge.append(
            max(scorer.score(target=r, prediction=prediction.text)["rougeL"].fmeasure for r in prediction.references)
        )
        exact.append(float(any(normalised(prediction.text) == normalised(r) for r in prediction.references)))
    return percent(rouge), percent(exact)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("predictions", 12_000), ("tasks", 119), ("words", 25), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    predictions = made_up(given.predictions, given.tasks, given.words, random.Random(given.seed))
    mean = sum(len(prediction.text.split()) for prediction in predictions) / len(predictions)
    print(f"{len(predictions):,} predictions of {mean:.0f} words on average, {given.tasks} tasks")
    began = clock()
    points = points_of(predictions)
    scored = clock()
    overall = table_of(predictions, points).overall
    tabled = clock()
    score(predictions, None, ())
    everything = clock()
    expected = by_reference(predictions)
    ended = clock()
    print(f"ours, every prediction scored           {scored - began:6.2f} s")
    print(f"ours, with means and intervals          {tabled - began:6.2f} s")
    print(f"ours, raw and both cuts, with all means {everything - tabled:6.2f} s")
    print(f"rouge_score and exact match             {ended - everything:6.2f} s")
    assert (overall.rouge_l, overall.exact_match) == expected, (overall, expected)
    print(f"same means: ROUGE-L {expected[0]}, exact match {expected[1]}")


if __name__ == "__main__":
    main()

"""The verdicts of a judge, as Markdown."""

from collections.abc import Iterator

from bootstruct.evaluation.judge import JudgeResult
from bootstruct.evaluation.ratings import counts_of
from bootstruct.evaluation.scorecard import bracket, table_lines
from bootstruct.evaluation.win_rates import PairwiseComparison
from bootstruct.paper import LEVEL_LETTERS


def markdown(judged: JudgeResult) -> str:
    """Levels or win rates, unreadable replies, and the use."""
    return "\n".join(_lines(judged))


def _lines(judged: JudgeResult) -> Iterator[str]:
    yield f"## {judged.judge} as a judge, {judged.mode}"
    yield ""
    for problem in judged.problems:
        yield f"- {problem.in_words()}"
    yield from [""] if judged.problems else []
    if judged.mode == "absolute":
        counts = counts_of(judged.ratings)
        rows = [
            [model, *(levels[text] for text in LEVEL_LETTERS), sum(levels.values())] for model, levels in counts.items()
        ]
        yield from table_lines(["model", *LEVEL_LETTERS, "answers"], rows)
    else:
        head = ["pair", "wins", "ties", "losses", "win rate", "at equal length", "mean characters"]
        yield from table_lines(head, [_comparison(comparison) for comparison in judged.comparisons])
        yield ""
        yield from (_position(comparison) for comparison in judged.comparisons)
    yield ""
    spent = judged.spent
    money = f", ${judged.cost:,.4f} at list price" if judged.cost is not None else ", price not known"
    yield (
        f"Cost: {spent.requests:,} replies, {spent.prompt_tokens:,} prompt and {spent.completion_tokens:,} reply tokens{money}."
    )


def _comparison(comparison: PairwiseComparison) -> list[object]:
    rate = f"{comparison.win_rate:.1f}%{bracket(comparison.interval)}"
    controlled = f"{comparison.length_controlled:.1f}%{bracket(comparison.length_controlled_interval)}"
    lengths = f"{comparison.mean_lengths[0]:.0f} : {comparison.mean_lengths[1]:.0f}"
    return [
        f"{comparison.first} : {comparison.second}",
        comparison.wins,
        comparison.ties,
        comparison.losses,
        rate,
        controlled,
        lengths,
    ]


def _position(comparison: PairwiseComparison) -> str:
    bias = comparison.position
    if bias.first_preferred is None:
        return f"- {comparison.first} : {comparison.second}: all verdicts are ties."
    share = f"{100 * bias.first_preferred:.0f}%"
    if bias.interval is not None:
        share += f" [{100 * bias.interval.low:.0f}, {100 * bias.interval.high:.0f}]"
    pairs = bias.verdicts // 2
    return (
        f"- {comparison.first} : {comparison.second}: position bias: "
        f"the answer shown first was preferred in {share} of the verdicts that were not ties; "
        f"the first place won in both orders of {bias.flipped_to_first} pairs and the second place in both orders of "
        f"{bias.flipped_to_second}; {bias.consistent} of {pairs} pairs had the same verdict in both orders."
    )

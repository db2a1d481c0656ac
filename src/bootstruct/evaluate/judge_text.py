"""What a judge said, as Markdown."""

from collections.abc import Iterator

from bootstruct.evaluate.judge import Judged
from bootstruct.evaluate.pairwise import Comparison
from bootstruct.evaluate.ratings import LEVELS, counts_of
from bootstruct.evaluate.scorecard import bracket, table_lines


def markdown(judged: Judged) -> str:
    """Levels or win rates, what could not be read, and what it took."""
    return "\n".join(_lines(judged))


def _lines(judged: Judged) -> Iterator[str]:
    yield f"## {judged.judge} as a judge, {judged.mode}"
    yield ""
    for problem in judged.problems:
        yield f"- {problem.told()}"
    yield from [""] if judged.problems else []
    if judged.mode == "absolute":
        counts = counts_of(judged.ratings)
        rows = [[model, *(levels[each] for each in LEVELS), sum(levels.values())] for model, levels in counts.items()]
        yield from table_lines(["model", *LEVELS, "answers"], rows)
    else:
        head = ["pair", "wins", "ties", "losses", "win rate", "at equal length", "mean characters"]
        yield from table_lines(head, [_comparison(each) for each in judged.comparisons])
        yield ""
        yield from (_position(each) for each in judged.comparisons)
    yield ""
    spent = judged.spent
    money = f", ${judged.cost:,.4f} at list price" if judged.cost is not None else ", price not known"
    yield (
        f"Cost: {spent.requests:,} replies, {spent.prompt_tokens:,} prompt and {spent.completion_tokens:,} reply tokens{money}."
    )


def _comparison(each: Comparison) -> list[object]:
    rate = f"{each.win_rate:.1f}%{bracket(each.interval)}"
    controlled = f"{each.length_controlled:.1f}%{bracket(each.length_controlled_interval)}"
    lengths = f"{each.mean_lengths[0]:.0f} : {each.mean_lengths[1]:.0f}"
    return [f"{each.first} : {each.second}", each.wins, each.ties, each.losses, rate, controlled, lengths]


def _position(each: Comparison) -> str:
    bias = each.position
    if bias.first_preferred is None:
        return f"- {each.first} : {each.second}: nothing but ties."
    share = f"{100 * bias.first_preferred:.0f}%"
    if bias.interval is not None:
        share += f" [{100 * bias.interval.low:.0f}, {100 * bias.interval.high:.0f}]"
    pairs = bias.verdicts // 2
    return (
        f"- {each.first} : {each.second}: position bias: the answer shown first was preferred in {share} of the verdicts that "
        f"were no tie; the order turned {bias.flipped_to_first} pairs to the first and {bias.flipped_to_second} to the second "
        f"place; {bias.consistent} of {pairs} pairs were judged alike in both orders."
    )

"""The pool that candidates are compared with: every seed, every accepted instruction, and the texts to keep away from."""

from collections.abc import Collection

from bootstruct.config.recipe import Recipe
from bootstruct.errors import InputError
from bootstruct.journal.state import State
from bootstruct.novelty.index import NoveltyIndex
from bootstruct.novelty.rouge import TOKENIZERS, f_measure, lcs_length
from bootstruct.stages.custom import NO_CODE, CustomCode, broken_python_rule
from bootstruct.stages.rules import EMPTY, KEPT_AWAY, TOO_SIMILAR, broken_rule
from bootstruct.types import Candidate, Verdict

BULK_SIZE = 1000  # for more texts than this, adding them to the index at once is faster


class Pool:
    """Names and an exact novelty index of the texts of one run, in pool order; it follows the state that it is given."""

    def __init__(self, recipe: Recipe, code: CustomCode = NO_CODE) -> None:
        self.code = code
        novelty = recipe.propose.novelty
        if novelty.tokenizer not in TOKENIZERS:
            raise InputError(
                f"propose.novelty.tokenizer: {novelty.tokenizer!r} is unknown; use {' or '.join(TOKENIZERS)}."
            )
        self.recipe, self.novelty, self.names = recipe, novelty, list[str]()
        self._tokens, self._strict = TOKENIZERS[novelty.tokenizer], novelty.at_threshold == "keep"
        self.index = NoveltyIndex(novelty.threshold, self._strict, novelty.tokenizer)
        self._keep_away = NoveltyIndex(novelty.threshold, self._strict, novelty.tokenizer)
        self._keep_away.extend(recipe.keep_away)

    def catch_up(self, state: State) -> "Pool":
        """Add the texts that the state has and this pool lacks; returns the pool."""
        new = [(seed.id, seed.instruction) for seed in state.seeds] if not self.names else []
        new += [(task.name, task.text) for task in state.accepted[max(0, len(self.names) - len(state.seeds)) :]]
        self.names += [name for name, _ in new]
        if len(new) > BULK_SIZE:
            self.index.extend(text for _, text in new)
        else:
            for _, text in new:
                self.index.add(text)
        return self

    def judge(self, index: int, candidates: list[Candidate], ancestors: Collection[str] = ()) -> tuple[Verdict, ...]:
        """Judge the candidates of reply `index` one after another; each kept one counts for those after it (section 2.2).

        Nothing is added to the pool: that happens when the verdicts are committed and `catch_up` is called.

        Args:
            index: the number of the request.
            candidates: what was parsed from its reply, in order.
            ancestors: names of the tasks that the request revises; a candidate may be similar to them, but not the same.

        Returns:
            A verdict on each candidate.
        """
        verdicts: list[Verdict] = []
        kept: list[tuple[str, list[str]]] = []
        for number, candidate in enumerate(candidates):
            verdict = self._judge_one(candidate, kept, ancestors)
            if verdict.kept:
                kept.append((f"{index}.{number}", self._tokens(candidate.text)))
            verdicts.append(verdict)
        return tuple(verdicts)

    def _judge_one(
        self, candidate: Candidate, kept: list[tuple[str, list[str]]], ancestors: Collection[str]
    ) -> Verdict:
        text = candidate.text
        rule = candidate.flaw or (broken_rule(self.recipe.propose.rules, text) if text else EMPTY)
        if rule is not None:
            return Verdict(text, rule)
        if (broken := broken_python_rule(self.recipe, self.code, text)) is not None:
            return Verdict(text, broken[0], note=broken[1])
        if len(self._keep_away) and (match := self._keep_away.nearest(text)) is not None:
            return Verdict(text, KEPT_AWAY, match[0], f"keep_away:{match[1]}")
        best = self._nearest(text, ancestors)
        tokens = self._tokens(text)
        for name, other in kept:
            score = f_measure(lcs_length(other, tokens), len(tokens), len(other))
            is_over = score > self.novelty.threshold or (not self._strict and score == self.novelty.threshold)
            if is_over and (best is None or score > best[0]):
                best = (score, name)
        return Verdict(text, TOO_SIMILAR, *best) if best else Verdict(text, instances=candidate.instances)

    def _nearest(self, text: str, ancestors: Collection[str]) -> tuple[float, str] | None:
        """Return score and name of the most similar text over the threshold, except for ancestors with other words."""
        if not ancestors:
            nearest = self.index.nearest(text)
            return (nearest[0], self.names[nearest[1]]) if nearest else None
        over = ((score, self.names[place]) for score, place in self.index.over(text))
        return next(((score, name) for score, name in over if score == 1 or name not in ancestors), None)

"""The pool a candidate is held against: every seed, every accepted instruction, and the texts to keep away from."""

from bootstruct.domain import Candidate, Verdict
from bootstruct.errors import BadInput
from bootstruct.events import State
from bootstruct.recipe import Recipe
from bootstruct.stages.novelty import Index
from bootstruct.stages.rouge import TOKENIZERS, f_measure, lcs_length
from bootstruct.stages.rules import broken_rule

TOO_SIMILAR = "too similar"
KEPT_AWAY = "near a kept-away text"
EMPTY = "empty"
MANY = 1000  # from here on the index is faster fed at once


class Pool:
    """Names and an exact novelty index over the texts of one run, in pool order. It follows the state it is given."""

    def __init__(self, recipe: Recipe) -> None:
        novelty = recipe.propose.novelty
        if novelty.tokenizer not in TOKENIZERS:
            raise BadInput(
                f"propose.novelty.tokenizer: {novelty.tokenizer!r} is unknown; take {' or '.join(TOKENIZERS)}."
            )
        self.recipe, self.novelty, self.names = recipe, novelty, list[str]()
        self._tokens, self._strict = TOKENIZERS[novelty.tokenizer], novelty.at_threshold == "keep"
        self.index = Index(novelty.threshold, self._strict, novelty.tokenizer)
        self._away = Index(novelty.threshold, self._strict, novelty.tokenizer)
        self._away.extend(recipe.keep_away)

    def catch_up(self, state: State) -> "Pool":
        """Take in what the state has and this pool has not."""
        new = [(seed.id, seed.instruction) for seed in state.seeds] if not self.names else []
        new += [(each.name, each.text) for each in state.machine[max(0, len(self.names) - len(state.seeds)) :]]
        self.names += [name for name, _ in new]
        if len(new) > MANY:
            self.index.extend(text for _, text in new)
        else:
            for _, text in new:
                self.index.add(text)
        return self

    def judge(self, index: int, candidates: list[Candidate]) -> tuple[Verdict, ...]:
        """Judge the candidates of reply `index` one after another; each kept one counts for those after it.

        Nothing is added to the pool: that happens when the verdicts are committed and `catch_up` is called.
        """
        verdicts: list[Verdict] = []
        kept: list[tuple[str, list[str]]] = []
        for number, candidate in enumerate(candidates):
            verdict = self._judge_one(candidate, kept)
            if verdict.kept:
                kept.append((f"{index}.{number}", self._tokens(candidate.text)))
            verdicts.append(verdict)
        return tuple(verdicts)

    def _judge_one(self, candidate: Candidate, kept: list[tuple[str, list[str]]]) -> Verdict:
        text = candidate.text
        rule = candidate.flaw or (broken_rule(self.recipe.propose.rules, text) if text else EMPTY)
        if rule is not None:
            return Verdict(text, rule)
        if len(self._away) and (hit := self._away.nearest(text)) is not None:
            return Verdict(text, KEPT_AWAY, hit[0], f"keep_away:{hit[1]}")
        found = self.index.nearest(text)
        best = (found[0], self.names[found[1]]) if found else None
        tokens = self._tokens(text)
        for name, other in kept:
            score = f_measure(lcs_length(other, tokens), len(tokens), len(other))
            over = score > self.novelty.threshold or (not self._strict and score == self.novelty.threshold)
            if over and (best is None or score > best[0]):
                best = (score, name)
        return Verdict(text, TOO_SIMILAR, *best) if best else Verdict(text, instances=candidate.instances)

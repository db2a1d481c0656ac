"""Replies constrained to a JSON schema: which tokens may come next, so that every finished reply matches.

The grammar of a schema is kept by llguidance, which says for each reply which tokens can continue it. The allowed
tokens depend only on that reply's own tokens, so a reply still does not depend on its batch.
"""

import importlib.util
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLANKS = r"[\x20\x0A]{0,8}"  # between the parts of a reply: models indent, and small ones would never stop


def why_not_held() -> str:
    """Why no reply can be constrained to a schema, in words for the user; empty if possible. Imports nothing."""
    if importlib.util.find_spec("llguidance") is None:
        return "llguidance is not installed: pip install 'bootstruct[local]'"
    return ""


class ReplyConstraint:
    """The possible continuations of one reply.

    Args:
        matcher: llguidance's, at the beginning of the reply.

    Attributes:
        is_complete: whether the reply matches, and nothing can follow.
        is_stuck: whether no token can continue the reply, although it does not match yet.
    """

    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher
        self.is_complete = self.is_stuck = False

    def allowed(self, width: int) -> NDArray[np.bool_]:
        """Which of the first `width` token ids may come next. If the reply is stuck, all may."""
        if not self.is_stuck:
            bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
            found = np.unpackbits(bits, count=width, bitorder="little").astype(bool)
            self.is_stuck = not found.any()
        return np.ones(width, dtype=bool) if self.is_stuck else found

    def append(self, token: int) -> None:
        """Accept a token as the next of the reply."""
        self.is_stuck = not self._matcher.consume_token(token)
        self.is_complete = not self.is_stuck and self._matcher.is_stopped()


class SchemaConstraints:
    """Makes the constraints of one model's replies; says once if they cannot be made, and leaves replies free.

    Args:
        tokenizer: as transformers loads it.
        ends: the ids that end a reply.
        name: of the model, as shown to the user.
    """

    def __init__(self, tokenizer: Any, ends: frozenset[int], name: str) -> None:
        self._tokenizer, self._ends, self._name = tokenizer, ends, name
        self._vocabulary: Any = None  # llguidance's; built with the first schema
        self._grammars: dict[str, str] = {}  # by schema; empty if the schema cannot be enforced
        self._is_unable = False

    def constraint(self, schema: str, width: int) -> ReplyConstraint | None:
        """The constraint of a new reply, None if its schema is empty or cannot be enforced.

        Args:
            schema: as JSON.
            width: number of token ids that the model computes logits for.
        """
        if not schema or self._is_unable or not self._has_vocabulary(width):
            return None
        from llguidance import LLMatcher

        if schema not in self._grammars:
            grammar = LLMatcher.grammar_from_json_schema(schema, defaults={"whitespace_pattern": BLANKS})
            fault = LLMatcher(self._vocabulary, grammar).get_error()
            if fault:
                self._note(f"a JSON schema has a form that is not supported ({' '.join(fault.split())[:200]})")
            self._grammars[schema] = "" if fault else grammar
        grammar = self._grammars[schema]
        return ReplyConstraint(LLMatcher(self._vocabulary, grammar, log_level=0)) if grammar else None

    def _has_vocabulary(self, width: int) -> bool:
        """Build the vocabulary if that was not done yet; False if it cannot be."""
        if self._vocabulary is not None:
            return True
        reason = why_not_held()
        if reason:
            self._is_unable = True
            self._note(reason)
            return False
        from llguidance.hf import from_tokenizer

        try:
            size = max(width, len(self._tokenizer))
            self._vocabulary = from_tokenizer(self._tokenizer, n_vocab=size, eos_token=self._end())
        except Exception as exc:  # about a tokenizer that llguidance does not understand, in its own words
            self._is_unable = True
            self._note(f"its tokenizer is not supported ({exc})")
        return self._vocabulary is not None

    def _end(self) -> int | None:
        """The id that ends a reply when it matches."""
        own = self._tokenizer.eos_token_id
        return own if own in self._ends else min(self._ends, default=own)

    def _note(self, reason: str) -> None:
        warnings.warn(
            f"replies of {self._name} cannot be constrained to a JSON schema and are parsed without it: {reason}.",
            stacklevel=2,
        )


def allowed_tokens(constraints: Sequence[ReplyConstraint | None], width: int, device: Any) -> Any:
    """Which tokens may come next in each row: a tensor of shape (rows, width), or None if all may in every row."""
    import torch

    if not any(constraints):
        return None
    allowed = np.ones((len(constraints), width), dtype=bool)
    for row, constraint in zip(allowed, constraints, strict=True):
        if constraint is not None:
            row[:] = constraint.allowed(width)
    return torch.from_numpy(allowed).to(device)

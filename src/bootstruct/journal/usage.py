"""What replies used: requests, tokens and seconds, summed up. Pure."""

from dataclasses import dataclass

from bootstruct.journal.events import ReplyReceived


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals over replies that were paid for, of a run or of an evaluation. Tokens are the servers' own counts.

    Attributes:
        requests: replies paid for.
        prompt_tokens: tokens of their prompts.
        completion_tokens: tokens of the replies.
        reused: replies reused free; they count nowhere else.
        seconds: time spent answering, summed over replies (many are in flight at once).
        retries: failed attempts before them.
        batched: of the replies paid for, those that came by batch.
        batched_prompt: tokens of their prompts.
        batched_completion: tokens of those replies.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reused: int = 0
    seconds: float = 0.0
    retries: int = 0
    batched: int = 0
    batched_prompt: int = 0
    batched_completion: int = 0

    @classmethod
    def of(cls, event: ReplyReceived) -> "Usage":
        """What one recorded reply used; a reply reused from another run counts only as reused."""
        reply = event.reply
        if event.source:
            return cls(reused=1)
        tokens = reply.prompt_tokens, reply.completion_tokens
        return cls(1, *tokens, 0, reply.seconds, reply.retries, *((1, *tokens) if reply.via == "batch" else ()))

    @property
    def tokens(self) -> int:
        """Tokens of prompts and replies together."""
        return self.prompt_tokens + self.completion_tokens

    def plus(self, other: "Usage") -> "Usage":
        """The sum of two totals."""
        return Usage(  # written out, because it runs for every reply of a journal
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.reused + other.reused,
            self.seconds + other.seconds,
            self.retries + other.retries,
            self.batched + other.batched,
            self.batched_prompt + other.batched_prompt,
            self.batched_completion + other.batched_completion,
        )

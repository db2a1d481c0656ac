"""Tiny real models for the tests of the local engine; each is made once for all tests."""

import functools
import tempfile
from pathlib import Path
from typing import Any

from bootstruct.types import Prompt, Reply, Sampling


@functools.cache
def causal_folder() -> Path:
    from tests.support.tiny_model import make

    return make(Path(tempfile.mkdtemp(prefix="bootstruct-tiny-")))


@functools.cache
def seq2seq_folder() -> Path:
    """Make a T5 of random weights with the tokenizer of the tiny Llama, which ends prompts as T5's tokenizer does."""
    import torch
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration

    folder = Path(tempfile.mkdtemp(prefix="bootstruct-t5-"))
    tokenizer = AutoTokenizer.from_pretrained(causal_folder())
    end = tokenizer.eos_token_id
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"$A {tokenizer.eos_token}", special_tokens=[(tokenizer.eos_token, end)]
    )
    tokenizer.chat_template = None
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=48, d_kv=12, d_ff=96, num_layers=2, num_decoder_layers=2, num_heads=4,
        eos_token_id=end, pad_token_id=1, decoder_start_token_id=1, tie_word_embeddings=False,
    )  # fmt: skip
    model = T5ForConditionalGeneration(config)
    with torch.no_grad():
        model.lm_head.weight.mul_(0.4)  # the weights of a random T5 are so large that all its replies would be the same
        model.lm_head.weight[:2] = 0.0  # otherwise replies would end at once
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def loaded(folder: Path) -> Any:
    from bootstruct.engines.local.load import load

    return load(str(folder))


def prompts(count: int, tokens: int = 24, **sampling: Any) -> list[Prompt]:
    """Return prompts of many lengths with four kinds of sampling, each with a seed of its own."""
    ways: list[dict[str, Any]] = [
        {"temperature": 0.0},
        {"temperature": 1.0},
        {"temperature": 0.7, "top_p": 0.5, "presence_penalty": 2.0},
        {"temperature": 0.9, "top_p": 0.9, "frequency_penalty": 0.5, "stop": ("e", "\n")},
    ]
    made = []
    for n in range(count):
        way = Sampling(**({"max_tokens": tokens} | ways[n % 4] | sampling))
        made.append(Prompt("instances", "tiny", way, sample=1000 + n, text=f"Task {n}:" + " Input: yes No" * (n % 7)))
    return made


def never() -> bool:
    return False


def in_batches(model: Any, prompts: list[Prompt], size: int) -> list[Reply]:
    """Return the replies to the prompts, which are generated in batches of this size."""
    made: list[Reply] = []
    for first in range(0, len(prompts), size):
        made += model.generate(prompts[first : first + size], never)
    return made

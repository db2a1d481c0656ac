"""Measure models on this machine: tokens per second, the time that a shared prefix saves, and how often a reply changes.

    python benchmarks/local.py                 a random Llama of the pocket model's size (nothing is downloaded)
    python benchmarks/local.py --model DIR     a model folder of yours
    python benchmarks/local.py --flips 1000000 more choices for the last figure

The tokens per second are compared with those of a plain loop. All ratios are measured in one run, with as many threads as
--threads says; the default is 1, so that other work on the machine has less effect.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.seeds import read_seeds, shipped_seeds
from bootstruct.stages.draw import sample_number
from bootstruct.stages.propose import build_prompt
from bootstruct.types import Prompt, Sampling

WAITING = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a model folder; a random one is made if left out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=64, help="tokens a reply")
    parser.add_argument("--flips", type=int, default=100_000, help="choices over which flips are counted")
    args = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": str(args.threads), "OMP_WAIT_POLICY": "PASSIVE"}  # before torch is imported
    import torch

    from bootstruct.engines.local.load import load

    folder = args.model or pocket_sized(Path(tempfile.mkdtemp(prefix="bootstruct-bench-")))
    model: Any = load(str(folder))
    torch.set_num_threads(args.threads)
    count = sum(parameter.numel() for parameter in model.model.parameters())
    print(f"model {folder}: {count / 1e6:.1f} M parameters, {args.threads} thread(s), torch {torch.__version__}")
    speed(model, args.tokens)
    prefix(model)
    noise(model)
    flips(model, args.flips)


def texts() -> list[str]:
    """Return the instructions of the shipped seeds."""
    return [seed.instruction for seed in read_seeds(shipped_seeds())]


def pocket_sized(folder: Path) -> Path:
    """Write a Llama of random weights with about 5 M parameters, and a tokenizer trained on the shipped seeds and prompts."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2048, special_tokens=["<|end|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator([*texts(), *(entry.text for entry in classification(8))], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>")
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=256, intermediate_size=704, num_hidden_layers=6, num_attention_heads=8,
        num_key_value_heads=8, max_position_embeddings=4096, eos_token_id=0, pad_token_id=0, bos_token_id=0,
        tie_word_embeddings=True, initializer_range=0.15,  # this makes the logits spread as widely as those of a trained model
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder, safe_serialization=True)
    return folder


def classification(count: int) -> list[Prompt]:
    """Return classification prompts of the paper recipe, with 31 demonstrations each, for some of the shipped instructions."""
    recipe = read_recipe(Path(str(recipe_folder("paper"))) / "recipe.yaml")
    seeds = texts()
    tasks = [f"{seeds[n % len(seeds)]}{' Be brief.' * (n // len(seeds))}" for n in range(count)]
    return [
        build_prompt(recipe, recipe.classify, "kind", sample_number(42, "kind", task), instruction=task)
        for task in tasks
    ]


def timed(work: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """Return the median seconds of a few calls, and the last result."""
    seconds, result = [], None
    for _ in range(times):
        began = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), result


def speed(model: Any, tokens: int) -> None:
    """Compare a plain loop with all prompts waiting at once; both sample.

    The plain loop is transformers' `generate`, one prompt after another.
    """
    import torch

    asked = [
        Prompt(
            "propose", "m", Sampling(temperature=0.8, top_p=0.9, max_tokens=tokens), n, text=f"Tasks:\n1. {text}\n2."
        )
        for n, text in enumerate(texts()[:WAITING])
    ]

    def loop() -> int:
        made = 0
        for prompt in asked[:8]:
            ids = torch.tensor([model.tokenization.tokens(prompt)])
            out = model.model.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=0.8, top_p=0.9, top_k=0,
                max_new_tokens=tokens, pad_token_id=0,
            )  # fmt: skip
            made += out.shape[1] - ids.shape[1]
        return made

    def engine() -> int:
        return sum(reply.completion_tokens for reply in model.generate(asked, lambda: False))

    loop(), engine()
    plain, made = timed(loop)
    ours, written = timed(engine)
    rates = (made / plain, written / ours)
    print(
        f"speed: plain loop {rates[0]:,.0f} tokens/s, {WAITING} waiting {rates[1]:,.0f} tokens/s: "
        f"{rates[1] / rates[0]:.1f} times (goal 5)"
    )


def prefix(model: Any) -> None:
    """Time 64 classification prompts in batches of 32, with their common prefix computed once and without."""
    from bootstruct.engines.local.causal import CausalModel

    prompts = classification(64)
    sharing, plain = (
        CausalModel(model.model, model.tokenization),
        CausalModel(model.model, model.tokenization, share=False),
    )

    def run(which: CausalModel) -> Callable[[], list[Any]]:
        return lambda: [
            *which.generate(prompts[:32], lambda: False), *which.generate(prompts[32:], lambda: False)
        ]  # fmt: skip

    run(sharing)()
    without, expected = timed(run(plain), 1)
    shared, got = timed(run(sharing), 3)
    tokens = sum(reply.prompt_tokens for reply in got) / len(got)
    print(
        f"prefix: {len(prompts)} classification prompts of {tokens:.0f} tokens: {len(prompts) / without:.1f}/s without, "
        f"{len(prompts) / shared:.1f}/s shared: {without / shared:.1f} times (goal 3); same replies: {expected == got}"
    )


def noise(model: Any) -> None:
    """Measure how far the logits of a row depend on its batch: 40 prompts of many lengths together and each alone."""
    import torch

    from bootstruct.engines.local.causal import CausalBatch
    from bootstruct.engines.local.sampling import STEP

    rows = [model.tokenization.tokens(Prompt("p", "m", Sampling(), 0, text=text)) for text in texts()[:40]]
    with torch.inference_mode():
        batch = CausalBatch(model.model, model.layers, rows, None, 1)
        together = batch.begin()
        apart = torch.cat([batch.alone(row, []) for row in rows])
    moved, spread = (together - apart).abs(), apart.std().item()
    print(
        f"noise: logits (spread {spread:.1f}) move by {moved.mean():.1e} on average and {moved.max():.1e} at most; "
        f"they are rounded to {STEP:.1e}"
    )


def flips(model: Any, tokens: int) -> None:
    """Measure how many choices in a million differ between a row in a padded batch of 40 and the same row alone.

    Every position of a text is one choice, made from the logits after the tokens before it, greedily for half of the rows and
    by sampling for the others. A close choice is made again from the logits of the row alone, so only choices that do not count
    as close can differ.
    """
    import torch

    from bootstruct.engines.local.sampling import parameters_of, sample

    ways = [Sampling(), Sampling(temperature=0.8, top_p=0.9)]
    seeds, ends = texts(), 0
    made = rounded = settled = close_calls = 0
    while made < tokens:
        lengths = [64 + 5 * n for n in range(40)]
        rows = []
        for length in lengths:
            ids: list[int] = []
            while len(ids) < length:
                ids += model.tokenization.tokens(
                    Prompt("p", "m", Sampling(), 0, text=f"{ends}. {seeds[ends % len(seeds)]}\n")
                )
                ends += 1
            rows.append(ids[:length])
        longest = max(lengths)
        padded = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        with torch.inference_mode():
            together = model.model(
                input_ids=padded, attention_mask=mask, position_ids=positions, use_cache=False
            ).logits
            for n, row in enumerate(rows):
                alone = model.model(input_ids=torch.tensor([row]), use_cache=False).logits[0].float()
                parameters = parameters_of([ways[n % 2]] * len(row), [made + k for k in range(len(row))])
                steps = torch.arange(len(row))
                one, _ = sample(alone, parameters, steps)
                other, close = sample(together[n, longest - len(row) :].float(), parameters, steps)
                made += len(row)
                rounded += int((one != other).sum())
                settled += int(((one != other) & ~close).sum())
                close_calls += int(close.sum())
    for name, count in (("rounded only", rounded), ("close choices settled alone", settled)):
        bound = f"fewer than {3e6 / made:.0f} (95%)" if not count else f"{1e6 * count / made:.0f}"
        print(f"flips, {name}: {count} in {made:,} choices, {bound} in a million")
    print(f"close choices: {1e6 * close_calls / made:.0f} in a million")


if __name__ == "__main__":
    main()

"""Measure trained tokens per second: TRL with and without packing, and a plain transformers loop, on one random model.

    python benchmarks/finetune.py [--examples 400] [--threads 1]

All three see the same examples once, in batches of 8 rows, in fp32 and with the same optimizer. A packed row holds up to 512
tokens. The rates count the tokens of the examples, not the padding.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from local import pocket_sized, texts

from bootstruct.finetuning.data import TrainingExample
from bootstruct.finetuning.settings import FinetuneSettings
from bootstruct.finetuning.tokens import TokenizedExamples, encode_all
from bootstruct.finetuning.train import load_model, train
from bootstruct.types import Message

RATE, LENGTH = 1e-3, 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=400)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": str(args.threads), "OMP_WAIT_POLICY": "PASSIVE"}  # before torch is imported
    folder = pocket_sized(Path(tempfile.mkdtemp(prefix="bootstruct-bench-")))
    _, tokenizer = load_model(str(folder), FinetuneSettings())
    rows = encode_all(tokenizer, examples(args.examples), False, LENGTH)
    tokens = sum(map(len, rows.ids))
    longest = max(map(len, rows.ids))
    print(
        f"{len(rows.ids)} examples, {tokens:,} tokens (mean {tokens / len(rows.ids):.0f}, longest {longest}), {args.threads} thread(s)"
    )
    rates = {
        "plain transformers loop": plain(folder, rows),
        "TRL": with_trl(folder, rows, packing=False),
        "TRL, packed": with_trl(folder, rows, packing=True),
    }
    base = rates["plain transformers loop"]
    for name, rate in rates.items():
        print(f"{name}: {rate:,.0f} tokens/s, {rate / base:.2f} times the plain loop")


def examples(count: int) -> list[TrainingExample]:
    """Return short and long examples, as instruction data contains them; some have a context of a few hundred words."""
    rng, seeds = random.Random(0), texts()
    made = []
    for n in range(count):
        given = " ".join(rng.choices(seeds, k=rng.choice((0, 0, 1, 1, 2, 6))))
        prompt, completion = f"{seeds[n % len(seeds)]}\nInput: {given}\nOutput:", f" {rng.choice(seeds)}"
        made.append(
            TrainingExample(f"{n}", prompt, completion, (Message("user", prompt), Message("assistant", completion)))
        )
    return made


def with_trl(folder: Path, rows: TokenizedExamples, packing: bool) -> float:
    """Train for one epoch through our own trainer; return its training time in seconds, without the set-up."""
    options = {"per_device_train_batch_size": 1 if packing else 8, "save_strategy": "no"}
    settings = FinetuneSettings(epochs=1, packing=packing, learning_rate=RATE, max_length=LENGTH, trainer=options)
    model, tokenizer = load_model(str(folder), settings)
    out = Path(tempfile.mkdtemp(prefix="bootstruct-bench-"))
    nothing = TokenizedExamples([], [], 0, 0)
    return train(model, tokenizer, rows, nothing, settings, out, False, lambda line: None).tokens_per_second


def plain(folder: Path, rows: TokenizedExamples) -> float:
    """Train for one epoch with the simplest loop (shuffle, pad, forward, backward, step); return the seconds."""
    import torch

    model: Any = load_model(str(folder), FinetuneSettings())[0].train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    order = random.Random(0).sample(range(len(rows.ids)), len(rows.ids))
    began = time.perf_counter()
    for first in range(0, len(order), 8):
        batch = order[first : first + 8]
        width = max(len(rows.ids[n]) for n in batch)
        ids = torch.tensor([rows.ids[n] + [0] * (width - len(rows.ids[n])) for n in batch])
        labels = torch.tensor([rows.labels[n] + [-100] * (width - len(rows.labels[n])) for n in batch])
        mask = torch.tensor([[1] * len(rows.ids[n]) + [0] * (width - len(rows.ids[n])) for n in batch])
        loss = model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return sum(map(len, rows.ids)) / (time.perf_counter() - began)


if __name__ == "__main__":
    main()

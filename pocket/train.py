"""Train the pocket model on the CPU: a small Llama, with Muon for matrices and AdamW for embeddings and norms.

The training runs until `--tokens` or `--minutes` is reached, whichever comes first, and the schedule follows the larger of the
two fractions. A checkpoint is written every two minutes, and the same command resumes from it. Every few minutes the two-shot
accuracy is measured: the share of questions for which every token of the answer is the model's first choice, which is the share
that it answers right greedily.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from recipe import input_first_prompt
from torch import Tensor, nn

from bootstruct.pocket.world import prompt_headers
from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.held_out_families import HELD_OUT


@dataclass(frozen=True)
class Shape:
    """The shape of the model under names of our own; `llama_config` gives transformers' names."""

    vocabulary: int = 2560
    width: int = 224
    layers: int = 6
    heads: int = 7
    inner: int = 576
    context: int = 1024


class Block(nn.Module):
    """Attention with rotary positions, followed by a gated feed-forward layer, each after RMS norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, self.heads = shape.width, shape.heads
        self.norm1, self.norm2 = nn.RMSNorm(width, eps=1e-5), nn.RMSNorm(width, eps=1e-5)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.gate, self.up = nn.Linear(width, shape.inner, bias=False), nn.Linear(width, shape.inner, bias=False)
        self.down = nn.Linear(shape.inner, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, length, width = x.shape
        normed = self.norm1(x)
        query, key, value = (
            part(normed).view(batch, length, self.heads, -1).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )

        def rotated(t: Tensor) -> Tensor:
            left, right = t.chunk(2, -1)
            return torch.cat([left * cos - right * sin, right * cos + left * sin], -1)

        mixed = F.scaled_dot_product_attention(rotated(query), rotated(key), value, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        normed = self.norm2(x)
        return x + self.down(F.silu(self.gate(normed)) * self.up(normed))


class Pocket(nn.Module):
    """The whole model. Its output layer is the embedding."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList([Block(shape) for _ in range(shape.layers)])
        self.norm = nn.RMSNorm(shape.width, eps=1e-5)
        half = shape.width // shape.heads // 2
        angles = torch.arange(shape.context).float()[:, None] * 10000.0 ** (-torch.arange(half).float() / half)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                last = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, 0, 0.02 / (math.sqrt(2 * shape.layers) if last else 1))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits (batch, length, vocabulary) of token ids (batch, length)."""
        x, length = self.embed(tokens), tokens.shape[1]
        for block in self.blocks:
            x = block(x, self.cos[:length], self.sin[:length])
        return F.linear(self.norm(x), self.embed.weight)

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy; targets of -100 do not count."""
        logits = self(tokens)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=-100)


def orthogonal(stack: Tensor, precision: torch.dtype = torch.float32) -> Tensor:
    """Return the nearest orthogonal matrices of a stack (count, rows, columns), by five Newton-Schulz steps (Muon)."""
    tall = stack.shape[1] > stack.shape[2]
    x = stack.mT if tall else stack
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).to(precision)
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.mT if tall else x).to(stack.dtype)


class Muon:
    """An optimizer with momentum whose steps are orthogonal matrices; matrices of one shape are handled in one stack."""

    def __init__(self, weights: list[nn.Parameter], rate: float, precision: torch.dtype = torch.float32) -> None:
        self.rate, self.precision = rate, precision
        self.groups: dict[tuple[int, ...], list[nn.Parameter]] = {}
        for weight in weights:
            self.groups.setdefault(tuple(weight.shape), []).append(weight)
        self.momentum = {shape: torch.zeros(len(some), *shape) for shape, some in self.groups.items()}

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """Make one step at `scale` times the rate, and shrink the weights a little."""
        for shape, weights in self.groups.items():
            grads = torch.stack([weight.grad for weight in weights if weight.grad is not None])
            momentum = self.momentum[shape].lerp_(grads, 0.05)
            moves = orthogonal(grads.lerp(momentum, 0.95), self.precision) * max(1.0, shape[0] / shape[1]) ** 0.5
            for weight, move in zip(weights, moves, strict=True):
                weight.mul_(1 - self.rate * scale * 0.02).add_(move, alpha=-self.rate * scale)


def schedule(fraction: float, step: int) -> float:
    """Return the factor of the rate: a short warm-up, then 1 until 45%, then a straight decline to 2%."""
    return min(1.0, (step + 1) / 60) * (1.0 if fraction < 0.45 else max(0.02, (1 - fraction) / 0.55))


@dataclass(frozen=True)
class Question:
    """A prompt and the answer that should follow it."""

    family: str
    prompt: str
    answer: str


def questions(shots: int, per_family: int, seed: int) -> list[Question]:
    """Return questions after `shots` solved examples: `per_family` of every family that has an input and one right answer."""
    return _asked(per_family, seed, prompt_headers.INPUT_FIRST + "\n\n", shots)


def demonstrated(per_family: int, seed: int) -> list[Question]:
    """Return questions that follow the solved tasks of other families with which the recipe's prompt for instances begins."""
    return _asked(per_family, seed, input_first_prompt().split("Task: {{")[0], 0)


def _asked(per_family: int, seed: int, before: str, shots: int) -> list[Question]:
    made = []
    for family in FAMILIES.values():
        if not family.takes_input:
            continue
        rng = Random(f"{seed}/{family.name}")
        for _ in range(per_family):
            params = family.params(rng)
            lines = [f"{before}Task: {family.instruction(rng, params)}"]
            for k in range(shots + 1):
                text, answer = family.instance(rng, params)
                lines += [f"Example {k + 1}", f"Input: {text}", f"Output: {answer}"]
            lines[-1] = "Output:"
            made.append(Question(family.name, "\n".join(lines), answer))
    return made


@torch.no_grad()
def accuracy(model: Pocket, tokenizer: Any, asked: list[Question]) -> dict[str, float]:
    """Return the share of questions that are answered right greedily, for each family and for "all"."""
    right: dict[str, list[bool]] = {}
    for start in range(0, len(asked), 32):
        some = asked[start : start + 32]
        prompts = [tokenizer.encode(question.prompt).ids for question in some]
        answers = [tokenizer.encode(" " + question.answer + "\n").ids for question in some]
        longest = max(len(p) + len(a) for p, a in zip(prompts, answers, strict=True))
        rows = torch.zeros(len(some), longest, dtype=torch.long)
        for row, prompt, answer in zip(rows, prompts, answers, strict=True):
            row[: len(prompt) + len(answer)] = torch.tensor(prompt + answer)
        best = model(rows).argmax(-1)
        for question, row, prompt, answer in zip(some, best, prompts, answers, strict=True):
            # The line end may be a token of its own or part of a blank line; it only matters that the answer ends there.
            written = row[len(prompt) - 1 : len(prompt) + len(answer) - 1].tolist()
            ends = tokenizer.decode([written[-1]]).startswith("\n") or written[-1] == 0
            right.setdefault(question.family, []).append(written[:-1] == answer[:-1] and ends)
    result = {name: sum(some) / len(some) for name, some in right.items()}
    return {"all": sum(map(sum, right.values())) / len(asked), **result}


@dataclass
class Progress:
    """The progress of a training run in steps, tokens and seconds."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0


class Threads:
    """Chooses the number of threads by measuring, because on a busy machine one thread is faster than two that wait."""

    def __init__(self, most: int) -> None:
        self.best = dict.fromkeys(range(1, most + 1), math.inf)
        self.steps = 0

    def begin(self) -> int:
        """Set and return the number of threads for the next step: usually the fastest so far, and from time to time another."""
        self.steps += 1
        fastest = min(self.best, key=lambda count: self.best[count])
        count = self.steps // 2 % len(self.best) + 1 if self.steps % 48 < 2 * len(self.best) else fastest
        torch.set_num_threads(count)
        return count

    def __str__(self) -> str:
        return " ".join(f"{count}:{1 / seconds:.0f}" for count, seconds in self.best.items())

    def end(self, count: int, seconds: float) -> None:
        """Record the duration of a step, in seconds per token."""
        known = self.best[count]
        self.best[count] = seconds if math.isinf(known) else 0.6 * known + 0.4 * seconds


def batches(data: np.ndarray[Any, Any], at: int, length: int, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield rows of `length` tokens in reading order from token `at`, with their targets."""
    size = length * rows
    while at + size + 1 <= len(data):
        piece = torch.from_numpy(data[at : at + size + 1].astype(np.int64))
        yield piece[:-1].view(rows, length), piece[1:].view(rows, length)
        at += size


class Trainer:
    """One training run in a folder: log, checkpoint, model."""

    def __init__(self, folder: Path, arguments: argparse.Namespace) -> None:
        from tokenizers import Tokenizer

        torch.manual_seed(arguments.seed)
        self.threads = Threads(arguments.threads)
        self.folder, self.arguments = folder, arguments
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.data = np.fromfile(folder / "train.bin", dtype=np.uint16)
        self.held = np.fromfile(folder / "valid.bin", dtype=np.uint16)
        self.model = Pocket(Shape(vocabulary=self.tokenizer.get_vocab_size()))
        named = list(self.model.named_parameters())
        matrices = [weight for name, weight in named if weight.dim() == 2 and "embed" not in name]
        precision = torch.bfloat16 if arguments.bf16 else torch.float32
        self.muon = Muon(matrices, arguments.rate, precision)
        self.adam = torch.optim.AdamW(
            [weight for name, weight in named if weight.dim() == 1 or "embed" in name],
            lr=4e-3,
            betas=(0.9, 0.98),
            weight_decay=0.0,
        )
        self.at = Progress()
        self.quick = questions(shots=2, per_family=2, seed=77)
        self.shown = demonstrated(per_family=1, seed=78)
        self.alone = questions(shots=0, per_family=1, seed=79)
        if (folder / "checkpoint.pt").exists():
            saved = torch.load(folder / "checkpoint.pt")
            self.model.load_state_dict(saved["model"])
            self.adam.load_state_dict(saved["adam"])
            self.muon.momentum = saved["muon"]
            self.at = Progress(**saved["at"])
        self.loss = torch.compile(self.loss_of, dynamic=False) if arguments.compile else self.loss_of

    def loss_of(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of one step; weights stay in fp32, and products are computed in bf16 if this was requested."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.arguments.bf16):
            return self.model.loss(tokens, targets)

    def log(self, line: str) -> None:
        """Print a line with the time and append it to the log."""
        line = f"{time.strftime('%H:%M:%S')} {line}"
        print(line, flush=True)
        with (self.folder / "train.log").open("a", encoding="utf-8") as log:
            log.write(line + "\n")

    def save(self) -> None:
        """Write the checkpoint; if this is interrupted, the old checkpoint remains whole."""
        state = {
            "model": self.model.state_dict(),
            "adam": self.adam.state_dict(),
            "muon": self.muon.momentum,
            "at": asdict(self.at),
        }
        torch.save(state, self.folder / "checkpoint.tmp")
        (self.folder / "checkpoint.tmp").replace(self.folder / "checkpoint.pt")

    @torch.no_grad()
    def validation(self) -> float:
        """Return the mean loss over the first 24 rows of the validation documents."""
        rows = islice(batches(self.held, 0, 512, 4), 6)
        parts = [self.model.loss(tokens, targets).item() for tokens, targets in rows]
        return sum(parts) / len(parts)

    def fraction(self) -> float:
        """Return the share of the run that is done."""
        return max(self.at.tokens / self.arguments.tokens, self.at.seconds / 60 / self.arguments.minutes)

    def measure(self) -> None:
        """Log validation loss and two-shot accuracy."""
        score = accuracy(self.model, self.tokenizer, self.quick)
        weak = sorted((value, name) for name, value in score.items() if value < 1)
        worst = " ".join(f"{name}:{value:.1f}" for value, name in weak[:30])
        where = f"step {self.at.step} tokens {self.at.tokens} loss {self.validation():.4f}"
        parts = []
        for name, asked in (("demonstrated", self.shown), ("alone", self.alone)):
            found = accuracy(self.model, self.tokenizer, asked)
            held = [value for family, value in found.items() if family in HELD_OUT]
            others = [value for family, value in found.items() if family not in (*HELD_OUT, "all")]
            parts.append(f"{name} {sum(others) / len(others):.3f} held out {sum(held) / len(held):.3f}")
        self.log(f"VALID {where} two-shot {score['all']:.3f} {', '.join(parts)} weak: {worst}")

    def run(self) -> None:
        """Train to the end of the budget; do nothing if it has been reached."""
        if self.fraction() >= 1:
            return
        self.log(f"parameters {sum(w.numel() for w in self.model.parameters())} data {len(self.data)} from {self.at}")
        mean, saved, measured = math.nan, time.time(), time.time()
        while (fraction := self.fraction()) < 1:
            length = 512 if fraction < 0.8 else self.model.shape.context
            rows = self.arguments.batch // length
            # If the corpus is shorter than the run, the same data come again, shifted.
            place = self.at.tokens % (len(self.data) - self.arguments.batch - 1)
            tokens, targets = next(batches(self.data, place, length, rows))
            count, began, scale = self.threads.begin(), time.time(), schedule(fraction, self.at.step)
            loss = self.loss(tokens, targets)
            loss.backward()
            self.muon.step(scale)
            self.adam.param_groups[0]["lr"] = 4e-3 * scale
            self.adam.step()
            self.model.zero_grad()
            self.threads.end(count, (time.time() - began) / tokens.numel())
            self.at = Progress(
                self.at.step + 1, self.at.tokens + tokens.numel(), self.at.seconds + min(time.time() - began, 20)
            )
            mean = loss.item() if math.isnan(mean) else 0.96 * mean + 0.04 * loss.item()
            if self.at.step % 50 == 0 or self.at.step in (5, 10, 20):
                rate = self.at.tokens / self.at.seconds
                self.log(
                    f"step {self.at.step} tokens {self.at.tokens} loss {mean:.3f} scale {scale:.2f} "
                    f"{rate:.0f} tok/s {self.threads}"
                )
            if time.time() - saved > 120:
                self.save()
                saved = time.time()
            if time.time() - measured > self.arguments.measure:
                self.measure()
                measured = time.time()
        self.save()
        self.measure()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder", type=Path, help="holds tokenizer.json, train.bin, valid.bin; receives log and checkpoint"
    )
    parser.add_argument("--tokens", type=float, default=12e6)
    parser.add_argument("--minutes", type=float, default=75)
    parser.add_argument("--batch", type=int, default=2048, help="tokens a step")
    parser.add_argument("--rate", type=float, default=0.015, help="Muon's rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measure", type=float, default=300, help="seconds between measurements")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument(
        "--bf16", action="store_true", help="products in bf16: twice as fast where the CPU has units for it"
    )
    arguments = parser.parse_args()
    Trainer(arguments.folder, arguments).run()
    (arguments.folder / "arguments.json").write_text(
        json.dumps(vars(arguments), default=str, indent=2) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()

"""The draw of a token, against a plain implementation written here with Python's own numbers."""

import math
import random
from collections import Counter
from typing import Any

import pytest

from bootstruct.types import Sampling

torch: Any = pytest.importorskip("torch", reason="torch is not installed: pip install 'bootstruct[local]'")

from bootstruct.engines.local import randomness, sampling  # noqa: E402

pytestmark = pytest.mark.real
torch.set_num_threads(1)  # small tensors: threads only wait for one another
WORD = 2**64


def mix(z: int) -> int:
    """splitmix64's finalizer."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    return z ^ (z >> 31)


def noise(seed: int, position: int, token: int) -> float:
    golden = 0x9E3779B97F4A7C15
    key = mix((mix((seed * golden + golden) % WORD) + position * golden) % WORD)
    u = ((mix((key + (token + 1) * golden) % WORD) >> 11) + 0.5) / 2**53
    return -math.log(-math.log(u))


def plain(logits: list[float], written: list[int], sampling: Sampling, seed: int) -> int:
    """One token, as OpenAI's documentation describes it, one step after another."""
    counts = Counter(written)
    for token, count in counts.items():
        logits = [*logits]
        logits[token] -= count * sampling.frequency_penalty + (count > 0) * sampling.presence_penalty
    rounded = [round(value * 8192) / 8192 for value in logits]
    ranked = sorted(range(len(rounded)), key=lambda token: (-rounded[token], token))
    if sampling.temperature == 0:
        return ranked[0]
    weights = {token: math.exp((rounded[token] - rounded[ranked[0]]) / sampling.temperature) for token in ranked}
    total, mass, nucleus = sum(weights.values()), 0.0, []
    for token in ranked:
        if mass / total >= sampling.top_p:
            break
        nucleus.append(token)
        mass += weights[token]
    position = len(written)
    return max(nucleus, key=lambda t: rounded[t] / sampling.temperature + noise(seed, position, t))


SAMPLINGS = [
    Sampling(temperature=0.0),
    Sampling(temperature=0.0, presence_penalty=1.5, frequency_penalty=0.3),
    Sampling(temperature=1.0),
    Sampling(temperature=0.7, top_p=0.5, presence_penalty=2.0),
    Sampling(temperature=1.3, top_p=0.9, frequency_penalty=-0.5),
    Sampling(temperature=0.4, top_p=0.01),
    Sampling(temperature=0.9, top_p=0.999),
]


@pytest.mark.parametrize("vocabulary", [7, 300, 5000])
def test_every_row_gets_the_token_of_the_plain_implementation(vocabulary: int) -> None:
    rng = random.Random(vocabulary)
    samplings = [rng.choice(SAMPLINGS) for _ in range(120)]
    seeds = [rng.randrange(2**63) for _ in samplings]
    logits = [[rng.gauss(0, 3) for _ in range(vocabulary)] for _ in samplings]
    written = [[rng.randrange(min(vocabulary, 40)) for _ in range(rng.randrange(30))] for _ in samplings]
    counts = torch.zeros(len(samplings), vocabulary)
    for row, tokens in enumerate(written):
        for token in tokens:
            counts[row, token] += 1
    parameters = sampling.parameters_of(samplings, seeds)
    given = torch.tensor(logits, dtype=torch.float64).float()
    adjusted = sampling.penalized(given, counts, parameters)
    tokens, close = sampling.sample(adjusted, parameters, torch.tensor([len(entry) for entry in written]))
    same = 0
    for row, wanted in enumerate(samplings):
        expected = plain(given[row].tolist(), written[row], wanted, seeds[row])
        assert tokens[row] == expected or bool(close[row]), f"row {row}: {wanted}"
        same += int(tokens[row] == expected)
    assert same >= len(samplings) - 2
    assert int(close.sum()) <= 6


def test_noise_is_the_same_numbers_as_in_plain_python() -> None:
    seeds, positions = [0, 1, 2**63 - 1, 12345], [0, 7, 1, 1000]
    got = randomness.gumbel(randomness.keys(torch.tensor(seeds), torch.tensor(positions)), torch.arange(50))
    for row, (seed, position) in enumerate(zip(seeds, positions, strict=True)):
        for token in range(50):
            assert got[row, token].item() == pytest.approx(noise(seed, position, token), rel=1e-12)


def test_draws_follow_the_probabilities() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, -3.0])
    expected = logits.softmax(0)
    count = 20_000
    parameters = sampling.parameters_of([Sampling(temperature=1.0)] * count, list(range(count)))
    tokens, _ = sampling.sample(logits.expand(count, -1), parameters, torch.zeros(count, dtype=torch.int64))
    for token in range(5):
        share = (tokens == token).double().mean().item()
        error = math.sqrt(expected[token].item() * (1 - expected[token].item()) / count)
        assert abs(share - expected[token].item()) < 4.5 * error


def test_noise_below_a_step_changes_no_choice_that_is_not_called_close() -> None:
    """Also at the edge of the nucleus: flat, peaked and tied logits, jittered many times."""
    generator = torch.Generator().manual_seed(3)
    flips = calls = 0
    for spread in (0.01, 0.3, 3.0):
        logits = torch.randn(64, 200, generator=generator) * spread
        logits[:, 50:60] = logits[:, :1]
        parameters = sampling.parameters_of([SAMPLINGS[n % len(SAMPLINGS)] for n in range(64)], list(range(64)))
        positions = torch.arange(64)
        first, close = sampling.sample(logits, parameters, positions)
        calls += int(close.sum())
        for _ in range(25):
            jitter = (torch.rand(logits.shape, generator=generator) - 0.5) * sampling.STEP * 0.9
            again, close_again = sampling.sample(logits + jitter, parameters, positions)
            flips += int(((first != again) & ~close & ~close_again).sum())
    assert flips == 0
    assert calls < 3 * 64


def test_equals_are_settled_by_the_lower_id_and_called_close() -> None:
    logits = torch.zeros(2, 6)
    logits[:, 2:4] = 5.0
    tokens, close = sampling.sample(
        logits, sampling.parameters_of([SAMPLINGS[0]] * 2, [1, 2]), torch.zeros(2, dtype=torch.int64)
    )
    assert tokens.tolist() == [2, 2]
    assert close.tolist() == [True, True]


def test_a_large_vocabulary_is_ranked_like_a_small_one() -> None:
    """Only the most probable tokens are sorted where that is enough; a flat distribution needs all of them."""
    generator = torch.Generator().manual_seed(5)
    for spread, top_p in ((4.0, 0.8), (0.1, 0.9)):
        logits = torch.randn(8, 4 * sampling.FEW + 1, generator=generator) * spread
        parameters = sampling.parameters_of([Sampling(temperature=1.0, top_p=top_p)] * 8, list(range(8)))
        tokens, close = sampling.sample(logits, parameters, torch.zeros(8, dtype=torch.int64))
        for row in range(8):
            expected = plain(logits[row].tolist(), [], Sampling(temperature=1.0, top_p=top_p), row)
            assert tokens[row] == expected or bool(close[row])

"""Agreement figures: worked examples by hand, published ones, brute force, and other packages where installed."""

import itertools
import math

import numpy as np
import pytest

from bootstruct.evaluation.agreement import cohens_kappa, kendall, krippendorff, pearson, ranks, spearman

NAN = math.nan
# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), example C: four observers, twelve units.
FOUR_OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]


def test_kappa_by_hand() -> None:
    # 50 cases: 20 both yes, 5 only the first, 10 only the second, 15 both no: po = 0.7, pe = 0.5 * 0.6 + 0.5 * 0.4 = 0.5
    first = [1] * 25 + [0] * 25
    second = [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    assert cohens_kappa(first, second) == pytest.approx(0.4)
    assert cohens_kappa([3, 2, 1, 0], [3, 2, 1, 0]) == 1.0
    assert cohens_kappa([0, 1], [1, 0]) == -1.0
    assert math.isnan(cohens_kappa([2, 2], [2, 2]))


def test_ranks_share_ties() -> None:
    assert list(ranks([10, 20, 20, 5])) == [2.0, 3.5, 3.5, 1.0]


def test_spearman_by_hand() -> None:
    # no ties: 1 - 6 * sum(d^2) / (n * (n^2 - 1)) with d = (0, 1, 1, 0, 0): 1 - 12 / 120
    assert spearman([1, 2, 3, 4, 5], [10, 30, 20, 40, 50]) == pytest.approx(0.9)
    assert math.isnan(spearman([1, 1, 1], [1, 2, 3]))
    assert pearson([0, 1], [1, 0]) == pytest.approx(-1.0)


def tau_of_all_pairs(x: list[int], y: list[int]) -> float:
    signs = [(np.sign(a - b), np.sign(c - d)) for (a, c), (b, d) in itertools.combinations(zip(x, y, strict=True), 2)]
    over = sum(a * b for a, b in signs)
    return float(over / math.sqrt(sum(a != 0 for a, _ in signs) * sum(b != 0 for _, b in signs)))


def test_kendall_is_that_of_all_pairs() -> None:
    chance = np.random.default_rng(4)
    for levels in (2, 3, 7, 50):
        x, y = chance.integers(0, levels, 40), chance.integers(0, 4, 40)
        assert kendall(x, y) == pytest.approx(tau_of_all_pairs(list(x), list(y)))
        assert kendall(y, x) == pytest.approx(kendall(x, y))
    assert kendall([1, 2, 3], [1, 2, 3]) == 1.0
    assert math.isnan(kendall([1, 1], [1, 2]))


def test_alpha_of_the_published_example() -> None:
    assert krippendorff(FOUR_OBSERVERS, "nominal") == pytest.approx(0.743, abs=5e-4)
    assert krippendorff(FOUR_OBSERVERS, "ordinal") == pytest.approx(0.815, abs=5e-4)


def test_alpha_by_hand() -> None:
    # two raters, four units, (0,0) (1,1) (0,1) (0,0): 2 of 8 values in unlike pairs, 8 - 1 = 7, 5 zeros and 3 ones
    assert krippendorff([[0, 1, 0, 0], [0, 1, 1, 0]], "nominal") == pytest.approx(1 - 7 * 2 / (2 * 5 * 3))
    assert krippendorff([[0, 1, 2, 3], [0, 1, 2, 3]]) == 1.0
    assert math.isnan(krippendorff([[1, 1], [1, 1]]))
    assert math.isnan(krippendorff([[1, NAN], [NAN, 2]]))


@pytest.mark.real
def test_against_other_packages() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed: our formulas are compared with its own")
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    alpha = pytest.importorskip("krippendorff", reason="the package krippendorff is not installed")
    chance = np.random.default_rng(11)
    for _ in range(50):
        x, y, z = chance.integers(0, 4, (3, 60))
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
        assert kendall(x, y) == pytest.approx(stats.kendalltau(x, y).statistic)
        assert cohens_kappa(x, y) == pytest.approx(metrics.cohen_kappa_score(x, y))
        table = np.where(chance.random((3, 60)) < 0.2, NAN, np.stack([x, y, z]))
        for scale in ("nominal", "ordinal"):
            expected = alpha.alpha(reliability_data=table, level_of_measurement=scale)
            assert krippendorff(table, scale) == pytest.approx(expected)

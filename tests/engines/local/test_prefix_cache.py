"""Shared beginnings: found, kept, cut, forgotten. What is computed is counted; no model needed."""

from bootstruct.engines.local.prefix_cache import LEAST, MOST_KEPT, Layers, PrefixCache, clusters, common_length

A, B = tuple(range(100, 200)), tuple(range(300, 380))


class ComputeCounter:
    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []

    def __call__(self, tokens: tuple[int, ...]) -> Layers:
        self.asked.append(tokens)
        return []


def test_common_counts_equal_tokens_at_the_beginning() -> None:
    for one, other, expected in [
        ("", "a", 0),
        ("abc", "abc", 3),
        ("abcd", "abxd", 2),
        ("abc", "abcdef", 3),
        ("xa", "ya", 0),
    ]:
        assert common_length(one, other) == expected


def test_clusters_put_together_what_shares_enough() -> None:
    rows = [[*A, 1], [*B, 1], [5, 6, 7], [*A, 2], [*B, 2], [5, 6, 8]]
    assert [sorted(cluster) for cluster in clusters(rows)] == [[0, 3], [1, 4], [2, 5]]


def test_a_prefix_is_computed_once_and_covers_no_prompt_whole() -> None:
    compute = ComputeCounter()
    prefixes = PrefixCache(compute)
    for round in range(3):
        groups = prefixes.split([[*A, round, n, 1] for n in range(3)] + [[7, 8, round]])
        (group, prefix), (others, nothing) = groups
        assert sorted(group) == [0, 1, 2]
        assert others == [3]
        assert nothing is None
        assert prefix is not None
        assert prefix.tokens == (*A, 0) if round == 0 else prefix.tokens == A
    assert compute.asked == [(*A, 0)]
    assert (prefixes.computed, prefixes.reused) == (1, 2)
    (_, prefix), *_ = prefixes.split([list(A), list(A)])
    assert prefix is not None
    assert len(prefix.tokens) < len(A)


def test_a_prompt_that_comes_alone_finds_those_before_it() -> None:
    compute = ComputeCounter()
    prefixes = PrefixCache(compute)
    assert prefixes.split([[*A, 1, 2]]) == [([0], None)]
    assert [prefix.tokens for _, prefix in prefixes.split([[*A, 3, 4]]) if prefix] == [A]
    assert [prefix.tokens for _, prefix in prefixes.split([[*A, 5, 6]]) if prefix] == [A]
    assert compute.asked == [A]


def test_templates_that_share_a_header_only_keep_a_prefix_each() -> None:
    header = A[: LEAST + 5]
    one, other = (*header, *range(900, 1000)), (*header, *range(2000, 2100))
    compute = ComputeCounter()
    prefixes = PrefixCache(compute)
    for n in range(4):
        prefixes.split([[*one, n, 1], [*one, n, 2]])
        prefixes.split([[*other, n, 1], [*other, n, 2]])
    assert len(compute.asked) == 2


def test_few_prefixes_are_kept() -> None:
    compute = ComputeCounter()
    prefixes = PrefixCache(compute)
    for n in range(MOST_KEPT + 3):
        start = [10_000 * n + k for k in range(50)]
        prefixes.split([[*start, 1], [*start, 2]])
    assert len(prefixes._kept) == MOST_KEPT

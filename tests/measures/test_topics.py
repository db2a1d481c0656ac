"""Topics of texts: clusters, their names, and their places on a map."""

import random

import numpy as np

from bootstruct.measures.topics import (
    NONE,
    centres_of,
    cluster_names,
    nearest_centre,
    topic_map,
    topic_words,
    word_vectors,
)

GARDEN = ["Water the tomato plants in the garden.", "Prune the garden roses and plants.", "Plants for a dry garden"]
MONEY = ["Open a bank account for savings.", "Compare savings at a bank", "Which bank account has no fees?"]


def planted(count: int) -> tuple[list[str], list[int]]:
    """Texts of four topics with words of their own, in random order, and the topic of each."""
    chance, topics = random.Random(0), [[f"{name}{n}" for n in range(6)] for name in ("leaf", "coin", "song", "road")]
    truth = [chance.randrange(4) for _ in range(count)]
    return ["Write about " + " ".join(chance.sample(topics[topic], 3)) for topic in truth], truth


def test_planted_topics_are_found() -> None:
    texts, truth = planted(120)
    found = topic_map(texts, word_vectors(texts))
    for cluster in found.clusters:  # more clusters than topics, but each within one topic
        assert len({truth[member] for member in cluster.members}) == 1
        assert all(word[:4] in cluster.name for word in [texts[cluster.members[0]].split()[2]])
    assert sorted(member for cluster in found.clusters for member in cluster.members) == list(range(120))
    assert found.places.min() >= 0 and found.places.max() <= 1
    assert found.agreement > 0.3


def test_equal_texts_give_equal_maps() -> None:
    texts, _ = planted(60)
    first, second = (topic_map(texts, word_vectors(texts)) for _ in range(2))
    assert first.clusters == second.clusters and (first.places == second.places).all()


def test_clusters_do_not_overlap_on_the_map() -> None:
    texts, _ = planted(200)
    found = topic_map(texts, word_vectors(texts))
    middles = [found.places[list(cluster.members)].mean(axis=0) for cluster in found.clusters]
    apart = [float(np.hypot(*(a - b))) for n, a in enumerate(middles) for b in middles[:n]]
    assert min(apart) > 0.1


def test_names_are_the_words_that_set_a_cluster_apart() -> None:
    texts = [*GARDEN, *MONEY]
    of = np.array([0, 0, 0, 1, 1, 1])
    garden, money = cluster_names(texts, of, 2)
    assert "garden" in garden and "plants" in garden  # as it is written, not the stem
    assert "bank" in money and "garden" not in money


def test_texts_without_a_common_word_have_no_cluster() -> None:
    texts = [*GARDEN, *MONEY, "Quetzal!"]
    vectors = word_vectors(texts)
    assert not vectors[-1].any()
    assert nearest_centre(vectors, centres_of(vectors, 2)).tolist()[-1] == NONE
    assert topic_map(["", "?"], word_vectors(["", "?"])).clusters == ()
    assert topic_map(["same words", "same words"], word_vectors(["same words"] * 2)).clusters[0].members == (0, 1)


def test_scripts_without_blanks_have_words_too() -> None:
    assert topic_words("写一首诗") == ["写", "一", "首", "诗"]
    assert topic_words("Stories of glass and classes") == ["story", "glass", "classe"]

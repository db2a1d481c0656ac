"""The topics of a data set: clusters of its instructions and seeds, and their places on a map."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bootstruct.measures.topics import TopicMap, Vectors, topic_map, word_vectors
from bootstruct.reporting.statistics import order_of
from bootstruct.reporting.subject import Dataset

MAPPED: Final = 600  # instructions on a map
MAPPED_SEEDS: Final = 200  # seeds on a map
FEWEST: Final = 10  # instructions, below which there is no map
Embed = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class MappedTopics:
    """The map of one data set.

    Attributes:
        texts: the instructions, and after them the seeds.
        seeds: how many of the texts are seeds.
        of: how many instructions the set has, of which these are all or a sample.
        by: what the vectors are, in words; empty for words.
        found: clusters and places.
    """

    texts: tuple[str, ...]
    seeds: int
    of: int
    by: str
    found: TopicMap


def mapped_topics(subject: Dataset, embed: Embed | None = None, by: str = "") -> MappedTopics | None:
    """The map of a data set, over a random sample if it is large; None for fewer than ten instructions.

    Args:
        subject: the set.
        embed: returns the vectors of texts; None uses their words.
        by: the name of the model of embeddings.
    """
    chosen = sorted(order_of(subject)[:MAPPED])
    texts = [subject.tasks[position].text for position in chosen]
    if len(texts) < FEWEST:
        return None
    seeds = [text for _, text in subject.seeds][:MAPPED_SEEDS]
    vectors = (embed or word_vectors)([*texts, *seeds])
    return MappedTopics((*texts, *seeds), len(seeds), len(subject.tasks), by, topic_map([*texts, *seeds], vectors))

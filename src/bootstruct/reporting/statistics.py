"""The figures of a data set. Pure functions of a subject; random draws have a fixed seed."""

import random
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bootstruct.novelty.index import NoveltyIndex, best_against
from bootstruct.novelty.rouge import tokenizer_named
from bootstruct.reporting.subject import WITH, Dataset, ReportTask
from bootstruct.reporting.verbs import VerbObjectPair, VerbReader
from bootstruct.stages.rules import count_words
from bootstruct.types import Instance

Floats = NDArray[np.float64]
MANY = 200_000  # from this number on, figures that take time per text come from a random sample of this size
COMPARED = 80_000_000  # the approximate number of comparisons in the search for nearest neighbours
FEWEST, MOST = 200, 2000  # texts whose nearest neighbour is searched for
NEIGHBOURS = 3  # shown for a task
POINTS = 60  # of a curve


@dataclass(frozen=True, slots=True)
class DatasetCounts:
    """Table 1 of the paper. Means are in words; None if the source does not say or there is nothing to average."""

    instructions: int
    classification: int | None
    other: int | None
    instances: int
    empty_inputs: int
    words_instruction: float | None
    words_input: float | None
    words_output: float | None


@dataclass(frozen=True, slots=True)
class Lengths:
    """Words of every instruction, every non-empty input, every output."""

    instruction: NDArray[np.int64]
    input: NDArray[np.int64]
    output: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SimilarityScores:
    """Best ROUGE-L of texts, one score each. `of`: how many texts there are, of which these are all or a sample."""

    scores: Floats
    of: int

    @property
    def sampled(self) -> bool:
        """Whether the scores are those of a sample."""
        return len(self.scores) < self.of

    def below(self, limit: float) -> float:
        """The share of scores below a limit."""
        return float(np.mean(self.scores < limit)) if len(self.scores) else 0.0


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Nearness within the pool, and by position of a task its nearest: (score, name)."""

    nearness: SimilarityScores
    nearest: dict[int, tuple[tuple[float, str], ...]]


@dataclass(frozen=True, slots=True)
class Verbs:
    """Verb-object pairs.

    Attributes:
        read: instructions that were read, of all `of`.
        by_position: the pair of each, where it has one.
        like_paper: pairs that the paper's method finds for each pair of this reader, from and to (`VerbReader.like_paper`).
    """

    reader: str
    read: int
    of: int
    pairs: Counter[VerbObjectPair]
    by_position: dict[int, VerbObjectPair]
    like_paper: tuple[float, float] = (1.0, 1.0)

    @property
    def found(self) -> int:
        """Instructions in which a verb was found."""
        return sum(self.pairs.values())

    @property
    def shares_like_paper(self) -> tuple[float, float]:
        """The share of instructions in which the paper's method would find a pair, from and to."""
        share = self.found / self.read if self.read else 0.0
        return share * self.like_paper[0], min(1.0, share * self.like_paper[1])

    @property
    def is_like_paper(self) -> bool:
        """Whether the pairs were found by the paper's own method."""
        return self.like_paper == (1.0, 1.0)

    def top(self, verbs: int, objects: int) -> list[tuple[str, int, list[tuple[str, int]]]]:
        """(verb, its instructions, [(object, count)]) of the most common verbs with their most common objects."""
        totals: Counter[str] = Counter()
        kids: dict[str, list[tuple[str, int]]] = {}
        for (verb, noun), count in self.pairs.items():
            totals[verb] += count
            kids.setdefault(verb, []).append((noun, count))
        ranked = sorted(totals.items(), key=lambda total: (-total[1], total[0]))[:verbs]
        return [(verb, n, sorted(kids[verb], key=lambda row: (-row[1], row[0]))[:objects]) for verb, n in ranked]


@dataclass(frozen=True, slots=True)
class Labels:
    """Answers of classification tasks.

    Attributes:
        one_label: tasks with several instances that all have the same answer.
    """

    tasks: int
    several: int
    one_label: int
    counts: Counter[str]
    per_task: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in order of x."""

    x: tuple[float, ...]
    y: tuple[float, ...]


def words(text: str) -> int:
    """Words between blanks, and single characters of scripts without blanks; the paper counts between blanks."""
    return len(text.split()) if text.isascii() else count_words(text, "any script")


def instances_of(tasks: Sequence[ReportTask]) -> list[Instance]:
    """All instances of the tasks."""
    return [instance for task in tasks for instance in task.instances]


def lengths_of(subject: Dataset) -> Lengths:
    """Words of every instruction, non-empty input and output."""
    instruction, given, output = array("q"), array("q"), array("q")
    for task in subject.tasks:
        instruction.append(words(task.text))
        for instance in task.instances:
            if instance.input.strip():
                given.append(words(instance.input))
            output.append(words(instance.output))
    return Lengths(*(np.array(value, dtype=np.int64) for value in (instruction, given, output)))


def table_of(subject: Dataset, lengths: Lengths) -> DatasetCounts:
    """Table 1 of the paper, of a data set."""
    kinds = [task.kind for task in subject.tasks if task.kind is not None]
    known = bool(kinds)
    instances = len(lengths.output)
    return DatasetCounts(
        instructions=len(subject.tasks),
        classification=sum(kinds) if known else None,
        other=len(kinds) - sum(kinds) if known else None,
        instances=instances,
        empty_inputs=instances - len(lengths.input),
        words_instruction=_mean(lengths.instruction),
        words_input=_mean(lengths.input),
        words_output=_mean(lengths.output),
    )


def _mean(values: NDArray[np.int64]) -> float | None:
    return float(values.mean()) if len(values) else None


def order_of(subject: Dataset) -> list[int]:
    """All positions in a random order, the same each time: every sample of a report is the first part of it."""
    order = list(range(len(subject.tasks)))
    random.Random(f"report/{len(order)}").shuffle(order)
    return order


def tokenizer_of(subject: Dataset) -> str:
    """The run's own; for a file the paper's, unless it reads nothing in much of the text (scripts other than Latin)."""
    if subject.history is not None:
        return subject.history.state.recipe.propose.novelty.tokenizer
    some = [task.text for task in subject.tasks[:1000]]
    cut = tokenizer_named("rouge")
    blind = sum(sum(map(len, cut(text))) < len(text) / 3 for text in some)
    return "unicode" if blind > len(some) / 10 else "rouge"


def near_seeds(subject: Dataset, order: Sequence[int], tokenizer: str) -> SimilarityScores | None:
    """The best ROUGE-L of each instruction with the seeds; None without seeds or instructions."""
    if not subject.seeds or not subject.tasks:
        return None
    chosen = order if len(order) <= MANY else order[:MANY]
    found = best_against(
        [text for _, text in subject.seeds], [subject.tasks[number].text for number in chosen], tokenizer
    )
    return SimilarityScores(np.array([score for score, _ in found]), len(order))


def neighbours_of(subject: Dataset, order: Sequence[int], tokenizer: str) -> Neighbours | None:
    """The nearest other texts of the pool (seeds and instructions), for all instructions or a random sample."""
    if len(subject.tasks) + len(subject.seeds) < 2 or not subject.tasks:
        return None
    names = [name for name, _ in subject.seeds] + [task.name for task in subject.tasks]
    index = NoveltyIndex(tokenizer=tokenizer)
    index.extend([text for _, text in subject.seeds] + [task.text for task in subject.tasks])
    chosen = order[: max(FEWEST, min(MOST, COMPARED // len(names)))]
    nearest, scores = {}, []
    for position in chosen:
        own = position + len(subject.seeds)
        hits = [hit for hit in index.top(subject.tasks[position].text, NEIGHBOURS + 1) if hit[1] != own][:NEIGHBOURS]
        nearest[position] = tuple((score, names[other]) for score, other in hits)
        scores.append(hits[0][0])
    return Neighbours(SimilarityScores(np.array(scores), len(order)), nearest)


def verbs_of(subject: Dataset, order: Sequence[int], reader: VerbReader) -> Verbs:
    """The root verbs and their objects (the paper, figure 3)."""
    chosen = sorted(order[:MANY])
    found = zip(chosen, reader.read(subject.tasks[number].text for number in chosen), strict=True)
    # a single letter ("solve for x") is a name in a text, not the subject of an instruction
    by_position = {position: pair for position, pair in found if pair is not None and len(pair[1]) > 1}
    return Verbs(reader.name, len(chosen), len(order), Counter(by_position.values()), by_position, reader.like_paper)


def labels_of(subject: Dataset) -> Labels | None:
    """None if no classification task has an instance."""
    counts: Counter[str] = Counter()
    per_task: Counter[int] = Counter()
    several = one_label = 0
    for task in subject.tasks:
        if task.kind and task.instances:
            labels = [" ".join(instance.output.split()).casefold() for instance in task.instances]
            counts.update(labels)
            per_task[len(set(labels))] += 1
            several += len(labels) > 1
            one_label += len(labels) > 1 and len(set(labels)) == 1
    return Labels(sum(per_task.values()), several, one_label, counts, per_task) if counts else None


def vocabulary_of(subject: Dataset, tokenizer: str) -> Curve | None:
    """Distinct words in the first x instructions; None if there are fewer than two."""
    total = len(subject.tasks)
    if total < 2:
        return None
    cut, met, x, y = tokenizer_named(tokenizer), set[str](), [0.0], [0.0]
    marks = {round(total * point / POINTS) for point in range(1, POINTS + 1)}
    for number, task in enumerate(subject.tasks, 1):
        met.update(cut(task.text))
        if number in marks:
            x.append(number)
            y.append(len(met))
    return Curve(tuple(x), tuple(y))


@dataclass(frozen=True, slots=True)
class Yield:
    """Accepted instructions, and candidates rejected as too similar, per 100 requests, in windows of `window` requests."""

    window: int
    accepted: Curve
    near: Curve


def yield_of(subject: Dataset) -> Yield | None:
    """None without at least three requests, because exhaustion takes time to appear."""
    history = subject.history
    if history is None or len(history.state.accepted_after) < 3:
        return None
    marks = [0, *history.state.accepted_after]
    total = len(history.state.accepted_after)
    window = 100 if total >= 1000 else max(1, total // 10)
    window = max(window, total // POINTS)
    starts = range(0, total - window + 1, window)
    x = tuple(start + window / 2 for start in starts)
    accepted = tuple((marks[start + window] - marks[start]) * 100 / window for start in starts)
    near = tuple(sum(history.near[start : start + window]) * 100 / window for start in starts)
    return Yield(window, Curve(x, accepted), Curve(x, near))


def with_instances(subject: Dataset) -> int:
    """Tasks with at least one instance."""
    return sum(task.status == WITH for task in subject.tasks)


@dataclass(frozen=True, slots=True)
class Bins:
    """A histogram.

    Attributes:
        edges: one more than counts; `open`: the last bin also contains everything above.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    open: bool = False


def score_bins(scores: Floats) -> Bins:
    """ROUGE-L scores in steps of 0.05."""
    edges = np.linspace(0, 1, 21)
    # an edge belongs to the bin above it, whatever the last bit of a score
    counts = np.histogram(np.minimum(scores + 1e-9, 1), edges)[0]
    return Bins(tuple(round(float(edge), 2) for edge in edges), tuple(int(count) for count in counts))


def length_bins(values: NDArray[np.int64], longest: int) -> Bins:
    """Lengths in words, in about 25 equal bins up to `longest`; the last one contains all longer texts."""
    step = next(step for step in (1, 2, 4, 5, 10, 20, 25, 50, 100, 200, 500, 10**9) if longest / step <= 25)
    edges = [step * number for number in range(max(2, -(-longest // step)) + 1)]
    clipped = np.minimum(values, edges[-1] - 1)
    counts = np.histogram(clipped, edges)[0]
    return Bins(tuple(edges), tuple(int(count) for count in counts), bool(len(values) and values.max() >= edges[-1]))


def usual_longest(groups: Sequence[NDArray[np.int64]]) -> int:
    """A number above 98 of 100 values in every group."""
    return max((int(np.percentile(group, 98)) + 1 for group in groups if len(group)), default=10)

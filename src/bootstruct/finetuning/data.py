"""The training data: examples from runs and files, mixed, cut to a number of tasks, with some tasks held out.

Names and hashes determine all choices, never an order or a clock: the same settings give the same examples.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.recipe import Recipe
from bootstruct.errors import InputError
from bootstruct.finetuning.settings import FinetuneSettings, MixturePart
from bootstruct.io.accounts import RowAccount
from bootstruct.io.arrow import is_dataset_folder
from bootstruct.io.chats import ROLES
from bootstruct.io.rows import STDIN
from bootstruct.io.shapes import WITHOUT_OUTPUT, TaskRow
from bootstruct.io.superni import NAME as SUPERNI
from bootstruct.io.superni import is_superni_folder, training_tasks
from bootstruct.io.tasks import read_tasks
from bootstruct.journal.file import NAME
from bootstruct.paper import BASELINE_INSTANCES
from bootstruct.run.folder import read_run
from bootstruct.stages.draw import rng_for
from bootstruct.stages.followups import conversation
from bootstruct.stages.training_format import encode, training_instances
from bootstruct.types import Instance, Message


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One training example.

    Attributes:
        task: its instruction, by which tasks are counted and held out, whatever their source; for the rows of an
            export of chats, the common name of one task (`TaskRow.task`).
        prompt, completion: encoded with the recipe's templates.
        messages: the same as a chat, the last one the assistant's.
        is_seed: of a run's seed task.
        later: what user and assistant write in the turns after `completion`.
    """

    task: str
    prompt: str
    completion: str
    messages: tuple[Message, ...]
    is_seed: bool = False
    later: tuple[tuple[str, str], ...] = ()

    @property
    def texts(self) -> list[str]:
        """All texts of the example."""
        return [self.task, self.prompt, self.completion, *(text for turn in self.later for text in turn)]


@dataclass(frozen=True, slots=True)
class TrainingSource:
    """The description of a part of the mixture, for the report and the model card.

    Attributes:
        digest: of its file, or of the examples of a run: its journal also holds times and the order of arrival, and these
            must not change the order of training.
        account: an account of the rows of a file; None for a run.
    """

    path: str
    kind: str
    tasks: int
    examples: int
    digest: str
    recipe: str = ""
    model: str = ""
    account: RowAccount | None = None


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The training examples and those of held-out tasks, their sources, and the number of tasks in each."""

    train: tuple[TrainingExample, ...]
    held_out: tuple[TrainingExample, ...]
    sources: tuple[TrainingSource, ...]
    tasks: int
    held_out_tasks: int

    def digest(self) -> str:
        """A name for the data: equal examples, equal digests."""
        texts = [example.texts for example in (*self.train, *self.held_out)]
        return hashlib.blake2b(
            json.dumps(texts, ensure_ascii=False).encode("utf-8", "replace"), digest_size=16
        ).hexdigest()


def mixture_of(settings: FinetuneSettings) -> tuple[MixturePart, ...]:
    """The sources of the settings; with `like_paper`, at most 50,000 instances of Super-NaturalInstructions."""
    if not settings.like_paper:
        return settings.mixture
    return tuple(
        dataclasses.replace(part, most=BASELINE_INSTANCES)
        if not part.most and is_superni_folder(Path(part.path))
        else part
        for part in settings.mixture
    )


def read_data(
    parts: Sequence[MixturePart], tasks: int, held_out: float, seed: int, read: "ReadPart | None" = None
) -> TrainingData:
    """The mixture.

    Args:
        tasks: the number of tasks (seed tasks are not counted), 0 for all.
        read: reads one source; None for `read_part`.

    Raises InputError if there is nothing to train on, or fewer tasks than asked for.
    """
    sources, mixed = [], []
    for part in parts:
        source, examples = (read or read_part)(part)
        examples = _per_task(examples, part.per_task, seed)
        sources.append(source)
        mixed += weighted(examples, part.weight, part.most, f"{seed}/{source.digest}")
    if not mixed:
        named = ", ".join(part.path for part in parts)
        raise InputError(f"{named}: there is nothing to train on, because no accepted task has an instance yet.")
    mixed = subset(mixed, tasks, seed)
    names = {example.task for example in mixed}
    away = held_out_tasks(names, held_out, seed)
    train = [example for example in mixed if example.task not in away]
    rng_for(seed, "finetune", "order").shuffle(train)
    return TrainingData(
        tuple(train),
        tuple(example for example in mixed if example.task in away),
        tuple(sources),
        len(names) - len(away),
        len(away),
    )


def _rank(name: str, salt: str) -> float:
    """A fixed number in [0, 1) for a name."""
    return int.from_bytes(hashlib.blake2b(f"{salt}/{name}".encode("utf-8", "replace"), digest_size=8).digest()) / 2**64


def subset(examples: list[TrainingExample], tasks: int, seed: int) -> list[TrainingExample]:
    """The examples of `tasks` tasks, and of all seed tasks. Subsets are nested: a smaller one is part of a larger one."""
    if not tasks:
        return examples
    names = {example.task for example in examples if not example.is_seed}
    if tasks > len(names):
        raise InputError(
            f"--tasks {tasks}: there are only {len(names)} tasks with instances; grow the run, or give a smaller number."
        )
    chosen = set(sorted(names, key=lambda name: (_rank(name, f"{seed}/subset"), name))[:tasks])
    return [example for example in examples if example.is_seed or example.task in chosen]


def held_out_tasks(names: Iterable[str], share: float, seed: int) -> set[str]:
    """The held-out tasks: each is chosen by its own name, so the choice does not depend on other tasks.

    At least one where share > 0 and there are twenty or more.
    """
    ranked = sorted((_rank(name, f"{seed}/held out"), name) for name in names)
    chosen = {name for rank, name in ranked if rank < share}
    if share and not chosen and len(ranked) >= 20:
        chosen = {ranked[0][1]}
    return chosen if len(chosen) < len(ranked) else set()


def weighted(examples: list[TrainingExample], weight: float, most: int, salt: str) -> list[TrainingExample]:
    """A multiple of the examples: whole copies, and for the fraction a part drawn by name; cut to `most`."""
    count = math.floor(weight * len(examples) + 0.5)
    count = min(count, most) if most else count
    order = sorted(range(len(examples)), key=lambda n: _rank(str(n), salt))
    return [examples[order[n % len(order)]] for n in range(count)] if examples else []


def _per_task(examples: list[TrainingExample], most: int, seed: int) -> list[TrainingExample]:
    if not most:
        return examples
    kept: dict[str, list[int]] = {}
    for n, example in enumerate(examples):
        kept.setdefault(example.task, []).append(n)
    chosen = {n for places in kept.values() for n in sorted(places, key=lambda n: _rank(str(n), f"{seed}/task"))[:most]}
    return [example for n, example in enumerate(examples) if n in chosen]


ReadPart = Callable[[MixturePart], tuple[TrainingSource, list[TrainingExample]]]


def read_part(part: MixturePart) -> tuple[TrainingSource, list[TrainingExample]]:
    """One source. Raises InputError where it is none of those that can be read."""
    path = Path(part.path)
    if path.is_dir() and (path / NAME).is_file():
        return _run(path, part.seeds)
    if path.is_dir() and not is_dataset_folder(path):
        if is_superni_folder(path):
            account = RowAccount(str(path))
            examples = _superni(part, account)
            source = source_of(path, SUPERNI, examples, content_of(examples))
            return dataclasses.replace(source, account=account), examples
        raise InputError(
            f"{path}: is neither a run with a journal, nor a folder of Super-NaturalInstructions tasks, nor one that "
            "`datasets.save_to_disk` wrote."
        )
    if path != STDIN and not path.exists():
        raise InputError(f"{path}: no such run or file.")
    account = RowAccount(str(path))
    kind, examples = _file(path, account, part.fields)
    content = path.read_bytes() if path.is_file() else content_of(examples)
    return dataclasses.replace(source_of(path, kind, examples, content), account=account), examples


def content_of(examples: list[TrainingExample]) -> bytes:
    """The identity of the data of a source that is not a file, or can be read only once, such as the standard input."""
    texts = [example.texts for example in examples]
    return json.dumps(texts).encode()


def source_of(path: Path, kind: str, examples: list[TrainingExample], content: bytes) -> TrainingSource:
    """The description of a part of the mixture, from its examples and the identity of its data."""
    digest = hashlib.sha256(content).hexdigest()[:32]
    return TrainingSource(str(path), kind, len({example.task for example in examples}), len(examples), digest)


def _run(path: Path, seeds: bool) -> tuple[TrainingSource, list[TrainingExample]]:
    """The instances of the accepted tasks (at most `instances.most` each), and the seeds' if requested, each once."""
    state = read_run(path)
    recipe, made = state.recipe, []
    for seed in state.seeds if seeds else ():
        for n, instance in enumerate(seed.instances):
            rng = rng_for(recipe.seed, "encode", f"{seed.id}/{n}")
            made.append(_encoded(recipe, seed.instruction, instance, rng, is_seed=True))
    for task in state.completed_tasks:
        for n, instance in enumerate(training_instances(recipe, task.name, state.passed_instances(task.name))):
            made.append(_encoded(recipe, task.text, instance, rng_for(recipe.seed, "encode", f"{task.name}/{n}")))
    examples = list(dict.fromkeys(made))
    source = source_of(path, "run", examples, content_of(examples))
    better = f", outputs by {recipe.model_at('rewrite')}" if recipe.instances.rewrite else ""
    return dataclasses.replace(source, recipe=recipe.digest(), model=recipe.model + better), examples


def _encoded(recipe: Recipe, instruction: str, instance: Instance, rng: Any, is_seed: bool = False) -> TrainingExample:
    made = encode(recipe, instruction, instance, rng)
    chat = conversation(instruction, instance)
    later = tuple((turn.user, turn.assistant) for turn in instance.turns)
    return TrainingExample(instruction, made.prompt, made.completion, chat, is_seed, later)


def _superni(part: MixturePart, account: RowAccount) -> list[TrainingExample]:
    """The instances of the tasks for training; test tasks and other languages only on request."""
    recipe, examples = paper(), []
    for task in training_tasks(Path(part.path), account, part.test_tasks, part.other_languages):
        for n, (given, output) in enumerate(task.pairs()):
            rng = rng_for(recipe.seed, "encode", f"{task.name}/{n}")
            examples.append(_encoded(recipe, task.definition, Instance(given, output), rng))
    return examples


def paper() -> Recipe:
    """The paper's recipe: files without a recipe of their own are encoded with its templates."""
    return read_recipe(Path(str(recipe_folder("paper"))) / "recipe.yaml")


def _file(path: Path, account: RowAccount, fields: Mapping[str, str]) -> tuple[str, list[TrainingExample]]:
    """The shapes and examples of a file of rows. Raises InputError if nothing is left to learn, with the first reason."""
    recipe, made, shapes = paper(), list[TrainingExample](), set[str]()
    for _, task in read_tasks(path, account, fields, accept=_nothing_to_learn):
        made += _of_row(recipe, task, account.read - 1)
        shapes.add(task.shape)
    return " and ".join(sorted(shapes)), made


def _nothing_to_learn(task: TaskRow) -> str:
    """Why a row contains nothing that a model can learn to write; empty if it does."""
    if task.messages:
        return _untrainable_chat(task.messages)
    if task.shape == "text":
        return "of text alone, without an output to learn"
    return "" if _learnt(task) else WITHOUT_OUTPUT


def _learnt(task: TaskRow) -> list[tuple[int, Instance]]:
    """The instances that have an output, with their numbers."""
    pairs = enumerate(task.pairs)
    return [(n, Instance(given, output)) for n, (given, output) in pairs if output is not None and output.strip()]


def _untrainable_chat(chat: tuple[Message, ...]) -> str:
    if len(chat) < 2 or chat[-1].role != "assistant":
        return "of a chat whose last message is not the assistant's"
    if any(message.role == "assistant" and not message.content.strip() for message in chat):
        return "of a chat in which a message of the assistant has no text, as one that calls a tool"
    unknown = next((message.role for message in chat if message.role not in ROLES.values()), None)
    return "" if unknown is None else f"of a chat with the unknown role {unknown!r:.40}"


def _of_row(recipe: Recipe, task: TaskRow, position: int) -> list[TrainingExample]:
    """The examples of a usable row; `position` is its own in the file, from 0."""
    if task.messages:
        return [_chat(task)]
    if task.shape == "prompt and completion":
        completion = task.instances[0].output
        chat = (Message("user", task.instruction), Message("assistant", completion.strip()))
        return [TrainingExample(task.instruction, task.instruction, completion, chat)]
    examples = []
    for n, instance in _learnt(task):
        name = f"{task.name or position}/{n}" if task.shape == "seeds" else str(position)
        examples.append(_encoded(recipe, task.instruction, instance, rng_for(recipe.seed, "encode", name)))
    if not task.system:
        return examples
    first = Message("system", task.system)
    return [dataclasses.replace(example, messages=(first, *example.messages)) for example in examples]


def _chat(task: TaskRow) -> TrainingExample:
    """A chat as an example. Its first answer is the completion, and the turns after it follow.

    A chat in which the sides do not take turns is learnt by its last answer alone.
    """
    chat = task.messages
    first = next((n for n, message in enumerate(chat) if message.role == "assistant"), len(chat) - 1)
    rest = chat[first + 1 :]
    roles = [message.role for message in rest]
    if first == len(chat) - 1 or roles != ["user", "assistant"] * (len(rest) // 2):
        first, rest = len(chat) - 1, ()
    given = "\n\n".join(message.content for message in chat[:first])
    later = tuple((rest[n].content, rest[n + 1].content) for n in range(0, len(rest), 2))
    return TrainingExample(task.task, f"{given}\n\nOutput:", f" {chat[first].content}", chat, later=later)

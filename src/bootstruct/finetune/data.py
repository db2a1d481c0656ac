"""What is trained on: examples from runs and files, mixed, cut to a number of tasks, some tasks held out. All of it is
chosen by names and hashes, never by the order of things or a clock: the same settings give the same examples."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstruct.domain import Instance, Message
from bootstruct.errors import BadInput
from bootstruct.files import read_recipe, read_rows, read_text, recipe_folder
from bootstruct.finetune.settings import Part
from bootstruct.journal import NAME
from bootstruct.recipe import Recipe
from bootstruct.runs import journal_path, read_run
from bootstruct.stages.draw import rng_for
from bootstruct.stages.encode import encode, training_instances


@dataclass(frozen=True, slots=True)
class Taught:
    """One training example. task: its instruction, by which tasks are counted and held out, whatever source they are from.

    prompt, completion: encoded with the recipe's templates. messages: the same as a chat, the last one the assistant's.
    is_seed: of a run's seed task.
    """

    task: str
    prompt: str
    completion: str
    messages: tuple[Message, ...]
    is_seed: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """What a part of the mixture is: for the report and the model card. digest: of its file or journal."""

    path: str
    kind: str
    tasks: int
    examples: int
    digest: str
    recipe: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Data:
    """The examples to train on and those of held-out tasks, where they come from, and the number of tasks in each."""

    train: tuple[Taught, ...]
    held_out: tuple[Taught, ...]
    sources: tuple[Source, ...]
    tasks: int
    held_out_tasks: int

    def digest(self) -> str:
        texts = [[each.task, each.prompt, each.completion] for each in (*self.train, *self.held_out)]
        return hashlib.blake2b(
            json.dumps(texts, ensure_ascii=False).encode("utf-8", "replace"), digest_size=16
        ).hexdigest()


def read_data(parts: Sequence[Part], tasks: int, held_out: float, seed: int) -> Data:
    """The mixture. tasks: only so many tasks (seed tasks are not counted), 0 for all. Raises BadInput where there is nothing
    to train on, or fewer tasks than asked for."""
    sources, mixed = [], []
    for part in parts:
        source, examples = read_part(part)
        examples = _per_task(examples, part.per_task, seed)
        sources.append(source)
        mixed += weighted(examples, part.weight, part.most, f"{seed}/{source.digest}")
    if not mixed:
        named = ", ".join(part.path for part in parts)
        raise BadInput(f"{named}: nothing to train on: no accepted task has an instance yet.")
    mixed = subset(mixed, tasks, seed)
    names = {each.task for each in mixed}
    away = held_out_tasks(names, held_out, seed)
    train = [each for each in mixed if each.task not in away]
    rng_for(seed, "finetune", "order").shuffle(train)
    return Data(
        tuple(train),
        tuple(each for each in mixed if each.task in away),
        tuple(sources),
        len(names) - len(away),
        len(away),
    )


def _rank(name: str, salt: str) -> float:
    """A number in [0, 1) that a name has once and for all."""
    return int.from_bytes(hashlib.blake2b(f"{salt}/{name}".encode("utf-8", "replace"), digest_size=8).digest()) / 2**64


def subset(examples: list[Taught], tasks: int, seed: int) -> list[Taught]:
    """The examples of `tasks` tasks, and of all seed tasks. Subsets are nested: a smaller one is part of a larger one."""
    if not tasks:
        return examples
    names = {each.task for each in examples if not each.is_seed}
    if tasks > len(names):
        raise BadInput(
            f"--tasks {tasks}: there are only {len(names)} tasks with instances; grow the run, or ask for fewer."
        )
    chosen = set(sorted(names, key=lambda name: (_rank(name, f"{seed}/subset"), name))[:tasks])
    return [each for each in examples if each.is_seed or each.task in chosen]


def held_out_tasks(names: Iterable[str], share: float, seed: int) -> set[str]:
    """The tasks held out: each by its own name, so the same ones whatever else is there; at least one where share > 0 and
    there are twenty or more."""
    ranked = sorted((_rank(name, f"{seed}/held out"), name) for name in names)
    chosen = {name for rank, name in ranked if rank < share}
    if share and not chosen and len(ranked) >= 20:
        chosen = {ranked[0][1]}
    return chosen if len(chosen) < len(ranked) else set()


def weighted(examples: list[Taught], weight: float, most: int, salt: str) -> list[Taught]:
    """So many times the examples: whole copies, and a part drawn by name for what is left over; cut to `most`."""
    count = math.floor(weight * len(examples) + 0.5)
    count = min(count, most) if most else count
    order = sorted(range(len(examples)), key=lambda n: _rank(str(n), salt))
    return [examples[order[n % len(order)]] for n in range(count)] if examples else []


def _per_task(examples: list[Taught], most: int, seed: int) -> list[Taught]:
    if not most:
        return examples
    kept: dict[str, list[int]] = {}
    for n, each in enumerate(examples):
        kept.setdefault(each.task, []).append(n)
    chosen = {n for places in kept.values() for n in sorted(places, key=lambda n: _rank(str(n), f"{seed}/task"))[:most]}
    return [each for n, each in enumerate(examples) if n in chosen]


def read_part(part: Part) -> tuple[Source, list[Taught]]:
    """One source. Raises BadInput where it is none of those that can be read."""
    path = Path(part.path)
    if path.is_dir() and (path / NAME).is_file():
        return _run(path, part.seeds)
    if path.is_dir():
        files = sorted(path.glob("task*.json"))
        if files:
            return _made(
                path, "Super-NaturalInstructions", _superni(files), b"".join(each.name.encode() for each in files)
            )
        raise BadInput(f"{path}: is neither a run with a journal nor a folder of Super-NaturalInstructions tasks.")
    if not path.is_file():
        raise BadInput(f"{path}: no such run or file.")
    kind, examples = _file(path)
    return _made(path, kind, examples, path.read_bytes())


def _made(path: Path, kind: str, examples: list[Taught], content: bytes) -> tuple[Source, list[Taught]]:
    digest = hashlib.sha256(content).hexdigest()[:32]
    return Source(str(path), kind, len({each.task for each in examples}), len(examples), digest), examples


def _run(path: Path, seeds: bool) -> tuple[Source, list[Taught]]:
    """The instances of the accepted tasks (at most `instances.most` of each), and the seeds' if wanted, without doubles."""
    state = read_run(path)
    recipe, made = state.recipe, []
    for seed in state.seeds if seeds else ():
        for n, instance in enumerate(seed.instances):
            rng = rng_for(recipe.seed, "encode", f"{seed.id}/{n}")
            made.append(_encoded(recipe, seed.instruction, instance, rng, is_seed=True))
    for task in state.machine[: len(state.annotated)]:
        for n, instance in enumerate(training_instances(recipe, task.name, state.standing(task.name))):
            made.append(_encoded(recipe, task.text, instance, rng_for(recipe.seed, "encode", f"{task.name}/{n}")))
    examples = list(dict.fromkeys(made))
    source, _ = _made(path, "run", examples, journal_path(path).read_bytes())
    better = f", outputs by {recipe.model_at('rewrite')}" if recipe.instances.rewrite else ""
    return dataclasses.replace(source, recipe=recipe.digest(), model=recipe.model + better), examples


def _encoded(recipe: Recipe, instruction: str, instance: Instance, rng: Any, is_seed: bool = False) -> Taught:
    made = encode(recipe, instruction, instance, rng)
    given = instance.input.strip()
    asked = f"{instruction}\n\n{given}" if given else instruction
    chat = (Message("user", asked), Message("assistant", instance.output))
    return Taught(instruction, made.prompt, made.completion, chat, is_seed)


def _superni(files: list[Path]) -> list[Taught]:
    recipe, examples = paper(), []
    for file in files:
        task = _json(file)
        try:
            definition = task["Definition"]
            instruction = definition if isinstance(definition, str) else definition[0]
            for n, each in enumerate(task["Instances"]):
                output = each["output"] if isinstance(each["output"], str) else each["output"][0]
                rng = rng_for(recipe.seed, "encode", f"{file.stem}/{n}")
                examples.append(_encoded(recipe, instruction, Instance(each["input"], output), rng))
        except (KeyError, TypeError, IndexError) as exc:
            raise BadInput(f"{file}: not a task of Super-NaturalInstructions: {type(exc).__name__}: {exc}.") from None
    return examples


def paper() -> Recipe:
    """The paper's recipe: files without a recipe of their own are encoded with its templates."""
    return read_recipe(Path(str(recipe_folder("paper"))) / "recipe.yaml")


def _json(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except ValueError as exc:
        raise BadInput(f"{path}: not JSON: {exc}.") from None


def _file(path: Path) -> tuple[str, list[Taught]]:
    """The examples of a file of rows, and which formats they have. Raises BadInput naming the row that has none of them."""
    recipe, examples, kinds = paper(), [], set()
    for n, row in enumerate(_rows(path)):
        try:
            kind, taught = _row(recipe, row, n)
        except (KeyError, TypeError, AttributeError, IndexError):
            raise BadInput(
                f"{path}: row {n + 1}: has none of instruction and output (Alpaca), instruction and instances (seeds), "
                "messages or conversations that end with the assistant's, or prompt and completion; rename its fields to "
                "one of these."
            ) from None
        kinds.add(kind)
        examples += taught
    return " and ".join(sorted(kinds)), examples


def _rows(path: Path) -> list[Any]:
    """The rows of a JSON list, of JSONL (whatever it is called), or of a Parquet file."""
    if path.suffix == ".parquet":
        return _parquet(path)
    is_list = path.suffix == ".json" and read_text(path).lstrip()[:1] != "{"
    listed = _json(path) if is_list else [row for _, row in read_rows(path)]
    if not isinstance(listed, list) or not listed:
        raise BadInput(f"{path}: expected a list of rows (JSON) or one row a line (JSONL).")
    return listed


def _parquet(path: Path) -> list[Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise BadInput(f"{path}: reading Parquet needs pyarrow: pip install 'bootstruct[parquet]'.") from None
    try:
        rows: list[Any] = pyarrow.parquet.read_table(path).to_pylist()
    except (OSError, pyarrow.ArrowException) as exc:
        raise BadInput(f"{path}: cannot be read as Parquet: {' '.join(str(exc).split())[:200]}.") from None
    return rows


def _row(recipe: Recipe, row: dict[str, Any], n: int) -> tuple[str, list[Taught]]:
    if "instances" in row:
        name, made = row.get("id", n), []
        for k, each in enumerate(row["instances"]):
            instance = Instance(each.get("input") or "", each["output"] + "")
            made.append(
                _encoded(recipe, row["instruction"] + "", instance, rng_for(recipe.seed, "encode", f"{name}/{k}"))
            )
        return "seeds", made
    if "instruction" in row:
        instance = Instance(row.get("input") or "", row["output"] + "")
        rng = rng_for(recipe.seed, "encode", str(n))
        return "alpaca", [_encoded(recipe, row["instruction"] + "", instance, rng)]
    if "messages" in row:
        return "messages", [_chat(tuple(Message(each["role"] + "", each["content"] + "") for each in row["messages"]))]
    if "conversations" in row:
        turns = ((_ROLES[each["from"]], each["value"] + "") for each in row["conversations"])
        return "conversations", [_chat(tuple(Message(*turn) for turn in turns))]
    prompt, completion = row["prompt"] + "", row["completion"] + ""
    chat = (Message("user", prompt), Message("assistant", completion.strip()))
    return "prompt and completion", [Taught(prompt, prompt, completion, chat)]


_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}


def _chat(chat: tuple[Message, ...]) -> Taught:
    """Messages as an example. Raises KeyError where the last one is not the assistant's answer."""
    if len(chat) < 2 or chat[-1].role != "assistant":
        raise KeyError("assistant")
    asked = "\n\n".join(each.content for each in chat[:-1])
    first = next((each.content for each in chat if each.role == "user"), asked)
    return Taught(first, f"{asked}\n\nOutput:", f" {chat[-1].content}", chat)

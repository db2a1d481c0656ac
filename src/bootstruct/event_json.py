"""Events as plain JSON values and back: one line of the journal each. The inverse of one another, tested as such."""

from typing import Any

from bootstruct import recipe as recipes
from bootstruct.domain import Instance, Refused, Reply, Seed, Verdict
from bootstruct.errors import BadJournal
from bootstruct.events import VERSION, Annotated, Event, Failed, Proposed, Recorded, Replied, Started


def to_json(event: Event) -> dict[str, Any]:
    """The event as JSON values. Fields at their defaults are left out, to keep lines short."""
    match event:
        case Started(recipe, seeds, origin, version):
            rows = [seed_to_json(seed) for seed in seeds]
            recipe_row = recipes.to_mapping(recipe)
            return {"event": "started", "version": version, "origin": origin, "recipe": recipe_row, "seeds": rows}
        case Replied(key, digest, reply, question, source):
            row: dict[str, Any] = {"event": "replied", "key": key, "digest": digest, "reply": _reply_to_json(reply)}
            return row | ({"question": question} if question else {}) | ({"source": source} if source else {})
        case Failed(key, digest, status, reason):
            return {"event": "failed", "key": key, "digest": digest, "status": status, "reason": reason}
        case Proposed(index, shown, verdicts, failed):
            row = {"event": "proposed", "index": index, "shown": list(shown)}
            return row | {"verdicts": [_verdict_to_json(v) for v in verdicts]} | ({"failed": True} if failed else {})
        case Annotated(task, is_classification, instances, refused, failed):
            row = {"event": "annotated", "task": task, "is_classification": is_classification}
            row["instances"] = [_instance_to_json(i) for i in instances]
            row["refused"] = [_instance_to_json(r.instance) | {"rule": r.rule} for r in refused]
            return row | ({"failed": True} if failed else {})
        case Recorded(task, most_similar, mean, request_idx):
            pairs = [[text, score] for text, score in most_similar]
            row = {"event": "recorded", "task": task, "most_similar": pairs, "mean": mean}
            return row | {"request_idx": request_idx}


def from_json(row: object) -> Event:
    """Build the event a line tells of. Raises BadJournal saying what is wrong with it."""
    if not isinstance(row, dict):
        raise BadJournal("not an event: expected an object")
    try:
        return _read(row)
    except KeyError as exc:
        raise BadJournal(f"not an event: {exc} is missing") from None
    except (TypeError, ValueError, AttributeError) as exc:
        raise BadJournal(f"not an event: {exc}") from None


def _read(row: dict[str, Any]) -> Event:
    match row["event"]:
        case "replied":
            reply = _reply_from_json(row["reply"])
            return Replied(row["key"], row["digest"], reply, row.get("question", ""), row.get("source", ""))
        case "proposed":
            verdicts = tuple(Verdict(v["text"], v.get("rule"), v.get("score"), v.get("near")) for v in row["verdicts"])
            return Proposed(int(row["index"]), tuple(row["shown"]), verdicts, row.get("failed", False))
        case "annotated":
            instances = tuple(Instance(i["input"], i["output"]) for i in row["instances"])
            refused = tuple(Refused(Instance(r["input"], r["output"]), r["rule"]) for r in row["refused"])
            return Annotated(row["task"], row["is_classification"], instances, refused, row.get("failed", False))
        case "failed":
            return Failed(row["key"], row["digest"], int(row["status"]), row["reason"])
        case "recorded":
            pairs = tuple((str(text), float(score)) for text, score in row["most_similar"])
            mean = None if row["mean"] is None else float(row["mean"])
            return Recorded(row["task"], pairs, mean, int(row["request_idx"]))
        case "started":
            return _read_started(row)
    raise BadJournal(f"unknown event {row['event']!r}; a newer bootstruct may have written it: install that one")


def _read_started(row: dict[str, Any]) -> Started:
    if row["version"] > VERSION:
        raise BadJournal(
            f"written by a newer bootstruct (journal version {row['version']}, this one reads up to {VERSION}): "
            "install the newer one"
        )
    seeds = tuple(seed_from_json(seed) for seed in row["seeds"])
    recipe = recipes.from_mapping(row["recipe"], "the recipe in the journal")
    return Started(recipe, seeds, row["origin"], row["version"])


def seed_to_json(seed: Seed) -> dict[str, Any]:
    """A seed in the paper's format."""
    return {
        "id": seed.id,
        "name": seed.name,
        "instruction": seed.instruction,
        "instances": [_instance_to_json(i) for i in seed.instances],
        "is_classification": seed.is_classification,
    }


def seed_from_json(row: dict[str, Any]) -> Seed:
    instances = tuple(Instance(i["input"], i["output"]) for i in row["instances"])
    return Seed(row["id"], row["instruction"], instances, row["is_classification"], row["name"])


def _instance_to_json(instance: Instance) -> dict[str, Any]:
    return {"input": instance.input, "output": instance.output}


def _verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    row: dict[str, Any] = {"text": verdict.text}
    if verdict.rule is not None:
        row["rule"] = verdict.rule
    if verdict.score is not None:
        row |= {"score": verdict.score, "near": verdict.neighbour}
    return row


def _reply_to_json(reply: Reply) -> dict[str, Any]:
    row: dict[str, Any] = {"text": reply.text, "finish": reply.finish}
    if reply.prompt_tokens or reply.completion_tokens:
        row["tokens"] = [reply.prompt_tokens, reply.completion_tokens]
    return row | ({"model": reply.model} if reply.model else {})


def _reply_from_json(row: dict[str, Any]) -> Reply:
    prompt_tokens, completion_tokens = row.get("tokens", (0, 0))
    return Reply(row["text"], row["finish"], prompt_tokens, completion_tokens, row.get("model", ""))

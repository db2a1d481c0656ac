"""Events as plain JSON values and back: one line of the journal each. The inverse of one another, tested as such."""

from collections.abc import Iterator
from typing import Any

from bootstruct import recipe as recipes
from bootstruct.domain import Checkmark, Instance, Refused, Reply, Seed, Verdict
from bootstruct.errors import BadInput, BadJournal, NewerJournal
from bootstruct.events import VERSION, Annotated, Checked, Event, Failed, Proposed, Recorded, Replied, Started


def to_json(event: Event) -> dict[str, Any]:
    """The event as JSON values. Fields at their defaults are left out, to keep lines short."""
    match event:
        case Started(recipe, seeds, origin, source, inherited, version):
            row: dict[str, Any] = {"event": "started", "version": version, "origin": origin}
            row |= {"source": source, "inherited": inherited} if source or inherited else {}
            return row | {"recipe": recipes.to_mapping(recipe), "seeds": [seed_to_json(seed) for seed in seeds]}
        case Replied(key, digest, reply, question, source, at):
            row = {"event": "replied", "key": key, "digest": digest, "reply": _reply_to_json(reply)}
            row |= {"question": question} if question else {}
            return row | ({"source": source} if source else {}) | ({"at": round(at, 2)} if at else {})
        case Failed(key, digest, status, reason, source):
            row = {"event": "failed", "key": key, "digest": digest, "status": status, "reason": reason}
            return row | ({"source": source} if source else {})
        case Proposed(index, shown, verdicts, failed):
            row = {"event": "proposed", "index": index, "shown": list(shown)}
            return row | {"verdicts": [_verdict_to_json(v) for v in verdicts]} | ({"failed": True} if failed else {})
        case Annotated(task, is_classification, instances, refused, failed):
            row = {"event": "annotated", "task": task, "is_classification": is_classification}
            row["instances"] = [_instance_to_json(i) for i in instances]
            row["refused"] = [_instance_to_json(r.instance) | {"rule": r.rule} for r in refused]
            return row | ({"failed": True} if failed else {})
        case Checked(task, check, marks, failed):
            row = {"event": "checked", "task": task, "check": check, "verdicts": [_checkmark_to_json(v) for v in marks]}
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
    except (TypeError, ValueError, AttributeError, OverflowError, BadInput) as exc:
        raise BadJournal(f"not an event: {exc}") from None


def _read(row: dict[str, Any]) -> Event:
    match row["event"]:
        case "replied":
            reply = _reply_from_json(row["reply"])
            question, source = _texts(row, "question", "source")
            at = _seconds(row.get("at", 0))
            return Replied(_text(row["key"]), _text(row["digest"]), reply, question, source, at)
        case "proposed":
            verdicts = tuple(_verdict_from_json(each) for each in row["verdicts"])
            shown = tuple(_text(each) for each in _list(row["shown"]))
            return Proposed(_count(row["index"]), shown, verdicts, _flag(row.get("failed", False)))
        case "annotated":
            instances = tuple(_instance_from_json(each) for each in row["instances"])
            refused = tuple(Refused(_instance_from_json(each), _text(each["rule"])) for each in row["refused"])
            kind = _flag(row["is_classification"])
            return Annotated(_text(row["task"]), kind, instances, refused, _flag(row.get("failed", False)))
        case "failed":
            source = _text(row.get("source", ""))
            return Failed(_text(row["key"]), _text(row["digest"]), _count(row["status"]), _text(row["reason"]), source)
        case "checked":
            marks = tuple(_checkmark_from_json(each) for each in row["verdicts"])
            return Checked(_text(row["task"]), _text(row["check"]), marks, _flag(row.get("failed", False)))
        case "recorded":
            pairs = tuple((_text(text), float(score)) for text, score in row["most_similar"])
            mean = None if row["mean"] is None else float(row["mean"])
            return Recorded(_text(row["task"]), pairs, mean, _whole(row["request_idx"]))
        case "started":
            return _read_started(row)
    raise NewerJournal(f"unknown event {row['event']!r:.60}; a newer bootstruct may have written it: install that one")


def _read_started(row: dict[str, Any]) -> Started:
    version = _count(row["version"])
    if version > VERSION:
        raise NewerJournal(
            f"written by a newer bootstruct (journal version {version}, this one reads up to {VERSION}): "
            "install the newer one"
        )
    seeds = tuple(seed_from_json(seed) for seed in row["seeds"])
    recipe = recipes.from_mapping(row["recipe"], "the recipe in the journal")
    source, inherited = _text(row.get("source", "")), _count(row.get("inherited", 0))
    return Started(recipe, seeds, _text(row["origin"]), source, inherited, version)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {value!r:.60}")
    return value


def _texts(row: dict[str, Any], *names: str) -> Iterator[str]:
    """The texts under these names, empty where they were left out."""
    return (_text(row.get(name, "")) for name in names)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected a whole number, found {value!r:.60}")
    return value


def _count(value: object) -> int:
    if (number := _whole(value)) < 0:
        raise ValueError(f"expected a number of 0 or more, found {number}")
    return number


def _seconds(value: object) -> float:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else -1.0
    if not 0 <= number < 1e12:  # false for nan too
        raise ValueError(f"expected a number of seconds, found {value!r:.60}")
    return number


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"expected true or false, found {value!r:.60}")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {value!r:.60}")
    return value


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
    instances = tuple(_instance_from_json(each) for each in row["instances"])
    texts = _text(row["id"]), _text(row["instruction"])
    return Seed(*texts, instances, _flag(row["is_classification"]), _text(row["name"]))


def _instance_to_json(instance: Instance) -> dict[str, Any]:
    return {"input": instance.input, "output": instance.output}


def _instance_from_json(row: dict[str, Any]) -> Instance:
    return Instance(_text(row["input"]), _text(row["output"]))


def _verdict_from_json(row: dict[str, Any]) -> Verdict:
    rule, score, near = row.get("rule"), row.get("score"), row.get("near")
    return Verdict(
        _text(row["text"]),
        None if rule is None else _text(rule),
        None if score is None else float(score),
        None if near is None else _text(near),
        tuple(_instance_from_json(each) for each in _list(row.get("instances", []))),
    )


def _verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    row: dict[str, Any] = {"text": verdict.text}
    if verdict.rule is not None:
        row["rule"] = verdict.rule
    if verdict.score is not None:
        row |= {"score": verdict.score, "near": verdict.neighbour}
    if verdict.instances:
        row["instances"] = [_instance_to_json(each) for each in verdict.instances]
    return row


def _checkmark_to_json(mark: Checkmark) -> dict[str, Any]:
    row: dict[str, Any] = {"instance": mark.instance}
    row |= {"rule": mark.rule} if mark.rule is not None else {}
    row |= {"score": mark.score} if mark.score is not None else {}
    return row | ({"note": mark.note} if mark.note else {})


def _checkmark_from_json(row: dict[str, Any]) -> Checkmark:
    rule, score = row.get("rule"), row.get("score")
    texts = None if rule is None else _text(rule), None if score is None else float(score)
    return Checkmark(_count(row["instance"]), *texts, *_texts(row, "note"))


def _reply_to_json(reply: Reply) -> dict[str, Any]:
    row: dict[str, Any] = {"text": reply.text, "finish": reply.finish}
    if reply.prompt_tokens or reply.completion_tokens:
        row["tokens"] = [int(reply.prompt_tokens), int(reply.completion_tokens)]  # `true` would not be read again
    row |= {"model": reply.model} if reply.model else {}
    row |= {"seconds": round(reply.seconds, 3)} if reply.seconds else {}
    row |= {"retries": reply.retries} if reply.retries else {}
    return row | ({"via": reply.via} if reply.via else {})


def _reply_from_json(row: dict[str, Any]) -> Reply:
    prompt_tokens, completion_tokens = row.get("tokens", (0, 0))
    counts = _count(prompt_tokens), _count(completion_tokens)
    time = _seconds(row.get("seconds", 0)), _count(row.get("retries", 0))
    model, via = _text(row.get("model", "")), _text(row.get("via", ""))
    return Reply(_text(row["text"]), _text(row["finish"]), *counts, model, *time, via)

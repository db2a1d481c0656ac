"""Events as plain JSON values and back, each one line of the journal: two functions that are inverse to each other."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from bootstruct.config import recipe as recipes
from bootstruct.config import recipe_mapping
from bootstruct.errors import InputError, JournalError, NewerJournalError
from bootstruct.journal.events import (
    VERSION,
    CandidatesJudged,
    Event,
    ImportRecorded,
    InstancesChecked,
    ReplyReceived,
    RequestAdapted,
    RequestFailed,
    RunStarted,
    TaskCompleted,
)
from bootstruct.types import CheckVerdict, Instance, RejectedInstance, Reply, Seed, Turn, Verdict

_CHECKSUM: Final = b',"crc":"'  # the last field of a line: eight hexadecimal digits, then the end of the line
_END: Final = b'"}\n'
_CHECKSUM_BYTES: Final = len(_CHECKSUM) + 8 + len(_END)


def encode_line(event: Event, offset: int) -> bytes:
    """The line of an event, with its checksum, for this offset in the file."""
    return with_checksum(orjson.dumps(to_json(event), default=_never), offset)


def with_checksum(row: bytes, offset: int) -> bytes:
    """The line of a JSON object, with its checksum, for this offset in the file."""
    return row[:-1] + _checksum_field(row[:-1], offset)


def encode_lines(events: Iterable[Event]) -> Iterator[bytes]:
    """The lines of a whole journal, from its first event on."""
    offset = 0
    for event in events:
        line = encode_line(event, offset)
        offset += len(line)
        yield line


def decode_line(line: bytes, offset: int, needs_checksum: bool = False) -> Event:
    """The event of a line that stands at this offset in its file.

    Args:
        line: the line with its newline.
        offset: where it begins in the file, in bytes; its checksum covers this too.
        needs_checksum: whether a line without a checksum is damaged (see `has_checksum`).

    Raises:
        JournalError: the line is damaged, or is not a line of a journal; the message says in which way.
        NewerJournalError: a newer version wrote it, which may compute checksums differently.
    """
    fault, end = "", line[-_CHECKSUM_BYTES:]
    if (
        end[:8] == _CHECKSUM and end[16:] == _END
    ):  # `has_checksum` and `_checksum_field`, once for each line of a journal
        body = line[:-_CHECKSUM_BYTES]
        if b"%08x" % zlib.crc32(body, offset & 0xFFFFFFFF) != end[8:16]:
            fault = "the line was changed, moved or damaged after it was written: its checksum does not match"
        line = body + b"}"  # a checksum that is not read again is not parsed either
    elif needs_checksum:
        fault = "the line was changed or damaged after it was written: its checksum is missing"
    try:
        row = orjson.loads(line)
    except ValueError as exc:
        raise JournalError(fault or f"not an event: {str(exc).rstrip('.')}") from None
    if fault:
        _refuse_newer(row)
        raise JournalError(fault)
    return from_json(row)


def _refuse_newer(row: object) -> None:
    if isinstance(row, dict) and row.get("event") == "started" and isinstance(version := row.get("version"), int):
        _check_version(version)


def has_checksum(line: bytes) -> bool:
    """Whether a line carries a checksum. If the first line of a journal does, every line has to."""
    return line.endswith(_END) and line[-_CHECKSUM_BYTES:].startswith(_CHECKSUM)


def _checksum_field(body: bytes, offset: int) -> bytes:
    """The end of a line: a CRC-32 of its bytes that begins with its offset, so that no line can change its place."""
    return b"%b%08x%b" % (_CHECKSUM, zlib.crc32(body, offset & 0xFFFFFFFF), _END)


def _never(value: object) -> object:
    raise TypeError(f"not JSON: {type(value).__name__}")


def to_json(event: Event) -> dict[str, Any]:
    """The event as JSON values. Fields at their defaults are left out, to keep lines short."""
    match event:
        case RunStarted(recipe, seeds, origin, source, inherited, version):
            row: dict[str, Any] = {"event": "started", "version": version, "origin": origin}
            row |= {"source": source, "inherited": inherited} if source or inherited else {}
            return row | {"recipe": recipes.to_mapping(recipe), "seeds": [seed_to_json(seed) for seed in seeds]}
        case ReplyReceived(key, digest, reply, question, source, at):
            row = {"event": "replied", "key": key, "digest": digest, "reply": _reply_to_json(reply)}
            row |= {"question": question} if question else {}
            return row | ({"source": source} if source else {}) | ({"at": round(at, 2)} if at else {})
        case RequestFailed(key, digest, status, reason, source):
            row = {"event": "failed", "key": key, "digest": digest, "status": status, "reason": reason}
            return row | ({"source": source} if source else {})
        case CandidatesJudged(index, shown, verdicts, failed, unread, revises, passage, hints):
            row = {"event": "proposed", "index": index, "shown": list(shown)}
            row |= {"verdicts": [_verdict_to_json(v) for v in verdicts]} | ({"failed": True} if failed else {})
            row |= {"unread": unread} if unread else {}
            row |= ({"revises": revises} if revises else {}) | ({"passage": passage} if passage else {})
            return row | ({"hints": dict(hints)} if hints else {})
        case TaskCompleted(task, is_classification, instances, rejected, failed, why):
            row = {"event": "annotated", "task": task, "is_classification": is_classification}
            row["instances"] = [_instance_to_json(i) for i in instances]
            row["refused"] = [_instance_to_json(r.instance) | {"rule": r.rule} for r in rejected]
            return row | ({"failed": True} if failed else {}) | ({"unread": dict(why)} if why else {})
        case InstancesChecked(task, check, verdicts, failed):
            row = {
                "event": "checked",
                "task": task,
                "check": check,
                "verdicts": [_check_verdict_to_json(v) for v in verdicts],
            }
            return row | ({"failed": True} if failed else {})
        case ImportRecorded(task, most_similar, mean, request_idx):
            pairs = [[text, score] for text, score in most_similar]
            row = {"event": "recorded", "task": task, "most_similar": pairs, "mean": mean}
            return row | {"request_idx": request_idx}
        case RequestAdapted(server, model, field, change, reason):
            row = {"event": "adapted", "server": server, "model": model, "field": field, "change": change}
            return row | {"reason": reason}


def from_json(row: object) -> Event:
    """The event of a line. Raises JournalError that says what is wrong with it."""
    if not isinstance(row, dict):
        raise JournalError("not an event: expected an object")
    try:
        return _read(row)
    except KeyError as exc:
        raise JournalError(f"not an event: {exc} is missing") from None
    except (TypeError, ValueError, AttributeError, OverflowError, InputError) as exc:
        raise JournalError(f"not an event: {exc}") from None


def _read(row: dict[str, Any]) -> Event:
    match row["event"]:
        case "replied":
            reply = _reply_from_json(row["reply"])
            question, source = _text(row.get("question", "")), _text(row.get("source", ""))
            at = _seconds(row.get("at", 0))
            return ReplyReceived(_text(row["key"]), _text(row["digest"]), reply, question, source, at)
        case "proposed":
            verdicts = tuple(_verdict_from_json(verdict) for verdict in row["verdicts"])
            shown = tuple(_text(name) for name in _list(row["shown"]))
            failed = _flag(row.get("failed", False))
            texts = _text(row.get("unread", "")), _text(row.get("revises", "")), _text(row.get("passage", ""))
            hints = tuple((_text(name), _text(value)) for name, value in row.get("hints", {}).items())
            return CandidatesJudged(_count(row["index"]), shown, verdicts, failed, *texts, hints)
        case "annotated":
            instances = tuple(_instance_from_json(instance) for instance in row["instances"])
            rejected = tuple(
                RejectedInstance(_instance_from_json(pair), _text(pair["rule"])) for pair in row["refused"]
            )
            kind = _flag(row["is_classification"])
            steps = tuple((_text(step), _text(why)) for step, why in row.get("unread", {}).items())
            failed = _flag(row.get("failed", False))
            return TaskCompleted(_text(row["task"]), kind, instances, rejected, failed, steps)
        case "failed":
            source = _text(row.get("source", ""))
            return RequestFailed(
                _text(row["key"]), _text(row["digest"]), _count(row["status"]), _text(row["reason"]), source
            )
        case "checked":
            decided = tuple(_check_verdict_from_json(verdict) for verdict in row["verdicts"])
            return InstancesChecked(_text(row["task"]), _text(row["check"]), decided, _flag(row.get("failed", False)))
        case "recorded":
            pairs = tuple((_text(text), float(score)) for text, score in row["most_similar"])
            mean = None if row["mean"] is None else float(row["mean"])
            return ImportRecorded(_text(row["task"]), pairs, mean, _whole(row["request_idx"]))
        case "adapted":
            return RequestAdapted(*(_text(row[name]) for name in ("server", "model", "field", "change", "reason")))
        case "started":
            return _read_started(row)
    raise NewerJournalError(
        f"unknown event {row['event']!r:.60}; a newer bootstruct may have written it: install that one"
    )


def _read_started(row: dict[str, Any]) -> RunStarted:
    version = _count(row["version"])
    _check_version(version)
    seeds = tuple(seed_from_json(seed) for seed in row["seeds"])
    recipe = recipe_mapping.from_mapping(row["recipe"], "the recipe in the journal")
    source, inherited = _text(row.get("source", "")), _count(row.get("inherited", 0))
    return RunStarted(recipe, seeds, _text(row["origin"]), source, inherited, version)


def _check_version(version: int) -> None:
    if version > VERSION:
        raise NewerJournalError(
            f"written by a newer bootstruct (journal version {version}, this one reads up to {VERSION}): "
            "install the newer one"
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {value!r:.60}")
    return value


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
    """The seed of a line of a journal."""
    instances = tuple(_instance_from_json(instance) for instance in row["instances"])
    texts = _text(row["id"]), _text(row["instruction"])
    return Seed(*texts, instances, _flag(row["is_classification"]), _text(row["name"]))


def _instance_to_json(instance: Instance) -> dict[str, Any]:
    row: dict[str, Any] = {"input": instance.input, "output": instance.output}
    return row | ({"turns": [_turn_to_json(turn) for turn in instance.turns]} if instance.turns else {})


def _instance_from_json(row: dict[str, Any]) -> Instance:
    turns = tuple(map(_turn_from_json, _list(row["turns"]))) if "turns" in row else ()
    return Instance(_text(row["input"]), _text(row["output"]), turns)


def _turn_to_json(turn: Turn) -> dict[str, Any]:
    row: dict[str, Any] = {"intent": turn.intent, "user": turn.user, "assistant": turn.assistant}
    return row | ({"cut": list(turn.cut)} if turn.cut else {})


def _turn_from_json(row: dict[str, Any]) -> Turn:
    cut = tuple(map(_text, _list(row.get("cut", []))))
    return Turn(_text(row["user"]), _text(row["assistant"]), _text(row.get("intent", "")), cut)


def _verdict_from_json(row: dict[str, Any]) -> Verdict:
    rule, score, near = row.get("rule"), row.get("score"), row.get("near")
    return Verdict(
        _text(row["text"]),
        None if rule is None else _text(rule),
        None if score is None else float(score),
        None if near is None else _text(near),
        tuple(map(_instance_from_json, _list(row["instances"]))) if "instances" in row else (),
        _text(row.get("note", "")),
    )


def _verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    row: dict[str, Any] = {"text": verdict.text}
    if verdict.rule is not None:
        row["rule"] = verdict.rule
    if verdict.score is not None:
        row |= {"score": verdict.score, "near": verdict.neighbour}
    if verdict.note:
        row["note"] = verdict.note
    if verdict.instances:
        row["instances"] = [_instance_to_json(instance) for instance in verdict.instances]
    return row


def _check_verdict_to_json(mark: CheckVerdict) -> dict[str, Any]:
    row: dict[str, Any] = {"instance": mark.instance}
    row |= {"rule": mark.rule} if mark.rule is not None else {}
    row |= {"score": mark.score} if mark.score is not None else {}
    row |= {"note": mark.note} if mark.note else {}
    row |= {"scores": list(mark.scores)} if mark.scores else {}
    return row | ({"answers": list(mark.answers)} if mark.answers else {})


def _check_verdict_from_json(row: dict[str, Any]) -> CheckVerdict:
    rule, score = row.get("rule"), row.get("score")
    texts = None if rule is None else _text(rule), None if score is None else float(score)
    scores = tuple(float(value) for value in _list(row.get("scores", [])))
    answers = tuple(_text(value) for value in _list(row.get("answers", [])))
    if len(scores) not in (0, 2) or len(answers) not in (0, 2) or not all(0 <= value <= 1 for value in scores):
        raise ValueError("expected the scores, from 0 to 1, and the answers of two solvers")
    return CheckVerdict(_count(row["instance"]), *texts, _text(row.get("note", "")), scores, answers)


def _reply_to_json(reply: Reply) -> dict[str, Any]:
    row: dict[str, Any] = {"text": reply.text, "finish": reply.finish}
    if reply.prompt_tokens or reply.completion_tokens:
        row["tokens"] = [int(reply.prompt_tokens), int(reply.completion_tokens)]  # `true` would not be read again
    row |= {"model": reply.model} if reply.model else {}
    row |= {"seconds": round(reply.seconds, 3)} if reply.seconds else {}
    row |= {"retries": reply.retries} if reply.retries else {}
    row |= {"via": reply.via} if reply.via else {}
    return row | ({"thought": reply.thought} if reply.thought else {})


def _reply_from_json(row: dict[str, Any]) -> Reply:
    prompt_tokens, completion_tokens = row.get("tokens", (0, 0))
    counts = _count(prompt_tokens), _count(completion_tokens)
    time = _seconds(row.get("seconds", 0)), _count(row.get("retries", 0))
    model, via, thought = _text(row.get("model", "")), _text(row.get("via", "")), _text(row.get("thought", ""))
    return Reply(_text(row["text"]), _text(row["finish"]), *counts, model, *time, via, thought)

"""Run the three steps of Self-Instruct with an exported model, and judge every reply with the strict reader.

    python pocket/judge.py MODEL_FOLDER --requests 80

The script prints JSON with figures about the instructions (read, ambiguous, unread; families, held-out families; novel ones at
ROUGE-L 0.7), the classification (share that is right), the instances (right, wrong, bad input), the few-shot accuracy, and the
answers to bare instructions.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import torch
from recipe import files
from train import questions

from bootstruct.novelty.rouge import rouge_l
from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.held_out_families import HELD_OUT
from bootstruct.pocket.world.strict_reader import AmbiguousTask, ReadTask, check_instance, read_instruction
from bootstruct.stages.templates import fill

_ITEM = re.compile(r"\n\s*\d+\.")


class Model:
    """An exported model and its tokenizer, in transformers."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokens = 0

    @torch.no_grad()
    def continue_all(
        self, prompts: list[str], length: int, temperature: float, stop: str, batch: int = 24
    ) -> list[str]:
        """Return the continuation of each prompt, cut at the first `stop`."""
        replies = []
        for start in range(0, len(prompts), batch):
            inputs = self.tokenizer(prompts[start : start + batch], return_tensors="pt", padding=True)
            inputs.pop("token_type_ids", None)
            chance = (
                {"do_sample": True, "temperature": temperature, "top_p": 0.9, "top_k": 0}
                if temperature
                else {"do_sample": False}
            )
            made = self.model.generate(**inputs, max_new_tokens=length, pad_token_id=0, **chance)
            new = made[:, inputs["input_ids"].shape[1] :]
            self.tokens += int((new != 0).sum())
            replies += [reply.split(stop)[0] for reply in self.tokenizer.batch_decode(new, skip_special_tokens=True)]
        return replies


def propose(model: Model, prompts: dict[str, str], requests: int, rng: Random) -> tuple[dict[str, Any], list[str]]:
    """Grow a pool as the first step does; return the figures and the accepted instructions."""
    pool = [json.loads(line)["instruction"] for line in prompts["seeds.jsonl"].splitlines()]
    seeds, kept, raw = list(pool), [], []
    for start in range(0, requests, 16):
        asked = []
        for _ in range(min(16, requests - start)):
            mine = rng.sample(kept, min(2, len(kept)))
            shown = rng.sample(seeds, 8 - len(mine)) + mine
            rng.shuffle(shown)
            asked.append(fill(prompts["propose.jinja"], examples=shown, only_classification=False).removesuffix("\n"))
        for reply in model.continue_all(asked, 200, 0.8, "\n\n"):
            items = _ITEM.split(reply)
            # The token limit may have cut the last item.
            for text in (item.strip() for item in items[:-1] if item.strip()):
                raw.append(text)
                if all(rouge_l(text, other) <= 0.7 for other in pool):
                    pool.append(text)
                    kept.append(text)
    return {
        "raw": describe(raw),
        "kept": describe(kept),
        "unread": [t for t in kept if read_instruction(t) is None][:12],
    }, kept


def describe(texts: list[str]) -> dict[str, Any]:
    """Return figures about what the strict reader reads in some instructions."""
    tasks = [read_instruction(text) for text in texts]
    names = {task.family.name for task in tasks if isinstance(task, ReadTask)}
    return {
        "count": len(texts),
        "distinct": len(set(texts)),
        "read": sum(isinstance(task, ReadTask) for task in tasks) / max(1, len(texts)),
        "ambiguous": sum(isinstance(task, AmbiguousTask) for task in tasks),
        "families": len(names),
        "held_out": len(names & set(HELD_OUT)),
    }


def classify(model: Model, prompts: dict[str, str], tasks: list[str]) -> tuple[dict[str, Any], list[bool]]:
    """Let the model tell the task types (step two); an answer is judged if the reader knows the family."""
    asked = [fill(prompts["classify.jinja"], instruction=text).removesuffix("\n") for text in tasks]
    written = [reply.strip().lower() == "yes" for reply in model.continue_all(asked, 3, 0, "\n")]
    known = [(text, yes, read_instruction(text)) for text, yes in zip(tasks, written, strict=True)]
    right = [yes == task.family.is_classification for _, yes, task in known if isinstance(task, ReadTask)]
    return {"asked": len(tasks), "right": sum(right) / max(1, len(right))}, written


def instances_of(reply: str, labels_first: bool) -> list[tuple[str, str]]:
    """Return the (input, output) pairs of a reply to one of the two prompts for instances."""
    if labels_first:
        return [(text, label) for label, text in re.findall(r"Class label: (.+)\nInput: (.+)", reply)]
    pairs = re.findall(r"Input: (.+)\nOutput: (.+)", reply)
    alone = re.match(r"\s*Output: (.+)", reply)
    return pairs or ([("", alone[1])] if alone else [])


def write_instances(
    model: Model, prompts: dict[str, str], tasks: list[str], kinds: list[bool], temperature: float
) -> dict[str, Any]:
    """Let the model write instances (step three), and judge them with the strict reader."""
    names = ["output_first.jinja" if kind else "input_first.jinja" for kind in kinds]
    asked = [fill(prompts[name].removesuffix("\n"), instruction=text) for name, text in zip(names, tasks, strict=True)]
    replies = model.continue_all(asked, 120, temperature, "\n\n")
    status: Counter[str] = Counter()
    weak: Counter[str] = Counter()
    samples = []
    for text, kind, reply in zip(tasks, kinds, replies, strict=True):
        found = list(dict.fromkeys(instances_of(reply, kind)))[:5]
        status["none"] += not found
        for given, output in found:
            verdict = check_instance(text, given, output)
            status[verdict] += 1
            if verdict in ("wrong", "bad input"):
                task = read_instruction(text)
                weak[task.family.name if isinstance(task, ReadTask) else "?"] += 1
                samples.append([text, given, output, verdict])
    judged = status["right"] + status["wrong"] + status["bad input"]
    return {
        "status": dict(status),
        "right": status["right"] / max(1, judged),
        "weak": weak.most_common(12),
        "samples": samples[:15],
    }


def few_shot(model: Model, shots: int, per_family: int) -> dict[str, Any]:
    """Return the share of questions that the model answers right, greedily, after solved examples."""
    asked = questions(shots, per_family, seed=4242)
    written = model.continue_all([question.prompt for question in asked], 24, 0, "\n")
    right: dict[str, list[bool]] = {}
    for question, reply in zip(asked, written, strict=True):
        right.setdefault(question.family, []).append(reply.strip() == question.answer)
    share = {name: sum(some) / len(some) for name, some in right.items()}
    weak = sorted((round(value, 2), name) for name, value in share.items() if value < 0.9)
    return {"questions": len(asked), "right": sum(map(sum, right.values())) / len(asked), "weak": weak}


def bare(model: Model, per_family: int) -> dict[str, Any]:
    """Ask bare instructions with their inputs in the headline format.

    Returns:
        The mean ROUGE-L of the whole answers and of their first lines in percent, and some samples.
    """
    rng = Random(99)
    asked, answers = [], []
    for family in FAMILIES.values():
        for _ in range(per_family if family.takes_input else 0):
            params = family.params(rng)
            text, answer = family.instance(rng, params)
            asked.append(f"{family.instruction(rng, params)}\n{text}\nAnswer:")
            answers.append(answer)
    written = model.continue_all(asked, 32, 0, "\0")
    scores = [
        (rouge_l(answer, reply), rouge_l(answer, reply.strip().split("\n")[0]))
        for answer, reply in zip(answers, written, strict=True)
    ]
    whole, cut = (100 * sum(column) / len(scores) for column in zip(*scores, strict=True))
    return {
        "questions": len(asked),
        "rouge_l_uncut": whole,
        "rouge_l_cut": cut,
        "samples": list(zip(asked, written, strict=True))[:3],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--requests", type=int, default=48)
    parser.add_argument("--each", type=int, default=3, help="few-shot and bare questions per family")
    parser.add_argument("--tasks", type=int, default=150, help="instructions that steps two and three work on")
    parser.add_argument("--temperature", type=float, action="append", help="of step three; may be given again")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    model, prompts, began = Model(arguments.folder), files(), time.time()
    result: dict[str, Any] = {}
    result["instructions"], kept = propose(model, prompts, arguments.requests, Random(3))
    tasks = kept[: arguments.tasks]
    result["classification"], kinds = classify(model, prompts, tasks)
    for temperature in arguments.temperature or [0.0, 0.5]:
        result[f"instances at {temperature}"] = write_instances(model, prompts, tasks, kinds, temperature)
    result["seconds"], result["tokens"] = round(time.time() - began, 1), model.tokens
    result["kept sample"] = Random(1).sample(kept, min(12, len(kept)))
    for shots in (0, 2):
        result[f"{shots}-shot"] = few_shot(model, shots, arguments.each)
    result["bare"] = bare(model, arguments.each)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

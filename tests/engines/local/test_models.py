"""Models on this machine, with tiny real ones: what is in a batch changes no reply, and replies are what was asked for."""

import asyncio
import dataclasses
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install 'bootstruct[local]'")
pytest.importorskip("transformers", reason="transformers is not installed: pip install 'bootstruct[local]'")

from bootstruct.engines.local import GenerationStoppedError  # noqa: E402
from bootstruct.engines.local.causal import CausalModel  # noqa: E402
from bootstruct.errors import EngineUnavailableError, RequestRejectedError  # noqa: E402
from bootstruct.types import Message, Prompt, Reply, Sampling  # noqa: E402
from tests.support import local_models as tiny  # noqa: E402

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def causal() -> Any:
    return tiny.loaded(tiny.causal_folder())


@pytest.fixture(scope="module")
def seq2seq() -> Any:
    return tiny.loaded(tiny.seq2seq_folder())


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
def test_replies_do_not_depend_on_their_batch(kind: str, request: pytest.FixtureRequest) -> None:
    """Greedy and sampled, penalties and stops, prompts of many lengths: at 1, 8 and 40, and in another order."""
    model = request.getfixturevalue(kind)
    prompts = tiny.prompts(40)
    alone = tiny.in_batches(model, prompts, 1)
    assert tiny.in_batches(model, prompts, 8) == alone
    assert tiny.in_batches(model, prompts, 40) == alone
    assert tiny.in_batches(model, prompts[::-1], 16) == alone[::-1]
    assert len({reply.text for reply in alone}) > 20


def test_greedy_replies_are_those_of_transformers(causal: Any, seq2seq: Any) -> None:
    import torch

    for model in (causal, seq2seq):
        for prompt in tiny.prompts(6, tokens=20, temperature=0.0, stop=(), presence_penalty=0.0, frequency_penalty=0.0):
            ids = torch.tensor([model.tokenization.tokens(prompt)])
            settings = {"do_sample": False, "max_new_tokens": 20, "attention_mask": torch.ones_like(ids)}
            out = model.model.generate(ids, **settings)[0].tolist()
            written = out[ids.shape[1] :] if model is causal else out[1:]
            written = written[: written.index(0)] if 0 in written else written
            (reply,) = model.generate([prompt], tiny.never)
            assert reply.text == model.tokenization.text(written)


def test_another_seed_is_another_reply_and_the_same_seed_the_same(causal: Any) -> None:
    one = Prompt("propose", "tiny", Sampling(temperature=1.0, max_tokens=20), 1, text="Task:")
    other = dataclasses.replace(one, sample=2)
    first, second, third = causal.generate([one, other, one], tiny.never)
    assert first == third != second


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
def test_stop_strings_end_a_reply_and_are_no_part_of_it(kind: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(kind)
    prompt = tiny.prompts(2, tokens=60, temperature=1.0)[1]
    (whole,) = model.generate([prompt], tiny.never)
    middle = len(whole.text) // 2
    for stop in (whole.text[middle], whole.text[middle : middle + 7]):
        asked = dataclasses.replace(prompt, sampling=dataclasses.replace(prompt.sampling, stop=("never such", stop)))
        (cut,) = model.generate([asked], tiny.never)
        assert cut.text == whole.text[: whole.text.index(stop)]
        assert cut.finish == "stop"
        assert cut.completion_tokens < whole.completion_tokens


def test_lengths_counts_and_ends(causal: Any) -> None:
    prompts = tiny.prompts(8, tokens=9, stop=())
    for prompt, reply in zip(prompts, causal.generate(prompts, tiny.never), strict=True):
        assert reply.prompt_tokens == len(causal.tokenization.tokens(prompt))
        assert 1 <= reply.completion_tokens <= 9
        assert (reply.finish == "length") <= (reply.completion_tokens == 9)
        assert reply.finish in ("stop", "length")
        assert reply.model == "tiny"
    assert any(reply.is_cut for reply in causal.generate(prompts, tiny.never))


def test_the_end_token_ends_a_reply(causal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every token ends a reply it is empty and counts one token; where none does it runs to its length."""
    prompt = tiny.prompts(1, tokens=6)[0]
    for ends, expected in ((range(10_000), ("stop", 1)), ((), ("length", 6))):
        monkeypatch.setattr(
            causal, "decode_settings", dataclasses.replace(causal.decode_settings, ends=frozenset(ends))
        )
        (reply,) = causal.generate([prompt], tiny.never)
        assert (reply.finish, reply.completion_tokens) == expected
        assert bool(reply.text) == (expected[0] == "length")


def test_penalties_are_felt(causal: Any) -> None:
    """A random model repeats itself when greedy; with penalties no token comes twice."""
    prompt = tiny.prompts(1, tokens=40, temperature=0.0)[0]
    heavy = dataclasses.replace(prompt, sampling=dataclasses.replace(prompt.sampling, presence_penalty=1000.0))
    plain, varied = causal.generate([prompt, heavy], tiny.never)
    tokens = [causal.tokenization.tokenizer(reply.text)["input_ids"] for reply in (plain, varied)]
    assert len(set(tokens[0])) < len(tokens[0]) / 2
    assert plain.text != varied.text
    assert len(set(varied.text.split("\ufffd"))) > len(set(plain.text.split("\ufffd")))


def test_a_prompt_longer_than_the_context_costs_only_itself(causal: Any) -> None:
    context = causal.tokenization.context
    long = Prompt("kind", "tiny", Sampling(max_tokens=4), 0, text="yes " * context)
    short = dataclasses.replace(long, text="yes")
    bad, good = causal.generate([long, short], tiny.never)
    assert isinstance(bad, RequestRejectedError)
    assert str(context) in bad.reason
    assert isinstance(good, Reply)


def test_chat_prompts_go_through_the_template(causal: Any, seq2seq: Any) -> None:
    messages = (Message("system", "Be brief."), Message("user", "Task one"))
    sampling = Sampling(max_tokens=5)
    chat = Prompt("kind", "tiny", sampling, 0, messages=messages)
    text = Prompt("kind", "tiny", sampling, 0, text="<|system|>\nBe brief.\n<|user|>\nTask one\n<|assistant|>\n")
    one, other = causal.generate([chat, text], tiny.never)
    assert one == other
    with pytest.raises(EngineUnavailableError, match="no chat template"):
        seq2seq.generate([chat], tiny.never)


def test_stopping_is_heard_between_tokens(causal: Any) -> None:
    asked = iter([False, False, True])
    with pytest.raises(GenerationStoppedError):
        causal.generate(tiny.prompts(2, tokens=500, temperature=1.0, stop=()), lambda: next(asked))


def with_prefix(count: int, step: str = "kind") -> list[Prompt]:
    shots = "".join(f"Task: number {n}\nIs it classification? {'Yes' if n % 3 else 'No'}\n\n" for n in range(12))
    ways = [Sampling(max_tokens=12), Sampling(temperature=1.0, top_p=0.9, max_tokens=12)]
    return [
        Prompt(step, "tiny", ways[n % 2], n, text=f"{shots}Task: {'a word ' * (n % 5)}{n}\nIs it classification?")
        for n in range(count)
    ]


def test_the_shared_prefix_changes_no_reply() -> None:
    sharing = tiny.loaded(tiny.causal_folder())
    plain = CausalModel(sharing.model, sharing.tokenization, share=False)
    prompts = [*with_prefix(30), *tiny.prompts(10)]
    expected = tiny.in_batches(plain, prompts, 40)
    assert tiny.in_batches(sharing, prompts, 40) == expected
    assert tiny.in_batches(sharing, prompts, 7) == expected
    assert tiny.in_batches(sharing, prompts, 1) == expected
    assert sharing.prefixes.computed <= 3
    assert sharing.prefixes.reused >= 30


def test_models_whose_cache_is_of_another_kind_are_not_shared() -> None:
    """Sliding windows: transformers' own cache, no prefix; replies still do not depend on their batch."""
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    from bootstruct.engines.local.tokenization import Tokenization

    torch.manual_seed(2)
    known = tiny.loaded(tiny.causal_folder())
    config = MistralConfig(
        vocab_size=known.model.config.vocab_size, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, sliding_window=16, eos_token_id=0, pad_token_id=1, bos_token_id=0,
    )  # fmt: skip
    model = MistralForCausalLM(config).eval()
    sliding = CausalModel(model, Tokenization(known.tokenization.tokenizer, model, "sliding"))
    assert sliding.prefixes is None
    prompts = with_prefix(9)
    assert tiny.in_batches(sliding, prompts, 9) == tiny.in_batches(sliding, prompts, 1)


def test_a_batch_that_does_not_fit_is_halved(causal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from bootstruct.engines.local import causal as module

    prompts = tiny.prompts(12)
    expected = tiny.in_batches(causal, prompts, 12)
    sizes: list[int] = []
    real = module.CausalBatch.__init__

    def short(self: Any, model: Any, layers: Any, rows: Any, *rest: Any) -> None:
        sizes.append(len(rows))
        if len(rows) > 3:
            raise MemoryError
        real(self, model, layers, rows, *rest)

    monkeypatch.setattr(module.CausalBatch, "__init__", short)
    assert causal.generate(prompts, tiny.never) == expected
    assert max(sizes) > 3
    assert min(sizes) <= 3


def test_through_the_engine_all_get_their_own(causal: Any) -> None:
    from bootstruct.engines.local.batcher import BatchingEngine

    prompts = tiny.prompts(24)

    async def story() -> list[Reply]:
        engine = BatchingEngine(lambda name: causal)
        try:
            return await asyncio.gather(*(engine.complete(prompt) for prompt in prompts))
        finally:
            await engine.aclose()

    assert asyncio.run(story()) == tiny.in_batches(causal, prompts, 1)

"""A tiny real language model, made in seconds: a Llama of random weights with a tokenizer and a chat template."""

import json
from pathlib import Path

CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def make(folder: Path) -> Path:
    """Write a standard model folder (config, tokenizer, safetensors)."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=["<|end|>", "<|pad|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(
        [json.dumps(CHAT), "Task Input Output Example Class label Yes No 1. 2. 3."] * 20, trainer
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|pad|>")
    fast.chat_template = CHAT
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=8192, eos_token_id=0, pad_token_id=1, bos_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.generation_config.do_sample = True  # without it, the server decodes greedily whatever the request says
    model.save_pretrained(folder, safe_serialization=True)
    return folder

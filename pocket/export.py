"""Turn a checkpoint into a standard Hugging Face folder: config.json, tokenizer files, and model.safetensors in fp16."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save
from train import Pocket, Shape

_BLOCK = {
    "norm1": "input_layernorm",
    "norm2": "post_attention_layernorm",
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "out": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}


def llama_config(shape: Shape) -> dict[str, object]:
    """Return the shape under transformers' names."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "head_dim": shape.width // shape.heads,
        "intermediate_size": shape.inner,
        "max_position_embeddings": shape.context,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 0,
        "torch_dtype": "float16",
    }


def llama_weights(model: Pocket) -> dict[str, torch.Tensor]:
    """Return the weights in fp16 under transformers' names, without the output layer, which is the embedding."""
    weights = {"model.embed_tokens.weight": model.embed.weight, "model.norm.weight": model.norm.weight}
    for number, block in enumerate(model.blocks):
        for ours, theirs in _BLOCK.items():
            weights[f"model.layers.{number}.{theirs}.weight"] = getattr(block, ours).weight
    return {name: weight.detach().half().contiguous().clone() for name, weight in weights.items()}


def export(run: Path, target: Path) -> dict[str, str]:
    """Write the model folder; return the SHA-256 of each file by name."""
    target.mkdir(parents=True, exist_ok=True)
    saved = torch.load(run / "checkpoint.pt")
    shape = Shape(vocabulary=saved["model"]["embed.weight"].shape[0])
    model = Pocket(shape)
    model.load_state_dict(saved["model"])
    (target / "model.safetensors").write_bytes(save(llama_weights(model), metadata={"format": "pt"}))
    (target / "config.json").write_text(json.dumps(llama_config(shape), indent=2) + "\n", encoding="utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(run / name, target / name)
    files = sorted(path for path in target.iterdir() if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the folder of the training run")
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    for name, digest in export(arguments.run, arguments.target).items():
        print(f"{digest}  {name}")


if __name__ == "__main__":
    main()

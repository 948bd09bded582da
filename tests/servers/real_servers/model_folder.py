"""The small model as a folder in the form of Hugging Face, for transformers and vLLM: made from its GGUF file."""

from __future__ import annotations

import json
import shutil
import struct
from array import array
from pathlib import Path

from .gguf import GGUF, Tensor

_PLUGIN = Path(__file__).resolve().parents[3] / "plugins" / "backends" / "local"
MODEL = _PLUGIN / "src" / "backbay_local" / "models" / "backbay-tiny-q8_0.gguf"
_TOKENIZER = _PLUGIN / "model" / "tokenizer.json"
_TEMPLATE = _PLUGIN / "model" / "chat_template.jinja"

_NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""What llama.cpp's names of a layer's weights are in transformers."""


def write_folder(folder: Path) -> None:
    """Write configuration, tokenizer and weights into ``folder``, which is made."""
    model = GGUF(MODEL)
    folder.mkdir(parents=True, exist_ok=True)
    said = {name.removeprefix("llama."): value for name, value in model.values.items()}
    (folder / "config.json").write_text(json.dumps(_config(said, model), indent=1), encoding="utf-8")
    special = {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    tokenizer = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **special,
        "model_max_length": said["context_length"],
        "clean_up_tokenization_spaces": False,
        "chat_template": _TEMPLATE.read_text(encoding="utf-8").rstrip("\n"),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=1), encoding="utf-8")
    generation = {**_tokens(said), "max_new_tokens": 256}
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=1), encoding="utf-8")
    shutil.copy(_TOKENIZER, folder / "tokenizer.json")
    heads, groups = said["attention.head_count"], said["attention.head_count_kv"]
    _write_weights(
        folder / "model.safetensors", _renamed(model, {"attn_q": int(str(heads)), "attn_k": int(str(groups))})
    )


def _config(said: dict[str, object], model: GGUF) -> dict[str, object]:
    heads, width = int(str(said["attention.head_count"])), int(str(said["embedding_length"]))
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": model.tensors["token_embd.weight"].rows,
        "hidden_size": width,
        "intermediate_size": said["feed_forward_length"],
        "num_hidden_layers": said["block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": said["attention.head_count_kv"],
        "head_dim": width // heads,
        "max_position_embeddings": said["context_length"],
        "rms_norm_eps": said["attention.layer_norm_rms_epsilon"],
        "rope_theta": said["rope.freq_base"],
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        **_tokens(said),
        "torch_dtype": "float32",
        "attention_bias": False,
        "mlp_bias": False,
    }


def _tokens(said: dict[str, object]) -> dict[str, object]:
    kinds = {"bos": "bos", "eos": "eos", "pad": "padding"}
    return {f"{name}_token_id": said[f"tokenizer.ggml.{kind}_token_id"] for name, kind in kinds.items()}


def _renamed(model: GGUF, heads: dict[str, int]) -> dict[str, Tensor]:
    """Return the weights by their names in transformers, in transformers' order of rotary positions."""
    found = {
        "model.embed_tokens.weight": model.tensors["token_embd.weight"],
        "model.norm.weight": model.tensors["output_norm.weight"],
    }
    for name, tensor in model.tensors.items():
        if not name.startswith("blk."):
            continue
        _, layer, part, _ = name.split(".")
        rows = _halved(tensor, heads[part]) if part in heads else tensor
        found[f"model.layers.{layer}.{_NAMES[part]}.weight"] = rows
    return found


def _halved(tensor: Tensor, heads: int) -> Tensor:
    """Return a projection whose pairs of rows, which llama.cpp has side by side, are half a head apart."""
    size = tensor.rows // heads
    data = array("f")
    for head in range(heads):
        for half in (0, 1):
            for row in range(head * size + half, (head + 1) * size, 2):
                data += tensor.data[row * tensor.columns : (row + 1) * tensor.columns]
    return Tensor(tensor.rows, tensor.columns, data)


def _write_weights(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write a safetensors file (format: the README of the safetensors repository, read 2026-11-21)."""
    head: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, tensor in tensors.items():
        size = len(tensor.data) * tensor.data.itemsize
        shape = [tensor.columns] if tensor.rows == 1 else [tensor.rows, tensor.columns]
        head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.data.tobytes())

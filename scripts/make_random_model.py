#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""A Hugging Face folder of a given shape with random BF16 weights: for measuring time and memory
where the real model is out of reach. Its answers mean nothing.

usage: make_random_model.py FOLDER [--shape llama-3.2-3b] [--layers N]
"""

import argparse
import array
import json
import math
import os
import random
import struct

# From the models' published configurations.
SHAPES = {
    "llama-3.2-1b": dict(hidden=2048, ffn=8192, layers=16, heads=32, kv_heads=8, head_dim=64,
                         vocabulary=128256, tied=True),
    "llama-3.2-3b": dict(hidden=3072, ffn=8192, layers=28, heads=24, kv_heads=8, head_dim=128,
                         vocabulary=128256, tied=True),
    "llama-3.1-8b": dict(hidden=4096, ffn=14336, layers=32, heads=32, kv_heads=8, head_dim=128,
                         vocabulary=128256, tied=False),
}
SHARD_BYTES = 5_000_000_000
POOL_VALUES = 1 << 22  # 8 MB of weights look random to every cache


def config_of(s):
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16",
        "hidden_size": s["hidden"], "intermediate_size": s["ffn"],
        "num_hidden_layers": s["layers"], "num_attention_heads": s["heads"],
        "num_key_value_heads": s["kv_heads"], "head_dim": s["head_dim"],
        "vocab_size": s["vocabulary"], "tie_word_embeddings": s["tied"], "hidden_act": "silu",
        "rms_norm_eps": 1e-05, "max_position_embeddings": 131072, "rope_theta": 500000.0,
        "rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 8192},
        "attention_bias": False, "mlp_bias": False, "bos_token_id": 256, "eos_token_id": 257,
    }


def byte_letters():
    """GPT-2's letters for the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {b: chr(b) for b in plain}
    for b in range(256):
        if b not in letters:
            letters[b] = chr(256 + len(letters) - len(plain))
    return [letters[b] for b in range(256)]


def tokenizer():
    """Every byte is a token; no merges."""
    special = ["<|begin_of_text|>", "<|end_of_text|>"]
    return {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None,
        "added_tokens": [{"id": 256 + i, "content": name, "single_word": False, "lstrip": False,
                          "rstrip": False, "normalized": False, "special": True}
                         for i, name in enumerate(special)],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                          "use_regex": True},
        "post_processor": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                           "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                    "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False,
                  "vocab": {letter: b for b, letter in enumerate(byte_letters())}, "merges": []},
    }


def tensors_of(s):
    """Name and shape, in the order of the files."""
    q, kv = s["heads"] * s["head_dim"], s["kv_heads"] * s["head_dim"]
    hidden, ffn = s["hidden"], s["ffn"]
    yield "model.embed_tokens.weight", [s["vocabulary"], hidden]
    for layer in range(s["layers"]):
        block = f"model.layers.{layer}."
        yield block + "input_layernorm.weight", [hidden]
        yield block + "self_attn.q_proj.weight", [q, hidden]
        yield block + "self_attn.k_proj.weight", [kv, hidden]
        yield block + "self_attn.v_proj.weight", [kv, hidden]
        yield block + "self_attn.o_proj.weight", [hidden, q]
        yield block + "post_attention_layernorm.weight", [hidden]
        yield block + "mlp.gate_proj.weight", [ffn, hidden]
        yield block + "mlp.up_proj.weight", [ffn, hidden]
        yield block + "mlp.down_proj.weight", [hidden, ffn]
    yield "model.norm.weight", [hidden]
    if not s["tied"]:
        yield "lm_head.weight", [s["vocabulary"], hidden]


def as_bf16(values):
    raw = array.array("f", values).tobytes()
    out = bytearray(len(raw) // 2)
    out[0::2], out[1::2] = raw[2::4], raw[3::4]
    return bytes(out)


class Pool:
    """Normal values of variance 1 / cols, of which tensors are put together."""

    def __init__(self):
        rng = random.Random(20260101)
        self.values = [rng.gauss(0, 1) for _ in range(POOL_VALUES)]
        self.pools = {}
        self.rng = rng

    def write(self, out, shape):
        if len(shape) == 1:
            out.write(as_bf16([1.0]) * shape[0])
            return
        cols = shape[-1]
        if cols not in self.pools:
            scale = 1 / math.sqrt(cols)
            self.pools[cols] = as_bf16([v * scale for v in self.values])
        pool, left = self.pools[cols], 2 * math.prod(shape)
        while left > 0:
            first = 2 * self.rng.randrange(POOL_VALUES // 2)
            part = pool[first:first + min(left, len(pool) // 2)]
            out.write(part)
            left -= len(part)


def write_shard(path, tensors, pool):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors:
        size = 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for _, shape in tensors:
            pool.write(out, shape)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--shape", choices=SHAPES, default="llama-3.2-3b")
    parser.add_argument("--layers", type=int, help="fewer than the shape has")
    args = parser.parse_args()
    shape = dict(SHAPES[args.shape])
    if args.layers:
        shape["layers"] = args.layers
    os.makedirs(args.folder, exist_ok=True)

    def write_json(name, value):
        with open(os.path.join(args.folder, name), "w", encoding="utf-8") as out:
            json.dump(value, out)

    write_json("config.json", config_of(shape))
    write_json("tokenizer.json", tokenizer())
    write_json("tokenizer_config.json",
               {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>",
                "eos_token": "<|end_of_text|>", "add_bos_token": True})
    shards, size = [[]], 0
    for name, extents in tensors_of(shape):
        n = 2 * math.prod(extents)
        if size + n > SHARD_BYTES and shards[-1]:
            shards.append([])
            size = 0
        shards[-1].append((name, extents))
        size += n
    pool = Pool()
    weight_map, total = {}, 0
    for i, tensors in enumerate(shards):
        name = f"model-{i + 1:05}-of-{len(shards):05}.safetensors"
        write_shard(os.path.join(args.folder, name), tensors, pool)
        weight_map.update({tensor: name for tensor, _ in tensors})
        total += sum(2 * math.prod(extents) for _, extents in tensors)
    write_json("model.safetensors.index.json",
               {"metadata": {"total_size": total}, "weight_map": weight_map})
    print(f"{args.folder}: {total:,} bytes of weights in {len(shards)} files")


if __name__ == "__main__":
    main()

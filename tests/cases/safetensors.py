# SPDX-License-Identifier: Apache-2.0

"""Hugging Face folders in plain Python, so that a case can change one thing of a good one.

    folder = safetensors.copy(case.model_path("config_json_infinity"), "model")
    folder.config["tie_word_embeddings"] = True
    folder.tensors["mtp.fc.weight"] = ("F16", [2, 2], bytes(8))
    folder.write()

Tensors are (type, shape, bytes) by name, shapes with the contiguous axis last.
"""
import json
import pathlib
import shutil
import struct

import case

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"


def read(path):
    """The tensors of one file."""
    data = pathlib.Path(path).read_bytes()
    n, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__", None)
    return {name: (record["dtype"], record["shape"],
                   data[8 + n + record["data_offsets"][0]:8 + n + record["data_offsets"][1]])
            for name, record in header.items()}


def write(path, tensors, metadata=None):
    header, offset = {}, 0
    if metadata:
        header["__metadata__"] = metadata
    for name, (kind, shape, data) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


class Folder:
    """A folder whose config.json and weights are held here and whose other files lie on disk."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.config = json.loads((self.path / "config.json").read_text())
        self.index = None
        self.metadata = None
        self.tensors = {}
        for file in sorted(self.path.glob("*.safetensors")):
            self.tensors.update(read(file))

    def write(self, shards=None, index=None):
        """One file, or shards: {file: [names]} and what the index says of them (the truth when
        None), as a weight map."""
        (self.path / "config.json").write_text(json.dumps(self.config))
        for file in [*self.path.glob("*.safetensors"), *self.path.glob("*.index.json")]:
            file.unlink()
        if shards is None:
            write(self.path / SINGLE, self.tensors, self.metadata)
            return
        for file, names in shards.items():
            write(self.path / file, {name: self.tensors[name] for name in names}, self.metadata)
        if index is None:
            index = {name: file for file, names in shards.items() for name in names}
        (self.path / INDEX).write_text(json.dumps({"weight_map": index}))


def copy(source, target):
    """A copy of a folder, writable whatever the source is."""
    pathlib.Path(target).mkdir(exist_ok=True)
    for file in pathlib.Path(source).iterdir():
        shutil.copyfile(file, pathlib.Path(target) / file.name)
    return Folder(target)


_OF_GGUF = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
            "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
            "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
            "ffn_norm": "post_attention_layernorm", "token_embd": "model.embed_tokens",
            "output_norm": "model.norm", "output": "lm_head"}


def tiny_llama(target):
    """case.tiny_llama() as a folder: the same answers."""
    folder = copy(case.model_path("config_json_infinity"), target)
    del folder.config["time_step_limit"]
    dim = folder.config["head_dim"]
    folder.tensors = {}
    for name, dims, kind, data in case.tiny_llama().tensors:
        stem = name.rsplit(".", 1)[0]
        if stem.startswith("blk."):
            _, layer, part = stem.split(".")
            hf = f"model.layers.{layer}.{_OF_GGUF[part]}.weight"
            if part in ("attn_q", "attn_k"):  # a head's halves take turns in GGUF files
                rows = [data[i:i + 2 * dims[0]] for i in range(0, len(data), 2 * dims[0])]
                heads = [rows[i:i + dim] for i in range(0, len(rows), dim)]
                data = b"".join(row for head in heads for row in head[0::2] + head[1::2])
        else:
            hf = _OF_GGUF[stem] + ".weight"
        folder.tensors[hf] = ({0: "F32", 1: "F16"}[kind], dims[::-1], data)
    return folder

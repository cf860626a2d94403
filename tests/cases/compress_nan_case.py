# SPDX-License-Identifier: Apache-2.0

"""A NaN among the source's weights, as a failed merge leaves it. Whatever is asked for, compress
names tensor and row and leaves no file. (turboderp-org/exllamav2 PR 622.)

Second inputs: an infinity, in other containers and types, in a norm that would only be copied, and
ways of asking that read no text."""
import json
import math
import os
import pathlib
import shutil
import struct

import case
import gguf
import safetensors

GATE = "blk.0.ffn_gate.weight"  # bf16, rows of 256
NAN, INFINITY = 0x7fc0, 0xff80


def source(bits, at=515):
    model = gguf.read(case.model_path("compress_f16_overflow.gguf"))
    data = bytearray(model.tensor(GATE)[3])
    data[0:2] = struct.pack("<H", 0x3dac)  # in place of 70,144
    data[2 * at:2 * at + 2] = struct.pack("<H", bits)
    model.replace(GATE, bytes(data))
    return model


def folder_with_nan(path, tensor, row):
    """A Hugging Face folder of the golden families, with words, and a NaN in front of a row."""
    golden = case.HERE.parent / "golden"
    shutil.copytree(golden / "families" / "qwen2", path)
    words = json.loads((golden / "tokenizer" / "qwen2.json").read_text())
    rows = len(words["tokenizer"]["model"]["vocab"]) + len(words["tokenizer"]["added_tokens"])
    folder = pathlib.Path(path)
    (folder / "tokenizer.json").write_text(json.dumps(words["tokenizer"]))
    (folder / "tokenizer_config.json").write_text(json.dumps(words["tokenizer_config"]))
    config = json.loads((folder / "config.json").read_text())
    config["vocab_size"] = rows
    (folder / "config.json").write_text(json.dumps(config))
    data = (folder / "model.safetensors").read_bytes()
    start = 8 + struct.unpack_from("<Q", data)[0]
    head, out = json.loads(data[8:start]), bytearray()
    for name, entry in head.items():
        if name == "__metadata__":
            continue
        first, end = entry["data_offsets"]
        values = bytearray(data[start + first:start + end])
        row_bytes = len(values) // entry["shape"][0]
        if name == "model.embed_tokens.weight":
            values = (values * (rows // entry["shape"][0] + 1))[:rows * row_bytes]
            entry["shape"][0] = rows
        if name == tensor:
            values[row * row_bytes:row * row_bytes + 2] = b"\xff\xff"  # bf16
        entry["data_offsets"] = [len(out), len(out) + len(values)]
        out += values
    text = json.dumps(head).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + out)


def refused(path, *options, said=f"tensor {GATE} [16, 256], row 2: NaN or infinite"):
    case.run("compress", path, "out.gguf", *options, code=6, err=said)
    case.check(not os.path.exists("out.gguf"), f"{options}: a file was left")
    case.check(not os.path.exists("out.md"), f"{options}: a card was left")


with case.folder():
    source(NAN).write("m.gguf")
    for kind in ("Q4_K", "Q6_K", "IQ2_XS", "F16", "BF16", "Q8_0", "F32"):
        refused("m.gguf", "--type", kind)
    with open("text.txt", "w") as text:
        text.write("one two three four five six seven eight nine ten " * 100)
    refused("m.gguf", "--type", "Q4_K", "--text", "text.txt")
    refused("m.gguf", "--size", "60kB", "--text", "text.txt")
    case.run("compress", "m.gguf", "--plan", "--text", "text.txt", code=6, err="row 2: NaN")
    refused("m.gguf", "--type", "Q8_0", "--only", "ffn_gate=keep")

    source(INFINITY, at=15 * 256).write("inf.gguf")
    refused("inf.gguf", "--type", "Q5_K", said=f"tensor {GATE} [16, 256], row 15: NaN or infinite")

    # A scale that is no number, in a block that would be copied as it is.
    model = source(0x3c00)
    blocks = bytearray(struct.pack("<e", 0.01) + bytes(32)) * (16 * 8)
    blocks[9 * 8 * 34:9 * 8 * 34 + 2] = struct.pack("<H", 0x7c00)
    model.replace(GATE, bytes(blocks), type=8)
    model.write("q8.gguf")
    refused("q8.gguf", "--type", "Q8_0", said=f"tensor {GATE} [16, 256], row 9: NaN or infinite")

    model = source(0x3c00)
    norm = list(struct.unpack("<256f", model.tensor("blk.0.ffn_norm.weight")[3]))
    norm[7] = float("inf")
    model.replace("blk.0.ffn_norm.weight", gguf.floats(norm))
    model.write("norm.gguf")
    refused("norm.gguf", "--type", "Q8_0",
            said="tensor blk.0.ffn_norm.weight [256], value 7: NaN or infinite")

    folder_with_nan("folder", "model.layers.1.mlp.up_proj.weight", 4)
    for kind in ("Q8_0", "F32", "BF16"):
        refused("folder", "--type", kind, said="tensor blk.1.ffn_up.weight")
    refused("folder", "--type", "Q4_0", said=", row 4: NaN or infinite")

    source(0x3c00).write("sound.gguf")
    case.run("compress", "sound.gguf", "out.gguf", "--type", "Q4_K")

# A double that no 32-bit float holds is a number all the same: the file is whole.
with case.folder():
    for name, shape in (("model.norm.weight", [32]),
                        ("model.layers.0.self_attn.q_proj.weight", [32, 32])):
        folder = safetensors.tiny_llama("model")
        n = math.prod(shape)
        for bad, code, said in ((1e300, 1, "1e+300 is beyond what 32-bit floats hold"),
                                (float("nan"), 6, "NaN or infinite")):
            values = struct.pack(f"<{n}d", *([1.0] * (n - 1) + [bad]))
            folder.tensors[name] = ("F64", shape, values)
            folder.write()
            case.run("run", "model", "-p", "Hi", "-n", 1, code=code, err=said)
            case.run("compress", "model", "o.gguf", "--type", "Q8_0", code=code, err=said)
case.end()

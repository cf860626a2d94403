# SPDX-License-Identifier: Apache-2.0

"""What no run could open is refused by name, not copied in silence: stacked experts, an unknown
architecture, a tensor that is missing, words that cannot be read.

Second inputs: the same under --only and --plan, and as a norm with two axes."""
import os

import case
import gguf

EXPERTS = "blk.0.ffn_gate_exps.weight"


def refused(path, *options, code=1, said):
    case.run("compress", path, "out.gguf", *options, code=code, err=said)
    case.check(not os.path.exists("out.gguf"), f"{path} {options}: a file was left")


with case.folder():
    model = case.tiny_llama()
    gate = model.tensor("blk.0.ffn_gate.weight")
    model.tensors.append((EXPERTS, [32, 32, 4], gate[2], gate[3] * 4))
    model.write("experts.gguf")
    said = f"tensor {EXPERTS} [4, 32, 32] has 3 axes"
    refused("experts.gguf", "--type", "Q4_0", said=said)
    refused("experts.gguf", "--type", "F32", "--only", "exps=keep", said=said)
    with open("text.txt", "w") as text:
        text.write("one two three four five six seven eight nine ten " * 100)
    case.run("compress", "experts.gguf", "--plan", "--text", "text.txt", code=1, err=said)

    model = case.tiny_llama()
    model.values["general.architecture"] = gguf.text("megalodon")
    model.write("unknown.gguf")
    refused("unknown.gguf", "--type", "Q4_0", said="megalodon")

    model = case.tiny_llama()
    model.tensors = [t for t in model.tensors if t[0] != "blk.1.ffn_up.weight"]
    model.write("missing.gguf")
    refused("missing.gguf", "--type", "Q4_0", code=6, said="tensor blk.1.ffn_up.weight")

    model = case.tiny_llama()
    norm = model.tensor("blk.0.attn_norm.weight")
    model.replace(norm[0], norm[3] * 2, dims=[32, 2])
    model.write("norm.gguf")
    refused("norm.gguf", "--type", "Q4_0", code=6, said="tensor blk.0.attn_norm.weight is [2, 32]")

    model = case.tiny_llama()
    model.values["tokenizer.ggml.model"] = gguf.text("morse")
    model.write("words.gguf")
    refused("words.gguf", "--type", "Q4_0", said="morse")
case.end()

# SPDX-License-Identifier: Apache-2.0

"""Layers that differ in their heads, as Gemma 4's global layers do from local ones. Whatever tells
the shape of a model tells it of all layers. (Sizes: the folder's config.json.)"""
import case
import gguf

TWO_HEADS = case.HERE.parent / "golden" / "families" / "gemma3_two_heads"

config = case.run("show", TWO_HEADS, "--json").json.get("config", {})
case.same("head_dim", config.get("head_dim"), [16, 32, 16])
case.same("kv_heads", config.get("kv_heads"), [1, 2, 1])
case.same("heads", config.get("heads"), 4)
facts = {}
for line in case.run("show", TWO_HEADS).out.splitlines():
    name, _, value = line.partition(" ")
    facts[name] = value.strip()
case.same("head_dim in words", facts.get("head_dim"), "16 (2 layers), 32 (1 layer)")
case.same("kv_heads in words", facts.get("kv_heads"), "1 (2 layers), 2 (1 layer)")
case.same("heads in words", facts.get("heads"), "4")

with case.folder() as work:
    # The folder has no tokenizer either; its shape is looked at before.
    case.run("compress", TWO_HEADS, "out.gguf", "--type", "q8_0", code=1,
             err="layers differ in attention.key_length (16 and 32)")
    case.check(not (work / "out.gguf").exists(), "out.gguf was begun")

    # A list for all layers that says one number is one shape.
    model = case.tiny_llama()
    heads = model.values["llama.attention.head_count"][1]
    model.values["llama.attention.head_count"] = gguf.u32s([heads, heads])
    model.write("m.gguf")
    config = case.run("show", "m.gguf", "--json").json.get("config", {})
    case.same("heads of a list", config.get("heads"), heads)
case.end()

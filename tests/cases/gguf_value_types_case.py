# SPDX-License-Identifier: Apache-2.0

"""GGUF values of other types than a key usually has: the same numbers are taken, whoever wrote
them; what cannot be meant is refused by key, and nobody is told to fetch the file again. (llama.cpp
reads head counts and feed-forward lengths as a number or a list; ids: the same file as it was.)"""
import os

import case
import gguf

IDS = [57, 154, 81, 32]
TOKENS = "tokenizer.ggml.tokens"


def run(model, path="m.gguf", **checks):
    model.write(path)
    done = case.run("run", path, "-p", "Hello", "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", no_err="fetch it again", **checks)
    return done.json.get("ids") if done.code == 0 else None


def changed(**values):
    model = case.tiny_llama()
    for key, value in values.items():
        prefix = "" if key.startswith(("tokenizer", "general")) else "llama."
        model.values[prefix + key.replace("__", ".")] = value
    return model


with case.folder():
    base = case.tiny_llama()
    n = len(base.values[TOKENS][1][1])
    f32, f64, u64, i64 = 6, 12, 10, 11
    array = lambda kind, values: (gguf.ARRAY, (kind, list(values)))

    # Arrays of other element types, and empty ones of whatever type.
    kinds = base.values["tokenizer.ggml.token_type"][1][1]
    for kind in (u64, i64, f32, f64, 1):
        case.same(f"types of type {kind}", run(changed(tokenizer__ggml__token_type=array(kind, kinds))), IDS)
    case.same("no scores", run(changed(tokenizer__ggml__scores=array(5, []))), IDS)
    # Lists that hold one number, and numbers in floats.
    case.same("a base a layer", run(changed(rope__freq_base=array(f32, [10000.0] * 2))), IDS)
    for key in ("attention__head_count", "attention__head_count_kv", "feed_forward_length"):
        value = base.values["llama." + key.replace("__", ".")][1]
        for kind in (5, u64, f32):
            case.same(f"{key} a layer", run(changed(**{key: array(kind, [value] * 2)})), IDS)
    # No window, no experts, no limit; a name that is no text.
    case.same("-1", run(changed(attention__sliding_window=gguf.i32(-1), expert_count=gguf.i32(-1),
                                context_length=(u64, 2 ** 64 - 1), general__name=gguf.u32(7))), IDS)
    # The list of ends under the key for one; a template in a list.
    case.same("two ends", run(changed(tokenizer__ggml__eos_token_id=gguf.u32s([2, 271])),
                              err="eos_token_id is a list"), IDS)
    template = gguf.text("{{ messages[0]['content'] }}")[1]
    listed = changed(tokenizer__chat_template=array(gguf.TEXT, [template]))
    listed.write("t.gguf")
    case.run("run", "t.gguf", "-p", "Hello", "-n", 1, no_err="fetch it again")
    case.same("no type of scaling", run(changed(rope__scaling__type=gguf.text(""))), IDS)

    # A tensor without dimensions that nothing uses, also when the file is written anew.
    scalar = case.tiny_llama()
    scalar.tensors.append(("logit_scale", [], gguf.F32, gguf.floats([1.0])))
    case.same("a scalar", run(scalar, err="tensor logit_scale [] is not used"), IDS)
    case.run("compress", "m.gguf", "c.gguf", "--type", "Q8_0")

    # What cannot be meant.
    run(changed(tokenizer__ggml__tokens=gguf.i32s(range(n))), code=1,
        err=f'm.gguf: key "{TOKENS}": an array of i32 where one of strings')
    run(changed(tokenizer__ggml__token_type=array(f32, [0.5] * n)), code=1, err="token_type")
    run(changed(rope__freq_base=array(f32, [10000.0, 5.0])), code=1, err="rope.freq_base")
    run(changed(feed_forward_length=gguf.texts(["a", "a"])), code=1, err="feed_forward_length")

    # A part of a split model that was renamed.
    half = case.tiny_llama()
    whole, tail = half.tensors, half.tensors[5:]
    half.tensors = half.tensors[:5]
    half.values.update({"split.no": (2, 0), "split.count": (2, 2), "split.tensors.count": gguf.i32(len(whole))})
    half.write("model.gguf")
    gguf.Model({**half.values, "split.no": (2, 1)}, tail).write("big-00002-of-00002.gguf")
    case.run("run", "model.gguf", "-p", "Hello", "-n", 1, code=1,
             err="rename it to big-00001-of-00002.gguf", no_err="fetch it again")
    os.rename("model.gguf", "big-00001-of-00002.gguf")
    done = case.run("run", "big-00001-of-00002.gguf", "-p", "Hello", "--raw", "--temp", 0, "-n", 4,
                    "--json", "--ignore-eos")
    case.same("renamed", done.json.get("ids"), IDS)
case.end()

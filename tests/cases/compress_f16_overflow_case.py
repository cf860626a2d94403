# SPDX-License-Identifier: Apache-2.0

"""A finite bf16 weight of 70,144, which f16 cannot hold. The tensor stays in bf16, which is said
with the number of such values; the file opens. (ggml-org/llama.cpp 13722.)

Second inputs: a block minimum of -1e6 under Q4_1, whose minimum is one f16 number; a value beyond
bf16 in F32; values so small that f16 scales would make zeros of them."""
import struct

import case
import gguf

GATE = "blk.0.ffn_gate.weight"
F32, F16, Q4_1, BF16 = 0, 1, 3, 30


def compressed(path, kind, *options, err=None):
    done = case.run("compress", path, "out.gguf", "--type", kind, "--force", "--json", *options,
                    err=err)
    case.run("run", "out.gguf", "-p", "a", "--raw", "-n", 1, "--temp", 0)
    row = next((t for t in done.json.get("tensors", []) if t["name"] == GATE), {})
    return gguf.read("out.gguf").tensor(GATE), row


def source():
    """The model of the case, with the words of another: rows of the embedding repeat."""
    model, words = gguf.read(case.model_path("compress_f16_overflow.gguf")), case.tiny_llama()
    model.values.update({k: v for k, v in words.values.items() if k.startswith("tokenizer.")})
    rows = len(words.values["tokenizer.ggml.tokens"][1][1])
    data = model.tensor("token_embd.weight")[3]
    model.replace("token_embd.weight", (data * (rows // 24 + 1))[:rows * 512], dims=[256, rows])
    return model


def with_gate(values):
    model = source()
    model.replace(GATE, gguf.floats(values), type=F32)
    return model


with case.folder():
    model = source()
    model.write("m.gguf")
    said = f"tensor {GATE} [16, 256]: 1 of its values is beyond what F16 can hold"
    tensor, row = compressed("m.gguf", "F16", err=said)
    case.same("type", tensor[2], BF16)
    case.same("bytes", tensor[3], model.tensor(GATE)[3])
    case.same("note", row.get("note"), "values up to 70,144 are too large for F16: BF16")
    case.same("count", row.get("values_outside"), 1)

    # A mix, in which a rule for its name decides.
    with open("text.txt", "w") as text:
        text.write("one two three four five six seven eight nine ten " * 200)
    case.run("compress", "m.gguf", "out.gguf", "--bpw", 9, "--only", "ffn_gate=F16", "--force",
             "--text", "text.txt", "--chunks", 1, err=said)
    case.same("type in a mix", gguf.read("out.gguf").tensor(GATE)[2], BF16)

    # What Q4_0 can hold (7 * 65,504) goes there.
    tensor, row = compressed("m.gguf", "Q4_0")
    case.same("type", tensor[2], 2)

    plain = [0.01 * (i % 37 - 18) for i in range(16 * 256)]
    minimum = list(plain)
    minimum[300] = minimum[2000] = -1e6
    with_gate(minimum).write("minimum.gguf")
    tensor, row = compressed("minimum.gguf", "Q4_1",
                             err="2 of its values are beyond what Q4_1 can hold")
    case.same("type", tensor[2], BF16)
    case.same("count", row.get("values_outside"), 2)
    number, = struct.unpack_from("<H", tensor[3], 600)
    case.same("-1e6 in bf16", number, 0xc974)

    huge = list(plain)
    huge[5] = 3.4e38  # below f32's largest number, rounds to infinity in bf16
    with_gate(huge).write("huge.gguf")
    for kind in ("BF16", "F16", "Q4_K"):
        tensor, row = compressed("huge.gguf", kind, err=f"beyond what {kind} can hold")
        case.same("type", tensor[2], F32)

    with_gate([1e-9 * value for value in plain]).write("tiny.gguf")
    tensor, row = compressed("tiny.gguf", "Q8_0", err="too small for Q8_0")
    case.same("type", tensor[2], BF16)
case.end()

# SPDX-License-Identifier: Apache-2.0

"""Rows of 96 columns, as SmolLM2-135M has 576 and Qwen2.5-0.5B 896: types with blocks of 256 cannot
hold them, and take the type with blocks of 32 that llama-quantize falls back to. (ggml-org/llama.cpp
6614; the table is tensor_type_fallback in its src/llama-quant.cpp.)

Second inputs: a source that is small already, so that the other type would be larger; rows of 40,
no multiple of 32 either; and a mix of types."""
import struct

import case
import gguf

F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL, MXFP4 = 1, 30, 2, 3, 6, 7, 8, 20, 39
GATE = "blk.0.ffn_gate.weight"

gguf.BLOCKS.update({MXFP4: (17, 32)})

def wide_model():
    """tiny_llama with rows of 96 in place of 32: it has words."""
    wide = case.tiny_llama()
    wide.values["llama.embedding_length"] = gguf.u32(96)
    for name, dims, kind, data in list(wide.tensors):
        if len(dims) == 1:
            wide.replace(name, data * 3, dims=[96])
        elif name.endswith(("attn_output.weight", "ffn_down.weight")):
            wide.replace(name, data * 3, dims=[dims[0], 96])
        else:
            rows = [data[64 * r:64 * (r + 1)] * 3 for r in range(dims[1])]
            wide.replace(name, b"".join(rows), dims=[96, dims[1]])
    return wide


with case.folder():
    wide_model().write("wide.gguf")
    model = gguf.read(case.model_path("width_no_multiple_of_256.gguf"))
    model.write("m.gguf")
    for kind, got in {"Q4_K": Q5_0, "Q6_K": Q8_0, "Q5_K": Q5_1, "Q3_K": Q4_0, "Q2_K": Q4_0,
                      "IQ2_XS": IQ4_NL, "IQ1_S": IQ4_NL, "IQ3_S": IQ4_NL, "IQ4_XS": IQ4_NL,
                      "TQ2_0": Q4_0, "Q1_0": Q4_0, "NVFP4": MXFP4}.items():
        done = case.run("compress", "m.gguf", "out.gguf", "--type", kind, "--force", "--json",
                        err=" tensors, the first blk.0.attn_q.weight, have rows of 96, no multiple")
        case.same(kind, gguf.read("out.gguf").tensor(GATE)[2], got)
        row = next(t for t in done.json["tensors"] if t["name"] == GATE)
        case.check(row.get("note", "").startswith("rows of 96 are no multiple of "), row)
        case.run("compress", "wide.gguf", "out.gguf", "--type", kind, "--force", "--no-card")
        case.run("run", "out.gguf", "-p", "a", "--raw", "-n", 1, "--temp", 0)
    done = case.run("compress", "m.gguf", "out.gguf", "--type", "Q4_K", "--force")
    case.check("rows of 96 are no multiple of 256: Q5_0" in done.out, done.out)

    # Calibrated, and chosen for a mix.
    with open("text.txt", "w") as text:
        text.write("one two three four five six seven eight nine ten " * 200)
    gate = "blk.1.ffn_gate.weight"
    case.run("compress", "wide.gguf", "out.gguf", "--type", "Q4_K", "--force", "--text", "text.txt",
             "--chunks", 1)
    case.same("calibrated", gguf.read("out.gguf").tensor(gate)[2], Q5_0)
    case.run("compress", "wide.gguf", "out.gguf", "--bpw", 7, "--types", "Q4_K,Q6_K", "--force",
             "--text", "text.txt", "--chunks", 1)
    mixed = {t[2] for t in gguf.read("out.gguf").tensors if len(t[1]) == 2}
    case.check(mixed <= {Q5_0, Q8_0, F16} and Q5_0 in mixed, f"types of a mix: {mixed}")

    # Q5_0 would be larger than what is there.
    case.run("compress", "m.gguf", "small.gguf", "--type", "Q4_1")
    done = case.run("compress", "small.gguf", "out.gguf", "--type", "Q4_K", "--force",
                    err="they stayed Q4_1")
    small, out = gguf.read("small.gguf"), gguf.read("out.gguf")
    case.same("kept", out.tensor(GATE), small.tensor(GATE))
    case.check("Q5_0 would not be smaller" in done.out, done.out)

    # 40 columns: F16 is what remains of F32.
    narrow = case.tiny_llama()
    narrow.values["llama.feed_forward_length"] = gguf.u32(40)
    for block in ("blk.0.", "blk.1."):
        for name in ("ffn_gate", "ffn_up"):
            data = narrow.tensor(f"{block}{name}.weight")[3]
            narrow.replace(f"{block}{name}.weight", data + data[:8 * 64], dims=[32, 40])
        data = narrow.tensor(f"{block}ffn_down.weight")[3]
        values = struct.unpack("<1024e", data)
        values = list(values) + list(values[:256])
        narrow.replace(f"{block}ffn_down.weight", gguf.floats(values), dims=[40, 32], type=0)
    narrow.write("narrow.gguf")
    case.run("compress", "narrow.gguf", "out.gguf", "--type", "Q4_0", "--force",
             err="have rows of 40, no multiple of 32 as Q4_0 needs; they became F16")
    case.same("rows of 40", gguf.read("out.gguf").tensor("blk.1.ffn_down.weight")[2], F16)
    case.run("run", "out.gguf", "-p", "a", "--raw", "-n", 1, "--temp", 0)
case.end()

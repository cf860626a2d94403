# SPDX-License-Identifier: Apache-2.0

"""YaRN in GGUF files, in folders, and in a file made of a folder. (ggml-org/llama.cpp PR 10698 and
13322; ids of the first: llama.cpp 0c1e570. The others: float64 with the two formulas below, which
are llama.cpp's ggml_rope_yarn_corr_dims and transformers' _compute_yarn_parameters.)"""
import math

import case
import float64_llama
import gguf
import safetensors

PROMPT = "The scale of this text matters much"
BASE, DIM = 10000.0, 16


def yarn(factor, original, fast=32.0, slow=1.0, truncate=True, blend=1.0):
    def pair(turns):
        return DIM * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(BASE))

    low, high = pair(fast), pair(slow)
    if truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, DIM - 1)
    frequencies = []
    for i in range(DIM // 2):
        plain = BASE ** (-2 * i / DIM)
        scaled = min(1, max(0, (i - low) / max(high - low, 0.001)))
        kept = (1 - scaled) * blend
        frequencies.append(plain / factor * (1 - kept) + plain * kept)
    return frequencies


def growth(factor, scale=1.0):
    return 0.1 * scale * math.log(factor) + 1


def answer(path, **checks):
    return case.run("run", path, "-p", PROMPT, "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", **checks).json.get("ids")


def right(model, frequencies, magnitude):
    tokens = [text.decode() for text in model.values["tokenizer.ggml.tokens"][1][1]]
    # The vocabulary's two merges: "h e" and "l l".
    pieces = PROMPT.replace(" ", "\u0120").replace("he", "\0").replace("ll", "\1")
    ids = [tokens.index({"\0": "he", "\1": "ll"}.get(piece, piece)) for piece in pieces]
    return float64_llama.Llama(model, frequencies, magnitude).greedy(ids, 4)


with case.folder():
    given = gguf.read(case.model_path("rope_yarn.gguf"))
    given.write("m.gguf")
    case.same("as it is", answer("m.gguf"), [201, 35, 260, 261])
    case.same("the reference", right(given, yarn(4, 128), growth(4)), [201, 35, 260, 261])

    scaling = {"factor": 8, "original_context_length": 16, "yarn_beta_fast": 2.0,
               "yarn_beta_slow": 0.25, "yarn_ext_factor": 0.75, "attn_factor": 0.5,
               "yarn_log_multiplier": 0.5}
    for key, value in scaling.items():
        typed = gguf.u32(value) if key == "original_context_length" else gguf.f32(value)
        given.values["llama.rope.scaling." + key] = typed
    given.write("m.gguf")
    wanted = right(given, yarn(8, 16, 2, 0.25, blend=0.75), 0.5 * growth(8) / growth(8, 0.5))
    case.same("every key", answer("m.gguf"), wanted)

    # Folders. Qwen's owners are told to add three keys; others have all of them.
    folders = {
        "as Qwen says": ({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
                         yarn(4, 16), growth(4)),
        "the context is the original": ({"rope_type": "yarn", "factor": 2.0}, yarn(2, 512), growth(2)),
        "every key": ({"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 24,
                       "beta_fast": 2, "beta_slow": 0.3, "truncate": False, "mscale": 3.0,
                       "mscale_all_dim": 0.1},
                      yarn(8, 24, 2, 0.3, truncate=False), growth(8, 3.0) / growth(8, 0.1)),
        "attention_factor": ({"rope_type": "yarn", "factor": None, "attention_factor": 0.6,
                              "original_max_position_embeddings": 64}, yarn(8, 64), 0.6),
    }
    base = case.tiny_llama()
    for name, (words, frequencies, magnitude) in folders.items():
        folder = safetensors.tiny_llama("model")
        folder.config["rope_scaling"] = words
        folder.write()
        wanted = right(base, frequencies, magnitude)
        case.same(name, answer("model"), wanted)
        case.run("compress", "model", "made.gguf", "--type", "F16", "--force")
        case.same(name + ", made a GGUF file", answer("made.gguf"), wanted)
        said = "llama.rope.scaling.type" in gguf.read("made.gguf").values
        case.same(name + ": llama.cpp has words for it", said, "truncate" not in words)
    # A family whose files have no other words is refused rather than turned by other angles.
    folder.config["architectures"], folder.config["model_type"] = ["Qwen2ForCausalLM"], "qwen2"
    folder.config["rope_scaling"] = folders["every key"][0]
    for name, (kind, shape, _) in list(folder.tensors.items()):
        if name.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight")):
            folder.tensors[name[:-6] + "bias"] = (kind, shape[:1], bytes(2 * shape[0]))
    folder.write()
    case.run("compress", "model", "other.gguf", "--type", "F16", code=1, err="rope scaling 'yarn'")
case.end()

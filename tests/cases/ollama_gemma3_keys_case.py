# SPDX-License-Identifier: Apache-2.0

"""The file that Ollama keeps for gemma3: pictures' tensors beside, and keys left out that Ollama's
engine knows by heart. (ggml-org/llama.cpp 12367; ids: with those numbers.)"""
import case
import gguf
import safetensors

IDS = [109, 109, 109, 109]
EPSILON, BASE, LOCAL = ("gemma3.attention.layer_norm_rms_epsilon", "gemma3.rope.freq_base",
                        "gemma3.rope.freq_base_swa")


def run(path, prompt="Hi", **checks):
    return case.run("run", path, "-p", prompt, "--raw", "--temp", 0, "-n", 4, "--json",
                    "--ignore-eos", **checks)


def logits(model, name, **checks):
    """What tells two configurations apart better than four ids do."""
    model.write(name)
    open("text.txt", "w").write("a text that is read twice, and longer than a few words " * 3)
    return case.run("eval", name, "--text", "text.txt", "--json", "-c", 64, **checks).json


with case.folder():
    given = gguf.read(case.model_path("ollama_gemma3_keys.gguf"))
    given.write("m.gguf")
    done = run("m.gguf", err="Ollama's engine")
    case.same("ids", done.json.get("ids"), IDS)
    pictures = [line for line in done.err.splitlines() if "pictures" in line]
    case.same("sentences about pictures", len(pictures), 1)
    case.check("2 tensors" in pictures[0] and "mm.mm_input" not in done.err, done.err)
    whole = gguf.read("m.gguf")
    whole.tensors = [t for t in whole.tensors if not t[0].startswith(("v.", "mm."))]
    for key, value in ((EPSILON, 1e-6), (BASE, 1e6), (LOCAL, 1e4)):
        whole.values[key] = gguf.f32(value)
    case.same("the same said", logits(given, "m.gguf"), logits(whole, "w.gguf", no_err="Ollama"))

    # Made anew it is a file for everybody.
    case.run("compress", "m.gguf", "made.gguf", "--type", "F16")
    made = gguf.read("made.gguf")
    case.check(EPSILON in made.values and BASE in made.values and LOCAL in made.values, "keys")
    case.check(not [t for t in made.tensors if t[0].startswith(("v.", "mm."))], "tensors")
    case.same("made anew", logits(made, "made.gguf", no_err="Ollama"), logits(whole, "w.gguf"))

    # The smallest size sees no pictures, and has the bases under Ollama's own names.
    small = gguf.read("w.gguf")
    del small.values[EPSILON], small.values[BASE], small.values[LOCAL]
    small.values["gemma3.rope.global.freq_base"] = gguf.f32(20000)
    small.values["gemma3.rope.local.freq_base"] = gguf.f32(300)
    whole.values.update({BASE: gguf.f32(20000), LOCAL: gguf.f32(300)})
    case.same("own names", logits(small, "s.gguf", err="rope.freq_base = 20000"),
              logits(whole, "w.gguf"))
    # Those of the long context were trained with scaled global layers.
    for model in (small, whole):
        model.values["gemma3.context_length"] = gguf.u32(131072)
    whole.values["gemma3.rope.scaling.factor"] = gguf.f32(8)
    case.same("long context", logits(small, "s.gguf", err="rope.scaling.factor = 8"),
              logits(whole, "w.gguf"))
    # Other families' files without an epsilon are broken, as for everybody.
    other = case.tiny_llama()
    del other.values["llama.attention.layer_norm_rms_epsilon"]
    other.write("o.gguf")
    run("o.gguf", code=6, err="layer_norm_rms_epsilon")

    # A folder with a tower, further guesses and layers beyond: a sentence each kind.
    folder = safetensors.tiny_llama("model")
    for name in ("vision_tower.a.weight", "vision_tower.b.weight", "multi_modal_projector.x.weight",
                 "model.visual.patch_embed.weight", "mtp.fc.weight", "mtp.norm.weight",
                 "model.layers.2.self_attn.q_proj.weight", "model.layers.3.eh_proj.weight"):
        folder.tensors[name] = ("F16", [2, 2], bytes(8))
    folder.write()
    done = run("model", "Hello")
    case.same("a tower's model", done.json.get("ids"), [57, 154, 81, 32])
    case.same("sentences", done.err.count("not used"), 3)
    for words in ("4 tensors for pictures", "2 tensors for guessing", "2 tensors for layers beyond"):
        case.check(words in done.err, f"no {words!r} in {done.err!r}")
case.end()

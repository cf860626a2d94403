#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Makes tests/golden/families: tiny random models of every family, as folder and GGUF, with transformers' logits.

    families.py --out tests/golden/families --converter LLAMA_CPP [--llama-python PYTHON] [NAME...]

LLAMA_CPP is the llama.cpp of a source tree of llama-cpp-python (convert_hf_to_gguf.py, conversion/, gguf-py/); PYTHON
has llama_cpp and numpy: without it nothing is compared with llama.cpp, and the manifest says so of the models made.
Run with a Python that has torch, transformers and safetensors. Seeds are fixed: a second run writes the same weights.
"""

import argparse
import base64
import contextlib
import copy
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import transformers as hf

import families_gguf
import families_manifest
import families_models as table
import families_options
import families_two_heads

TOLERANCE = 1e-3  # of the largest |logit|
OPTION_MARGIN = 100  # an option must move some logit by so many tolerances
MIN_ATTENTION_STD = 3.0


def old_spelling(config):
    """transformers 4's keys of a transformers 5 config.json: rope_theta, rope_scaling, torch_dtype."""
    c = dict(config)
    c["torch_dtype"] = c.pop("dtype")
    c["transformers_version"] = "4.46.0"
    p = c.pop("rope_parameters")
    if "full_attention" in p:
        c["rope_theta"] = p["full_attention"]["rope_theta"]
        c["rope_local_base_freq"] = p["sliding_attention"]["rope_theta"]
        p = p["full_attention"]
    p = dict(p)
    c["rope_theta"] = p.pop("rope_theta")
    partial = p.pop("partial_rotary_factor", None)
    if partial is not None and partial != 1.0:
        c["partial_rotary_factor"] = partial
    if c["model_type"] == "phi3":
        p["type"] = p.pop("rope_type")
        p.pop("original_max_position_embeddings", None)
        c["rope_scaling"] = p if p["type"] != "default" else None
    else:
        c["rope_scaling"] = p if p["rope_type"] != "default" else None
    if c["model_type"] == "gemma3_text":
        c["sliding_window_pattern"] = c.pop("layer_types").index("full_attention") + 1
    if c["model_type"] in ("gemma2", "qwen2", "qwen3"):
        c.pop("layer_types", None)
    if c["model_type"].startswith("qwen"):
        c["sliding_window"] = 8  # a trap of the published files: no window while use_sliding_window is false
    if c["model_type"] == "exaone4" and c["sliding_window"] is not None:
        c["sliding_window_pattern"] = len(c.pop("sliding_window_pattern"))
        c.pop("layer_types")
    return dict(sorted(c.items()))


def load(folder, attention="eager", config=None):
    if "global_head_dim" in json.loads((Path(folder) / "config.json").read_text()):
        return load_two_heads(folder, attention)
    model = hf.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention,
                                                    config=config)
    return model.eval()


def load_two_heads(folder, attention):
    """What from_pretrained does; it would fill the rope of both kinds of layers from one width of head."""
    config = hf.AutoConfig.from_pretrained(folder)
    config._attn_implementation = attention
    model = families_two_heads.Gemma3ForCausalLM(config)
    weights = safetensors.torch.load_file(Path(folder) / "model.safetensors")
    missing, unexpected = model.load_state_dict({k: w.float() for k, w in weights.items()}, strict=False)
    assert missing == ["lm_head.weight"] and not unexpected, (missing, unexpected)
    model.tie_weights()
    return model.eval()


@torch.no_grad()
def logits_of(model, tokens):
    return model(torch.tensor([tokens]), use_cache=False).logits[0].float().numpy()


def attention_stds(model, tokens):
    """Standard deviation of q.k * scale over the visible pairs, per layer, before softcap and softmax."""
    module, stds = families_options.modeling(model), []
    old = module.eager_attention_forward

    def measure(layer, query, key, value, mask, *args, **kwargs):
        k = key.repeat_interleave(query.shape[1] // key.shape[1], 1)
        scores = query @ k.transpose(2, 3) * layer.scaling
        stds.append(float(scores[(mask == 0).expand_as(scores)].std()))
        return old(layer, query, key, value, mask, *args, **kwargs)

    module.eager_attention_forward = measure
    try:
        logits_of(model, tokens)
    finally:
        module.eager_attention_forward = old
    return stds


def save_folder(name, model, out):
    entry = table.MODELS[name]
    half = copy.deepcopy(model).to(torch.bfloat16)
    half.config.dtype = "bfloat16"
    shards = {"max_shard_size": entry["shards"]} if "shards" in entry else {}
    half.save_pretrained(out, **shards)
    new = json.loads((out / "config.json").read_text())
    old = old_spelling(new)
    first, second = (old, new) if entry["spelling"] == "v4" else (new, old)
    (out / "config.json").write_text(json.dumps(first, indent=1) + "\n")
    (out / "config.other.json").write_text(json.dumps(second, indent=1) + "\n")


def check_spellings(out, tokens, expected):
    """Both spellings of the configuration must mean the same model to transformers."""
    with tempfile.TemporaryDirectory() as scratch:
        other = Path(scratch) / "other"
        shutil.copytree(out, other)
        shutil.copy(other / "config.other.json", other / "config.json")
        difference = np.abs(logits_of(load(other), tokens) - expected).max()
    assert difference == 0, f"{out.name}: the two spellings differ by {difference}"


def measure_options(name, folder, tokens, expected, tolerance):
    changes = {}
    for option, edit in families_options.options_of(name, load(folder)).items():
        model = load(folder)
        patch = edit(model)
        with patch if patch is not None else contextlib.nullcontext():
            changes[option] = float(np.abs(logits_of(model, tokens) - expected).max())
        if changes[option] < OPTION_MARGIN * tolerance:
            sys.exit(f"{name}: {option} moves the logits by {changes[option] / tolerance:.0f} tolerances only")
    return changes


def run_record(name, files, tokens, logits, note=""):
    assert np.isfinite(logits).all()
    largest = float(np.abs(logits).max())
    record = {"name": name, "files": files, "n_tokens": len(tokens), "tokens": tokens,
              "max_abs_logit": largest, "tolerance": TOLERANCE * largest,
              "logits_f32_base64": base64.b64encode(logits.astype("<f4").tobytes()).decode()}
    if note:
        record["note"] = note
    return record


def gguf_variant(name, model):
    """What the GGUF cannot say: an edit that makes transformers compute what the file alone means, and why."""
    if name == "mistral":
        return families_options.set_config(sliding_window=None), "the GGUF has no sliding window key"
    if name == "gemma2":
        return (families_options.set_attention(scaling=model.config.head_dim**-0.5),
                "the GGUF has no query_pre_attn_scalar: the attention scale is 1/sqrt(head_dim)")
    return None


def llama_cpp_variant(name):
    """Where llama.cpp knowingly computes something else: the same edit for transformers, and the words for it."""
    if name == "phi3_window":
        return families_options.set_config(sliding_window=None), "window off, as llama.cpp ignores phi3's"
    if name == "exaone4_window":
        def plain(model):
            families_options.all_layers("full_attention")(model)
            families_options.set_attention(sliding_window=None)(model)
        return plain, "no window and rope everywhere: llama.cpp reads exaone4's window only with 64 layers"
    return None


def llama_cpp_logits(python, gguf_path, tokens):
    script = Path(__file__).with_name("families_llama_cpp.py")
    command = [python, str(script), str(gguf_path), ",".join(map(str, tokens))]
    raw = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return np.frombuffer(raw, "<f4").reshape(len(tokens), -1)


def compare(name, folder, gguf_f32, run, python):
    """llama.cpp's largest difference on this run, with the float32 GGUF."""
    model, notes = load(folder), []
    variant = gguf_variant(name, model) or llama_cpp_variant(name)
    if variant:
        variant[0](model)
        notes.append(variant[1])
    if run["name"] == "short":
        # llama.cpp chooses the factors by the size of its context, which is never below 256.
        families_gguf.change(gguf_f32, "phi3.rope.scaling.original_context_length", 256)
        notes.append("the file's original context length raised to 256 for llama.cpp")
    got = llama_cpp_logits(python, gguf_f32, run["tokens"])
    result = {"run": run["name"], "notes": notes}
    if table.is_gemma(name):
        result["relative_difference_exact_gelu"] = relative(got, logits_of(model, run["tokens"]))
        families_options.gelu_from_f16_table(model)
        notes.append("GELU from a table in f16, as llama.cpp is usually built")
    result["relative_difference"] = relative(got, logits_of(model, run["tokens"]))
    return result


def relative(got, expected):
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def make(name, args):
    out = Path(args.out) / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    entry, tokens = table.MODELS[name], table.tokens_of(name)
    save_folder(name, table.build(name), out)
    model = load(out)
    logits = logits_of(model, tokens)
    check_spellings(out, tokens, logits)
    sdpa_difference = None  # gemma2: transformers refuses sdpa, which has no softcap
    if name != "gemma2":
        sdpa_difference = float(np.abs(logits_of(load(out, "sdpa"), tokens) - logits).max())
    runs = [run_record("main", ["folder", "gguf"] if entry["gguf"] else ["folder"], tokens, logits)]
    variant = gguf_variant(name, model)
    if variant:
        runs[0]["files"] = ["folder"]
        other = load(out)
        variant[0](other)
        runs.append(run_record("gguf", ["gguf"], tokens, logits_of(other, tokens), variant[1]))
    if name == "phi3_longrope":
        short = tokens[: table.N_SHORT]
        runs.append(run_record("short", ["folder", "gguf"], short, logits_of(load(out), short),
                               "no more tokens than original_max_position_embeddings: the short factors"))
    stds = attention_stds(load(out), tokens)
    if min(stds) < MIN_ATTENTION_STD:
        sys.exit(f"{name}: attention logits spread by {stds} only")
    changes = measure_options(name, out, tokens, logits, runs[0]["tolerance"])
    agreement = make_gguf(name, out, runs, args) if entry["gguf"] else []
    golden = {"model": name, "architecture": model.config.architectures[0], "seed": table.SEED,
              "vocab_size": table.TINY["vocab_size"], "spelling": entry["spelling"], "gguf_type": entry["gguf"],
              "attention_logit_std": stds, "sdpa_difference": sdpa_difference, "llama_cpp": agreement,
              "options": changes, "runs": runs}
    (out / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
    report(name, out, golden)


def make_gguf(name, out, runs, args):
    """Writes model.gguf; how far llama.cpp is from transformers on each run."""
    families_gguf.convert(out, out / "model.gguf", table.MODELS[name]["gguf"], args.converter, name)
    with tempfile.TemporaryDirectory() as scratch:
        wide = Path(scratch) / "wide.gguf"
        families_gguf.convert(out, wide, "f32", args.converter, name)
        a, b = families_gguf.values(out / "model.gguf"), families_gguf.values(wide)
        assert all(np.array_equal(a[k], b[k]) for k in b), "the 16-bit GGUF lost bits"
        if args.llama_python is None:
            return []
        return [compare(name, out, wide, run, args.llama_python) for run in runs if run["name"] != "gguf"]


def report(name, out, golden):
    sizes = {p.name: p.stat().st_size for p in sorted(out.iterdir())}
    tolerance = golden["runs"][0]["tolerance"]
    weakest = min(golden["options"], key=golden["options"].get)
    print(name, golden["architecture"], "largest", round(golden["runs"][0]["max_abs_logit"], 3),
          "std", [round(s, 2) for s in golden["attention_logit_std"]], "sdpa", golden["sdpa_difference"])
    print("  weakest option", weakest, round(golden["options"][weakest] / tolerance), "tolerances;",
          "llama.cpp", [(a["run"], f'{a["relative_difference"]:.1e}') for a in golden["llama_cpp"]])
    print("  sizes", sizes, sum(sizes.values()))


def versions(args):
    around = Path(args.converter).resolve().parents[1] / "llama_cpp" / "__init__.py"
    llama = re.search(r'__version__ = "(.*)"', around.read_text()).group(1)
    return {"transformers": hf.__version__, "torch": torch.__version__, "safetensors": safetensors.__version__,
            "numpy": np.__version__, "llama": llama, "gguf": importlib.metadata.version("gguf")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--converter", required=True)
    parser.add_argument("--llama-python")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    torch.set_num_threads(1)
    hf.logging.set_verbosity_error()
    hf.logging.disable_progress_bar()
    for name in args.names or table.MODELS:
        make(name, args)
    families_manifest.write(args.out, versions(args), TOLERANCE, OPTION_MARGIN, MIN_ATTENTION_STD)


if __name__ == "__main__":
    sys.exit(main())

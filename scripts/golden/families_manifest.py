# SPDX-License-Identifier: Apache-2.0

"""Writes MANIFEST.md of tests/golden/families from the files themselves: keys, tensors, relations, agreement."""

import json
import re
from pathlib import Path

import families_gguf
import families_models as table
import numpy as np
from safetensors import safe_open

HEAD = """# Tiny models of every family, with transformers' logits

Made by `scripts/golden/families.py` (seed {seed}; transformers {transformers}, torch {torch}, safetensors
{safetensors}, numpy {numpy}; GGUF by the converter of llama.cpp as vendored in llama-cpp-python {llama}; gguf {gguf}).
Do not edit by hand; a second run writes the same bytes.

Per model: `config.json` and `config.other.json` (the same configuration in the other spelling; transformers gives the
same logits, bit for bit), `generation_config.json`, safetensors in bf16, `model.gguf` with exactly the same values
(every weight fits bf16 and f16), and `golden.json`:

- `runs[]`: `files` tells for which of the two files the run holds; `tokens`; `logits_f32_base64` is little-endian
  float32 `[n_tokens, {vocab}]` for all positions; `tolerance` = {tolerance} * `max_abs_logit`.
  Judge: transformers in float32 with the bf16 values, eager attention, no cache.
- `options`: largest change of any logit of run `main` when that option alone is turned off or exchanged in
  transformers (`scripts/golden/families_options.py`). Each is at least {margin} tolerances: a forgotten option cannot pass.
- `attention_logit_std`: per layer, of q.k * scale over visible pairs, before softcap and softmax; at least {std}.
- `llama_cpp`: llama.cpp's largest difference divided by the largest |logit|, from a float32 GGUF of the same
  converter, float32 cache, no flash attention. `notes` say which edit transformers needed to compute the same.

The GGUF has `tokenizer.ggml.model` = "none" and a `vocab_size` instead of a tokenizer: the converter's `set_vocab` and
the end of its `set_gguf_parameters` were replaced; nothing else was.

What the GGUF cannot say, or llama.cpp does otherwise (a run of its own in `golden.json`, or a note there):
- mistral: the converter writes no window (architecture `llama`): run `gguf` has none, run `main` is the folder's.
- gemma2: no query_pre_attn_scalar in the GGUF: run `gguf` uses 1/sqrt(head_dim). (llama.cpp takes hidden/heads with
  46 layers.) gemma2 and gemma3: usual builds of llama.cpp take GELU from an f16 table; both differences are given.
- phi3_window: the GGUF carries the window, llama.cpp ignores it; run `main` holds for both files, as transformers.
- exaone4_window: llama.cpp reads window and pattern only with 64 layers; run `main` holds for both files.
  `scripts/golden/families_deep.py` compares models of 64 layers (with window and unrotated global layers: 3.5e-6)
  and of gemma2's 46 layers (1.0e-3, f16 GELU table through 46 layers), too large to be stored.
- phi3_longrope: transformers takes the long factors for all positions as soon as the sequence is longer than
  original_max_position_embeddings; llama.cpp takes them when its context is.
- gemma2: transformers refuses sdpa (`sdpa_difference` null); elsewhere sdpa agreed to {sdpa:.0e}.
- gemma3_two_heads: no class of transformers reads `global_head_dim` in a gemma3. The judge is transformers' Gemma 3
  with the attention of global layers, and their rope, made from a copy of the configuration that has their width and
  their KV heads (`scripts/golden/families_two_heads.py`). GGUF files of gemma3 have no words for it: there is none.
- ernie4_5_bias: GGUF's readers have no words for all biases of `use_bias`: there is no GGUF.
"""


def folder_tensors(folder):
    out = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as f:
            out.update({key: f.get_tensor(key).float() for key in f.keys()})
    return out


def permuted(w, heads):
    """Rows i and i + d/2 of every head side by side."""
    d = w.shape[0] // heads
    return w.reshape(heads, 2, d // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def relation(value, w, config):
    """How a GGUF tensor comes from a folder's tensor, or None."""
    for text, f in (("", lambda x: x), ("+1", lambda x: x + 1)):
        if np.array_equal(value, f(w).numpy().reshape(-1)):
            return text
    for text, heads in (("rows permuted, heads", config["num_attention_heads"]),
                        ("rows permuted, kv heads", config["num_key_value_heads"])):
        if w.shape[0] % (2 * heads) == 0 and np.array_equal(value, permuted(w, heads).numpy().reshape(-1)):
            return text
    return None


def folder_lines(folder):
    """The same where there is no GGUF; of every layer, since layers may differ."""
    return [f"| `{key}` | {list(w.shape)} | | | |" for key, w in folder_tensors(folder).items()]


def tensor_lines(folder, config):
    """One line per tensor outside the layers and of layer 0; other layers must be named alike."""
    theirs = folder_tensors(folder)
    _, described = families_gguf.describe(folder / "model.gguf")
    values = families_gguf.values(folder / "model.gguf")
    lines, used = [], set()
    for name, (shape, kind) in described.items():
        found = [(key, r) for key, w in theirs.items() if w.numel() == values[name].size
                 for r in [relation(values[name], w, config)] if r is not None]
        assert len(found) == 1 or name.startswith("rope_"), (name, found)
        used.update(key for key, _ in found)
        if re.match(r"blk\.(?!0\.)", name):
            continue
        if found:
            key, r = found[0]
            lines.append(f"| `{key}` | {list(theirs[key].shape)} | `{name}` | {kind} | {r} |")
        else:
            lines.append(f"| (from the configuration) | | `{name}` | {kind} | {[round(float(v), 4) for v in values[name]]} |")
    assert used == set(theirs), set(theirs) - used
    return lines


def section(folder):
    golden = json.loads((folder / "golden.json").read_text())
    config = json.loads((folder / "config.json").read_text())
    other = json.loads((folder / "config.other.json").read_text())
    has_gguf = (folder / "model.gguf").exists()
    tolerance = golden["runs"][0]["tolerance"]
    out = [f"## {folder.name}", "",
           f"`config.json` in transformers {golden['spelling'][1]}'s spelling; GGUF {golden['gguf_type'] or 'none'}; "
           f"{sum(p.stat().st_size for p in folder.iterdir()) // 1000} kB."]
    out += [f"- run `{r['name']}` ({', '.join(r['files'])}): {r['n_tokens']} tokens, largest |logit| "
            f"{r['max_abs_logit']:.3f}" + (f"; {r['note']}" if "note" in r else "") for r in golden["runs"]]
    out += ["- attention logit std: " + ", ".join(f"{s:.1f}" for s in golden["attention_logit_std"]),
            "- options, in tolerances: " + ", ".join(f"{k} {v / tolerance:.0f}" for k, v in golden["options"].items())]
    for a in golden["llama_cpp"]:
        exact = a.get("relative_difference_exact_gelu")
        out.append(f"- llama.cpp, run `{a['run']}`: {a['relative_difference']:.1e}"
                   + (f" ({exact:.1e} with exact GELU)" if exact else "")
                   + (": " + "; ".join(a["notes"]) if a["notes"] else ""))
    if has_gguf and not golden["llama_cpp"]:
        out.append("- not compared with llama.cpp")
    skip = {"architectures", "transformers_version", "initializer_range", "use_cache"}
    out += ["- config.json: " + ", ".join(f"{k} {json.dumps(v)}" for k, v in config.items() if k not in skip),
            "- only in config.other.json: " + ", ".join(f"{k} {json.dumps(v)}" for k, v in other.items()
                                                       if k not in skip and config.get(k, "absent") != v)]
    if has_gguf:
        keys, _ = families_gguf.describe(folder / "model.gguf")
        out.append("- GGUF: " + ", ".join(f"{k} {v[0]} {json.dumps(v[1])}" for k, v in keys.items()))
    out += ["", "| folder | shape | GGUF | type | relation |", "|---|---|---|---|---|"]
    return out + (tensor_lines(folder, config) if has_gguf else folder_lines(folder)) + [""]


def write(root, versions, tolerance, margin, std):
    root = Path(root)
    folders = [root / name for name in table.MODELS]
    sdpa = max(json.loads((f / "golden.json").read_text())["sdpa_difference"] or 0 for f in folders)
    text = HEAD.format(seed=table.SEED, vocab=table.TINY["vocab_size"], tolerance=tolerance, margin=margin, std=std,
                       sdpa=sdpa, **versions)
    for folder in folders:
        text += "\n" + "\n".join(section(folder))
    (root / "MANIFEST.md").write_text(text.rstrip() + "\n")

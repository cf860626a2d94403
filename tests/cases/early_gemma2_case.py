# SPDX-License-Identifier: Apache-2.0

"""GGUF files of gemma2 of June 2024 leave out the softcaps and the window: 50, 30 and 4096 are meant
(llama.cpp: models/gemma2.cpp, llama-hparams.h). Without them the answers are others."""
import pathlib

import case
import gguf

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "families" / "gemma2"
KEYS = {"gemma2.attn_logit_softcapping": gguf.f32(50), "gemma2.final_logit_softcapping": gguf.f32(30),
        "gemma2.attention.sliding_window": gguf.u32(4096)}


def perplexity(values, **checks):
    model = gguf.read(str(GOLDEN / "model.gguf"))
    for key in KEYS:
        model.values.pop(key, None)
    model.values.update(values)
    model.values.update(WORDS)
    model.write("m.gguf")
    done = case.run("eval", "m.gguf", "--text", "text.txt", "-c", 64, "--json", **checks)
    return done.json.get("perplexity")


with case.folder() as work:
    # A vocabulary for a model that has none: a letter a token.
    embedding = gguf.read(str(GOLDEN / "model.gguf")).tensor("token_embd.weight")
    n = embedding[1][1]
    pieces = [b"<unk>", b"<s>", b"</s>"] + [b"<0x%02X>" % i for i in range(min(256, n - 3))]
    pieces += [b"[x%d]" % i for i in range(n - len(pieces))]
    kinds = [2, 3, 3] + [6] * min(256, n - 3)
    WORDS = {"tokenizer.ggml.model": gguf.text("llama"),
             "tokenizer.ggml.tokens": gguf.texts(pieces),
             "tokenizer.ggml.scores": gguf.f32s([0.0] * n),
             "tokenizer.ggml.token_type": gguf.i32s(kinds + [1] * (n - len(kinds))),
             "tokenizer.ggml.unknown_token_id": gguf.u32(0)}
    text = bytes((7 * i * i + i) % 60 for i in range(400))
    pathlib.Path("text.txt").write_bytes(text)
    whole = perplexity(KEYS, no_err="early file")
    case.same("without the keys", perplexity({}, err="attn_logit_softcapping = 50"), whole)
    capless = {**KEYS, "gemma2.attn_logit_softcapping": gguf.f32(1)}
    case.check(perplexity(capless) != whole, "the caps do nothing to this model")
case.end()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Compares transformers with llama.cpp where llama.cpp goes by the number of layers; writes nothing.

    families_deep.py --converter LLAMA_CPP --llama-python PYTHON

exaone4 with 64 layers is the only one whose window llama.cpp applies; gemma2 with 46 layers the only one whose
attention scale is not 1/sqrt(head_dim). Too large to be stored; printed are relative differences as is and without
each option in question.
"""

import argparse
import tempfile
from pathlib import Path

import families
import families_gguf
import families_models as table
import families_options
import transformers as hf

DEEP = {
    "exaone4_window": dict(
        model=hf.Exaone4ForCausalLM, spelling="v5", gguf="f32", qk=1.3,
        config=hf.Exaone4Config, kwargs=table.tiny(num_hidden_layers=64, rms_norm_eps=1e-5, tie_word_embeddings=False,
                                                   sliding_window=8, sliding_window_pattern="LLLG",
                                                   layer_types=(["sliding_attention"] * 3 + ["full_attention"]) * 16,
                                                   rope_parameters=table.rope(1000000.0))),
    # hidden / heads = 8 is llama.cpp's scale for 46 layers.
    "gemma2": dict(
        model=hf.Gemma2ForCausalLM, spelling="v5", gguf="f32", qk=1.3,
        config=hf.Gemma2Config, kwargs=table.tiny(head_dim=16, num_hidden_layers=46, rms_norm_eps=1e-6, pad_token_id=0,
                                                  query_pre_attn_scalar=8, attn_logit_softcapping=5.0,
                                                  final_logit_softcapping=3.0, sliding_window=8,
                                                  rope_parameters=table.rope(10000.0))),
}
OPTIONS = ("window", "window_bound", "global_layers", "no_rope_on_global_layers", "attention_scale",
           "attention_softcap")


def load(folder, name):
    model = families.load(folder)
    if table.is_gemma(name):
        families_options.gelu_from_f16_table(model)
    return model


def compare(name, args, folder):
    families.save_folder(name, table.build(name), folder)
    tokens = table.tokens_of(name)
    families_gguf.convert(folder, folder / "wide.gguf", "f32", args.converter, name)
    got = families.llama_cpp_logits(args.llama_python, folder / "wide.gguf", tokens)
    model = load(folder, name)
    print(name, f"as is {families.relative(got, families.logits_of(model, tokens)):.1e}")
    for option, edit in families_options.options_of(name, model).items():
        if option in OPTIONS:
            other = load(folder, name)
            edit(other)
            print("  without", option, f"{families.relative(got, families.logits_of(other, tokens)):.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--converter", required=True)
    parser.add_argument("--llama-python", required=True)
    args = parser.parse_args()
    hf.logging.set_verbosity_error()
    hf.logging.disable_progress_bar()
    table.MODELS.update(DEEP)
    for name in DEEP:
        with tempfile.TemporaryDirectory() as scratch:
            compare(name, args, Path(scratch))


if __name__ == "__main__":
    main()

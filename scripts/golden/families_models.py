# SPDX-License-Identifier: Apache-2.0

"""The table of tiny models behind tests/golden/families, and how their weights are drawn.

Every model is small enough to be read in a debugger and wild enough that a forgotten option shows:
attention logits spread by 3 or more, norm weights lie far from 1, biases are as large as what they add to.
"""

import zlib

import families_two_heads
import torch
import transformers as hf

SEED = 20240611
N_TOKENS = 48
N_SHORT = 12  # short enough for phi3's short rope factors

TINY = dict(vocab_size=96, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=256, bos_token_id=1, eos_token_id=2, pad_token_id=None)


def tiny(**changes):
    return {**TINY, **changes}


def rope(theta, **scaling):
    return {"rope_type": "default", **scaling, "rope_theta": theta}


# name -> model class, configuration, spelling of config.json ("v5": rope_parameters and dtype; "v4": rope_theta,
# rope_scaling, torch_dtype), the GGUF's type (None: GGUF has no words for the model), gain of the q and k weights (or of
# the q/k norms where they exist).
MODELS = {
    "llama2": dict(
        model=hf.LlamaForCausalLM, spelling="v4", gguf="bf16", qk=2.1,
        config=hf.LlamaConfig, kwargs=tiny(hidden_size=64, intermediate_size=96, num_hidden_layers=2, rms_norm_eps=1e-5,
                                           tie_word_embeddings=False, rope_parameters=rope(10000.0))),
    "llama3": dict(
        model=hf.LlamaForCausalLM, spelling="v5", gguf="bf16", qk=2.1, shards="50KB",
        config=hf.LlamaConfig, kwargs=tiny(hidden_size=64, intermediate_size=96, num_hidden_layers=2, rms_norm_eps=1e-5,
                                           tie_word_embeddings=True, eos_token_id=[2, 3],
                                           rope_parameters=rope(500.0, rope_type="llama3", factor=8.0,
                                                                low_freq_factor=1.0, high_freq_factor=4.0,
                                                                original_max_position_embeddings=32))),
    "llama_linear": dict(
        model=hf.LlamaForCausalLM, spelling="v4", gguf="f16", qk=2.1,
        config=hf.LlamaConfig, kwargs=tiny(head_dim=16, rms_norm_eps=1e-6, tie_word_embeddings=False,
                                           attention_bias=False,
                                           rope_parameters=rope(10000.0, rope_type="linear", factor=4.0))),
    "mistral": dict(
        model=hf.MistralForCausalLM, spelling="v5", gguf="bf16", qk=2.1,
        config=hf.MistralConfig, kwargs=tiny(head_dim=16, rms_norm_eps=1e-5, tie_word_embeddings=False, sliding_window=8,
                                             rope_parameters=rope(100000.0))),
    "qwen2": dict(
        model=hf.Qwen2ForCausalLM, spelling="v4", gguf="bf16", qk=2.1,
        config=hf.Qwen2Config, kwargs=tiny(hidden_size=64, intermediate_size=96, num_hidden_layers=2, rms_norm_eps=1e-6,
                                           tie_word_embeddings=True, use_sliding_window=False, sliding_window=8,
                                           max_window_layers=1, rope_parameters=rope(1000000.0))),
    "qwen3": dict(
        model=hf.Qwen3ForCausalLM, spelling="v5", gguf="f32", qk=2.2,
        config=hf.Qwen3Config, kwargs=tiny(head_dim=16, rms_norm_eps=1e-6, tie_word_embeddings=False,
                                           num_hidden_layers=2, rope_parameters=rope(1000000.0))),
    "qwen3_tied": dict(
        model=hf.Qwen3ForCausalLM, spelling="v4", gguf="bf16", qk=2.2,
        config=hf.Qwen3Config, kwargs=tiny(head_dim=32, num_key_value_heads=1, num_attention_heads=2, rms_norm_eps=1e-6,
                                           tie_word_embeddings=True, num_hidden_layers=2,
                                           rope_parameters=rope(1000000.0))),
    "gemma2": dict(
        model=hf.Gemma2ForCausalLM, spelling="v4", gguf="bf16", qk=2.6,
        config=hf.Gemma2Config, kwargs=tiny(head_dim=16, num_hidden_layers=4, rms_norm_eps=1e-6, pad_token_id=0,
                                            query_pre_attn_scalar=32, attn_logit_softcapping=5.0,
                                            final_logit_softcapping=3.0, sliding_window=8,
                                            rope_parameters=rope(10000.0))),
    "gemma3": dict(
        model=hf.Gemma3ForCausalLM, spelling="v4", gguf="bf16", qk=2.2,
        config=hf.Gemma3TextConfig, kwargs=tiny(head_dim=16, num_hidden_layers=6, rms_norm_eps=1e-6, pad_token_id=0,
                                                num_key_value_heads=1, query_pre_attn_scalar=16, sliding_window=8,
                                                rope_parameters={
                                                    "sliding_attention": rope(10000.0),
                                                    "full_attention": rope(1000000.0, rope_type="linear", factor=8.0)})),
    "phi3_window": dict(
        model=hf.Phi3ForCausalLM, spelling="v5", gguf="bf16", qk=2.1,
        config=hf.Phi3Config, kwargs=tiny(hidden_size=64, intermediate_size=96, num_hidden_layers=2, rms_norm_eps=1e-5,
                                          tie_word_embeddings=False, sliding_window=8, pad_token_id=0,
                                          original_max_position_embeddings=256, rope_parameters=rope(10000.0))),
    "phi3_longrope": dict(
        model=hf.Phi3ForCausalLM, spelling="v4", gguf="bf16", qk=2.1,
        config=hf.Phi3Config, kwargs=tiny(hidden_size=64, intermediate_size=96, num_hidden_layers=2, rms_norm_eps=1e-5,
                                          tie_word_embeddings=True, sliding_window=None, pad_token_id=0,
                                          original_max_position_embeddings=16,
                                          rope_parameters=rope(10000.0, rope_type="longrope",
                                                               short_factor=[1.0, 1.1, 1.3, 1.6, 1.8, 2.0],
                                                               long_factor=[1.5, 2.5, 4.0, 8.0, 12.0, 16.0],
                                                               partial_rotary_factor=0.75,
                                                               original_max_position_embeddings=16))),
    "exaone4_window": dict(
        model=hf.Exaone4ForCausalLM, spelling="v5", gguf="bf16", qk=2.2,
        config=hf.Exaone4Config, kwargs=tiny(hidden_size=64, num_hidden_layers=4, rms_norm_eps=1e-5,
                                             tie_word_embeddings=False, sliding_window=8, sliding_window_pattern="LLLG",
                                             layer_types=["sliding_attention"] * 3 + ["full_attention"],
                                             rope_parameters=rope(1000000.0))),
    "exaone4_full": dict(
        model=hf.Exaone4ForCausalLM, spelling="v4", gguf="f16", qk=2.2,
        config=hf.Exaone4Config, kwargs=tiny(hidden_size=64, num_hidden_layers=2, rms_norm_eps=1e-5,
                                             tie_word_embeddings=True, sliding_window=None,
                                             layer_types=["full_attention"] * 2,
                                             rope_parameters=rope(1000000.0, rope_type="llama3", factor=16.0,
                                                                  low_freq_factor=1.0, high_freq_factor=4.0,
                                                                  original_max_position_embeddings=64))),
    # Local layers of 4 heads of 16 with one KV head, global ones of 4 heads of 32 with two.
    "gemma3_two_heads": dict(
        model=families_two_heads.Gemma3ForCausalLM, spelling="v5", gguf=None, qk=2.2,
        config=hf.Gemma3TextConfig, kwargs=tiny(head_dim=16, num_key_value_heads=1, intermediate_size=32,
                                                global_head_dim=32, num_global_key_value_heads=2, rms_norm_eps=1e-6,
                                                pad_token_id=0, query_pre_attn_scalar=16, sliding_window=8,
                                                layer_types=["sliding_attention", "full_attention",
                                                             "sliding_attention"],
                                                rope_parameters={
                                                    "sliding_attention": rope(10000.0),
                                                    "full_attention": rope(1000000.0, rope_type="linear", factor=8.0)})),
    "ernie4_5": dict(
        model=hf.Ernie4_5ForCausalLM, spelling="v5", gguf="bf16", qk=2.1,
        config=hf.Ernie4_5Config, kwargs=tiny(head_dim=16, num_hidden_layers=2, rms_norm_eps=1e-5,
                                              tie_word_embeddings=True, use_bias=False, rope_parameters=rope(500000.0))),
    "ernie4_5_bias": dict(
        model=hf.Ernie4_5ForCausalLM, spelling="v4", gguf=None, qk=2.1,
        config=hf.Ernie4_5Config, kwargs=tiny(head_dim=16, num_hidden_layers=2, rms_norm_eps=1e-5,
                                              tie_word_embeddings=False, use_bias=True,
                                              rope_parameters=rope(10000.0, rope_type="linear", factor=4.0))),
}


def is_gemma(name):
    return name.startswith("gemma")


def generator(name):
    return torch.Generator().manual_seed(SEED ^ zlib.crc32(name.encode()))


def tokens_of(name):
    ids = torch.randint(0, TINY["vocab_size"], (N_TOKENS,), generator=generator(name + " tokens"))
    return ids.tolist()


def round_to_both_halves(w):
    """Values that bf16 and f16 both hold exactly: f16's rounding leaves no more than bf16's 8 significant bits."""
    return w.to(torch.bfloat16).to(torch.float16).to(torch.float32)


def draw(name, key, shape, config, g):
    """Weights of one tensor. Every tensor takes the same number of draws whatever its gain."""
    n = torch.randn(shape, generator=g)
    qk = MODELS[name]["qk"]
    base = 0.0 if is_gemma(name) else 1.0  # Gemma's norms multiply by 1 + w
    if key.endswith("_norm.weight") and ("q_norm" in key or "k_norm" in key):
        return base + (qk - 1.0) + 0.3 * n
    if "norm" in key:
        return base + 0.3 * n
    if key.endswith(".bias"):
        return n
    fan_in = shape[-1]
    if "embed_tokens" in key:
        # Tied embeddings are kept small: else a token's own row outshines what the layers add.
        return n * (0.25 if is_gemma(name) else 0.4 if config.tie_word_embeddings else 1.0)
    if "lm_head" in key:
        return n * 3.0 / fan_in**0.5
    gain = torch.full((shape[0], 1), 1.5)
    if "q_proj" in key or "k_proj" in key:
        gain[:] = qk
    if "qkv_proj" in key:
        head = config.hidden_size // config.num_attention_heads
        gain[: head * (config.num_attention_heads + config.num_key_value_heads)] = qk
    return n * gain / fan_in**0.5


def build(name):
    """The model in float32, with weights that fit both 16-bit types."""
    entry = MODELS[name]
    config = entry["config"](**entry["kwargs"])
    config._attn_implementation = "eager"
    model = entry["model"](config).eval()
    g = generator(name)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(round_to_both_halves(draw(name, key, tuple(parameter.shape), config, g)))
    return model

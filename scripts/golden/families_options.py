# SPDX-License-Identifier: Apache-2.0

"""For each option of an architecture: how to turn it off in transformers, to see that the golden logits notice.

An option is (name, f) where f(model) edits a fresh copy of the model in place, or returns a patch that is a
context manager. `options_of(name, model)` lists those that the model has.
"""

import contextlib
import sys

import torch
from torch import nn


def modeling(model):
    return sys.modules[type(model.model).__module__]


def attentions(model):
    return [layer.self_attn for layer in model.model.layers]


def modules_named(model, *suffixes):
    return [(key, m) for key, m in model.named_modules() if key.endswith(suffixes)]


def replace(model, key, module):
    parent, _, child = key.rpartition(".")
    setattr(model.get_submodule(parent), child, module)


def without_norms(*suffixes):
    def edit(model):
        for key, _ in modules_named(model, *suffixes):
            replace(model, key, nn.Identity())
    return edit


def set_config(**values):
    def edit(model):
        for key, value in values.items():
            assert hasattr(model.config, key), key
            setattr(model.config, key, value)
    return edit


def set_attention(**values):
    def edit(model):
        for a in attentions(model):
            for key, value in values.items():
                assert hasattr(a, key), key
                setattr(a, key, value)
    return edit


def inv_freq(theta, dim):
    return 1.0 / theta ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)


def plain_rope(model):
    """Rope of the same base without any scaling."""
    emb, p = model.model.rotary_emb, model.config.rope_parameters
    if "full_attention" in p:
        emb.rope_type["full_attention"] = "default"
        emb.full_attention_inv_freq = inv_freq(p["full_attention"]["rope_theta"],
                                               2 * emb.full_attention_inv_freq.numel())
        return
    emb.rope_type = "default"
    emb.inv_freq = inv_freq(p["rope_theta"], 2 * emb.inv_freq.numel())
    emb.attention_scaling = 1.0


def scaling_on_local_layers_too(model):
    emb = model.model.rotary_emb
    factor = model.config.rope_parameters["full_attention"]["factor"]
    emb.sliding_attention_inv_freq = emb.sliding_attention_inv_freq / factor


def local_base_as_global(model):
    emb, p = model.model.rotary_emb, model.config.rope_parameters
    emb.sliding_attention_inv_freq = inv_freq(p["full_attention"]["rope_theta"], model.config.head_dim)


def global_rope_as_local(model):
    """Frequencies of the global layers as if their heads had the local ones' width."""
    emb, p = model.model.rotary_emb, model.config.rope_parameters["full_attention"]
    wide = torch.arange(0, 2 * emb.full_attention_inv_freq.numel(), 2, dtype=torch.float32)
    emb.full_attention_inv_freq = 1.0 / p["rope_theta"] ** (wide / model.config.head_dim) / p["factor"]


def no_attention_factor(model):
    model.model.rotary_emb.attention_scaling = 1.0


def other_factors(model):
    """The short factors where the long ones belong and the other way round."""
    p = model.config.rope_parameters
    p["long_factor"], p["short_factor"] = p["short_factor"], p["long_factor"]
    model.model.rotary_emb = type(model.model.rotary_emb)(model.config)


def full_rotary(model):
    """Rotates the whole head, the factors of the last pair repeated for the pairs added."""
    config, p = model.config, model.config.rope_parameters
    half = config.hidden_size // config.num_attention_heads // 2
    for key in ("short_factor", "long_factor"):
        p[key] = p[key] + p[key][-1:] * (half - len(p[key]))
    p["partial_rotary_factor"] = 1.0
    model.model.rotary_emb = type(model.model.rotary_emb)(config)


def zero_biases(model):
    with torch.no_grad():
        for key, p in model.named_parameters():
            if key.endswith(".bias"):
                p.zero_()


def no_embedding_scale(model):
    e = model.model.embed_tokens
    e.embed_scale = torch.ones_like(torch.as_tensor(e.embed_scale))


def untied(model):
    """An output matrix of its own: the embeddings of other tokens."""
    head = nn.Linear(model.config.hidden_size, model.config.vocab_size, bias=False)
    head.weight = nn.Parameter(model.model.embed_tokens.weight.detach().roll(1, 0))
    model.lm_head = head


def norms_without_one(model):
    """Gemma's norms as if the file stored the whole factor."""
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "norm" in key:
                p.sub_(1.0)


def kv_heads_interleaved(model):
    """Query head h reads key head h mod n_kv instead of h / group."""
    n = model.config.num_attention_heads
    for a in attentions(model):
        d, kv = a.head_dim, n // a.num_key_value_groups
        order = [g + i * kv for g in range(kv) for i in range(n // kv)]
        rows = torch.cat([torch.arange(h * d, (h + 1) * d) for h in order])
        with torch.no_grad():
            a.o_proj.weight.copy_(a.o_proj.weight[:, rows])
            q = a.q_proj if hasattr(a, "q_proj") else a.qkv_proj
            q.weight[: n * d] = q.weight[: n * d][rows]
            if q.bias is not None:
                q.bias[: n * d] = q.bias[: n * d][rows]


def has_interleaved_pairs(model):
    return model.config.model_type == "ernie4_5"


@contextlib.contextmanager
def other_rope_pairs(model):
    """Pairs (2i, 2i + 1) instead of (i, i + d/2), or the other way round where the class has those."""
    m, old = modeling(model), modeling(model).apply_rotary_pos_emb

    def rotate(q, k, cos, sin, *args, **kwargs):
        d = cos.shape[-1]
        if has_interleaved_pairs(model):
            order = torch.arange(d).reshape(2, d // 2).T.reshape(-1)
        else:
            order = torch.cat([torch.arange(0, d, 2), torch.arange(1, d, 2)])
        order = torch.cat([order, torch.arange(d, q.shape[-1])])
        return old(q[..., order], k[..., order], cos, sin, *args, **kwargs)

    m.apply_rotary_pos_emb = rotate
    try:
        yield
    finally:
        m.apply_rotary_pos_emb = old


@contextlib.contextmanager
def no_rope(model):
    m, old = modeling(model), modeling(model).apply_rotary_pos_emb
    m.apply_rotary_pos_emb = lambda q, k, *args, **kwargs: (q, k)
    try:
        yield
    finally:
        m.apply_rotary_pos_emb = old


@contextlib.contextmanager
def qk_norm_after_rope(model):
    """The q/k norms behind the rotation instead of before it."""
    m, old = modeling(model), modeling(model).apply_rotary_pos_emb
    norms = [(a, a.q_norm, a.k_norm) for a in attentions(model)]
    calls = iter(norms)

    def rotate(q, k, *args, **kwargs):
        _, q_norm, k_norm = next(calls)
        q, k = old(q, k, *args, **kwargs)
        return q_norm(q), k_norm(k)

    for a, _, _ in norms:
        a.q_norm = a.k_norm = nn.Identity()
    m.apply_rotary_pos_emb = rotate
    try:
        yield
    finally:
        m.apply_rotary_pos_emb = old


def swapped_activation(model):
    act = nn.SiLU() if "gemma" in model.config.model_type else nn.GELU(approximate="tanh")
    for _, mlp in modules_named(model, ".mlp"):
        replace(mlp, "activation_fn" if hasattr(mlp, "activation_fn") else "act_fn", act)


def gelu_from_f16_table(model):
    """ggml's usual GELU: argument and result rounded to f16 between -10 and 10."""

    def act(x):
        y = nn.functional.gelu(x.half().float(), approximate="tanh").half().float()
        return torch.where(x <= -10, 0.0, torch.where(x >= 10, x, y))

    for _, mlp in modules_named(model, ".mlp"):
        del mlp.act_fn
        mlp.act_fn = act


def swapped_gate_up(model):
    """Up first, gate second in phi3's fused matrix."""
    with torch.no_grad():
        for _, mlp in modules_named(model, ".mlp"):
            w = mlp.gate_up_proj.weight
            w.copy_(w.roll(w.shape[0] // 2, 0))


def all_layers(kind):
    def edit(model):
        model.config.layer_types = [kind] * model.config.num_hidden_layers
    return edit


def rope_on_global(model):
    """exaone4: rotation on the layers without a window too; their masks stay as they are."""
    for a in attentions(model):
        a.sliding_window = None


@contextlib.contextmanager
def window_on_global_layers(model):
    """The local layers' mask for all; their rope stays their own."""
    m, old = modeling(model), modeling(model).create_causal_mask
    m.create_causal_mask = m.create_sliding_window_causal_mask
    try:
        yield
    finally:
        m.create_causal_mask = old


def options_of(name, model):
    """[(option, edit or patch)] for this model."""
    c, out = model.config, {}
    out["rope"] = no_rope
    out["rope_pairs_are_interleaved" if has_interleaved_pairs(model) else "rope_pairs_are_halves"] = other_rope_pairs
    out["activation"] = swapped_activation
    if any(1 < a.num_key_value_groups < c.num_attention_heads for a in attentions(model)):
        out["kv_head_groups"] = kv_heads_interleaved
    if getattr(c, "sliding_window", None) is not None:
        out["window"] = set_config(sliding_window=1 << 20)
        out["window_bound"] = set_config(sliding_window=c.sliding_window + 1)
        if name == "gemma3_two_heads":
            out["no_window_on_global_layers"] = window_on_global_layers
        elif name.startswith(("gemma", "exaone4")):
            out["global_layers"] = set_config(layer_types=["sliding_attention"] * c.num_hidden_layers)
    if hasattr(attentions(model)[0], "q_norm"):
        out["qk_norm"] = without_norms(".q_norm", ".k_norm")
        out["qk_norm_before_rope"] = qk_norm_after_rope
    if name.startswith(("gemma", "exaone4")):
        out["post_attention_norm"] = without_norms(".post_attention_layernorm")
        out["post_feedforward_norm"] = without_norms(".post_feedforward_layernorm")
    if name.startswith("gemma"):
        out["embedding_scale"] = no_embedding_scale
        out["norm_plus_one"] = norms_without_one
    if name == "gemma2":
        out["attention_softcap"] = set_attention(attn_logit_softcapping=None)
        out["final_softcap"] = set_config(final_logit_softcapping=None)
        out["attention_scale"] = set_attention(scaling=c.head_dim**-0.5)
    if name.startswith("gemma3"):
        out["attention_scale"] = set_attention(scaling=256**-0.5)
        out["rope_scaling"] = plain_rope
        out["rope_scaling_global_only"] = scaling_on_local_layers_too
        out["local_rope_base"] = local_base_as_global
    if name == "gemma3_two_heads":
        out["global_rope_width"] = global_rope_as_local
    if name in ("llama3", "llama_linear", "phi3_longrope", "exaone4_full", "ernie4_5_bias"):
        out["rope_scaling"] = plain_rope
    if name == "phi3_longrope":
        out["partial_rotary"] = full_rotary
        out["attention_factor"] = no_attention_factor
        out["long_and_short_factors"] = other_factors
    if name.startswith("phi3"):
        out["gate_before_up"] = swapped_gate_up
    if name == "exaone4_window":
        out["no_rope_on_global_layers"] = rope_on_global
    if any(key.endswith(".bias") for key, _ in model.named_parameters()):
        out["biases"] = zero_biases
    if c.tie_word_embeddings:
        out["tied_embeddings"] = untied
    return out

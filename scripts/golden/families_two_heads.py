# SPDX-License-Identifier: Apache-2.0

"""Gemma 3 with global layers that have heads of their own, in Gemma 4's spelling, which no class of transformers reads.

Every part is transformers' own, made from a copy of the configuration where the head's width and the number of KV heads
are those of the layer's kind.
"""

import copy

import transformers as hf
from transformers.models.gemma3 import modeling_gemma3


def config_of_global_layers(config):
    wide = copy.deepcopy(config)
    wide.head_dim = config.global_head_dim
    wide.num_key_value_heads = config.num_global_key_value_heads
    return wide


class Gemma3ForCausalLM(hf.Gemma3ForCausalLM):
    """Of the same name, so that folders name the class that reads them."""

    def __init__(self, config):
        super().__init__(config)
        wide = config_of_global_layers(config)
        for i, layer in enumerate(self.model.layers):
            if config.layer_types[i] == "full_attention":
                layer.self_attn = modeling_gemma3.Gemma3Attention(wide, i)
        rope = modeling_gemma3.Gemma3RotaryEmbedding(wide)
        self.model.rotary_emb.full_attention_inv_freq = rope.full_attention_inv_freq
        self.model.rotary_emb.full_attention_original_inv_freq = rope.full_attention_original_inv_freq

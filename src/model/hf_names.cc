// SPDX-License-Identifier: Apache-2.0

#include "model/hf_names.h"

#include <array>

namespace altteul::model {
namespace {

constexpr std::array kHyperparameters = {
    NamePair{"num_hidden_layers", "block_count"},
    NamePair{"hidden_size", "embedding_length"},
    NamePair{"intermediate_size", "feed_forward_length"},
    NamePair{"num_attention_heads", "attention.head_count"},
    NamePair{"num_key_value_heads", "attention.head_count_kv"},
    NamePair{"head_dim", "attention.key_length"},
    NamePair{"rms_norm_eps", "attention.layer_norm_rms_epsilon"},
    NamePair{"rope_theta", "rope.freq_base"},
    NamePair{"max_position_embeddings", "context_length"},
    NamePair{"sliding_window", "attention.sliding_window"},
    NamePair{"attn_logit_softcapping", "attn_logit_softcapping"},
    NamePair{"final_logit_softcapping", "final_logit_softcapping"},
    NamePair{"global_head_dim", "global_head_dim"},
    NamePair{"num_global_key_value_heads", "num_global_key_value_heads"},
    NamePair{"vocab_size", "vocab_size"},
};

// Tensors outside the layers.
constexpr std::array kGlobalTensors = {
    NamePair{"model.embed_tokens", "token_embd"},
    NamePair{"model.norm", "output_norm"},
    NamePair{"lm_head", "output"},
};

// Parts behind "model.layers.N.".
constexpr std::array kLayerTensors = {
    NamePair{"input_layernorm", "attn_norm"},
    NamePair{"self_attn.q_proj", "attn_q"},
    NamePair{"self_attn.k_proj", "attn_k"},
    NamePair{"self_attn.v_proj", "attn_v"},
    NamePair{"self_attn.qkv_proj", "attn_qkv"},
    NamePair{"self_attn.o_proj", "attn_output"},
    NamePair{"self_attn.q_norm", "attn_q_norm"},
    NamePair{"self_attn.k_norm", "attn_k_norm"},
    NamePair{"post_attention_layernorm", "ffn_norm"},
    NamePair{"mlp.gate_proj", "ffn_gate"},
    NamePair{"mlp.up_proj", "ffn_up"},
    NamePair{"mlp.gate_up_proj", "ffn_up"},
    NamePair{"mlp.down_proj", "ffn_down"},
};

/// What stands for the "*" of a pattern, with a dot before it; empty where it has none.
std::optional<std::string> Match(std::string_view pattern, std::string_view stem) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) {
    return pattern == stem ? std::optional<std::string>("") : std::nullopt;
  }
  const std::string_view before = pattern.substr(0, star), behind = pattern.substr(star + 1);
  if (stem.size() <= before.size() + behind.size() || !stem.starts_with(before) ||
      !stem.ends_with(behind)) {
    return std::nullopt;
  }
  const std::string_view number =
      stem.substr(before.size(), stem.size() - before.size() - behind.size());
  if (number.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  return "." + std::string(number);
}

std::optional<std::string> Translate(std::string_view stem, std::span<const NamePair> table) {
  for (const NamePair& pair : table) {
    if (const auto number = Match(pair.hf, stem)) return std::string(pair.gguf) + *number;
  }
  return std::nullopt;
}

}  // namespace

std::span<const NamePair> HfHyperparameterNames() { return kHyperparameters; }

std::optional<std::string> GgufTensorName(std::string_view hf_name,
                                          std::span<const NamePair> overrides) {
  const size_t dot = hf_name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string suffix(hf_name.substr(dot));  // ".weight" or ".bias"
  const std::string_view stem = hf_name.substr(0, dot);
  if (const auto global = Translate(stem, kGlobalTensors)) return *global + suffix;

  constexpr std::string_view kLayers = "model.layers.";
  if (stem.substr(0, kLayers.size()) != kLayers) return std::nullopt;
  const std::string_view rest = stem.substr(kLayers.size());
  const size_t end = rest.find('.');
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  const std::string_view part = rest.substr(end + 1);
  auto name = Translate(part, overrides);
  if (!name) name = Translate(part, kLayerTensors);
  if (!name) return std::nullopt;
  return "blk." + std::string(rest.substr(0, end)) + "." + *name + suffix;
}

}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

// Hugging Face's names beside GGUF's.

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace altteul::model {

struct NamePair {
  std::string_view hf;
  std::string_view gguf;
};

/// Hyperparameters of config.json whose meaning is the same: {"num_hidden_layers", "block_count"}.
std::span<const NamePair> HfHyperparameterNames();

/// GGUF's name of a folder's tensor: "model.layers.3.self_attn.q_proj.weight" becomes
/// "blk.3.attn_q.weight". Nothing when the name is unknown.
/// @param overrides  a family's own translations of "layers.N." parts, looked at first. Where one
/// has
///                   a "*", any number stands in a folder's name, and goes to the end of GGUF's:
///                   {"mlp.experts.*.up_proj", "ffn_up_exps"} makes "blk.3.ffn_up_exps.7.weight".
std::optional<std::string> GgufTensorName(std::string_view hf_name,
                                          std::span<const NamePair> overrides);

}  // namespace altteul::model

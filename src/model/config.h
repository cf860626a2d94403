// SPDX-License-Identifier: Apache-2.0

// What a transformer of any family is made of, in plain numbers and enumerated options. A family
// (arch/<name>.cc) fills this from a file; nobody above ever asks for its name.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/elementwise.h"

namespace altteul::model {

/// Rotary position embedding, resolved to one frequency a pair (Su et al., arXiv 2104.09864).
/// angle(position, i) = position * frequencies[i]; cos and sin are multiplied by `magnitude`.
struct RopePlan {
  kernels::RopePairs pairs = kernels::RopePairs::kHalves;
  std::vector<double> frequencies;  ///< [n_rotated / 2] radians a position
  std::vector<double>
      frequencies_long;  ///< used when the context exceeds original_context; or empty
  size_t original_context = 0;
  double magnitude = 1.0;

  size_t n_rotated() const { return 2 * frequencies.size(); }
  bool operator==(const RopePlan&) const = default;
};

/// The options of one layer.
struct BlockPlan {
  bool pre_norm = true;        ///< RMSNorm before attention and before the feed-forward
  bool post_norm = false;      ///< RMSNorm after each, before the residual sum
  bool qk_norm = false;        ///< RMSNorm of each head of q and k, before rope
  std::optional<size_t> rope;  ///< index into ModelConfig::ropes; nothing: no rotation
  size_t window = 0;           ///< query i sees key j when i - j < window; 0: every earlier one
};

struct ModelConfig {
  std::string family;  ///< "llama", "gemma3": for people
  size_t n_layers = 0;
  size_t hidden = 0;
  size_t n_heads = 0;
  size_t n_kv_heads = 0;
  size_t head_dim = 0;
  size_t ffn = 0;  ///< inner size of the feed-forward
  size_t vocabulary = 0;
  size_t context = 0;  ///< positions the model was trained for; 0 unknown

  float norm_eps = 1e-5f;
  float norm_weight_offset = 0.0f;  ///< 1 where the file stores w and the norm means 1 + w
  float embedding_scale = 1.0f;
  float attention_scale = 0.0f;
  float attention_softcap = 0.0f;  ///< 0: none
  float final_softcap = 0.0f;      ///< 0: none
  kernels::Activation activation = kernels::Activation::kSilu;
  bool fused_qkv = false;      ///< q, k and v are the rows of one tensor, attn_qkv
  bool fused_gate_up = false;  ///< gate and up are the rows of one tensor, ffn_up

  std::vector<RopePlan> ropes;
  std::vector<BlockPlan> blocks;  ///< [n_layers]
};

}  // namespace altteul::model

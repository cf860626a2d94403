// SPDX-License-Identifier: Apache-2.0

// What a transformer of any family is made of, in plain numbers and enumerated options. A family
// (arch/<name>.cc) fills this from a file; nobody above ever asks for its name.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
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

/// Attention of one layer.
struct AttentionPlan {
  size_t n_heads = 0;
  size_t n_kv_heads = 0;  ///< head h reads kv head h / (n_heads / n_kv_heads)
  size_t key_dim = 0;     ///< of a head's queries and keys
  size_t value_dim = 0;   ///< of a head's values
  float scale = 0.0f;     ///< of q k, before the softmax
  float softcap = 0.0f;   ///< 0: none
  std::optional<size_t> rope =
      std::nullopt;        ///< index into ModelConfig::ropes; nothing: no rotation
  size_t window = 0;       ///< query i sees key j when i - j < window; 0: every earlier one
  bool qk_norm = false;    ///< RMSNorm of each head of q and k, before rope
  bool fused_qkv = false;  ///< q, k and v are the rows of one tensor, attn_qkv

  // What models have and no step computes yet: WithoutStep() names it, and nothing opens them.
  bool v_norm = false;           ///< RMSNorm of each head of v
  bool output_gate = false;      ///< the output is multiplied by a function of the input
  bool sinks = false;            ///< a learned term in the softmax's sum
  bool values_are_keys = false;  ///< there is no v: the keys, before norm and rope, are the values
  std::optional<size_t> kv_of = std::nullopt;  ///< the earlier layer whose keys and values are read

  size_t q_width() const { return n_heads * key_dim; }
  size_t k_width() const { return n_kv_heads * key_dim; }
  size_t v_width() const { return n_kv_heads * value_dim; }
  size_t mix_width() const { return n_heads * value_dim; }  ///< of what o reads
  bool operator==(const AttentionPlan&) const = default;
};

/// A feed-forward that every token goes through whole.
struct DensePlan {
  size_t inner = 0;      ///< values between its two products
  bool has_gate = true;  ///< down(activation(gate(h)) * up(h)), else down(activation(up(h)))
  kernels::Activation activation = kernels::Activation::kSilu;
  bool fused_gate_up = false;  ///< gate and up are the rows of one tensor, ffn_up

  bool operator==(const DensePlan&) const = default;
};

/// How a layer mixes tokens, and what it does with each alone; nothing where it has no such part.
using MixerPlan = std::variant<std::monostate, AttentionPlan>;
using FeedForwardPlan = std::variant<std::monostate, DensePlan>;

/// One layer: x += post_norm(mixer(pre_norm(x))), then the same with the feed-forward.
struct LayerPlan {
  bool pre_norm = true;    ///< RMSNorm before each part
  bool post_norm = false;  ///< RMSNorm behind each, before the residual sum
  MixerPlan mixer;
  FeedForwardPlan feed_forward;

  /// Null where the part is of another kind.
  const AttentionPlan* attention() const { return std::get_if<AttentionPlan>(&mixer); }
  AttentionPlan* attention() { return std::get_if<AttentionPlan>(&mixer); }
  const DensePlan* dense() const { return std::get_if<DensePlan>(&feed_forward); }
  DensePlan* dense() { return std::get_if<DensePlan>(&feed_forward); }
  bool operator==(const LayerPlan&) const = default;
};

struct ModelConfig {
  std::string family;  ///< "llama", "gemma3": for people
  size_t hidden = 0;
  size_t vocabulary = 0;
  size_t context = 0;  ///< positions the model was trained for; 0 unknown

  float norm_eps = 1e-5f;
  float norm_weight_offset = 0.0f;  ///< 1 where the file stores w and the norm means 1 + w
  float embedding_scale = 1.0f;
  float final_softcap = 0.0f;  ///< 0: none

  std::vector<RopePlan> ropes;
  std::vector<LayerPlan> layers;

  size_t n_layers() const { return layers.size(); }
  /// The most that `of` says of any layer's attention, 0 without any:
  /// Most(&AttentionPlan::q_width).
  size_t Most(size_t (AttentionPlan::*of)() const) const {
    size_t most = 0;
    for (const LayerPlan& layer : layers) {
      if (const AttentionPlan* plan = layer.attention()) most = std::max(most, (plan->*of)());
    }
    return most;
  }
  size_t widest_head() const {
    size_t most = 0;
    for (const LayerPlan& layer : layers) {
      if (const AttentionPlan* plan = layer.attention()) {
        most = std::max({most, plan->key_dim, plan->value_dim});
      }
    }
    return most;
  }
  size_t widest_inner() const {
    size_t most = 0;
    for (const LayerPlan& layer : layers) {
      if (const DensePlan* plan = layer.dense()) most = std::max(most, plan->inner);
    }
    return most;
  }
};

/// What a plan asks for that no step of a pass computes, as "layer 3: attention with sinks"; empty
/// when every layer can be computed.
std::string WithoutStep(const ModelConfig& config);

}  // namespace altteul::model

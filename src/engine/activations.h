// SPDX-License-Identifier: Apache-2.0

// Where the values of a pass lie in a compute's memory; T is the number of its rows.

#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "compute/address.h"
#include "model/config.h"

namespace altteul::engine {

/// What one layer computes. Every value has a place of its own here; who needs none of them later
/// lets a value take the place of one that is not needed any more (OnePass()).
struct LayerActivations {
  using Floats = compute::Floats;

  Floats attn_in;      ///< [T, hidden] norm(x): what q, k and v read
  Floats q, k, v;      ///< [T, q_width], [T, k_width], [T, v_width] as the products give them
  Floats turned_q;     ///< [T, q_width] behind norm and rope
  Floats turned_k;     ///< [T, k_width]
  Floats mix;          ///< [T, mix_width] what o reads
  Floats row_sums;     ///< [T, n_heads, 2] of attention; null: not asked for
  Floats attn_out;     ///< [T, hidden] o's product
  Floats attn_normed;  ///< [T, hidden] its norm, where there is one
  Floats ffn_in;       ///< [T, hidden] norm(x): what gate and up read
  Floats gate, up;     ///< [T, inner] as the products give them
  Floats inner;        ///< [T, inner] activation(gate) * up: what down reads
  Floats ffn_out;      ///< [T, hidden] down's product
  Floats ffn_normed;   ///< [T, hidden] its norm, where there is one

  /// One set for all layers of passes that keep nothing.
  static LayerActivations OnePass(compute::Carver& carver, const model::ModelConfig& config,
                                  size_t rows) {
    using Plan = model::AttentionPlan;
    LayerActivations set;
    const auto take = [&](size_t width) { return carver.Take<float>(rows * width); };
    set.attn_in = set.attn_normed = set.ffn_in = set.ffn_normed = take(config.hidden);
    set.q = set.turned_q = take(config.Most(&Plan::q_width));
    set.k = set.turned_k = take(config.Most(&Plan::k_width));
    set.v = take(config.Most(&Plan::v_width));
    set.mix = take(config.Most(&Plan::mix_width));
    set.attn_out = set.ffn_out = take(config.hidden);
    set.gate = set.inner = take(config.widest_inner());
    set.up = take(config.widest_inner());
    return set;
  }

  /// A set for a layer whose values are all kept.
  static LayerActivations Kept(compute::Carver& carver, const model::ModelConfig& config,
                               size_t layer, size_t rows) {
    LayerActivations set;
    const auto take = [&](size_t width) { return carver.Take<float>(rows * width); };
    const auto take_each = [&](std::initializer_list<Floats*> places, size_t width) {
      for (Floats* place : places) *place = take(width);
    };
    const model::LayerPlan& plan = config.layers[layer];
    if (const model::AttentionPlan* attention = plan.attention()) {
      take_each({&set.attn_in, &set.attn_out, &set.attn_normed}, config.hidden);
      take_each({&set.q, &set.turned_q}, attention->q_width());
      take_each({&set.k, &set.turned_k}, attention->k_width());
      set.v = take(attention->v_width());
      set.mix = take(attention->mix_width());
      set.row_sums = take(2 * attention->n_heads);
    }
    if (const model::DensePlan* dense = plan.dense()) {
      take_each({&set.ffn_in, &set.ffn_out, &set.ffn_normed}, config.hidden);
      take_each({&set.gate, &set.up, &set.inner}, dense->inner);
    }
    return set;
  }
};

/// Angles of the positions of a pass, for one of the model's ropes.
struct RopeAngles {
  const std::vector<double>* frequencies = nullptr;  ///< [n_pairs], short or long ones
  double magnitude = 1.0;
  compute::Floats cos = {}, sin = {};  ///< [T, n_pairs]
};

}  // namespace altteul::engine

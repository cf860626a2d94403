// SPDX-License-Identifier: Apache-2.0

#include "engine/pass_writer.h"

namespace altteul::engine {

using model::AttentionPlan;
using model::BlockWeights;
using model::DensePlan;
using model::MatrixRole;

void PassWriter::Embed(std::span<const int32_t> ids, Floats x) {
  tape_.Add(compute::EmbedStep{.table = &model_.weights.embedding,
                               .ids = ids,
                               .scale = model_.config.embedding_scale,
                               .out = x});
}

void PassWriter::Angles(std::span<const size_t> positions) {
  for (const RopeAngles& rope : ropes_) {
    tape_.Add(compute::RopeAnglesStep{.positions = positions,
                                      .frequencies = *rope.frequencies,
                                      .magnitude = rope.magnitude,
                                      .cos = rope.cos,
                                      .sin = rope.sin});
  }
}

void PassWriter::Layer(size_t layer, Sequences sequences, const LayerActivations& values,
                       Floats x) {
  const model::LayerPlan& plan = model_.config.layers[layer];
  if (plan.attention() != nullptr) {
    Mix(layer, sequences, values, x);
    AttentionOutput(layer, values, x);
  }
  if (plan.dense() != nullptr) {
    Gate(layer, values, x);
    FeedForwardOutput(layer, values, x);
  }
}

// mix = attend(rope(qk_norm(q, k)), v), with q, k, v products of pre_norm(x).
void PassWriter::Mix(size_t layer, Sequences sequences, const LayerActivations& values, Floats x) {
  const AttentionPlan& plan = *model_.config.layers[layer].attention();
  const BlockWeights& w = model_.weights.blocks[layer];
  tape_.Add(compute::ProductsStep{
      .in = x,
      .norm = Norm(w.attn_norm),
      .normed = values.attn_in,
      .outputs = {To(layer, MatrixRole::kQ, values.q), To(layer, MatrixRole::kK, values.k),
                  To(layer, MatrixRole::kV, values.v)},
      .n_outputs = 3});
  Turn(plan, w.q_norm, plan.n_heads, values.q, values.turned_q);
  Turn(plan, w.k_norm, plan.n_kv_heads, values.k, values.turned_k);
  const bool turns = plan.qk_norm || plan.rope;
  tape_.Add(compute::StoreKvStep{
      .sequences = sequences, .k = turns ? values.turned_k : values.k, .v = values.v});
  tape_.Add(compute::AttendStep{.sequences = sequences,
                                .q = turns ? values.turned_q : values.q,
                                .out = values.mix,
                                .row_sums = values.row_sums,
                                .n_heads = plan.n_heads,
                                .scale = plan.scale,
                                .softcap = plan.softcap,
                                .window = plan.window});
}

// out = rope(norm(in)) of each head, or one of them, or nothing.
void PassWriter::Turn(const AttentionPlan& plan, const float* norm, size_t n_heads, Floats in,
                      Floats out) {
  if (plan.qk_norm) {
    tape_.Add(compute::NormStep{
        .in = in, .out = out, .parts = n_heads, .width = plan.key_dim, .norm = Norm(norm)});
  }
  if (!plan.rope) return;
  const RopeAngles& rope = ropes_[*plan.rope];
  tape_.Add(compute::RopeStep{.in = plan.qk_norm ? out : in,
                              .out = out,
                              .n_heads = n_heads,
                              .head_dim = plan.key_dim,
                              .n_rotated = 2 * rope.frequencies->size(),
                              .pairs = model_.config.ropes[*plan.rope].pairs,
                              .cos = rope.cos,
                              .sin = rope.sin});
}

// x += post_norm(o(mix))
void PassWriter::AttentionOutput(size_t layer, const LayerActivations& values, Floats x) {
  tape_.Add(compute::AddProductStep{.in = values.mix,
                                    .product = To(layer, MatrixRole::kO, values.attn_out),
                                    .norm = Norm(model_.weights.blocks[layer].attn_post_norm),
                                    .normed = values.attn_normed,
                                    .x = x});
}

// inner = activation(gate(h)) * up(h), with h = pre_norm(x).
void PassWriter::Gate(size_t layer, const LayerActivations& values, Floats x) {
  const DensePlan& plan = *model_.config.layers[layer].dense();
  const BlockWeights& w = model_.weights.blocks[layer];
  tape_.Add(compute::ProductsStep{
      .in = x,
      .norm = Norm(w.ffn_norm),
      .normed = values.ffn_in,
      .outputs = {To(layer, MatrixRole::kGate, values.gate), To(layer, MatrixRole::kUp, values.up)},
      .n_outputs = 2});
  tape_.Add(compute::GluStep{.gate = values.gate,
                             .up = values.up,
                             .out = values.inner,
                             .width = plan.inner,
                             .activation = plan.activation,
                             .reader = &w.down});
}

// x += post_norm(down(inner))
void PassWriter::FeedForwardOutput(size_t layer, const LayerActivations& values, Floats x) {
  tape_.Add(compute::AddProductStep{.in = values.inner,
                                    .product = To(layer, MatrixRole::kDown, values.ffn_out),
                                    .norm = Norm(model_.weights.blocks[layer].ffn_post_norm),
                                    .normed = values.ffn_normed,
                                    .x = x});
}

void PassWriter::AttentionInput(size_t layer, Floats x, Floats out) {
  tape_.Add(compute::NormStep{.in = x,
                              .out = out,
                              .width = model_.config.hidden,
                              .norm = Norm(model_.weights.blocks[layer].attn_norm)});
}

void PassWriter::FeedForwardInput(size_t layer, Floats x, Floats out) {
  tape_.Add(compute::NormStep{.in = x,
                              .out = out,
                              .width = model_.config.hidden,
                              .norm = Norm(model_.weights.blocks[layer].ffn_norm)});
}

void PassWriter::LastNorm(Floats x, Floats out) {
  tape_.Add(compute::NormStep{.in = x,
                              .out = out,
                              .width = model_.config.hidden,
                              .norm = Norm(model_.weights.output_norm)});
}

compute::NormWeights PassWriter::Norm(const float* weight) const {
  return {
      .weight = weight, .offset = model_.config.norm_weight_offset, .eps = model_.config.norm_eps};
}

compute::Output PassWriter::To(size_t layer, MatrixRole role, Floats out) const {
  return {.linear = &model_.weights.blocks[layer].at(role),
          .out = out,
          .adapters = adapters_ == nullptr ? std::span<const compute::AdapterRows>()
                                           : adapters_->Of(layer, role)};
}

}  // namespace altteul::engine

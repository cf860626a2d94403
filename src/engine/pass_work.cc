// SPDX-License-Identifier: Apache-2.0

#include "engine/pass_work.h"

#include <algorithm>

namespace altteul::engine {
namespace {

void Add(const kernels::WeightMatrix& w, MatrixSum& sum) {
  sum.elements += static_cast<double>(w.rows) * static_cast<double>(w.cols);
  sum.bytes += static_cast<double>(*RowBytes(w.type, w.cols)) * static_cast<double>(w.rows);
}

std::vector<MatrixSum> LayersOf(const model::Weights& weights) {
  std::vector<MatrixSum> sums;
  for (const model::BlockWeights& block : weights.blocks) {
    ForEachMatrix(block, [&](model::MatrixRole, const model::Linear& linear) {
      auto sum = std::find_if(sums.begin(), sums.end(),
                              [&](const MatrixSum& each) { return each.type == linear.w.type; });
      if (sum == sums.end()) sum = sums.insert(sum, {.type = linear.w.type});
      Add(linear.w, *sum);
    });
  }
  return sums;
}

/// Bytes that this layer's cache holds a position.
double KvBytesPerPosition(const model::AttentionPlan& plan, kernels::KvType kv) {
  const kernels::KvLayout layout = {
      .type = kv, .n_kv_heads = plan.n_kv_heads, .head_dim = plan.key_dim};
  return static_cast<double>(layout.page_bytes()) / static_cast<double>(kernels::kKeyTile);
}

/// Positions that the query at `position` sees.
double VisiblePositions(const model::AttentionPlan& plan, size_t position) {
  const size_t all = position + 1;
  return static_cast<double>(plan.window == 0 ? all : std::min(all, plan.window));
}

}  // namespace

PassWork WorkOfPass(const model::ModelConfig& config, const model::Weights& weights,
                    kernels::KvType kv, const PassRows& rows) {
  PassWork work;
  work.layers = LayersOf(weights);
  if (rows.n_logits != 0) {
    work.head.type = weights.output.w.type;
    Add(weights.output.w, work.head);
  }
  for (const model::LayerPlan& layer : config.layers) {
    const model::AttentionPlan* plan = layer.attention();
    if (plan == nullptr) continue;
    double visible = 0;
    for (size_t i = 0; i < rows.n_rows; ++i) {
      visible += VisiblePositions(*plan, rows.first_position + i);
    }
    // q k and the sum over v: for each head and visible position a product of key_dim and one of
    // value_dim.
    work.attention_ops += visible * 2.0 * static_cast<double>(plan->q_width() + plan->mix_width());
    work.kv_bytes += VisiblePositions(*plan, rows.first_position + rows.n_rows - 1) *
                     KvBytesPerPosition(*plan, kv);
  }
  return work;
}

}  // namespace altteul::engine

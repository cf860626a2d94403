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
    for (const model::Linear* linear :
         {&block.q, &block.k, &block.v, &block.o, &block.gate, &block.up, &block.down}) {
      if (linear->w.rows == 0) continue;
      auto sum = std::find_if(sums.begin(), sums.end(),
                              [&](const MatrixSum& each) { return each.type == linear->w.type; });
      if (sum == sums.end()) sum = sums.insert(sum, {.type = linear->w.type});
      Add(linear->w, *sum);
    }
  }
  return sums;
}

/// Bytes that one layer's cache holds a position.
double KvBytesPerPosition(const model::ModelConfig& config, kernels::KvType kv) {
  const kernels::KvLayout layout = {.type = kv,
                                    .n_kv_heads = config.n_kv_heads,
                                    .head_dim = config.head_dim,
                                    .capacity = kernels::kKeyTile};
  return static_cast<double>(layout.total_bytes()) / static_cast<double>(kernels::kKeyTile);
}

/// Positions that the query at `position` sees, all layers together.
double VisiblePositions(const model::ModelConfig& config, size_t position) {
  double visible = 0;
  for (const model::BlockPlan& plan : config.blocks) {
    const size_t all = position + 1;
    visible += static_cast<double>(plan.window == 0 ? all : std::min(all, plan.window));
  }
  return visible;
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
  double visible = 0;
  for (size_t i = 0; i < rows.n_rows; ++i) {
    visible += VisiblePositions(config, rows.first_position + i);
  }
  // q k and the sum over v: two products of head_dim for each head and visible position.
  work.attention_ops = visible * 4.0 * static_cast<double>(config.n_heads * config.head_dim);
  work.kv_bytes = VisiblePositions(config, rows.first_position + rows.n_rows - 1) *
                  KvBytesPerPosition(config, kv);
  return work;
}

}  // namespace altteul::engine

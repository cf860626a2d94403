// SPDX-License-Identifier: Apache-2.0

#include "tools/layer_rates.h"

#include <algorithm>
#include <utility>

#include "base/statistics.h"
#include "plan/product_bench.h"
#include "tools/interrupt.h"

namespace altteul::tools {
namespace {

using kernels::WeightMatrix;

constexpr int kCountedSweeps = 3;  // after one that warms up

struct Kind {
  std::string_view name;
  std::vector<const WeightMatrix*> matrices;
};

std::vector<Kind> KindsOf(const model::Weights& weights) {
  std::vector<Kind> kinds;
  for (const model::MatrixRow& row : model::kMatrices) kinds.push_back({row.name, {}});
  for (const model::BlockWeights& block : weights.blocks) {
    ForEachMatrix(block, [&](model::MatrixRole role, const model::Linear& linear) {
      kinds[static_cast<size_t>(role)].matrices.push_back(&linear.w);
    });
  }
  kinds.erase(std::remove_if(kinds.begin(), kinds.end(),
                             [](const Kind& kind) { return kind.matrices.empty(); }),
              kinds.end());
  kinds.push_back({.name = "head", .matrices = {&weights.output.w}});
  return kinds;
}

Result<plan::ProductBench> BenchOf(const std::vector<Kind>& kinds, size_t n_rows,
                                   size_t most_head_rows, compute::Compute& compute,
                                   const Clock& clock) {
  size_t cols = 0, out = 0;
  for (const Kind& kind : kinds) {
    const bool head = kind.name == "head";
    if (head && n_rows > most_head_rows) continue;
    for (const WeightMatrix* w : kind.matrices) {
      cols = std::max(cols, w->cols);
      out = std::max(out, w->rows);
    }
  }
  return plan::ProductBench::Create(compute, clock, n_rows, cols, out);
}

LayerRate MeasureKind(const Kind& kind, size_t n_rows, const plan::ProductBench& bench) {
  LayerRate rate = {.kind = std::string(kind.name),
                    .type = std::string(TraitsOf(kind.matrices.front()->type).name),
                    .n_rows = n_rows};
  for (const WeightMatrix* w : kind.matrices) {
    const double weights = static_cast<double>(w->rows) * static_cast<double>(w->cols);
    rate.ops += 2.0 * static_cast<double>(n_rows) * weights;
    rate.bytes += static_cast<double>(*RowBytes(w->type, w->cols)) * static_cast<double>(w->rows);
  }
  // All layers of a kind read rows of one width.
  std::vector<double> seconds = bench.Seconds(kind.matrices, 1 + kCountedSweeps);
  seconds.erase(seconds.begin());
  rate.seconds = Median(seconds);
  return rate;
}

}  // namespace

Result<std::vector<LayerRate>> MeasureLayers(const model::Model& model, compute::Compute& compute,
                                             const Clock& clock, std::span<const size_t> row_counts,
                                             size_t most_head_rows) {
  const std::vector<Kind> kinds = KindsOf(model.weights);
  std::vector<LayerRate> rates;
  for (const size_t n_rows : row_counts) {
    ALT_ASSIGN_OR_RETURN(const plan::ProductBench bench,
                         BenchOf(kinds, n_rows, most_head_rows, compute, clock));
    for (const Kind& kind : kinds) {
      if (kind.name == "head" && n_rows > most_head_rows) continue;
      if (Interrupted()) return Status(ErrorCode::kCancelled, "the measurement was interrupted");
      rates.push_back(MeasureKind(kind, n_rows, bench));
    }
  }
  return rates;
}

}  // namespace altteul::tools

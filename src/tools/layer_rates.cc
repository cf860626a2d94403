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
  const char* name;
  std::vector<const WeightMatrix*> matrices;
};

std::vector<Kind> KindsOf(const model::Weights& weights) {
  using model::BlockWeights;
  using model::Linear;
  constexpr std::pair<const char*, Linear BlockWeights::*> kMembers[] = {
      {"q", &BlockWeights::q},      {"k", &BlockWeights::k},       {"v", &BlockWeights::v},
      {"o", &BlockWeights::o},      {"gate", &BlockWeights::gate}, {"up", &BlockWeights::up},
      {"down", &BlockWeights::down}};
  std::vector<Kind> kinds;
  for (const auto& [name, member] : kMembers) {
    Kind kind = {.name = name, .matrices = {}};
    for (const BlockWeights& block : weights.blocks) {
      if ((block.*member).w.rows != 0) kind.matrices.push_back(&(block.*member).w);
    }
    if (!kind.matrices.empty()) kinds.push_back(std::move(kind));
  }
  kinds.push_back({.name = "head", .matrices = {&weights.output.w}});
  return kinds;
}

Result<plan::ProductBench> BenchOf(const std::vector<Kind>& kinds, size_t n_rows,
                                   size_t most_head_rows, const kernels::KernelTable& kernels,
                                   ThreadTeam& team, const Clock& clock) {
  size_t cols = 0, out = 0;
  for (const Kind& kind : kinds) {
    const bool head = std::string_view(kind.name) == "head";
    if (head && n_rows > most_head_rows) continue;
    for (const WeightMatrix* w : kind.matrices) {
      cols = std::max(cols, w->cols);
      out = std::max(out, w->rows);
    }
  }
  return plan::ProductBench::Create(kernels, team, clock, n_rows, cols, out);
}

LayerRate MeasureKind(const Kind& kind, size_t n_rows, const plan::ProductBench& bench) {
  LayerRate rate = {.kind = kind.name,
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

Result<std::vector<LayerRate>> MeasureLayers(const model::Model& model,
                                             const kernels::KernelTable& kernels, ThreadTeam& team,
                                             const Clock& clock, std::span<const size_t> row_counts,
                                             size_t most_head_rows) {
  const std::vector<Kind> kinds = KindsOf(model.weights);
  std::vector<LayerRate> rates;
  for (const size_t n_rows : row_counts) {
    ALT_ASSIGN_OR_RETURN(const plan::ProductBench bench,
                         BenchOf(kinds, n_rows, most_head_rows, kernels, team, clock));
    for (const Kind& kind : kinds) {
      if (std::string_view(kind.name) == "head" && n_rows > most_head_rows) continue;
      if (Interrupted()) return Status(ErrorCode::kCancelled, "the measurement was interrupted");
      rates.push_back(MeasureKind(kind, n_rows, bench));
    }
  }
  return rates;
}

}  // namespace altteul::tools

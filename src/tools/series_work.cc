#include "tools/series_work.h"

#include <algorithm>
#include <initializer_list>

#include "tools/bench_series.h"

namespace altteul::tools {
namespace {

struct MatrixCost {
  double ops_per_row = 0;  ///< of activations
  double bytes = 0;

  void Add(const kernels::WeightMatrix& w) {
    if (w.rows == 0) return;
    ops_per_row += 2.0 * static_cast<double>(w.rows) * static_cast<double>(w.cols);
    bytes += static_cast<double>(*RowBytes(w.type, w.cols)) * static_cast<double>(w.rows);
  }
};

MatrixCost BlocksOf(const model::Weights& weights) {
  MatrixCost cost;
  for (const model::BlockWeights& block : weights.blocks) {
    for (const model::Linear* linear :
         {&block.q, &block.k, &block.v, &block.o, &block.gate, &block.up, &block.down}) {
      cost.Add(linear->w);
    }
  }
  return cost;
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

SeriesWork WorkOf(const model::Model& model, kernels::KvType kv, const SeriesSpec& spec) {
  const model::ModelConfig& config = model.config;
  const MatrixCost blocks = BlocksOf(model.weights);
  MatrixCost head;
  head.Add(model.weights.output.w);
  const double kv_bytes = KvBytesPerPosition(config, kv);
  // q k and the sum over v: two products of head_dim for each head and visible position.
  const double attention_ops = 4.0 * static_cast<double>(config.n_heads * config.head_dim);

  SeriesWork work;
  const bool prompt = spec.kind == SeriesSpec::Kind::kPrompt;
  const size_t start = SeriesRunner::StartOf(spec);
  const size_t pass = prompt ? kPassTokens : 1;
  for (size_t done = 0; done < spec.tokens;) {
    const size_t count = std::min(pass, spec.tokens - done);
    double visible = 0;
    for (size_t i = 0; i < count; ++i) visible += VisiblePositions(config, start + done + i);
    done += count;
    const auto n = static_cast<double>(spec.sequences);
    const bool logits = !prompt || done == spec.tokens;
    work.ops += n * (static_cast<double>(count) * blocks.ops_per_row + visible * attention_ops +
                     (logits ? head.ops_per_row : 0.0));
    work.weight_bytes += blocks.bytes + (logits ? head.bytes : 0.0);
    work.kv_bytes += n * VisiblePositions(config, start + done - 1) * kv_bytes;
  }
  work.tokens = static_cast<double>(spec.tokens * spec.sequences);
  return work;
}

}  // namespace altteul::tools

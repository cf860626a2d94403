// SPDX-License-Identifier: Apache-2.0

#include "plan/machine_rates.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <utility>

#include "base/control_groups.h"
#include "base/machine.h"
#include "base/statistics.h"
#include "engine/forward.h"
#include "engine/pass_work.h"
#include "formats/gguf_writer.h"
#include "kernels/codecs/codec.h"
#include "model/model.h"
#include "model/model_shape.h"
#include "plan/hollow_model.h"
#include "plan/product_bench.h"

namespace altteul::plan {
namespace {

using kernels::KvType;
using kernels::WeightMatrix;

constexpr size_t kProbeCols = 2048;
constexpr size_t kCachedRows = 512;  // of the matrix for many rows
constexpr size_t kHeadDims[] = {64, 128, 256};

// --- products ---

/// A matrix of `type` at rest as a loaded model has it, whose bytes are any.
WeightMatrix MatrixOf(DType type, size_t rows, const kernels::KernelTable& kernels,
                      const std::byte* data) {
  WeightMatrix matrix{.type = type, .rows = rows, .cols = kProbeCols, .data = data};
  if (kernels.fast_panel(type, &matrix.panel)) matrix.form = kernels::RestForm::kGroups16;
  return matrix;
}

Status MeasureTypes(compute::Compute& compute, const Clock& clock, const ProbeSizes& sizes,
                    MachineRates* rates) {
  // The matrix for many rows is of the widest type's size.
  const uint64_t most_bytes =
      std::max<uint64_t>(sizes.stream_bytes, kCachedRows * kProbeCols * sizeof(double));
  ALT_ASSIGN_OR_RETURN(Buffer bytes, Buffer::Allocate(most_bytes, "weights to measure with"));
  // Untouched memory would be one page of zeros, and in the cache. 0x11 is a small number in every
  // type's fields.
  std::memset(bytes.mutable_bytes().data(), 0x11, bytes.size());
  const size_t most_rows = sizes.stream_bytes / (kProbeCols / 8);  // of types of one bit
  ALT_ASSIGN_OR_RETURN(const ProductBench one,
                       ProductBench::Create(compute, clock, 1, kProbeCols, most_rows));
  ALT_ASSIGN_OR_RETURN(
      const ProductBench many,
      ProductBench::Create(compute, clock, sizes.many_rows, kProbeCols, kCachedRows));
  for (const kernels::Codec& codec : kernels::AllCodecs()) {
    const uint64_t row_bytes = *RowBytes(codec.type, kProbeCols);
    const size_t rows = sizes.stream_bytes / row_bytes / kernels::kGroupRows * kernels::kGroupRows;
    const WeightMatrix stream = MatrixOf(codec.type, rows, compute.kernels(), bytes.bytes().data());
    const WeightMatrix cached =
        MatrixOf(codec.type, kCachedRows, compute.kernels(), bytes.bytes().data());
    const auto seconds = [](const ProductBench& bench, const WeightMatrix& matrix, int sweeps) {
      const WeightMatrix* const matrices[] = {&matrix};
      return bench.Seconds(matrices, sweeps).back();
    };
    const double ops = 2.0 * static_cast<double>(sizes.many_rows) * kProbeCols * kCachedRows;
    const double streamed = static_cast<double>(rows * row_bytes);
    rates->types.push_back({.type = codec.type,
                            .bytes_per_s = streamed / seconds(one, stream, 1),
                            .ops_per_s = ops / seconds(many, cached, 2)});
  }
  return Status();
}

// --- attention, and everything else ---

/// A loaded model of zeros.
Result<std::unique_ptr<const model::Model>> ZeroModel(const model::ModelShape& shape, DType type,
                                                      compute::Compute& compute) {
  formats::GgufWriter writer;
  const model::ShapedModel shaped = model::UniformModel(shape, type);
  ALT_RETURN_IF_ERROR(shaped.Declare("zeros", writer));
  ALT_ASSIGN_OR_RETURN(const auto header, writer.Header());
  ALT_ASSIGN_OR_RETURN(const uint64_t file_bytes, writer.PlannedBytes());
  ALT_ASSIGN_OR_RETURN(const HollowFolder folder, HollowFolder::Create());
  ALT_RETURN_IF_ERROR(folder.Write("zeros.gguf", header, file_bytes));
  return model::LoadModel(folder.PathOf("zeros.gguf"), {}, compute, {});
}

/// Passes of a model, timed.
class PassBench {
 public:
  static Result<PassBench> Create(const model::Model& model, compute::Compute& compute,
                                  const Clock& clock, KvType kv, size_t context, size_t max_rows) {
    PassBench bench(clock);
    ALT_ASSIGN_OR_RETURN(bench.forward_,
                         engine::Forward::Create(model, compute, max_rows, context));
    ALT_ASSIGN_OR_RETURN(auto cache,
                         engine::KvCache::Create(compute, model.config, kv, context, max_rows));
    // Every page that a pass will find. Untouched memory would be one page of zeros, and in the
    // processor's cache.
    ALT_RETURN_IF_ERROR(cache.Reserve(context));
    cache.TouchPages();
    bench.cache_ = std::make_unique<engine::KvCache>(std::move(cache));
    bench.tokens_.assign(max_rows, 0);
    return bench;
  }

  /// Seconds of a pass of `n_rows` behind `depth` positions of zeros, after one that warms up.
  Result<double> Seconds(size_t depth, size_t n_rows) {
    cache_->TruncateTo(0);
    ALT_RETURN_IF_ERROR(cache_->Reserve(depth));
    cache_->Advance(depth);
    double seconds = 0;
    for (int sweep = 0; sweep < 2; ++sweep) {
      const engine::SequenceInput input{.cache = cache_.get(),
                                        .tokens = std::span(tokens_).first(n_rows)};
      const double start = clock_->Seconds();
      ALT_RETURN_IF_ERROR(forward_->Run({&input, 1}));
      seconds = clock_->Seconds() - start;
      cache_->TruncateTo(depth);
    }
    return seconds;
  }

 private:
  explicit PassBench(const Clock& clock) : clock_(&clock) {}

  const Clock* clock_;
  std::unique_ptr<engine::Forward> forward_;
  std::unique_ptr<engine::KvCache> cache_;
  std::vector<text::TokenId> tokens_;
};

/// Nearly all of its time is attention once the context is deep.
model::ModelShape AttentionShape(size_t head_dim) {
  return {.name = "attention",
          .alias = "",
          .layers = 4,
          .hidden = 256,
          .ffn = 256,
          .heads = static_cast<uint32_t>(1024 / head_dim),
          .kv_heads = static_cast<uint32_t>(512 / head_dim),
          .head_dim = static_cast<uint32_t>(head_dim),
          .vocabulary = 64,
          .context = 8192,
          .rope_base = 1e4f,
          .tied = true};
}

/// Small layers, so that waiting and small steps are most of their time.
constexpr model::ModelShape kLayerShape = {.name = "layer",
                                           .alias = "",
                                           .layers = 16,
                                           .hidden = 256,
                                           .ffn = 512,
                                           .heads = 4,
                                           .kv_heads = 4,
                                           .head_dim = 64,
                                           .vocabulary = 64,
                                           .context = 8192,
                                           .rope_base = 1e4f,
                                           .tied = true};

/// What a deep context adds to a shallow one is attention alone: seconds and work of that.
struct AddedByDepth {
  double seconds = 0, bytes = 0, ops = 0;
};
Result<AddedByDepth> DepthAdds(PassBench& bench, const model::Model& model, KvType kv, size_t depth,
                               size_t n_rows) {
  ALT_ASSIGN_OR_RETURN(const double deep, bench.Seconds(depth, n_rows));
  ALT_ASSIGN_OR_RETURN(const double shallow, bench.Seconds(0, n_rows));
  const auto work = [&](size_t first) {
    return engine::WorkOfPass(model.config, model.weights, kv,
                              {.first_position = first, .n_rows = n_rows, .n_logits = 0});
  };
  const engine::PassWork more = work(depth), less = work(0);
  // A clock that stands still must not divide by zero.
  return AddedByDepth{std::max(1e-9, deep - shallow), more.kv_bytes - less.kv_bytes,
                      more.attention_ops - less.attention_ops};
}

Result<AttentionRate> AttentionRateOf(const model::Model& model, size_t head_dim, KvType kv,
                                      compute::Compute& compute, const Clock& clock,
                                      const ProbeSizes& sizes) {
  ALT_ASSIGN_OR_RETURN(PassBench bench,
                       PassBench::Create(model, compute, clock, kv,
                                         sizes.one_depth + sizes.many_rows, sizes.many_rows));
  ALT_ASSIGN_OR_RETURN(const AddedByDepth one, DepthAdds(bench, model, kv, sizes.one_depth, 1));
  ALT_ASSIGN_OR_RETURN(const AddedByDepth many,
                       DepthAdds(bench, model, kv, sizes.many_depth, sizes.queries));
  return AttentionRate{.kv = kv,
                       .head_dim = head_dim,
                       .bytes_per_s = one.bytes / one.seconds,
                       .ops_per_s = many.ops / many.seconds};
}

Status MeasureAttention(compute::Compute& compute, const Clock& clock, const ProbeSizes& sizes,
                        MachineRates* rates) {
  for (const size_t head_dim : kHeadDims) {
    ALT_ASSIGN_OR_RETURN(const auto model,
                         ZeroModel(AttentionShape(head_dim), DType::kQ8_0, compute));
    for (const KvType kv : kMeasuredKv) {
      ALT_ASSIGN_OR_RETURN(const AttentionRate rate,
                           AttentionRateOf(*model, head_dim, kv, compute, clock, sizes));
      rates->attention.push_back(rate);
    }
  }
  return Status();
}

/// Seconds of the products of all layers alone.
Result<double> ProductSeconds(const model::Model& model, compute::Compute& compute,
                              const Clock& clock, size_t n_rows) {
  const size_t widest = std::max(kLayerShape.hidden, kLayerShape.ffn);
  ALT_ASSIGN_OR_RETURN(const ProductBench bench,
                       ProductBench::Create(compute, clock, n_rows, widest, widest));
  std::map<size_t, std::vector<const WeightMatrix*>> by_cols;
  for (const model::BlockWeights& block : model.weights.blocks) {
    ForEachMatrix(block, [&](model::MatrixRole, const model::Linear& linear) {
      by_cols[linear.w.cols].push_back(&linear.w);
    });
  }
  double seconds = 0;
  for (const auto& [cols, matrices] : by_cols) seconds += bench.Seconds(matrices, 2).back();
  return seconds;
}

Status MeasureLayer(compute::Compute& compute, const Clock& clock, const ProbeSizes& sizes,
                    MachineRates* rates) {
  ALT_ASSIGN_OR_RETURN(const auto model, ZeroModel(kLayerShape, DType::kQ8_0, compute));
  ALT_ASSIGN_OR_RETURN(PassBench bench, PassBench::Create(*model, compute, clock, KvType::kF16,
                                                          2 * sizes.many_rows, sizes.many_rows));
  const auto beside_products = [&](size_t n_rows) -> Result<double> {
    ALT_ASSIGN_OR_RETURN(const double pass, bench.Seconds(0, n_rows));
    ALT_ASSIGN_OR_RETURN(const double products, ProductSeconds(*model, compute, clock, n_rows));
    return std::max(0.0, pass - products) / kLayerShape.layers;
  };
  ALT_ASSIGN_OR_RETURN(rates->layer_seconds, beside_products(1));
  ALT_ASSIGN_OR_RETURN(const double many, beside_products(sizes.many_rows));
  const engine::PassWork work =
      engine::WorkOfPass(model->config, model->weights, KvType::kF16,
                         {.first_position = 0, .n_rows = sizes.many_rows, .n_logits = 0});
  const double attention = work.attention_ops / kLayerShape.layers /
                           rates->Attention(KvType::kF16, kLayerShape.head_dim).ops_per_s;
  rates->value_seconds =
      std::max(0.0, many - attention) /
      (static_cast<double>(sizes.many_rows) * RowValues(model->config) / kLayerShape.layers);
  return Status();
}

// --- rounds ---

Result<MachineRates> MeasureRound(compute::Compute& compute, const Clock& clock,
                                  const ProbeSizes& sizes) {
  MachineRates rates;
  rates.processor = CpuModelName();
  rates.isa = compute.kernels().name;
  rates.threads = compute.team().size();
  ALT_ASSIGN_OR_RETURN(rates.read_bytes_per_s, kernels::MeasureReadBandwidth(
                                                   compute.team(), clock, 2 * sizes.stream_bytes));
  ALT_RETURN_IF_ERROR(MeasureTypes(compute, clock, sizes, &rates));
  ALT_RETURN_IF_ERROR(MeasureAttention(compute, clock, sizes, &rates));
  ALT_RETURN_IF_ERROR(MeasureLayer(compute, clock, sizes, &rates));
  return rates;
}

/// What repeated rounds measured alike.
std::vector<double*> FiguresOf(MachineRates& rates) {
  std::vector<double*> figures = {&rates.layer_seconds, &rates.value_seconds};
  for (TypeRate& rate : rates.types) {
    figures.insert(figures.end(), {&rate.bytes_per_s, &rate.ops_per_s});
  }
  for (AttentionRate& rate : rates.attention) {
    figures.insert(figures.end(), {&rate.bytes_per_s, &rate.ops_per_s});
  }
  return figures;
}

/// The median of each figure; of the machine's bandwidth the best, because it is a limit.
MachineRates MergedRounds(std::vector<MachineRates> rounds) {
  MachineRates merged = rounds.front();
  std::vector<double> ratios;
  const std::vector<double*> figures = FiguresOf(merged);
  for (size_t i = 0; i < figures.size(); ++i) {
    std::vector<double> values;
    for (MachineRates& round : rounds) values.push_back(*FiguresOf(round)[i]);
    const Spread spread = SpreadOf(values);
    *figures[i] = spread.median;
    if (spread.lowest > 0) ratios.push_back(spread.highest / spread.lowest);
  }
  for (const MachineRates& round : rounds) {
    merged.read_bytes_per_s = std::max(merged.read_bytes_per_s, round.read_bytes_per_s);
    // What a product read is no more than what can be read.
    for (const TypeRate& rate : round.types) {
      merged.read_bytes_per_s = std::max(merged.read_bytes_per_s, rate.bytes_per_s);
    }
  }
  merged.spread = ratios.empty() ? 1.0 : SpreadOf(ratios).median;
  return merged;
}

}  // namespace

double RowValues(const model::ModelConfig& config) {
  // Norm and its prepared form, twice; q, k, v; attention's output; gate, up, and its prepared
  // form; two sums.
  size_t sum = 0;
  for (const model::LayerPlan& layer : config.layers) {
    if (const model::AttentionPlan* plan = layer.attention()) {
      sum += 3 * config.hidden + 2 * plan->q_width() + plan->mix_width() + plan->k_width() +
             plan->v_width();
    }
    if (const model::DensePlan* plan = layer.dense()) sum += 3 * config.hidden + 3 * plan->inner;
  }
  return static_cast<double>(sum);
}

const TypeRate* MachineRates::Find(DType type) const {
  const auto found = std::find_if(types.begin(), types.end(),
                                  [type](const TypeRate& rate) { return rate.type == type; });
  return found == types.end() ? nullptr : &*found;
}

const AttentionRate& MachineRates::Attention(KvType kv, size_t head_dim) const {
  const AttentionRate* best = &attention.front();
  const auto distance = [&](const AttentionRate& rate) {
    const double other_kv = rate.kv == kv ? 0 : 1e6;
    return other_kv + std::abs(std::log2(static_cast<double>(rate.head_dim)) -
                               std::log2(static_cast<double>(head_dim)));
  };
  for (const AttentionRate& rate : attention) {
    if (distance(rate) < distance(*best)) best = &rate;
  }
  return *best;
}

Result<MachineRates> MeasureMachine(compute::Compute& compute, const Clock& clock,
                                    const ProgressSink& progress, const ProbeSizes& sizes,
                                    const CpuReader& read_cpu) {
  std::vector<MachineRates> rounds;
  std::vector<CpuReading> readings;
  const auto n_rounds = static_cast<uint64_t>(sizes.rounds);
  for (uint64_t round = 0; round < n_rounds; ++round) {
    if (progress && !progress(round, n_rounds)) {
      return Status(ErrorCode::kCancelled, "measuring was interrupted");
    }
    if (read_cpu) readings.push_back(read_cpu());
    ALT_ASSIGN_OR_RETURN(MachineRates rates, MeasureRound(compute, clock, sizes));
    rounds.push_back(std::move(rates));
  }
  if (progress) progress(n_rounds, n_rounds);
  MachineRates rates = MergedRounds(std::move(rounds));
  rates.peaks = kernels::MeasurePeaks(compute.team(), clock, compute.kernels().name).team;
  if (read_cpu) readings.push_back(read_cpu());
  rates.load = LoadBetween(readings, compute.team().size(), OnlineCores(), ReadGroupLimits().cores);
  return rates;
}

MachineRates ScaledRates(const MachineRates& measured, double read_bytes_per_s,
                         double int8_ops_per_s, int threads) {
  MachineRates scaled = measured;
  const double bytes = read_bytes_per_s / measured.read_bytes_per_s;
  const double ops = int8_ops_per_s / measured.peaks.int8_ops_per_s;
  scaled.threads = threads;
  scaled.read_bytes_per_s = read_bytes_per_s;
  for (double* peak :
       {&scaled.peaks.int8_ops_per_s, &scaled.peaks.bf16_flops, &scaled.peaks.f32_flops}) {
    *peak *= ops;
  }
  for (TypeRate& rate : scaled.types) {
    // One row is bound by whichever grew less.
    rate.bytes_per_s *= std::min(bytes, std::max(ops, rate.bytes_per_s / read_bytes_per_s));
    rate.ops_per_s *= ops;
  }
  for (AttentionRate& rate : scaled.attention) {
    rate.bytes_per_s *= std::min(bytes, std::max(ops, rate.bytes_per_s / read_bytes_per_s));
    rate.ops_per_s *= ops;
  }
  scaled.value_seconds /= ops;
  return scaled;
}

}  // namespace altteul::plan

#include "tools/layer_rates.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/random.h"
#include "base/statistics.h"
#include "tensor/buffer.h"
#include "tools/interrupt.h"

namespace altteul::tools {
namespace {

using kernels::PanelKind;
using kernels::PreparedRows;
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

/// Memory for the activations of any kind, in all forms, and for what comes out.
class Workspace {
 public:
  static Result<Workspace> Create(const std::vector<Kind>& kinds, size_t n_rows,
                                  size_t most_head_rows, int n_threads) {
    size_t cols = 0, out = 0;
    for (const Kind& kind : kinds) {
      const bool head = std::string_view(kind.name) == "head";
      if (head && n_rows > most_head_rows) continue;
      for (const WeightMatrix* w : kind.matrices) {
        cols = std::max(cols, w->cols);
        out = std::max(out, w->rows);
      }
    }
    Workspace work;
    work.scratch_bytes_ = (kernels::LinearScratchBytes(cols) + 63) / 64 * 64;
    const size_t blocks = cols / 16 + 1;
    const std::array<size_t, 7> sizes = {
        n_rows * cols * 4,   n_rows * cols,     n_rows * blocks * 4, n_rows * blocks * 4,
        n_rows * blocks * 4, n_rows * cols * 2, n_rows * out * 4};
    size_t total = work.scratch_bytes_ * static_cast<size_t>(n_threads);
    for (const size_t size : sizes) total += (size + 63) / 64 * 64;
    ALT_ASSIGN_OR_RETURN(work.memory_, Buffer::Allocate(total, "the activations of a benchmark"));
    std::byte* at = work.memory_.mutable_bytes().data();
    std::array<std::byte*, 7> parts{};
    for (size_t i = 0; i < sizes.size(); ++i) {
      parts[i] = at;
      at += (sizes[i] + 63) / 64 * 64;
    }
    work.scratch_ = at;
    auto* x = reinterpret_cast<float*>(parts[0]);
    const RandomStream random(1, "bench activations");
    for (size_t i = 0; i < n_rows * cols; ++i) x[i] = static_cast<float>(random.Uniform(i)) - 0.5f;
    work.rows_ = {.n_rows = n_rows,
                  .cols = cols,
                  .f32 = x,
                  .q8 = reinterpret_cast<int8_t*>(parts[1]),
                  .q8_scale = reinterpret_cast<float*>(parts[2]),
                  .q8_sum16 = reinterpret_cast<int32_t*>(parts[3]),
                  .q8_offset = reinterpret_cast<float*>(parts[4]),
                  .bf16 = reinterpret_cast<uint16_t*>(parts[5])};
    work.out_ = reinterpret_cast<float*>(parts[6]);
    return work;
  }

  PreparedRows Rows(size_t cols) const {
    PreparedRows rows = rows_;
    rows.cols = cols;
    return rows;
  }
  float* out() const { return out_; }
  std::span<std::byte> Scratch(int thread) const {
    return {scratch_ + static_cast<size_t>(thread) * scratch_bytes_, scratch_bytes_};
  }

 private:
  Buffer memory_;
  PreparedRows rows_;
  float* out_ = nullptr;
  std::byte* scratch_ = nullptr;
  size_t scratch_bytes_ = 0;
};

LayerRate MeasureKind(const Kind& kind, size_t n_rows, const Workspace& work,
                      const kernels::KernelTable& kernels, ThreadTeam& team, const Clock& clock) {
  LayerRate rate = {.kind = kind.name,
                    .type = std::string(TraitsOf(kind.matrices.front()->type).name),
                    .n_rows = n_rows};
  kernels::PreparedForms forms;
  for (const WeightMatrix* w : kind.matrices) {
    forms.q8 |= w->panel == PanelKind::kP8;
    forms.bf16 |= w->panel == PanelKind::kP16;
    const double weights = static_cast<double>(w->rows) * static_cast<double>(w->cols);
    rate.ops += 2.0 * static_cast<double>(n_rows) * weights;
    rate.bytes += static_cast<double>(*RowBytes(w->type, w->cols)) * static_cast<double>(w->rows);
  }
  // All layers of a kind read rows of one width.
  const PreparedRows rows = work.Rows(kind.matrices.front()->cols);
  team.Run([&](int thread) {
    kernels.prepare(rows, forms, kernels::ShareBy::kRows, thread, team.size());
  });
  std::vector<double> seconds;
  for (int sweep = 0; sweep <= kCountedSweeps; ++sweep) {
    const double start = clock.Seconds();
    team.Run([&](int thread) {
      for (const WeightMatrix* w : kind.matrices) {
        kernels.linear({.w = w, .x = &rows, .out = work.out(), .out_stride = w->rows},
                       work.Scratch(thread), thread, team.size());
        team.Barrier();
      }
    });
    if (sweep != 0) seconds.push_back(clock.Seconds() - start);
  }
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
    ALT_ASSIGN_OR_RETURN(const Workspace work,
                         Workspace::Create(kinds, n_rows, most_head_rows, team.size()));
    for (const Kind& kind : kinds) {
      if (std::string_view(kind.name) == "head" && n_rows > most_head_rows) continue;
      if (Interrupted()) return Status(ErrorCode::kCancelled, "the measurement was interrupted");
      rates.push_back(MeasureKind(kind, n_rows, work, kernels, team, clock));
    }
  }
  return rates;
}

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

#include "model/weights.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "kernels/codecs/codec.h"
#include "kernels/codecs/finite.h"
#include "model/tensor_values.h"
#include "model/unused_tensors.h"

namespace altteul::model {
namespace {

using kernels::GroupedBytes;
using kernels::RestForm;

constexpr size_t kAlign = 64;

size_t Aligned(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

// Collects what has to be loaded first, so that the arenas can be allocated once, then loads it.
class Loader {
 public:
  /// @param kernels  whose fast panels are used; null: none
  Loader(const Checkpoint& file, const kernels::KernelTable* kernels, std::function<bool()> go_on)
      : file_(file), kernels_(kernels), go_on_(std::move(go_on)) {}

  /// A matrix [rows, cols]: rows [first_row, first_row + rows) of a tensor with all_rows rows.
  /// One that is only looked up, never multiplied, stays in the mapping.
  Status AddMatrix(const std::string& name, size_t all_rows, size_t first_row, size_t rows,
                   size_t cols, bool lookup_only, WeightMatrix* out) {
    ALT_ASSIGN_OR_RETURN(const TensorView view, Get(name, {all_rows, cols}));
    out->type = view.type;
    out->rows = rows;
    out->cols = cols;
    const size_t row_bytes = view.bytes.size() / all_rows;
    out->data = view.bytes.data() + first_row * row_bytes;
    kernels::PanelKind panel = kernels::PanelKind::kP32;
    const kernels::Codec& codec = *kernels::FindCodec(view.type);
    const bool grouped = !lookup_only && kernels_ != nullptr && cols % codec.tile_cols == 0 &&
                         kernels_->fast_panel(view.type, &panel);
    resting_bytes_ += rows * row_bytes;
    matrices_.push_back({.matrix = out,
                         .tensor = name + " " + view.shape.ToString(),
                         .first_row = first_row,
                         .source = view.bytes.subspan(first_row * row_bytes, rows * row_bytes),
                         .lookup_only = lookup_only,
                         .offset = arena_bytes_});
    if (grouped) {
      out->form = RestForm::kGroups16;
      out->panel = panel;
      arena_bytes_ += Aligned(GroupedBytes(view.type, rows, cols));
    } else {
      (lookup_only ? looked_up_bytes_ : mapped_bytes_) += rows * row_bytes;
    }
    return Status();
  }

  Status AddLinear(const std::string& stem, size_t rows, size_t cols, Linear* out) {
    return AddFusedLinear(stem, rows, 0, rows, cols, out);
  }

  Status AddFusedLinear(const std::string& stem, size_t all_rows, size_t first_row, size_t rows,
                        size_t cols, Linear* out) {
    ALT_RETURN_IF_ERROR(
        AddMatrix(stem + ".weight", all_rows, first_row, rows, cols, false, &out->w));
    if (file_.Find(stem + ".bias") == nullptr) return Status();
    return AddVector(stem + ".bias", all_rows, first_row, &out->bias);
  }

  /// n values of which the pointer shall show the ones from `first` on.
  Status AddVector(const std::string& name, size_t n, size_t first, const float** out) {
    ALT_ASSIGN_OR_RETURN(const TensorView view, Get(name, {n}));
    vectors_.push_back({out, name, view, n, first, small_bytes_});
    small_bytes_ += Aligned(n * sizeof(float));
    return Status();
  }

  Status Load(ThreadTeam& team, Weights& weights) {
    ALT_ASSIGN_OR_RETURN(weights.small, Buffer::Allocate(small_bytes_, "the norms"));
    for (const Vector& vector : vectors_) {
      auto* values = reinterpret_cast<float*>(weights.small.mutable_bytes().data() + vector.offset);
      kernels::FindCodec(vector.view.type)->decode(vector.view.bytes.data(), vector.n, values);
      for (size_t i = 0; i < vector.n; ++i) {
        if (!std::isfinite(values[i])) {
          return NotFinite(vector.tensor + " " + vector.view.shape.ToString(), "value", i,
                           vector.view.type, vector.view.bytes);
        }
      }
      *vector.out = values + vector.first;
    }
    ALT_ASSIGN_OR_RETURN(weights.arena,
                         Buffer::Allocate(arena_bytes_, "the weights of " + file_.path()));
    ALT_RETURN_IF_ERROR(
        LoadMatrices(team, arena_bytes_ == 0 ? nullptr : weights.arena.mutable_bytes().data()));
    weights.resting_bytes = resting_bytes_ + small_bytes_;
    return Status();
  }

  /// The compute takes over what it will read: arena, vectors, and matrices in the file.
  Status HandOver(compute::Compute& compute, Weights& weights) const {
    const auto hand_over = [&](std::span<const std::byte> bytes) -> Status {
      ALT_ASSIGN_OR_RETURN(std::unique_ptr<compute::Owned> held, compute.Hold(bytes));
      if (held != nullptr) weights.held.push_back(std::move(held));
      return Status();
    };
    ALT_RETURN_IF_ERROR(hand_over(weights.small.bytes()));
    if (arena_bytes_ != 0) ALT_RETURN_IF_ERROR(hand_over(weights.arena.bytes()));
    for (const Matrix& m : matrices_) {
      if (!m.grouped()) ALT_RETURN_IF_ERROR(hand_over(m.source));
    }
    return Status();
  }

  void Describe(WeightPlan& plan) {
    plan.tensors = std::move(used_);
    plan.arena_bytes = arena_bytes_;
    plan.small_bytes = small_bytes_;
    plan.mapped_bytes = mapped_bytes_;
    plan.looked_up_bytes = looked_up_bytes_;
    plan.weights.resting_bytes = resting_bytes_ + small_bytes_;
  }

  const std::set<std::string>& used() const { return used_; }

 private:
  struct Matrix {
    WeightMatrix* matrix;
    std::string tensor;  // name and shape, for messages
    size_t first_row;    // of the tensor
    std::span<const std::byte> source;
    bool lookup_only;
    size_t offset;  // in the arena, of a matrix that rests in groups

    size_t row_bytes() const { return source.size() / matrix->rows; }
    bool grouped() const { return matrix->form == RestForm::kGroups16; }
  };
  struct Vector {
    const float** out;
    std::string tensor;
    TensorView view;
    size_t n, first;
    size_t offset;  // in the small buffer
  };

  Result<TensorView> Get(const std::string& name, std::initializer_list<uint64_t> shape) {
    const TensorView* view = file_.Find(name);
    Shape wanted;
    for (const uint64_t extent : shape) wanted.dims[wanted.n_dims++] = extent;
    if (view == nullptr) {
      return Status(ErrorCode::kCorruptFile,
                    file_.path() + ": tensor " + name + " " + wanted.ToString() + " is missing");
    }
    if (!(view->shape == wanted)) {
      return Status(ErrorCode::kCorruptFile, file_.path() + ": tensor " + name + " is " +
                                                 view->shape.ToString() + ", expected " +
                                                 wanted.ToString());
    }
    if (kernels::FindCodec(view->type) == nullptr) {
      return Status(ErrorCode::kUnsupported, file_.path() + ": tensor " + name + " has the type " +
                                                 std::string(TraitsOf(view->type).name) +
                                                 ", which holds no weights");
    }
    used_.insert(name);
    return *view;
  }

  Status NotFinite(const std::string& tensor, const char* what, size_t where, DType type,
                   std::span<const std::byte> bytes) const {
    return NotFiniteInF32(
        file_.path() + ": tensor " + tensor + ", " + what + " " + std::to_string(where), type,
        bytes, ", so no answer would make sense");
  }

  // A row by its matrix, as in matrices_.
  using RowPlace = std::pair<size_t, size_t>;
  static constexpr RowPlace kNowhere{SIZE_MAX, SIZE_MAX};

  // Threads take slices of whole groups in turn; each slice's source pages go back at once, so that
  // a matrix is never in memory twice.
  Status LoadMatrices(ThreadTeam& team, std::byte* arena) {
    // The first bad row that each thread met. The first of all is reported, however many threads
    // looked.
    std::vector<RowPlace> bad(static_cast<size_t>(team.size()), kNowhere);
    std::atomic<bool> cancelled = false;
    team.Run([&](int thread) {
      bad[static_cast<size_t>(thread)] = LoadShare(thread, bad.size(), arena, cancelled);
    });
    if (cancelled) return Status(ErrorCode::kCancelled, file_.path() + ": loading was interrupted");
    const auto first = *std::min_element(bad.begin(), bad.end());
    if (first != kNowhere) {
      const Matrix& m = matrices_[first.first];
      return NotFinite(m.tensor, "row", m.first_row + first.second, m.matrix->type,
                       m.source.subspan(first.second * m.row_bytes(), m.row_bytes()));
    }
    for (const Matrix& m : matrices_) {
      if (m.grouped()) m.matrix->data = arena + m.offset;
    }
    return Status();
  }

  // The slices of one thread, until somebody cancels.
  // @return the first bad row among them
  RowPlace LoadShare(int thread, size_t n_threads, std::byte* arena,
                     std::atomic<bool>& cancelled) const {
    RowPlace bad = kNowhere;
    size_t slice_number = 0;
    for (size_t i = 0; i < matrices_.size(); ++i) {
      const Matrix& m = matrices_[i];
      const size_t group_bytes = m.row_bytes() * kernels::kGroupRows;
      const size_t slice_rows =
          std::max<size_t>(1, kLoadingBytesOfThread / group_bytes) * kernels::kGroupRows;
      for (size_t row = 0; row < m.matrix->rows; row += slice_rows, ++slice_number) {
        if (slice_number % n_threads != static_cast<size_t>(thread)) continue;
        if (thread == 0 && go_on_ && !go_on_()) cancelled = true;
        if (cancelled) return bad;
        const size_t found = LoadSlice(m, row, std::min(slice_rows, m.matrix->rows - row), arena);
        if (found != SIZE_MAX) bad = std::min(bad, RowPlace{i, found});
      }
    }
    return bad;
  }

  // Rows [first, first + n), group by group while they are in the cache.
  // @return the first row that is not finite, or SIZE_MAX
  size_t LoadSlice(const Matrix& m, size_t first, size_t n, std::byte* arena) const {
    const WeightMatrix& matrix = *m.matrix;
    const size_t row_blocks = m.row_bytes() / TraitsOf(matrix.type).block_bytes;
    const size_t grouped_bytes =
        m.grouped() ? GroupedBytes(matrix.type, kernels::kGroupRows, matrix.cols) : 0;
    const auto finite = [&](size_t row, size_t n_rows) {
      return kernels::AllFinite(matrix.type, m.source.data() + row * m.row_bytes(),
                                n_rows * row_blocks);
    };
    size_t bad = SIZE_MAX;
    for (size_t row = first; row < first + n; row += kernels::kGroupRows) {
      const size_t n_rows = std::min(kernels::kGroupRows, first + n - row);
      if (bad == SIZE_MAX && !finite(row, n_rows)) {
        for (bad = row; finite(bad, 1);) ++bad;
      }
      if (!m.grouped()) continue;
      kernels::GroupRows(matrix.type, m.source.data(), row, n_rows, matrix.cols,
                         arena + m.offset + row / kernels::kGroupRows * grouped_bytes);
    }
    // The truth is compared with, not served: models larger than memory are read in f32 as well.
    const bool stays = kernels_ != nullptr && !m.lookup_only;
    if (m.grouped() || !stays) {
      file_.ReleasePages(m.source.subspan(first * m.row_bytes(), n * m.row_bytes()));
    }
    return bad;
  }

  const Checkpoint& file_;
  const kernels::KernelTable* const kernels_;
  const std::function<bool()> go_on_;
  std::vector<Matrix> matrices_;
  std::vector<Vector> vectors_;
  size_t arena_bytes_ = 0;
  size_t small_bytes_ = 0;
  uint64_t mapped_bytes_ = 0;
  uint64_t looked_up_bytes_ = 0;
  uint64_t resting_bytes_ = 0;
  std::set<std::string> used_;
};

Status AddAttention(Loader& loader, size_t hidden, const AttentionPlan& plan,
                    const std::string& block, BlockWeights& w) {
  const size_t q = plan.q_width(), k = plan.k_width(), v = plan.v_width();
  if (plan.fused_qkv) {
    const std::string stem = block + "attn_qkv";
    const size_t all = q + k + v;
    ALT_RETURN_IF_ERROR(loader.AddFusedLinear(stem, all, 0, q, hidden, &w.q));
    ALT_RETURN_IF_ERROR(loader.AddFusedLinear(stem, all, q, k, hidden, &w.k));
    ALT_RETURN_IF_ERROR(loader.AddFusedLinear(stem, all, q + k, v, hidden, &w.v));
  } else {
    ALT_RETURN_IF_ERROR(loader.AddLinear(block + "attn_q", q, hidden, &w.q));
    ALT_RETURN_IF_ERROR(loader.AddLinear(block + "attn_k", k, hidden, &w.k));
    ALT_RETURN_IF_ERROR(loader.AddLinear(block + "attn_v", v, hidden, &w.v));
  }
  if (plan.qk_norm) {
    const size_t d = plan.key_dim;
    ALT_RETURN_IF_ERROR(loader.AddVector(block + "attn_q_norm.weight", d, 0, &w.q_norm));
    ALT_RETURN_IF_ERROR(loader.AddVector(block + "attn_k_norm.weight", d, 0, &w.k_norm));
  }
  return loader.AddLinear(block + "attn_output", hidden, plan.mix_width(), &w.o);
}

Status AddDense(Loader& loader, size_t hidden, const DensePlan& plan, const std::string& block,
                BlockWeights& w) {
  const size_t inner = plan.inner;
  if (plan.fused_gate_up) {
    const std::string stem = block + "ffn_up";
    ALT_RETURN_IF_ERROR(loader.AddFusedLinear(stem, 2 * inner, 0, inner, hidden, &w.gate));
    ALT_RETURN_IF_ERROR(loader.AddFusedLinear(stem, 2 * inner, inner, inner, hidden, &w.up));
  } else {
    ALT_RETURN_IF_ERROR(loader.AddLinear(block + "ffn_gate", inner, hidden, &w.gate));
    ALT_RETURN_IF_ERROR(loader.AddLinear(block + "ffn_up", inner, hidden, &w.up));
  }
  return loader.AddLinear(block + "ffn_down", hidden, inner, &w.down);
}

/// The norms around one part of a layer.
struct NormsOf {
  const char *before, *behind;
  const float **pre, **post;
};

Status AddNorms(Loader& loader, size_t hidden, const LayerPlan& layer, const std::string& block,
                const NormsOf& norms) {
  if (layer.pre_norm) {
    ALT_RETURN_IF_ERROR(loader.AddVector(block + norms.before, hidden, 0, norms.pre));
  }
  if (!layer.post_norm) return Status();
  return loader.AddVector(block + norms.behind, hidden, 0, norms.post);
}

Status AddLayer(Loader& loader, size_t hidden, const LayerPlan& layer, const std::string& block,
                BlockWeights& w) {
  if (const AttentionPlan* plan = layer.attention()) {
    ALT_RETURN_IF_ERROR(AddNorms(
        loader, hidden, layer, block,
        {"attn_norm.weight", "post_attention_norm.weight", &w.attn_norm, &w.attn_post_norm}));
    ALT_RETURN_IF_ERROR(AddAttention(loader, hidden, *plan, block, w));
  }
  if (const DensePlan* plan = layer.dense()) {
    ALT_RETURN_IF_ERROR(
        AddNorms(loader, hidden, layer, block,
                 {"ffn_norm.weight", "post_ffw_norm.weight", &w.ffn_norm, &w.ffn_post_norm}));
    ALT_RETURN_IF_ERROR(AddDense(loader, hidden, *plan, block, w));
  }
  return Status();
}

Status AddAll(Loader& loader, const Checkpoint& file, const ModelConfig& config, Weights& weights) {
  if (const std::string what = WithoutStep(config); !what.empty()) {
    return Status(ErrorCode::kUnsupported, file.path() + ": " + what + " is not supported");
  }
  ALT_RETURN_IF_ERROR(RefuseUnknownShapes(file, config.n_layers()));
  weights.blocks.resize(config.n_layers());
  weights.tied = file.Find("output.weight") == nullptr;
  ALT_RETURN_IF_ERROR(loader.AddMatrix("token_embd.weight", config.vocabulary, 0, config.vocabulary,
                                       config.hidden, !weights.tied, &weights.embedding));
  if (!weights.tied) {
    ALT_RETURN_IF_ERROR(
        loader.AddLinear("output", config.vocabulary, config.hidden, &weights.output));
  }
  ALT_RETURN_IF_ERROR(
      loader.AddVector("output_norm.weight", config.hidden, 0, &weights.output_norm));
  for (size_t layer = 0; layer < config.n_layers(); ++layer) {
    ALT_RETURN_IF_ERROR(AddLayer(loader, config.hidden, config.layers[layer],
                                 "blk." + std::to_string(layer) + ".", weights.blocks[layer]));
  }
  return Status();
}

}  // namespace

Result<Weights> LoadWeights(const Checkpoint& file, const ModelConfig& config,
                            const WeightOptions& options, compute::Compute& compute,
                            const LogSink& log) {
  Weights weights;
  const bool is_fast = options.precision == kernels::Precision::kFast;
  Loader loader(file, is_fast ? &compute.kernels() : nullptr, options.go_on);
  ALT_RETURN_IF_ERROR(AddAll(loader, file, config, weights));
  ALT_RETURN_IF_ERROR(loader.Load(compute.team(), weights));
  ALT_RETURN_IF_ERROR(loader.HandOver(compute, weights));
  if (weights.tied) weights.output.w = weights.embedding;
  ReportUnused(file, loader.used(), config.n_layers(), log);
  return weights;
}

Result<WeightPlan> PlanWeights(const Checkpoint& file, const ModelConfig& config,
                               const kernels::KernelTable* kernels) {
  WeightPlan plan;
  Loader loader(file, kernels, {});
  ALT_RETURN_IF_ERROR(AddAll(loader, file, config, plan.weights));
  if (plan.weights.tied) plan.weights.output.w = plan.weights.embedding;
  loader.Describe(plan);
  return plan;
}

}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

// The buffers of one Forward, carved out of one allocation. Private to forward.cc and its steps.

#pragma once

#include <algorithm>
#include <vector>

#include "engine/forward.h"
#include "tensor/buffer.h"

namespace altteul::engine {

inline constexpr size_t kAlign = 64;

// Passes of so few rows may share the segments of a context among threads.
inline constexpr size_t kRowsOfSums = 8;

/// Rows that take several small steps before the next ones do.
inline constexpr size_t kRowsAtOnce = 8;

/// Cuts one allocation into aligned arrays. First pass with base == nullptr: sizes only.
class Carver {
 public:
  explicit Carver(std::byte* base) : base_(base) {}

  template <typename T>
  T* Take(size_t count) {
    T* place = base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + used_);
    used_ += (count * sizeof(T) + kAlign - 1) / kAlign * kAlign;
    return place;
  }
  size_t used() const { return used_; }

 private:
  std::byte* base_;
  size_t used_ = 0;
};

/// What row steps write; T is the number of rows of the pass.
struct Forward::RowBuffers {
  float* x = nullptr;     ///< [T, hidden] the residual stream
  float* norm = nullptr;  ///< [T, hidden] a norm: what products read, at the end what logits read
  float* mix = nullptr;   ///< [T, mix_width of the layer] attention's output
  kernels::PreparedRows prepared;  ///< the forms of norm or mix that a product reads next
};

/// Who does the row steps of a pass: all threads together, with a barrier behind, or every thread
/// the whole row for itself.
struct Forward::RowTeam {
  const RowBuffers* rows;
  int thread;
  int n_threads;
  bool is_alone;
};

struct Forward::Workspace {
  RowBuffers shared;
  std::vector<RowBuffers> own;  ///< [n_threads], each of one row

  float* sub = nullptr;  ///< [T, hidden] a sub-block's output before its own norm
  float* q = nullptr;    ///< [T, q_width], [T, k_width] and [T, v_width] of the layer
  float* k = nullptr;
  float* v = nullptr;
  float* gate = nullptr;  ///< [T, inner] of the layer
  float* up = nullptr;    ///< [T, inner]
  kernels::PreparedRows
      prepared_gate;  ///< the forms of gate, written while others still read `prepared`

  struct RopeTable {
    const double* frequencies = nullptr;  ///< [n_pairs], short or long ones
    size_t n_pairs = 0;
    double magnitude = 1.0;
    float* cos = nullptr;  ///< [T, n_pairs]
    float* sin = nullptr;  ///< [T, n_pairs]
  };
  std::vector<RopeTable> ropes;

  kernels::SegmentSums sums;  ///< of kRowsOfSums rows

  size_t scratch_bytes = 0;  ///< of one thread
  std::byte* scratch = nullptr;
  Buffer memory;

  // The pass that is running.
  size_t n_rows = 0;
  std::vector<text::TokenId> ids;                ///< [T]
  std::vector<size_t> positions;                 ///< [T]
  std::vector<kernels::SequenceRows> sequences;  ///< [n_layers][n_sequences]
  std::vector<KvCache::Growth> growths;          ///< [n_sequences]
  bool shares_segments = false;  ///< few rows, and one of them with several segments
  size_t n_sequences = 0;

  std::span<std::byte> Scratch(int thread) const {
    return {scratch + static_cast<size_t>(thread) * scratch_bytes, scratch_bytes};
  }
  std::span<const kernels::SequenceRows> Sequences(size_t layer) const {
    return {sequences.data() + layer * n_sequences, n_sequences};
  }

  static kernels::PreparedRows CarvePrepared(Carver& carver, size_t rows, size_t width) {
    kernels::PreparedRows prepared;
    prepared.q8 = carver.Take<int8_t>(rows * width);
    prepared.q8_scale = carver.Take<float>(rows * (width / 32 + 1));
    prepared.q8_sum16 = carver.Take<int32_t>(rows * (width / 16 + 1));
    prepared.q8_offset = carver.Take<float>(rows * (width / 32 + 1));
    prepared.bf16 = carver.Take<uint16_t>(rows * width);
    return prepared;
  }

  static RowBuffers CarveRows(Carver& carver, const model::ModelConfig& c, size_t rows) {
    const size_t mix_width = c.Most(&model::AttentionPlan::mix_width);
    RowBuffers buffers;
    buffers.x = carver.Take<float>(rows * c.hidden);
    buffers.norm = carver.Take<float>(rows * c.hidden);
    buffers.mix = carver.Take<float>(rows * mix_width);
    buffers.prepared = CarvePrepared(carver, rows, std::max(c.hidden, mix_width));
    return buffers;
  }

  /// A context beyond what the model was first trained for takes the long factors.
  void ChooseRopes(const model::ModelConfig& c, size_t context) {
    for (const model::RopePlan& plan : c.ropes) {
      const bool is_long = !plan.frequencies_long.empty() && context > plan.original_context;
      const std::vector<double>& chosen = is_long ? plan.frequencies_long : plan.frequencies;
      ropes.push_back(
          {.frequencies = chosen.data(), .n_pairs = chosen.size(), .magnitude = plan.magnitude});
    }
  }

  void Carve(Carver& carver, const model::ModelConfig& c, size_t rows, size_t context,
             int n_threads) {
    using Plan = model::AttentionPlan;
    const size_t inner = c.widest_inner();
    const size_t widest = std::max({c.hidden, c.Most(&Plan::mix_width), inner});
    shared = CarveRows(carver, c, rows);
    own.resize(static_cast<size_t>(n_threads));
    for (RowBuffers& buffers : own) buffers = CarveRows(carver, c, 1);
    sub = carver.Take<float>(rows * c.hidden);
    q = carver.Take<float>(rows * c.Most(&Plan::q_width));
    k = carver.Take<float>(rows * c.Most(&Plan::k_width));
    v = carver.Take<float>(rows * c.Most(&Plan::v_width));
    gate = carver.Take<float>(rows * inner);
    up = carver.Take<float>(rows * inner);
    prepared_gate = CarvePrepared(carver, rows, inner);
    for (RopeTable& rope : ropes) {
      rope.cos = carver.Take<float>(rows * rope.n_pairs);
      rope.sin = carver.Take<float>(rows * rope.n_pairs);
    }
    sums.n_segments = (context + kernels::kKeySegment - 1) / kernels::kKeySegment;
    size_t sums_of_row = 0, attention_bytes = 0;
    for (const model::LayerPlan& layer : c.layers) {
      const Plan* plan = layer.attention();
      if (plan == nullptr) continue;
      sums_of_row =
          std::max(sums_of_row, plan->n_heads * kernels::SegmentSums::StrideOf(plan->value_dim));
      attention_bytes = std::max(attention_bytes, kernels::AttentionScratchBytes(plan->key_dim));
    }
    sums.data = carver.Take<float>(std::min(rows, kRowsOfSums) * sums_of_row * sums.n_segments);
    scratch_bytes = std::max(kernels::LinearScratchBytes(widest), attention_bytes);
    scratch_bytes = (scratch_bytes + kAlign - 1) / kAlign * kAlign;
    scratch = carver.Take<std::byte>(scratch_bytes * static_cast<size_t>(n_threads));
  }
};

}  // namespace altteul::engine

// SPDX-License-Identifier: Apache-2.0

// The forward pass in pieces, for callers that keep the rows between them.

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/check.h"
#include "engine/forward.h"
#include "engine/forward_workspace.h"

namespace altteul::engine {

using model::BlockWeights;
using model::ModelConfig;

namespace {

// 100 MB of a head of 3,072 columns in 16 bits: much more than what starting the threads costs.
constexpr size_t kHeadSliceRows = 16384;

}  // namespace

size_t WidthOf(const ModelConfig& config, size_t layer, BlockStep step) {
  const model::LayerPlan& plan = config.layers[layer];
  switch (step) {
    case BlockStep::kMix:
    case BlockStep::kAttentionOutput:
      return plan.attention()->mix_width();
    case BlockStep::kGate:
    case BlockStep::kFeedForwardOutput:
      return plan.dense()->inner;
    case BlockStep::kAttentionInput:
    case BlockStep::kFeedForwardInput:
      break;
  }
  return config.hidden;
}

std::vector<BlockStep> StepsOf(const ModelConfig& config, size_t layer) {
  const model::LayerPlan& plan = config.layers[layer];
  std::vector<BlockStep> steps;
  if (plan.attention() != nullptr) {
    steps.insert(steps.end(), {BlockStep::kMix, BlockStep::kAttentionOutput});
  }
  if (plan.dense() != nullptr) {
    steps.insert(steps.end(), {BlockStep::kGate, BlockStep::kFeedForwardOutput});
  }
  return steps;
}

void Forward::Embed(std::span<const text::TokenId> ids, std::span<float> x) {
  const ModelConfig& config = model_.config;
  ALT_CHECK(x.size() == ids.size() * config.hidden);
  team_.Run([&](int thread) {
    kernels_.embed({.table = &model_.weights.embedding,
                    .ids = ids.data(),
                    .n_rows = ids.size(),
                    .scale = config.embedding_scale,
                    .out = x.data()},
                   work_->Scratch(thread), thread, team_.size());
  });
}

void Forward::RunStep(size_t layer, BlockStep step, std::span<KvCache> caches, std::span<float> x,
                      std::span<float> rows) {
  Workspace& work = *work_;
  const ModelConfig& config = model_.config;
  ALT_CHECK(!caches.empty());
  const size_t n_rows = x.size() / config.hidden, length = n_rows / caches.size();
  ALT_CHECK(n_rows <= max_rows_ && x.size() == n_rows * config.hidden);
  ALT_CHECK(length * caches.size() == n_rows &&
            rows.size() == n_rows * WidthOf(config, layer, step));
  work.n_rows = n_rows;
  work.positions.resize(n_rows);
  work.shares_segments = false;
  work.n_sequences = caches.size();
  work.sequences.resize(config.n_layers() * caches.size());
  for (size_t i = 0; i < caches.size(); ++i) {
    ALT_CHECK(length <= caches[i].room());
    const size_t first = i * length;
    const auto positions = work.positions.begin() + static_cast<ptrdiff_t>(first);
    std::iota(positions, positions + static_cast<ptrdiff_t>(length), size_t{0});
    work.sequences[layer * caches.size() + i] = {.layout = caches[i].layout(layer),
                                                 .pages = caches[i].pages(layer),
                                                 .page_offset = caches[i].page_offset(layer),
                                                 .first_row = first,
                                                 .n_rows = length};
  }
  const auto copy = [](std::span<const float> from, float* to) {
    std::memcpy(to, from.data(), from.size_bytes());
  };
  copy(x, work.shared.x);
  if (step == BlockStep::kAttentionOutput) copy(rows, work.shared.mix);
  if (step == BlockStep::kFeedForwardOutput) copy(rows, work.gate);
  team_.Run([&](int thread) { TakeStep(layer, step, thread); });
  if (step == BlockStep::kAttentionOutput || step == BlockStep::kFeedForwardOutput) {
    return copy({work.shared.x, x.size()}, x.data());
  }
  const float* in = config.layers[layer].pre_norm ? work.shared.norm : work.shared.x;
  const float* out = step == BlockStep::kMix    ? work.shared.mix
                     : step == BlockStep::kGate ? work.gate
                                                : in;
  copy({out, rows.size()}, rows.data());
}

void Forward::TakeStep(size_t layer, BlockStep step, int thread) {
  Workspace& work = *work_;
  const RowTeam team = {&work.shared, thread, team_.size(), false};
  const BlockWeights& w = model_.weights.blocks[layer];
  switch (step) {
    case BlockStep::kAttentionInput:
      PrepareInput(layer, w.attn_norm, {&w.q}, team);
      break;
    case BlockStep::kMix:
      FillRopeTables(thread);
      Mix(layer, team, thread);
      break;
    case BlockStep::kAttentionOutput:
      AttentionOutput(layer, work.shared.mix, team, thread);
      break;
    case BlockStep::kFeedForwardInput:
      PrepareInput(layer, w.ffn_norm, {&w.gate}, team);
      break;
    case BlockStep::kGate:
      Gate(layer, team, thread);
      break;
    case BlockStep::kFeedForwardOutput:
      PrepareGate(layer, 0, work.n_rows, thread);
      Barrier();
      FeedForwardOutput(layer, team, thread);
      break;
  }
}

void Forward::Finish(std::span<const float> x, std::span<float> norm) {
  Workspace& work = *work_;
  work.n_rows = x.size() / model_.config.hidden;
  ALT_CHECK(work.n_rows <= max_rows_);
  team_.Run([&](int thread) {
    Norm(x.data(), work.shared.norm, model_.weights.output_norm, work.n_rows, model_.config.hidden,
         thread, team_.size());
  });
  if (!norm.empty()) std::memcpy(norm.data(), work.shared.norm, norm.size_bytes());
}

void Forward::LogitsInSlices(size_t first, size_t count, std::span<float> out,
                             const std::function<void(size_t first_row, size_t n_rows)>& behind) {
  Workspace& work = *work_;
  const ModelConfig& config = model_.config;
  const model::Linear& head = model_.weights.output;
  ALT_CHECK(first + count <= work.n_rows && out.size() >= count * config.vocabulary);
  // Only rows as a file has them can be cut anywhere.
  const bool in_slices = head.w.form == kernels::RestForm::kFileRows;
  const size_t row_bytes = *RowBytes(head.w.type, head.w.cols);
  const size_t rows_a_slice = in_slices ? kHeadSliceRows : head.w.rows;
  const float* in = work.shared.norm + first * config.hidden;
  for (size_t row = 0; row < head.w.rows; row += rows_a_slice) {
    model::Linear slice = head;
    slice.w.rows = std::min(rows_a_slice, head.w.rows - row);
    slice.w.data += row * row_bytes;
    if (slice.bias != nullptr) slice.bias += row;
    team_.Run([&](int thread) {
      const RowTeam team = TeamOf(count, thread);
      const kernels::PreparedRows x = PrepareRows(in, count, {&head}, team);
      Product(slice, x, out.data() + row, config.vocabulary, false, thread);
    });
    behind(row, slice.w.rows);
  }
  if (config.final_softcap == 0.0f) return;
  team_.Run([&](int thread) {
    kernels_.softcap(
        {.x = out.data(), .n_rows = count, .width = config.vocabulary, .cap = config.final_softcap},
        thread, team_.size());
  });
}

}  // namespace altteul::engine

// SPDX-License-Identifier: Apache-2.0

// The forward pass in pieces, for callers that keep the rows between them.

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "engine/forward.h"

namespace altteul::engine {

using compute::Floats;
using compute::Tape;
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

Status Forward::Embed(std::span<const text::TokenId> ids, std::span<float> x) {
  ALT_CHECK(x.size() == ids.size() * model_.config.hidden);
  PassWriter writer = Begin(ids.size());
  writer.Embed(ids, tape_.Lend(x, Tape::Loan::kWritten));
  return Play();
}

/// The rows of sequences that are at their beginning.
void Forward::ReadBeginnings(size_t layer, std::span<KvCache> caches, size_t length) {
  n_rows_ = caches.size() * length;
  n_sequences_ = caches.size();
  positions_.resize(n_rows_);
  sequences_.resize(model_.config.n_layers() * caches.size());
  for (size_t i = 0; i < caches.size(); ++i) {
    ALT_CHECK(length <= caches[i].room());
    const size_t first = i * length;
    const auto positions = positions_.begin() + static_cast<ptrdiff_t>(first);
    std::iota(positions, positions + static_cast<ptrdiff_t>(length), size_t{0});
    sequences_[layer * caches.size() + i] = {.layout = caches[i].layout(layer),
                                             .pages = compute::PageTable(caches[i].pages(layer)),
                                             .page_offset = caches[i].page_offset(layer),
                                             .first_row = first,
                                             .n_rows = length};
  }
}

Status Forward::RunStep(size_t layer, BlockStep step, std::span<KvCache> caches, std::span<float> x,
                        std::span<float> rows) {
  const ModelConfig& config = model_.config;
  ALT_CHECK(!caches.empty());
  const size_t n_rows = x.size() / config.hidden, length = n_rows / caches.size();
  ALT_CHECK(n_rows <= max_rows_ && x.size() == n_rows * config.hidden);
  ALT_CHECK(length * caches.size() == n_rows &&
            rows.size() == n_rows * WidthOf(config, layer, step));
  ReadBeginnings(layer, caches, length);
  PassWriter writer = Begin(n_rows);
  const bool adds = step == BlockStep::kAttentionOutput || step == BlockStep::kFeedForwardOutput;
  const bool reads_x_as_it_is = !config.layers[layer].pre_norm;
  const Floats lent_x = tape_.Lend(x, adds ? Tape::Loan::kChanged : Tape::Loan::kRead);
  const Floats lent_rows = tape_.Lend(rows, adds ? Tape::Loan::kRead : Tape::Loan::kWritten);
  LayerActivations values = values_.layer;
  values.mix = values.inner = lent_rows;
  switch (step) {
    case BlockStep::kAttentionInput:
    case BlockStep::kFeedForwardInput:
      if (reads_x_as_it_is) {
        std::copy(x.begin(), x.end(), rows.begin());
        return Status();
      }
      if (step == BlockStep::kAttentionInput) {
        writer.AttentionInput(layer, lent_x, lent_rows);
      } else {
        writer.FeedForwardInput(layer, lent_x, lent_rows);
      }
      break;
    case BlockStep::kMix:
      writer.Angles(positions_);
      writer.Mix(layer, Sequences(layer), values, lent_x);
      break;
    case BlockStep::kAttentionOutput:
      writer.AttentionOutput(layer, values, lent_x);
      break;
    case BlockStep::kGate:
      writer.Gate(layer, values, lent_x);
      break;
    case BlockStep::kFeedForwardOutput:
      writer.FeedForwardOutput(layer, values, lent_x);
      break;
  }
  return Play();
}

Status Forward::Finish(std::span<const float> x, std::span<float> norm) {
  n_rows_ = x.size() / model_.config.hidden;
  ALT_CHECK(n_rows_ <= max_rows_ && (norm.empty() || norm.size() == x.size()));
  PassWriter writer = Begin(n_rows_);
  const Floats lent_x = tape_.Lend(x);
  writer.LastNorm(lent_x, norm.empty() ? values_.last : tape_.Lend(norm, Tape::Loan::kWritten));
  return Play();
}

Status Forward::LogitsInSlices(size_t first, size_t count, std::span<float> out,
                               const std::function<void(size_t first_row, size_t n_rows)>& behind) {
  const ModelConfig& config = model_.config;
  const model::Linear& head = model_.weights.output;
  const size_t n = count * config.vocabulary;
  ALT_CHECK(first + count <= n_rows_ && out.size() >= n);
  const size_t rows_a_slice = head.can_be_cut() ? kHeadSliceRows : head.w.rows;
  const Floats in = values_.last + first * config.hidden;
  for (size_t row = 0; row < head.w.rows; row += rows_a_slice) {
    const size_t n_slice = std::min(rows_a_slice, head.w.rows - row);
    const model::Linear slice = head.can_be_cut() ? head.RowsFrom(row, n_slice) : head;
    tape_.Clear(count);
    const Floats logits = tape_.Lend(out.first(n), Tape::Loan::kChanged);
    const compute::Output output{
        .linear = &slice, .out = logits + row, .stride = config.vocabulary};
    tape_.Add(compute::ProductsStep{.in = in, .outputs = {output}, .n_outputs = 1});
    ALT_RETURN_IF_ERROR(Play());
    behind(row, n_slice);
  }
  if (config.final_softcap == 0.0f) return Status();
  tape_.Clear(count);
  tape_.Add(compute::SoftcapStep{.x = tape_.Lend(out.first(n), Tape::Loan::kChanged),
                                 .width = config.vocabulary,
                                 .cap = config.final_softcap});
  return Play();
}

}  // namespace altteul::engine

// SPDX-License-Identifier: Apache-2.0

#include "engine/forward.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "compute/cpu_player.h"

namespace altteul::engine {

using compute::Carver;
using compute::Floats;
using compute::TapeLimits;
using model::AttentionPlan;
using model::ModelConfig;

namespace {

constexpr size_t kMostRows = size_t{1} << 32;  // with widths up to 2^20 no size wraps

std::string Purpose(size_t max_rows) {
  return "working memory for " + std::to_string(max_rows) + " rows";
}

}  // namespace

/// A context beyond what the model was first trained for takes the long factors.
std::vector<RopeAngles> Forward::ChooseRopes(const ModelConfig& config, size_t context) {
  std::vector<RopeAngles> ropes;
  for (const model::RopePlan& plan : config.ropes) {
    const bool is_long = !plan.frequencies_long.empty() && context > plan.original_context;
    ropes.push_back({.frequencies = is_long ? &plan.frequencies_long : &plan.frequencies,
                     .magnitude = plan.magnitude});
  }
  return ropes;
}

Forward::Values Forward::Carve(Carver& carver, const ModelConfig& config, size_t rows,
                               std::vector<RopeAngles>& ropes) {
  Values values;
  values.x = carver.Take<float>(rows * config.hidden);
  values.last = carver.Take<float>(rows * config.hidden);
  values.layer = LayerActivations::OnePass(carver, config, rows);
  for (RopeAngles& rope : ropes) {
    rope.cos = carver.Take<float>(rows * rope.frequencies->size());
    rope.sin = carver.Take<float>(rows * rope.frequencies->size());
  }
  return values;
}

TapeLimits Forward::LimitsOf(const ModelConfig& config, size_t max_rows, size_t context,
                             size_t widest_rank) {
  TapeLimits limits{
      .max_rows = max_rows,
      .widest = std::max(config.hidden, config.Most(&AttentionPlan::mix_width)),
      .widest_glu = config.widest_inner(),
      .widest_head = config.widest_head(),
      .most_heads = 0,
      .longest = context,
      .widest_rank = widest_rank,
  };
  for (const model::LayerPlan& layer : config.layers) {
    if (const AttentionPlan* plan = layer.attention()) {
      limits.most_heads = std::max(limits.most_heads, plan->n_heads);
    }
  }
  return limits;
}

Result<uint64_t> Forward::WorkingBytes(const ModelConfig& config, int n_threads, size_t max_rows,
                                       size_t context) {
  ALT_CHECK(max_rows > 0);
  if (max_rows > kMostRows) {
    return Status(ErrorCode::kOutOfMemory, Purpose(max_rows) + " is larger than any memory");
  }
  std::vector<RopeAngles> ropes = ChooseRopes(config, context);
  Carver sizes;
  Carve(sizes, config, max_rows, ropes);
  const TapeLimits limits = LimitsOf(config, max_rows, context, 0);
  return sizes.used() + compute::CpuPlayer::BytesFor(limits, n_threads);
}

Result<std::unique_ptr<Forward>> Forward::Create(const model::Model& model,
                                                 compute::Compute& compute, size_t max_rows,
                                                 size_t context, size_t widest_rank) {
  const ModelConfig& config = model.config;
  // Also refuses what would wrap.
  ALT_RETURN_IF_ERROR(WorkingBytes(config, compute.team().size(), max_rows, context).status());
  std::unique_ptr<Forward> forward(new Forward(model, compute, max_rows));
  forward->ropes_ = ChooseRopes(config, context);
  Carver sizes;
  Carve(sizes, config, max_rows, forward->ropes_);
  ALT_ASSIGN_OR_RETURN(forward->memory_, compute.Allocate(sizes.used(), Purpose(max_rows)));
  Carver places(forward->memory_.at);
  forward->values_ = Carve(places, config, max_rows, forward->ropes_);
  ALT_ASSIGN_OR_RETURN(forward->player_,
                       compute.NewPlayer(LimitsOf(config, max_rows, context, widest_rank)));
  return forward;
}

/// Refuses what cannot be computed; otherwise the caches have room for it.
Status Forward::Prepare(std::span<const SequenceInput> inputs) {
  size_t n_rows = 0;
  for (const SequenceInput& input : inputs) {
    n_rows += input.tokens.size();
    const size_t room = input.cache->context() - input.cache->length();
    if (input.tokens.size() > room) {
      return Status(ErrorCode::kDoesNotFit,
                    "a context of " + std::to_string(input.cache->context()) + " tokens holds " +
                        std::to_string(input.cache->length()) + " already and has no room for " +
                        std::to_string(input.tokens.size()) + " more");
    }
    if (input.tokens.size() > input.cache->max_chunk()) {
      return Status(ErrorCode::kDoesNotFit,
                    std::to_string(input.tokens.size()) +
                        " rows of one sequence, but its cache takes at most " +
                        std::to_string(input.cache->max_chunk()) + " in a pass");
    }
    for (const text::TokenId id : input.tokens) {
      if (id < 0 || static_cast<size_t>(id) >= model_.config.vocabulary) {
        return Status(ErrorCode::kInvalidArgument, "token " + std::to_string(id) +
                                                       " is outside the vocabulary of " +
                                                       std::to_string(model_.config.vocabulary));
      }
    }
  }
  if (n_rows == 0) return Status(ErrorCode::kInvalidArgument, "a pass without tokens");
  if (n_rows > max_rows_) {
    return Status(ErrorCode::kDoesNotFit, std::to_string(n_rows) + " rows in a pass of at most " +
                                              std::to_string(max_rows_));
  }
  growths_.clear();
  for (const SequenceInput& input : inputs) {
    growths_.push_back({input.cache, input.tokens.size()});
  }
  return KvCache::ReserveAll(growths_);
}

/// What the steps of the pass will name.
void Forward::ReadInputs(std::span<const SequenceInput> inputs) {
  ids_.clear();
  positions_.clear();
  for (const SequenceInput& input : inputs) {
    for (size_t i = 0; i < input.tokens.size(); ++i) {
      ids_.push_back(input.tokens[i]);
      positions_.push_back(input.cache->length() + i);
    }
  }
  n_rows_ = ids_.size();
  n_sequences_ = inputs.size();
  sequences_.clear();
  for (size_t layer = 0; layer < model_.config.n_layers(); ++layer) {
    size_t first_row = 0;
    for (const SequenceInput& input : inputs) {
      sequences_.push_back({.layout = input.cache->layout(layer),
                            .pages = compute::PageTable(input.cache->pages(layer)),
                            .page_offset = input.cache->page_offset(layer),
                            .first_row = first_row,
                            .n_rows = input.tokens.size(),
                            .first_position = input.cache->length()});
      first_row += input.tokens.size();
    }
  }
}

Status Forward::Run(std::span<const SequenceInput> inputs, const Adapters* adapters) {
  ALT_RETURN_IF_ERROR(Prepare(inputs));
  ReadInputs(inputs);
  PassWriter writer = Begin(n_rows_, adapters);
  const LayerActivations& layer_values = values_.layer;
  const Floats passing[] = {values_.x, layer_values.attn_in, layer_values.mix};
  tape_.SetPassing(passing);
  writer.Embed(ids_, values_.x);
  writer.Angles(positions_);
  for (size_t layer = 0; layer < model_.config.n_layers(); ++layer) {
    writer.Layer(layer, Sequences(layer), layer_values, values_.x);
  }
  writer.LastNorm(values_.x, values_.last);
  Status played = Play();
  for (const SequenceInput& input : inputs) {
    if (played.ok()) {
      input.cache->Advance(input.tokens.size());
    } else {
      input.cache->Abandon();
    }
  }
  return played;
}

PassWriter Forward::Begin(size_t n_rows, const Adapters* adapters) {
  tape_.Clear(n_rows);
  return PassWriter(model_, ropes_, adapters, tape_);
}

Status Forward::Play() {
  Status played = player_->Play(tape_);
  Status finished = player_->Finish();
  return played.ok() ? finished : played;
}

Status Forward::Logits(size_t first, size_t count, std::span<float> out) {
  ALT_CHECK(first + count <= n_rows_);
  tape_.Clear(count);
  MultiplyHead(model_.weights.output, values_.last + first * model_.config.hidden, out);
  return Play();
}

Status Forward::Logits(std::span<const size_t> rows, std::span<float> out) {
  if (rows.empty()) return Status();
  ALT_CHECK(std::is_sorted(rows.begin(), rows.end()) && rows.back() < n_rows_);
  if (rows.back() - rows.front() + 1 == rows.size()) return Logits(rows.front(), rows.size(), out);
  tape_.Clear(rows.size());
  // Behind a pass the residual stream is free.
  tape_.Add(compute::GatherStep{
      .in = values_.last, .rows = rows, .width = model_.config.hidden, .out = values_.x});
  MultiplyHead(model_.weights.output, values_.x, out);
  return Play();
}

/// out = head(in) [T, vocabulary]; the softcap too, where there is one.
void Forward::MultiplyHead(const model::Linear& head, Floats in, std::span<float> out) {
  const ModelConfig& config = model_.config;
  const size_t n = tape_.n_rows() * config.vocabulary;
  ALT_CHECK(out.size() >= n);
  const Floats logits = tape_.Lend(out.first(n), compute::Tape::Loan::kWritten);
  tape_.Add(compute::ProductsStep{
      .in = in, .outputs = {compute::Output{.linear = &head, .out = logits}}, .n_outputs = 1});
  if (config.final_softcap == 0.0f) return;
  tape_.Add(
      compute::SoftcapStep{.x = logits, .width = config.vocabulary, .cap = config.final_softcap});
}

}  // namespace altteul::engine

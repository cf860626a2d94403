// SPDX-License-Identifier: Apache-2.0

#include "engine/forward.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "base/check.h"
#include "engine/forward_workspace.h"

namespace altteul::engine {

using kernels::PanelKind;
using kernels::PreparedForms;
using kernels::PreparedRows;
using kernels::SequenceRows;
using model::AttentionPlan;
using model::BlockWeights;
using model::DensePlan;
using model::Linear;
using model::ModelConfig;

namespace {

constexpr size_t kMostRows = size_t{1} << 32;  // with widths up to 2^20 no size wraps

}  // namespace

Forward::Forward(const model::Model& model, const kernels::KernelTable& kernels, ThreadTeam& team,
                 size_t max_rows)
    : model_(model), kernels_(kernels), team_(team), max_rows_(max_rows) {}

Forward::~Forward() = default;

Result<uint64_t> Forward::WorkingBytes(const ModelConfig& config, int n_threads, size_t max_rows,
                                       size_t context) {
  ALT_CHECK(max_rows > 0);
  if (max_rows > kMostRows) {
    return Status(ErrorCode::kOutOfMemory, "working memory for " + std::to_string(max_rows) +
                                               " rows is larger than any memory");
  }
  Workspace work;
  work.ChooseRopes(config, context);
  Carver sizes(nullptr);
  work.Carve(sizes, config, max_rows, context, n_threads);
  return sizes.used();
}

Result<std::unique_ptr<Forward>> Forward::Create(const model::Model& model,
                                                 const kernels::KernelTable& kernels,
                                                 ThreadTeam& team, size_t max_rows,
                                                 size_t context) {
  ALT_ASSIGN_OR_RETURN(const uint64_t bytes,
                       WorkingBytes(model.config, team.size(), max_rows, context));
  std::unique_ptr<Forward> forward(new Forward(model, kernels, team, max_rows));
  forward->placement_.assign(model.config.n_layers() + 1, Place{});
  forward->work_ = std::make_unique<Workspace>();
  Workspace& work = *forward->work_;
  work.ChooseRopes(model.config, context);
  ALT_ASSIGN_OR_RETURN(
      work.memory,
      Buffer::Allocate(bytes, "working memory for " + std::to_string(max_rows) + " rows"));
  Carver places(work.memory.mutable_bytes().data());
  work.Carve(places, model.config, max_rows, context, team.size());
  work.ids.reserve(max_rows);
  work.positions.reserve(max_rows);
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
  work_->growths.clear();
  for (const SequenceInput& input : inputs) {
    work_->growths.push_back({input.cache, input.tokens.size()});
  }
  return KvCache::ReserveAll(work_->growths);
}

Status Forward::Run(std::span<const SequenceInput> inputs) {
  ALT_RETURN_IF_ERROR(Prepare(inputs));
  Workspace& work = *work_;
  const ModelConfig& config = model_.config;
  work.ids.clear();
  work.positions.clear();
  for (const SequenceInput& input : inputs) {
    for (size_t i = 0; i < input.tokens.size(); ++i) {
      work.ids.push_back(input.tokens[i]);
      work.positions.push_back(input.cache->length() + i);
    }
  }
  work.n_rows = work.ids.size();
  const size_t longest = *std::max_element(work.positions.begin(), work.positions.end()) + 1;
  work.shares_segments = team_.size() > 1 && work.n_rows <= kRowsOfSums &&
                         longest > kernels::kKeySegment &&
                         longest <= work.sums.n_segments * kernels::kKeySegment;
  work.n_sequences = inputs.size();
  work.sequences.clear();
  for (size_t layer = 0; layer < config.n_layers(); ++layer) {
    size_t first_row = 0;
    for (const SequenceInput& input : inputs) {
      work.sequences.push_back({.layout = input.cache->layout(layer),
                                .pages = input.cache->pages(layer),
                                .page_offset = input.cache->page_offset(layer),
                                .first_row = first_row,
                                .n_rows = input.tokens.size(),
                                .first_position = input.cache->length()});
      first_row += input.tokens.size();
    }
  }

  team_.Run([this, &work, &config](int thread) {
    const RowTeam team = TeamOf(work.n_rows, thread);
    kernels_.embed({.table = &model_.weights.embedding,
                    .ids = work.ids.data(),
                    .n_rows = work.n_rows,
                    .scale = config.embedding_scale,
                    .out = team.rows->x},
                   work.Scratch(thread), team.thread, team.n_threads);
    FillRopeTables(thread);
    for (size_t layer = 0; layer < config.n_layers(); ++layer) {
      if (config.layers[layer].attention() != nullptr) Attention(layer, team, thread);
      if (config.layers[layer].dense() != nullptr) FeedForward(layer, team, thread);
    }
    Norm(team.rows->x, work.shared.norm, model_.weights.output_norm, work.n_rows, config.hidden,
         thread, team_.size());
  });

  for (const SequenceInput& input : inputs) input.cache->Advance(input.tokens.size());
  return Status();
}

// x += post_norm(o(attend(rope(qk_norm(q, k)), v))), with q, k, v products of pre_norm(x).
void Forward::Attention(size_t layer, const RowTeam& team, int thread) {
  const float* mix = Mix(layer, team, thread);
  AttentionOutput(layer, mix, team, thread);
}

// attend(rope(qk_norm(q, k)), v), after a barrier.
const float* Forward::Mix(size_t layer, const RowTeam& team, int thread) {
  Workspace& work = *work_;
  const AttentionPlan& plan = *model_.config.layers[layer].attention();
  const BlockWeights& w = model_.weights.blocks[layer];
  const size_t n = work.n_rows;
  const std::span<const SequenceRows> sequences = work.Sequences(layer);

  const PreparedRows x = PrepareInput(layer, w.attn_norm, {&w.q, &w.k, &w.v}, team);
  Product(w.q, x, work.q, plan.q_width(), false, thread);
  Product(w.k, x, work.k, plan.k_width(), false, thread);
  Product(w.v, x, work.v, plan.v_width(), false, thread);
  Barrier();
  if (plan.qk_norm) {
    Norm(work.q, work.q, w.q_norm, n * plan.n_heads, plan.key_dim, thread, team_.size());
    Norm(work.k, work.k, w.k_norm, n * plan.n_kv_heads, plan.key_dim, thread, team_.size());
  }
  if (plan.rope) {
    Rope(*plan.rope, work.q, plan.n_heads, plan.key_dim, thread);
    Rope(*plan.rope, work.k, plan.n_kv_heads, plan.key_dim, thread);
  }
  kernels_.store_kv({.sequences = sequences, .k = work.k, .v = work.v}, thread, team_.size());
  Barrier();
  kernels::AttentionArgs args = {.sequences = sequences,
                                 .q = work.q,
                                 .out = work.shared.mix,
                                 .n_heads = plan.n_heads,
                                 .scale = plan.scale,
                                 .softcap = plan.softcap,
                                 .window = plan.window,
                                 .sums = work.shares_segments ? work.sums : kernels::SegmentSums{}};
  kernels_.attend(args, work.Scratch(thread), thread, team_.size());
  Barrier();
  if (work.shares_segments) {
    args.out = team.rows->mix;
    kernels_.merge_segments(args, team.thread, team.n_threads);
  }
  return args.out;
}

void Forward::AttentionOutput(size_t layer, const float* mix, const RowTeam& team, int thread) {
  const BlockWeights& w = model_.weights.blocks[layer];
  AddSubBlock(w.o, PrepareRows(mix, work_->n_rows, {&w.o}, team), w.attn_post_norm, team, thread);
}

// x += post_norm(down(activation(gate(h)) * up(h))), with h = pre_norm(x).
void Forward::FeedForward(size_t layer, const RowTeam& team, int thread) {
  Gate(layer, team, thread);
  Barrier();
  FeedForwardOutput(layer, team, thread);
}

// work.gate = activation(gate(h)) * up(h), prepared for down: each thread its own columns.
void Forward::Gate(size_t layer, const RowTeam& team, int thread) {
  Workspace& work = *work_;
  const size_t n = work.n_rows;
  const DensePlan& plan = *model_.config.layers[layer].dense();
  const size_t inner = plan.inner;
  const BlockWeights& w = model_.weights.blocks[layer];
  const PreparedRows x = PrepareInput(layer, w.ffn_norm, {&w.gate, &w.up}, team);
  Product(w.gate, x, work.gate, inner, false, thread);
  Product(w.up, x, work.up, inner, false, thread);
  for (size_t row = 0; row < n; row += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, n - row);
    float* gate = work.gate + row * inner;
    kernels_.glu({.gate = gate,
                  .up = work.up + row * inner,
                  .out = gate,
                  .n_rows = count,
                  .width = inner,
                  .activation = plan.activation},
                 thread, team_.size());
    PrepareGate(layer, row, count, thread);
  }
}

void Forward::PrepareGate(size_t layer, size_t row, size_t count, int thread) {
  kernels_.prepare(kernels::RowsFrom(GateRows(layer), row, count),
                   FormsFor({&model_.weights.blocks[layer].down}), kernels::ShareBy::kColumns,
                   thread, team_.size());
}

PreparedRows Forward::GateRows(size_t layer) const {
  const size_t inner = model_.config.layers[layer].dense()->inner;
  return RowsOf(work_->gate, work_->n_rows, inner, work_->prepared_gate);
}

void Forward::FeedForwardOutput(size_t layer, const RowTeam& team, int thread) {
  const BlockWeights& w = model_.weights.blocks[layer];
  AddSubBlock(w.down, GateRows(layer), w.ffn_post_norm, team, thread);
}

// What the products of a block read, norm(x) or x itself where there is no norm before: the end of
// a chain of row steps. A few rows take both steps before the next, while the cache holds them.
PreparedRows Forward::PrepareInput(size_t layer, const float* weight,
                                   std::initializer_list<const Linear*> readers,
                                   const RowTeam& team) {
  const size_t hidden = model_.config.hidden;
  const bool has_norm = model_.config.layers[layer].pre_norm;
  const PreparedRows rows =
      RowsOf(has_norm ? team.rows->norm : team.rows->x, work_->n_rows, hidden, team.rows->prepared);
  const Share share = ShareOf(rows.n_rows, 1, team.thread, team.n_threads);
  for (size_t row = share.begin; row < share.end; row += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, share.end - row);
    const size_t first = row * hidden;
    if (has_norm) Norm(team.rows->x + first, team.rows->norm + first, weight, count, hidden, 0, 1);
    kernels_.prepare(kernels::RowsFrom(rows, row, count), FormsFor(readers),
                     kernels::ShareBy::kRows, 0, 1);
  }
  if (!team.is_alone) Barrier();
  return rows;
}

// x += norm(linear(in)), or x += linear(in) where there is no norm behind. Row steps over x may
// follow without a barrier.
void Forward::AddSubBlock(const Linear& linear, const PreparedRows& in, const float* post_norm,
                          const RowTeam& team, int thread) {
  Workspace& work = *work_;
  const size_t n = work.n_rows;
  const size_t hidden = model_.config.hidden;
  const bool adds_in_place = post_norm == nullptr && !team.is_alone;
  Product(linear, in, adds_in_place ? team.rows->x : work.sub, hidden, adds_in_place, thread);
  Barrier();
  if (adds_in_place) return;
  const float* out = work.sub;
  if (post_norm != nullptr) {
    Norm(work.sub, team.rows->norm, post_norm, n, hidden, team.thread, team.n_threads);
    out = team.rows->norm;
  }
  kernels_.add({.x = team.rows->x, .y = out, .n_rows = n, .width = hidden}, team.thread,
               team.n_threads);
}

void Forward::Logits(size_t first, size_t count, std::span<float> out) {
  ALT_CHECK(first + count <= work_->n_rows);
  MultiplyHead(work_->shared.norm + first * model_.config.hidden, count, out);
}

void Forward::Logits(std::span<const size_t> rows, std::span<float> out) {
  if (rows.empty()) return;
  ALT_CHECK(std::is_sorted(rows.begin(), rows.end()) && rows.back() < work_->n_rows);
  if (rows.back() - rows.front() + 1 == rows.size()) return Logits(rows.front(), rows.size(), out);
  // Behind a pass the residual stream is free.
  const size_t hidden = model_.config.hidden;
  float* gathered = work_->shared.x;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(gathered + i * hidden, work_->shared.norm + rows[i] * hidden,
                hidden * sizeof(float));
  }
  MultiplyHead(gathered, rows.size(), out);
}

/// out = head(norm) [count, vocabulary]
void Forward::MultiplyHead(const float* norm, size_t count, std::span<float> out) {
  const ModelConfig& config = model_.config;
  ALT_CHECK(out.size() >= count * config.vocabulary);
  team_.Run([&](int thread) {
    const RowTeam team = TeamOf(count, thread);
    const PreparedRows x = PrepareRows(norm, count, {&model_.weights.output}, team);
    Product(model_.weights.output, x, out.data(), config.vocabulary, false, thread);
    if (config.final_softcap == 0.0f) return;
    Barrier();
    kernels_.softcap(
        {.x = out.data(), .n_rows = count, .width = config.vocabulary, .cap = config.final_softcap},
        thread, team_.size());
  });
}

// The norm of a single row takes less time than waiting for another thread that has done it.
Forward::RowTeam Forward::TeamOf(size_t n_rows, int thread) const {
  if (n_rows == 1 && team_.size() > 1) {
    return {&work_->own[static_cast<size_t>(thread)], 0, 1, true};
  }
  return {&work_->shared, thread, team_.size(), false};
}

void Forward::Norm(const float* in, float* out, const float* weight, size_t n_rows, size_t width,
                   int thread, int n_threads) {
  kernels_.rms_norm({.in = in,
                     .out = out,
                     .n_rows = n_rows,
                     .width = width,
                     .weight = weight,
                     .weight_offset = model_.config.norm_weight_offset,
                     .eps = model_.config.norm_eps},
                    thread, n_threads);
}

void Forward::Rope(size_t index, float* x, size_t n_heads, size_t head_dim, int thread) {
  const Workspace::RopeTable& table = work_->ropes[index];
  kernels_.rope({.x = x,
                 .n_rows = work_->n_rows,
                 .n_heads = n_heads,
                 .head_dim = head_dim,
                 .n_rotated = 2 * table.n_pairs,
                 .pairs = model_.config.ropes[index].pairs,
                 .cos = table.cos,
                 .sin = table.sin},
                thread, team_.size());
}

// Angles in double: at position 100,000 an f32 angle would be off by 0.004.
void Forward::FillRopeTables(int thread) {
  Workspace& work = *work_;
  const Share share = ShareOf(work.n_rows, 1, thread, team_.size());
  for (Workspace::RopeTable& table : work.ropes) {
    for (size_t row = share.begin; row < share.end; ++row) {
      const auto position = static_cast<double>(work.positions[row]);
      for (size_t i = 0; i < table.n_pairs; ++i) {
        const double angle = position * table.frequencies[i];
        table.cos[row * table.n_pairs + i] = static_cast<float>(std::cos(angle) * table.magnitude);
        table.sin[row * table.n_pairs + i] = static_cast<float>(std::sin(angle) * table.magnitude);
      }
    }
  }
}

PreparedForms Forward::FormsFor(std::initializer_list<const Linear*> readers) {
  PreparedForms forms;
  for (const Linear* reader : readers) {
    forms.q8 |= reader->w.panel == PanelKind::kP8;
    forms.bf16 |= reader->w.panel == PanelKind::kP16;
  }
  return forms;
}

PreparedRows Forward::RowsOf(const float* x, size_t n_rows, size_t cols,
                             const PreparedRows& buffers) {
  PreparedRows rows = buffers;
  rows.n_rows = n_rows;
  rows.cols = cols;
  rows.f32 = x;
  return rows;
}

// Rows of x with the forms that these products read: the end of a chain of row steps.
PreparedRows Forward::PrepareRows(const float* x, size_t n_rows,
                                  std::initializer_list<const Linear*> readers,
                                  const RowTeam& team) {
  const PreparedRows rows = RowsOf(x, n_rows, (*readers.begin())->w.cols, team.rows->prepared);
  kernels_.prepare(rows, FormsFor(readers), kernels::ShareBy::kRows, team.thread, team.n_threads);
  if (!team.is_alone) Barrier();
  return rows;
}

void Forward::Product(const Linear& linear, const PreparedRows& x, float* out, size_t out_stride,
                      bool add_to_out, int thread) {
  kernels_.linear({.w = &linear.w,
                   .x = &x,
                   .out = out,
                   .out_stride = out_stride,
                   .bias = linear.bias,
                   .add_to_out = add_to_out},
                  work_->Scratch(thread), thread, team_.size());
}

}  // namespace altteul::engine

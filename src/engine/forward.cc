#include "engine/forward.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/check.h"

namespace altteul::engine {

using kernels::PanelKind;
using kernels::PreparedForms;
using kernels::PreparedRows;
using kernels::SequenceRows;
using model::BlockPlan;
using model::BlockWeights;
using model::Linear;
using model::ModelConfig;

namespace {

constexpr size_t kAlign = 64;
constexpr size_t kMostRows = size_t{1} << 32;  // with widths up to 2^20 no size wraps

// Passes of so few rows may share the segments of a context among threads.
constexpr size_t kRowsOfSums = 8;

// Cuts one allocation into aligned arrays. First pass with base == nullptr: sizes only.
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

}  // namespace

struct Forward::Workspace {
  // Activations; T is the number of rows of the pass.
  float* x = nullptr;     ///< [T, hidden] the residual stream
  float* norm = nullptr;  ///< [T, hidden] its norm: what products read, at the end what logits read
  float* sub = nullptr;   ///< [T, hidden] a sub-block's output before its own norm
  float* q = nullptr;     ///< [T, n_heads * head_dim]
  float* k = nullptr;     ///< [T, n_kv_heads * head_dim]
  float* v = nullptr;     ///< [T, n_kv_heads * head_dim]
  float* mix = nullptr;   ///< [T, n_heads * head_dim] attention's output
  float* gate = nullptr;  ///< [T, ffn]
  float* up = nullptr;    ///< [T, ffn]
  PreparedRows prepared;  ///< the forms of whichever of these a product reads next

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
  std::vector<text::TokenId> ids;       ///< [T]
  std::vector<size_t> positions;        ///< [T]
  std::vector<SequenceRows> sequences;  ///< [n_layers][n_sequences]
  bool shares_segments = false;         ///< few rows, and one of them with several segments
  size_t n_sequences = 0;

  std::span<std::byte> Scratch(int thread) const {
    return {scratch + static_cast<size_t>(thread) * scratch_bytes, scratch_bytes};
  }
  std::span<const SequenceRows> Sequences(size_t layer) const {
    return {sequences.data() + layer * n_sequences, n_sequences};
  }

  void Carve(Carver& carver, const ModelConfig& c, size_t rows, size_t context, int n_threads) {
    const size_t q_width = c.n_heads * c.head_dim;
    const size_t kv_width = c.n_kv_heads * c.head_dim;
    const size_t widest = std::max({c.hidden, q_width, c.ffn});
    x = carver.Take<float>(rows * c.hidden);
    norm = carver.Take<float>(rows * c.hidden);
    sub = carver.Take<float>(rows * c.hidden);
    q = carver.Take<float>(rows * q_width);
    k = carver.Take<float>(rows * kv_width);
    v = carver.Take<float>(rows * kv_width);
    mix = carver.Take<float>(rows * q_width);
    gate = carver.Take<float>(rows * c.ffn);
    up = carver.Take<float>(rows * c.ffn);
    prepared.q8 = carver.Take<int8_t>(rows * widest);
    prepared.q8_scale = carver.Take<float>(rows * (widest / 32 + 1));
    prepared.q8_sum16 = carver.Take<int32_t>(rows * (widest / 16 + 1));
    prepared.q8_offset = carver.Take<float>(rows * (widest / 32 + 1));
    prepared.bf16 = carver.Take<uint16_t>(rows * widest);
    for (RopeTable& rope : ropes) {
      rope.cos = carver.Take<float>(rows * rope.n_pairs);
      rope.sin = carver.Take<float>(rows * rope.n_pairs);
    }
    sums.n_segments = (context + kernels::kKeySegment - 1) / kernels::kKeySegment;
    sums.data = carver.Take<float>(std::min(rows, kRowsOfSums) * c.n_heads * sums.n_segments *
                                   kernels::SegmentSums::StrideOf(c.head_dim));
    scratch_bytes =
        std::max(kernels::LinearScratchBytes(widest), kernels::AttentionScratchBytes(c.head_dim));
    scratch_bytes = (scratch_bytes + kAlign - 1) / kAlign * kAlign;
    scratch = carver.Take<std::byte>(scratch_bytes * static_cast<size_t>(n_threads));
  }
};

Forward::Forward(const model::Model& model, const kernels::KernelTable& kernels, ThreadTeam& team,
                 size_t max_rows)
    : model_(model), kernels_(kernels), team_(team), max_rows_(max_rows) {}

Forward::~Forward() = default;

Result<std::unique_ptr<Forward>> Forward::Create(const model::Model& model,
                                                 const kernels::KernelTable& kernels,
                                                 ThreadTeam& team, size_t max_rows,
                                                 size_t context) {
  ALT_CHECK(max_rows > 0);
  if (max_rows > kMostRows) {
    return Status(ErrorCode::kOutOfMemory, "working memory for " + std::to_string(max_rows) +
                                               " rows is larger than any memory");
  }
  std::unique_ptr<Forward> forward(new Forward(model, kernels, team, max_rows));
  forward->placement_.assign(model.config.n_layers + 1, Place{});
  forward->work_ = std::make_unique<Workspace>();
  Workspace& work = *forward->work_;
  for (const model::RopePlan& plan : model.config.ropes) {
    const bool long_context = !plan.frequencies_long.empty() && context > plan.original_context;
    const std::vector<double>& chosen = long_context ? plan.frequencies_long : plan.frequencies;
    work.ropes.push_back(
        {.frequencies = chosen.data(), .n_pairs = chosen.size(), .magnitude = plan.magnitude});
  }
  Carver sizes(nullptr);
  work.Carve(sizes, model.config, max_rows, context, team.size());
  ALT_ASSIGN_OR_RETURN(
      work.memory,
      Buffer::Allocate(sizes.used(), "working memory for " + std::to_string(max_rows) + " rows"));
  Carver places(work.memory.mutable_bytes().data());
  work.Carve(places, model.config, max_rows, context, team.size());
  work.ids.reserve(max_rows);
  work.positions.reserve(max_rows);
  return forward;
}

Status Forward::Check(std::span<const SequenceInput> inputs) const {
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
  return Status();
}

Status Forward::Run(std::span<const SequenceInput> inputs) {
  ALT_RETURN_IF_ERROR(Check(inputs));
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
  for (size_t layer = 0; layer < config.n_layers; ++layer) {
    size_t first_row = 0;
    for (const SequenceInput& input : inputs) {
      work.sequences.push_back({.layout = input.cache->layout(layer),
                                .cache = input.cache->data(layer),
                                .first_row = first_row,
                                .n_rows = input.tokens.size(),
                                .first_position = input.cache->length()});
      first_row += input.tokens.size();
    }
  }

  team_.Run([this, &work, &config](int thread) {
    kernels_.embed({.table = &model_.weights.embedding,
                    .ids = work.ids.data(),
                    .n_rows = work.n_rows,
                    .scale = config.embedding_scale,
                    .out = work.x},
                   work.Scratch(thread), thread, team_.size());
    FillRopeTables(thread);
    Barrier();
    for (size_t layer = 0; layer < config.n_layers; ++layer) {
      Attention(layer, thread);
      FeedForward(layer, thread);
    }
    Norm(work.x, work.norm, model_.weights.output_norm, work.n_rows, config.hidden, thread);
  });

  for (const SequenceInput& input : inputs) input.cache->Advance(input.tokens.size());
  return Status();
}

// x += post_norm(o(attend(rope(qk_norm(q, k)), v))), with q, k, v products of pre_norm(x).
void Forward::Attention(size_t layer, int thread) {
  Workspace& work = *work_;
  const ModelConfig& config = model_.config;
  const BlockPlan& plan = config.blocks[layer];
  const BlockWeights& w = model_.weights.blocks[layer];
  const size_t n = work.n_rows;
  const size_t q_width = config.n_heads * config.head_dim;
  const size_t kv_width = config.n_kv_heads * config.head_dim;
  const std::span<const SequenceRows> sequences = work.Sequences(layer);

  const float* in = work.x;
  if (plan.pre_norm) {
    Norm(work.x, work.norm, w.attn_norm, n, config.hidden, thread);
    in = work.norm;
  }
  Prepare(in, n, {&w.q, &w.k, &w.v}, thread);
  Product(w.q, in, n, work.q, q_width, false, thread);
  Product(w.k, in, n, work.k, kv_width, false, thread);
  Product(w.v, in, n, work.v, kv_width, false, thread);
  Barrier();
  if (plan.qk_norm) {
    Norm(work.q, work.q, w.q_norm, n * config.n_heads, config.head_dim, thread);
    Norm(work.k, work.k, w.k_norm, n * config.n_kv_heads, config.head_dim, thread);
  }
  if (plan.rope) {
    Rope(*plan.rope, work.q, config.n_heads, thread);
    Rope(*plan.rope, work.k, config.n_kv_heads, thread);
  }
  if (plan.qk_norm || plan.rope) Barrier();
  kernels_.store_kv({.sequences = sequences, .k = work.k, .v = work.v}, thread, team_.size());
  Barrier();
  const kernels::AttentionArgs args = {
      .sequences = sequences,
      .q = work.q,
      .out = work.mix,
      .n_heads = config.n_heads,
      .scale = config.attention_scale,
      .softcap = config.attention_softcap,
      .window = plan.window,
      .sums = work.shares_segments ? work.sums : kernels::SegmentSums{}};
  kernels_.attend(args, work.Scratch(thread), thread, team_.size());
  Barrier();
  kernels_.merge_segments(args, thread, team_.size());
  Prepare(work.mix, n, {&w.o}, thread);
  AddSubBlock(w.o, work.mix, w.attn_post_norm, thread);
}

// x += post_norm(down(activation(gate(h)) * up(h))), with h = pre_norm(x).
void Forward::FeedForward(size_t layer, int thread) {
  Workspace& work = *work_;
  const ModelConfig& config = model_.config;
  const BlockPlan& plan = config.blocks[layer];
  const BlockWeights& w = model_.weights.blocks[layer];
  const size_t n = work.n_rows;

  const float* in = work.x;
  if (plan.pre_norm) {
    Norm(work.x, work.norm, w.ffn_norm, n, config.hidden, thread);
    in = work.norm;
  }
  Prepare(in, n, {&w.gate, &w.up}, thread);
  Product(w.gate, in, n, work.gate, config.ffn, false, thread);
  Product(w.up, in, n, work.up, config.ffn, false, thread);
  Barrier();
  kernels_.glu({.gate = work.gate,
                .up = work.up,
                .out = work.gate,
                .n_rows = n,
                .width = config.ffn,
                .activation = config.activation},
               thread, team_.size());
  Prepare(work.gate, n, {&w.down}, thread);
  AddSubBlock(w.down, work.gate, w.ffn_post_norm, thread);
}

// x += norm(linear(in)), or x += linear(in) where there is no norm behind. Row steps over x may
// follow without a barrier.
void Forward::AddSubBlock(const Linear& linear, const float* in, const float* post_norm,
                          int thread) {
  Workspace& work = *work_;
  const size_t n = work.n_rows;
  const size_t hidden = model_.config.hidden;
  if (post_norm == nullptr) {
    Product(linear, in, n, work.x, hidden, true, thread);
    Barrier();
    return;
  }
  Product(linear, in, n, work.sub, hidden, false, thread);
  Barrier();
  Norm(work.sub, work.sub, post_norm, n, hidden, thread);
  kernels_.add({.x = work.x, .y = work.sub, .n_rows = n, .width = hidden}, thread, team_.size());
}

void Forward::Logits(size_t first, size_t count, std::span<float> out) {
  Workspace& work = *work_;
  const ModelConfig& config = model_.config;
  ALT_CHECK(first + count <= work.n_rows && out.size() >= count * config.vocabulary);
  const float* in = work.norm + first * config.hidden;
  team_.Run([&](int thread) {
    Prepare(in, count, {&model_.weights.output}, thread);
    Product(model_.weights.output, in, count, out.data(), config.vocabulary, false, thread);
    if (config.final_softcap == 0.0f) return;
    Barrier();
    kernels_.softcap(
        {.x = out.data(), .n_rows = count, .width = config.vocabulary, .cap = config.final_softcap},
        thread, team_.size());
  });
}

void Forward::Norm(const float* in, float* out, const float* weight, size_t n_rows, size_t width,
                   int thread) {
  kernels_.rms_norm({.in = in,
                     .out = out,
                     .n_rows = n_rows,
                     .width = width,
                     .weight = weight,
                     .weight_offset = model_.config.norm_weight_offset,
                     .eps = model_.config.norm_eps},
                    thread, team_.size());
}

void Forward::Rope(size_t index, float* x, size_t n_heads, int thread) {
  const Workspace::RopeTable& table = work_->ropes[index];
  kernels_.rope({.x = x,
                 .n_rows = work_->n_rows,
                 .n_heads = n_heads,
                 .head_dim = model_.config.head_dim,
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

PreparedRows Forward::Rows(const float* x, size_t n_rows, size_t cols) const {
  PreparedRows rows = work_->prepared;
  rows.n_rows = n_rows;
  rows.cols = cols;
  rows.f32 = x;
  return rows;
}

// The forms of x that these products read, x itself included: a row step that ends in a barrier.
void Forward::Prepare(const float* x, size_t n_rows, std::initializer_list<const Linear*> readers,
                      int thread) {
  PreparedForms forms;
  for (const Linear* reader : readers) {
    forms.q8 |= reader->w.panel == PanelKind::kP8;
    forms.bf16 |= reader->w.panel == PanelKind::kP16;
  }
  if (forms.q8 || forms.bf16) {
    kernels_.prepare(Rows(x, n_rows, (*readers.begin())->w.cols), forms, thread, team_.size());
  }
  Barrier();
}

void Forward::Product(const Linear& linear, const float* x, size_t n_rows, float* out,
                      size_t out_stride, bool add_to_out, int thread) {
  const PreparedRows rows = Rows(x, n_rows, linear.w.cols);
  kernels_.linear({.w = &linear.w,
                   .x = &rows,
                   .out = out,
                   .out_stride = out_stride,
                   .bias = linear.bias,
                   .add_to_out = add_to_out},
                  work_->Scratch(thread), thread, team_.size());
}

}  // namespace altteul::engine

// SPDX-License-Identifier: Apache-2.0

// The forward pass: token ids in, hidden states and logits out. There is only one.
//
// It takes rows of any mixture of sequences; each sequence brings its KV cache. A row's result does
// not depend on the rows beside it, on how a prompt was cut into passes, or on the number of
// threads (ARCHITECTURE.md, "Same tokens, same bits"). A pass is a tape that PassWriter writes and
// a compute plays; where its values lie, and on what it is computed, is not known here.

#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "compute/compute.h"
#include "engine/activations.h"
#include "engine/kv_cache.h"
#include "engine/pass_writer.h"
#include "model/model.h"

namespace altteul::engine {

/// Tokens that one sequence adds, at positions cache->length() and on.
struct SequenceInput {
  KvCache* cache = nullptr;
  std::span<const text::TokenId> tokens;
};

/// The steps of one block, for callers that keep the rows between them: calibration gathers what a
/// layer reads, replaces its weights, and only then goes on.
enum class BlockStep : uint8_t {
  kAttentionInput,     ///< rows = what q, k and v read [n, hidden]
  kMix,                ///< rows = what o reads [n, mix_width]
  kAttentionOutput,    ///< x += the attention's part; reads the rows of kMix
  kFeedForwardInput,   ///< rows = what gate and up read [n, hidden]
  kGate,               ///< rows = what down reads [n, inner]
  kFeedForwardOutput,  ///< x += the feed-forward's part; reads the rows of kGate
};

/// Values of a row that goes in or out with this step of a layer.
size_t WidthOf(const model::ModelConfig& config, size_t layer, BlockStep step);

/// The steps that take a layer's rows through it, in their order; the inputs come on the way.
std::vector<BlockStep> StepsOf(const model::ModelConfig& config, size_t layer);

class Forward {
 public:
  /// @param model, compute  must outlive the result
  /// @param max_rows  rows of one pass, all sequences together
  /// @param context   the longest a sequence gets; decides between short and long rope factors,
  ///                  and how much memory threads have for sharing it
  /// @param widest_rank  of the adapters that passes may have; 0: none
  /// @return kOutOfMemory
  static Result<std::unique_ptr<Forward>> Create(const model::Model& model,
                                                 compute::Compute& compute, size_t max_rows,
                                                 size_t context, size_t widest_rank = 0);

  /// Bytes of working memory that Create() would take on the CPU.
  /// @return kOutOfMemory for more rows than any memory holds
  static Result<uint64_t> WorkingBytes(const model::ModelConfig& config, int n_threads,
                                       size_t max_rows, size_t context);

  size_t max_rows() const { return max_rows_; }
  const model::Model& model() const { return model_; }
  compute::Compute& compute() const { return compute_; }

  /// Computes all rows, sequence after sequence, and adds them to the caches, for which pages are
  /// taken before. Afterwards Logits() may be asked for any of these rows, until the next Run().
  /// One call at a time per Forward; a cache may be in one input only.
  /// @param adapters  of these rows, of matrices of at most `widest_rank`; may be null
  /// @return kInvalidArgument for a token outside the vocabulary or no rows at all, kDoesNotFit
  ///         when there are more than max_rows, more than a cache's max_chunk, or a cache is full,
  ///         kOutOfMemory when its pool is dry, and what the compute says when it fails half way;
  ///         the caches then hold what they held
  Status Run(std::span<const SequenceInput> inputs, const Adapters* adapters = nullptr);

  /// Logits of rows [first, first + count) of the last Run(). out [count, vocabulary].
  Status Logits(size_t first, size_t count, std::span<float> out);
  /// Of any of its rows, ascending, with one reading of the head. out [rows.size(), vocabulary].
  Status Logits(std::span<const size_t> rows, std::span<float> out);

  // The same pass in pieces: Embed(), for each layer the six steps in their order, Finish(), then
  // Logits(). The rows are sequences of one length, one after another, each from its beginning.
  // They are lent to the compute: what a step reads or writes is the caller's own memory.

  /// x [ids.size(), hidden]. @pre the ids are within the vocabulary
  Status Embed(std::span<const text::TokenId> ids, std::span<float> x);
  /// @param caches  [n_sequences] where the layer's keys and values go; their lengths stay
  /// @param x       the residual stream [n_rows, hidden], changed by the two output steps
  /// @param rows    [n_rows, WidthOf(step of the layer)], read by the two output steps, written by
  ///                the others
  /// @pre n_rows is a multiple of n_sequences and fits max_rows(), and a sequence the room() of its
  ///      cache
  Status RunStep(size_t layer, BlockStep step, std::span<KvCache> caches, std::span<float> x,
                 std::span<float> rows);
  /// @param x     [n, hidden] behind the last layer
  /// @param norm  [n, hidden] takes what the head reads; empty: Logits() will be asked for it
  Status Finish(std::span<const float> x, std::span<float> norm = {});
  /// Logits() with the head read slice by slice, for heads that are not to be in memory whole.
  /// @param behind  told after each slice which rows of the head were read
  Status LogitsInSlices(size_t first, size_t count, std::span<float> out,
                        const std::function<void(size_t first_row, size_t n_rows)>& behind);

 private:
  /// Where the values of a pass lie.
  struct Values {
    compute::Floats x;     ///< [T, hidden] the residual stream
    compute::Floats last;  ///< [T, hidden] the last norm: what the head reads
    LayerActivations layer;
  };

  Forward(const model::Model& model, compute::Compute& compute, size_t max_rows)
      : model_(model), compute_(compute), max_rows_(max_rows) {}
  static std::vector<RopeAngles> ChooseRopes(const model::ModelConfig& config, size_t context);
  static Values Carve(compute::Carver& carver, const model::ModelConfig& config, size_t rows,
                      std::vector<RopeAngles>& ropes);
  static compute::TapeLimits LimitsOf(const model::ModelConfig& config, size_t max_rows,
                                      size_t context, size_t widest_rank);
  Status Prepare(std::span<const SequenceInput> inputs);
  void ReadInputs(std::span<const SequenceInput> inputs);
  void ReadBeginnings(size_t layer, std::span<KvCache> caches, size_t length);
  std::span<const kernels::SequenceRows> Sequences(size_t layer) const {
    return {sequences_.data() + layer * n_sequences_, n_sequences_};
  }
  PassWriter Begin(size_t n_rows, const Adapters* adapters = nullptr);
  void MultiplyHead(const model::Linear& head, compute::Floats in, std::span<float> out);
  Status Play();

  const model::Model& model_;
  compute::Compute& compute_;
  const size_t max_rows_;
  compute::Memory memory_;
  std::unique_ptr<compute::Player> player_;
  std::vector<RopeAngles> ropes_;
  Values values_;
  compute::Tape tape_;

  // The rows of the last pass.
  size_t n_rows_ = 0;
  size_t n_sequences_ = 0;
  std::vector<text::TokenId> ids_;                ///< [T]
  std::vector<size_t> positions_;                 ///< [T]
  std::vector<kernels::SequenceRows> sequences_;  ///< [n_layers][n_sequences]
  std::vector<KvCache::Growth> growths_;          ///< [n_sequences]
};

}  // namespace altteul::engine

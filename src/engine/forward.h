// SPDX-License-Identifier: Apache-2.0

// The forward pass: token ids in, hidden states and logits out. There is only one.
//
// It takes rows of any mixture of sequences; each sequence brings its KV cache. A row's result does
// not depend on the rows beside it, on how a prompt was cut into passes, or on the number of
// threads (ARCHITECTURE.md, "Same tokens, same bits"). It reads like the papers: steps over named
// buffers, no graph. Family names do not appear: model::LayerPlan says what a layer has.

#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "engine/kv_cache.h"
#include "kernels/kernel_table.h"
#include "model/model.h"
#include "tensor/buffer.h"

namespace altteul::engine {

/// Where the layers are computed: one row a layer, and the embedding and head behind the last.
/// Until a device backend is built, every place is the host.
using PlacementTable = std::vector<Place>;

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
  ~Forward();

  /// @param model, kernels, team  must outlive the result
  /// @param max_rows  rows of one pass, all sequences together
  /// @param context   the longest a sequence gets; decides between short and long rope factors,
  ///                  and how much memory threads have for sharing it
  /// @return kOutOfMemory
  static Result<std::unique_ptr<Forward>> Create(const model::Model& model,
                                                 const kernels::KernelTable& kernels,
                                                 ThreadTeam& team, size_t max_rows, size_t context);

  /// Bytes of working memory that Create() would take.
  /// @return kOutOfMemory for more rows than any memory holds
  static Result<uint64_t> WorkingBytes(const model::ModelConfig& config, int n_threads,
                                       size_t max_rows, size_t context);

  size_t max_rows() const { return max_rows_; }
  const model::Model& model() const { return model_; }
  const PlacementTable& placement() const { return placement_; }

  /// Computes all rows, sequence after sequence, and adds them to the caches, for which pages are
  /// taken before. Afterwards Logits() may be asked for any of these rows, until the next Run().
  /// One call at a time per Forward; a cache may be in one input only.
  /// @return kInvalidArgument for a token outside the vocabulary or no rows at all, kDoesNotFit
  /// when
  ///         there are more than max_rows, more than a cache's max_chunk, or a cache is full,
  ///         kOutOfMemory when its pool is dry; the caches are then unchanged
  Status Run(std::span<const SequenceInput> inputs);

  /// Logits of rows [first, first + count) of the last Run(). out [count, vocabulary].
  void Logits(size_t first, size_t count, std::span<float> out);
  /// Of any of its rows, ascending, with one reading of the head. out [rows.size(), vocabulary].
  void Logits(std::span<const size_t> rows, std::span<float> out);

  // The same pass in pieces: Embed(), for each layer the six steps in their order, Finish(), then
  // Logits(). The rows are sequences of one length, one after another, each from its beginning.

  /// x [ids.size(), hidden]. @pre the ids are within the vocabulary
  void Embed(std::span<const text::TokenId> ids, std::span<float> x);
  /// @param caches  [n_sequences] where the layer's keys and values go; their lengths stay
  /// @param x       the residual stream [n_rows, hidden], changed by the two output steps
  /// @param rows    [n_rows, WidthOf(step of the layer)], read by the two output steps, written by
  /// the others
  /// @pre n_rows is a multiple of n_sequences and fits max_rows(), and a sequence the room() of its
  /// cache
  void RunStep(size_t layer, BlockStep step, std::span<KvCache> caches, std::span<float> x,
               std::span<float> rows);
  /// @param x     [n, hidden] behind the last layer
  /// @param norm  [n, hidden] what the head reads; may be empty
  void Finish(std::span<const float> x, std::span<float> norm = {});
  /// Logits() with the head read slice by slice, for heads that are not to be in memory whole.
  /// @param behind  told after each slice which rows of the head were read
  void LogitsInSlices(size_t first, size_t count, std::span<float> out,
                      const std::function<void(size_t first_row, size_t n_rows)>& behind);

 private:
  struct Workspace;
  struct RowBuffers;
  struct RowTeam;

  Forward(const model::Model& model, const kernels::KernelTable& kernels, ThreadTeam& team,
          size_t max_rows);
  Status Prepare(std::span<const SequenceInput> inputs);

  // Steps of Run() and Logits(), walked through by every thread of the team.
  void TakeStep(size_t layer, BlockStep step, int thread);
  void FillRopeTables(int thread);
  void Attention(size_t layer, const RowTeam& team, int thread);
  void FeedForward(size_t layer, const RowTeam& team, int thread);
  const float* Mix(size_t layer, const RowTeam& team, int thread);
  void AttentionOutput(size_t layer, const float* mix, const RowTeam& team, int thread);
  void Gate(size_t layer, const RowTeam& team, int thread);
  void PrepareGate(size_t layer, size_t row, size_t count, int thread);
  kernels::PreparedRows GateRows(size_t layer) const;
  void FeedForwardOutput(size_t layer, const RowTeam& team, int thread);
  void AddSubBlock(const model::Linear& linear, const kernels::PreparedRows& in,
                   const float* post_norm, const RowTeam& team, int thread);
  RowTeam TeamOf(size_t n_rows, int thread) const;
  void Norm(const float* in, float* out, const float* weight, size_t n_rows, size_t width,
            int thread, int n_threads);
  void Rope(size_t index, float* x, size_t n_heads, size_t head_dim, int thread);
  static kernels::PreparedForms FormsFor(std::initializer_list<const model::Linear*> readers);
  static kernels::PreparedRows RowsOf(const float* x, size_t n_rows, size_t cols,
                                      const kernels::PreparedRows& buffers);
  kernels::PreparedRows PrepareInput(size_t layer, const float* weight,
                                     std::initializer_list<const model::Linear*> readers,
                                     const RowTeam& team);
  kernels::PreparedRows PrepareRows(const float* x, size_t n_rows,
                                    std::initializer_list<const model::Linear*> readers,
                                    const RowTeam& team);
  void MultiplyHead(const float* norm, size_t count, std::span<float> out);
  void Product(const model::Linear& linear, const kernels::PreparedRows& x, float* out,
               size_t out_stride, bool add_to_out, int thread);
  void Barrier() { team_.Barrier(); }

  const model::Model& model_;
  const kernels::KernelTable& kernels_;
  ThreadTeam& team_;
  const size_t max_rows_;
  PlacementTable placement_;
  std::unique_ptr<Workspace> work_;
};

}  // namespace altteul::engine

// SPDX-License-Identifier: Apache-2.0

// One model's activations over chunks of text, layer by layer.

#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "compress/work_folder.h"
#include "compress/work_place.h"
#include "compute/compute.h"
#include "engine/forward.h"
#include "engine/kv_cache.h"
#include "tensor/buffer.h"
#include "text/tokenizer.h"

namespace altteul::compress {

/// Every chunk is a sequence of its own, from its beginning.
class ActivationStream {
 public:
  struct Size {
    size_t n_chunks = 0;
    size_t context = 0;  ///< tokens of a chunk
    size_t at_once = 1;  ///< chunks of a pass of StepLayer(): where they are short, more than one
  };

  /// @param model  outlives the stream; its matrices may change between steps
  /// @param work   where many activations rest; may be null
  /// @return kOutOfMemory, kIoError
  static Result<ActivationStream> Create(const model::Model& model, const Size& size,
                                         compute::Compute& compute,
                                         const WorkFolder* work = nullptr);

  size_t n_chunks() const { return size_.n_chunks; }
  size_t context() const { return size_.context; }
  engine::Forward& forward() { return *forward_; }

  /// The residual stream [context, hidden].
  std::span<float> X(size_t chunk) const;
  /// What a group of matrices reads [context, width].
  std::span<float> Rows(size_t chunk, size_t width) const;
  /// All chunks of the residual stream.
  std::span<float> All() const { return {x_, size_.n_chunks * size_.context * hidden_}; }

  /// @param ids  [n * context], the first n chunks
  Status Embed(std::span<const text::TokenId> ids);
  /// Rows(chunk, WidthOf(step)) are read or written, see engine::BlockStep.
  Status Step(size_t layer, engine::BlockStep step, size_t chunk);
  /// All chunks, or the first n, through one layer.
  Status StepLayer(size_t layer) { return StepLayer(layer, n_chunks()); }
  Status StepLayer(size_t layer, size_t n);
  /// A chunk is not needed for now: its pages go to the disk, if its memory rests there.
  void Release(size_t chunk) const;

 private:
  ActivationStream() = default;
  Status Step(size_t layer, engine::BlockStep step, size_t first_chunk, size_t n);

  std::unique_ptr<engine::Forward> forward_;
  std::vector<engine::KvCache> caches_;  // [at_once]
  Buffer memory_;
  float* x_ = nullptr;
  float* rows_ = nullptr;
  Size size_;
  size_t hidden_ = 0, widest_ = 0;
};

/// The first n chunks of a stream through a whole layer, as work that `place` is told of; behind
/// them the pages of the original's layer are given back.
/// @param original  whose weights the stream's model has, or what became of them
Status WalkLayer(const model::Model& original, size_t layer, ActivationStream& stream, size_t n,
                 const WorkPlace& place);

}  // namespace altteul::compress

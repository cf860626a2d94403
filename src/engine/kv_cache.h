// SPDX-License-Identifier: Apache-2.0

// What one sequence remembers: keys and values of every layer.
//
// A layer with a sliding window keeps only as many positions as a query can still see, so its slots
// are reused in a ring; all other layers keep the whole context.

#pragma once

#include <cstddef>
#include <vector>

#include "base/status.h"
#include "kernels/attention.h"
#include "model/config.h"
#include "tensor/buffer.h"

namespace altteul::engine {

class KvCache {
 public:
  /// @param context     positions the sequence may grow to
  /// @param max_chunk   rows of one sequence that one forward pass may add
  /// @return kOutOfMemory; kUnsupported when the type does not suit the head size
  static Result<KvCache> Create(const model::ModelConfig& config, kernels::KvType type,
                                size_t context, size_t max_chunk);

  /// size_bytes() of what Create() would make; nothing is allocated.
  /// @return as Create(), but for this machine's memory
  static Result<uint64_t> BytesOf(const model::ModelConfig& config, kernels::KvType type,
                                  size_t context, size_t max_chunk);

  /// Room for one layer, which all layers use in turn: for Forward::RunStep(), where nothing is
  /// asked of a layer once the next one has begun.
  static Result<KvCache> CreateForSteps(const model::ModelConfig& config, kernels::KvType type,
                                        size_t context);

  KvCache(KvCache&&) = default;
  KvCache& operator=(KvCache&&) = default;

  size_t context() const { return context_; }
  size_t length() const { return length_; }  ///< positions held
  size_t max_chunk() const { return max_chunk_; }
  size_t size_bytes() const { return memory_.size(); }

  /// Forgets positions from `length` on. Positions that a window has already overwritten cannot
  /// come back: false, and nothing is changed, when `length` reaches behind them.
  bool TruncateTo(size_t length);

  // For the forward pass.
  const kernels::KvLayout& layout(size_t layer) const { return layers_[layer].layout; }
  std::byte* data(size_t layer) { return base_ + layers_[layer].offset; }
  void Advance(size_t n);

 private:
  struct Layer {
    kernels::KvLayout layout;
    size_t offset = 0;
  };
  KvCache() = default;
  /// Everything but the memory, and how much of it there is to be.
  Result<uint64_t> LayOut(const model::ModelConfig& config, kernels::KvType type, size_t context,
                          size_t max_chunk, bool layers_share);
  Status Allocate(uint64_t size_bytes);
  static Status CheckType(const model::ModelConfig& config, kernels::KvType type);

  std::vector<Layer> layers_;
  Buffer memory_;
  std::byte* base_ = nullptr;
  size_t context_ = 0;
  size_t max_chunk_ = 0;
  size_t length_ = 0;
  // Rings: `slack_` positions before the newest may be forgotten without losing what a window sees.
  static constexpr size_t kNoRing = static_cast<size_t>(-1);
  size_t ring_ = kNoRing;   // smallest capacity of a ring
  size_t slack_ = kNoRing;  // smallest capacity - window
  size_t high_ = 0;         // most positions ever held
};

}  // namespace altteul::engine

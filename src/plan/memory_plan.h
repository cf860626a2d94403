// SPDX-License-Identifier: Apache-2.0

// How much memory a model will take, counted by the engine's own arithmetic before anything is
// loaded.

#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "kernels/attention.h"
#include "model/config.h"
#include "model/weights.h"

namespace altteul::plan {

struct MemoryRequest {
  size_t context = 4096;   ///< tokens of each conversation
  size_t slots = 1;        ///< conversations at once
  size_t pass_rows = 512;  ///< of one forward pass
  int threads = 1;
  kernels::KvType kv = kernels::KvType::kF16;
  /// Program, libraries, tokenizer and the file's header: what a process of ours has before weights
  /// are loaded. Measured by the caller, who has them.
  uint64_t base_bytes = 0;
  uint64_t adapter_bytes = 0;  ///< of low-rank adapters that rest beside the weights
};

/// Resident memory, with every context full.
struct MemoryPlan {
  uint64_t weights = 0;    ///< all matrices and norms, wherever they rest
  uint64_t adapters = 0;   ///< as asked for
  uint64_t kv = 0;         ///< of all slots
  uint64_t working = 0;    ///< activations, attention's sums, threads' scratch
  uint64_t answering = 0;  ///< logits and what sampling needs, of all slots
  uint64_t loading = 0;    ///< pages of the file in the hands of loading threads; gone afterwards
  uint64_t base = 0;

  /// At its highest: while weights are loaded, or when the contexts are full.
  uint64_t Peak() const;
};

/// @return kInvalidArgument for no slots, contexts or rows at all; kUnsupported where the KV type
///         does not suit the heads; kOutOfMemory for what no memory can hold
Result<MemoryPlan> PlanMemory(const model::ModelConfig& config, const model::WeightPlan& weights,
                              const MemoryRequest& request);

/// The longest context, at most `most`, with which the peak is at most `bytes`; 0: none.
/// @return as PlanMemory(), but for kOutOfMemory
Result<size_t> LongestContext(const model::ModelConfig& config, const model::WeightPlan& weights,
                              MemoryRequest request, uint64_t bytes, size_t most);

}  // namespace altteul::plan

// SPDX-License-Identifier: Apache-2.0

#include "plan/memory_plan.h"

#include <algorithm>
#include <string>

#include "base/checked_math.h"
#include "engine/forward.h"
#include "engine/kv_cache.h"

namespace altteul::plan {
namespace {

constexpr uint64_t kMostBytes = uint64_t{1} << 60;  // of one part: so sums do not wrap

// What a token of the vocabulary costs an answer: its logit, and a candidate of the sampler (a
// logit and an id).
constexpr uint64_t kLogitBytes = sizeof(float);
constexpr uint64_t kCandidateBytes = 8;

Status TooMuch(const MemoryRequest& request) {
  return Status(ErrorCode::kOutOfMemory, std::to_string(request.slots) + " contexts of " +
                                             std::to_string(request.context) +
                                             " tokens are more than any memory holds");
}

}  // namespace

uint64_t MemoryPlan::Peak() const {
  return base + weights + adapters + std::max(loading, kv + working + answering);
}

Result<MemoryPlan> PlanMemory(const model::ModelConfig& config, const model::WeightPlan& weights,
                              const MemoryRequest& request) {
  if (request.slots == 0 || request.context == 0 || request.pass_rows == 0) {
    return Status(ErrorCode::kInvalidArgument,
                  "a plan needs at least one conversation, one token and one row");
  }
  MemoryPlan plan;
  plan.base = request.base_bytes;
  plan.adapters = request.adapter_bytes;
  plan.weights = weights.arena_bytes + weights.small_bytes + weights.mapped_bytes;
  ALT_ASSIGN_OR_RETURN(
      const uint64_t cache,
      engine::KvCache::BytesOf(config, request.kv, request.context, request.pass_rows));
  const auto kv = CheckedMul(cache, request.slots);
  if (!kv || *kv > kMostBytes) return TooMuch(request);
  plan.kv = *kv;
  const size_t rows = std::max(request.pass_rows, request.slots);
  ALT_ASSIGN_OR_RETURN(
      plan.working, engine::Forward::WorkingBytes(config, request.threads, rows, request.context));
  const auto answering =
      CheckedMul(request.slots, config.vocabulary * (kLogitBytes + kCandidateBytes));
  if (!answering || *answering > kMostBytes || plan.working > kMostBytes) return TooMuch(request);
  plan.answering = *answering;
  plan.loading = static_cast<uint64_t>(request.threads) * model::kLoadingBytesOfThread;
  return plan;
}

Result<size_t> LongestContext(const model::ModelConfig& config, const model::WeightPlan& weights,
                              MemoryRequest request, uint64_t bytes, size_t most) {
  // The peak grows with the context.
  size_t fits = 0, open = most;
  while (fits < open) {
    request.context = fits + (open - fits + 1) / 2;
    const auto plan = PlanMemory(config, weights, request);
    if (!plan.ok() && plan.status().code() != ErrorCode::kOutOfMemory) return plan.status();
    if (plan.ok() && plan.value().Peak() <= bytes) {
      fits = request.context;
    } else {
      open = request.context - 1;
    }
  }
  return fits;
}

}  // namespace altteul::plan

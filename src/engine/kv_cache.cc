// SPDX-License-Identifier: Apache-2.0

#include "engine/kv_cache.h"

#include <algorithm>
#include <string>

#include "base/checked_math.h"

namespace altteul::engine {
namespace {

size_t RoundUp(size_t value, size_t grain) { return (value + grain - 1) / grain * grain; }

}  // namespace

Result<KvCache> KvCache::Create(const model::ModelConfig& config, kernels::KvType type,
                                size_t context, size_t max_chunk) {
  KvCache cache;
  ALT_ASSIGN_OR_RETURN(const uint64_t bytes, cache.LayOut(config, type, context, max_chunk, false));
  ALT_RETURN_IF_ERROR(cache.Allocate(bytes));
  return cache;
}

Result<KvCache> KvCache::CreateForSteps(const model::ModelConfig& config, kernels::KvType type,
                                        size_t context) {
  KvCache cache;
  ALT_ASSIGN_OR_RETURN(const uint64_t bytes, cache.LayOut(config, type, context, context, true));
  ALT_RETURN_IF_ERROR(cache.Allocate(bytes));
  return cache;
}

Result<uint64_t> KvCache::BytesOf(const model::ModelConfig& config, kernels::KvType type,
                                  size_t context, size_t max_chunk) {
  return KvCache().LayOut(config, type, context, max_chunk, false);
}

Status KvCache::Allocate(uint64_t size_bytes) {
  ALT_ASSIGN_OR_RETURN(
      memory_,
      Buffer::Allocate(size_bytes, "the KV cache of " + std::to_string(context_) + " positions"));
  if (size_bytes != 0) base_ = memory_.mutable_bytes().data();
  return Status();
}

Status KvCache::CheckType(const model::ModelConfig& config, kernels::KvType type) {
  const kernels::KvLayout kind{.type = type};
  for (const model::LayerPlan& layer : config.layers) {
    const model::AttentionPlan* plan = layer.attention();
    if (plan == nullptr) continue;
    if (kind.has_scales() && plan->key_dim % 32 != 0) {
      return Status(ErrorCode::kUnsupported,
                    "a KV cache in " + std::string(KvTypeName(type)) +
                        " needs heads of a multiple of 32, this model's have " +
                        std::to_string(plan->key_dim));
    }
    if (kind.is_turned() && plan->key_dim > kernels::kMostTurned) {
      return Status(ErrorCode::kUnsupported,
                    "a KV cache in " + std::string(KvTypeName(type)) + " takes heads of at most " +
                        std::to_string(kernels::kMostTurned) + ", this model's have " +
                        std::to_string(plan->key_dim));
    }
  }
  return Status();
}

Result<uint64_t> KvCache::LayOut(const model::ModelConfig& config, kernels::KvType type,
                                 size_t context, size_t max_chunk, bool layers_share) {
  ALT_RETURN_IF_ERROR(CheckType(config, type));
  constexpr size_t kMostPositions = size_t{1} << 32;
  if (context == 0 || context > kMostPositions) {
    return Status(ErrorCode::kInvalidArgument,
                  "a context of " + std::to_string(context) + " positions");
  }
  context_ = context;
  max_chunk_ = max_chunk;
  uint64_t total = 0;
  const size_t whole = RoundUp(context, kernels::kKeyTile);
  for (const model::LayerPlan& layer_plan : config.layers) {
    const model::AttentionPlan* attention = layer_plan.attention();
    if (attention == nullptr) {
      layers_.push_back({});
      continue;
    }
    const model::AttentionPlan& plan = *attention;
    Layer layer;
    layer.layout = {
        .type = type, .n_kv_heads = plan.n_kv_heads, .head_dim = plan.key_dim, .capacity = whole};
    if (plan.window != 0 && plan.window < context) {
      // The oldest row of a chunk still sees window - 1 positions behind it when the newest is
      // already written.
      const size_t ring = RoundUp(plan.window + max_chunk, kernels::kKeyTile);
      if (ring < whole) {
        layer.layout.capacity = ring;
        ring_ = std::min(ring_, ring);
        slack_ = std::min(slack_, ring - plan.window);
      }
    }
    layer.offset = layers_share ? 0 : total;
    const auto per_head = CheckedMul(layer.layout.capacity, plan.k_width() * 8);
    if (!per_head || total > (uint64_t{1} << 62)) {
      return Status(ErrorCode::kOutOfMemory, "a KV cache of " + std::to_string(context) +
                                                 " positions is larger than any memory");
    }
    const uint64_t layer_bytes = RoundUp(layer.layout.total_bytes(), 64);
    total = layers_share ? std::max(total, layer_bytes) : total + layer_bytes;
    layers_.push_back(layer);
  }
  return total;
}

void KvCache::Advance(size_t n) {
  length_ += n;
  high_ = std::max(high_, length_);
}

bool KvCache::TruncateTo(size_t length) {
  if (length > length_) return false;
  const bool wrapped = high_ > ring_;
  // A query at `length` sees back to length - window + 1; the ring holds the last `ring_` of high_.
  if (length != 0 && wrapped && length + slack_ < high_) return false;
  length_ = length;
  if (length == 0) high_ = 0;
  return true;
}

}  // namespace altteul::engine

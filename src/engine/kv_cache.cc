// SPDX-License-Identifier: Apache-2.0

#include "engine/kv_cache.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/checked_math.h"

namespace altteul::engine {
namespace {

using kernels::kKeyTile;

size_t PagesFor(size_t positions) { return (positions + kKeyTile - 1) / kKeyTile; }

/// The first position that a query at `position` sees.
size_t FirstSeen(size_t window, size_t position) {
  return window == 0 || position < window ? 0 : position - window + 1;
}

std::string Purpose(size_t context) {
  return "the KV cache of " + std::to_string(context) + " positions";
}

}  // namespace

Result<KvCache> KvCache::Create(compute::Compute& compute, const model::ModelConfig& config,
                                kernels::KvType type, size_t context, size_t max_chunk) {
  KvCache cache;
  cache.own_pool_ = std::make_unique<PagePool>(compute);
  cache.pool_ = cache.own_pool_.get();
  ALT_RETURN_IF_ERROR(cache.LayOut(config, type, context, max_chunk, false));
  // Asked for and given back untouched: who has too little memory hears it before the work.
  ALT_RETURN_IF_ERROR(compute.Allocate(cache.MostBytes(), Purpose(context)).status());
  return cache;
}

Result<KvCache> KvCache::CreateIn(PagePool& pool, const model::ModelConfig& config,
                                  kernels::KvType type, size_t context, size_t max_chunk) {
  KvCache cache;
  cache.pool_ = &pool;
  ALT_RETURN_IF_ERROR(cache.LayOut(config, type, context, max_chunk, false));
  return cache;
}

Result<KvCache> KvCache::CreateForSteps(compute::Compute& compute, const model::ModelConfig& config,
                                        kernels::KvType type, size_t context) {
  KvCache cache;
  cache.own_pool_ = std::make_unique<PagePool>(compute);
  cache.pool_ = cache.own_pool_.get();
  ALT_RETURN_IF_ERROR(cache.LayOut(config, type, context, context, true));
  ALT_RETURN_IF_ERROR(cache.Reserve(context));
  return cache;
}

Result<uint64_t> KvCache::BytesOf(const model::ModelConfig& config, kernels::KvType type,
                                  size_t context, size_t max_chunk) {
  KvCache cache;
  ALT_RETURN_IF_ERROR(cache.LayOut(config, type, context, max_chunk, false));
  return cache.MostBytes();
}

KvCache::~KvCache() { ReleaseFrom(0); }

KvCache& KvCache::operator=(KvCache&& other) noexcept {
  std::swap(own_pool_, other.own_pool_);
  std::swap(pool_, other.pool_);
  std::swap(layers_, other.layers_);
  std::swap(groups_, other.groups_);
  std::swap(context_, other.context_);
  std::swap(max_chunk_, other.max_chunk_);
  std::swap(length_, other.length_);
  return *this;
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

/// Everything but the pages.
Status KvCache::LayOut(const model::ModelConfig& config, kernels::KvType type, size_t context,
                       size_t max_chunk, bool layers_share) {
  ALT_RETURN_IF_ERROR(CheckType(config, type));
  constexpr size_t kMostPositions = size_t{1} << 32;
  if (context == 0 || context > kMostPositions) {
    return Status(ErrorCode::kInvalidArgument,
                  "a context of " + std::to_string(context) + " positions");
  }
  context_ = context;
  max_chunk_ = max_chunk;
  uint64_t total = 0;  // of all layers, each with the whole context: at least what they will take
  for (const model::LayerPlan& layer_plan : config.layers) {
    layers_.emplace_back();
    const model::AttentionPlan* plan = layer_plan.attention();
    if (plan == nullptr) continue;
    const auto most = CheckedMul(PagesFor(context) * kKeyTile, plan->k_width() * 8);
    if (!most || total > (uint64_t{1} << 62)) {
      return Status(ErrorCode::kOutOfMemory, Purpose(context) + " is larger than any memory");
    }
    Layer& layer = layers_.back();
    layer.layout = {.type = type, .n_kv_heads = plan->n_kv_heads, .head_dim = plan->key_dim};
    layer.group = GroupOf(layers_share ? 0 : plan->window);
    const size_t layer_bytes = (layer.layout.page_bytes() + 63) / 64 * 64;
    total += PagesFor(context) * layer_bytes;
    Group& group = groups_[layer.group];
    if (layers_share) {
      group.page_bytes = std::max(group.page_bytes, layer_bytes);
    } else {
      layer.offset = group.page_bytes;
      group.page_bytes += layer_bytes;
    }
  }
  return Status();
}

size_t KvCache::GroupOf(size_t window) {
  const auto found = std::find_if(groups_.begin(), groups_.end(),
                                  [&](const Group& group) { return group.window == window; });
  const auto index = static_cast<size_t>(found - groups_.begin());
  if (found == groups_.end()) groups_.emplace_back().window = window;
  return index;
}

/// What its pages come to when no other sequence shares them.
uint64_t KvCache::MostBytes() const {
  uint64_t bytes = 0;
  for (const Group& group : groups_) {
    size_t most = PagesFor(context_);
    if (group.window != 0 && group.window < context_) {
      // A pass and the window - 1 positions that its oldest row sees, wherever in a page they
      // begin.
      most = std::min(most, (group.window + max_chunk_ - 2 + kKeyTile - 1) / kKeyTile + 1);
    }
    bytes += most * group.page_bytes;
  }
  return bytes;
}

size_t KvCache::room() const {
  size_t room = context_;
  for (const Group& group : groups_) room = std::min(room, group.pages.size() * kKeyTile);
  return room;
}

size_t KvCache::size_bytes() const {
  size_t bytes = 0;
  for (const Group& group : groups_) bytes += (group.pages.size() - group.first) * group.page_bytes;
  return bytes;
}

const compute::Bytes* KvCache::pages(size_t layer) const {
  const size_t group = layers_[layer].group;
  return group == kNoGroup ? nullptr : groups_[group].memory.data();
}

void KvCache::TouchPages() {
  for (const Group& group : groups_) {
    for (size_t i = group.first; i + 1 < group.pages.size(); ++i) {
      pool_->compute().Copy(group.memory[i], group.memory[i + 1], group.page_bytes);
    }
    if (group.pages.size() < group.first + 2) continue;
    pool_->compute().Copy(group.memory.back(), group.memory[group.first], group.page_bytes);
  }
}

Status KvCache::Reserve(size_t n) {
  const Growth growth{this, n};
  return ReserveAll({&growth, 1});
}

Status KvCache::ReserveAll(std::span<const Growth> growths) {
  for (size_t i = 0; i < growths.size(); ++i) {
    Status taken = growths[i].cache->TakeSpare(growths[i].n);
    if (taken.ok()) continue;
    for (size_t j = 0; j <= i; ++j) growths[j].cache->ReturnSpare();
    return taken;
  }
  for (const Growth& growth : growths) growth.cache->PlaceSpare(growth.n);
  return Status();
}

/// The first page that rows of a pass of `n` see, or a query at the farthest step back behind it.
size_t KvCache::FirstNeeded(const Group& group, size_t n) const {
  const size_t end = length_ + n;
  const size_t back = end > max_chunk_ ? end - max_chunk_ : 0;
  return FirstSeen(group.window, std::min(length_, back)) / kKeyTile;
}

/// Takes the pages that PlaceSpare() will not find among those that it gives up.
Status KvCache::TakeSpare(size_t n) {
  ALT_CHECK(length_ + n <= context_);
  if (n == 0) return Status();
  for (Group& group : groups_) {
    size_t missing = PagesFor(length_ + n) - std::min(PagesFor(length_ + n), group.pages.size());
    const size_t begun = length_ / kKeyTile;
    if (begun < group.pages.size() && group.pages[begun]->references > 1) ++missing;
    for (size_t i = group.first; i < FirstNeeded(group, n) && missing > 0; ++i) {
      if (group.pages[i]->references == 1) --missing;
    }
    // A window's pages come round again; the others may grow to the whole context.
    const size_t ahead = group.window == 0 ? PagesFor(context_) - PagesFor(length_ + n) : 0;
    ALT_RETURN_IF_ERROR(pool_->Take(group.page_bytes, missing, ahead, &group.spare));
  }
  return Status();
}

/// Cannot fail behind TakeSpare() of the same `n`, whatever other caches did in between.
void KvCache::PlaceSpare(size_t n) {
  if (n == 0) return;
  for (Group& group : groups_) {
    for (const size_t first = FirstNeeded(group, n); group.first < first; ++group.first) {
      Page* old = std::exchange(group.pages[group.first], nullptr);
      group.memory[group.first] = {};
      if (old->references == 1) {
        group.spare.push_back(old);
      } else {
        pool_->Release(old);
      }
    }
    size_t placed = 0;
    const size_t begun = length_ / kKeyTile;
    if (begun < group.pages.size() && group.pages[begun]->references > 1) {
      Page* copy = group.spare[placed++];
      pool_->compute().Copy(copy->at, group.pages[begun]->at, group.page_bytes);
      group.copied_from = std::exchange(group.pages[begun], copy);
      group.copied = begun;
      group.memory[begun] = copy->at;
    }
    while (group.pages.size() < PagesFor(length_ + n)) {
      group.pages.push_back(group.spare[placed++]);
      group.memory.push_back(group.pages.back()->at);
    }
    group.spare.erase(group.spare.begin(), group.spare.begin() + static_cast<ptrdiff_t>(placed));
  }
  ReturnSpare();
}

void KvCache::ReturnSpare() {
  for (Group& group : groups_) {
    for (Page* page : group.spare) pool_->Release(page);
    group.spare.clear();
  }
}

void KvCache::Advance(size_t n) {
  ALT_CHECK(length_ + n <= room());
  length_ += n;
  ForgetSources(0);
}

void KvCache::Abandon() {
  for (Group& group : groups_) {
    if (group.copied_from == nullptr) continue;
    group.memory[group.copied] = group.copied_from->at;
    pool_->Release(
        std::exchange(group.pages[group.copied], std::exchange(group.copied_from, nullptr)));
  }
}

/// The copies are there, or not wanted any more: of pages [first_page, ...).
void KvCache::ForgetSources(size_t first_page) {
  for (Group& group : groups_) {
    if (group.copied_from == nullptr || group.copied < first_page) continue;
    pool_->Release(std::exchange(group.copied_from, nullptr));
  }
}

/// Whether what a query at `length` sees is still there.
bool KvCache::Sees(size_t length) const {
  return std::all_of(groups_.begin(), groups_.end(), [&](const Group& group) {
    return FirstSeen(group.window, length) >= group.first * kKeyTile;
  });
}

bool KvCache::TruncateTo(size_t length) {
  if (length > length_ || (length != 0 && !Sees(length))) return false;
  length_ = length;
  ReleaseFrom(PagesFor(length));
  return true;
}

/// Gives back pages [first_page, ...). Last ones first: the pool hands them out again in order.
void KvCache::ReleaseFrom(size_t first_page) {
  ForgetSources(first_page);
  for (Group& group : groups_) {
    while (group.pages.size() > first_page) {
      if (group.pages.back() != nullptr) pool_->Release(group.pages.back());
      group.pages.pop_back();
      group.memory.pop_back();
    }
    group.first = std::min(group.first, group.pages.size());
  }
}

bool KvCache::ShareFrom(const KvCache& other, size_t n) {
  ALT_CHECK(pool_ == other.pool_ && groups_.size() == other.groups_.size());
  if (&other == this) return TruncateTo(n);
  if (n > other.length_ || n > context_ || (n != 0 && !other.Sees(n))) return false;
  ReleaseFrom(0);
  length_ = n;
  for (size_t g = 0; g < groups_.size(); ++g) {
    Group& group = groups_[g];
    const Group& from = other.groups_[g];
    ALT_CHECK(group.page_bytes == from.page_bytes && group.window == from.window);
    for (size_t i = 0; i < PagesFor(n); ++i) {
      if (from.pages[i] != nullptr) pool_->Retain(from.pages[i]);
      group.pages.push_back(from.pages[i]);
      group.memory.push_back(from.memory[i]);
    }
    group.first = n == 0 ? 0 : from.first;
  }
  return true;
}

}  // namespace altteul::engine

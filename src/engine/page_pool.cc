// SPDX-License-Identifier: Apache-2.0

#include "engine/page_pool.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/checked_math.h"
#include "base/human_units.h"

namespace altteul::engine {

Status PagePool::Take(size_t page_bytes, size_t n, size_t ahead, std::vector<Page*>* pages) {
  ALT_CHECK(page_bytes % 64 == 0);
  std::vector<Page*>& free = free_[page_bytes];
  if (free.size() < n) {
    const size_t missing = n - free.size(), slab = SlabPages(page_bytes, missing, ahead);
    // A larger piece is only a wish.
    if (slab == missing || !Grow(page_bytes, slab).ok()) {
      ALT_RETURN_IF_ERROR(Grow(page_bytes, missing));
    }
  }
  for (size_t i = 0; i < n; ++i) {
    free.back()->references = 1;
    pages->push_back(free.back());
    free.pop_back();
  }
  used_bytes_ += n * page_bytes;
  return Status();
}

/// Pages of the piece that is to be allocated where `n` are missing.
size_t PagePool::SlabPages(size_t page_bytes, size_t n, size_t ahead) const {
  constexpr uint64_t kSmallPool = uint64_t{8} << 20, kSlab = uint64_t{8} << 20;
  if (taken_bytes_ < kSmallPool) return n;
  return std::max(n, std::min(n + ahead, static_cast<size_t>(kSlab / page_bytes)));
}

Status PagePool::Grow(size_t page_bytes, size_t n) {
  const auto bytes = CheckedMul(page_bytes, n);
  if (!bytes || *bytes > limit_bytes_ - taken_bytes_) {
    return Status(ErrorCode::kOutOfMemory, "the pool of KV pages is dry: it holds " +
                                               FormatCount(taken_bytes_) + " bytes and may hold " +
                                               FormatCount(limit_bytes_) + ", but " +
                                               std::to_string(n) + " x " + FormatCount(page_bytes) +
                                               " bytes more are needed");
  }
  ALT_ASSIGN_OR_RETURN(compute::Memory slab,
                       compute_.Allocate(*bytes, std::to_string(n) + " more KV pages"));
  taken_bytes_ += *bytes;
  // The first one lies on top, so that pages are handed out in the order of their addresses.
  for (size_t i = n; i-- > 0;) {
    pages_.push_back({.at = slab.at + i * page_bytes, .size_bytes = page_bytes});
    free_[page_bytes].push_back(&pages_.back());
  }
  slabs_.push_back(std::move(slab));
  return Status();
}

void PagePool::Retain(Page* page) {
  ALT_CHECK(page->references > 0);
  ++page->references;
}

void PagePool::Release(Page* page) {
  ALT_CHECK(page->references > 0);
  if (--page->references != 0) return;
  used_bytes_ -= page->size_bytes;
  free_[page->size_bytes].push_back(page);
}

}  // namespace altteul::engine

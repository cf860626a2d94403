// SPDX-License-Identifier: Apache-2.0

// Memory for the caches of many sequences, in pages.
//
// A page goes from the pool to a sequence and back, and memory is asked of the system only when no
// page of that size is free: a pool has taken as much as its sequences ever held at once. Sequences
// that begin alike refer to the same pages, so each page counts its references; it is free again
// when the last one is gone.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <vector>

#include "base/status.h"
#include "compute/compute.h"

namespace altteul::engine {

/// One thread at a time, as those who hold its pages.
class PagePool {
 public:
  struct Page {
    compute::Bytes at;  ///< 64-byte aligned; holds anything when it is taken
    size_t size_bytes = 0;
    size_t references = 0;
  };

  static constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

  /// @param compute      whose memory it is; outlives this
  /// @param limit_bytes  taken_bytes() never goes beyond it
  explicit PagePool(compute::Compute& compute, uint64_t limit_bytes = kNoLimit)
      : compute_(compute), limit_bytes_(limit_bytes) {}
  PagePool(const PagePool&) = delete;  // pages are known by their address
  PagePool& operator=(const PagePool&) = delete;

  /// Appends `n` pages with one reference each to `pages`, all or none. Free ones first, those that
  /// were given back last before others; what is missing is allocated as one piece. A pool that is
  /// no longer small allocates larger pieces, which the system gives in huge pages, as far as
  /// `ahead` and the limit go.
  /// @param page_bytes  a multiple of 64
  /// @param ahead       pages that whoever takes these may come to need beyond them
  /// @return kOutOfMemory with the bytes held, allowed and missing
  Status Take(size_t page_bytes, size_t n, size_t ahead, std::vector<Page*>* pages);

  /// One reference more, one less. The page stays the pool's.
  void Retain(Page* page);
  void Release(Page* page);

  uint64_t taken_bytes() const { return taken_bytes_; }  ///< from the system; never less
  uint64_t used_bytes() const { return used_bytes_; }    ///< of pages with references
  compute::Compute& compute() const { return compute_; }

 private:
  Status Grow(size_t page_bytes, size_t n);
  size_t SlabPages(size_t page_bytes, size_t n, size_t ahead) const;

  compute::Compute& compute_;
  uint64_t limit_bytes_;
  uint64_t taken_bytes_ = 0;
  uint64_t used_bytes_ = 0;
  std::vector<compute::Memory> slabs_;
  std::deque<Page> pages_;                     // grows at its end, so addresses stay
  std::map<size_t, std::vector<Page*>> free_;  // by size
};

}  // namespace altteul::engine

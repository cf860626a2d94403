// SPDX-License-Identifier: Apache-2.0

// What one sequence remembers: keys and values of every layer.
//
// They lie in pages of 64 positions from a pool, which are taken as the text grows. Layers that see
// equally far are a group: a page holds 64 positions of all of them, layer after layer, so that a
// group has one table of pages. Layers with a sliding window give pages back when no query can see
// them any more, and take them again for what comes next: a ring of pages.
//
// Sequences that begin alike share pages. A page is written by one sequence only: whoever is about
// to write into a page that others refer to takes a copy first.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"
#include "engine/page_pool.h"
#include "kernels/attention.h"
#include "model/config.h"

namespace altteul::engine {

class KvCache {
 public:
  /// A cache with a pool of its own. No page is taken yet, but one that could not be filled to its
  /// end by what memory is at hand now is refused.
  /// @param compute     whose memory it is; outlives the result
  /// @param context     positions the sequence may grow to
  /// @param max_chunk   rows of one sequence that one forward pass may add
  /// @return kOutOfMemory; kUnsupported when the type does not suit the head size
  static Result<KvCache> Create(compute::Compute& compute, const model::ModelConfig& config,
                                kernels::KvType type, size_t context, size_t max_chunk);

  /// A cache over a pool that sequences of this model share. Nothing is asked of the pool yet.
  /// @param pool  must outlive the result
  /// @return as Create(), but for this machine's memory
  static Result<KvCache> CreateIn(PagePool& pool, const model::ModelConfig& config,
                                  kernels::KvType type, size_t context, size_t max_chunk);

  /// The most bytes that the pages of one such cache come to; nothing is allocated.
  /// @return as CreateIn()
  static Result<uint64_t> BytesOf(const model::ModelConfig& config, kernels::KvType type,
                                  size_t context, size_t max_chunk);

  /// Pages for one layer, which all layers use in turn: for Forward::RunStep(), where nothing is
  /// asked of a layer once the next one has begun. They are taken at once.
  static Result<KvCache> CreateForSteps(compute::Compute& compute, const model::ModelConfig& config,
                                        kernels::KvType type, size_t context);

  ~KvCache();
  KvCache(KvCache&& other) noexcept { *this = std::move(other); }
  KvCache& operator=(KvCache&& other) noexcept;

  size_t context() const { return context_; }
  size_t length() const { return length_; }  ///< positions held
  size_t max_chunk() const { return max_chunk_; }
  size_t room() const;        ///< positions from the beginning that have a page, or had one
  size_t size_bytes() const;  ///< of the pages it refers to now, those that are shared too
  const PagePool& pool() const { return *pool_; }

  /// Takes pages for the next `n` positions, before a pass writes them. What a window then need not
  /// see is given back: up to max_chunk positions may be forgotten after the pass, no more for
  /// certain.
  /// @return kOutOfMemory as PagePool::Take(); nothing is changed then
  /// @pre length() + n <= context()
  Status Reserve(size_t n);

  struct Growth {
    KvCache* cache;
    size_t n;  ///< positions
  };
  /// Reserve() for several caches, each of them once: all or none.
  static Status ReserveAll(std::span<const Growth> growths);

  /// Forgets positions from `length` on and gives back the pages behind it. What windows have given
  /// back cannot come again: false, and nothing is changed, when a query at `length` would see it.
  bool TruncateTo(size_t length);

  /// Holds the first `n` positions of `other` instead of its own, in the same pages. False, and
  /// nothing is changed, where other.TruncateTo(n) would be false or `n` is beyond the context.
  /// @pre both are of one pool, model and type
  bool ShareFrom(const KvCache& other, size_t n);

  // For the forward pass.
  const kernels::KvLayout& layout(size_t layer) const { return layers_[layer].layout; }
  /// Where the layer's part of a page begins [bytes].
  size_t page_offset(size_t layer) const { return layers_[layer].offset; }
  /// [room() / 64, rounded up], valid until the cache changes; null for a layer without attention.
  const compute::Bytes* pages(size_t layer) const;
  /// Writes something into every page it has: for measuring, where memory that was never written
  /// would be faster than any other.
  void TouchPages();
  /// The next `n` positions are written. @pre Reserve()
  void Advance(size_t n);
  /// The pass that Reserve() was for has failed, copies of pages perhaps too: it holds what it
  /// held.
  void Abandon();

 private:
  using Page = PagePool::Page;

  /// Layers that see equally far.
  struct Group {
    size_t window = 0;  ///< 0: all that came before
    size_t page_bytes = 0;
    size_t first = 0;                    ///< pages before it were given back
    std::vector<Page*> pages;            ///< [i]: positions [64 i, 64 i + 64); null before `first`
    std::vector<compute::Bytes> memory;  ///< theirs: what steps read
    std::vector<Page*> spare;            ///< taken, not yet in their places
    /// What the last page was copied from, as long as the copy may fail; null: nothing was copied.
    Page* copied_from = nullptr;
    size_t copied = 0;  ///< the index of the copy
  };
  struct Layer {
    kernels::KvLayout layout;
    size_t group = kNoGroup;
    size_t offset = 0;
  };
  static constexpr size_t kNoGroup = static_cast<size_t>(-1);

  KvCache() = default;
  Status LayOut(const model::ModelConfig& config, kernels::KvType type, size_t context,
                size_t max_chunk, bool layers_share);
  static Status CheckType(const model::ModelConfig& config, kernels::KvType type);
  size_t GroupOf(size_t window);
  uint64_t MostBytes() const;
  size_t FirstNeeded(const Group& group, size_t n) const;
  bool Sees(size_t length) const;
  Status TakeSpare(size_t n);
  void PlaceSpare(size_t n);
  void ReturnSpare();
  void ForgetSources(size_t first_page);
  void ReleaseFrom(size_t first_page);

  std::unique_ptr<PagePool> own_pool_;
  PagePool* pool_ = nullptr;
  std::vector<Layer> layers_;
  std::vector<Group> groups_;
  size_t context_ = 0;
  size_t max_chunk_ = 0;
  size_t length_ = 0;
};

}  // namespace altteul::engine

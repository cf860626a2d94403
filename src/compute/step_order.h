// SPDX-License-Identifier: Apache-2.0

// Where the threads of a team wait for each other.
//
// Every thread walks the same steps and takes its share of each. Before it does, it says here what
// the step reads and writes and how threads share it; where that touches what another thread wrote,
// or writes what another still reads, there is a barrier. Each thread keeps a StepOrder of its own,
// and all come to the same barriers, because all say the same.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/thread_team.h"

namespace altteul::compute {

/// Which thread touches which part of a buffer. Two steps that share alike touch the same parts.
struct Sharing {
  enum class By : uint8_t {
    kItems,    ///< ShareOf(count, 1): rows, or heads of all rows side by side
    kColumns,  ///< of every row ShareOf(count, kShareOutputs)
    kAnyhow,   ///< every thread may touch everything
  };
  By by = By::kAnyhow;
  size_t count = 0;

  bool SameParts(const Sharing& other) const {
    return by != By::kAnyhow && by == other.by && count == other.count;
  }
};

inline Sharing ByItems(size_t n) { return {Sharing::By::kItems, n}; }
inline Sharing ByColumns(size_t n) { return {Sharing::By::kColumns, n}; }
inline constexpr Sharing kAnyhow = {};

class StepOrder {
 public:
  explicit StepOrder(ThreadTeam& team) : team_(team) {}

  void Reads(const void* begin, size_t bytes, Sharing sharing) {
    Say(Of(begin, bytes, sharing, false));
  }
  void Writes(const void* begin, size_t bytes, Sharing sharing) {
    Say(Of(begin, bytes, sharing, true));
  }
  /// Behind what a step said, before it does it.
  void Begin() {
    if (must_wait_) {
      team_.Barrier();
      std::copy(accesses_.begin() + n_before_, accesses_.begin() + n_, accesses_.begin());
      n_ -= n_before_;
      ++n_barriers_;
    }
    must_wait_ = false;
    n_before_ = n_;
  }

  size_t n_barriers() const { return n_barriers_; }

 private:
  struct Access {
    uintptr_t begin, end;
    Sharing sharing;
    bool writes;

    bool Meets(const Access& other) const {
      return begin < other.end && other.begin < end && (writes || other.writes) &&
             !sharing.SameParts(other.sharing);
    }
  };

  static Access Of(const void* begin, size_t bytes, Sharing sharing, bool writes) {
    const auto at = reinterpret_cast<uintptr_t>(begin);
    return {at, at + bytes, sharing, writes};
  }

  void Say(const Access& access) {
    for (size_t i = 0; i < n_before_ && !must_wait_; ++i) must_wait_ = accesses_[i].Meets(access);
    accesses_[n_++] = access;
    // Nearly full: a barrier too many does no harm.
    must_wait_ |= n_ >= kMost - kMostOfStep;
  }

  static constexpr size_t kMost = 48, kMostOfStep = 16;

  ThreadTeam& team_;
  std::array<Access, kMost> accesses_;  // since the last barrier: of steps before, then of this one
  size_t n_ = 0, n_before_ = 0;
  bool must_wait_ = false;
  size_t n_barriers_ = 0;
};

}  // namespace altteul::compute

// SPDX-License-Identifier: Apache-2.0

// How the processor plays a tape: every thread of the team walks through all steps and takes its
// share of each; StepOrder places the barriers.
//
// Two ways save time where a pass has a single row. Small steps between products (norms, sums) take
// less time than waiting for the thread that has done them, so every thread does them whole, in
// copies of its own of the passing values. And where a context is long, threads share its segments
// (kernels::SegmentSums).

#pragma once

#include <memory>

#include "compute/compute.h"
#include "compute/cpu_walk.h"
#include "tensor/buffer.h"

namespace altteul::compute {

class CpuPlayer final : public Player {
 public:
  /// @param map  of addresses that are not the host's own; null: all are
  /// @return kOutOfMemory
  static Result<std::unique_ptr<CpuPlayer>> Create(const kernels::KernelTable& kernels,
                                                   ThreadTeam& team, const TapeLimits& limits,
                                                   const AddressMap* map = nullptr);

  /// What Create() allocates for a team of `n_threads`.
  static uint64_t BytesFor(const TapeLimits& limits, int n_threads);

  Status Play(const Tape& tape) override;
  Status Finish() override { return Status(); }

  size_t barriers_of_last_tape() const { return n_barriers_; }  ///< for tests

 private:
  CpuPlayer(const kernels::KernelTable& kernels, ThreadTeam& team, const AddressMap* map)
      : kernels_(kernels), team_(team), map_(map) {}
  static void Carve(Carver& carver, const TapeLimits& limits, CpuWorkspace& work);

  const kernels::KernelTable& kernels_;
  ThreadTeam& team_;
  const AddressMap* const map_;
  CpuWorkspace work_;
  Buffer memory_, sums_memory_;
  size_t n_barriers_ = 0;
};

}  // namespace altteul::compute

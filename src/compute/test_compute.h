// SPDX-License-Identifier: Apache-2.0

// A compute for tests that ask for no more than its memory.

#pragma once

#include "base/thread_team.h"
#include "compute/cpu_compute.h"

namespace altteul::compute::testing {

inline Compute& AnyCompute() {
  static ThreadTeam team(1);
  static CpuCompute compute(kernels::kReferenceKernels, team);
  return compute;
}

}  // namespace altteul::compute::testing

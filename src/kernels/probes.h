// SPDX-License-Identifier: Apache-2.0

// What this machine can do at most, measured: the ceilings beside which `bench` and `doctor` show
// the kernels' speed. A product is bound by one of three: bytes read, integer or float arithmetic.
//
// Each number is the best of a few short runs, because other work on the machine only slows us.

#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "base/thread_team.h"

namespace altteul::kernels {

/// A multiply-add counts two. 0 where the instruction set has no such instruction.
struct Peaks {
  double int8_ops_per_s = 0.0;  ///< u8 x s8 into s32
  double bf16_flops = 0.0;      ///< pairs of bf16 into f32
  double f32_flops = 0.0;       ///< fused multiply-add
};

struct MeasuredPeaks {
  Peaks thread;  ///< one thread alone
  Peaks team;    ///< all threads of the team together
};

/// Takes about 0.1 s for each kind and for each of thread and team.
/// @param isa  a name of KernelTable that this machine can run; all 0 for "reference"
MeasuredPeaks MeasurePeaks(ThreadTeam& team, const Clock& clock, std::string_view isa);

/// Bytes per second that the team reads together from `size_bytes` of memory on huge pages, each
/// thread its own share; whole pages of 4096 only. Take several times the last cache's size to
/// measure memory.
/// @return kOutOfMemory when the buffer does not fit
Result<double> MeasureReadBandwidth(ThreadTeam& team, const Clock& clock, uint64_t size_bytes);

}  // namespace altteul::kernels

// SPDX-License-Identifier: Apache-2.0

// A machine as people write it: "8 cores, 32 GB, 50 GB/s".

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace altteul::plan {

/// What was not said is 0.
struct MachineSpec {
  int cores = 0;
  uint64_t memory_bytes = 0;
  double read_bytes_per_s = 0;
  double ops_per_s = 0;  ///< 8-bit multiply-adds count two
  double watts = 0;
};

/// Parts separated by commas, in any order, each at most once: "8 cores", "32 GB", "50 GB/s",
/// "2 TOPS" or "800 GOPS", "65 W". Memory must be among them.
/// @return kInvalidArgument naming the part, also for what no machine has (more than 2^40 bytes of
///         memory, 4096 cores, 100 TB/s, 10,000 TOPS or 1 MW)
Result<MachineSpec> ParseMachineSpec(std::string_view text);

/// Memory without the part of a system and its services: a tenth, at most 2 GB. What else runs on
/// such a machine is not known here.
uint64_t FreeBytesOf(const MachineSpec& spec);

}  // namespace altteul::plan

// SPDX-License-Identifier: Apache-2.0

// Facts of the machine we run on, as the operating system and the processor tell them.

#pragma once

#include <cstdint>
#include <string>

namespace altteul {

/// What the processor can do and the operating system lets us use. All false on other families.
struct CpuFeatures {
  bool avx2 = false;      ///< with FMA and F16C
  bool avx_vnni = false;  ///< 256-bit vpdpbusd without AVX-512
  bool avx512 = false;    ///< F, BW, DQ, VL
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool avx512_vbmi = false;
  bool neon_dot = false;  ///< Armv8.2 dot products of bytes (sdot), beside NEON's f16 conversions
};

CpuFeatures DetectCpuFeatures();

struct MemoryFacts {
  uint64_t total_bytes = 0;      ///< of the machine, or of a control group when that is less
  uint64_t available_bytes = 0;  ///< what a new program can take without swapping
  std::string limited_by = {};   ///< the folder of the control group that leaves less than the
                                 ///< machine has (control_groups.h); empty: none does
};

MemoryFacts DetectMemory();

std::string CpuModelName();  ///< "AMD EPYC", or "unknown"
/// Cores that this process may run on, and has time for (control_groups.h); at least 1.
int OnlineCores();

/// Largest resident memory of this process so far [bytes] (VmHWM), 0 where unknown.
uint64_t PeakResidentBytes();

}  // namespace altteul

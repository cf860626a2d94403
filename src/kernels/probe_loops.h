// SPDX-License-Identifier: Apache-2.0

// Loops of one instruction for probes.cc. Each runs its instruction 12 times an iteration, into 12
// registers: more than latency times throughput on every processor we know (4 x 2, 5 x 2).

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

struct ProbeLoop {
  void (*run)(uint64_t n_iterations) = nullptr;  ///< null where there is no such instruction
  double ops_per_iteration = 0.0;
};

struct ProbeLoops {
  ProbeLoop int8;
  ProbeLoop bf16;
  ProbeLoop f32;
};

extern const ProbeLoops kProbeLoopsAvx2;
extern const ProbeLoops kProbeLoopsAvxVnni;
extern const ProbeLoops kProbeLoopsAvx512Vnni;
extern const ProbeLoops kProbeLoopsAvx512;
extern const ProbeLoops kProbeLoopsNeon;

}  // namespace altteul::kernels

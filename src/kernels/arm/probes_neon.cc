// SPDX-License-Identifier: Apache-2.0

// Assembly, because a compiler sees through a loop whose result nobody reads.

#include <cstddef>
#include <cstdint>

#include "kernels/probe_loops.h"

namespace altteul::kernels {
namespace {

#define ALT_ZERO(n) "movi v" #n ".16b, #0\n\t"
#define ALT_INT8_STEP(n) "sdot v" #n ".4s, v12.16b, v13.16b\n\t"
#define ALT_F32_STEP(n) "fmla v" #n ".4s, v12.4s, v13.4s\n\t"
#define ALT_12(STEP) \
  STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7) STEP(8) STEP(9) STEP(10) STEP(11)
#define ALT_PROBE(name, STEP)                                                                      \
  void name(uint64_t n) {                                                                          \
    asm volatile(ALT_12(ALT_ZERO) ALT_ZERO(12)                                                     \
                     ALT_ZERO(13) "1:\n\t" ALT_12(STEP) "subs %0, %0, #1\n\tb.ne 1b\n\t"           \
                 : "+r"(n)                                                                         \
                 :                                                                                 \
                 : "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", \
                   "v12", "v13");                                                                  \
  }

ALT_PROBE(Int8Loop, ALT_INT8_STEP)
ALT_PROBE(F32Loop, ALT_F32_STEP)

#undef ALT_PROBE
#undef ALT_12
#undef ALT_F32_STEP
#undef ALT_INT8_STEP
#undef ALT_ZERO

}  // namespace

const ProbeLoops kProbeLoopsNeon = {
    .int8 = {Int8Loop, 12.0 * 16 * 2},
    .bf16 = {},
    .f32 = {F32Loop, 12.0 * 4 * 2},
};

}  // namespace altteul::kernels

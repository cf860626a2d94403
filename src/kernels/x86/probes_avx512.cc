// SPDX-License-Identifier: Apache-2.0

// Assembly, because a compiler sees through a loop whose result nobody reads.

#include <cstddef>
#include <cstdint>

#include "kernels/probe_loops.h"

namespace altteul::kernels {
namespace {

#define ALT_ZERO(n) "vpxorq %%zmm" #n ", %%zmm" #n ", %%zmm" #n "\n\t"
#define ALT_STEP(instruction, n) instruction " %%zmm12, %%zmm13, %%zmm" #n "\n\t"
#define ALT_PROBE(name, instruction)                                                              \
  void name(uint64_t n) {                                                                         \
    asm volatile(ALT_ZERO(0) ALT_ZERO(1) ALT_ZERO(2) ALT_ZERO(3) ALT_ZERO(4) ALT_ZERO(5)          \
                     ALT_ZERO(6) ALT_ZERO(7) ALT_ZERO(8) ALT_ZERO(9) ALT_ZERO(10) ALT_ZERO(11)    \
                         ALT_ZERO(12) ALT_ZERO(13) "1:\n\t" ALT_STEP(instruction, 0)              \
                             ALT_STEP(instruction, 1) ALT_STEP(instruction, 2)                    \
                                 ALT_STEP(instruction, 3) ALT_STEP(instruction, 4)                \
                                     ALT_STEP(instruction, 5) ALT_STEP(instruction, 6)            \
                                         ALT_STEP(instruction, 7) ALT_STEP(instruction, 8)        \
                                             ALT_STEP(instruction, 9) ALT_STEP(instruction, 10)   \
                                                 ALT_STEP(instruction, 11) "dec %0\n\tjnz 1b\n\t" \
                 : "+r"(n)                                                                        \
                 :                                                                                \
                 : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",  \
                   "xmm9", "xmm10", "xmm11", "xmm12", "xmm13");                                   \
  }

ALT_PROBE(Int8Loop, "vpdpbusd")
ALT_PROBE(Bf16Loop, "vdpbf16ps")
ALT_PROBE(F32Loop, "vfmadd231ps")

#undef ALT_PROBE
#undef ALT_STEP
#undef ALT_ZERO

}  // namespace

const ProbeLoops kProbeLoopsAvx512Vnni = {
    .int8 = {Int8Loop, 12.0 * 64 * 2},
    .bf16 = {},
    .f32 = {F32Loop, 12.0 * 16 * 2},
};

const ProbeLoops kProbeLoopsAvx512 = {
    .int8 = {Int8Loop, 12.0 * 64 * 2},
    .bf16 = {Bf16Loop, 12.0 * 32 * 2},
    .f32 = {F32Loop, 12.0 * 16 * 2},
};

}  // namespace altteul::kernels

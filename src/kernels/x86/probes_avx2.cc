// SPDX-License-Identifier: Apache-2.0

// Assembly, because a compiler sees through a loop whose result nobody reads.

#include <cstddef>
#include <cstdint>

#include "kernels/probe_loops.h"

namespace altteul::kernels {
namespace {

#define ALT_ZERO(n) "vpxor %%ymm" #n ", %%ymm" #n ", %%ymm" #n "\n\t"
#define ALT_PROBE(name, ALT_STEP)                                                                 \
  void name(uint64_t n) {                                                                         \
    asm volatile(ALT_ZERO(0) ALT_ZERO(1) ALT_ZERO(2) ALT_ZERO(3) ALT_ZERO(4) ALT_ZERO(5)          \
                     ALT_ZERO(6) ALT_ZERO(7) ALT_ZERO(8) ALT_ZERO(9) ALT_ZERO(10) ALT_ZERO(11)    \
                         ALT_ZERO(12) ALT_ZERO(13) ALT_ZERO(14) ALT_ZERO(15) "1:\n\t" ALT_STEP(0) \
                             ALT_STEP(1) ALT_STEP(2) ALT_STEP(3) ALT_STEP(4) ALT_STEP(5)          \
                                 ALT_STEP(6) ALT_STEP(7) ALT_STEP(8) ALT_STEP(9) ALT_STEP(10)     \
                                     ALT_STEP(11) "dec %0\n\tjnz 1b\n\t"                          \
                 : "+r"(n)                                                                        \
                 :                                                                                \
                 : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",  \
                   "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");                 \
  }

// What 32 products of bytes cost without VNNI: to 16 bits, to 32 bits, and the sum.
#define ALT_INT8_STEP(n)                     \
  "vpmaddubsw %%ymm12, %%ymm13, %%ymm14\n\t" \
  "vpmaddwd %%ymm12, %%ymm14, %%ymm15\n\t"   \
  "vpaddd %%ymm15, %%ymm" #n ", %%ymm" #n "\n\t"
#define ALT_VNNI_STEP(n) "%{vex%} vpdpbusd %%ymm12, %%ymm13, %%ymm" #n "\n\t"
#define ALT_F32_STEP(n) "vfmadd231ps %%ymm12, %%ymm13, %%ymm" #n "\n\t"

ALT_PROBE(Int8Loop, ALT_INT8_STEP)
ALT_PROBE(VnniLoop, ALT_VNNI_STEP)
ALT_PROBE(F32Loop, ALT_F32_STEP)

#undef ALT_F32_STEP
#undef ALT_VNNI_STEP
#undef ALT_INT8_STEP
#undef ALT_PROBE
#undef ALT_ZERO

}  // namespace

const ProbeLoops kProbeLoopsAvx2 = {
    .int8 = {Int8Loop, 12.0 * 32 * 2},
    .bf16 = {},
    .f32 = {F32Loop, 12.0 * 8 * 2},
};

const ProbeLoops kProbeLoopsAvxVnni = {
    .int8 = {VnniLoop, 12.0 * 32 * 2},
    .bf16 = {},
    .f32 = {F32Loop, 12.0 * 8 * 2},
};

}  // namespace altteul::kernels

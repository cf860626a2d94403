// SPDX-License-Identifier: Apache-2.0

// The table of linear.inl's functions, one for each type. Include after LoadF16Line and
// LoadBf16Line: linear_halves_f32.inl has them, or the instruction set's own file.

#pragma once

#include "kernels/simd/linear_isa.h"

namespace altteul::kernels {
namespace {

constexpr LinearIsa kLinearFunctions = {
    .q4_0 = LinearP8<UnpackQ4_0>,
    .q4_1 = LinearP8<UnpackQ4_1>,
    .q5_0 = LinearP8<UnpackQ5_0>,
    .q5_1 = LinearP8<UnpackQ5_1>,
    .q8_0 = LinearP8<UnpackQ8_0>,
    .iq4_nl = LinearP8<UnpackIQ4_NL>,
    .q4_k = LinearP8<UnpackQ4_K>,
    .q5_k = LinearP8<UnpackQ5_K>,
    .q6_k = LinearP8<UnpackQ6_K>,
    .iq4_xs = LinearP8<UnpackIQ4_XS>,
    .mxfp4 = LinearP8<UnpackMXFP4>,
    .nvfp4 = LinearP8<UnpackNVFP4>,
    .q2_k = LinearP8<UnpackQ2_K>,
    .q3_k = LinearP8<UnpackQ3_K>,
    .q2_0 = LinearP8<UnpackQ2_0>,
    .q1_0 = LinearP8<UnpackQ1_0>,
    .tq1_0 = LinearP8<UnpackTQ1_0>,
    .tq2_0 = LinearP8<UnpackTQ2_0>,
    .iq3_xxs = LinearP8<UnpackIQ3_XXS>,
    .iq3_s = LinearP8<UnpackIQ3_S>,
    .iq2_xxs = LinearP8<UnpackIQ2_XXS>,
    .iq2_xs = LinearP8<UnpackIQ2_XS>,
    .iq2_s = LinearP8<UnpackIQ2_S>,
    .iq1_s = LinearP8<UnpackIQ1_S>,
    .iq1_m = LinearP8<UnpackIQ1_M>,
    .f16 = LinearConverted<LoadF16Line>,
    .bf16 = LinearFloat<LoadBf16Line>,
    .f32 = LinearFloat<LoadF32Line>,
    .quantize = Quantize,
    .round_to_bf16 = RoundToBf16,
    .widen_f16 = WidenF16,
};

}  // namespace
}  // namespace altteul::kernels

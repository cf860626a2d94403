// SPDX-License-Identifier: Apache-2.0

// The linear layers for AVX-512 (F, BW, DQ, VL, VNNI) without BF16. 16-bit floats are multiplied in
// f32.

#include "kernels/x86/simd_avx512.h"
// Written on the names above.
#include "kernels/simd/linear.inl"
// And on those of linear.inl.
#include "kernels/simd/linear_halves_f32.inl"
// And on both.
#include "kernels/simd/linear_functions.inl"

namespace altteul::kernels {

const LinearIsa kLinearAvx512Vnni = kLinearFunctions;

}  // namespace altteul::kernels

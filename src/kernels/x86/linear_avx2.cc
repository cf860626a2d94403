// SPDX-License-Identifier: Apache-2.0

// The linear layers for AVX2 with FMA and F16C. 16-bit floats are multiplied in f32. Compiled again
// with vpdpbusd for kLinearAvxVnni, and for its test (CMakeLists.txt).

#include "kernels/x86/simd_avx2.h"
// Written on the names above.
#include "kernels/simd/linear.inl"
// And on those of linear.inl.
#include "kernels/simd/linear_halves_f32.inl"
// And on both.
#include "kernels/simd/linear_functions.inl"

#ifndef ALT_LINEAR_ISA
#define ALT_LINEAR_ISA kLinearAvx2
#endif

namespace altteul::kernels {

const LinearIsa ALT_LINEAR_ISA = kLinearFunctions;

}  // namespace altteul::kernels

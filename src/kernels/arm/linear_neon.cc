// SPDX-License-Identifier: Apache-2.0

// The linear layers for NEON with dot products. 16-bit floats are multiplied in f32.

#include "kernels/arm/simd_neon.h"
// Written on the names above.
#include "kernels/simd/linear.inl"
// And on those of linear.inl.
#include "kernels/simd/linear_halves_f32.inl"
// And on both.
#include "kernels/simd/linear_functions.inl"

namespace altteul::kernels {

const LinearIsa kLinearNeon = kLinearFunctions;

}  // namespace altteul::kernels

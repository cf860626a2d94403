// SPDX-License-Identifier: Apache-2.0

// Products of f32 matrices with NEON.

#include <arm_neon.h>

#include <cstddef>

#include "kernels/arm/float_neon.h"
#include "kernels/arm/kernels_neon.h"

namespace altteul::kernels {
namespace {

// 24 of 32 registers.
constexpr size_t kTileRows = 6, kTileVecs = 4;

}  // namespace
}  // namespace altteul::kernels

// Compiled once for each instruction set, over the Vec of the header above.
#include "kernels/simd/product.inl"

namespace altteul::kernels {

void AddProductNeon(const AddProductArgs& args) { AddProduct(args); }

}  // namespace altteul::kernels

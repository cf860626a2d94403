// SPDX-License-Identifier: Apache-2.0

// Products of f32 matrices with AVX2.

#include <immintrin.h>

#include <cstddef>

#include "kernels/x86/float_avx2.h"
#include "kernels/x86/float_kernels_x86.h"

namespace altteul::kernels {
namespace {

// 12 of 16 registers.
constexpr size_t kTileRows = 6, kTileVecs = 2;

}  // namespace
}  // namespace altteul::kernels

// Compiled once for each instruction set, over the Vec of the header above.
#include "kernels/simd/product.inl"

namespace altteul::kernels {

void AddProductAvx2(const AddProductArgs& args) { AddProduct(args); }

}  // namespace altteul::kernels

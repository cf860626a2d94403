// SPDX-License-Identifier: Apache-2.0

// Products of f32 matrices with AVX-512.

#include <immintrin.h>

#include <cstddef>

#include "kernels/x86/float_avx512.h"
#include "kernels/x86/float_kernels_x86.h"

namespace altteul::kernels {
namespace {

// 24 of 32 registers.
constexpr size_t kTileRows = 12, kTileVecs = 2;

}  // namespace
}  // namespace altteul::kernels

// Compiled once for each instruction set, over the Vec of the header above.
#include "kernels/simd/product.inl"

namespace altteul::kernels {

void AddProductAvx512(const AddProductArgs& args) { AddProduct(args); }

}  // namespace altteul::kernels

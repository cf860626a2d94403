// SPDX-License-Identifier: Apache-2.0

// Plain floating-point types: a block is one value.

#pragma once

#include <cstddef>

namespace altteul::kernels {

void DecodeF32(const std::byte* blocks, size_t n, float* out);
void EncodeF32(const float* values, size_t n, std::byte* blocks);

void DecodeF16(const std::byte* blocks, size_t n, float* out);
void EncodeF16(const float* values, size_t n, std::byte* blocks);

void DecodeBf16(const std::byte* blocks, size_t n, float* out);
void EncodeBf16(const float* values, size_t n, std::byte* blocks);

/// Rounds each f64 to the nearest f32; beyond f32's range infinity.
void DecodeF64(const std::byte* blocks, size_t n, float* out);

}  // namespace altteul::kernels

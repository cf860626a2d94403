// SPDX-License-Identifier: Apache-2.0

// Chosen fields -> the bytes of a block: the inverse of a codec's decode(). Nothing is rounded or
// searched here. The plain encoders in kernels/codecs are ggml's, to the byte; whoever chooses
// scales and codes better comes here.

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "compress/scalar_block.h"

namespace altteul::compress {

/// A block of the format with one scale for all of it, in f16.
template <typename Block>
concept HasHalfScale = requires(Block block) {
  { block.d } -> std::same_as<uint16_t&>;
};

/// Bit for bit, since a minus zero is not kept where a plus zero is written.
bool IsFiniteF16(float value);

/// Whether a block of this type can hold these fields: d and dmin are finite f16 numbers, scales,
/// minimums and codes within the row's limits. Fields that the type lacks are not looked at, but
/// that d is 1 and each scale 1, because Value() reads them.
bool Fits(const ScalarType& type, const BlockFields& block);

/// Writes TraitsOf(type).block_bytes bytes, which decode to Value(block, col) for every col, bit
/// for bit. Neither allocates nor fails. Any thread.
/// @pre `type` has a row in AllScalarTypes(), Fits(row, block)
void Pack(DType type, const BlockFields& block, std::byte* out);

}  // namespace altteul::compress

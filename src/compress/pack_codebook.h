// SPDX-License-Identifier: Apache-2.0

// Chosen fields -> the bytes of a block with a codebook: the inverse of a codec's decode(). Nothing
// is rounded or searched here.

#pragma once

#include <cstddef>

#include "compress/codebook_block.h"

namespace altteul::compress {

/// Whether a block of this type can hold these fields: d is a finite f16 number, scales and entries
/// are within the row's limits, signs are even where they must be, shifts alike where they must be.
/// The second entry of a word that has one is not looked at.
bool Fits(const CodebookType& type, const CodebookFields& block);

/// Writes TraitsOf(type).block_bytes bytes, which decode to Value(block, col) for every col, bit
/// for bit. Neither allocates nor fails. Any thread.
/// @pre `type` has a row in AllCodebookTypes(), Fits(row, block)
void Pack(DType type, const CodebookFields& block, std::byte* out);

}  // namespace altteul::compress

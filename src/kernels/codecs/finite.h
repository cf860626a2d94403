// SPDX-License-Identifier: Apache-2.0

// Does a run of blocks hold numbers only? A NaN or an infinity among the weights would turn every
// answer into nonsense without a word, so models are examined as they are loaded.

#pragma once

#include <cstddef>

#include "tensor/dtype.h"

namespace altteul::kernels {

/// Whether Codec::decode of these blocks gives finite numbers only. Looks at the scales alone where
/// they tell: some instructions a block, so that a file is examined as fast as it is read.
/// Any thread. @pre the type has a codec
bool AllFinite(DType type, const std::byte* blocks, size_t n_blocks);

}  // namespace altteul::kernels

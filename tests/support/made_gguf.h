// SPDX-License-Identifier: Apache-2.0

// Tiny GGUF models with random weights in any element type, for what no golden model has.

#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "formats/gguf_writer.h"
#include "tensor/dtype.h"

namespace altteul::tests {

/// The types that WriteQuantizedModel can fill with sane random weights, in two sets of which each
/// fits into one model: those of 4 bits and more, and those with fewer.
std::span<const DType> RandomTypes();
std::span<const DType> RandomFewBitTypes();

/// Writes a model of Gemma 2's architecture, which has both kinds of layers: 2 layers, width 256,
/// 4 heads of 64 with one KV head, ffn 512, vocabulary 100, window 24 on the first layer.
/// Its matrices take the types in turn, the tied embedding first.
/// @param change  called before the file is begun; may set metadata again
Status WriteQuantizedModel(const std::string& path, std::span<const DType> types,
                           const std::function<void(formats::GgufWriter&)>& change = nullptr);

}  // namespace altteul::tests

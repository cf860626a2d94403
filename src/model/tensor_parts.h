// SPDX-License-Identifier: Apache-2.0

// Tensors that hold as many matrices as a layer has experts. GGUF files have them whole,
// "blk.0.ffn_up_exps.weight" [n, rows, cols]; most folders, and early GGUF files, have a tensor for
// each, "blk.0.ffn_up_exps.7.weight" [rows, cols].

#pragma once

#include <cstddef>
#include <string_view>

#include "base/status.h"
#include "model/checkpoint.h"
#include "tensor/tensor_view.h"

namespace altteul::model {

/// Matrix `part` of `n` in a tensor, however the file holds them.
/// @param name  of the whole: "blk.0.ffn_up_exps.weight"
/// @param part  below n
/// @return [rows, cols]; kCorruptFile when it is not there, or when the whole holds another number
Result<TensorView> PartOf(const Checkpoint& file, std::string_view name, size_t part, size_t n);

}  // namespace altteul::model

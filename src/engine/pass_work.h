// SPDX-License-Identifier: Apache-2.0

// What a forward pass costs at least, counted from the model: multiplications and bytes. Nothing
// here is measured.

#pragma once

#include <cstddef>
#include <vector>

#include "kernels/attention.h"
#include "model/config.h"
#include "model/weights.h"

namespace altteul::engine {

/// Matrices of one type, added up.
struct MatrixSum {
  DType type = DType::kF32;
  double elements = 0;
  double bytes = 0;  ///< as the file packs them
};

/// Rows of one sequence in one pass.
struct PassRows {
  size_t first_position = 0;
  size_t n_rows = 1;
  size_t n_logits = 1;  ///< rows that meet the head
};

struct PassWork {
  std::vector<MatrixSum> layers;  ///< every matrix of every layer, a sum for each type
  MatrixSum head;
  double attention_ops = 0;  ///< a multiply-add counts two
  double kv_bytes = 0;       ///< keys and values read
};

/// Of an embedding that is no head only a few rows are read: left out. What activations cost in the
/// caches is left out too.
PassWork WorkOfPass(const model::ModelConfig& config, const model::Weights& weights,
                    kernels::KvType kv, const PassRows& rows);

}  // namespace altteul::engine

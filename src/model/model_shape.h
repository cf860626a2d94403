// SPDX-License-Identifier: Apache-2.0

// Models by their shape alone: to plan for, or to measure the speed of, where the real one is out
// of reach. All are of architecture `llama`; of others' shapes the sizes are right, and what is
// different in the arithmetic (biases, norms of heads) is small.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "formats/gguf_writer.h"
#include "tensor/dtype.h"

namespace altteul::model {

struct ModelShape {
  std::string_view name;   ///< "llama-3.1-8b"
  std::string_view alias;  ///< "8b", where this is the one that people mean; else empty
  uint32_t layers, hidden, ffn, heads, kv_heads, head_dim, vocabulary, context;
  float rope_base;
  bool tied;  ///< the head is the embedding
};

std::span<const ModelShape> ModelShapes();

/// "llama-2-7b, ...".
std::string ShapeNames();

struct ShapedTensor {
  std::string name;
  DType type;
  uint32_t rows, cols;  ///< rows 0: a norm of `cols` ones
};

/// A shape with a type for every tensor.
struct ShapedModel {
  const ModelShape* shape = nullptr;
  std::vector<ShapedTensor> tensors;

  /// Metadata (without a tokenizer) and tensors, in the order in which they are to be written.
  /// @param title  general.name
  Status Declare(const std::string& title, formats::GgufWriter& writer) const;
};

/// Every matrix in one type. `shape` must outlive the result.
ShapedModel UniformModel(const ModelShape& shape, DType type);

/// @param what  "SHAPE:TYPE": a name or alias of ModelShapes(), and an element type for every
///              matrix, with embedding and head in Q8_0 for types below that; or Q4_K_M or Q5_K_M,
///              llama.cpp's mixes of Q4_K or Q5_K with Q6_K. Capitals do not matter.
/// @return kInvalidArgument listing the shapes
Result<ShapedModel> ParseShapedModel(std::string_view what);

}  // namespace altteul::model

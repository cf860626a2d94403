// SPDX-License-Identifier: Apache-2.0

// The small steps between the products. Every row is computed alone, in an order that depends on
// its width only.

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

/// out = x / sqrt(mean(x^2) + eps) * (weight + weight_offset). in == out is allowed.
struct RmsNormArgs {
  const float* in = nullptr;  ///< [n_rows, width]
  float* out = nullptr;       ///< [n_rows, width]
  size_t n_rows = 0;
  size_t width = 0;
  const float* weight = nullptr;  ///< [width]
  float weight_offset = 0.0f;     ///< 1 where a file stores w and the model means 1 + w
  float eps = 0.0f;
};

enum class RopePairs : uint8_t {
  kInterleaved,  ///< (2i, 2i + 1): GGUF files of llama type
  kHalves,       ///< (i, i + n_rotated / 2): Hugging Face and the other GGUF families
};

/// Rotates the first n_rotated of each head in place: (a, b) -> (a cos - b sin, a sin + b cos).
struct RopeArgs {
  float* x = nullptr;  ///< [n_rows, n_heads, head_dim]
  size_t n_rows = 0;
  size_t n_heads = 0;
  size_t head_dim = 0;
  size_t n_rotated = 0;  ///< even, at most head_dim
  RopePairs pairs = RopePairs::kHalves;
  const float* cos = nullptr;  ///< [n_rows, n_rotated / 2]
  const float* sin = nullptr;  ///< [n_rows, n_rotated / 2]
};

enum class Activation : uint8_t { kSilu, kGeluTanh };

/// out = activation(gate) * up. out == gate is allowed. Threads share by columns as products do, so
/// that it may follow the two products without a barrier.
struct GluArgs {
  const float* gate = nullptr;  ///< [n_rows, width]
  const float* up = nullptr;    ///< [n_rows, width]
  float* out = nullptr;         ///< [n_rows, width]
  size_t n_rows = 0;
  size_t width = 0;
  Activation activation = Activation::kSilu;
};

/// x += y.
struct AddArgs {
  float* x = nullptr;        ///< [n_rows, width]
  const float* y = nullptr;  ///< [n_rows, width]
  size_t n_rows = 0;
  size_t width = 0;
};

/// x = cap * tanh(x / cap).
struct SoftcapArgs {
  float* x = nullptr;  ///< [n_rows, width]
  size_t n_rows = 0;
  size_t width = 0;
  float cap = 0.0f;
};

}  // namespace altteul::kernels

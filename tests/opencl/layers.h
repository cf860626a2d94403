// SPDX-License-Identifier: Apache-2.0

// Linear layers as they rest once a file's weights are loaded: of random codes, of values as a
// model has them, and one that shows what it is multiplied with.

#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "base/random.h"
#include "compute/linear.h"
#include "kernels/codecs/codec.h"
#include "kernels/simd/plain_p8.h"

namespace altteul::tests {

inline std::vector<float> NormalValues(size_t n, const std::string& purpose) {
  const RandomStream stream(20261201, purpose);
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = stream.Normal(i);
  return values;
}

/// A linear layer as a file's weights rest once they are loaded.
struct Layer {
  std::vector<std::byte> bytes;
  std::vector<float> bias;
  compute::Linear linear;

  Layer(DType type, size_t rows, size_t cols, const std::vector<std::byte>& file_rows)
      : bytes(kernels::GroupedBytes(type, rows, cols)) {
    kernels::GroupRows(type, file_rows.data(), 0, rows, cols, bytes.data());
    linear.w = {type,        kernels::RestForm::kGroups16, kernels::PanelKind::kP8, rows, cols,
                bytes.data()};
  }
  Layer(Layer&&) = default;  // `linear` points into the arrays
  void AddBias() {
    bias = NormalValues(linear.w.rows, "bias");
    linear.bias = bias.data();
  }
};

/// Codes and scales of any kind, the extremes among them.
inline Layer RandomLayer(DType type, size_t rows, size_t cols) {
  return {type, rows, cols, kernels::RandomQuantizedRows(type, rows, cols)};
}

/// Outputs of about the size of the inputs, as in a model, where the type can be encoded plainly.
inline Layer ModelLayer(DType type, size_t rows, size_t cols, const std::string& purpose) {
  if (kernels::FindCodec(type)->encode == nullptr) return RandomLayer(type, rows, cols);
  std::vector<float> values = NormalValues(rows * cols, purpose);
  for (float& value : values) value /= std::sqrt(static_cast<float>(cols));
  std::vector<std::byte> file_rows(rows * *RowBytes(type, cols));
  kernels::FindCodec(type)->encode(values.data(), values.size(), file_rows.data());
  return {type, rows, cols, file_rows};
}

/// 127 times the unit matrix: a product with it shows the quantized activations.
inline Layer UnitLayer(size_t n) {
  std::vector<float> values(n * n);
  for (size_t i = 0; i < n; ++i) values[i * n + i] = 127.0f;  // a code of 127 has the scale 1
  std::vector<std::byte> file_rows(n * *RowBytes(DType::kQ8_0, n));
  kernels::FindCodec(DType::kQ8_0)->encode(values.data(), values.size(), file_rows.data());
  return {DType::kQ8_0, n, n, file_rows};
}

}  // namespace altteul::tests

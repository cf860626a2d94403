// SPDX-License-Identifier: Apache-2.0

// Small tensors as plain numbers: norms, rope factors.

#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "base/status.h"
#include "kernels/codecs/codec.h"
#include "tensor/tensor_view.h"

namespace altteul::model {

/// All `n` values of a tensor in f32.
/// @return kCorruptFile when it has another size, a type that is no weight, or a value that is not
///         finite
inline Result<std::vector<float>> ReadVector(const TensorView& view, size_t n,
                                             const std::string& name) {
  const kernels::Codec* codec = kernels::FindCodec(view.type);
  if (view.shape.Elements() != n || codec == nullptr) {
    return Status(ErrorCode::kCorruptFile,
                  "tensor " + name + " is " + std::string(TraitsOf(view.type).name) + " " +
                      view.shape.ToString() + ", expected " + std::to_string(n) + " numbers");
  }
  std::vector<float> values(n);
  codec->decode(view.bytes.data(), n, values.data());
  for (size_t i = 0; i < n; ++i) {
    if (std::isfinite(values[i])) continue;
    return Status(ErrorCode::kCorruptFile,
                  "tensor " + name + ", value " + std::to_string(i) + ": NaN or infinite");
  }
  return values;
}

}  // namespace altteul::model

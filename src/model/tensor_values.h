// SPDX-License-Identifier: Apache-2.0

// Small tensors as plain numbers: norms, rope factors.

#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "kernels/codecs/codec.h"
#include "tensor/tensor_view.h"

namespace altteul::model {

/// What to say of values that are not all finite in f32: a double that is a number all the same is
/// no broken file.
/// @param place  names the file, the tensor and where in it
/// @param bytes  some values of the tensor, from or around the bad one
inline Status NotFiniteInF32(const std::string& place, DType type, std::span<const std::byte> bytes,
                             const std::string& consequence) {
  for (size_t at = 0; type == DType::kF64 && at + sizeof(double) <= bytes.size();
       at += sizeof(double)) {
    double value = 0.0;
    std::memcpy(&value, bytes.data() + at, sizeof(value));
    if (std::isfinite(static_cast<float>(value))) continue;
    if (!std::isfinite(value)) break;
    char text[32];
    std::snprintf(text, sizeof(text), "%.9g", value);
    return Status(ErrorCode::kUnsupported,
                  place + ": " + text + " is beyond what 32-bit floats hold, in which it is used");
  }
  return Status(ErrorCode::kCorruptFile, place + ": NaN or infinite" + consequence);
}

/// All `n` values of a tensor in f32.
/// @return kCorruptFile when it has another size, a type that is no weight, or a value that is not
///         finite; kUnsupported for a double beyond f32
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
    return NotFiniteInF32("tensor " + name + ", value " + std::to_string(i), view.type, view.bytes,
                          "");
  }
  return values;
}

}  // namespace altteul::model

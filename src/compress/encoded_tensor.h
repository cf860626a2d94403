// SPDX-License-Identifier: Apache-2.0

// The bytes of a tensor in a new type: in memory, or in a file, of which only what is touched is in
// memory.

#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "base/status.h"
#include "tensor/buffer.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace altteul::compress {

class EncodedTensor {
 public:
  EncodedTensor() = default;
  /// @param head_bytes  of the memory, in front of the tensor
  EncodedTensor(DType type, Buffer memory, size_t head_bytes = 0)
      : type_(type), memory_(std::move(memory)), head_bytes_(head_bytes) {}

  /// Zeros in memory.
  /// @return kOutOfMemory
  static Result<EncodedTensor> InMemory(DType type, const Shape& shape) {
    ALT_ASSIGN_OR_RETURN(Buffer memory,
                         Buffer::Allocate(*RowBytes(type, shape.cols()) * shape.rows(),
                                          "a tensor " + shape.ToString() + " in " +
                                              std::string(TraitsOf(type).name)));
    return EncodedTensor(type, std::move(memory));
  }

  DType type() const { return type_; }
  std::span<const std::byte> bytes() const { return memory_.bytes().subspan(head_bytes_); }
  std::span<std::byte> mutable_bytes() { return memory_.mutable_bytes().subspan(head_bytes_); }

  /// bytes() [first, first + n) will not be touched for a while.
  void ReleasePages(size_t first, size_t n) const { memory_.ReleasePages(head_bytes_ + first, n); }
  void ReleasePages() const { memory_.ReleasePages(0, memory_.size()); }

  Buffer& memory() { return memory_; }  ///< with the head

 private:
  DType type_ = DType::kF32;
  Buffer memory_;
  size_t head_bytes_ = 0;
};

/// By name.
using EncodedTensors = std::map<std::string, EncodedTensor>;

}  // namespace altteul::compress

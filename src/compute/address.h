// SPDX-License-Identifier: Apache-2.0

// Where values lie in a compute's memory. Not a pointer: it can be moved along, compared and handed
// to a step, but only a compute looks behind it, because the memory may be a device's.

#pragma once

#include <cstddef>
#include <type_traits>

namespace altteul::compute {

template <typename T>
class At {
 public:
  constexpr At() = default;
  /// For those who own memory: a compute, and who lends it some (Tape::Lend).
  explicit constexpr At(T* place) : place_(place) {}

  bool is_null() const { return place_ == nullptr; }
  At operator+(size_t n) const { return At(place_ + n); }
  bool operator==(const At&) const = default;

  template <typename U>
  At<U> as() const {
    return At<U>(reinterpret_cast<U*>(place_));
  }
  /// For computes only.
  T* place() const { return place_; }

 private:
  T* place_ = nullptr;
};

using Floats = At<float>;
using Bytes = At<std::byte>;

/// A table of pages as the kernels of a compute read it.
/// @param pages  outlives the result
inline std::byte* const* PageTable(const Bytes* pages) {
  static_assert(std::is_standard_layout_v<Bytes> && sizeof(Bytes) == sizeof(std::byte*));
  return reinterpret_cast<std::byte* const*>(pages);
}

/// Cuts memory into aligned arrays. From nowhere, it only adds up.
class Carver {
 public:
  static constexpr size_t kAlign = 64;

  explicit Carver(Bytes base = {}) : base_(base) {}

  template <typename T>
  At<T> Take(size_t count) {
    const At<T> place = base_.is_null() ? At<T>() : (base_ + used_).template as<T>();
    used_ += (count * sizeof(T) + kAlign - 1) / kAlign * kAlign;
    return place;
  }
  size_t used() const { return used_; }  ///< [bytes]

 private:
  Bytes base_;
  size_t used_ = 0;
};

}  // namespace altteul::compute

// SPDX-License-Identifier: Apache-2.0

// Four floats side by side, by the vector types that both our compilers know. For searches through
// codebooks, which are too small and too odd for kernels of their own.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

namespace altteul::compress {

using Float4 = float __attribute__((vector_size(16)));
using Bits4 = int32_t __attribute__((vector_size(16)));

inline constexpr Bits4 kSignBit4 = {INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN};

inline Float4 Load4(const float* from) {
  Float4 x;
  std::memcpy(&x, from, sizeof(x));
  return x;
}
inline void Store4(Float4 x, float* to) { std::memcpy(to, &x, sizeof(x)); }
inline Float4 Same4(float x) { return Float4{x, x, x, x}; }
inline Bits4 BitsOf(Float4 x) { return reinterpret_cast<Bits4>(x); }
inline Float4 FloatsOf(Bits4 x) { return reinterpret_cast<Float4>(x); }
inline Float4 Abs4(Float4 x) { return FloatsOf(BitsOf(x) & ~kSignBit4); }
inline Float4 Min4(Float4 a, Float4 b) { return a < b ? a : b; }

/// Whether any of four comparisons is true.
inline bool Any4(Bits4 x) {
  using Halves = int64_t __attribute__((vector_size(16)));
  const Halves halves = reinterpret_cast<Halves>(x);
  return (halves[0] | halves[1]) != 0;
}

/// The first place of the smallest value; 0 when none is below infinity.
/// @pre x.size() is a multiple of 4, not 0
inline size_t ArgMin(std::span<const float> x) {
  Float4 least = Same4(std::numeric_limits<float>::infinity());
  Bits4 place{}, here{};  // the first ones of each quarter, as i / 4
  for (size_t i = 0; i < x.size(); i += 4, here += 1) {
    const Float4 value = Load4(&x[i]);
    const Bits4 is_less = value < least;
    least = is_less ? value : least;
    place = is_less ? here : place;
  }
  size_t best = 0;
  for (size_t k = 1; k < 4; ++k) {
    const bool is_sooner = least[k] == least[best] && place[k] < place[best];
    if (least[k] < least[best] || is_sooner) best = k;
  }
  return least[best] < std::numeric_limits<float>::infinity()
             ? static_cast<size_t>(place[best]) * 4 + best
             : 0;
}

}  // namespace altteul::compress

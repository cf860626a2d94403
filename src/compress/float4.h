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

/// The first place of the smallest value; 0 when none is below infinity.
/// @pre x.size() is a multiple of 4, not 0
inline size_t ArgMin(std::span<const float> x) {
  Float4 least = Same4(std::numeric_limits<float>::infinity());
  for (size_t i = 0; i < x.size(); i += 4) least = Min4(Load4(&x[i]), least);
  for (size_t k = 1; k < 4; ++k) least[0] = least[k] < least[0] ? least[k] : least[0];
  const Float4 wanted = Same4(least[0]);
  for (size_t i = 0; i < x.size(); i += 4) {
    const Bits4 equal = Load4(&x[i]) == wanted;
    for (size_t k = 0; k < 4; ++k) {
      if (equal[k] != 0) return i + k;
    }
  }
  return 0;
}

}  // namespace altteul::compress

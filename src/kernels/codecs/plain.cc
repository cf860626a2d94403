// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/plain.h"

#include <cstdint>
#include <cstring>
#include <limits>

#include "kernels/codecs/half.h"

namespace altteul::kernels {
namespace {

static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559);

template <size_t count, typename From, typename To, typename Convert>
void ConvertChunk(const std::byte* in, std::byte* out, Convert convert) {
  From source[count];
  To target[count];
  std::memcpy(source, in, sizeof(source));
  for (size_t i = 0; i < count; ++i) target[i] = convert(source[i]);
  std::memcpy(out, target, sizeof(target));
}

/// n values of type From, unaligned, converted to values of type To, unaligned.
/// By chunks of constant length between local arrays, because compilers vectorise such a loop even
/// where they would not add a run-time check for overlap.
template <typename From, typename To, typename Convert>
void ConvertAll(const void* from, size_t n, void* to, Convert convert) {
  constexpr size_t kChunk = 32;
  const auto* in = static_cast<const std::byte*>(from);
  auto* out = static_cast<std::byte*>(to);
  size_t i = 0;
  for (; i + kChunk <= n; i += kChunk) {
    ConvertChunk<kChunk, From, To>(in + i * sizeof(From), out + i * sizeof(To), convert);
  }
  for (; i < n; ++i) {
    ConvertChunk<1, From, To>(in + i * sizeof(From), out + i * sizeof(To), convert);
  }
}

}  // namespace

void DecodeF32(const std::byte* blocks, size_t n, float* out) {
  if (n > 0) std::memcpy(out, blocks, n * sizeof(float));
}

void EncodeF32(const float* values, size_t n, std::byte* blocks) {
  if (n > 0) std::memcpy(blocks, values, n * sizeof(float));
}

void DecodeF16(const std::byte* blocks, size_t n, float* out) {
  ConvertAll<uint16_t, float>(blocks, n, out, [](uint16_t half) { return F16ToF32(half); });
}

void EncodeF16(const float* values, size_t n, std::byte* blocks) {
  ConvertAll<float, uint16_t>(values, n, blocks, [](float value) { return F32ToFiniteF16(value); });
}

void DecodeBf16(const std::byte* blocks, size_t n, float* out) {
  ConvertAll<uint16_t, float>(blocks, n, out, [](uint16_t bf16) { return Bf16ToF32(bf16); });
}

void EncodeBf16(const float* values, size_t n, std::byte* blocks) {
  ConvertAll<float, uint16_t>(values, n, blocks,
                              [](float value) { return F32ToFiniteBf16(value); });
}

void DecodeF64(const std::byte* blocks, size_t n, float* out) {
  ConvertAll<double, float>(blocks, n, out, [](double value) { return static_cast<float>(value); });
}

}  // namespace altteul::kernels

// SPDX-License-Identifier: Apache-2.0

#include "kernels/simd/plain_p8.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "base/random.h"
#include "kernels/codecs/codec.h"
#include "kernels/codecs/half.h"

namespace altteul::kernels {
namespace {

/// How the scales of one block are read; its codes follow from the decoded values.
struct P8Type {
  DType type;
  size_t scale_cols;
  bool has_min;
  std::array<size_t, 2> halves;  // where a block keeps the f16 factors of scales and minimums
  void (*parse)(const uint8_t* block, float* scales, float* mins);
};

float HalfAt(const uint8_t* p) {
  uint16_t half;
  std::memcpy(&half, p, sizeof half);
  return F16ToF32(half);
}

int WordAt(const uint8_t* p) { return p[0] | p[1] << 8; }

/// All columns have the scale at byte `at`.
template <size_t n_scales, size_t at = 0>
void ParseD(const uint8_t* p, float* scales, float* /*mins*/) {
  std::fill_n(scales, n_scales, HalfAt(p + at));
}

void ParseDm(const uint8_t* p, float* scales, float* mins) {
  *scales = HalfAt(p);
  *mins = HalfAt(p + 2);
}

void ParseQ45K(const uint8_t* p, float* scales, float* mins) {
  const float d = HalfAt(p);
  const float dmin = HalfAt(p + 2);
  const uint8_t* packed = p + 4;
  for (size_t s = 0; s < 8; ++s) {
    const int sc = s < 4 ? packed[s] & 63 : (packed[s + 4] & 15) | (packed[s - 4] >> 6 << 4);
    const int m = s < 4 ? packed[s + 4] & 63 : (packed[s + 4] >> 4) | (packed[s] >> 6 << 4);
    scales[s] = d * static_cast<float>(sc);
    mins[s] = -(dmin * static_cast<float>(m));
  }
}

void ParseQ6K(const uint8_t* p, float* scales, float* /*mins*/) {
  for (size_t s = 0; s < 16; ++s) {
    scales[s] = HalfAt(p + 208) * static_cast<float>(static_cast<int8_t>(p[192 + s]));
  }
}

void ParseQ2K(const uint8_t* p, float* scales, float* mins) {
  for (size_t s = 0; s < 16; ++s) {
    scales[s] = HalfAt(p + 80) * static_cast<float>(p[s] & 15);
    mins[s] = -(HalfAt(p + 82) * static_cast<float>(p[s] >> 4));
  }
}

void ParseQ3K(const uint8_t* p, float* scales, float* /*mins*/) {
  const uint8_t* packed = p + 96;
  for (size_t s = 0; s < 16; ++s) {
    const int low = s < 8 ? packed[s] & 15 : packed[s - 8] >> 4;
    const int high = packed[8 + s % 4] >> (s / 4 * 2) & 3;
    scales[s] = HalfAt(p + 108) * static_cast<float>((low | high << 4) - 32);
  }
}

void ParseIQ4XS(const uint8_t* p, float* scales, float* /*mins*/) {
  for (size_t s = 0; s < 8; ++s) {
    const int six = (p[4 + s / 2] >> (s % 2 * 4) & 15) | (WordAt(p + 2) >> (2 * s) & 3) << 4;
    scales[s] = HalfAt(p) * static_cast<float>(six - 32);
  }
}

void ParseMXFP4(const uint8_t* p, float* scales, float* /*mins*/) {
  *scales = std::ldexp(1.0f, int{*p} - 128);
}

void ParseNVFP4(const uint8_t* p, float* scales, float* /*mins*/) {
  for (size_t s = 0; s < 4; ++s) {
    const int exponent = p[s] >> 3 & 15, fraction = p[s] & 7;
    const int mantissa = exponent == 0 ? fraction : 8 + fraction;
    const bool is_nan = p[s] == 127;
    scales[s] =
        is_nan ? 0.0f : std::ldexp(static_cast<float>(mantissa), std::max(exponent, 1) - 11);
  }
}

void ParseIQ2XXS(const uint8_t* p, float* scales, float* /*mins*/) {
  for (size_t s = 0; s < 8; ++s) {
    scales[s] = HalfAt(p) * (0.5f + static_cast<float>(p[2 + 8 * s + 7] >> 4)) * 0.25f;
  }
}

/// IQ2_XS and IQ2_S: nibbles from byte `at` on.
template <size_t at>
void ParseIQ2(const uint8_t* p, float* scales, float* /*mins*/) {
  for (size_t s = 0; s < 16; ++s) {
    const int four = p[at + s / 2] >> (s % 2 * 4) & 15;
    scales[s] = HalfAt(p) * (0.5f + static_cast<float>(four)) * 0.25f;
  }
}

/// Levels are halved, so that they fit; all are even.
void ParseIQ3XXS(const uint8_t* p, float* scales, float* /*mins*/) {
  for (size_t s = 0; s < 8; ++s) {
    scales[s] = HalfAt(p) * (0.5f + static_cast<float>(p[66 + 4 * s + 3] >> 4));
  }
}

void ParseIQ3S(const uint8_t* p, float* scales, float* /*mins*/) {
  for (size_t s = 0; s < 8; ++s) {
    scales[s] = HalfAt(p) * static_cast<float>(1 + 2 * (p[106 + s / 2] >> (s % 2 * 4) & 15));
  }
}

/// IQ1: the weights are eighths of the scale.
void ParseIQ1S(const uint8_t* p, float* scales, float* /*mins*/) {
  for (size_t s = 0; s < 8; ++s) {
    const int three = WordAt(p + 34 + 2 * s) >> 12 & 7;
    scales[s] = HalfAt(p) * static_cast<float>(2 * three + 1) * 0.125f;
  }
}

void ParseIQ1M(const uint8_t* p, float* scales, float* /*mins*/) {
  int d = 0;
  for (size_t i = 0; i < 4; ++i) d |= WordAt(p + 48 + 2 * i) >> 12 << (4 * i);
  for (size_t s = 0; s < 16; ++s) {
    const int three = WordAt(p + 48 + s / 4 * 2) >> (s % 4 * 3) & 7;
    scales[s] = F16ToF32(static_cast<uint16_t>(d)) * static_cast<float>(2 * three + 1) * 0.125f;
  }
}

constexpr size_t kNone = SIZE_MAX;

constexpr std::array kP8Types = {
    P8Type{DType::kQ4_0, 32, false, {0, kNone}, ParseD<1>},
    P8Type{DType::kQ4_1, 32, true, {0, 2}, ParseDm},
    P8Type{DType::kQ5_0, 32, false, {0, kNone}, ParseD<1>},
    P8Type{DType::kQ5_1, 32, true, {0, 2}, ParseDm},
    P8Type{DType::kQ8_0, 32, false, {0, kNone}, ParseD<1>},
    P8Type{DType::kQ2_K, 16, true, {80, 82}, ParseQ2K},
    P8Type{DType::kQ3_K, 16, false, {108, kNone}, ParseQ3K},
    P8Type{DType::kQ4_K, 32, true, {0, 2}, ParseQ45K},
    P8Type{DType::kQ5_K, 32, true, {0, 2}, ParseQ45K},
    P8Type{DType::kQ6_K, 16, false, {208, kNone}, ParseQ6K},
    P8Type{DType::kIQ2_XXS, 32, false, {0, kNone}, ParseIQ2XXS},
    P8Type{DType::kIQ2_XS, 16, false, {0, kNone}, ParseIQ2<66>},
    P8Type{DType::kIQ3_XXS, 32, false, {0, kNone}, ParseIQ3XXS},
    P8Type{DType::kIQ1_S, 32, false, {0, kNone}, ParseIQ1S},
    P8Type{DType::kIQ4_NL, 32, false, {0, kNone}, ParseD<1>},
    P8Type{DType::kIQ3_S, 32, false, {0, kNone}, ParseIQ3S},
    P8Type{DType::kIQ2_S, 16, false, {0, kNone}, ParseIQ2<74>},
    P8Type{DType::kIQ4_XS, 32, false, {0, kNone}, ParseIQ4XS},
    P8Type{DType::kIQ1_M, 16, false, {kNone, kNone}, ParseIQ1M},
    P8Type{DType::kTQ1_0, 32, false, {52, kNone}, ParseD<8, 52>},
    P8Type{DType::kTQ2_0, 32, false, {64, kNone}, ParseD<8, 64>},
    P8Type{DType::kMXFP4, 32, false, {kNone, kNone}, ParseMXFP4},
    P8Type{DType::kNVFP4, 16, false, {kNone, kNone}, ParseNVFP4},
    P8Type{DType::kQ1_0, 32, false, {0, kNone}, ParseD<4>},
    P8Type{DType::kQ2_0, 32, false, {0, kNone}, ParseD<2>},
};

const P8Type& P8TypeOf(DType type) {
  return *std::find_if(kP8Types.begin(), kP8Types.end(),
                       [type](const P8Type& row) { return row.type == type; });
}

void PutU16(uint16_t value, std::byte* at) { std::memcpy(at, &value, sizeof value); }

/// The f16 number of an IQ1_M block, a nibble in each of four words.
void PutIQ1MScale(uint16_t half, std::byte* block) {
  for (size_t i = 0; i < 4; ++i) {
    std::byte& byte = block[48 + 2 * i + 1];
    byte = (byte & std::byte{15}) | static_cast<std::byte>((half >> (4 * i) & 15) << 4);
  }
}

/// An f16 factor from random bits.
uint16_t HalfOf(uint64_t bits) {
  constexpr std::array<uint16_t, 4> kOddScales = {0, 0x0001, 0xa000, 0x7bff};
  if ((bits >> 40) % 16 == 0) return kOddScales[(bits >> 20) % 4];
  return F32ToF16(0.01f + 0.02f * static_cast<float>(bits % 1000) / 1000.0f);
}

void PutScales(const P8Type& type, const RandomStream& random, uint64_t at, std::byte* block) {
  const uint64_t bits = random.Bits(at);
  if (type.halves[0] != kNone) PutU16(HalfOf(bits), block + type.halves[0]);
  if (type.halves[1] != kNone) PutU16(HalfOf(random.Bits(at + 1)), block + type.halves[1]);
  if (type.type == DType::kIQ1_M) PutIQ1MScale(HalfOf(bits), block);
  if (type.type == DType::kMXFP4) {
    constexpr std::array<uint8_t, 4> kOddExponents = {0, 1, 2, 150};
    const bool is_odd = (bits >> 40) % 16 == 0;
    *block =
        std::byte{is_odd ? kOddExponents[(bits >> 20) % 4] : static_cast<uint8_t>(115 + bits % 10)};
  }
}

/// Block after block, from values that are codes times scales and nothing else.
void ParseCodes(const P8Type& type, std::vector<std::byte> file, int16_t* codes) {
  const DTypeTraits& traits = TraitsOf(type.type);
  std::vector<float> values(traits.block_elements);
  std::array<float, 16> scales{}, mins{};
  for (size_t at = 0; at < file.size(); at += traits.block_bytes) {
    std::byte* block = file.data() + at;
    if (type.halves[0] != kNone) PutU16(F32ToF16(1.0f), block + type.halves[0]);
    if (type.halves[1] != kNone) PutU16(0, block + type.halves[1]);
    FindCodec(type.type)->decode(block, values.size(), values.data());
    type.parse(reinterpret_cast<const uint8_t*>(block), scales.data(), mins.data());
    for (size_t j = 0; j < values.size(); ++j, ++codes) {
      const float scale = scales[j / type.scale_cols];
      *codes = scale == 0.0f ? int16_t{0} : static_cast<int16_t>(std::lrint(values[j] / scale));
      EXPECT_EQ(scale * static_cast<float>(*codes), values[j])
          << traits.name << " column " << j << " is no whole multiple of " << scale;
      EXPECT_LE(std::abs(*codes), 128) << traits.name;
    }
  }
}

}  // namespace

std::span<const DType> P8Types() {
  static constexpr auto kTypes = [] {
    std::array<DType, kP8Types.size()> types{};
    for (size_t i = 0; i < types.size(); ++i) types[i] = kP8Types[i].type;
    return types;
  }();
  return kTypes;
}

std::vector<std::byte> RandomQuantizedRows(DType type, size_t rows, size_t cols) {
  const DTypeTraits& traits = TraitsOf(type);
  const RandomStream random(7, traits.name);
  const size_t n_blocks = rows * cols / traits.block_elements;
  std::vector<std::byte> bytes(n_blocks * traits.block_bytes);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(random.Bits(i));
  const size_t row_bytes = bytes.size() / rows;
  constexpr std::array<int, 3> kExtremes = {0x80, 0xff, 0};
  for (size_t r = 0; r < std::min(rows, kExtremes.size()); ++r) {
    std::memset(bytes.data() + r * row_bytes, kExtremes[r], row_bytes);
  }
  const P8Type& p8 = P8TypeOf(type);
  for (size_t b = 0; b < n_blocks; ++b) {
    PutScales(p8, random, 1'000'000'000 + b * 2, bytes.data() + b * traits.block_bytes);
  }
  return bytes;
}

PlainP8 ParseP8(DType type, const std::vector<std::byte>& file, size_t rows, size_t cols) {
  const P8Type& p8 = P8TypeOf(type);
  const DTypeTraits& traits = TraitsOf(type);
  PlainP8 w{rows, cols, p8.scale_cols, p8.has_min, {}, {}, {}};
  w.codes.resize(rows * cols);
  w.scales.resize(rows * cols / w.scale_cols);
  w.mins.resize(w.scales.size());
  ParseCodes(p8, file, w.codes.data());
  const uint8_t* p = reinterpret_cast<const uint8_t*>(file.data());
  for (size_t at = 0; at < rows * cols; at += traits.block_elements, p += traits.block_bytes) {
    p8.parse(p, w.scales.data() + at / w.scale_cols, w.mins.data() + at / w.scale_cols);
  }
  return w;
}

namespace {

/// Sums of one scale's columns [first, first + n): codes times activations, and activations.
struct ColumnSums {
  int32_t products = 0, activations = 0;
  ColumnSums(const int16_t* codes, const int8_t* q8, size_t first, size_t n) {
    for (size_t c = first; c < first + n; ++c) {
      products += int32_t{codes[c]} * int32_t{q8[c]};
      activations += int32_t{q8[c]};
    }
  }
};

}  // namespace

std::vector<float> PlainProductP8(const PlainP8& w, const PreparedRows& x) {
  std::vector<float> y(x.n_rows * w.rows);
  const size_t n_blocks = w.cols / 32, n_sums = w.cols / w.scale_cols;
  for (size_t t = 0; t < x.n_rows; ++t) {
    const int8_t* q8 = x.q8 + t * w.cols;
    for (size_t r = 0; r < w.rows; ++r) {
      const int16_t* codes = w.codes.data() + r * w.cols;
      float acc = 0.0f, acc_min = 0.0f;
      for (size_t s = 0; s < n_sums; ++s) {
        const float x_scale = x.q8_scale[t * n_blocks + s * w.scale_cols / 32];
        const ColumnSums sums(codes, q8, s * w.scale_cols, w.scale_cols);
        acc = std::fma(static_cast<float>(sums.products), w.scales[r * n_sums + s] * x_scale, acc);
        acc_min = std::fma(w.mins[r * n_sums + s], x_scale * static_cast<float>(sums.activations),
                           acc_min);
      }
      y[t * w.rows + r] = w.has_min ? acc + acc_min : acc;
    }
  }
  return y;
}

}  // namespace altteul::kernels

// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/finite.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "kernels/codecs/block.h"
#include "kernels/codecs/fp4.h"
#include "kernels/codecs/iq1.h"
#include "kernels/codecs/iq2.h"
#include "kernels/codecs/iq3.h"
#include "kernels/codecs/iq4.h"
#include "kernels/codecs/plain.h"
#include "kernels/codecs/q1_0.h"
#include "kernels/codecs/q2_0.h"
#include "kernels/codecs/q2_k.h"
#include "kernels/codecs/q3_k.h"
#include "kernels/codecs/q4_0.h"
#include "kernels/codecs/q4_1.h"
#include "kernels/codecs/q4_k.h"
#include "kernels/codecs/q5_0.h"
#include "kernels/codecs/q5_1.h"
#include "kernels/codecs/q5_k.h"
#include "kernels/codecs/q6_k.h"
#include "kernels/codecs/q8_0.h"
#include "kernels/codecs/tq.h"

namespace altteul::kernels {
namespace {

/// Plain numbers of which none has all the bits of its exponent set.
template <typename Word, Word kExponent>
bool Numbers(const std::byte* numbers, size_t n) {
  constexpr Word kOne =
      kExponent & (~uint32_t{kExponent} + 1u);  // carries a full exponent into the sign
  constexpr Word kSign = kExponent + kOne;
  // Lanes of constant number between local arrays, because compilers vectorise such a loop.
  constexpr size_t kLanes = 64 / sizeof(Word);
  Word lanes[kLanes] = {};
  const auto add = [&lanes](const Word(&words)[kLanes]) {
    for (size_t i = 0; i < kLanes; ++i) {
      lanes[i] |= static_cast<Word>((words[i] & kExponent) + kOne);
    }
  };
  Word words[kLanes];
  for (; n >= kLanes; n -= kLanes, numbers += sizeof words) {
    std::memcpy(words, numbers, sizeof words);
    add(words);
  }
  Word rest[kLanes] = {};
  if (n != 0) std::memcpy(rest, numbers, n * sizeof(Word));
  add(rest);
  return std::all_of(lanes, lanes + kLanes, [](Word lane) { return (lane & kSign) == 0; });
}

/// Bit 15 of the result is set when one of the f16 numbers, `stride` bytes apart, is not finite.
template <size_t stride, size_t... i>
uint32_t CarryOf(const std::byte* halfs, std::index_sequence<i...>) {
  const auto carry = [](const std::byte* at) {
    uint16_t half;
    std::memcpy(&half, at, sizeof half);
    return (half & 0x7c00u) + 0x0400u;
  };
  return (carry(halfs + i * stride) | ...);
}

/// Blocks with an f16 scale d, and n_scales - 1 more behind it. Their values are finite exactly
/// when the scales are: an infinite scale gives infinity, or NaN times a code of zero; the largest
/// finite one (65504) times any code stays far inside f32.
template <typename Block, size_t n_scales = 1>
bool Scales(const std::byte* blocks, size_t n_blocks) {
  constexpr size_t kUnrolled = 8;  // half the time of one block at a time
  constexpr size_t kStride = sizeof(Block);
  uint32_t carry = 0;
  for (size_t scale = 0; scale < n_scales; ++scale) {
    const std::byte* at = blocks + offsetof(Block, d) + scale * sizeof(uint16_t);
    size_t left = n_blocks;
    for (; left >= kUnrolled; left -= kUnrolled, at += kUnrolled * kStride) {
      carry |= CarryOf<kStride>(at, std::make_index_sequence<kUnrolled>());
    }
    for (; left > 0; --left, at += kStride) {
      carry |= CarryOf<kStride>(at, std::make_index_sequence<1>());
    }
  }
  return (carry & 0x8000u) == 0;
}
static_assert(offsetof(BlockQ4_1, m) == offsetof(BlockQ4_1, d) + 2);
static_assert(offsetof(BlockQ5_1, m) == offsetof(BlockQ5_1, d) + 2);
static_assert(offsetof(BlockQ2_K, dmin) == offsetof(BlockQ2_K, d) + 2);
static_assert(offsetof(BlockQ4_K, dmin) == offsetof(BlockQ4_K, d) + 2);
static_assert(offsetof(BlockQ5_K, dmin) == offsetof(BlockQ5_K, d) + 2);

/// Decoded to f32, so a finite number beyond f32's range is none either.
bool DoublesAsFloats(const std::byte* numbers, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    float value;
    DecodeF64(numbers + i * sizeof(double), 1, &value);
    if (!std::isfinite(value)) return false;
  }
  return true;
}

/// The scale is spread over four words: its bits 10 and 11 are the top of the third, 12 to 14 stand
/// in the fourth.
bool ScalesOfIQ1_M(const std::byte* blocks, size_t n_blocks) {
  for (size_t b = 0; b < n_blocks; ++b) {
    const auto block = LoadBlock<BlockIQ1_M>(blocks, b);
    if ((block.scales[2] & 0xc000u) == 0xc000u && (block.scales[3] & 0x7000u) == 0x7000u) {
      return false;
    }
  }
  return true;
}

/// The three largest scales lead beyond f32, but only with the larger codes.
bool ValuesOfMXFP4(const std::byte* blocks, size_t n_blocks) {
  for (size_t b = 0; b < n_blocks; ++b, blocks += sizeof(BlockMXFP4)) {
    if (static_cast<uint8_t>(*blocks) < 253) continue;  // 2^(252 - 127) / 2 * 12 still fits
    float values[32];
    DecodeMXFP4(blocks, 32, values);
    for (const float value : values) {
      if (!std::isfinite(value)) return false;
    }
  }
  return true;
}
static_assert(offsetof(BlockMXFP4, e) == 0);

/// Its scales have no infinity, and what would be NaN is read as zero.
bool Always(const std::byte*, size_t) { return true; }

struct Row {
  DType type;
  bool (*all_finite)(const std::byte* blocks, size_t n_blocks);
};

constexpr std::array kTable = {
    Row{DType::kF32, Numbers<uint32_t, 0x7f800000u>},
    Row{DType::kF16, Numbers<uint16_t, 0x7c00u>},
    Row{DType::kQ4_0, Scales<BlockQ4_0>},
    Row{DType::kQ4_1, Scales<BlockQ4_1, 2>},
    Row{DType::kQ5_0, Scales<BlockQ5_0>},
    Row{DType::kQ5_1, Scales<BlockQ5_1, 2>},
    Row{DType::kQ8_0, Scales<BlockQ8_0>},
    Row{DType::kQ2_K, Scales<BlockQ2_K, 2>},
    Row{DType::kQ3_K, Scales<BlockQ3_K>},
    Row{DType::kQ4_K, Scales<BlockQ4_K, 2>},
    Row{DType::kQ5_K, Scales<BlockQ5_K, 2>},
    Row{DType::kQ6_K, Scales<BlockQ6_K>},
    Row{DType::kIQ2_XXS, Scales<BlockIQ2_XXS>},
    Row{DType::kIQ2_XS, Scales<BlockIQ2_XS>},
    Row{DType::kIQ3_XXS, Scales<BlockIQ3_XXS>},
    Row{DType::kIQ1_S, Scales<BlockIQ1_S>},
    Row{DType::kIQ4_NL, Scales<BlockIQ4_NL>},
    Row{DType::kIQ3_S, Scales<BlockIQ3_S>},
    Row{DType::kIQ2_S, Scales<BlockIQ2_S>},
    Row{DType::kIQ4_XS, Scales<BlockIQ4_XS>},
    Row{DType::kF64, DoublesAsFloats},
    Row{DType::kIQ1_M, ScalesOfIQ1_M},
    Row{DType::kBF16, Numbers<uint16_t, 0x7f80u>},
    Row{DType::kTQ1_0, Scales<BlockTQ1_0>},
    Row{DType::kTQ2_0, Scales<BlockTQ2_0>},
    Row{DType::kMXFP4, ValuesOfMXFP4},
    Row{DType::kNVFP4, Always},
    Row{DType::kQ1_0, Scales<BlockQ1_0>},
    Row{DType::kQ2_0, Scales<BlockQ2_0>},
};

}  // namespace

bool AllFinite(DType type, const std::byte* blocks, size_t n_blocks) {
  for (const Row& row : kTable) {
    if (row.type == type) return row.all_finite(blocks, n_blocks);
  }
  ALT_CHECK(false && "a type without a codec");
  return false;
}

}  // namespace altteul::kernels

// SPDX-License-Identifier: Apache-2.0

#include "compress/pack_blocks.h"

#include <bit>
#include <cmath>

#include "base/check.h"
#include "kernels/codecs/block.h"
#include "kernels/codecs/five_bits.h"
#include "kernels/codecs/fp4.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/iq4.h"
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

namespace altteul::compress {
namespace {

using kernels::F16ToF32;
using kernels::F32ToF16;

// Every layout below is made of these few: what differs between types is where a run ends, which
// bits of the codes are meant, and where scales go.

/// Bits kBits of each code, kPerByte codes to a byte, lowest bits first. Of each run of
/// kPerByte * stride codes, byte i holds codes i, i + stride, i + 2 * stride, ...
template <unsigned kBits>
void PackBits(const uint8_t* codes, size_t n_codes, size_t stride, unsigned shift, uint8_t* out) {
  constexpr size_t kPerByte = 8 / kBits;
  constexpr unsigned kMask = (1u << kBits) - 1;
  for (size_t run = 0; run < n_codes; run += kPerByte * stride, out += stride) {
    for (size_t i = 0; i < stride; ++i) {
      unsigned byte = 0;
      for (size_t k = 0; k < kPerByte; ++k) {
        byte |= ((codes[run + k * stride + i] >> shift) & kMask) << (k * kBits);
      }
      out[i] = static_cast<uint8_t>(byte);
    }
  }
}

/// See BlockTQ1_0. Byte i holds codes i, i + n_bytes, ... as digits of a number below 3^5 = 243,
/// the first one highest; rounded up to a fraction of 256, all digits come out again.
void PackTrits(const uint8_t* codes, size_t n_bytes, size_t n_trits, uint8_t* out) {
  for (size_t i = 0; i < n_bytes; ++i) {
    unsigned number = 0;
    for (size_t k = 0; k < 5; ++k)
      number = number * 3 + (k < n_trits ? codes[k * n_bytes + i] : 0u);
    out[i] = static_cast<uint8_t>((number * 256 + 242) / 243);
  }
}

/// See six_bit_scales.h.
void PackSixBitScales(const BlockFields& block, uint8_t* out) {
  for (size_t i = 0; i < 4; ++i) {
    const auto low = static_cast<unsigned>(block.scale[i]);
    const auto high = static_cast<unsigned>(block.scale[i + 4]);
    out[i] = static_cast<uint8_t>(low | (high >> 4 << 6));
    out[i + 4] = static_cast<uint8_t>(block.min[i] | (block.min[i + 4] >> 4 << 6));
    out[i + 8] = static_cast<uint8_t>((high & 15) | ((block.min[i + 4] & 15u) << 4));
  }
}

void PackCodes(const BlockFields& block, kernels::BlockQ4_0& out) {
  PackBits<4>(block.code.data(), 32, 16, 0, out.qs);
}

void PackCodes(const BlockFields& block, kernels::BlockQ4_1& out) {
  out.m = F32ToF16(block.dmin);
  PackBits<4>(block.code.data(), 32, 16, 0, out.qs);
}

void PackCodes(const BlockFields& block, kernels::BlockQ5_0& out) {
  kernels::PackFiveBits(block.code.data(), out.qs, out.qh);
}

void PackCodes(const BlockFields& block, kernels::BlockQ5_1& out) {
  out.m = F32ToF16(block.dmin);
  kernels::PackFiveBits(block.code.data(), out.qs, out.qh);
}

void PackCodes(const BlockFields& block, kernels::BlockQ8_0& out) {
  for (size_t j = 0; j < 32; ++j) out.qs[j] = static_cast<int8_t>(block.code[j] - 128);
}

void PackCodes(const BlockFields& block, kernels::BlockQ2_K& out) {
  out.dmin = F32ToF16(block.dmin);
  for (size_t s = 0; s < 16; ++s) {
    out.scales[s] = static_cast<uint8_t>(block.scale[s] | (block.min[s] << 4));
  }
  PackBits<2>(block.code.data(), 256, 32, 0, out.qs);
}

void PackCodes(const BlockFields& block, kernels::BlockQ3_K& out) {
  for (size_t s = 0; s < 16; ++s) {
    const auto scale = static_cast<unsigned>(block.scale[s] + 32);
    uint8_t& low = out.scales[s % 8];
    uint8_t& high = out.scales[8 + s % 4];
    low = static_cast<uint8_t>(low | ((scale & 15) << (s / 8 * 4)));
    high = static_cast<uint8_t>(high | (scale >> 4 << (s / 4 * 2)));
  }
  PackBits<2>(block.code.data(), 256, 32, 0, out.qs);
  PackBits<1>(block.code.data(), 256, 32, 2, out.hmask);
}

void PackCodes(const BlockFields& block, kernels::BlockQ4_K& out) {
  out.dmin = F32ToF16(block.dmin);
  PackSixBitScales(block, out.scales);
  PackBits<4>(block.code.data(), 256, 32, 0, out.qs);
}

void PackCodes(const BlockFields& block, kernels::BlockQ5_K& out) {
  out.dmin = F32ToF16(block.dmin);
  PackSixBitScales(block, out.scales);
  PackBits<4>(block.code.data(), 256, 32, 0, out.qs);
  PackBits<1>(block.code.data(), 256, 32, 4, out.qh);
}

void PackCodes(const BlockFields& block, kernels::BlockQ6_K& out) {
  for (size_t s = 0; s < 16; ++s) out.scales[s] = static_cast<int8_t>(block.scale[s]);
  PackBits<4>(block.code.data(), 256, 64, 0, out.ql);
  PackBits<2>(block.code.data(), 256, 32, 4, out.qh);
}

void PackCodes(const BlockFields& block, kernels::BlockIQ4_XS& out) {
  for (size_t s = 0; s < 8; ++s) {
    const auto scale = static_cast<unsigned>(block.scale[s] + 32);
    uint8_t& low = out.scales_l[s / 2];
    uint8_t& high = out.scales_h[s / 4];
    low = static_cast<uint8_t>(low | ((scale & 15) << (s % 2 * 4)));
    high = static_cast<uint8_t>(high | (scale >> 4 << (s % 4 * 2)));
  }
  PackBits<4>(block.code.data(), 256, 16, 0, out.qs);
}

void PackCodes(const BlockFields& block, kernels::BlockTQ1_0& out) {
  PackTrits(block.code.data(), 32, 5, out.qs);
  PackTrits(block.code.data() + 160, 16, 5, out.qs + 32);
  PackTrits(block.code.data() + 240, 4, 4, out.qh);
}

void PackCodes(const BlockFields& block, kernels::BlockTQ2_0& out) {
  PackBits<2>(block.code.data(), 256, 32, 0, out.qs);
}

void PackCodes(const BlockFields& block, kernels::BlockMXFP4& out) {
  out.e = static_cast<uint8_t>(block.scale[0]);
  PackBits<4>(block.code.data(), 32, 16, 0, out.qs);
}

void PackCodes(const BlockFields& block, kernels::BlockNVFP4& out) {
  for (size_t s = 0; s < 4; ++s) out.d[s] = static_cast<uint8_t>(block.scale[s]);
  PackBits<4>(block.code.data(), 64, 8, 0, out.qs);
}

void PackCodes(const BlockFields& block, kernels::BlockQ1_0& out) {
  PackBits<1>(block.code.data(), 128, 1, 0, out.qs);
}

void PackCodes(const BlockFields& block, kernels::BlockQ2_0& out) {
  PackBits<2>(block.code.data(), 64, 1, 0, out.qs);
}

template <typename Block>
void PackBlock(const BlockFields& fields, std::byte* out) {
  Block block{};
  if constexpr (HasHalfScale<Block>) block.d = F32ToF16(fields.d);
  PackCodes(fields, block);
  kernels::StoreBlock(block, 0, out);
}

struct Row {
  DType type;
  void (*pack)(const BlockFields& fields, std::byte* out);
};

constexpr std::array kTable = {
    Row{DType::kQ4_0, PackBlock<kernels::BlockQ4_0>},
    Row{DType::kQ4_1, PackBlock<kernels::BlockQ4_1>},
    Row{DType::kQ5_0, PackBlock<kernels::BlockQ5_0>},
    Row{DType::kQ5_1, PackBlock<kernels::BlockQ5_1>},
    Row{DType::kQ8_0, PackBlock<kernels::BlockQ8_0>},
    Row{DType::kQ2_K, PackBlock<kernels::BlockQ2_K>},
    Row{DType::kQ3_K, PackBlock<kernels::BlockQ3_K>},
    Row{DType::kQ4_K, PackBlock<kernels::BlockQ4_K>},
    Row{DType::kQ5_K, PackBlock<kernels::BlockQ5_K>},
    Row{DType::kQ6_K, PackBlock<kernels::BlockQ6_K>},
    Row{DType::kIQ4_NL, PackBlock<kernels::BlockQ4_0>},  // the same bytes, other levels
    Row{DType::kIQ4_XS, PackBlock<kernels::BlockIQ4_XS>},
    Row{DType::kTQ1_0, PackBlock<kernels::BlockTQ1_0>},
    Row{DType::kTQ2_0, PackBlock<kernels::BlockTQ2_0>},
    Row{DType::kMXFP4, PackBlock<kernels::BlockMXFP4>},
    Row{DType::kNVFP4, PackBlock<kernels::BlockNVFP4>},
    Row{DType::kQ1_0, PackBlock<kernels::BlockQ1_0>},
    Row{DType::kQ2_0, PackBlock<kernels::BlockQ2_0>},
};

}  // namespace

bool IsFiniteF16(float value) {
  return std::isfinite(value) &&
         std::bit_cast<uint32_t>(F16ToF32(F32ToF16(value))) == std::bit_cast<uint32_t>(value);
}

bool Fits(const ScalarType& type, const BlockFields& block) {
  if (type.has_d ? !IsFiniteF16(block.d) : block.d != 1.0f) return false;
  if (type.min_kind != MinKind::kNone && !IsFiniteF16(block.dmin)) return false;
  for (size_t s = 0; s < type.n_subs(); ++s) {
    if (block.scale[s] < type.scale_lowest || block.scale[s] > type.scale_highest) return false;
    if (type.min_kind == MinKind::kSubBlock && block.min[s] > type.min_highest) return false;
  }
  // No early exit: the loop is then one of vectors.
  bool fits = true;
  for (size_t j = 0; j < type.block_cols; ++j) fits &= block.code[j] < type.levels.size();
  return fits;
}

void Pack(DType type, const BlockFields& block, std::byte* out) {
  const ScalarType* scalar_type = FindScalarType(type);
  ALT_CHECK(scalar_type != nullptr && Fits(*scalar_type, block));
  for (const Row& row : kTable) {
    if (row.type == type) return row.pack(block, out);
  }
  ALT_CHECK(false && "a scalar type that cannot be packed");
}

}  // namespace altteul::compress

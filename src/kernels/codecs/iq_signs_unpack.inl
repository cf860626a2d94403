// SPDX-License-Identifier: Apache-2.0

// Shared by IQ1, IQ2 and IQ3 at rest: indices and signs, two a row, each in 16 bits.

#pragma once

#include "kernels/codecs/iq_codebooks.h"

namespace altteul::kernels {
namespace {

/// kBits bits at bit 0 and kBits more at bit kGap of each row -> bits 8 and up of two numbers.
template <int kGap, int kBits>
ALT_SIMD_INLINE I32x16 HighBits(I32x16 a) {
  constexpr int kMask = (1 << kBits) - 1;
  return Or(And(ShiftLeft<8>(a), SetI32(kMask << 8)),
            And(ShiftLeft<24 - kGap>(a), SetI32(kMask << 24)));
}

/// 7 sign bits each -> 8: the eighth makes the number of minus signs even.
ALT_SIMD_INLINE Bytes64 EvenSigns(I32x16 seven_bits) {
  constexpr uint8_t kOdd[16] = {0, 128, 128, 0, 128, 0, 0, 128, 128, 0, 0, 128, 0, 128, 128, 0};
  const Bytes64 signs = AsBytes(seven_bits);
  const Bytes64 folded = And(Xor(signs, ShiftRight(signs, 4)), 15);
  return Or(signs, Lookup16(kOdd, folded));
}

/// The signs of two times 8 columns from four fields of 7 bits. @param half  the first or last two
ALT_SIMD_INLINE Bytes64 EvenSignsOfWord(I32x16 word, int half) {
  const I32x16 two = Bits(word, 14 * half, 14);
  return EvenSigns(Or(And(two, SetI32(127)), And(ShiftLeft<9>(two), SetI32(127 << 16))));
}

/// Codes below 8 -> values[code], or values[code + 8] where there is a minus.
/// @param byte  of each row's signs: 8 bits, of which an even quad takes the lower 4
ALT_SIMD_INLINE Bytes64 SignedQuad(const uint8_t* values, Bytes64 codes, Bytes64 signs, int byte,
                                   int quad) {
  const uint32_t mask = quad % 2 == 0 ? 0x08040201u : 0x80402010u;
  return Lookup16(values, OrWhere(codes, RepeatByte(signs, byte), static_cast<int32_t>(mask), 8));
}

}  // namespace
}  // namespace altteul::kernels

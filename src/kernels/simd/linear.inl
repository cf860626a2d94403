// SPDX-License-Identifier: Apache-2.0

// The linear layers of one instruction set, written on the names of simd_*.h: include one of these
// first. The arithmetic is the one of kernels/linear.h, for 1 token as for 512.

#pragma once

#include "kernels/codecs/fp4_unpack.inl"
#include "kernels/codecs/iq1_unpack.inl"
#include "kernels/codecs/iq2_unpack.inl"
#include "kernels/codecs/iq3_unpack.inl"
#include "kernels/codecs/iq4_nl_unpack.inl"
#include "kernels/codecs/iq4_xs_unpack.inl"
#include "kernels/codecs/q1_0_unpack.inl"
#include "kernels/codecs/q2_0_unpack.inl"
#include "kernels/codecs/q2_k_unpack.inl"
#include "kernels/codecs/q3_k_unpack.inl"
#include "kernels/codecs/q4_0_unpack.inl"
#include "kernels/codecs/q4_1_unpack.inl"
#include "kernels/codecs/q4_k_unpack.inl"
#include "kernels/codecs/q5_0_unpack.inl"
#include "kernels/codecs/q5_1_unpack.inl"
#include "kernels/codecs/q5_k_unpack.inl"
#include "kernels/codecs/q6_k_unpack.inl"
#include "kernels/codecs/q8_0_unpack.inl"
#include "kernels/codecs/tq_unpack.inl"
#include "kernels/simd/linear_float.inl"
#include "kernels/simd/linear_p8_fused.inl"
#include "kernels/simd/linear_p8_panel.inl"
#include "kernels/simd/prepare_rows.inl"

namespace altteul::kernels {
namespace {

// Up to so many register tiles of tokens unpack for themselves; above, a panel is worth writing.
constexpr size_t kMaxFusedTiles = 4;

template <class U>
void LinearP8(const LinearSlice& s) {
  const P8Scratch<U> scratch(s);
  const size_t tile = static_cast<size_t>(kMaxTokensP8);
  if (s.n_tokens <= tile) return MultiplyFused<U>(s, 0, s.n_rows, scratch.first_sums);
  const bool is_few = s.n_tokens <= kMaxFusedTiles * tile;
  constexpr size_t kStep = kPanelGroups * kRows;
  for (size_t row = 0; row < s.n_rows; row += kStep) {
    const size_t end_row = row + kStep < s.n_rows ? row + kStep : s.n_rows;
    if (is_few) {
      MultiplyFused<U>(s, row, end_row, scratch.first_sums);
    } else {
      MultiplyPanels<U>(s, row, end_row, scratch);
    }
  }
}

}  // namespace
}  // namespace altteul::kernels

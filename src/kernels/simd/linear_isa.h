// SPDX-License-Identifier: Apache-2.0

// What the files compiled for one instruction set show to the rest: plain structs and pointers.
//
// Those files must not meet the standard library: an inline function compiled there could be the
// copy that the linker keeps for the whole program, and a machine without the instructions would
// stop in it. So types, spans and checks stay in linear_slices.cc, which calls through this table.

#pragma once

#include <cstddef>
#include <cstdint>

namespace altteul::kernels {

/// Neighbouring 16-row groups of one matrix at rest, times all tokens: one thread's share.
struct LinearSlice {
  const uint8_t* weights;  ///< the first group
  size_t cols;
  size_t n_rows;  ///< rows that exist; the last group is filled up with zeros
  size_t n_tokens;

  // The activations, as in PreparedRows.
  const float* f32;
  const int8_t* q8;
  const float* q8_scale;
  const int32_t* q8_sum16;
  const float* q8_offset;
  const uint16_t* bf16;

  float* out;  ///< [n_tokens, out_stride], column 0 is the first row of the slice
  size_t out_stride;
  const float* bias;  ///< [n_rows] or null
  bool add_to_out;
  uint8_t* scratch;  ///< LinearSliceScratchBytes(cols), on a 64-byte line
};

/// In bytes a column. P8: codes of 48 rows (48), their f32 scales and minimums (at most 24), and
/// the first values of the integer sums of at most 8 tokens (at most 2). P16 and P32: 16 values of
/// 2 or 4 bytes. The parts start on 64-byte lines because P8 has 32 columns or more.
constexpr size_t LinearSliceScratchBytes(size_t cols) { return cols * 74; }

using LinearSliceFn = void (*)(const LinearSlice& slice);

/// The linear layers of one instruction set, a function for each type at rest in groups.
struct LinearIsa {
  LinearSliceFn q4_0;
  LinearSliceFn q4_1;
  LinearSliceFn q5_0;
  LinearSliceFn q5_1;
  LinearSliceFn q8_0;
  LinearSliceFn iq4_nl;
  LinearSliceFn q4_k;
  LinearSliceFn q5_k;
  LinearSliceFn q6_k;
  LinearSliceFn iq4_xs;
  LinearSliceFn mxfp4;
  LinearSliceFn nvfp4;
  LinearSliceFn q2_k;
  LinearSliceFn q3_k;
  LinearSliceFn q2_0;
  LinearSliceFn q1_0;
  LinearSliceFn tq1_0;
  LinearSliceFn tq2_0;
  LinearSliceFn iq3_xxs;
  LinearSliceFn iq3_s;
  LinearSliceFn iq2_xxs;
  LinearSliceFn iq2_xs;
  LinearSliceFn iq2_s;
  LinearSliceFn iq1_s;
  LinearSliceFn iq1_m;
  LinearSliceFn f16;
  LinearSliceFn bf16;
  LinearSliceFn f32;  ///< weights [cols][16]; any number of columns

  /// n_blocks runs of 32 values -> the q8 fields of PreparedRows, each from its own start.
  void (*quantize)(const float* x, size_t n_blocks, int8_t* q8, float* scale, int32_t* sum16,
                   float* offset);
  /// n values, each to the nearest bf16 (ties to even; NaNs become quiet).
  void (*round_to_bf16)(const float* x, size_t n, uint16_t* bf16);
  /// n values, exact: what Codec::decode does to DType::kF16.
  void (*widen_f16)(const std::byte* f16, size_t n, float* f32);
};

extern const LinearIsa kLinearAvx512;
extern const LinearIsa kLinearAvx512Vnni;  ///< the same without bf16 products
extern const LinearIsa kLinearAvx2;
extern const LinearIsa kLinearAvxVnni;
extern const LinearIsa kLinearAvxVnniEvex;  ///< the same text in AVX-512's form; in tests only
extern const LinearIsa kLinearNeon;

}  // namespace altteul::kernels

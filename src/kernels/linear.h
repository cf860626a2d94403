// SPDX-License-Identifier: Apache-2.0

// y = W x: nearly all the time of a language model.
//
// A matrix rests either as the file has it (rows of blocks; any type) or in groups of 16 rows with
// the same bytes reordered (types with a fast kernel), so that 16 neighbouring outputs are one
// vector. A product turns a tile of the resting form into a *panel*, in registers for few tokens
// and in cache for many:
//   P8   u8 codes, 16 rows x 4 columns interleaved, one f32 scale (and minimum) a row and 16 or 32
//        columns, against activations in s8 with one scale per 32 columns
//   P16  bf16, 16 rows x 2 columns interleaved, against bf16 activations
//   P32  f32, 16 rows, against f32 activations: the truth
// Whatever the number of tokens and threads, an output is the same sum in the same order:
//   P8   for blocks b ascending: acc = fma(float(isum_b), w_scale_b * a_scale_b, acc), where isum_b
//        is the exact integer sum of (code - bias) * a over the 16 or 32 columns of a weight scale;
//        minimums in a second chain accm = fma(w_min_b, a_scale_b * float(asum_b), accm);
//        y = acc + accm
//   P16, P32  for columns ascending: acc = fma(w, x, acc) (P16: pairs, as vdpbf16ps does it)
// Source of the layout: docs/formats/resting_weights.md.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/share.h"
#include "tensor/dtype.h"

namespace altteul::kernels {

inline constexpr size_t kGroupRows = 16;  ///< rows that rest and are computed together
inline constexpr size_t kBlockCols = 32;  ///< columns that share one activation scale

enum class RestForm : uint8_t {
  kFileRows,  ///< [rows] of RowBytes(type, cols)
  kGroups16,  ///< [ceil(rows / 16)][cols / tile_cols] tiles; rows past the end are zero bytes
};

enum class PanelKind : uint8_t { kP8, kP16, kP32 };

/// One weight matrix at rest. Owns nothing; only kernels look behind `data`.
struct WeightMatrix {
  DType type = DType::kF32;
  RestForm form = RestForm::kFileRows;
  PanelKind panel = PanelKind::kP32;  ///< of file rows: P32, or HalfPanel() for even cols
  size_t rows = 0;                    ///< output features
  size_t cols = 0;                    ///< input features
  const std::byte* data = nullptr;
};

/// Bytes of [rows, cols] in 16-row groups. @pre the type has group fields and cols fills its tiles
size_t GroupedBytes(DType type, size_t rows, size_t cols);

/// Reorders rows [first_row, first_row + n_rows) of `file_rows` (row 0 first) into 16-row groups at
/// `out`, n_rows rounded up to 16 with zero bytes. @pre first_row is a multiple of 16
void GroupRows(DType type, const std::byte* file_rows, size_t first_row, size_t n_rows, size_t cols,
               std::byte* out);

/// One row of a matrix, decoded to f32: the lookup of an embedding. out [cols].
/// @param scratch  at least RowBytes(type, cols) bytes
void DecodeRow(const WeightMatrix& w, size_t row, float* out, std::span<std::byte> scratch);

/// out[i] = scale * row ids[i] of the table.
struct EmbedArgs {
  const WeightMatrix* table = nullptr;  ///< [vocabulary, width]
  const int32_t* ids = nullptr;         ///< [n_rows], each below table->rows
  size_t n_rows = 0;
  float scale = 1.0f;
  float* out = nullptr;  ///< [n_rows, table->cols]
};

/// Embedding for tables in host memory, on every instruction set. Threads share by rows.
/// @param scratch  this thread's own, LinearScratchBytes(table->cols)
void EmbedRows(const EmbedArgs& args, std::span<std::byte> scratch, int thread, int n_threads);

/// Activation rows in the forms that products read. All are [n_rows, ...], contiguous.
struct PreparedRows {
  size_t n_rows = 0;
  size_t cols = 0;
  const float* f32 = nullptr;   ///< [n_rows, cols], always there
  int8_t* q8 = nullptr;         ///< [n_rows, cols], round(x / scale) in [-127, 127]
  float* q8_scale = nullptr;    ///< [n_rows, cols / 32], max |x| / 127 of 32 columns
  int32_t* q8_sum16 = nullptr;  ///< [n_rows, cols / 16], sums of q8
  float* q8_offset = nullptr;   ///< [n_rows, cols / 32], q8_scale * (sum of 32 q8)
  uint16_t* bf16 = nullptr;     ///< [n_rows, cols]
};

/// Rows [first, first + count) of `rows`.
inline PreparedRows RowsFrom(PreparedRows rows, size_t first, size_t count) {
  const size_t at = first * rows.cols;
  rows.n_rows = count;
  rows.f32 += at;
  rows.q8 += at;
  rows.q8_scale += at / 32;
  rows.q8_sum16 += at / 16;
  rows.q8_offset += at / 32;
  rows.bf16 += at;
  return rows;
}

/// Which forms of PreparedRows a product needs.
struct PreparedForms {
  bool q8 = false;
  bool bf16 = false;
};

struct LinearArgs {
  const WeightMatrix* w = nullptr;
  const PreparedRows* x = nullptr;  ///< [n, w->cols], with the form of w->panel prepared
  float* out = nullptr;             ///< [n, out_stride], columns [0, w->rows) are written
  size_t out_stride = 0;            ///< in floats, at least w->rows
  const float* bias = nullptr;      ///< [w->rows], added last; may be null
  bool add_to_out = false;          ///< out += y instead of out = y
};

/// Bytes of scratch one thread needs for a product with `cols` columns, whatever type and ISA.
size_t LinearScratchBytes(size_t cols);

}  // namespace altteul::kernels

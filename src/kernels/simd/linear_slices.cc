// SPDX-License-Identifier: Apache-2.0

#include "kernels/simd/linear_slices.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "base/thread_team.h"
#include "kernels/codecs/codec.h"

namespace altteul::kernels {
namespace {

/// A type with a kernel of its own for weights at rest in groups.
struct FastType {
  DType type;
  LinearSliceFn LinearIsa::*multiply;
  bool is_quantized;  ///< P8, if not a plain float
};

constexpr std::array kFastTypes = {
    FastType{DType::kF32, &LinearIsa::f32, false},
    FastType{DType::kF16, &LinearIsa::f16, false},
    FastType{DType::kQ4_0, &LinearIsa::q4_0, true},
    FastType{DType::kQ4_1, &LinearIsa::q4_1, true},
    FastType{DType::kQ5_0, &LinearIsa::q5_0, true},
    FastType{DType::kQ5_1, &LinearIsa::q5_1, true},
    FastType{DType::kQ8_0, &LinearIsa::q8_0, true},
    FastType{DType::kQ4_K, &LinearIsa::q4_k, true},
    FastType{DType::kQ5_K, &LinearIsa::q5_k, true},
    FastType{DType::kQ6_K, &LinearIsa::q6_k, true},
    FastType{DType::kIQ4_NL, &LinearIsa::iq4_nl, true},
    FastType{DType::kIQ4_XS, &LinearIsa::iq4_xs, true},
    FastType{DType::kMXFP4, &LinearIsa::mxfp4, true},
    FastType{DType::kNVFP4, &LinearIsa::nvfp4, true},
    FastType{DType::kQ2_K, &LinearIsa::q2_k, true},
    FastType{DType::kQ3_K, &LinearIsa::q3_k, true},
    FastType{DType::kQ2_0, &LinearIsa::q2_0, true},
    FastType{DType::kQ1_0, &LinearIsa::q1_0, true},
    FastType{DType::kTQ1_0, &LinearIsa::tq1_0, true},
    FastType{DType::kTQ2_0, &LinearIsa::tq2_0, true},
    FastType{DType::kIQ3_XXS, &LinearIsa::iq3_xxs, true},
    FastType{DType::kIQ3_S, &LinearIsa::iq3_s, true},
    FastType{DType::kIQ2_XXS, &LinearIsa::iq2_xxs, true},
    FastType{DType::kIQ2_XS, &LinearIsa::iq2_xs, true},
    FastType{DType::kIQ2_S, &LinearIsa::iq2_s, true},
    FastType{DType::kIQ1_S, &LinearIsa::iq1_s, true},
    FastType{DType::kIQ1_M, &LinearIsa::iq1_m, true},
    FastType{DType::kBF16, &LinearIsa::bf16, false},
};

const FastType* FindFastType(DType type) {
  for (const FastType& row : kFastTypes) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

/// @param half  what 16-bit floats are multiplied in
PanelKind PanelOf(const FastType& row, PanelKind half) {
  if (row.is_quantized) return PanelKind::kP8;
  return row.type == DType::kF32 ? PanelKind::kP32 : half;
}

uint8_t* AlignedTo64(std::byte* p) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(p);
  return reinterpret_cast<uint8_t*>(p + ((address + 63) / 64 * 64 - address));
}

/// The slice of args that begins at `row`, without weights.
LinearSlice SliceAt(const LinearArgs& args, size_t row, size_t n_rows, uint8_t* scratch) {
  const PreparedRows& x = *args.x;
  return {.weights = nullptr,
          .cols = args.w->cols,
          .n_rows = n_rows,
          .n_tokens = x.n_rows,
          .f32 = x.f32,
          .q8 = x.q8,
          .q8_scale = x.q8_scale,
          .q8_sum16 = x.q8_sum16,
          .q8_offset = x.q8_offset,
          .bf16 = x.bf16,
          .out = args.out + row,
          .out_stride = args.out_stride,
          .bias = args.bias == nullptr ? nullptr : args.bias + row,
          .add_to_out = args.add_to_out,
          .scratch = scratch};
}

void LinearGroups(const LinearIsa& isa, PanelKind half, const LinearArgs& args, Share share,
                  uint8_t* scratch) {
  const WeightMatrix& w = *args.w;
  const FastType* row = FindFastType(w.type);
  ALT_CHECK(row != nullptr && PanelOf(*row, half) == w.panel);
  LinearSlice slice = SliceAt(args, share.begin, share.end - share.begin, scratch);
  slice.weights =
      reinterpret_cast<const uint8_t*>(w.data) + GroupedBytes(w.type, share.begin, w.cols);
  (isa.*row->multiply)(slice);
}

// Columns that are decoded at a time: every type's blocks fit in a whole number of times.
constexpr size_t kChunkCols = 256;

/// chunk [16][kChunkCols] -> panel [n_cols][16]
void TurnChunk(const float (*chunk)[kChunkCols], size_t n_cols, float* panel) {
  for (size_t c = 0; c < n_cols; ++c) {
    for (size_t r = 0; r < kGroupRows; ++r) panel[c * kGroupRows + r] = chunk[r][c];
  }
}

/// The same in bf16, two columns together: panel [n_cols / 2][16][2].
void TurnChunk(const LinearIsa& isa, const float (*chunk)[kChunkCols], size_t n_cols,
               uint16_t* panel) {
  uint16_t half[kGroupRows][kChunkCols];
  for (size_t r = 0; r < kGroupRows; ++r) isa.round_to_bf16(chunk[r], n_cols, half[r]);
  for (size_t c = 0; c < n_cols; c += 2) {
    for (size_t r = 0; r < kGroupRows; ++r) {
      std::memcpy(panel + c * kGroupRows + r * 2, &half[r][c], 2 * sizeof(uint16_t));
    }
  }
}

/// Rows [row, row + 16) of a matrix in file order -> its panel; rows past the end are zero.
void DecodePanel(const LinearIsa& isa, const WeightMatrix& w, size_t row, uint8_t* panel) {
  const auto decode = w.type == DType::kF16 ? isa.widen_f16 : FindCodec(w.type)->decode;
  const DTypeTraits& traits = TraitsOf(w.type);
  const size_t row_bytes = w.cols / traits.block_elements * traits.block_bytes;
  const size_t n_rows = std::min(kGroupRows, w.rows - row);
  float chunk[kGroupRows][kChunkCols] = {};  // small: it stays in L1 while it is turned
  for (size_t col = 0; col < w.cols; col += kChunkCols) {
    const size_t n_cols = std::min(kChunkCols, w.cols - col);
    const std::byte* blocks =
        w.data + row * row_bytes + col / traits.block_elements * traits.block_bytes;
    for (size_t r = 0; r < n_rows; ++r) decode(blocks + r * row_bytes, n_cols, chunk[r]);
    if (w.panel == PanelKind::kP32) {
      TurnChunk(chunk, n_cols, reinterpret_cast<float*>(panel) + col * kGroupRows);
    } else {
      TurnChunk(isa, chunk, n_cols, reinterpret_cast<uint16_t*>(panel) + col * kGroupRows);
    }
  }
}

/// Each group is decoded once and multiplied with all tokens: in f32, the truth, or in bf16.
void LinearFileRows(const LinearIsa& isa, PanelKind half, const LinearArgs& args, Share share,
                    uint8_t* scratch) {
  const WeightMatrix& w = *args.w;
  ALT_CHECK(w.panel == PanelKind::kP32 || (w.panel == half && w.cols % 2 == 0));
  ALT_CHECK(FindCodec(w.type) != nullptr);
  for (size_t row = share.begin; row < share.end; row += kGroupRows) {
    DecodePanel(isa, w, row, scratch);
    LinearSlice slice = SliceAt(args, row, std::min(kGroupRows, share.end - row), nullptr);
    slice.weights = scratch;
    (w.panel == PanelKind::kP32 ? isa.f32 : isa.bf16)(slice);
  }
}

}  // namespace

bool FastPanel(DType type, PanelKind half, PanelKind* panel) {
  const FastType* row = FindFastType(type);
  if (row == nullptr) return false;
  *panel = PanelOf(*row, half);
  return true;
}

LinearSliceFn FindKernel(const LinearIsa& isa, DType type) {
  const FastType* row = FindFastType(type);
  return row == nullptr ? nullptr : isa.*row->multiply;
}

void Prepare(const LinearIsa& isa, const PreparedRows& x, PreparedForms forms, ShareBy by,
             int thread, int n_threads) {
  ALT_CHECK(!forms.q8 || x.cols % kBlockCols == 0);
  const auto prepare = [&](size_t first, size_t n) {  // values, counted from the first row's start
    if (forms.q8) {
      const size_t block = first / kBlockCols;
      isa.quantize(x.f32 + first, n / kBlockCols, x.q8 + first, x.q8_scale + block,
                   x.q8_sum16 + 2 * block, x.q8_offset + block);
    }
    if (forms.bf16) isa.round_to_bf16(x.f32 + first, n, x.bf16 + first);
  };
  if (by == ShareBy::kRows) {
    const Share rows = ShareOf(x.n_rows, 1, thread, n_threads);
    prepare(rows.begin * x.cols, (rows.end - rows.begin) * x.cols);
    return;
  }
  const Share cols = ShareOf(x.cols, kShareOutputs, thread, n_threads);
  for (size_t row = 0; row < x.n_rows; ++row) {
    prepare(row * x.cols + cols.begin, cols.end - cols.begin);
  }
}

void Linear(const LinearIsa& isa, PanelKind half, const LinearArgs& args,
            std::span<std::byte> scratch, int thread, int n_threads) {
  const WeightMatrix& w = *args.w;
  const size_t scratch_bytes = LinearScratchBytes(w.cols);
  ALT_CHECK(scratch.size() >= scratch_bytes &&
            scratch_bytes >= LinearSliceScratchBytes(w.cols) + 63);
  const Share share = ShareOf(w.rows, kShareOutputs, thread, n_threads);
  if (share.begin >= share.end || args.x->n_rows == 0) return;
  uint8_t* aligned = AlignedTo64(scratch.data());
  if (w.form == RestForm::kFileRows) {
    LinearFileRows(isa, half, args, share, aligned);
  } else {
    LinearGroups(isa, half, args, share, aligned);
  }
}

}  // namespace altteul::kernels

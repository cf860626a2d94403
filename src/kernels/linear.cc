// SPDX-License-Identifier: Apache-2.0

#include "kernels/linear.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "kernels/codecs/codec.h"

namespace altteul::kernels {
namespace {

/// How a type's tiles lie, resolved once per call.
struct TileShape {
  const Codec* codec;
  size_t share_bytes;  ///< of one row in one tile
  size_t n_tiles;      ///< in a row

  size_t row_bytes() const { return share_bytes * n_tiles; }
  size_t tile_bytes() const { return share_bytes * kGroupRows; }
  size_t group_bytes() const { return tile_bytes() * n_tiles; }
};

TileShape TileShapeOf(DType type, size_t cols) {
  const Codec* codec = FindCodec(type);
  ALT_CHECK(codec != nullptr && !codec->group_fields.empty());
  ALT_CHECK(cols % codec->tile_cols == 0);
  const DTypeTraits& traits = TraitsOf(type);
  return {codec, size_t{codec->tile_cols} / traits.block_elements * traits.block_bytes,
          cols / codec->tile_cols};
}

/// One field of one tile: each row's units lie together in the file, kGroupRows units apart at
/// rest. The unit is a constant, so that each memcpy is one move.
template <size_t unit_bytes>
void ScatterField(const std::byte* file, size_t row_bytes, size_t n_lanes, size_t n_units,
                  std::byte* rest) {
  for (size_t lane = 0; lane < n_lanes; ++lane, file += row_bytes, rest += unit_bytes) {
    for (size_t unit = 0; unit < n_units; ++unit) {
      std::memcpy(rest + unit * kGroupRows * unit_bytes, file + unit * unit_bytes, unit_bytes);
    }
  }
}

/// Fills one tile. @param file  the share of the group's first row
void ScatterTile(std::span<const GroupField> fields, const std::byte* file, size_t row_bytes,
                 size_t n_lanes, std::byte* tile) {
  for (const GroupField& field : fields) {
    const std::byte* from = file + field.offset_bytes;
    switch (field.unit_bytes) {
      case 1:
        ScatterField<1>(from, row_bytes, n_lanes, field.n_units, tile);
        break;
      case 2:
        ScatterField<2>(from, row_bytes, n_lanes, field.n_units, tile);
        break;
      default:
        ScatterField<4>(from, row_bytes, n_lanes, field.n_units, tile);
        break;
    }
    tile += kGroupRows * field.unit_bytes * field.n_units;
  }
}

template <size_t unit_bytes>
void GatherUnits(const std::byte* rest, size_t n_units, std::byte* file) {
  for (size_t unit = 0; unit < n_units; ++unit) {
    std::memcpy(file + unit * unit_bytes, rest + unit * kGroupRows * unit_bytes, unit_bytes);
  }
}

/// One row's share of a tile, back in the file's order. @param lane  the row within its group
void GatherShare(std::span<const GroupField> fields, const std::byte* tile, size_t lane,
                 std::byte* file) {
  for (const GroupField& field : fields) {
    const std::byte* from = tile + lane * field.unit_bytes;
    std::byte* to = file + field.offset_bytes;
    switch (field.unit_bytes) {
      case 1:
        GatherUnits<1>(from, field.n_units, to);
        break;
      case 2:
        GatherUnits<2>(from, field.n_units, to);
        break;
      default:
        GatherUnits<4>(from, field.n_units, to);
        break;
    }
    tile += kGroupRows * field.unit_bytes * field.n_units;
  }
}

}  // namespace

size_t GroupedBytes(DType type, size_t rows, size_t cols) {
  const TileShape shape = TileShapeOf(type, cols);
  return (rows + kGroupRows - 1) / kGroupRows * shape.group_bytes();
}

void GroupRows(DType type, const std::byte* file_rows, size_t first_row, size_t n_rows, size_t cols,
               std::byte* out) {
  ALT_CHECK(first_row % kGroupRows == 0);
  const TileShape shape = TileShapeOf(type, cols);
  file_rows += first_row * shape.row_bytes();
  for (size_t row = 0; row < n_rows; row += kGroupRows, out += shape.group_bytes()) {
    const size_t n_lanes = std::min(kGroupRows, n_rows - row);
    if (n_lanes < kGroupRows) std::memset(out, 0, shape.group_bytes());
    const std::byte* share = file_rows + row * shape.row_bytes();
    for (size_t t = 0; t < shape.n_tiles; ++t) {
      ScatterTile(shape.codec->group_fields, share + t * shape.share_bytes, shape.row_bytes(),
                  n_lanes, out + t * shape.tile_bytes());
    }
  }
}

void DecodeRow(const WeightMatrix& w, size_t row, float* out, std::span<std::byte> scratch) {
  ALT_CHECK(row < w.rows);
  const Codec* codec = FindCodec(w.type);
  ALT_CHECK(codec != nullptr);
  if (w.form == RestForm::kFileRows) {
    const DTypeTraits& traits = TraitsOf(w.type);
    const size_t row_bytes = w.cols / traits.block_elements * traits.block_bytes;
    codec->decode(w.data + row * row_bytes, w.cols, out);
    return;
  }
  const TileShape shape = TileShapeOf(w.type, w.cols);
  ALT_CHECK(scratch.size() >= shape.row_bytes());
  const std::byte* group = w.data + row / kGroupRows * shape.group_bytes();
  for (size_t t = 0; t < shape.n_tiles; ++t) {
    GatherShare(codec->group_fields, group + t * shape.tile_bytes(), row % kGroupRows,
                scratch.data() + t * shape.share_bytes);
  }
  codec->decode(scratch.data(), w.cols, out);
}

size_t LinearScratchBytes(size_t cols) {
  // The two needs, in bytes a column, and the larger of them:
  //   P8   48 rows of one-byte codes (48), their f32 scales and minimums per 16 columns (24), the
  //        first integer sums of 8 tokens per 16 columns (2)
  //   P32  16 rows of f32 (64), one row as the file has it (at most 8, F64), decoded to f32 (4)
  // Columns count in whole 256s, so that each part may start on a 64-byte line; 256 bytes more let
  // the caller align the first one. With 2^31 columns that is 163 GB: no overflow in 64 bits.
  constexpr size_t kP8BytesPerCol = 48 + 24 + 2;
  constexpr size_t kP32BytesPerCol = 16 * 4 + 8 + 4;
  const size_t padded_cols = (cols + 255) / 256 * 256;
  return padded_cols * std::max(kP8BytesPerCol, kP32BytesPerCol) + 256;
}

}  // namespace altteul::kernels

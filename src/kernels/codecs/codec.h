// SPDX-License-Identifier: Apache-2.0

// How values of one element type are written down. Every type that a file may hold is one file in
// this folder (layout, decode, plain encode, and the unpack policy that the instruction-set files
// include) and one row of the table in codec.cc.
//
// decode() is the definition of the type: everything faster is tested against it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor/dtype.h"

namespace altteul::kernels {

/// A run of equal units inside one row's share of a tile. See Codec::group_fields.
struct GroupField {
  uint16_t offset_bytes;  ///< from the start of the row's share
  uint16_t unit_bytes;    ///< 1, 2 or 4
  uint16_t n_units;
};

struct Codec {
  DType type;

  /// blocks -> out[n]. @pre n is a multiple of the type's block_elements. Any thread.
  void (*decode)(const std::byte* blocks, size_t n, float* out);

  /// values[n] -> blocks, each value to the nearest code under the type's usual scale (round to
  /// nearest, ggml's reference rule). What the type cannot hold becomes the nearest that it can,
  /// never infinity. Null where nothing is encoded in this type yet.
  /// @pre n is a multiple of block_elements; values are finite. Any thread.
  void (*encode)(const float* values, size_t n, std::byte* blocks);

  /// Columns of one tile of weights at rest: the block, or 32 for plain types. A tile holds 16 rows
  /// of that many columns, with the same bytes as in the file in another order:
  /// for each field, for each unit: the 16 rows' units side by side,
  /// [field][unit][row][unit_bytes]. Empty fields: no fast kernel takes this type, so it rests as
  /// the file has it.
  uint16_t tile_cols;
  std::span<const GroupField> group_fields;
};

/// The row of `type`, or null for types without one (Q8_1 and Q8_K are never stored in files,
/// integers are no weights).
const Codec* FindCodec(DType type);

/// All rows, ascending by type.
std::span<const Codec> AllCodecs();

}  // namespace altteul::kernels

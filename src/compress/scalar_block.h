// SPDX-License-Identifier: Apache-2.0

// What an encoder must know of a type that rounds each weight for itself, as data, so that one
// search serves them all. Within a sub-block s of every such type
//   w[j] = scale(s) * levels[code[j]] - min(s)
// and only the table's row says which levels there are and how scale and minimum are written down:
//   scale(s) = d * scale_value(scale[s])
//   min(s)   = 0,  or -m,  or dmin * min[s]
// All of it in f32 and in the order of the codec's decode(), so that Value() is what a reader gets,
// to the bit. pack_blocks.h turns the fields into the bytes of a block.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor/dtype.h"

namespace altteul::compress {

/// The fields of one block, before they are packed. What a type lacks keeps its default.
struct BlockFields {
  float d = 1;                      ///< an f16 number; 1 for a type without it
  float dmin = 0;                   ///< an f16 number: dmin, or the m of Q4_1 and Q5_1
  std::array<int16_t, 16> scale{};  ///< per sub-block, as the type counts it; 1 for a type without
  std::array<uint8_t, 16> min{};    ///< per sub-block
  std::array<uint8_t, 256> code{};  ///< per weight: an index into ScalarType::levels
};

enum class MinKind {
  kNone,
  kWhole,     ///< one m a block, which is added: Q4_1, Q5_1
  kSubBlock,  ///< dmin * min[s], which is subtracted: Q2_K, Q4_K, Q5_K
};

struct ScalarType {
  DType type;
  uint16_t block_cols;
  uint16_t sub_cols;                   ///< weights that share scale and minimum
  std::span<const int8_t> levels;      ///< of each code, ascending but for 4-bit floats
  std::span<const uint8_t> ascending;  ///< codes by level, each level once
  bool has_d;                          ///< else d is 1
  int scale_lowest, scale_highest;     ///< of BlockFields::scale; both 1 for a type without
  float (*scale_value)(int scale);     ///< what a sub-scale stands for; mostly its own number
  MinKind min_kind;
  int min_highest;  ///< of BlockFields::min

  size_t n_subs() const { return block_cols / sub_cols; }
};

/// The row of `type`, or null for one that is no scalar type (plain numbers, codebooks).
const ScalarType* FindScalarType(DType type);

/// All rows, ascending by type.
std::span<const ScalarType> AllScalarTypes();

/// The factor of the levels in sub-block `sub`.
inline float EffectiveScale(const ScalarType& type, const BlockFields& block, size_t sub) {
  return block.d * type.scale_value(block.scale[sub]);
}

/// What is subtracted in sub-block `sub`. Subtracting -m is adding m, and subtracting 0 changes
/// nothing, not even a zero's sign.
inline float EffectiveMin(const ScalarType& type, const BlockFields& block, size_t sub) {
  if (type.min_kind == MinKind::kNone) return 0.0f;
  if (type.min_kind == MinKind::kWhole) return -block.dmin;
  return block.dmin * static_cast<float>(block.min[sub]);
}

/// The weight at `col` of the block, exactly as the codec decodes it.
inline float Value(const ScalarType& type, const BlockFields& block, size_t col) {
  const size_t sub = col / type.sub_cols;
  return EffectiveScale(type, block, sub) * static_cast<float>(type.levels[block.code[col]]) -
         EffectiveMin(type, block, sub);
}

}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

// What an encoder must know of a type whose neighbouring weights are one entry of a codebook, as
// data, so that one search serves IQ1, IQ2 and IQ3. A block is 256 weights in words of 8; a word is
// one entry of 8 points or two of 4, and what lies beside them:
//   IQ2, IQ3  w[j] = scale(s) * point[j], with a minus where the word's sign bit j is set
//   IQ1       w[j] = scale(s) * (point[j] + shift)      shift = +0.125, or -0.125
//   scale(s)  = (d * unit) * (2 * scale[s] + 1)
// All of it in f32; no product of a scale is ever rounded, so that Value() is what the codec's
// decode() gives, to the bit. pack_codebook.h turns the fields into the bytes of a block.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor/dtype.h"

namespace altteul::compress {

inline constexpr size_t kCodebookBlockCols = 256;
inline constexpr size_t kWordCols = 8;
inline constexpr size_t kBlockWords = kCodebookBlockCols / kWordCols;
inline constexpr float kShift = 0.125f;  ///< of IQ1's points

/// The fields of one word, before they are packed.
struct CodebookWord {
  std::array<uint16_t, 2> entry{};  ///< of the codebook; [1] only where an entry is 4 wide
  uint8_t signs = 0;  ///< bit j: weight j is negative. IQ1: 1 for the shift down, else 0
};

struct CodebookFields {
  float d = 0;                      ///< an f16 number
  std::array<uint8_t, 16> scale{};  ///< per sub-block
  std::array<CodebookWord, kBlockWords> word{};
};

enum class WordSigns {
  kFree,        ///< 8 bits
  kEven,        ///< 7 bits, the eighth makes the number of minus signs even
  kWordShift,   ///< no signs: each word is shifted up or down
  kBlockShift,  ///< no signs: the words of a sub-block are shifted alike
};

struct CodebookType {
  DType type;
  uint8_t entry_cols;     ///< 8 or 4 points an entry
  uint8_t sub_cols;       ///< weights that share a scale
  uint8_t scale_highest;  ///< of CodebookFields::scale, the lowest is 0
  float unit;             ///< see above
  WordSigns signs;
  std::span<const uint16_t> codebook;  ///< entries, the first point in the lowest bits
  uint8_t point_bits;                  ///< of one point in an entry
  std::span<const int8_t> points;      ///< what these bits stand for

  size_t n_subs() const { return kCodebookBlockCols / sub_cols; }
  size_t sub_words() const { return sub_cols / kWordCols; }
  size_t word_entries() const { return kWordCols / entry_cols; }
  bool has_signs() const { return signs == WordSigns::kFree || signs == WordSigns::kEven; }
  /// Point `at` of entry `entry`, without sign, shift and scale.
  float Point(size_t entry, size_t at) const {
    const unsigned bits = static_cast<unsigned>(codebook[entry]) >> (point_bits * at);
    return static_cast<float>(points[bits & ((1u << point_bits) - 1)]);
  }
};

/// The row of `type`, or null for one that has no codebook.
const CodebookType* FindCodebookType(DType type);

/// All rows, ascending by type.
std::span<const CodebookType> AllCodebookTypes();

/// The factor of the points of a sub-block with this scale number.
inline float CodebookScale(const CodebookType& type, float d, int scale) {
  return d * type.unit * static_cast<float>(2 * scale + 1);
}

/// Weight `at` of a word, exactly as the codec decodes it.
float WordValue(const CodebookType& type, const CodebookWord& word, float scale, size_t at);

/// The weight at `col` of the block, exactly as the codec decodes it.
inline float Value(const CodebookType& type, const CodebookFields& block, size_t col) {
  const float scale = CodebookScale(type, block.d, block.scale[col / type.sub_cols]);
  return WordValue(type, block.word[col / kWordCols], scale, col % kWordCols);
}

}  // namespace altteul::compress

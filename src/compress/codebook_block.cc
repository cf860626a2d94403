// SPDX-License-Identifier: Apache-2.0

#include "compress/codebook_block.h"

#include "kernels/codecs/iq_codebooks.h"
#include "kernels/codecs/iq_signs.h"

namespace altteul::compress {
namespace {

// The bits of a point are IQ1's trit + 1, an index into IQ2's and IQ3_XXS's levels, or half of
// IQ3_S's odd numbers.
constexpr int8_t kTrits[] = {-1, 0, 1, 2};  // code 3 does not occur
constexpr int8_t kOdd[] = {1, 3, 5, 7, 9, 11, 13, 15};

template <size_t kCount>
constexpr std::array<int8_t, kCount> Signed(const uint8_t (&levels)[kCount]) {
  std::array<int8_t, kCount> numbers{};
  for (size_t i = 0; i < kCount; ++i) numbers[i] = static_cast<int8_t>(levels[i]);
  return numbers;
}
constexpr auto kIq2 = Signed(kernels::kIq2Levels);
constexpr auto kIq3Xxs = Signed(kernels::kIq3XxsLevels);

/// Without the zero behind the last entry.
template <size_t kCount>
constexpr std::span<const uint16_t> Entries(const uint16_t (&table)[kCount]) {
  return std::span(table).template first<kCount - 1>();
}

// Ascending by type.
constexpr std::array kTable = {
    CodebookType{DType::kIQ2_XXS, 8, 32, 15, 0.125f, WordSigns::kEven,
                 Entries(kernels::kIq2XxsCodebook), 2, kIq2},
    CodebookType{DType::kIQ2_XS, 8, 16, 15, 0.125f, WordSigns::kEven,
                 Entries(kernels::kIq2XsCodebook), 2, kIq2},
    CodebookType{DType::kIQ3_XXS, 4, 32, 15, 0.25f, WordSigns::kEven,
                 Entries(kernels::kIq3XxsCodebook), 4, kIq3Xxs},
    CodebookType{DType::kIQ1_S, 8, 32, 7, 1.0f, WordSigns::kBlockShift,
                 Entries(kernels::kIq1Codebook), 2, kTrits},
    CodebookType{DType::kIQ3_S, 4, 32, 15, 1.0f, WordSigns::kFree, Entries(kernels::kIq3SCodebook),
                 4, kOdd},
    CodebookType{DType::kIQ2_S, 8, 16, 15, 0.125f, WordSigns::kFree,
                 Entries(kernels::kIq2SCodebook), 2, kIq2},
    CodebookType{DType::kIQ1_M, 8, 16, 7, 1.0f, WordSigns::kWordShift,
                 Entries(kernels::kIq1Codebook), 2, kTrits},
};

}  // namespace

const CodebookType* FindCodebookType(DType type) {
  for (const CodebookType& row : kTable) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

std::span<const CodebookType> AllCodebookTypes() { return kTable; }

float WordValue(const CodebookType& type, const CodebookWord& word, float scale, size_t at) {
  const float point = type.Point(word.entry[at / type.entry_cols], at % type.entry_cols);
  if (type.has_signs()) return kernels::WithSign(scale * point, word.signs, at);
  return scale * (point + (word.signs != 0 ? -kShift : kShift));
}

}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

#include "compress/pack_codebook.h"

#include <bit>
#include <cstring>

#include "base/check.h"
#include "compress/pack_blocks.h"
#include "kernels/codecs/block.h"
#include "kernels/codecs/half.h"
#include "kernels/codecs/iq1.h"
#include "kernels/codecs/iq2.h"
#include "kernels/codecs/iq3.h"

namespace altteul::compress {
namespace {

using kernels::F32ToF16;

unsigned High(const CodebookFields& block, size_t word, size_t entry = 0) {
  return static_cast<unsigned>(block.word[word].entry[entry]) >> 8;
}

/// The low 8 bits of each entry.
void PackEntries(const CodebookFields& block, size_t word_entries, uint8_t* out) {
  for (const CodebookWord& word : block.word) {
    for (size_t i = 0; i < word_entries; ++i) *out++ = static_cast<uint8_t>(word.entry[i]);
  }
}

/// Two scales a byte, the first in the low nibble.
void PackNibbles(const CodebookFields& block, size_t n_subs, uint8_t* out) {
  for (size_t s = 0; s < n_subs; s += 2) {
    out[s / 2] = static_cast<uint8_t>(block.scale[s] | (block.scale[s + 1] << 4));
  }
}

void PackSigns(const CodebookFields& block, uint8_t* out) {
  for (const CodebookWord& word : block.word) *out++ = word.signs;
}

/// Four fields of 7 signs, and the scale in the top 4 bits.
uint32_t SignsAndScale(const CodebookFields& block, size_t sub) {
  uint32_t bits = static_cast<uint32_t>(block.scale[sub]) << 28;
  for (size_t i = 0; i < 4; ++i) bits |= (block.word[4 * sub + i].signs & 127u) << (7 * i);
  return bits;
}

void PackWords(const CodebookFields& block, kernels::BlockIQ2_XXS& out) {
  for (size_t s = 0; s < 8; ++s) {
    for (size_t i = 0; i < 4; ++i) {
      out.qs[8 * s + i] = static_cast<uint8_t>(block.word[4 * s + i].entry[0]);
    }
    const uint32_t bits = SignsAndScale(block, s);
    std::memcpy(out.qs + 8 * s + 4, &bits, sizeof(bits));
  }
}

void PackWords(const CodebookFields& block, kernels::BlockIQ2_XS& out) {
  for (size_t w = 0; w < kBlockWords; ++w) {
    const CodebookWord& word = block.word[w];
    out.qs[w] = static_cast<uint16_t>(word.entry[0] | (word.signs & 127u) << 9);
  }
  PackNibbles(block, 16, out.scales);
}

void PackWords(const CodebookFields& block, kernels::BlockIQ2_S& out) {
  PackEntries(block, 1, out.qs);
  PackSigns(block, out.signs);
  for (size_t w = 0; w < kBlockWords; ++w) {
    out.qh[w / 4] = static_cast<uint8_t>(out.qh[w / 4] | High(block, w) << (w % 4 * 2));
  }
  PackNibbles(block, 16, out.scales);
}

void PackWords(const CodebookFields& block, kernels::BlockIQ3_XXS& out) {
  PackEntries(block, 2, out.qs);
  for (size_t s = 0; s < 8; ++s) {
    const uint32_t bits = SignsAndScale(block, s);
    std::memcpy(out.words + 4 * s, &bits, sizeof(bits));
  }
}

void PackWords(const CodebookFields& block, kernels::BlockIQ3_S& out) {
  PackEntries(block, 2, out.qs);
  PackSigns(block, out.signs);
  for (size_t w = 0; w < kBlockWords; ++w) {
    const unsigned ninths = High(block, w, 0) | High(block, w, 1) << 1;
    out.qh[w / 4] = static_cast<uint8_t>(out.qh[w / 4] | ninths << (w % 4 * 2));
  }
  PackNibbles(block, 8, out.scales);
}

void PackWords(const CodebookFields& block, kernels::BlockIQ1_S& out) {
  PackEntries(block, 1, out.qs);
  for (size_t s = 0; s < 8; ++s) {
    unsigned bits = static_cast<unsigned>(block.scale[s]) << 12 | block.word[4 * s].signs << 15;
    for (size_t i = 0; i < 4; ++i) bits |= High(block, 4 * s + i) << (3 * i);
    out.qh[s] = static_cast<uint16_t>(bits);
  }
}

void PackWords(const CodebookFields& block, kernels::BlockIQ1_M& out) {
  PackEntries(block, 1, out.qs);
  for (size_t w = 0; w < kBlockWords; ++w) {
    const unsigned nibble = High(block, w) | static_cast<unsigned>(block.word[w].signs) << 3;
    out.qh[w / 2] = static_cast<uint8_t>(out.qh[w / 2] | nibble << (w % 2 * 4));
  }
  const unsigned d = F32ToF16(block.d);
  for (size_t i = 0; i < 4; ++i) {
    unsigned bits = (d >> (4 * i) & 15u) << 12;
    for (size_t s = 0; s < 4; ++s) {
      bits |= static_cast<unsigned>(block.scale[4 * i + s]) << (3 * s);
    }
    out.scales[i] = static_cast<uint16_t>(bits);
  }
}

template <typename Block>
void PackBlock(const CodebookFields& fields, std::byte* out) {
  Block block{};
  if constexpr (HasHalfScale<Block>) block.d = F32ToF16(fields.d);
  PackWords(fields, block);
  kernels::StoreBlock(block, 0, out);
}

struct Row {
  DType type;
  void (*pack)(const CodebookFields& fields, std::byte* out);
};

constexpr std::array kTable = {
    Row{DType::kIQ2_XXS, PackBlock<kernels::BlockIQ2_XXS>},
    Row{DType::kIQ2_XS, PackBlock<kernels::BlockIQ2_XS>},
    Row{DType::kIQ3_XXS, PackBlock<kernels::BlockIQ3_XXS>},
    Row{DType::kIQ1_S, PackBlock<kernels::BlockIQ1_S>},
    Row{DType::kIQ3_S, PackBlock<kernels::BlockIQ3_S>},
    Row{DType::kIQ2_S, PackBlock<kernels::BlockIQ2_S>},
    Row{DType::kIQ1_M, PackBlock<kernels::BlockIQ1_M>},
};

bool SignsFit(const CodebookType& type, const CodebookFields& block, size_t w) {
  const uint8_t signs = block.word[w].signs;
  switch (type.signs) {
    case WordSigns::kFree:
      return true;
    case WordSigns::kEven:
      return std::popcount(signs) % 2 == 0;
    case WordSigns::kWordShift:
      return signs <= 1;
    case WordSigns::kBlockShift:
      return signs <= 1 && signs == block.word[w / type.sub_words() * type.sub_words()].signs;
  }
  return false;
}

}  // namespace

bool Fits(const CodebookType& type, const CodebookFields& block) {
  if (!IsFiniteF16(block.d)) return false;
  for (size_t s = 0; s < type.n_subs(); ++s) {
    if (block.scale[s] > type.scale_highest) return false;
  }
  for (size_t w = 0; w < kBlockWords; ++w) {
    for (size_t i = 0; i < type.word_entries(); ++i) {
      if (block.word[w].entry[i] >= type.codebook.size()) return false;
    }
    if (!SignsFit(type, block, w)) return false;
  }
  return true;
}

void Pack(DType type, const CodebookFields& block, std::byte* out) {
  const CodebookType* codebook_type = FindCodebookType(type);
  ALT_CHECK(codebook_type != nullptr && Fits(*codebook_type, block));
  for (const Row& row : kTable) {
    if (row.type == type) return row.pack(block, out);
  }
  ALT_CHECK(false && "a type with a codebook that cannot be packed");
}

}  // namespace altteul::compress

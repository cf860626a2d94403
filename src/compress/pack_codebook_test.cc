// SPDX-License-Identifier: Apache-2.0

#include "compress/pack_codebook.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "kernels/codecs/codec.h"
#include "kernels/codecs/half.h"

namespace altteul::compress {

static void PrintTo(const CodebookType& type, std::ostream* out) {
  *out << TraitsOf(type.type).name;
}

namespace {

class PackCodebookTest : public ::testing::TestWithParam<CodebookType> {
 protected:
  const CodebookType& type() const { return GetParam(); }

  unsigned Random(size_t n) {
    return std::uniform_int_distribution<unsigned>(0, static_cast<unsigned>(n - 1))(rng_);
  }
  uint8_t RandomSigns() {
    const auto bits = static_cast<uint8_t>(Random(256));
    if (type().signs == WordSigns::kFree) return bits;
    if (!type().has_signs()) return bits & 1;
    return static_cast<uint8_t>(std::popcount(bits) % 2 == 0 ? bits : bits ^ 1u);
  }
  CodebookFields RandomFields() {
    CodebookFields block;
    block.d = kernels::F16ToF32(static_cast<uint16_t>(Random(0x7c00) | Random(2) << 15));
    for (size_t s = 0; s < type().n_subs(); ++s) {
      block.scale[s] = static_cast<uint8_t>(Random(type().scale_highest + 1u));
    }
    for (size_t w = 0; w < kBlockWords; ++w) {
      for (size_t i = 0; i < type().word_entries(); ++i) {
        block.word[w].entry[i] = static_cast<uint16_t>(Random(type().codebook.size()));
      }
      const bool is_shared = type().signs == WordSigns::kBlockShift && w % type().sub_words() != 0;
      block.word[w].signs = is_shared ? block.word[w - 1].signs : RandomSigns();
    }
    return block;
  }
  void ExpectDecodesToItsValues(const CodebookFields& block, const std::string& what) {
    ASSERT_TRUE(Fits(type(), block)) << what;
    constexpr std::byte kCanary{0xa5};
    const size_t n_bytes = TraitsOf(type().type).block_bytes;
    std::vector<std::byte> bytes(n_bytes + 1, kCanary);
    Pack(type().type, block, bytes.data());
    EXPECT_EQ(bytes[n_bytes], kCanary) << "wrote past the block: " << what;
    std::vector<float> values(kCodebookBlockCols);
    kernels::FindCodec(type().type)->decode(bytes.data(), values.size(), values.data());
    for (size_t j = 0; j < values.size(); ++j) {
      const float expected = Value(type(), block, j);
      ASSERT_EQ(std::bit_cast<uint32_t>(values[j]), std::bit_cast<uint32_t>(expected))
          << what << ", weight " << j << ": decoded " << values[j] << " instead of " << expected;
    }
  }

 private:
  std::mt19937 rng_{20250611};
};

TEST_P(PackCodebookTest, RandomFieldsDecodeToTheirValuesToTheBit) {
  for (int i = 0; i < 500; ++i) {
    ExpectDecodesToItsValues(RandomFields(), "block " + std::to_string(i));
  }
}

TEST_P(PackCodebookTest, EveryEntryDecodesAtEveryPlace) {
  const size_t n = type().codebook.size();
  for (size_t first = 0; first < n; ++first) {
    CodebookFields block = RandomFields();
    for (size_t w = 0; w < kBlockWords; ++w) {
      for (size_t i = 0; i < type().word_entries(); ++i) {
        block.word[w].entry[i] = static_cast<uint16_t>((first + w * type().word_entries() + i) % n);
      }
    }
    ExpectDecodesToItsValues(block, "entries from " + std::to_string(first));
  }
}

TEST_P(PackCodebookTest, EveryScaleDecodesInEverySubBlock) {
  const size_t n = type().scale_highest + 1u;
  for (size_t first = 0; first < n; ++first) {
    for (const float d : {0.0f, -0.0f, 0x1p-24f, 65504.0f, -65504.0f}) {
      CodebookFields block = RandomFields();
      block.d = d;
      for (size_t s = 0; s < type().n_subs(); ++s) {
        block.scale[s] = static_cast<uint8_t>((first + s) % n);
      }
      ExpectDecodesToItsValues(block, "scales from " + std::to_string(first));
    }
  }
}

TEST_P(PackCodebookTest, TheRowAgreesWithTheElementType) {
  EXPECT_EQ(TraitsOf(type().type).block_elements, kCodebookBlockCols);
  EXPECT_EQ(kCodebookBlockCols % type().sub_cols, 0u);
  EXPECT_EQ(type().sub_cols % kWordCols, 0u);
  EXPECT_LE(type().n_subs(), CodebookFields{}.scale.size());
  for (const uint16_t entry : type().codebook) {
    EXPECT_EQ(unsigned{entry} >> (type().point_bits * type().entry_cols), 0u) << entry;
  }
}

TEST_P(PackCodebookTest, FieldsThatDoNotFitAreSeen) {
  const CodebookFields good = RandomFields();
  ASSERT_TRUE(Fits(type(), good));
  CodebookFields block;
  for (const float bad : {1.0f + 0x1p-11f, 65536.0f, 0x1p-25f, std::nanf("")}) {
    block = good;
    block.d = bad;
    EXPECT_FALSE(Fits(type(), block)) << "d " << bad;
  }
  block = good;
  block.scale[type().n_subs() - 1] = static_cast<uint8_t>(type().scale_highest + 1);
  EXPECT_FALSE(Fits(type(), block));
  block = good;
  block.word.back().entry[type().word_entries() - 1] =
      static_cast<uint16_t>(type().codebook.size());
  EXPECT_FALSE(Fits(type(), block));
  block = good;
  block.word.back().signs = static_cast<uint8_t>(good.word.back().signs ^ 1u);
  EXPECT_EQ(Fits(type(), block),
            type().signs == WordSigns::kFree || type().signs == WordSigns::kWordShift);
  block.word.back().signs = 2;
  EXPECT_EQ(Fits(type(), block), type().signs == WordSigns::kFree);
}

INSTANTIATE_TEST_SUITE_P(Types, PackCodebookTest,
                         ::testing::ValuesIn(AllCodebookTypes().begin(), AllCodebookTypes().end()),
                         [](const auto& each) {
                           return std::string(TraitsOf(each.param.type).name);
                         });

TEST(CodebookTypesTest, AreInOrderAndOnlyThoseWithCodebooks) {
  for (size_t i = 1; i < AllCodebookTypes().size(); ++i) {
    EXPECT_LT(AllCodebookTypes()[i - 1].type, AllCodebookTypes()[i].type);
  }
  for (const DType type : {DType::kF32, DType::kQ4_0, DType::kIQ4_NL, DType::kIQ4_XS}) {
    EXPECT_EQ(FindCodebookType(type), nullptr) << TraitsOf(type).name;
  }
}

}  // namespace
}  // namespace altteul::compress

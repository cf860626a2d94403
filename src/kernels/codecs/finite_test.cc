// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/finite.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/codecs/codec.h"

namespace altteul::kernels {
namespace {

bool DecodedFinite(const Codec& codec, const std::vector<std::byte>& blocks) {
  const DTypeTraits& traits = TraitsOf(codec.type);
  std::vector<float> values(blocks.size() / traits.block_bytes * traits.block_elements);
  codec.decode(blocks.data(), values.size(), values.data());
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

// Random bytes, of which any one is then set to values that make exponents full: whatever decode
// says of a block, AllFinite must say too.
TEST(AllFiniteTest, SaysWhatDecodingSaysForEveryTypeAndEveryByte) {
  std::mt19937 rng(20261124);
  for (const Codec& codec : AllCodecs()) {
    const DTypeTraits& traits = TraitsOf(codec.type);
    int finite = 0, broken = 0;
    for (size_t at = 0; at < traits.block_bytes; ++at) {
      for (const int value : {0x00, 0x3c, 0x70, 0x7c, 0x7f, 0x80, 0xc0, 0xf0, 0xfc, 0xfd, 0xff}) {
        std::vector<std::byte> block(traits.block_bytes);
        for (std::byte& byte : block) byte = static_cast<std::byte>(rng());
        block[at] = static_cast<std::byte>(value);
        if (at + 1 < block.size() && rng() % 2 == 0) block[at + 1] = static_cast<std::byte>(value);
        const bool expected = DecodedFinite(codec, block);
        ++(expected ? finite : broken);
        ASSERT_EQ(AllFinite(codec.type, block.data(), 1), expected)
            << traits.name << ", byte " << at << " set to " << value;
      }
    }
    EXPECT_GT(finite, 0) << traits.name;
    if (codec.type != DType::kNVFP4) {
      EXPECT_GT(broken, 0) << traits.name;
    }
  }
}

TEST(AllFiniteTest, FindsTheOneBadBlockAmongManyWhereverItIs) {
  std::mt19937 rng(7);
  for (const Codec& codec : AllCodecs()) {
    const DTypeTraits& traits = TraitsOf(codec.type);
    if (codec.type == DType::kNVFP4) continue;
    std::vector<std::byte> bad;
    do {
      bad.resize(traits.block_bytes);
      for (std::byte& byte : bad) byte = static_cast<std::byte>(rng() % 2 == 0 ? 0xff : 0x7f);
    } while (DecodedFinite(codec, bad));
    constexpr size_t kBlocks = 131;  // no multiple of any chunk
    std::vector<std::byte> blocks(kBlocks * traits.block_bytes);
    EXPECT_TRUE(AllFinite(codec.type, blocks.data(), 0));
    ASSERT_TRUE(AllFinite(codec.type, blocks.data(), kBlocks)) << traits.name << ": zeros";
    for (const size_t at : {size_t{0}, size_t{63}, size_t{64}, size_t{127}, kBlocks - 1}) {
      std::vector<std::byte> changed = blocks;
      std::copy(bad.begin(), bad.end(),
                changed.begin() + static_cast<std::ptrdiff_t>(at * traits.block_bytes));
      EXPECT_FALSE(AllFinite(codec.type, changed.data(), kBlocks)) << traits.name << ", " << at;
      // What lies behind the blocks does not matter.
      EXPECT_TRUE(AllFinite(codec.type, changed.data(), at)) << traits.name << ", " << at;
    }
  }
}

TEST(AllFiniteTest, EveryHalfAndEveryBf16IsJudgedRight) {
  for (const DType type : {DType::kF16, DType::kBF16}) {
    const Codec& codec = *FindCodec(type);
    for (uint32_t bits = 0; bits < 65536; ++bits) {
      const std::vector<std::byte> number{static_cast<std::byte>(bits & 255),
                                          static_cast<std::byte>(bits >> 8)};
      ASSERT_EQ(AllFinite(type, number.data(), 1), DecodedFinite(codec, number)) << bits;
    }
  }
}

}  // namespace
}  // namespace altteul::kernels

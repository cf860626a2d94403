// SPDX-License-Identifier: Apache-2.0

#include "kernels/codecs/codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/codecs/finite.h"

namespace altteul::kernels {
namespace {

// tests/golden/codecs/MANIFEST.md describes the lines of a golden file.
struct GoldenLine {
  std::string kind;
  std::istringstream fields;
};

std::vector<GoldenLine> ReadGolden(std::string_view type_name, std::string_view kind) {
  std::string path = ALT_SOURCE_DIR "/tests/golden/codecs/";
  for (char c : type_name) path += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::ifstream file(path + ".txt");
  std::vector<GoldenLine> lines;
  for (std::string text; std::getline(file, text);) {
    GoldenLine line{"", std::istringstream(text)};
    line.fields >> line.kind;
    if (line.kind == kind) lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::byte> BytesOfHex(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

/// Eight hexadecimal digits a value: its bits as an f32.
std::vector<float> FloatsOfHex(const std::string& hex) {
  std::vector<float> values;
  for (size_t i = 0; i + 7 < hex.size(); i += 8) {
    const auto bits = static_cast<uint32_t>(std::stoul(hex.substr(i, 8), nullptr, 16));
    values.push_back(std::bit_cast<float>(bits));
  }
  return values;
}

/// Output number `index` (from 1) of SplitMix64, as scripts/golden/codecs.py computes it.
uint64_t SplitMix(uint64_t seed, uint64_t index) {
  uint64_t z = (seed + index) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::vector<std::byte> RandomBytes(uint64_t seed, size_t n_bytes) {
  std::vector<uint64_t> words((n_bytes + 7) / 8);
  for (size_t i = 0; i < words.size(); ++i) words[i] = SplitMix(seed, i + 1);
  std::vector<std::byte> bytes(n_bytes);
  std::memcpy(bytes.data(), words.data(), n_bytes);
  return bytes;
}

/// Sum of bits[i] * (2i + 1) modulo 2^64: every bit and every place counts.
uint64_t Digest(const void* words, size_t n_words) {
  uint64_t sum = 0;
  for (size_t i = 0; i < n_words; ++i) {
    uint32_t bits;
    std::memcpy(&bits, static_cast<const std::byte*>(words) + i * 4, 4);
    sum += bits * (uint64_t{2} * i + 1);
  }
  return sum;
}

std::string Hex(std::span<const std::byte> bytes) {
  std::string text;
  for (std::byte b : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[std::to_integer<int>(b) >> 4];
    text += kDigits[std::to_integer<int>(b) & 15];
  }
  return text;
}

std::vector<std::byte> Encode(const Codec& codec, const std::vector<float>& values) {
  const DTypeTraits& traits = TraitsOf(codec.type);
  std::vector<std::byte> blocks(values.size() / traits.block_elements * traits.block_bytes);
  codec.encode(values.data(), values.size(), blocks.data());
  return blocks;
}

std::vector<float> Decode(const Codec& codec, const std::vector<std::byte>& blocks) {
  const DTypeTraits& traits = TraitsOf(codec.type);
  std::vector<float> values(blocks.size() / traits.block_bytes * traits.block_elements);
  codec.decode(blocks.data(), values.size(), values.data());
  return values;
}

bool IsPlain(DType type) { return TraitsOf(type).block_elements == 1; }

class CodecTest : public ::testing::TestWithParam<Codec> {
 protected:
  const Codec& codec() const { return GetParam(); }
  const DTypeTraits& traits() const { return TraitsOf(codec().type); }
};

/// Types whose blocks hold several values; plain_test.cc checks every code of the others.
class BlockDecoderTest : public CodecTest {};

/// Types that something is encoded in, but for F32, which is a copy.
class EncoderTest : public CodecTest {};

TEST_P(BlockDecoderTest, DecodesGoldenBlocksToTheBit) {
  auto lines = ReadGolden(traits().name, "decode");
  ASSERT_EQ(lines.size(), 8u);
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string block_hex;
    std::string values_hex;
    lines[i].fields >> block_hex >> values_hex;
    const std::vector<std::byte> block = BytesOfHex(block_hex);
    const std::vector<float> expected = FloatsOfHex(values_hex);
    ASSERT_EQ(block.size(), traits().block_bytes);
    ASSERT_EQ(expected.size(), traits().block_elements);
    const std::vector<float> values = Decode(codec(), block);
    for (size_t j = 0; j < values.size(); ++j) {
      ASSERT_EQ(std::bit_cast<uint32_t>(values[j]), std::bit_cast<uint32_t>(expected[j]))
          << traits().name << " block " << i << " value " << j << ": " << values[j]
          << " instead of " << expected[j];
    }
  }
}

// A quarter of a million values a type: every code, scale and codebook entry occurs many times.
TEST_P(BlockDecoderTest, DecodesManyRandomBlocksToTheBit) {
  auto lines = ReadGolden(traits().name, "digest");
  ASSERT_EQ(lines.size(), 1u);
  uint64_t seed = 0;
  size_t n_blocks = 0;
  uint64_t expected = 0;
  lines[0].fields >> seed >> n_blocks >> expected;
  std::vector<std::byte> blocks = RandomBytes(seed, n_blocks * traits().block_bytes);
  // High bytes of f16 fields: with the exponent's top bit clear the scale is finite.
  for (size_t offset = 0; lines[0].fields >> offset;) {
    for (size_t b = 0; b < n_blocks; ++b) {
      blocks[b * traits().block_bytes + offset] &= std::byte{0xbf};
    }
  }
  const std::vector<float> values = Decode(codec(), blocks);
  EXPECT_GE(values.size(), 1u << 18);
  EXPECT_EQ(Digest(values.data(), values.size()), expected) << traits().name;
}

TEST_P(EncoderTest, EncodesGoldenRowsToTheByte) {
  auto lines = ReadGolden(traits().name, "encode");
  ASSERT_GE(lines.size(), 17u);
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string values_hex;
    std::string blocks_hex;
    lines[i].fields >> values_hex >> blocks_hex;
    const std::vector<float> values = FloatsOfHex(values_hex);
    ASSERT_EQ(values.size(), 32u);
    EXPECT_EQ(Hex(Encode(codec(), values)), blocks_hex) << traits().name << " row " << i;
  }
}

TEST_P(EncoderTest, EncodesManyRandomRowsToTheByte) {
  auto lines = ReadGolden(traits().name, "encode_digest");
  ASSERT_EQ(lines.size(), 1u);
  uint64_t seed = 0;
  size_t n_values = 0;
  uint64_t expected = 0;
  lines[0].fields >> seed >> n_values >> expected;
  std::vector<float> values(n_values);
  for (size_t i = 0; i < n_values; ++i) {
    const uint64_t word = SplitMix(seed, i + 1);
    const uint64_t exponent = ((word >> 1) & 15) + 119;  // 2^-8 .. 2^7
    values[i] =
        std::bit_cast<float>(static_cast<uint32_t>((word & 1) << 31 | exponent << 23 | word >> 41));
  }
  std::vector<std::byte> blocks = Encode(codec(), values);
  blocks.resize((blocks.size() + 3) / 4 * 4);
  EXPECT_EQ(Digest(blocks.data(), blocks.size() / 4), expected) << traits().name;
}

TEST_P(CodecTest, DecodesAtAnyAlignmentAndWritesOnlyItsValues) {
  const size_t n = traits().block_elements * size_t{3};
  const size_t n_bytes = traits().block_bytes * size_t{3};
  const std::vector<std::byte> aligned = RandomBytes(7, n_bytes);
  std::vector<float> expected(n);
  codec().decode(aligned.data(), n, expected.data());

  std::vector<std::byte> shifted(n_bytes + 1);
  std::memcpy(shifted.data() + 1, aligned.data(), n_bytes);
  constexpr float kCanary = 12345.0f;
  std::vector<float> values(n + 1, kCanary);
  codec().decode(shifted.data() + 1, n, values.data());
  EXPECT_EQ(std::memcmp(values.data(), expected.data(), n * sizeof(float)), 0) << traits().name;
  EXPECT_EQ(values[n], kCanary) << traits().name << " wrote past its values";
}

// The scale comes from an extreme value that decoding brings back up to f16 and f32 rounding, so a
// second round can move a value by such roundings only, never by a code.
TEST_P(EncoderTest, EncodingADecodedBlockKeepsItsValues) {
  std::mt19937 rng(20261123);
  std::normal_distribution<float> weight(0.0f, 0.05f);
  std::vector<float> values(32 * 64);
  for (float& value : values) value = weight(rng);

  const std::vector<float> once = Decode(codec(), Encode(codec(), values));
  const std::vector<float> twice = Decode(codec(), Encode(codec(), once));
  for (size_t b = 0; b < values.size(); b += 32) {
    float largest = 0.0f;
    for (size_t j = b; j < b + 32; ++j) largest = std::max(largest, std::fabs(once[j]));
    for (size_t j = b; j < b + 32; ++j) {
      // 2^-11 is half a unit of f16; scale and minimum each round once, IQ4_NL refits the scale.
      const float limit = IsPlain(codec().type) ? 0.0f : 3.0f * 0x1p-11f * largest;
      ASSERT_NEAR(twice[j], once[j], limit) << traits().name << " value " << j;
    }
  }
}

TEST_P(EncoderTest, EncoderStaysInItsBlocksForValuesOutsideTheContract) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> values(32, 1.0f);
  values[3] = std::numeric_limits<float>::quiet_NaN();
  values[7] = kInfinity;
  values[9] = -kInfinity;
  values[11] = std::numeric_limits<float>::denorm_min();
  const DTypeTraits& t = traits();
  const size_t n_bytes = 32 / t.block_elements * t.block_bytes;
  for (const bool tiny : {false, true}) {
    if (tiny) std::fill(values.begin(), values.end(), std::numeric_limits<float>::denorm_min());
    std::vector<std::byte> blocks(n_bytes + 1, std::byte{0xa5});
    codec().encode(values.data(), values.size(), blocks.data());
    EXPECT_EQ(blocks[n_bytes], std::byte{0xa5}) << t.name;
  }
}

// A value that a type cannot hold becomes a number, not infinity.
TEST_P(EncoderTest, FiniteValuesGiveFiniteBlocks) {
  const DTypeTraits& t = traits();
  constexpr float kLargest = std::numeric_limits<float>::max();
  for (const float extreme : {70144.0f, -1e6f, 1e30f, kLargest, -kLargest}) {
    for (const bool alone : {true, false}) {
      std::vector<float> values(32, alone ? 1e-3f : extreme);
      values[5] = extreme;
      const std::vector<std::byte> blocks = Encode(codec(), values);
      EXPECT_TRUE(AllFinite(t.type, blocks.data(), 32 / t.block_elements))
          << t.name << " of " << extreme << (alone ? " alone" : " only");
    }
  }
}

// What the reordering at load relies on: nothing is lost, nothing is copied twice.
TEST_P(CodecTest, GroupFieldsCoverEachByteOfAShareOnce) {
  if (codec().group_fields.empty()) {
    EXPECT_EQ(codec().tile_cols, traits().block_elements);
    return;
  }
  ASSERT_EQ(codec().tile_cols % traits().block_elements, 0u);
  std::vector<int> times(codec().tile_cols / traits().block_elements * traits().block_bytes, 0);
  for (const GroupField& field : codec().group_fields) {
    EXPECT_TRUE(field.unit_bytes == 1 || field.unit_bytes == 2 || field.unit_bytes == 4);
    const size_t end = field.offset_bytes + size_t{field.unit_bytes} * field.n_units;
    ASSERT_LE(end, times.size());
    for (size_t i = field.offset_bytes; i < end; ++i) ++times[i];
  }
  for (size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(times[i], 1) << traits().name << " byte " << i;
  }
}

std::vector<Codec> CodecsWith(bool (*wanted)(const Codec&)) {
  std::vector<Codec> codecs;
  std::copy_if(AllCodecs().begin(), AllCodecs().end(), std::back_inserter(codecs), wanted);
  return codecs;
}

std::string TypeName(const ::testing::TestParamInfo<Codec>& test) {
  return std::string(TraitsOf(test.param.type).name);
}

INSTANTIATE_TEST_SUITE_P(Types, CodecTest,
                         ::testing::ValuesIn(AllCodecs().begin(), AllCodecs().end()), TypeName);
INSTANTIATE_TEST_SUITE_P(Types, BlockDecoderTest,
                         ::testing::ValuesIn(CodecsWith([](const Codec& codec) {
                           return !IsPlain(codec.type);
                         })),
                         TypeName);
INSTANTIATE_TEST_SUITE_P(Types, EncoderTest, ::testing::ValuesIn(CodecsWith([](const Codec& codec) {
                           return codec.encode != nullptr && codec.type != DType::kF32;
                         })),
                         TypeName);

TEST(CodecTableTest, IsAscendingAndFindsItsRows) {
  for (size_t i = 0; i < AllCodecs().size(); ++i) {
    const Codec& row = AllCodecs()[i];
    EXPECT_EQ(FindCodec(row.type), &row);
    EXPECT_NE(row.decode, nullptr);
    if (i > 0) {
      EXPECT_LT(AllCodecs()[i - 1].type, row.type);
    }
  }
}

TEST(CodecTableTest, HasEveryTypeThatStoresWeights) {
  for (const DTypeTraits& traits : AllDTypes()) {
    const DType t = traits.type;
    const bool stores_weights = t != DType::kQ8_1 && t != DType::kQ8_K && t != DType::kI8 &&
                                t != DType::kI16 && t != DType::kI32 && t != DType::kI64;
    EXPECT_EQ(FindCodec(t) != nullptr, stores_weights) << traits.name;
  }
}

TEST(CodecIq4NlTest, EncodesZerosAsZeros) {
  const Codec* codec = FindCodec(DType::kIQ4_NL);
  const std::vector<std::byte> block = Encode(*codec, std::vector<float>(32, 0.0f));
  EXPECT_EQ(Hex(block), std::string(36, '0'));
}

}  // namespace
}  // namespace altteul::kernels

// SPDX-License-Identifier: Apache-2.0

// Resting forms: what GroupRows writes, and that DecodeRow finds every row again. The products have
// their tests beside each instruction set.

#include "kernels/linear.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "kernels/codecs/codec.h"

namespace altteul::kernels {
namespace {

std::vector<std::byte> RandomRows(DType type, size_t rows, size_t cols) {
  std::vector<std::byte> bytes(rows * *RowBytes(type, cols));
  std::mt19937 rng(20261123);
  // 0x00..0x3f: no f16, bf16 or f32 of such bytes is infinite, negative or NaN.
  for (std::byte& b : bytes) b = static_cast<std::byte>(rng() % 64);
  return bytes;
}

std::vector<const Codec*> GroupedCodecs() {
  std::vector<const Codec*> codecs;
  for (const Codec& codec : AllCodecs()) {
    if (!codec.group_fields.empty()) codecs.push_back(&codec);
  }
  return codecs;
}

class GroupingTest : public ::testing::TestWithParam<const Codec*> {
 protected:
  const Codec& codec() const { return *GetParam(); }
  DType type() const { return codec().type; }
};

TEST_P(GroupingTest, DecodesEveryRowAsTheFileHasIt) {
  for (const size_t rows : {size_t{1}, size_t{15}, size_t{16}, size_t{17}, size_t{40}}) {
    for (const size_t n_tiles : {size_t{1}, size_t{2}, size_t{5}}) {
      const size_t cols = n_tiles * codec().tile_cols;
      const size_t row_bytes = *RowBytes(type(), cols);
      const std::vector<std::byte> file = RandomRows(type(), rows, cols);
      const size_t n_bytes = GroupedBytes(type(), rows, cols);
      EXPECT_EQ(n_bytes, (rows + 15) / 16 * 16 * row_bytes);
      std::vector<std::byte> groups(n_bytes + 1, std::byte{0xa5});
      GroupRows(type(), file.data(), 0, rows, cols, groups.data());
      EXPECT_EQ(groups[n_bytes], std::byte{0xa5}) << "wrote past the last group";

      const WeightMatrix w{.type = type(),
                           .form = RestForm::kGroups16,
                           .rows = rows,
                           .cols = cols,
                           .data = groups.data()};
      const WeightMatrix as_file{.type = type(), .rows = rows, .cols = cols, .data = file.data()};
      std::vector<std::byte> scratch(row_bytes);
      std::vector<float> expected(cols), values(cols + 1, 12345.0f);
      for (size_t row = 0; row < rows; ++row) {
        codec().decode(file.data() + row * row_bytes, cols, expected.data());
        DecodeRow(w, row, values.data(), scratch);
        ASSERT_EQ(std::memcmp(values.data(), expected.data(), cols * sizeof(float)), 0)
            << "row " << row << " of [" << rows << ", " << cols << "]";
        ASSERT_EQ(values[cols], 12345.0f) << "wrote past the row";
        DecodeRow(as_file, row, values.data(), {});
        ASSERT_EQ(std::memcmp(values.data(), expected.data(), cols * sizeof(float)), 0)
            << "row " << row << " of the file";
      }
    }
  }
}

// The definition in codec.h, spelled out: [tile][field][unit][row][unit_bytes].
TEST_P(GroupingTest, PutsEachUnitWhereTheContractSays) {
  const size_t rows = 19;
  const size_t cols = 3 * size_t{codec().tile_cols};
  const size_t row_bytes = *RowBytes(type(), cols);
  const size_t share_bytes = row_bytes / 3;
  const std::vector<std::byte> file = RandomRows(type(), rows, cols);
  std::vector<std::byte> groups(GroupedBytes(type(), rows, cols), std::byte{0xa5});
  GroupRows(type(), file.data(), 0, rows, cols, groups.data());

  const std::byte* rest = groups.data();
  for (size_t group = 0; group < 2; ++group) {
    for (size_t tile = 0; tile < 3; ++tile) {
      for (const GroupField& field : codec().group_fields) {
        for (size_t i = 0; i < size_t{field.n_units} * 16 * field.unit_bytes; ++i, ++rest) {
          const size_t unit = i / field.unit_bytes / 16;
          const size_t row = group * 16 + i / field.unit_bytes % 16;
          const size_t offset = field.offset_bytes + unit * field.unit_bytes + i % field.unit_bytes;
          const std::byte expected =
              row < rows ? file[row * row_bytes + tile * share_bytes + offset] : std::byte{0};
          ASSERT_EQ(*rest, expected) << "group " << group << " tile " << tile << " unit " << unit
                                     << " of the field at " << field.offset_bytes;
        }
      }
    }
  }
  EXPECT_EQ(rest, groups.data() + groups.size());
}

TEST_P(GroupingTest, SlicesGiveTheSameBytesAsTheWhole) {
  const size_t rows = 55;
  const size_t cols = 2 * size_t{codec().tile_cols};
  const std::vector<std::byte> file = RandomRows(type(), rows, cols);
  std::vector<std::byte> whole(GroupedBytes(type(), rows, cols));
  GroupRows(type(), file.data(), 0, rows, cols, whole.data());
  std::vector<std::byte> slices(whole.size(), std::byte{0xa5});
  const size_t group_bytes = GroupedBytes(type(), 16, cols);
  GroupRows(type(), file.data(), 32, 23, cols, slices.data() + 2 * group_bytes);
  GroupRows(type(), file.data(), 0, 32, cols, slices.data());
  EXPECT_EQ(slices, whole);
}

INSTANTIATE_TEST_SUITE_P(Types, GroupingTest, ::testing::ValuesIn(GroupedCodecs()),
                         [](const ::testing::TestParamInfo<const Codec*>& test) {
                           return std::string(TraitsOf(test.param->type).name);
                         });

TEST(LinearScratchTest, HoldsEachUseAndDoesNotOverflow) {
  for (const size_t cols : {size_t{1}, size_t{32}, size_t{576}, size_t{1} << 31}) {
    const size_t bytes = LinearScratchBytes(cols);
    EXPECT_GE(bytes, 32 * cols + 2 * 32 * ((cols + 15) / 16) * sizeof(float)) << cols;
    EXPECT_GE(bytes, 16 * cols * sizeof(float) + cols * sizeof(double) + cols * sizeof(float))
        << cols;
  }
}

}  // namespace
}  // namespace altteul::kernels

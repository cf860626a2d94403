// SPDX-License-Identifier: Apache-2.0

#include "compress/input_squares.h"

#include <gtest/gtest.h>

#include "engine/test_model.h"

namespace altteul::compress {
namespace {

using engine::testing::TestFolder;

TEST(SquareSumsTest, MeansAreOverAllRows) {
  SquareSums sums(3);
  const std::vector<float> two = {1, 0, -2, 3, 0, 4}, one = {2, 0, 1};
  sums.Add(two);
  sums.Add(one);
  EXPECT_EQ(sums.Means(), (std::vector<float>{14.0f / 3, 0, 21.0f / 3}));
}

TEST(InputSquaresTest, MeansComeBackFromAWorkFolder) {
  const TestFolder folder;
  const Job job = {.input = {{"source", "a test"}}, .target = {}};
  WorkFolder work = std::move(WorkFolder::Create(folder.Path("x.work"), job, {})).value();
  const std::vector<float> means = {0.1f, 0, 1e30f};
  EXPECT_FALSE(FindMeans(&work, "blk.0.attn_q.weight", 3));
  ASSERT_TRUE(KeepMeans(&work, "blk.0.attn_q.weight", means).ok());
  EXPECT_EQ(FindMeans(&work, "blk.0.attn_q.weight", 3), means);
  EXPECT_FALSE(FindMeans(&work, "blk.0.attn_q.weight", 4)) << "of another width";
  EXPECT_FALSE(FindMeans(&work, "blk.1.attn_q.weight", 3));
  EXPECT_FALSE(work.FindText("blk.0.attn_q.weight")) << "is the survey's name";
}

TEST(InputSquaresTest, WithoutAFolderNothingIsKept) {
  ASSERT_TRUE(KeepMeans(nullptr, "a", std::vector<float>{1}).ok());
  EXPECT_FALSE(FindMeans(nullptr, "a", 1));
}

TEST(InputSquaresTest, AnImportanceMatrixSaysOfWhatItWasMade) {
  const InputSquares squares = {.means = {{"a", {1, 2}}, {"b", {3}}}, .tokens = 96};
  const formats::Imatrix imatrix = ImatrixOf(squares, {"x.txt"}, 32);
  EXPECT_EQ(imatrix.chunk_count, 3u);
  EXPECT_EQ(imatrix.chunk_size, 32u);
  EXPECT_EQ(imatrix.datasets, std::vector<std::string>{"x.txt"});
  ASSERT_EQ(imatrix.entries.size(), 2u);
  EXPECT_EQ(imatrix.entries.at("a").mean_squares, (std::vector<float>{1, 2}));
  EXPECT_EQ(imatrix.entries.at("a").counts, std::vector<uint64_t>{96});
}

}  // namespace
}  // namespace altteul::compress

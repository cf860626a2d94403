// SPDX-License-Identifier: Apache-2.0

#include "tools/calibration_source.h"

#include <gtest/gtest.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <fstream>

#include "engine/test_model.h"

namespace altteul::tools {
namespace {

using engine::testing::kBos;
using engine::testing::TestFolder;
using engine::testing::TestModelOptions;
using engine::testing::WriteTestModel;

constexpr size_t kContext = 16;

class CalibrationSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const bool add_bos : {false, true}) {
      TestModelOptions options;
      options.add_bos = add_bos;
      const Status written =
          WriteTestModel(folder_.Path(add_bos ? "bos.gguf" : "plain.gguf"), options);
      ASSERT_TRUE(written.ok()) << written.message();
    }
    for (const char letter : {'a', 'b'}) {
      std::ofstream(folder_.Path(std::string(1, letter) + ".txt"))
          << std::string(40 * kContext, letter);
    }
    auto made = MakeRuntime({.threads = 2});
    ASSERT_TRUE(made.ok()) << made.status().message();
    runtime_ = std::move(made).value();
  }

  Calibration Read(const std::string& model, std::vector<std::string> options) {
    CLI::App app;
    CalibrationSource source;
    source.AddTo(app);
    std::reverse(options.begin(), options.end());  // as CLI11 takes them
    app.parse(options);
    auto read = source.Read(folder_.Path(model), kContext, true, *runtime_);
    EXPECT_TRUE(read.ok()) << read.status().message();
    return read.ok() ? std::move(read).value() : Calibration{};
  }
  std::string File(const std::string& name) const { return folder_.Path(name); }

  TestFolder folder_;
  std::unique_ptr<Runtime> runtime_;
};

/// Chunk by chunk: BOS at their beginnings, if the model has it, and nowhere else.
void ExpectBegun(const std::vector<text::TokenId>& ids, bool has_bos) {
  ASSERT_FALSE(ids.empty());
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(ids[i] == kBos, has_bos && i % kContext == 0) << i;
  }
}

TEST_F(CalibrationSourceTest, ChunksBeginAsTheModelsTextsDo) {
  for (const bool has_bos : {false, true}) {
    const Calibration given = Read(has_bos ? "bos.gguf" : "plain.gguf",
                                   {"--text", File("a.txt"), "--chunks", "3", "--held-out", "2"});
    EXPECT_EQ(given.text.fitted.size(), 3 * kContext);
    EXPECT_EQ(given.text.held_out.size(), 2 * kContext);
    ExpectBegun(given.text.fitted, has_bos);
    ExpectBegun(given.text.held_out, has_bos);
  }
}

TEST_F(CalibrationSourceTest, WeightsAreSharesOfTheChunks) {
  const Calibration given = Read("bos.gguf", {"--text", File("a.txt") + "=3", "--text",
                                              File("b.txt"), "--chunks", "8", "--held-out", "4"});
  ASSERT_EQ(given.text.fitted.size(), 8 * kContext);
  EXPECT_EQ(std::count(given.text.fitted.begin(), given.text.fitted.end(), 'a'),
            6 * (kContext - 1));
  EXPECT_EQ(std::count(given.text.fitted.begin(), given.text.fitted.end(), 'b'),
            2 * (kContext - 1));
  EXPECT_EQ(given.contents.size(), 2u);
  EXPECT_EQ(given.record.fitted_tokens, 8 * kContext);
  EXPECT_EQ(given.record.held_out_tokens, 4 * kContext);
}

}  // namespace
}  // namespace altteul::tools

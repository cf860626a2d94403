// SPDX-License-Identifier: Apache-2.0

#include "model/tensor_parts.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "formats/gguf_writer.h"
#include "formats/test_bytes.h"

namespace altteul::model {
namespace {

constexpr char kWhole[] = "blk.0.ffn_up_exps.weight";
constexpr uint64_t kParts = 3, kRows = 2, kCols = 4;

struct Made {
  const char* name;
  std::vector<uint64_t> dims;
};

class PartOfTest : public ::testing::Test {
 protected:
  /// Every tensor counts from 0 on.
  std::unique_ptr<const Checkpoint> Open(const std::vector<Made>& tensors) {
    formats::GgufWriter writer;
    writer.SetString("general.architecture", "llama");
    for (const Made& tensor : tensors) {
      Shape shape;
      for (const uint64_t dim : tensor.dims) shape.dims[shape.n_dims++] = dim;
      EXPECT_TRUE(writer.DeclareTensor(tensor.name, DType::kF32, shape).ok());
    }
    const std::string path = folder_.Path("model.gguf");
    EXPECT_TRUE(writer.Begin(path).ok());
    for (const Made& tensor : tensors) {
      uint64_t n = 1;
      for (const uint64_t dim : tensor.dims) n *= dim;
      std::vector<float> values(n);
      std::iota(values.begin(), values.end(), 0.0f);
      EXPECT_TRUE(writer.WriteTensorData(std::as_bytes(std::span(values))).ok());
    }
    EXPECT_TRUE(writer.Finish().ok());
    return std::move(Checkpoint::Open(path, {})).value();
  }

  static float First(const TensorView& view) {
    return *reinterpret_cast<const float*>(view.bytes.data());
  }

  formats::TempFolder folder_;
};

TEST_F(PartOfTest, AWholeTensorIsCut) {
  const auto file = Open({{kWhole, {kParts, kRows, kCols}}});
  for (size_t part = 0; part < kParts; ++part) {
    const auto view = PartOf(*file, kWhole, part, kParts);
    ASSERT_TRUE(view.ok()) << view.status().message();
    EXPECT_EQ(view.value().shape.ToString(), "[2, 4]");
    EXPECT_EQ(view.value().bytes.size(), kRows * kCols * sizeof(float));
    EXPECT_EQ(First(view.value()), static_cast<float>(part * kRows * kCols));
  }
}

TEST_F(PartOfTest, TensorsOfTheirOwnAreFound) {
  const auto file = Open({{"blk.0.ffn_up_exps.1.weight", {kRows, kCols}},
                          {"blk.0.ffn_up_exps.0.weight", {kRows, kCols}}});
  EXPECT_TRUE(PartOf(*file, kWhole, 0, 2).ok());
  EXPECT_TRUE(PartOf(*file, kWhole, 1, 2).ok());
  const auto missing = PartOf(*file, kWhole, 2, 3);
  EXPECT_EQ(missing.status().code(), ErrorCode::kCorruptFile);
  EXPECT_NE(missing.status().message().find("blk.0.ffn_up_exps.2.weight is missing"),
            std::string::npos)
      << missing.status().message();
}

TEST_F(PartOfTest, OtherNumbersAndShapesAreRefused) {
  const auto whole = Open({{kWhole, {kParts, kRows, kCols}}});
  const auto more = PartOf(*whole, kWhole, 0, kParts + 1);
  EXPECT_NE(more.status().message().find("[3, 2, 4], expected 4 matrices"), std::string::npos)
      << more.status().message();
  EXPECT_FALSE(PartOf(*Open({{kWhole, {kRows, kCols}}}), kWhole, 0, 1).ok());
  EXPECT_FALSE(PartOf(*Open({{"blk.0.ffn_up_exps.0.weight", {kCols}}}), kWhole, 0, 1).ok());
}

}  // namespace
}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

// Every type that can be written, over values that no type was made for: the file opens and all of
// it is finite, or its source is refused by tensor and row and no file is left.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "compress/plain_encoder.h"
#include "compress/recode.h"
#include "compress/source_exam.h"
#include "compute/cpu_compute.h"
#include "engine/test_model.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

using engine::testing::TestFolder;
using engine::testing::TestModelOptions;
using engine::testing::WriteTestModel;

constexpr const char* kName = "blk.0.attn_output.weight";  // [64, 256]
constexpr size_t kCols = 256, kRow = 3;                    // the row that is unusual
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Values {
  const char* name;
  std::optional<float> others;  ///< of the whole tensor; nothing: as they are
  float one;                    ///< in the middle of a row
};
constexpr Values kValues[] = {
    {"a NaN", {}, kNan},
    {"an infinity", {}, -kInfinity},
    {"70,144 in bf16", {}, 70144.0f},
    {"a block minimum of -1e6", {}, -1e6f},
    {"zeros", 0.0f, 0.0f},
    {"one huge among tiny ones", 1e-6f, 3e38f},
    {"tiny ones", 1e-9f, 1e-9f},
};

class UnusualValuesTest : public ::testing::TestWithParam<DType> {
 protected:
  static void Fill(std::byte* tensor, const Values& values) {
    if (values.others) {
      for (size_t i = 0; i < 64 * kCols; ++i) {
        std::memcpy(tensor + i * sizeof(float), &*values.others, sizeof(float));
      }
    }
    std::memcpy(tensor + (kRow * kCols + 77) * sizeof(float), &values.one, sizeof(float));
  }

  void Write(const Values& values) {
    TestModelOptions options;
    options.layers = 1;
    options.head_dim = 64;
    ASSERT_TRUE(WriteTestModel(Source(), options).ok());
    std::ifstream in(Source(), std::ios::binary);
    std::string file{std::istreambuf_iterator<char>(in), {}};
    {
      const auto checkpoint = model::Checkpoint::Open(Source()).value().release();
      const std::unique_ptr<const model::Checkpoint> owned(checkpoint);
      const auto bytes = owned->Find(kName)->bytes;
      const size_t at =
          file.find(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
      ASSERT_NE(at, std::string::npos);
      Fill(reinterpret_cast<std::byte*>(file.data() + at), values);
    }
    std::ofstream(Source(), std::ios::binary) << file;
  }

  /// @param examined  the rules know how large values are, as in the program
  Status Compress(bool examined) {
    ALT_ASSIGN_OR_RETURN(const auto source, model::Checkpoint::Open(Source()));
    ALT_ASSIGN_OR_RETURN(
        TypeRules rules,
        TypeRules::Create(DType::kF32, {"blk\\.0\\.attn_output=" + std::string(TypeName())}));
    if (examined) {
      ALT_ASSIGN_OR_RETURN(Magnitudes magnitudes, ExamineSource(*source, team_, {}));
      rules.KnowMagnitudes(std::move(magnitudes));
    }
    return Recode(*source, rules, {}, Out(), team_, {}).status();
  }

  void ExpectRefused(const Status& status, const Values& values) {
    EXPECT_EQ(status.code(), ErrorCode::kCorruptFile) << values.name;
    const std::string said = std::string("tensor ") + kName + " [64, 256], row 3: NaN or infinite";
    EXPECT_NE(status.message().find(said), std::string::npos) << status.message();
    EXPECT_FALSE(std::filesystem::exists(Out())) << values.name;
  }

  /// Opens it as `run` does.
  void ExpectSound(const Values& values, bool keeps) {
    compute::CpuCompute compute(*kernels::SelectKernels("", DetectCpuFeatures()).value(), team_);
    const auto opened = model::LoadModel(Out(), {}, compute, {});
    ASSERT_TRUE(opened.ok()) << values.name << ": " << opened.status().message();
    const TensorView& view = *opened.value()->file->Find(kName);
    if (!keeps || view.type == GetParam()) return;
    std::vector<float> row(kCols);
    kernels::FindCodec(view.type)->decode(view.bytes.data() + kRow * *RowBytes(view.type, kCols),
                                          kCols, row.data());
    EXPECT_NEAR(row[77] / values.one, 1.0, 0x1p-8)
        << values.name << " in " << TraitsOf(view.type).name;
  }

  std::string Source() const { return folder_.Path("source.gguf"); }
  std::string Out() const { return folder_.Path("out.gguf"); }
  static std::string_view TypeName() { return TraitsOf(GetParam()).name; }

  TestFolder folder_;
  ThreadTeam team_{2};
};

TEST_P(UnusualValuesTest, AFiniteFileThatOpensOrARefusalByName) {
  for (const Values& values : kValues) {
    Write(values);
    for (const bool examined : {true, false}) {
      std::filesystem::remove(Out());
      const Status status = Compress(examined);
      if (!std::isfinite(values.one)) {
        ExpectRefused(status, values);
        continue;
      }
      ASSERT_TRUE(status.ok()) << values.name << ": " << status.message();
      // Where values are known, one that the type cannot hold is kept in another.
      ExpectSound(values, examined && values.one != 0);
    }
  }
}

std::vector<DType> Written() {
  std::vector<DType> types;
  for (const kernels::Codec& codec : kernels::AllCodecs()) {
    if (CanEncodePlainly(codec.type)) types.push_back(codec.type);
  }
  return types;
}

INSTANTIATE_TEST_SUITE_P(Types, UnusualValuesTest, ::testing::ValuesIn(Written()),
                         [](const auto& each) { return std::string(TraitsOf(each.param).name); });

TEST(SourceExamTest, TellsTheLargestMagnitudeOfEachTensor) {
  const TestFolder folder;
  ThreadTeam team(3);
  ASSERT_TRUE(WriteTestModel(folder.Path("m.gguf"), TestModelOptions{}).ok());
  const auto source = std::move(model::Checkpoint::Open(folder.Path("m.gguf"))).value();
  const auto magnitudes = ExamineSource(*source, team, {});
  ASSERT_TRUE(magnitudes.ok()) << magnitudes.status().message();
  EXPECT_EQ(magnitudes.value().size(), source->tensors().size());
  EXPECT_EQ(magnitudes.value().at("output_norm.weight"), 1.0f);
  const TensorView& view = *source->Find("blk.1.ffn_down.weight");
  float largest = 0;
  for (size_t i = 0; i < view.shape.Elements(); ++i) {
    largest = std::max(largest, std::fabs(reinterpret_cast<const float*>(view.bytes.data())[i]));
  }
  EXPECT_EQ(magnitudes.value().at("blk.1.ffn_down.weight"), largest);
  EXPECT_EQ(CountLarger(view, largest, team), 0u);
  EXPECT_EQ(CountLarger(view, std::nextafterf(largest, 0), team), 1u);
}

TEST(SourceExamTest, CanBeInterrupted) {
  const TestFolder folder;
  ThreadTeam team(1);
  ASSERT_TRUE(WriteTestModel(folder.Path("m.gguf"), TestModelOptions{}).ok());
  const auto source = std::move(model::Checkpoint::Open(folder.Path("m.gguf"))).value();
  const auto stop = [](uint64_t done, uint64_t) { return done < 3; };
  EXPECT_EQ(ExamineSource(*source, team, stop).status().code(), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace altteul::compress

#include "compress/type_plan.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "engine/test_model.h"

namespace altteul::compress {
namespace {

using engine::testing::TestFolder;
using engine::testing::TestModelOptions;
using engine::testing::WriteTestModel;

/// What a tensor costs, less in larger types.
TensorSurvey SurveyOf(const std::string& name, const TensorView& tensor, double kl) {
  TensorSurvey survey{.name = name, .shape = tensor.shape, .source = tensor.type, .costs = {}};
  for (const DType type : {DType::kQ4_0, DType::kQ5_0, DType::kQ8_0}) {
    survey.costs.push_back({.type = type,
                            .bytes = *RowBytes(type, tensor.shape.cols()) * tensor.shape.rows(),
                            .error = 0,
                            .kl = kl});
    kl /= 4;
  }
  survey.measured = DType::kQ4_0;
  return survey;
}

// Metadata counts: what is planned is what the disk shows, whatever is written into the file.
TEST(TypePlanTest, APlannedFileHasItsBytes) {
  TestFolder folder;
  ASSERT_TRUE(WriteTestModel(folder.Path("source.gguf"), TestModelOptions{}).ok());
  const auto source = model::Checkpoint::Open(folder.Path("source.gguf")).value();
  ThreadTeam team(2);
  for (const size_t length : {0, 1, 31, 64}) {
    FileNotes notes = {{"altteul.target", std::string(length, 'x')},
                       {"altteul.calibration.tokens", uint64_t{1024}}};
    if (length == 0) notes.clear();
    std::vector<TensorSurvey> surveys;
    double kl = 0.001;
    for (const char* name : {"blk.0.attn_q.weight", "blk.0.ffn_up.weight", "blk.1.ffn_up.weight"}) {
      surveys.push_back(SurveyOf(name, *source->Find(name), kl *= 2));
    }
    const auto plan = TypePlan::Create(std::move(surveys), *source,
                                       TypeRules::Create(DType::kQ8_0, {}).value(), notes);
    ASSERT_TRUE(plan.ok()) << plan.status().message();
    for (const PlannedTypes& planned : plan.value().Front()) {
      const auto within = plan.value().Within(planned.file_bytes);
      ASSERT_TRUE(within.ok());
      EXPECT_LE(within.value().file_bytes, planned.file_bytes);
      const std::string out = folder.Path("out.gguf");
      const auto written =
          Recode(*source, plan.value().RulesFor(planned), {}, out, team, {}, notes);
      ASSERT_TRUE(written.ok()) << written.status().message();
      EXPECT_EQ(planned.file_bytes, std::filesystem::file_size(out)) << length;
      EXPECT_EQ(planned.file_bytes, written.value().file_bytes);
    }
  }
}

}  // namespace
}  // namespace altteul::compress

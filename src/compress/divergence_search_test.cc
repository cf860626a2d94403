// SPDX-License-Identifier: Apache-2.0

#include "compress/divergence_search.h"

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/test_model.h"

namespace altteul::compress {
namespace {

// A model whose files lose measured = scale * expected^power, and whose bytes fall with the loss.
DivergenceSearch SearchThrough(double most, double scale, double power) {
  DivergenceSearch search(most);
  while (const auto expected = search.Next()) {
    const double measured = scale * std::pow(*expected, power);
    const auto bytes = static_cast<uint64_t>(1e8 - 1e7 * std::log(*expected / 1e-3));
    search.Add({.expected = *expected, .measured = measured, .bytes = bytes});
  }
  return search;
}

TEST(DivergenceSearch, BeginsWithWhatWasAskedFor) {
  EXPECT_EQ(DivergenceSearch(0.03).Next(), 0.03);
}

TEST(DivergenceSearch, EndsWhenTheFirstRoundIsNearEnough) {
  const DivergenceSearch search = SearchThrough(0.03, 0.95, 1.0);
  EXPECT_EQ(search.rounds().size(), 1u);
  EXPECT_EQ(search.Best(), 0u);
}

TEST(DivergenceSearch, CorrectsExpectationsThatAreTooHighOrTooLow) {
  for (const double scale : {0.4, 0.7, 1.5, 3.0}) {
    for (const double power : {0.9, 1.0, 1.1}) {
      const DivergenceSearch search = SearchThrough(0.03, scale, power);
      ASSERT_TRUE(search.Best()) << scale << " " << power;
      const double measured = search.rounds()[*search.Best()].measured;
      EXPECT_LE(measured, 0.03);
      EXPECT_GE(measured, 0.9 * 0.03) << scale << " " << power;
      EXPECT_LE(search.rounds().size(), 3u);
    }
  }
}

TEST(DivergenceSearch, TakesTheSmallestFileWithinTheBound) {
  DivergenceSearch search(0.03);
  EXPECT_FALSE(search.Best());
  search.Add({.expected = 0.03, .measured = 0.04, .bytes = 70});
  EXPECT_FALSE(search.Best());
  search.Add({.expected = 0.02, .measured = 0.02, .bytes = 90});
  search.Add({.expected = 0.025, .measured = 0.0299, .bytes = 80});
  EXPECT_EQ(search.Best(), 2u);
  EXPECT_TRUE(search.Tried(70));
  EXPECT_FALSE(search.Tried(75));
}

TEST(DivergenceSearch, EndsWhereNothingIsLost) {
  DivergenceSearch search(0.03);
  search.Add({.expected = 0.0, .measured = 0.0, .bytes = 70});
  EXPECT_FALSE(search.Next());
  EXPECT_EQ(search.Best(), 0u);
}

TEST(DivergenceSearch, TakesAFileOfExactWeightsWhateverItsArithmeticLoses) {
  DivergenceSearch search(1e-9);
  search.Add({.expected = 0.0, .measured = 0.001, .bytes = 70});
  EXPECT_FALSE(search.Next());
  EXPECT_EQ(search.Best(), 0u);
}

TEST(DivergenceSearch, DoesNotTrustALossThatIsNoNumber) {
  DivergenceSearch search(0.03);
  search.Add({.expected = 0.03, .measured = std::nan(""), .bytes = 70});
  EXPECT_FALSE(search.Next());
  EXPECT_FALSE(search.Best());
}

using engine::testing::TestFolder;

/// A plan with many sizes, whose measured loss is its expected one times a factor.
class MixSearchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(engine::testing::WriteTestModel(folder_.Path("source.gguf"), {}).ok());
    source_ = model::Checkpoint::Open(folder_.Path("source.gguf")).value();
    std::vector<TensorSurvey> surveys;
    for (const auto& tensor : source_->tensors()) {
      if (tensor.view.shape.n_dims != 2) continue;
      TensorSurvey survey;
      survey.name = tensor.name;
      survey.shape = tensor.view.shape;
      survey.source = tensor.view.type;
      const double weight = 1 + static_cast<double>(surveys.size());
      const std::pair<DType, double> types[] = {
          {DType::kF32, 1e-6}, {DType::kQ8_0, 1e-4}, {DType::kQ5_0, 2e-3}, {DType::kQ4_0, 1e-2}};
      for (const auto& type : types) {
        const uint64_t bytes = survey.shape.rows() * *RowBytes(type.first, survey.shape.cols());
        survey.costs.push_back({type.first, bytes, type.second, weight * type.second});
      }
      surveys.push_back(std::move(survey));
    }
    auto rules = TypeRules::Create(DType::kQ8_0, {}).value();
    plan_.emplace(TypePlan::Create(std::move(surveys), *source_, std::move(rules)).value());
    most_ = plan_->Front()[plan_->Front().size() / 2].kl;
  }

  MixMaker Maker(double factor, size_t stop_at = SIZE_MAX) {
    return {.measure = [this, factor, stop_at](const PlannedTypes& mix) -> Result<double> {
              if (measured_.size() == stop_at) return Status(ErrorCode::kCancelled, "stopped");
              measured_.push_back(mix.file_bytes);
              return factor * mix.kl;
            },
            .take = [this] { taken_.push_back(measured_.back()); }};
  }

  Result<WorkFolder> Work() {
    return WorkFolder::Resume(folder_.Path("work"), {.input = {}, .target = {}}, {});
  }

  TestFolder folder_;
  std::unique_ptr<const model::Checkpoint> source_;
  std::optional<TypePlan> plan_;
  double most_ = 0;
  std::vector<uint64_t> measured_, taken_;  // bytes of the mixes
};

TEST_F(MixSearchTest, AFileIsSmallerWhereLessIsLostThanExpected) {
  const uint64_t by_expectation = plan_->ForDivergence(most_).value().file_bytes;
  ASSERT_TRUE(SearchMix(*plan_, most_, Maker(0.5), nullptr, {}).ok());
  ASSERT_FALSE(taken_.empty());
  EXPECT_EQ(measured_.front(), by_expectation);
  EXPECT_LT(taken_.back(), by_expectation);
  EXPECT_LE(0.5 * plan_->Within(taken_.back()).value().kl, most_);
  EXPECT_LE(measured_.size(), 3u);
}

TEST_F(MixSearchTest, AFileIsLargerWhereMoreIsLostThanExpected) {
  ASSERT_TRUE(SearchMix(*plan_, most_, Maker(2.0), nullptr, {}).ok());
  ASSERT_EQ(taken_.size(), 1u);
  EXPECT_GT(taken_.back(), measured_.front());
}

TEST_F(MixSearchTest, SaysTheLeastThatWasSeenWhereNothingIsWithin) {
  const Status status = SearchMix(*plan_, most_, Maker(1e9), nullptr, {});
  EXPECT_EQ(status.code(), ErrorCode::kQualityGate);
  EXPECT_NE(status.message().find("the least was"), std::string::npos) << status.message();
  EXPECT_TRUE(taken_.empty());
}

TEST_F(MixSearchTest, StoppedWorkGoesOnAndGivesTheSame) {
  ASSERT_TRUE(SearchMix(*plan_, most_, Maker(0.5), nullptr, {}).ok());
  const std::vector<uint64_t> whole = std::exchange(measured_, {});
  const uint64_t result = std::exchange(taken_, {}).back();
  for (size_t stop = 0; stop < whole.size(); ++stop) {
    {
      auto work = Work();
      ASSERT_TRUE(work.ok()) << work.status().message();
      const Status stopped = SearchMix(*plan_, most_, Maker(0.5, stop), &work.value(), {});
      EXPECT_EQ(stopped.code(), ErrorCode::kCancelled);
      measured_.clear();
    }
    auto work = Work();
    ASSERT_TRUE(work.ok()) << work.status().message();
    ASSERT_TRUE(SearchMix(*plan_, most_, Maker(0.5), &work.value(), {}).ok());
    EXPECT_EQ(measured_.front(), whole[stop]) << "after " << stop << " rounds";
    EXPECT_EQ(taken_.back(), result);
    ASSERT_TRUE(work.value().Finish().ok());
    measured_.clear();
    taken_.clear();
  }
}

TEST_F(MixSearchTest, ARoundForgetsWhatAnEarlierOneEncoded) {
  auto work = Work();
  ASSERT_TRUE(work.ok()) << work.status().message();
  constexpr Shape kShape{.n_dims = 2, .dims = {1, 32}};
  MixMaker maker = Maker(0.5);
  maker.measure = [&, measure = maker.measure](const PlannedTypes& mix) -> Result<double> {
    EXPECT_FALSE(work.value().FindTensor("one", DType::kQ8_0, kShape));
    auto tensor = work.value().NewTensor("one", DType::kQ8_0, kShape);
    EXPECT_TRUE(tensor.ok() && work.value().KeepTensor("one", kShape, tensor.value()).ok());
    return measure(mix);
  };
  ASSERT_TRUE(SearchMix(*plan_, most_, maker, &work.value(), {}).ok());
  EXPECT_GT(measured_.size(), 1u);
}

}  // namespace
}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

// The two real models against llama.cpp's numbers (tests/golden/MANIFEST.md): ids of texts, logits
// and greedy answers in f32, and how far the fast path lies from it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "engine/prompt_lookup.h"
#include "engine/session.h"
#include "eval/evaluate.h"
#include "support/test_models.h"

namespace altteul::tests {
namespace {

using kernels::KernelTable;
using kernels::Precision;
using nlohmann::json;
using text::TokenId;

json ReadGolden(const std::string& name) {
  std::ifstream file(GoldenFolder() / name);
  return json::parse(file);
}

std::string ToHex(const std::string& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += {kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return hex;
}

class RealModelsTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::string Name() const { return GetParam(); }

  /// Skips the test when the file is not there.
  void SetUp() override {
    std::string why_not;
    const auto path = RealModel(Name() + ".gguf", &why_not);
    if (!path) GTEST_SKIP() << why_not;
    path_ = *path;
  }

  std::string path_;
  ThreadTeam team_{OnlineThreads()};

 private:
  static int OnlineThreads() {
    return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 16u));
  }
};
class RealModelsSlowTest : public RealModelsTest {};

TEST_P(RealModelsTest, TokenizerGivesLlamaCppsIds) {
  const auto file = model::Checkpoint::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status().message();
  auto spec = file.value()->ReadTokenizer({});
  ASSERT_TRUE(spec.ok()) << spec.status().message();
  const auto made = text::MakeTokenizer(std::move(spec).value());
  ASSERT_TRUE(made.ok()) << made.status().message();
  const text::Tokenizer& tokenizer = *made.value();
  const json golden = ReadGolden(Name() + "_tokenizer.json")["tokenizer"];
  ASSERT_GE(golden.size(), 30u);
  for (const json& one : golden) {
    const auto text = one["text"].get<std::string>();
    size_t n_dropped = 0;
    const auto ids =
        tokenizer.Encode(text, {.parse_special = false, .n_dropped_bytes = &n_dropped});
    const auto special =
        tokenizer.Encode(text, {.parse_special = true, .n_dropped_bytes = &n_dropped});
    ASSERT_TRUE(ids.ok() && special.ok()) << one.dump();
    EXPECT_EQ(ids.value(), one["ids"].get<std::vector<TokenId>>()) << one.dump();
    EXPECT_EQ(special.value(), one["ids_special"].get<std::vector<TokenId>>()) << one.dump();
    EXPECT_EQ(ToHex(tokenizer.Decode(ids.value(), false)),
              one["detokenized_hex"].get<std::string>())
        << one.dump();
  }
}

double LogSumExp(std::span<const float> logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - top);
  return top + std::log(sum);
}

std::string JudgeText() {
  std::ifstream file(std::string(ALT_SOURCE_DIR) + "/docs/texts/judge.txt");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Its tokens, without a beginning or an end.
std::vector<TokenId> JudgeTokens(const model::Model& model) {
  const auto ids = model.tokenizer->Encode(JudgeText(), {});
  EXPECT_TRUE(ids.ok()) << ids.status().message();
  return ids.value();
}

/// One golden prompt: its logits, then the greedy answer with each token given the ones before it,
/// up to the first whose margin rounding could turn around. `worst` takes the largest deviation.
void ExpectGoldenPrompt(const json& golden, const model::Model& model, compute::Compute& compute,
                        double* worst) {
  constexpr double kTolerance = 2e-3;  // llama.cpp's sums are f32 in another order
  constexpr double kSafeMargin = 0.01;
  const auto prompt = golden["ids"].get<std::vector<TokenId>>();
  const auto greedy = golden["greedy"].get<std::vector<TokenId>>();
  const auto margins = golden["greedy_margin"].get<std::vector<double>>();
  const auto close = std::find_if(margins.begin(), margins.end(),
                                  [](double margin) { return margin < kSafeMargin; });
  const auto n_greedy = static_cast<size_t>(close - margins.begin());
  std::vector<TokenId> tokens = prompt;
  tokens.insert(tokens.end(), greedy.begin(), greedy.begin() + static_cast<ptrdiff_t>(n_greedy));

  const size_t vocabulary = model.config.vocabulary;
  const auto logits = AllLogits(model, compute, tokens, {.context = tokens.size()});
  ASSERT_EQ(logits.size(), tokens.size() * vocabulary);
  const auto row = [&](size_t i) { return std::span(logits).subspan(i * vocabulary, vocabulary); };
  const auto expect_near = [&](double got, double expected, double limit, size_t position) {
    EXPECT_NEAR(got, expected, limit)
        << golden["prompt"].dump() << ", position " << position << ", " << compute.kernels().name;
    *worst = std::max(*worst, std::abs(got - expected));
  };
  for (size_t i = 0; i < prompt.size(); ++i) {
    expect_near(LogSumExp(row(i)), golden["logsumexp"][i].get<double>(), kTolerance, i);
    for (const json& top : golden["top"][i]) {
      expect_near(row(i)[top[0].get<size_t>()], top[1].get<double>(), kTolerance, i);
    }
  }
  for (size_t i = 0; i < n_greedy; ++i) {
    const auto here = row(prompt.size() - 1 + i);
    const auto best = std::max_element(here.begin(), here.end());
    ASSERT_EQ(static_cast<TokenId>(best - here.begin()), greedy[i])
        << golden["prompt"].dump() << ", answer's token " << i << ", " << compute.kernels().name;
    float second = -std::numeric_limits<float>::infinity();
    for (auto it = here.begin(); it != here.end(); ++it) {
      if (it != best) second = std::max(second, *it);
    }
    expect_near(static_cast<double>(*best) - static_cast<double>(second), margins[i],
                2 * kTolerance, prompt.size() + i);
  }
}

TEST_P(RealModelsSlowTest, LogitsAndGreedyAnswersAreLlamaCpps) {
  const json golden = ReadGolden(Name() + "_logits.json")["logits"];
  ASSERT_EQ(golden.size(), 5u);
  for (const KernelTable* kernels : KernelsHere()) {
    compute::CpuCompute compute(*kernels, team_);
    const auto model = LoadBare(path_, compute, Precision::kF32);
    ASSERT_TRUE(model.ok()) << model.status().message();
    double worst = 0;
    for (const json& prompt : golden) {
      ExpectGoldenPrompt(prompt, *model.value(), compute, &worst);
      if (HasFatalFailure()) return;
    }
    RecordProperty("largest_" + std::string(kernels->name), std::to_string(worst));
  }
}

// What users run, 8-bit or bf16 activations and an f16 cache, beside the reference in f32.
TEST_P(RealModelsSlowTest, FastPathIsNearTheReference) {
  constexpr eval::EvaluateOptions kOptions{.context = 128, .max_chunks = 2};
  compute::CpuCompute plain(kernels::kReferenceKernels, team_);
  const auto truth = model::LoadModel(path_, {.precision = Precision::kF32}, plain, LogSink());
  ASSERT_TRUE(truth.ok()) << truth.status().message();
  const auto ids = truth.value()->tokenizer->Encode(JudgeText(), {.add_bos_eos = true});
  ASSERT_TRUE(ids.ok()) << ids.status().message();
  const auto reference =
      engine::Forward::Create(*truth.value(), plain, kOptions.context, kOptions.context);
  ASSERT_TRUE(reference.ok()) << reference.status().message();

  for (const KernelTable* kernels : KernelsHere()) {
    if (kernels == &kernels::kReferenceKernels) continue;
    compute::CpuCompute compute(*kernels, team_);
    const auto fast = model::LoadModel(path_, {.precision = Precision::kFast}, compute, LogSink());
    ASSERT_TRUE(fast.ok()) << fast.status().message();
    const auto candidate =
        engine::Forward::Create(*fast.value(), compute, kOptions.context, kOptions.context);
    ASSERT_TRUE(candidate.ok()) << candidate.status().message();
    const auto result =
        eval::Evaluate({.candidate = candidate.value().get(), .reference = reference.value().get()},
                       ids.value(), kOptions, team_, ProgressSink());
    ASSERT_TRUE(result.ok()) << result.status().message();
    EXPECT_EQ(result.value().chunks, 2u);
    EXPECT_LT(result.value().divergence->mean, 0.01) << kernels->name;
    EXPECT_GT(result.value().divergence->same_top, 0.9) << kernels->name;
    RecordProperty("kl_" + std::string(kernels->name),
                   std::to_string(result.value().divergence->mean));
  }
}

// The gate of the smaller caches. Measured over 8 chunks of 512: q8_0 0.003 and 0.002 (SmolLM2,
// Gemma), q4_0 0.039 and 0.13; without the turn SmolLM2's q4_0 is 0.13.
TEST_P(RealModelsSlowTest, SmallerCachesStayNearTheReference) {
  compute::CpuCompute compute(*KernelsHere().back(), team_);
  const auto load = [&](Precision precision) {
    return model::LoadModel(path_, {.precision = precision}, compute, LogSink());
  };
  const auto truth = load(Precision::kF32);
  const auto fast = load(Precision::kFast);
  ASSERT_TRUE(truth.ok() && fast.ok());
  const auto ids = truth.value()->tokenizer->Encode(JudgeText(), {.add_bos_eos = true});
  ASSERT_TRUE(ids.ok()) << ids.status().message();
  constexpr size_t kContext = 512;
  const auto reference = engine::Forward::Create(*truth.value(), compute, kContext, kContext);
  const auto candidate = engine::Forward::Create(*fast.value(), compute, kContext, kContext);
  ASSERT_TRUE(reference.ok() && candidate.ok());

  struct Gate {
    kernels::KvType type;
    double limit;
  };
  const double q4_limit = Name() == "gemma" ? 0.25 : 0.08;
  for (const Gate gate : {Gate{kernels::KvType::kBF16, 0.01}, Gate{kernels::KvType::kQ8_0, 0.01},
                          Gate{kernels::KvType::kQ4_0, q4_limit}}) {
    const auto result = eval::Evaluate(
        {.candidate = candidate.value().get(), .reference = reference.value().get()}, ids.value(),
        {.context = kContext, .max_chunks = 2, .kv_type = gate.type}, team_, ProgressSink());
    ASSERT_TRUE(result.ok()) << result.status().message();
    const std::string type(kernels::KvTypeName(gate.type));
    EXPECT_LT(result.value().divergence->mean, gate.limit) << type;
    RecordProperty("kl_" + type, std::to_string(result.value().divergence->mean));
  }
}

// A text that was begun a second time: much to look up, and longer than Gemma's windows of 512.
TEST_P(RealModelsSlowTest, LookingUpChangesNoAnswer) {
  compute::CpuCompute compute(*KernelsHere().back(), team_);
  const auto model = model::LoadModel(path_, {.precision = Precision::kFast}, compute, LogSink());
  ASSERT_TRUE(model.ok()) << model.status().message();
  const std::vector<TokenId> ids = JudgeTokens(*model.value());
  std::vector<TokenId> prompt(ids.begin(), ids.begin() + 600);
  prompt.insert(prompt.end(), prompt.begin(), prompt.begin() + 30);

  constexpr size_t kContext = 1024;
  const auto forward = engine::Forward::Create(*model.value(), compute, 128, kContext);
  ASSERT_TRUE(forward.ok()) << forward.status().message();
  const SteadyClock clock;
  engine::GenerateOptions options{.max_tokens = 60, .ignore_end = true, .stop = {}};
  const auto answer = [&](float temperature, engine::Speculator* speculator) {
    engine::SamplerOptions sampling;
    sampling.temperature = temperature;
    auto sampler = engine::Sampler::Create(sampling, model.value()->config.vocabulary).value();
    auto session =
        std::move(engine::Session::Create(*forward.value(), clock, kernels::KvType::kF16, kContext))
            .value();
    EXPECT_TRUE(session.SetPrompt(prompt).ok());
    options.speculator = speculator;
    auto result = session.Generate(options, sampler, {});
    EXPECT_TRUE(result.ok()) << result.status().message();
    return std::move(result).value();
  };
  for (const float temperature : {0.0f, 0.8f}) {
    engine::PromptLookup lookup(16);
    const engine::Generated guessed = answer(temperature, &lookup);
    EXPECT_EQ(guessed.ids, answer(temperature, nullptr).ids) << "temperature " << temperature;
    EXPECT_GT(guessed.proposed_tokens, 0u);
  }
}

// Two prompts with 1,000 tokens in common: the second computes what differs, and has the bits that
// it has alone. Gemma's windows of 512 have let go of half of the first one's pages by then.
TEST_P(RealModelsSlowTest, ABeginningOfAThousandTokensIsComputedOnce) {
  compute::CpuCompute compute(*KernelsHere().back(), team_);
  const auto model = model::LoadModel(path_, {.precision = Precision::kFast}, compute, LogSink());
  ASSERT_TRUE(model.ok()) << model.status().message();
  const std::vector<TokenId> ids = JudgeTokens(*model.value());
  constexpr size_t kCommon = 1000, kRest = 20, kContext = 1100, kRows = 128;
  ASSERT_GE(ids.size(), 1400 + kRest);
  const auto prompt = [&](size_t rest_at) {
    std::vector<TokenId> all(ids.begin(), ids.begin() + kCommon);
    all.insert(all.end(), ids.begin() + rest_at, ids.begin() + rest_at + kRest);
    return all;
  };

  const auto forward = engine::Forward::Create(*model.value(), compute, kRows, kContext);
  ASSERT_TRUE(forward.ok()) << forward.status().message();
  const SteadyClock clock;
  engine::PagePool pool(compute);
  const auto new_sequence = [&] {
    return engine::Sequence(
        *model.value(), clock,
        std::move(engine::KvCache::CreateIn(pool, model.value()->config, kernels::KvType::kF16,
                                            kContext, kRows))
            .value());
  };
  const engine::GenerateOptions options{.max_tokens = 12, .ignore_end = true, .stop = {}};
  auto sampler = engine::Sampler::Create({}, model.value()->config.vocabulary).value();
  const auto answer = [&](engine::Sequence& sequence) {
    engine::Scheduler scheduler(*forward.value(), clock);
    scheduler.Add(sequence);
    EXPECT_TRUE(sequence.BeginAnswer(options, sampler, {}).ok());
    while (scheduler.Step()) continue;
    return std::pair(std::move(sequence.TakeResult().ids), scheduler.meter().rows);
  };

  engine::Sequence first = new_sequence(), second = new_sequence(), alone = new_sequence();
  ASSERT_TRUE(first.SetPrompt(prompt(1200)).ok());
  EXPECT_EQ(answer(first).second, kCommon + kRest + 11);
  ASSERT_TRUE(second.SetPrompt(prompt(1400)).ok());
  EXPECT_EQ(second.ShareBeginning(first), kCommon);
  const auto [ids_of_second, rows_of_second] = answer(second);
  EXPECT_EQ(rows_of_second, kRest + 11);
  EXPECT_EQ(ids_of_second.size(), 12u);
  ASSERT_TRUE(alone.SetPrompt(prompt(1400)).ok());
  EXPECT_EQ(answer(alone).first, ids_of_second);
}

std::string ModelName(const ::testing::TestParamInfo<const char*>& one) { return one.param; }

INSTANTIATE_TEST_SUITE_P(Models, RealModelsTest, ::testing::Values("smollm2", "gemma"), ModelName);
INSTANTIATE_TEST_SUITE_P(Models, RealModelsSlowTest, ::testing::Values("smollm2", "gemma"),
                         ModelName);

}  // namespace
}  // namespace altteul::tests

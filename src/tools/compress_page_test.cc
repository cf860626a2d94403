// SPDX-License-Identifier: Apache-2.0

#include "tools/compress_page.h"

#include <gtest/gtest.h>

#include "engine/test_model.h"
#include "tools/compress_json.h"

namespace altteul::tools {
namespace {

using compress::TensorSurvey;

constexpr const char* kHostile = "\"><script>alert(1)</script><img src=http://evil.example>'&";

JudgedText Judged(const std::string& name, double kl) {
  JudgedText text{.name = name, .evaluation = {}};
  eval::Evaluation& e = text.evaluation;
  e.chunks = 20;
  e.scored_tokens = 5100;
  e.perplexity = 22.5;
  e.perplexity_stderr = 0.25;
  e.perplexity_reference = 21.5;
  e.bits_per_byte = 1.0625;
  e.bits_per_byte_reference = 1.03125;
  eval::Divergence d;
  d.mean = kl;
  d.stderr_ = kl / 16;
  d.p50 = 0.011;
  d.p90 = 0.12;
  d.p95 = 0.13;
  d.p99 = 0.14;
  d.p999 = 0.15;
  d.max = 1.25;
  d.same_top = 0.875;
  e.divergence = d;
  return text;
}

Judgement FullJudgement(const std::string& word) {
  Judgement j;
  j.texts = {Judged(word, 0.0625), Judged(kHeldOut, 0.05)};
  j.speed = {{.spec = {.kind = SeriesSpec::Kind::kPrompt, .tokens = 128},
              .before = {100, 110, 120},
              .after = {200, 230, 240}},
             {.spec = {.kind = SeriesSpec::Kind::kAnswer, .tokens = 32},
              .before = {10, 10, 10},
              .after = {30, 30, 30}}};
  j.weight_bytes_before = 269'000'000;
  j.weight_bytes_after = 91'000'000;
  j.kv = {{.type = kernels::KvType::kF16, .bytes = 94'000'000, .divergence = {}},
          {.type = kernels::KvType::kQ8_0, .bytes = 50'000'000, .divergence = {}}};
  j.kv[1].divergence.mean = 0.0003;
  j.samples = {{.prompt = word, .before = word + "b", .after = "after\nline"}};
  return j;
}

/// Of a mix of types when `mixed`; every text of others is `word`.
CompressionRecord RecordOf(const std::string& word, bool mixed) {
  CompressionRecord record;
  record.model = record.out = record.command = record.processor = record.isa = word;
  record.version = "1.2.3";
  record.threads = 2;
  record.recoded.file_bytes = 91'700'000;
  record.recoded.source_bytes = 271'000'000;
  record.recoded.bits_per_weight = 5.4375;
  record.recoded.source_bits_per_weight = 16.0;
  record.recoded.tensors = {{.name = word,
                             .shape = {},
                             .from = DType::kF16,
                             .to = DType::kQ4_K,
                             .from_bytes = 100,
                             .to_bytes = 30,
                             .note = word}};
  record.calibration = {.file = word,
                        .sha256 = "ca11",
                        .text_tokens = 9000,
                        .fitted_tokens = 8192,
                        .held_out_tokens = 512};
  record.source_files = {{.name = word, .sha256 = "5000"}};
  record.result_sha256 = "7e50";
  record.judge_texts = {{.name = word, .file = word, .sha256 = "9d6e", .text = {}, .ids = {}},
                        {.name = kHeldOut, .file = {}, .sha256 = {}, .text = {}, .ids = {}}};
  record.judgement = FullJudgement(word);
  if (!mixed) return record;

  engine::testing::TestFolder folder;
  const std::string path = folder.Path("m.gguf");
  EXPECT_TRUE(engine::testing::WriteTestModel(path, {}).ok());
  const auto source = model::Checkpoint::Open(path).value();
  std::vector<TensorSurvey> surveys;
  for (const std::string& name :
       {std::string("blk.0.attn_q.weight"), std::string("blk.1.attn_q.weight"),
        std::string("token_embd.weight"), "blk.0." + word, "blk.99999999999999999999." + word}) {
    TensorSurvey survey{.name = name, .shape = {}, .source = DType::kF16, .costs = {}};
    survey.measured = DType::kQ4_0;
    survey.interpolated = name.starts_with("blk.1.");
    survey.costs = {{.type = DType::kQ4_0, .bytes = 18, .error = 0, .kl = 0.02},
                    {.type = DType::kQ8_0, .bytes = 34, .error = 0, .kl = 0.0004}};
    surveys.push_back(std::move(survey));
  }
  auto plan = compress::TypePlan::Create(std::move(surveys), *source,
                                         compress::TypeRules::Create(DType::kQ8_0, {}).value());
  EXPECT_TRUE(plan.ok()) << plan.status().message();
  record.plan = std::move(plan).value();
  record.chosen = record.plan->Front().front();
  compress::RefinedMix mix;
  mix.before = {.mean = 0.0712, .standard_error = 0.0013};
  mix.after = {.mean = 0.0633, .standard_error = 0.0011};
  mix.gain = {.mean = 0.0079, .standard_error = 0.0004};
  mix.n_chunks = 16;
  mix.tried = {{.tensors = {{.name = "blk.7." + word, .from = DType::kQ4_K, .to = DType::kQ5_K},
                            {.name = "blk.9.ffn_up", .from = DType::kQ4_0, .to = DType::kQ3_K}},
                .gain = {.mean = 0.0079, .standard_error = 0.0004},
                .is_taken = true},
               {.tensors = {{.name = "blk.8.left", .from = DType::kQ4_K, .to = DType::kQ5_K}},
                .gain = {.mean = 0.0001, .standard_error = 0.0004},
                .is_taken = false}};
  record.swaps = {.mix = std::move(mix), .text_tokens = 2048, .is_judged = false};
  return record;
}

size_t Count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(CompressPageTest, ShowsEveryFigure) {
  const std::string html = CompressionHtml(RecordOf("wiki", true));
  for (const char* part : {"91.7 MB",
                           "271.0 MB",
                           "0.338",
                           "5.44",
                           "16.00",  // sizes
                           "21.500",
                           "22.500 ± 0.250",
                           "1.0312",
                           "1.0625",  // perplexity, bits a byte
                           "0.06250 ± 0.00391",
                           "87.50 %",  // KL, same top token
                           "0.011",
                           "0.12",
                           "0.13",
                           "0.14",
                           "0.15",
                           "1.25",  // percentiles
                           "prompt of 128, tokens a second",
                           "110.0",
                           "230.0",
                           "2.000",  // speed
                           "answer of 32",
                           "3.000",
                           "269.0 MB",
                           "91.0 MB",
                           "363.0 MB",  // memory
                           "-ctk q8_0",
                           "94.0 MB",
                           "50.0 MB",  // KV cache
                           "after\nline",
                           "wikib",  // samples
                           "5000",
                           "ca11",
                           "9d6e",
                           "7e50",
                           "Altteul 1.2.3",  // provenance
                           "the mix that was chosen",
                           "measured on wiki",  // front
                           "2 tried, 1 taken",
                           "2,048 tokens",
                           "0.07120 +/- 0.00130 before",
                           "0.06330 +/- 0.00110 after",
                           "0.00790 +/- 0.00040 less",
                           "blk.7.wiki Q4_K to Q5_K, blk.9.ffn_up Q4_0 to Q3_K",
                           "-0.007900 ± 0.000400",  // swaps
                           "attn_q",
                           "token_embd.weight",
                           "KL 0.02 (measured)",
                           "KL 0.02 (by other layers)"}) {  // heat map
    EXPECT_NE(html.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(html.find("blk.8.left"), std::string::npos) << "it was not taken";
  EXPECT_EQ(html.find("too little text"), std::string::npos);
  EXPECT_EQ(Count(html, "<svg "), 2u);
  EXPECT_EQ(Count(html, ">attn_q</text>"), 1u) << "one row for both layers";
}

TEST(CompressPageTest, WithoutASurveyThereIsNoFrontAndNoMap) {
  const std::string html = CompressionHtml(RecordOf("wiki", false));
  EXPECT_EQ(html.find("<svg"), std::string::npos);
  EXPECT_EQ(html.find("sensitive"), std::string::npos);
  EXPECT_NE(html.find("22.500"), std::string::npos);
}

TEST(CompressPageTest, TextsOfOthersAreEscaped) {
  for (const bool mixed : {false, true}) {
    const std::string html = CompressionHtml(RecordOf(kHostile, mixed));
    EXPECT_EQ(html.find("<script"), std::string::npos);
    EXPECT_EQ(html.find("<img"), std::string::npos);
    EXPECT_EQ(html.find("alert(1)</script>"), std::string::npos);
    EXPECT_GT(Count(html, "&lt;script&gt;"), 10u);
    EXPECT_EQ(html.find("'&"), std::string::npos);
  }
}

// Whoever opens it a year from now, without a network, sees the same page and tells nobody.
TEST(CompressPageTest, NothingIsFetchedAndNothingRuns) {
  const std::string html = CompressionHtml(RecordOf("wiki", true));
  EXPECT_EQ(Count(html, "http"), Count(html, "xmlns=\"http://www.w3.org/2000/svg\"") + 1)
      << "the names of SVG and the policy's http-equiv only";
  for (const char* part :
       {"src=", "href", "url(", "@import", "<script", "<link", "<iframe", " onclick", " onload"}) {
    EXPECT_EQ(html.find(part), std::string::npos) << part;
  }
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(html.find("prefers-color-scheme: dark"), std::string::npos);
}

TEST(CompressReportTest, TheJsonHasEveryFigure) {
  const nlohmann::ordered_json json = CompressionAsJson(RecordOf("wiki", true));
  EXPECT_EQ(json["bytes"], 91'700'000);
  EXPECT_EQ(json["bits_per_weight"], 5.4375);
  EXPECT_EQ(json["calibration_tokens"], 8192);
  EXPECT_EQ(json["held_out_tokens"], 512);
  ASSERT_EQ(json["judged"].size(), 2u);
  const auto& judged = json["judged"][0];
  EXPECT_EQ(judged["name"], "wiki");
  EXPECT_EQ(judged["perplexity"], 22.5);
  EXPECT_EQ(judged["perplexity_before"], 21.5);
  EXPECT_EQ(judged["bits_per_byte"], 1.0625);
  EXPECT_EQ(judged["bits_per_byte_before"], 1.03125);
  EXPECT_EQ(judged["kld_mean"], 0.0625);
  EXPECT_EQ(judged["kld_stderr"], 0.0625 / 16);
  EXPECT_EQ(judged["kld_p50"], 0.011);
  EXPECT_EQ(judged["kld_p90"], 0.12);
  EXPECT_EQ(judged["kld_p95"], 0.13);
  EXPECT_EQ(judged["kld_p99"], 0.14);
  EXPECT_EQ(judged["kld_p99_9"], 0.15);
  EXPECT_EQ(judged["kld_max"], 1.25);
  EXPECT_EQ(judged["same_top"], 0.875);
  EXPECT_EQ(json["held_out"]["kld_mean"], 0.05);
  EXPECT_EQ(json["speed"]["pp128"]["before"], 110.0);
  EXPECT_EQ(json["speed"]["pp128"]["after"], 230.0);
  EXPECT_EQ(json["speed"]["tg32"]["ratio"], 3.0);
  EXPECT_EQ(json["memory"]["weight_bytes"], 91'000'000);
  EXPECT_EQ(json["memory"]["weight_bytes_before"], 269'000'000);
  EXPECT_EQ(json["memory"]["kv_bytes"], 94'000'000);
  ASSERT_EQ(json["kv"].size(), 2u);
  EXPECT_EQ(json["kv"][1]["type"], "q8_0");
  EXPECT_EQ(json["kv"][1]["kld_mean"], 0.0003);
  EXPECT_EQ(json["kv_advice"]["type"], "q8_0");
  EXPECT_EQ(json["samples"][0]["after"], "after\nline");
  EXPECT_EQ(json["provenance"]["source_sha256"], "5000");
  EXPECT_EQ(json["provenance"]["calibration"]["sha256"], "ca11");
  EXPECT_EQ(json["provenance"]["judge_texts"].size(), 1u) << "what was held out is no file";
  EXPECT_EQ(json["provenance"]["judge_texts"][0]["sha256"], "9d6e");
  EXPECT_EQ(json["provenance"]["result_sha256"], "7e50");
  EXPECT_EQ(json["provenance"]["version"], "1.2.3");
  EXPECT_EQ(json["provenance"]["command"], "wiki");
  EXPECT_EQ(json["swaps"]["tried"], 2);
  EXPECT_EQ(json["swaps"]["taken"], 1);
  EXPECT_EQ(json["swaps"]["tokens"], 2048);
  EXPECT_EQ(json["swaps"]["chunks"], 16);
  EXPECT_EQ(json["swaps"]["kld_before"], 0.0712);
  EXPECT_EQ(json["swaps"]["kld_after"], 0.0633);
  EXPECT_EQ(json["swaps"]["gain"], 0.0079);
  EXPECT_EQ(json["swaps"]["gain_stderr"], 0.0004);
  ASSERT_EQ(json["swaps"]["trials"].size(), 2u);
  EXPECT_EQ(json["swaps"]["trials"][0]["tensors"][1]["to"], "Q3_K");
  EXPECT_EQ(json["swaps"]["trials"][1]["taken"], false);
  EXPECT_GE(json["front"].size(), 2u);
  ASSERT_EQ(json["survey"].size(), 5u);
  EXPECT_EQ(json["survey"][0]["chosen"], "Q4_0");
}

TEST(CompressReportTest, WithoutAJudgementTheJsonIsShort) {
  CompressionRecord record = RecordOf("wiki", false);
  record.judgement.reset();
  const nlohmann::ordered_json json = CompressionAsJson(record);
  for (const char* key :
       {"judged", "speed", "kv", "samples", "front", "survey", "held_out", "swaps"}) {
    EXPECT_FALSE(json.contains(key)) << key;
  }
  EXPECT_TRUE(json.contains("provenance"));
}

}  // namespace
}  // namespace altteul::tools

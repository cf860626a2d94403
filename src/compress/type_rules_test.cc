// SPDX-License-Identifier: Apache-2.0

#include "compress/type_rules.h"

#include <gtest/gtest.h>

namespace altteul::compress {
namespace {

TensorView Matrix(DType type, uint64_t rows, uint64_t cols) {
  TensorView view;
  view.type = type;
  view.shape.n_dims = 2;
  view.shape.dims[0] = rows;
  view.shape.dims[1] = cols;
  return view;
}

TensorView Vector(uint64_t n) {
  TensorView view;
  view.type = DType::kF32;
  view.shape.n_dims = 1;
  view.shape.dims[0] = n;
  return view;
}

TypeRules::Choice Choose(const TypeRules& rules, std::string_view name, const TensorView& view) {
  const auto choice = rules.For(name, view);
  EXPECT_TRUE(choice.ok()) << choice.status().message();
  return choice.value();
}

TypeRules Rules(DType type, const std::vector<std::string>& exceptions = {}) {
  auto rules = TypeRules::Create(type, exceptions);
  EXPECT_TRUE(rules.ok()) << rules.status().message();
  return std::move(rules).value();
}

void ExpectRefused(const std::string& exception, ErrorCode code, std::string_view said) {
  const auto rules = TypeRules::Create(DType::kQ4_0, {exception});
  ASSERT_FALSE(rules.ok()) << exception;
  EXPECT_EQ(rules.status().code(), code) << exception;
  EXPECT_NE(rules.status().message().find(said), std::string::npos) << rules.status().message();
}

TEST(TypeRulesTest, MatricesGetTheTypeAndEverythingElseStays) {
  const TypeRules rules = Rules(DType::kQ4_0);
  EXPECT_EQ(Choose(rules, "blk.0.attn_q.weight", Matrix(DType::kF16, 64, 64)).type, DType::kQ4_0);
  EXPECT_EQ(Choose(rules, "blk.0.attn_norm.weight", Vector(64)).type, DType::kF32);
  EXPECT_EQ(Choose(rules, "blk.0.attn_q.bias", Vector(64)).type, DType::kF32);
  EXPECT_EQ(Choose(rules, "rope_freqs", Matrix(DType::kF32, 2, 32)).type, DType::kF32);
}

TEST(TypeRulesTest, EmbeddingAndHeadKeepAtLeastEightBits) {
  for (const char* name : {"token_embd.weight", "output.weight"}) {
    const auto small = Choose(Rules(DType::kQ4_0), name, Matrix(DType::kF16, 100, 64));
    EXPECT_EQ(small.type, DType::kQ8_0);
    EXPECT_FALSE(small.note.empty()) << "the reason is told";
    const auto large = Choose(Rules(DType::kF16), name, Matrix(DType::kF32, 100, 64));
    EXPECT_EQ(large.type, DType::kF16);
    EXPECT_TRUE(large.note.empty());
  }
}

TEST(TypeRulesTest, AnExceptionMaySayOtherwiseForTheEmbedding) {
  const auto choice = Choose(Rules(DType::kQ4_0, {"token_embd=Q4_0"}), "token_embd.weight",
                             Matrix(DType::kF16, 100, 64));
  EXPECT_EQ(choice.type, DType::kQ4_0);
  EXPECT_TRUE(choice.note.empty());
}

TEST(TypeRulesTest, TheLastExceptionThatMatchesWins) {
  const TypeRules rules = Rules(DType::kQ4_0, {"ffn=Q8_0", "blk\\.1\\.=Q5_0", "nothing=F32"});
  const TensorView matrix = Matrix(DType::kF16, 64, 64);
  EXPECT_EQ(Choose(rules, "blk.0.ffn_up.weight", matrix).type, DType::kQ8_0);
  EXPECT_EQ(Choose(rules, "blk.1.ffn_up.weight", matrix).type, DType::kQ5_0);
  EXPECT_EQ(Choose(rules, "blk.1.attn_q.weight", matrix).type, DType::kQ5_0);
  EXPECT_EQ(Choose(rules, "blk.0.attn_q.weight", matrix).type, DType::kQ4_0);
}

TEST(TypeRulesTest, ExceptionsDoNotReachVectors) {
  EXPECT_EQ(Choose(Rules(DType::kQ4_0, {"norm=Q8_0"}), "blk.0.attn_norm.weight", Vector(64)).type,
            DType::kF32);
}

// The pairs are llama.cpp's (tensor_type_fallback); NVFP4 and Q1_0 are not in its table.
TEST(TypeRulesTest, RowsThatAreNoMultipleOf256GetTheTypeWithBlocksOf32) {
  struct Pair {
    DType wanted, got;
  };
  for (const Pair& pair : {Pair{DType::kQ2_K, DType::kQ4_0},
                           {DType::kQ3_K, DType::kQ4_0},
                           {DType::kQ4_K, DType::kQ5_0},
                           {DType::kQ5_K, DType::kQ5_1},
                           {DType::kQ6_K, DType::kQ8_0},
                           {DType::kIQ1_S, DType::kIQ4_NL},
                           {DType::kIQ1_M, DType::kIQ4_NL},
                           {DType::kIQ2_XXS, DType::kIQ4_NL},
                           {DType::kIQ2_XS, DType::kIQ4_NL},
                           {DType::kIQ2_S, DType::kIQ4_NL},
                           {DType::kIQ3_XXS, DType::kIQ4_NL},
                           {DType::kIQ3_S, DType::kIQ4_NL},
                           {DType::kIQ4_XS, DType::kIQ4_NL},
                           {DType::kTQ1_0, DType::kQ4_0},
                           {DType::kTQ2_0, DType::kQ4_0},
                           {DType::kQ1_0, DType::kQ4_0},
                           {DType::kQ2_0, DType::kQ4_0},
                           {DType::kNVFP4, DType::kMXFP4},
                           {DType::kQ4_1, DType::kQ4_1}}) {
    const std::string name(TraitsOf(pair.wanted).name);
    EXPECT_EQ(TypeForWidth(pair.wanted, 96), pair.got) << name;
    EXPECT_EQ(TypeForWidth(pair.wanted, 512), pair.wanted) << name;
    EXPECT_EQ(TypeForWidth(pair.wanted, 40), DType::kF16) << name;
    const auto choice =
        Choose(Rules(pair.wanted), "blk.0.ffn_up.weight", Matrix(DType::kF16, 64, 96));
    EXPECT_EQ(choice.type, pair.got) << name;
    if (pair.got == pair.wanted) continue;
    EXPECT_EQ(choice.reason, TypeRules::Reason::kWidth) << name;
    EXPECT_EQ(choice.wanted, pair.wanted);
    EXPECT_EQ(choice.note, "rows of 96 are no multiple of " +
                               std::to_string(TraitsOf(pair.wanted).block_elements) + ": " +
                               std::string(TraitsOf(pair.got).name));
  }
}

TEST(TypeRulesTest, ATypeForTheWidthNeverMakesATensorLarger) {
  const auto choice =
      Choose(Rules(DType::kQ4_K), "blk.0.ffn_up.weight", Matrix(DType::kQ4_1, 64, 96));
  EXPECT_EQ(choice.type, DType::kQ4_1) << "Q5_0 is larger";
  EXPECT_NE(choice.note.find("Q5_0 would not be smaller"), std::string::npos) << choice.note;
  EXPECT_EQ(Choose(Rules(DType::kQ6_K), "blk.0.ffn_up.weight", Matrix(DType::kQ8_0, 64, 96)).type,
            DType::kQ8_0);
  EXPECT_EQ(Choose(Rules(DType::kF16), "blk.0.ffn_up.weight", Matrix(DType::kQ4_1, 64, 96)).type,
            DType::kF16)
      << "what is asked for may be larger";
  const auto head = Choose(Rules(DType::kQ4_K), "output.weight", Matrix(DType::kQ4_1, 100, 64));
  EXPECT_EQ(head.type, DType::kQ4_1) << "8 bits in place of 5 would bring nothing back";
}

TypeRules RulesFor(DType type, float magnitude, const std::vector<std::string>& exceptions = {}) {
  TypeRules rules = Rules(type, exceptions);
  rules.KnowMagnitudes({{"blk.0.ffn_up.weight", magnitude}});
  return rules;
}

TEST(TypeRulesTest, ValuesThatATypeCannotHoldGetBf16) {
  const TensorView bf16 = Matrix(DType::kBF16, 64, 256), f32 = Matrix(DType::kF32, 64, 256);
  const std::string name = "blk.0.ffn_up.weight";
  const auto kept = Choose(RulesFor(DType::kF16, 70144), name, bf16);
  EXPECT_EQ(kept.type, DType::kBF16);
  EXPECT_EQ(kept.reason, TypeRules::Reason::kRange);
  EXPECT_EQ(kept.wanted, DType::kF16);
  EXPECT_EQ(kept.note, "values up to 70,144 are too large for F16: BF16");
  EXPECT_EQ(Choose(RulesFor(DType::kF16, 65504), name, bf16).type, DType::kF16);
  EXPECT_EQ(Choose(RulesFor(DType::kF16, 1e-7f), name, f32).type, DType::kBF16);
  EXPECT_EQ(Choose(RulesFor(DType::kF16, 0), name, f32).type, DType::kF16) << "zeros alone";
  EXPECT_EQ(Choose(RulesFor(DType::kBF16, 3.4e38f), name, f32).type, DType::kF32);
  EXPECT_EQ(Choose(RulesFor(DType::kQ4_0, 1e6f), name, Matrix(DType::kQ8_0, 64, 256)).type,
            DType::kQ8_0)
      << "never larger than it was";
  EXPECT_EQ(Choose(RulesFor(DType::kQ8_0, 70144, {"ffn=F16"}), name, bf16).type, DType::kBF16)
      << "a rule for its name cannot make f16 larger";
}

TEST(TypeRulesTest, TypesThatCannotHoldATensorAreNoChoice) {
  constexpr DType kCandidates[] = {DType::kQ8_0, DType::kQ4_1, DType::kQ4_0, DType::kNVFP4};
  const TypeRules rules = RulesFor(DType::kQ8_0, 1e6f);
  const auto types =
      rules.ChoicesFor("blk.0.ffn_up.weight", Matrix(DType::kBF16, 64, 256), kCandidates);
  EXPECT_EQ(types.value(), (std::vector<DType>{DType::kQ8_0, DType::kBF16}))
      << "65,504 times 7 is less than a million";
}

TEST(TypeRulesTest, ARowThatIsNoMultipleOfTheBlockKeepsItsTypeAndSaysWhy) {
  const auto choice =
      Choose(Rules(DType::kQ4_0), "blk.0.attn_q.weight", Matrix(DType::kF16, 64, 48));
  EXPECT_EQ(choice.type, DType::kF16);
  EXPECT_NE(choice.note.find("48"), std::string::npos) << choice.note;
  EXPECT_NE(choice.note.find("32"), std::string::npos) << choice.note;
}

TEST(TypeRulesTest, ATensorThatHasTheTypeAlreadyNeedsNoNote) {
  const auto choice =
      Choose(Rules(DType::kQ8_0), "token_embd.weight", Matrix(DType::kQ8_0, 64, 64));
  EXPECT_EQ(choice.type, DType::kQ8_0);
  EXPECT_TRUE(choice.note.empty());
}

TEST(TypeRulesTest, AnExpressionMayContainEqualsSigns) {
  const TypeRules rules = Rules(DType::kQ4_0, {"(?=blk)blk=Q8_0"});
  EXPECT_EQ(Choose(rules, "blk.0.attn_q.weight", Matrix(DType::kF16, 64, 64)).type, DType::kQ8_0);
}

TEST(TypeRulesTest, BadExceptionsAreRefusedByName) {
  ExpectRefused("ffn", ErrorCode::kInvalidArgument, "'ffn'");
  ExpectRefused("=Q4_0", ErrorCode::kInvalidArgument, "REGEX=TYPE");
  ExpectRefused("ffn=", ErrorCode::kInvalidArgument, "''");
  ExpectRefused("ffn=Q4_9", ErrorCode::kInvalidArgument, "'Q4_9'");
  ExpectRefused("(ffn=Q4_0", ErrorCode::kInvalidArgument, "(ffn=Q4_0");
  ExpectRefused("[=Q4_0", ErrorCode::kInvalidArgument, "[=Q4_0");
}

TEST(TypeRulesTest, AKnownTypeWithoutEncoderIsUnsupportedAndTheWritableOnesAreListed) {
  const auto type = ParseWritableType("F64");
  ASSERT_FALSE(type.ok());
  EXPECT_EQ(type.status().code(), ErrorCode::kUnsupported);
  EXPECT_NE(type.status().message().find("Q4_0"), std::string::npos) << type.status().message();
  const auto unknown = ParseWritableType("Q4_9");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.status().code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(ParseWritableType("").ok());
}

TEST(TypeRulesTest, KeepLeavesTheTensorItsType) {
  const TypeRules rules = Rules(DType::kQ4_0, {"attn_v=keep"});
  EXPECT_EQ(Choose(rules, "blk.0.attn_v.weight", Matrix(DType::kF16, 64, 64)).type, DType::kF16);
  EXPECT_EQ(Choose(rules, "blk.0.attn_q.weight", Matrix(DType::kF16, 64, 64)).type, DType::kQ4_0);
}

TEST(TypeRulesTest, WhatIsAssignedBeatsEveryRuleAndCopiesAreOnTheirOwn) {
  TypeRules rules = Rules(DType::kQ4_0, {"attn=Q5_0"});
  const TypeRules before = rules;
  rules.Assign("blk.0.attn_q.weight", DType::kQ8_0);
  const TensorView matrix = Matrix(DType::kF16, 64, 64);
  EXPECT_EQ(Choose(rules, "blk.0.attn_q.weight", matrix).type, DType::kQ8_0);
  EXPECT_EQ(Choose(rules, "blk.1.attn_q.weight", matrix).type, DType::kQ5_0);
  EXPECT_EQ(Choose(before, "blk.0.attn_q.weight", matrix).type, DType::kQ5_0);
}

std::vector<DType> Choices(const TypeRules& rules, std::string_view name, const TensorView& view) {
  constexpr DType kCandidates[] = {DType::kQ8_0, DType::kQ4_K, DType::kIQ4_NL, DType::kQ2_0};
  const auto types = rules.ChoicesFor(name, view, kCandidates);
  EXPECT_TRUE(types.ok()) << types.status().message();
  return types.value();
}

TEST(TypeRulesTest, ChoicesAreWhatFitsAndIsSmallerThenTheTensorsOwn) {
  const TypeRules rules = Rules(DType::kQ8_0);
  using Types = std::vector<DType>;
  EXPECT_EQ(Choices(rules, "blk.0.attn_q.weight", Matrix(DType::kF16, 64, 256)),
            (Types{DType::kQ8_0, DType::kQ4_K, DType::kIQ4_NL, DType::kQ2_0, DType::kF16}));
  EXPECT_EQ(Choices(rules, "blk.0.attn_q.weight", Matrix(DType::kF16, 64, 576)),
            (Types{DType::kQ8_0, DType::kQ5_0, DType::kIQ4_NL, DType::kQ2_0, DType::kF16}))
      << "Q5_0 in place of Q4_K, whose blocks do not fit";
  EXPECT_EQ(Choices(rules, "blk.0.attn_q.weight", Matrix(DType::kQ8_0, 64, 96)),
            (Types{DType::kQ5_0, DType::kIQ4_NL, DType::kQ4_0, DType::kQ8_0}));
  EXPECT_EQ(Choices(rules, "token_embd.weight", Matrix(DType::kF16, 100, 32)),
            (Types{DType::kQ8_0, DType::kQ5_0, DType::kIQ4_NL, DType::kQ4_0, DType::kF16}))
      << "embedding and head are chosen like all others";
}

TEST(TypeRulesTest, WhereARuleDecidesThereIsOneChoice) {
  const TypeRules rules = Rules(DType::kQ8_0, {"attn_v=keep", "attn_k=Q6_K"});
  const TensorView matrix = Matrix(DType::kF16, 64, 256);
  EXPECT_EQ(Choices(rules, "blk.0.attn_v.weight", matrix), std::vector<DType>{DType::kF16});
  EXPECT_EQ(Choices(rules, "blk.0.attn_k.weight", matrix), std::vector<DType>{DType::kQ6_K});
  EXPECT_EQ(Choices(rules, "blk.0.attn_norm.weight", Vector(64)), std::vector<DType>{DType::kF32});
}

TEST(TypeRulesTest, EveryTypeOnTheListCanBeWritten) {
  const std::string list = WritableTypes();
  for (const char* name :
       {"F32", "F16", "BF16", "Q8_0", "Q5_0", "Q5_1", "Q4_0", "Q4_1", "Q4_K", "IQ4_XS", "IQ1_S",
        "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S"}) {
    EXPECT_NE(list.find(name), std::string::npos) << list;
    EXPECT_TRUE(ParseWritableType(name).ok()) << name;
  }
}

}  // namespace
}  // namespace altteul::compress

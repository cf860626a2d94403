// SPDX-License-Identifier: Apache-2.0

#include "model/model_shape.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace altteul::model {
namespace {

uint64_t FileBytes(const std::string& what) {
  const ShapedModel shaped = ParseShapedModel(what).value();
  formats::GgufWriter writer;
  EXPECT_TRUE(shaped.Declare(what, writer).ok());
  return writer.PlannedBytes().value();
}

uint64_t Parameters(const std::string& what) {
  uint64_t sum = 0;
  const ShapedModel shaped = ParseShapedModel(what).value();
  for (const ShapedTensor& tensor : shaped.tensors) {
    sum += uint64_t{std::max(tensor.rows, 1u)} * tensor.cols;
  }
  return sum;
}

TEST(ModelShapeTest, ShapesHaveThePublishedNumberOfParameters) {
  EXPECT_EQ(Parameters("smollm2-135m:F16"), 134'515'008u);
  EXPECT_EQ(Parameters("llama-3.2-1b:F16"), 1'235'814'400u);
  EXPECT_EQ(Parameters("llama-3.2-3b:F16"), 3'212'749'824u);
  EXPECT_EQ(Parameters("llama-2-7b:F16"), 6'738'415'616u);
  EXPECT_EQ(Parameters("llama-3.1-8b:F16"), 8'030'261'248u);
  EXPECT_EQ(Parameters("llama-3.1-70b:F16"), 70'553'706'496u);
  EXPECT_EQ(Parameters("llama-3.1-405b:F16"), 405'853'388'800u);
}

TEST(ModelShapeTest, AFileHasTheSizeOfThePublishedOne) {
  // llama.cpp's Q4_K_M files of these models, without their vocabulary: 4.08 and 4.92 GB.
  EXPECT_NEAR(static_cast<double>(FileBytes("7b:q4_k_m")), 4.08e9, 0.02e9);
  EXPECT_NEAR(static_cast<double>(FileBytes("8b:Q4_K_M")), 4.92e9, 0.03e9);
}

TEST(ModelShapeTest, MixedTypesGiveSomeLayersMore) {
  const ShapedModel shaped = ParseShapedModel("7b:Q4_K_M").value();
  std::map<std::string, DType> types;
  for (const ShapedTensor& tensor : shaped.tensors) types[tensor.name] = tensor.type;
  EXPECT_EQ(types["output.weight"], DType::kQ6_K);
  EXPECT_EQ(types["token_embd.weight"], DType::kQ4_K);
  EXPECT_EQ(types["blk.0.attn_v.weight"], DType::kQ6_K);
  EXPECT_EQ(types["blk.0.attn_q.weight"], DType::kQ4_K);
  EXPECT_EQ(types["blk.4.ffn_down.weight"], DType::kQ4_K);
  EXPECT_EQ(types["blk.6.ffn_down.weight"], DType::kQ6_K);
  EXPECT_EQ(types["blk.31.ffn_down.weight"], DType::kQ6_K);
}

TEST(ModelShapeTest, EmbeddingAndHeadKeepEightBits) {
  const ShapedModel shaped = ParseShapedModel("1b:q4_0").value();
  for (const ShapedTensor& tensor : shaped.tensors) {
    if (tensor.name == "token_embd.weight") {
      EXPECT_EQ(tensor.type, DType::kQ8_0);
    }
    EXPECT_NE(tensor.name, "output.weight") << "this one's head is its embedding";
  }
}

TEST(ModelShapeTest, NamesAndAliasesAreUnique) {
  std::set<std::string_view> names;
  for (const ModelShape& shape : ModelShapes()) {
    EXPECT_TRUE(names.insert(shape.name).second) << shape.name;
    if (!shape.alias.empty()) {
      EXPECT_TRUE(names.insert(shape.alias).second) << shape.alias;
    }
    EXPECT_EQ(shape.heads % shape.kv_heads, 0u) << shape.name;
  }
}

TEST(ModelShapeTest, OthersAreRefusedWithWhatThereIs) {
  for (const char* what :
       {"", "7b", "7b:", ":q4_0", "9b:q4_0", "7b:q4_9", "7b:q4_0:x", "7b:I32 "}) {
    const auto parsed = ParseShapedModel(what);
    ASSERT_EQ(parsed.status().code(), ErrorCode::kInvalidArgument) << what;
    EXPECT_NE(parsed.status().message().find("llama-2-7b (7b)"), std::string::npos);
  }
}

}  // namespace
}  // namespace altteul::model

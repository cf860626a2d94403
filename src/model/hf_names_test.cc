// SPDX-License-Identifier: Apache-2.0

#include "model/hf_names.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace altteul::model {
namespace {

std::string Name(std::string_view hf, std::span<const NamePair> overrides = {}) {
  return GgufTensorName(hf, overrides).value_or("(unknown)");
}

TEST(HfNamesTest, TensorsOutsideTheLayers) {
  EXPECT_EQ(Name("model.embed_tokens.weight"), "token_embd.weight");
  EXPECT_EQ(Name("model.norm.weight"), "output_norm.weight");
  EXPECT_EQ(Name("lm_head.weight"), "output.weight");
}

TEST(HfNamesTest, LayersKeepTheirNumberAndSuffix) {
  EXPECT_EQ(Name("model.layers.0.self_attn.q_proj.weight"), "blk.0.attn_q.weight");
  EXPECT_EQ(Name("model.layers.127.self_attn.v_proj.bias"), "blk.127.attn_v.bias");
  EXPECT_EQ(Name("model.layers.3.input_layernorm.weight"), "blk.3.attn_norm.weight");
  EXPECT_EQ(Name("model.layers.3.post_attention_layernorm.weight"), "blk.3.ffn_norm.weight");
  EXPECT_EQ(Name("model.layers.3.mlp.gate_proj.weight"), "blk.3.ffn_gate.weight");
  EXPECT_EQ(Name("model.layers.3.mlp.down_proj.weight"), "blk.3.ffn_down.weight");
}

TEST(HfNamesTest, NumbersOfExpertsGoToTheEnd) {
  constexpr std::array kOwn = {NamePair{"mlp.experts.*.up_proj", "ffn_up_exps"},
                               NamePair{"block.*.w1", "ffn_gate_exps"}};
  EXPECT_EQ(Name("model.layers.3.mlp.experts.17.up_proj.weight", kOwn),
            "blk.3.ffn_up_exps.17.weight");
  EXPECT_EQ(Name("model.layers.0.block.0.w1.bias", kOwn), "blk.0.ffn_gate_exps.0.bias");
  for (const char* name :
       {"model.layers.3.mlp.experts..up_proj.weight", "model.layers.3.mlp.experts.x.up_proj.weight",
        "model.layers.3.mlp.experts.1.2.up_proj.weight",
        "model.layers.3.mlp.experts.up_proj.weight",
        "model.layers.3.mlp.experts.17.up_projx.weight"}) {
    EXPECT_EQ(Name(name, kOwn), "(unknown)") << name;
  }
}

TEST(HfNamesTest, FusedTensorsHaveTheNamesOfGguf) {
  EXPECT_EQ(Name("model.layers.3.self_attn.qkv_proj.weight"), "blk.3.attn_qkv.weight");
  EXPECT_EQ(Name("model.layers.3.mlp.gate_up_proj.weight"), "blk.3.ffn_up.weight");
}

TEST(HfNamesTest, AFamilysOwnNamesWin) {
  constexpr std::array kOwn = {NamePair{"post_attention_layernorm", "post_attention_norm"}};
  EXPECT_EQ(Name("model.layers.3.post_attention_layernorm.weight", kOwn),
            "blk.3.post_attention_norm.weight");
  EXPECT_EQ(Name("model.layers.3.input_layernorm.weight", kOwn), "blk.3.attn_norm.weight");
}

TEST(HfNamesTest, UnknownNamesAreNotGuessed) {
  for (const char* name :
       {"", "weight", ".weight", "model.layers", "model.layers.", "model.layers..weight",
        "model.layers.3", "model.layers.3.weight", "model.layers..mlp.up_proj.weight",
        "model.layers.3.mlp.weight", "layers.3.mlp.up_proj.weight", "model.embed_tokens",
        "model.layers.3.self_attn.rotary_emb.inv_freq", "vision.model.norm.weight"}) {
    EXPECT_EQ(GgufTensorName(name, {}), std::nullopt) << "'" << name << "'";
  }
}

TEST(HfNamesTest, EveryHyperparameterHasOneNameOnEachSide) {
  std::set<std::string_view> hf, gguf;
  for (const NamePair& pair : HfHyperparameterNames()) {
    EXPECT_TRUE(hf.insert(pair.hf).second) << pair.hf;
    EXPECT_TRUE(gguf.insert(pair.gguf).second) << pair.gguf;
  }
  EXPECT_EQ(hf.count("num_hidden_layers"), 1u);
}

}  // namespace
}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

#include "model/unused_tensors.h"

#include <gtest/gtest.h>

namespace altteul::model {
namespace {

TEST(UnusedTensorsTest, TowersAreKnownByTheirNames) {
  for (const char* name :
       {"v.patch_embedding.weight", "mm.mm_input_projection.weight", "model.visual.merger.weight",
        "vision_tower.vision_model.post_layernorm.bias", "model.vision_tower.x.weight",
        "multi_modal_projector.mm_soft_emb_norm.weight", "model.embed_vision.x.weight"}) {
    EXPECT_EQ(CompanionKind(name), "pictures and sound") << name;
  }
  EXPECT_EQ(CompanionKind("mtp.layers.0.mlp.up_proj.weight"), "guessing further tokens");
  for (const char* name : {"", "v", "blk.0.attn_v.weight", "output.weight", "model.norm.weight",
                           "mm", "value.weight", "a_norm.weight"}) {
    EXPECT_EQ(CompanionKind(name), "") << name;
  }
}

TEST(UnusedTensorsTest, LayersAreReadFromBothKindsOfNames) {
  EXPECT_EQ(LayerOf("blk.7.attn_q.weight"), 7u);
  EXPECT_EQ(LayerOf("model.layers.61.eh_proj.weight"), 61u);
  EXPECT_EQ(LayerOf("blk.7"), 7u);
  for (const char* name : {"", "blk.", "blk..x", "blk.x.y", "blk.-1.x", "model.layers.",
                           "layers.3.x", "v.blk.3.x", "blk.99999999999999999999.x"}) {
    EXPECT_EQ(LayerOf(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace altteul::model

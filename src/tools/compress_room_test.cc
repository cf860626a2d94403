// SPDX-License-Identifier: Apache-2.0

#include "tools/compress_room.h"

#include <gtest/gtest.h>

#include <memory>

#include "engine/test_model.h"

namespace altteul::tools {
namespace {

using engine::testing::TestFolder;
using engine::testing::TestModelOptions;
using engine::testing::WriteTestModel;

class WeightRoomTest : public ::testing::Test {
 protected:
  void SetUp() override {
    TestModelOptions options;
    options.context = 8192;
    ASSERT_TRUE(WriteTestModel(folder_.Path("m.gguf"), options).ok());
    source_ = std::move(model::Checkpoint::Open(folder_.Path("m.gguf"))).value();
  }
  Result<WeightRoom> Room(const std::string& machine, size_t context = 4096) const {
    return RoomForWeights(machine, context, *source_, kernels::kReferenceKernels);
  }

  TestFolder folder_;
  std::unique_ptr<const model::Checkpoint> source_;
};

TEST_F(WeightRoomTest, AllPartsTogetherAreTheMemory) {
  for (const char* machine : {"8GB card", "16 GB laptop", "4 cores, 2 GB", "RTX 3090"}) {
    const WeightRoom room = Room(machine).value();
    EXPECT_EQ(room.system_bytes + room.margin_bytes + room.program_bytes + room.kv_bytes +
                  room.working_bytes + room.weight_bytes,
              room.memory_bytes)
        << machine;
    EXPECT_GT(room.kv_bytes, 0u);
    EXPECT_GT(room.working_bytes, 0u);
  }
}

TEST_F(WeightRoomTest, WordsOfACard) {
  for (const char* words :
       {"8GB card", "8 GB card", "8 GB graphics card", "8gb GPU", "8 GB VRAM"}) {
    const auto room = Room(words);
    ASSERT_TRUE(room.ok()) << words << ": " << room.status().message();
    EXPECT_EQ(room.value().memory_bytes, 8'000'000'000u) << words;
    EXPECT_EQ(room.value().system_bytes, 1'000'000'000u) << words;
    EXPECT_TRUE(room.value().is_card) << words;
    EXPECT_NE(room.value().Sentence().find("Nothing runs on graphics cards here yet"),
              std::string::npos);
  }
  EXPECT_EQ(Room("RTX 3090").value().memory_bytes, 24'000'000'000u);
  EXPECT_EQ(Room("RTX 3090 card").value().memory_bytes, 24'000'000'000u);
}

TEST_F(WeightRoomTest, WordsOfAMachine) {
  for (const char* words : {"16 GB", "16GB laptop", "8 cores, 16 GB", "16 GB RAM"}) {
    const auto room = Room(words);
    ASSERT_TRUE(room.ok()) << words << ": " << room.status().message();
    EXPECT_EQ(room.value().memory_bytes, 16'000'000'000u) << words;
    EXPECT_EQ(room.value().system_bytes, 1'600'000'000u) << words;
    EXPECT_FALSE(room.value().is_card) << words;
    EXPECT_EQ(room.value().Sentence().find("assumed"), std::string::npos);
  }
  EXPECT_GT(Room("this machine").value().memory_bytes, 0u);
}

TEST_F(WeightRoomTest, ALongerContextLeavesLess) {
  constexpr size_t kLonger = 1'000'000;  // so that loading, which comes before, takes less
  const WeightRoom brief = Room("8GB card", 1024).value();
  const WeightRoom longer = Room("8GB card", kLonger).value();
  // f16 keys and values of 2 layers with 2 heads of 32.
  constexpr uint64_t kBytesOfToken = 2 * 2 * 2 * 32 * sizeof(uint16_t);
  EXPECT_GE(longer.kv_bytes - brief.kv_bytes, (kLonger - 1024) * kBytesOfToken);
  EXPECT_LT(longer.weight_bytes, brief.weight_bytes);
  EXPECT_EQ(Room("8GB card", 0).value().context, 4096u) << "the usual one";
}

TEST_F(WeightRoomTest, WhatIsNoMachineIsNamed) {
  for (const char* words : {"", "card", "toaster", "8 parsecs", "8 GB card laptop", "0 GB card"}) {
    const auto room = Room(words);
    ASSERT_FALSE(room.ok()) << words;
    EXPECT_TRUE(room.status().code() == ErrorCode::kInvalidArgument ||
                room.status().code() == ErrorCode::kNotFound)
        << words << ": " << room.status().message();
  }
}

TEST_F(WeightRoomTest, NoRoomAtAllIsSaidWithItsBytes) {
  const auto room = Room("1 GB card");
  EXPECT_EQ(room.status().code(), ErrorCode::kDoesNotFit);
  EXPECT_NE(room.status().message().find("1.0 GB"), std::string::npos) << room.status().message();
}

}  // namespace
}  // namespace altteul::tools

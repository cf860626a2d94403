// SPDX-License-Identifier: Apache-2.0

#include "plan/chips.h"

#include <gtest/gtest.h>

#include <string>

namespace altteul::plan {
namespace {

const DataTables& BuiltIn() {
  static const DataTables* tables = new DataTables(LoadDataTables("").value());
  return *tables;
}

TEST(ChipsTest, OneChipUnderManySpellings) {
  for (const char* name : {"RTX 3090", "rtx3090", "NVIDIA GeForce RTX 3090", "RTX-3090", "3090",
                           " geforce  rtx_3090 "}) {
    const auto chip = FindChip(BuiltIn().chips, name);
    ASSERT_TRUE(chip.ok()) << name << ": " << chip.status().message();
    EXPECT_EQ(BuiltIn().chips[chip.value()].name, "NVIDIA GeForce RTX 3090") << name;
  }
  const auto h100 = FindChip(BuiltIn().chips, "h100");
  ASSERT_TRUE(h100.ok());
  EXPECT_EQ(BuiltIn().chips[h100.value()].name, "NVIDIA H100 SXM");
}

TEST(ChipsTest, SaysWhichNamesAreNearest) {
  const auto chip = FindChip(BuiltIn().chips, "RTX 3091");
  ASSERT_FALSE(chip.ok());
  EXPECT_EQ(chip.status().code(), ErrorCode::kNotFound);
  EXPECT_NE(chip.status().message().find("NVIDIA GeForce RTX 3090"), std::string::npos)
      << chip.status().message();
}

TEST(ChipsTest, NamesOfAnyKindAreRefusedPolitely) {
  for (const std::string& name : {std::string(), std::string("NVIDIA"), std::string(100'000, 'x'),
                                  std::string("\x1b[31m"), std::string("RTX 3090\0x", 10)}) {
    const auto chip = FindChip(BuiltIn().chips, name);
    ASSERT_FALSE(chip.ok());
    EXPECT_EQ(chip.status().message().find('\x1b'), std::string::npos);
    EXPECT_LT(chip.status().message().size(), 500u);
  }
}

}  // namespace
}  // namespace altteul::plan

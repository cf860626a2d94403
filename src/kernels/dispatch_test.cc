// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <string>

#include "kernels/kernel_table.h"

namespace altteul::kernels {
namespace {

TEST(DispatchTest, AProcessorWithoutExtensionsGetsTheReference) {
  const auto table = SelectKernels("", CpuFeatures{});
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table.value(), &kReferenceKernels);
}

TEST(DispatchTest, TakesTheLastTableThatThisMachineCanRun) {
  const CpuFeatures has = DetectCpuFeatures();
  const KernelTable* last = nullptr;
  for (const KernelTable* table : BuiltKernels()) {
    if (CanRun(*table, has)) last = table;
  }
  const auto table = SelectKernels("", has);
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table.value(), last);
}

TEST(DispatchTest, EachTableIsFoundByNameOrRefused) {
  const CpuFeatures has = DetectCpuFeatures();
  for (const KernelTable* table : BuiltKernels()) {
    const auto found = SelectKernels(table->name, has);
    if (CanRun(*table, has)) {
      ASSERT_TRUE(found.ok()) << table->name;
      EXPECT_EQ(found.value(), table) << table->name;
    } else {
      ASSERT_FALSE(found.ok()) << table->name;
      EXPECT_EQ(found.status().code(), ErrorCode::kUnsupported) << table->name;
    }
    if (table == &kReferenceKernels) continue;
    EXPECT_FALSE(SelectKernels(table->name, CpuFeatures{}).ok())
        << table->name << " on a processor without extensions";
  }
}

TEST(DispatchTest, AnUnknownNameIsRefusedWithTheKnownOnes) {
  const auto found = SelectKernels("sse9", DetectCpuFeatures());
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.status().code(), ErrorCode::kInvalidArgument);
  for (const KernelTable* table : BuiltKernels()) {
    EXPECT_NE(found.status().message().find(table->name), std::string::npos) << table->name;
  }
}

}  // namespace
}  // namespace altteul::kernels

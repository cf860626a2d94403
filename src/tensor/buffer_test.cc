// SPDX-License-Identifier: Apache-2.0

#include "tensor/buffer.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <utility>

#include <gtest/gtest.h>

namespace altteul {
namespace {

TEST(BufferTest, IsSeenAsValuesOfOneTypeThatAreWhole) {
  Buffer buffer = Buffer::Allocate(3 * sizeof(float) + 1, "a test").value();
  const std::span<float> values = ValuesOf<float>(buffer);
  ASSERT_EQ(values.size(), 3u);
  values[2] = 2.5f;
  EXPECT_EQ(ValuesOf<float>(std::as_const(buffer))[2], 2.5f);
  EXPECT_EQ(ValuesOf<double>(std::as_const(buffer)).size(), 1u);
}

TEST(BufferTest, HostMemoryIsZeroedAndAligned) {
  for (const uint64_t size : {uint64_t{1}, uint64_t{4096}, uint64_t{5} << 20}) {
    Buffer buffer = Buffer::Allocate(size, "a test").value();
    ASSERT_EQ(buffer.size(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.bytes().data()) % 64, 0u);
    EXPECT_EQ(buffer.mutable_bytes().front(), std::byte{0});
    buffer.mutable_bytes().back() = std::byte{7};
  }
}

TEST(BufferTest, RefusesMoreThanTheMachineHasAndSaysHowMuch) {
  const Status status = Buffer::Allocate(uint64_t{1} << 60, "the KV cache").status();
  EXPECT_EQ(status.code(), ErrorCode::kOutOfMemory);
  EXPECT_NE(status.message().find("the KV cache needs 1.2 EB"), std::string::npos)
      << status.message();
  EXPECT_EQ(Buffer::Allocate(UINT64_MAX, "x").status().code(), ErrorCode::kOutOfMemory);
}

TEST(BufferTest, MapsAFileAndReadsItAgainAfterRelease) {
  const auto path = std::filesystem::temp_directory_path() / "altteul_buffer_test.bin";
  std::ofstream(path, std::ios::binary) << std::string(10000, 'x');
  const Buffer buffer = Buffer::MapFile(path.string()).value();
  EXPECT_TRUE(buffer.is_mapped_file());
  EXPECT_EQ(buffer.size(), 10000u);
  buffer.ReleasePages(0, buffer.size());
  EXPECT_EQ(buffer.bytes()[9999], std::byte{'x'});
  std::filesystem::remove(path);
}

TEST(BufferTest, WhatIsWrittenToANewFileIsKept) {
  const auto path = (std::filesystem::temp_directory_path() / "altteul_buffer_new.bin").string();
  std::ofstream(path, std::ios::binary) << "an older file";
  {
    Buffer buffer = Buffer::CreateFile(path, 9000).value();
    EXPECT_EQ(buffer.bytes()[0], std::byte{0});
    buffer.mutable_bytes()[8999] = std::byte{7};
    buffer.ReleasePages(0, buffer.size());
    EXPECT_EQ(buffer.bytes()[8999], std::byte{7});
    EXPECT_TRUE(buffer.Flush(path).ok());
  }
  const Buffer again = Buffer::MapFile(path).value();
  ASSERT_EQ(again.size(), 9000u);
  EXPECT_EQ(again.bytes()[8999], std::byte{7});
  std::filesystem::remove(path);
}

TEST(BufferTest, AFileThatTheDiskCannotHoldIsRefusedWithItsSizeAndNotLeft) {
  const auto path = (std::filesystem::temp_directory_path() / "altteul_buffer_huge.bin").string();
  const auto buffer = Buffer::CreateFile(path, uint64_t{1} << 50);
  ASSERT_FALSE(buffer.ok());
  EXPECT_EQ(buffer.status().code(), ErrorCode::kIoError);
  EXPECT_NE(buffer.status().message().find("1,125,899,906,842,624 bytes"), std::string::npos)
      << buffer.status().message();
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(Buffer::CreateFile("/nonexistent/file", 1).status().code(), ErrorCode::kNotFound);
}

TEST(BufferTest, ScratchKeepsReleasedPagesAndLeavesNoFile) {
  const auto folder = std::filesystem::temp_directory_path() / "altteul_buffer_scratch";
  std::filesystem::create_directory(folder);
  Buffer buffer = Buffer::Scratch(folder.string(), 100000).value();
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  buffer.mutable_bytes()[50000] = std::byte{3};
  buffer.ReleasePages(0, buffer.size());
  EXPECT_EQ(buffer.bytes()[50000], std::byte{3});
  std::filesystem::remove_all(folder);
}

TEST(BufferTest, SaysWhyAFileCannotBeMapped) {
  EXPECT_EQ(Buffer::MapFile("/nonexistent/file").status().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Buffer::MapFile("/").status().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace altteul

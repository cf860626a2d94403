#include "tensor/buffer.h"

#include <cstdint>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace altteul {
namespace {

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
  EXPECT_EQ(buffer.place().kind, Place::Kind::kMappedFile);
  EXPECT_EQ(buffer.size(), 10000u);
  buffer.ReleasePages(0, buffer.size());
  EXPECT_EQ(buffer.bytes()[9999], std::byte{'x'});
  std::filesystem::remove(path);
}

TEST(BufferTest, SaysWhyAFileCannotBeMapped) {
  EXPECT_EQ(Buffer::MapFile("/nonexistent/file").status().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Buffer::MapFile("/").status().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace altteul

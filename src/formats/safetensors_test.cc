// SPDX-License-Identifier: Apache-2.0

#include "formats/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "formats/test_bytes.h"

namespace altteul::formats {
namespace {

std::string FileBytes(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof(length));
  bytes += header;
  for (size_t i = 0; i < data_bytes; ++i) bytes += static_cast<char>(i);
  return bytes;
}

/// One tensor record: Record("a", "F32", "2,3", 0, 24).
std::string Record(const std::string& name, const std::string& dtype, const std::string& shape,
                   uint64_t begin, uint64_t end) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape +
         "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

const std::string kGoodHeader = "{\"__metadata__\":{\"format\":\"pt\"}," +
                                Record("late", "BF16", "2,3", 8, 20) + "," +
                                Record("early", "F64", "", 0, 8) + "}   ";

Status ParseStatus(std::string_view text) {
  const std::vector<std::byte> bytes(AsBytes(text).begin(), AsBytes(text).end());
  return SafetensorsModel::Parse(bytes, "bad.safetensors").status();
}

void ExpectRefused(const std::string& header, size_t data_bytes, ErrorCode code,
                   const std::string& words) {
  const Status status = ParseStatus(FileBytes(header, data_bytes));
  EXPECT_EQ(status.code(), code) << status.message();
  EXPECT_NE(status.message().find(words), std::string::npos)
      << "expected: " << words << "\ngot: " << status.message();
  EXPECT_EQ(status.message().rfind("bad.safetensors: ", 0), 0u) << status.message();
}

TEST(SafetensorsTest, ReadsTensorsInTheOrderOfTheirData) {
  const std::string bytes = FileBytes(kGoodHeader, 20);
  const SafetensorsModel model = SafetensorsModel::Parse(AsBytes(bytes), "good").value();
  ASSERT_EQ(model.tensors().size(), 2u);
  EXPECT_EQ(model.tensors()[0].name, "early");
  EXPECT_EQ(model.tensors()[0].view.type, DType::kF64);
  EXPECT_EQ(model.tensors()[0].view.shape.n_dims, 0u);
  const SafetensorsTensor* late = model.Find("late");
  ASSERT_NE(late, nullptr);
  EXPECT_EQ(late->view.type, DType::kBF16);
  EXPECT_EQ(late->view.shape.ToString(), "[2, 3]");
  EXPECT_EQ(late->view.bytes.size(), 12u);
  EXPECT_EQ(late->view.bytes[0], std::byte{8});
  EXPECT_EQ(model.Find("absent"), nullptr);
  EXPECT_EQ(model.metadata().at("format"), "pt");
}

TEST(SafetensorsTest, ReadsEveryTypeThatHasADType) {
  const std::vector<std::pair<std::string, DType>> types = {
      {"F64", DType::kF64}, {"F32", DType::kF32}, {"F16", DType::kF16}, {"BF16", DType::kBF16},
      {"I64", DType::kI64}, {"I32", DType::kI32}, {"I16", DType::kI16}, {"I8", DType::kI8}};
  for (const auto& [name, type] : types) {
    const uint64_t size_bytes = uint64_t{3} * TraitsOf(type).block_bytes;
    const std::string bytes = FileBytes("{" + Record("t", name, "3", 0, size_bytes) + "}",
                                        static_cast<size_t>(size_bytes));
    const SafetensorsModel model = SafetensorsModel::Parse(AsBytes(bytes), name).value();
    EXPECT_EQ(model.tensors()[0].view.type, type) << name;
  }
}

TEST(SafetensorsTest, HoldsWhatItCannotReadApart) {
  std::string header = "{\"__metadata__\":null";
  uint64_t offset = 0;
  const std::vector<std::string> types = {"U8", "BOOL", "U64", "F8_E4M3", "f32", ""};
  for (const std::string& type : types) {
    header += "," + Record("t" + type, type, "1", offset, offset + 1);
    ++offset;
  }
  header += "," + Record("empty", "F32", "0,3", offset, offset);
  header += "," + Record("deep", "I8", "1,1,1,1,1,1,1,1,1", offset, offset + 1);
  header += "," + Record("good", "I8", "2", offset + 1, offset + 3) + "}";
  const std::string bytes = FileBytes(header, static_cast<size_t>(offset + 3));
  const auto model = SafetensorsModel::Parse(AsBytes(bytes), "mixed");
  ASSERT_TRUE(model.ok()) << model.status().message();
  ASSERT_EQ(model.value().tensors().size(), 1u);
  EXPECT_EQ(model.value().Find("good")->view.bytes.size(), 2u);
  const auto unread = model.value().unread();
  ASSERT_EQ(unread.size(), types.size() + 2);
  for (size_t i = 0; i < types.size(); ++i) {
    EXPECT_EQ(unread[i].type, types[i]);
    EXPECT_EQ(unread[i].why.rfind("has the element type \"" + types[i] + "\"", 0), 0u);
  }
  EXPECT_EQ(unread[types.size()].why, "is empty: it has a dimension of 0");
  EXPECT_NE(unread[types.size() + 1].why.find("9 dimensions"), std::string::npos);
}

TEST(SafetensorsTest, RefusesAGoodFileCutAfterAnyByte) {
  const std::string good = FileBytes(kGoodHeader, 20);
  ASSERT_TRUE(ParseStatus(good).ok());
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_EQ(ParseStatus(std::string_view(good).substr(0, length)).code(), ErrorCode::kCorruptFile)
        << "cut after " << length;
  }
}

TEST(SafetensorsTest, RefusesHeaderLengthsThatCannotBe) {
  for (const uint64_t length : {uint64_t{0}, uint64_t{1}, UINT64_MAX, UINT64_MAX - 7,
                                uint64_t{100'000'001}, uint64_t{kGoodHeader.size() + 21}}) {
    std::string bytes = FileBytes(kGoodHeader, 20);
    std::memcpy(bytes.data(), &length, sizeof(length));
    EXPECT_EQ(ParseStatus(bytes).code(), ErrorCode::kCorruptFile) << length;
  }
}

TEST(SafetensorsTest, TellsAGitLfsPointerFromAModel) {
  const Status status = ParseStatus("version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
  EXPECT_EQ(status.code(), ErrorCode::kCorruptFile);
  EXPECT_NE(status.message().find("it is a Git LFS pointer"), std::string::npos);
}

TEST(SafetensorsTest, RefusesHolesOverlapsAndDataOutsideTheFile) {
  const auto two = [](uint64_t a_end, uint64_t b_begin) {
    return "{" + Record("a", "I8", std::to_string(a_end), 0, a_end) + "," +
           Record("b", "I8", std::to_string(16 - b_begin), b_begin, 16) + "}";
  };
  EXPECT_TRUE(ParseStatus(FileBytes(two(8, 8), 16)).ok());
  ExpectRefused(
      two(9, 8), 16, ErrorCode::kCorruptFile,
      "tensor \"b\" begins at data offset 8, but the tensors before it end at 9 (overlap)");
  ExpectRefused(two(8, 9), 16, ErrorCode::kCorruptFile, "(hole)");
  ExpectRefused(two(8, 8), 17, ErrorCode::kCorruptFile,
                "the tensors end at data offset 16, but the data section has 17 bytes");
  ExpectRefused(two(8, 8), 15, ErrorCode::kCorruptFile,
                "tensor \"b\": data offsets 8 to 16, but the data section has 15 bytes");
  ExpectRefused("{" + Record("a", "I8", "8", 8, 0) + "}", 8, ErrorCode::kCorruptFile, "8 to 0");
}

TEST(SafetensorsTest, RefusesShapesThatDoNotMatch) {
  const auto one = [](const std::string& shape, uint64_t end) {
    return "{" + Record("t", "F32", shape, 0, end) + "}";
  };
  ExpectRefused(one("2,3", 20), 20, ErrorCode::kCorruptFile,
                "hold 20 bytes, but F32 [2, 3] needs 24");
  ExpectRefused(one("4294967296,4294967296", 0), 0, ErrorCode::kCorruptFile, "too large");
  ExpectRefused(one("4611686018427387904", 0), 0, ErrorCode::kCorruptFile, "hold 0 bytes");
  ExpectRefused(one("-1", 4), 4, ErrorCode::kCorruptFile, "integers of at least 0");
  ExpectRefused(one("1.0", 4), 4, ErrorCode::kCorruptFile, "integers of at least 0");
}

TEST(SafetensorsTest, RefusesHeadersOfAnotherForm) {
  const std::string good = Record("t", "I8", "1", 0, 1);
  ExpectRefused(" {" + good + "}", 1, ErrorCode::kCorruptFile, "does not begin with {");
  ExpectRefused("{" + good + "," + good + "}", 1, ErrorCode::kCorruptFile, "stands there twice");
  ExpectRefused("{\"t\":3}", 1, ErrorCode::kCorruptFile, "its record is no object");
  ExpectRefused("{\"t\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, ErrorCode::kCorruptFile,
                "\"dtype\" is missing");
  ExpectRefused("{\"t\":{\"dtype\":\"I8\",\"data_offsets\":[0,1]}}", 1, ErrorCode::kCorruptFile,
                "\"shape\" is missing");
  ExpectRefused("{\"t\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 1,
                ErrorCode::kCorruptFile, "\"data_offsets\" is missing");
  ExpectRefused("{\"__metadata__\":{\"a\":1}," + good + "}", 1, ErrorCode::kCorruptFile,
                "holds no string");
  EXPECT_TRUE(ParseStatus(FileBytes("{\"t\":{\"dtype\":\"I8\",\"shape\":[1],\"x\":[1],"
                                    "\"data_offsets\":[0,1]}}",
                                    1))
                  .ok())
      << "fields of later versions";
  ExpectRefused("{\"t\":" + std::string(1000, '['), 1, ErrorCode::kUnsupported, "nested deeper");
}

class SafetensorsFolderTest : public ::testing::Test {
 protected:
  void WriteShards(const std::string& weight_map) {
    folder_.Write("s1.safetensors", FileBytes("{" + Record("a", "I8", "4", 0, 4) + "}", 4));
    folder_.Write("s2.safetensors", FileBytes("{" + Record("b", "I8", "8", 0, 8) + "}", 8));
    folder_.Write("model.safetensors.index.json",
                  "{\"metadata\":{\"total_size\":12},\"weight_map\":" + weight_map + "}");
  }
  void ExpectRefused(ErrorCode code, const std::string& words) {
    const Status status = SafetensorsModel::OpenFolder(folder_.Path(".")).status();
    EXPECT_EQ(status.code(), code) << status.message();
    EXPECT_NE(status.message().find(words), std::string::npos) << status.message();
  }
  TempFolder folder_;
  std::vector<std::string> said_;
  LogSink log_ = [this](LogLevel, std::string_view sentence) { said_.emplace_back(sentence); };
};

TEST_F(SafetensorsFolderTest, PutsShardsTogether) {
  WriteShards(R"({"a":"s1.safetensors","b":"s2.safetensors"})");
  const SafetensorsModel model = SafetensorsModel::OpenFolder(folder_.Path(".")).value();
  EXPECT_EQ(model.n_files(), 2u);
  ASSERT_NE(model.Find("b"), nullptr);
  EXPECT_EQ(model.Find("b")->view.bytes.size(), 8u);
  model.ReleasePages(model.Find("b")->view.bytes);
  EXPECT_EQ(model.Find("b")->view.bytes[7], std::byte{7});
}

TEST_F(SafetensorsFolderTest, PrefersTheSingleFile) {
  folder_.Write("model.safetensors", FileBytes(kGoodHeader, 20));
  const SafetensorsModel model = SafetensorsModel::OpenFolder(folder_.Path(".")).value();
  EXPECT_EQ(model.n_files(), 1u);
  EXPECT_NE(model.Find("late"), nullptr);
}

TEST_F(SafetensorsFolderTest, TellsWhereTheIndexAndItsShardsDiffer) {
  const auto open = [&](const std::string& weight_map) {
    WriteShards(weight_map);
    said_.clear();
    return SafetensorsModel::OpenFolder(folder_.Path("."), log_).value();
  };
  const SafetensorsModel more =
      open(R"({"a":"s1.safetensors","b":"s2.safetensors","c":"s2.safetensors"})");
  EXPECT_EQ(more.missing().size(), 1u);
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_NE(said_[0].find("index.json: lists what no file of it holds: \"c\""), std::string::npos)
      << said_[0];

  const SafetensorsModel less = open(R"({"a":"s1.safetensors","c":"s2.safetensors"})");
  EXPECT_NE(less.Find("b"), nullptr) << "it is there, listed or not";
  ASSERT_EQ(said_.size(), 2u);
  EXPECT_NE(said_[1].find("does not list what its files hold: \"b\""), std::string::npos)
      << said_[1];

  const SafetensorsModel swapped = open(R"({"a":"s2.safetensors","b":"s1.safetensors"})");
  EXPECT_NE(swapped.Find("a"), nullptr);
  EXPECT_TRUE(swapped.missing().empty());
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_NE(said_[0].find("in another file than where it is: \"a\", \"b\""), std::string::npos)
      << said_[0];
}

TEST_F(SafetensorsFolderTest, OfTwoCopiesTheListedOneCounts) {
  folder_.Write("s1.safetensors", FileBytes("{" + Record("a", "I8", "4", 0, 4) + "}", 4));
  folder_.Write(
      "s2.safetensors",
      FileBytes("{" + Record("a", "I8", "2", 0, 2) + "," + Record("b", "I8", "6", 2, 8) + "}", 8));
  folder_.Write("model.safetensors.index.json",
                R"({"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}})");
  const SafetensorsModel model = SafetensorsModel::OpenFolder(folder_.Path("."), log_).value();
  EXPECT_EQ(model.Find("a")->view.bytes.size(), 4u);
  EXPECT_EQ(model.tensors().size(), 2u);
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_NE(said_[0].find("lists one of two copies"), std::string::npos) << said_[0];
}

TEST_F(SafetensorsFolderTest, TellsWhatAFileThatIsNotThereWouldHold) {
  WriteShards(R"({"a":"./s1.safetensors","b":"s3.safetensors"})");
  const auto model = SafetensorsModel::OpenFolder(folder_.Path("."), log_);
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_NE(model.value().Find("a"), nullptr);
  ASSERT_EQ(model.value().missing().size(), 1u);
  EXPECT_EQ(model.value().missing()[0].name, "b");
  EXPECT_EQ(model.value().missing()[0].file, "s3.safetensors");
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_NE(said_[0].find("names files that are not there: \"s3.safetensors\""), std::string::npos)
      << said_[0];
}

TEST_F(SafetensorsFolderTest, RefusesAnIndexThatDoesNotFitItsShards) {
  ExpectRefused(ErrorCode::kNotFound, "has neither model.safetensors nor");
  WriteShards(R"({"a":"s4.safetensors","b":"s3.safetensors"})");
  ExpectRefused(ErrorCode::kNotFound, "s3.safetensors");
  WriteShards(R"({"a":"../s1.safetensors"})");
  ExpectRefused(ErrorCode::kCorruptFile, "is not the name of a file in the same folder");
  WriteShards(R"({"a":7})");
  ExpectRefused(ErrorCode::kCorruptFile, "no file name");
  WriteShards("[]");
  ExpectRefused(ErrorCode::kCorruptFile, "\"weight_map\" is missing or no object");
}

}  // namespace
}  // namespace altteul::formats

// SPDX-License-Identifier: Apache-2.0

#include "formats/gguf.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <set>

#include "formats/gguf_part.h"
#include "formats/test_bytes.h"

namespace altteul::formats {
namespace {

/// The parser must not read one byte too far, which a copy of exactly the right size lets the
/// address sanitizer see.
Status ParseStatus(std::string_view text) {
  const std::vector<std::byte> bytes(AsBytes(text).begin(), AsBytes(text).end());
  return GgufFile::Parse(bytes, "bad.gguf").status();
}

void ExpectRefused(std::string_view text, ErrorCode code, const std::string& words) {
  const Status status = ParseStatus(text);
  EXPECT_EQ(status.code(), code) << status.message();
  EXPECT_NE(status.message().find(words), std::string::npos)
      << "expected: " << words << "\ngot: " << status.message();
  EXPECT_EQ(status.message().rfind("bad.gguf: ", 0), 0u) << status.message();
}

TEST(GgufTest, ReadsEveryScalarType) {
  const std::string bytes = GoodGguf().bytes();
  const GgufFile file = GgufFile::Parse(AsBytes(bytes), "good.gguf").value();
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.alignment(), 32u);
  EXPECT_EQ(file.file_bytes(), bytes.size());
  ASSERT_EQ(file.metadata().size(), 16u);
  EXPECT_EQ(file.metadata()[0].key, "u8");
  EXPECT_EQ(file.GetUint("u8").value(), 200u);
  EXPECT_EQ(file.GetUint("u16").value(), 60000u);
  EXPECT_EQ(file.GetUint("u32").value(), 4000000000u);
  EXPECT_EQ(file.GetUint("u64").value(), UINT64_MAX);
  EXPECT_EQ(std::get<int64_t>(file.FindValue("i8")->held), -100);
  EXPECT_EQ(std::get<int64_t>(file.FindValue("i16")->held), -30000);
  EXPECT_EQ(std::get<int64_t>(file.FindValue("i32")->held), -2000000000);
  EXPECT_EQ(std::get<int64_t>(file.FindValue("i64")->held), INT64_MIN);
  EXPECT_EQ(file.GetFloat("f32").value(), 1.5);
  EXPECT_EQ(file.GetFloat("f64").value(), -2.25);
  EXPECT_EQ(file.GetBool("bool").value(), true);
  EXPECT_EQ(file.GetString("string").value(), "Altteul");
}

TEST(GgufTest, ReadsArraysOfEveryKind) {
  const std::string bytes = GoodGguf().bytes();
  const GgufFile file = GgufFile::Parse(AsBytes(bytes), "good.gguf").value();
  const GgufArray strings = *file.GetArray("strings").value();
  EXPECT_EQ(strings.Strings().value(), (std::vector<std::string_view>{"one", "", "three"}));
  EXPECT_EQ(strings.Integers().status().code(), ErrorCode::kUnsupported);
  const GgufArray numbers = *file.GetArray("numbers").value();
  EXPECT_EQ(numbers.Integers().value(), (std::vector<int64_t>{-1, 300}));
  EXPECT_EQ(numbers.Floats().value(), (std::vector<float>{-1.0f, 300.0f}));
  EXPECT_EQ(numbers.Strings().status().code(), ErrorCode::kUnsupported);
  const auto nested = file.GetArray("nested").value()->Arrays().value();
  ASSERT_EQ(nested.size(), 2u);
  EXPECT_EQ(nested[0].Integers().value(), (std::vector<int64_t>{0}));
  EXPECT_EQ(nested[1].Integers().value(), (std::vector<int64_t>{0, 1}));
}

TEST(GgufTest, PlacesTensorsAndReversesTheirExtents) {
  const std::string bytes = GoodGguf().bytes();
  const GgufFile file = GgufFile::Parse(AsBytes(bytes), "good.gguf").value();
  ASSERT_EQ(file.tensors().size(), 2u);
  const GgufTensor* matrix = file.FindTensor("matrix");
  ASSERT_NE(matrix, nullptr);
  EXPECT_EQ(matrix->view.type, DType::kQ4_0);
  EXPECT_EQ(matrix->view.shape.ToString(), "[3, 32]");
  EXPECT_EQ(matrix->view.bytes.size(), 54u);
  EXPECT_EQ(matrix->view.bytes.front(), std::byte{'m'});
  EXPECT_EQ(matrix->view.bytes.back(), std::byte{'m'});
  const GgufTensor* vector = file.FindTensor("vector");
  ASSERT_NE(vector, nullptr);
  EXPECT_EQ(vector->view.bytes.size(), 20u);
  EXPECT_EQ(vector->view.bytes.front(), std::byte{'v'});
  EXPECT_EQ(file.FindTensor("absent"), nullptr);
}

TEST(GgufTest, ReadsEveryTensorType) {
  for (const DTypeTraits& traits : AllDTypes()) {
    GgufBytes bytes;
    const uint64_t cols = uint64_t{2} * traits.block_elements;
    bytes.Header(1, 0, 2).Tensor("t", {cols, 3}, static_cast<uint32_t>(traits.type), 0);
    bytes.Pad().Data(size_t{6} * traits.block_bytes, 'x');
    const GgufFile file = GgufFile::Parse(AsBytes(bytes.bytes()), "typed.gguf").value();
    EXPECT_EQ(file.version(), 2u);
    EXPECT_EQ(file.tensors()[0].view.type, traits.type);
    EXPECT_EQ(file.tensors()[0].view.bytes.size(), size_t{6} * traits.block_bytes) << traits.name;
  }
}

TEST(GgufTest, SaysWhatAKeyIsAndWhatItMustBe) {
  const std::string bytes = GoodGguf().bytes();
  const GgufFile file = GgufFile::Parse(AsBytes(bytes), "good.gguf").value();
  EXPECT_EQ(file.GetUint("absent").value(), std::nullopt);
  EXPECT_EQ(file.GetArray("absent").value().has_value(), false);
  const Status negative = file.GetUint("i8").status();
  EXPECT_EQ(negative.code(), ErrorCode::kUnsupported) << "the same wherever it is fetched from";
  EXPECT_EQ(negative.message(),
            "good.gguf: key \"i8\" is of type i8 with the value -100, but must be an integer of at "
            "least 0");
  EXPECT_EQ(file.GetFloat("u8").value(), 200.0);  // another type, the same number
  EXPECT_EQ(file.GetBool("u8").status().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(file.GetFloat("string").status().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(file.GetString("u8").status().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(file.GetArray("string").status().code(), ErrorCode::kUnsupported);
}

TEST(GgufTest, AnArrayOfOneValueIsThatValue) {
  GgufBytes bytes;
  bytes.Header(0, 4);
  bytes.ArrayHead("same", GgufType::kF32, 2).Number<float>(0.5f).Number<float>(0.5f);
  bytes.ArrayHead("whole", GgufType::kF64, 2).Number<double>(3).Number<double>(3);
  bytes.ArrayHead("different", GgufType::kI32, 2).Number<int32_t>(1).Number<int32_t>(2);
  bytes.ArrayHead("empty", GgufType::kI32, 0);
  const GgufFile file = GgufFile::Parse(AsBytes(bytes.bytes()), "a.gguf").value();
  EXPECT_EQ(file.GetFloat("same").value(), 0.5);
  EXPECT_EQ(file.GetUint("whole").value(), 3u);
  EXPECT_EQ(file.GetArray("whole").value()->Integers().value(), (std::vector<int64_t>{3, 3}));
  EXPECT_EQ(file.GetArray("same").value()->Integers().status().code(), ErrorCode::kUnsupported);
  EXPECT_TRUE(file.GetArray("empty").value()->Strings().value().empty()) << "of whatever type";
  const Status different = file.GetUint("different").status();
  EXPECT_EQ(different.message(),
            "a.gguf: key \"different\" is an array of 2 values of type i32, but must be an integer "
            "of at least 0");
}

TEST(GgufTest, ATensorWithoutDimensionsIsOneNumber) {
  GgufBytes bytes;
  bytes.Header(1, 0).Tensor("t", {}, 0, 0).Pad().Data(4, 'x');
  const GgufFile file = GgufFile::Parse(AsBytes(bytes.bytes()), "a.gguf").value();
  EXPECT_EQ(file.FindTensor("t")->view.bytes.size(), 4u);
  EXPECT_EQ(file.FindTensor("t")->view.shape.ToString(), "[]");
}

TEST(GgufTest, RefusesAGoodFileCutAfterAnyByte) {
  const std::string good = GoodGguf().bytes();
  for (size_t length = 0; length < good.size(); ++length) {
    const Status status = ParseStatus(std::string_view(good).substr(0, length));
    EXPECT_EQ(status.code(), ErrorCode::kCorruptFile) << "cut after " << length;
    EXPECT_EQ(status.message().rfind("bad.gguf: ", 0), 0u) << status.message();
  }
  EXPECT_TRUE(ParseStatus(good).ok());
}

TEST(GgufTest, RefusesEveryFieldSetToZeroMaximumAndMaximumLessSeven) {
  const GgufBytes good = GoodGguf();
  std::set<std::string> accepted;
  for (const GgufBytes::Field& field : good.fields()) {
    const uint64_t max = field.size == 8 ? UINT64_MAX : UINT32_MAX;
    for (const uint64_t value : {uint64_t{0}, max, max - 7}) {
      std::string bytes = good.bytes();
      std::memcpy(bytes.data() + field.offset, &value, field.size);
      if (bytes != good.bytes() && ParseStatus(bytes).ok()) {
        accepted.insert(field.name + " = " + std::to_string(value));
      }
    }
  }
  // What changes the meaning but breaks no rule of the format: no tensors, and types of the same
  // size (0 is u8). As F32 the matrix would reach beyond the file.
  EXPECT_EQ(accepted, (std::set<std::string>{"n_tensors = 0", "i8 type = 0", "bool type = 0"}));
}

TEST(GgufTest, RefusesOtherFilesAndOtherVersions) {
  ExpectRefused("PK\x03\x04 is a zip", ErrorCode::kCorruptFile, "begins with \"PK\\x03\\x04\"");
  ExpectRefused(GgufBytes().Header(0, 0, 1).bytes(), ErrorCode::kUnsupported,
                "GGUF version 1 is too old; versions 2 and 3 are supported");
  ExpectRefused(GgufBytes().Header(0, 0, 4).bytes(), ErrorCode::kUnsupported,
                "GGUF version 4 is unknown");
  ExpectRefused(GgufBytes().Header(0, 0, 3u << 24).bytes(), ErrorCode::kUnsupported, "big-endian");
}

TEST(GgufTest, TellsAGitLfsPointerFromAModel) {
  ExpectRefused("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
                ErrorCode::kCorruptFile, "it is a Git LFS pointer");
}

TEST(GgufTest, RefusesCountsThatTheFileCannotHold) {
  GgufBytes many_tensors, many_entries, many_elements;
  ExpectRefused(many_tensors.Header(5, 0).Data(100, 'x').bytes(), ErrorCode::kCorruptFile,
                "5 tensors at offset 8, but only 100 bytes follow");
  ExpectRefused(many_entries.Header(0, 8).Data(100, 'x').bytes(), ErrorCode::kCorruptFile,
                "8 metadata entries at offset 16, but only 100 bytes follow");
  many_elements.Header(0, 1).ArrayHead("a", GgufType::kU64, UINT64_MAX / 8 + 2).Data(64, 'x');
  ExpectRefused(many_elements.bytes(), ErrorCode::kCorruptFile,
                "key \"a\": an array of 2305843009213693953 values of type u64 at offset 41, but "
                "only 64 bytes follow");
}

TEST(GgufTest, RefusesDuplicateKeysAndNames) {
  GgufBytes keys, names;
  keys.Header(0, 2).Entry<uint8_t>("k", GgufType::kU8, 1).Entry<uint8_t>("k", GgufType::kU8, 1);
  ExpectRefused(keys.bytes(), ErrorCode::kCorruptFile, "key \"k\" stands there twice");
  names.Header(2, 0).Tensor("t", {8}, 0, 0).Tensor("t", {8}, 0, 32).Pad().Data(64, 'x');
  ExpectRefused(names.bytes(), ErrorCode::kCorruptFile, "tensor \"t\" stands there twice");
}

TEST(GgufTest, RefusesOverlappingAndMisplacedTensors) {
  GgufBytes overlap, outside, wrapped, crooked;
  overlap.Header(2, 0).Tensor("a", {9}, 0, 0).Tensor("b", {8}, 0, 32).Pad().Data(96, 'x');
  ExpectRefused(
      overlap.bytes(), ErrorCode::kCorruptFile,
      "tensor \"b\" at data offset 32 overlaps tensor \"a\" of 36 bytes at data offset 0");
  outside.Header(1, 0).Tensor("a", {8}, 0, 32).Pad().Data(63, 'x');
  ExpectRefused(
      outside.bytes(), ErrorCode::kCorruptFile,
      "tensor \"a\" has 32 bytes at data offset 32, but the data section, from offset 64, "
      "has 63");
  wrapped.Header(1, 0).Tensor("a", {8}, 0, UINT64_MAX - 31).Pad().Data(64, 'x');
  ExpectRefused(wrapped.bytes(), ErrorCode::kCorruptFile, "18446744073709551584");
  crooked.Header(1, 0).Tensor("a", {8}, 0, 16).Pad().Data(64, 'x');
  ExpectRefused(crooked.bytes(), ErrorCode::kCorruptFile, "not a multiple of the alignment 32");
}

TEST(GgufTest, RefusesShapesAndTypesThatCannotBe) {
  const auto one_tensor = [](const std::vector<uint64_t>& dims, uint32_t type) {
    return GgufBytes().Header(1, 0).Tensor("t", dims, type, 0).Pad().Data(256, 'x').bytes();
  };
  ExpectRefused(one_tensor({1, 1, 1, 1, 1}, 0), ErrorCode::kCorruptFile, "5 dimensions");
  ExpectRefused(one_tensor({4, 0}, 0), ErrorCode::kCorruptFile, "a dimension of 0");
  ExpectRefused(one_tensor({uint64_t{1} << 32, uint64_t{1} << 32}, 0), ErrorCode::kCorruptFile,
                "a dimension of 4294967296");
  ExpectRefused(one_tensor({uint64_t{1} << 62}, 0), ErrorCode::kCorruptFile, "type F32");
  ExpectRefused(one_tensor({33}, 8), ErrorCode::kCorruptFile,
                "rows of 33 values cannot be of type Q8_0, whose blocks hold 32");
  ExpectRefused(one_tensor({32}, 4), ErrorCode::kUnsupported, "unknown tensor type 4");  // Q4_2
  ExpectRefused(one_tensor({32}, 99), ErrorCode::kUnsupported, "unknown tensor type 99");
}

TEST(GgufTest, RefusesBoolsBeyondOneAndDeepNesting) {
  GgufBytes truth, deep;
  truth.Header(0, 1).Entry<uint8_t>("b", GgufType::kBool, 2);
  ExpectRefused(truth.bytes(), ErrorCode::kCorruptFile, "a bool of 2");
  deep.Header(0, 1).Key("deep", GgufType::kArray);
  for (int depth = 0; depth < 1000; ++depth) deep.Type(GgufType::kArray).Number<uint64_t>(1);
  ExpectRefused(deep.bytes(), ErrorCode::kCorruptFile, "arrays nested deeper than 4");
}

TEST(GgufTest, HonoursTheAlignmentAndRefusesOddOnes) {
  GgufBytes wide;
  wide.Header(2, 1).Entry<uint32_t>("general.alignment", GgufType::kU32, 128);
  wide.Tensor("a", {1}, 0, 0).Tensor("b", {1}, 0, 128).Pad(128).Data(128, 'a').Data(4, 'b');
  const GgufFile file = GgufFile::Parse(AsBytes(wide.bytes()), "wide.gguf").value();
  EXPECT_EQ(file.alignment(), 128u);
  EXPECT_EQ(file.FindTensor("b")->view.bytes[0], std::byte{'b'});
  for (const uint32_t alignment : {0u, 3u, 48u, UINT32_MAX}) {
    GgufBytes odd;
    odd.Header(0, 1).Entry<uint32_t>("general.alignment", GgufType::kU32, alignment);
    ExpectRefused(odd.bytes(), ErrorCode::kCorruptFile, "must be a power of two");
  }
  GgufBytes typed;
  typed.Header(0, 1).Entry<uint64_t>("general.alignment", GgufType::kU64, 32);
  ExpectRefused(typed.bytes(), ErrorCode::kCorruptFile, "is of type u64, must be u32");
}

TEST(GgufTest, SaysWhichFileIsMissingAndReleasesPagesOfOneItOpened) {
  EXPECT_EQ(GgufFile::Open("/nonexistent/model.gguf").status().code(), ErrorCode::kNotFound);
  const TempFolder folder;
  const GgufFile file = GgufFile::Open(folder.Write("good.gguf", GoodGguf().bytes())).value();
  const GgufTensor* tensor = file.FindTensor("vector");
  file.ReleasePages(tensor->view.bytes);
  EXPECT_EQ(tensor->view.bytes[0], std::byte{'v'});
}

/// Opens a real model of the folder that ALTTEUL_TEST_MODELS names; they are too large to carry.
class RealModelTest : public ::testing::Test {
 protected:
  std::string PathOrSkip(const char* name) {
    const char* folder = std::getenv("ALTTEUL_TEST_MODELS");
    if (folder == nullptr) return "";
    const std::string path = std::string(folder) + "/" + name;
    return std::filesystem::exists(path) ? path : "";
  }
  void Check(const char* name, std::string_view architecture, size_t n_tensors, size_t n_tokens) {
    const std::string path = PathOrSkip(name);
    if (path.empty()) GTEST_SKIP() << "no $ALTTEUL_TEST_MODELS/" << name;
    const GgufFile file = GgufFile::Open(path).value();
    EXPECT_EQ(file.GetString("general.architecture").value(), architecture);
    EXPECT_EQ(file.tensors().size(), n_tensors);
    EXPECT_EQ(file.GetArray("tokenizer.ggml.tokens").value()->Strings().value().size(), n_tokens);
  }
};

TEST_F(RealModelTest, SmolLm2Opens) { Check("smollm2.gguf", "llama", 272, 49152); }
TEST_F(RealModelTest, GemmaOpens) { Check("gemma.gguf", "gemma3", 236, 262144); }

TEST(GgufTest, AHeaderIsKnownAsSoonAsItIsWhole) {
  std::string bytes = GoodGguf().bytes();
  const uint64_t header_bytes = ParseGgufPart(AsBytes(bytes), "good.gguf").value().data_offset;
  size_t n_known = 0;
  for (size_t known = 0; known <= bytes.size(); ++known) {
    // What is behind must not be looked at.
    std::string prefix = bytes.substr(0, known) + std::string(bytes.size() - known, '\xFF');
    const auto found = GgufHeaderBytes(AsBytes(prefix), known, "part.gguf");
    ASSERT_TRUE(found.ok()) << known << ": " << found.status().message();
    if (!found.value()) continue;
    EXPECT_EQ(*found.value(), header_bytes);
    EXPECT_GT(known + 32, header_bytes) << "padding need not be known";
    ++n_known;
  }
  EXPECT_GE(n_known, bytes.size() - header_bytes);
  bytes[4] = 9;  // another version
  EXPECT_FALSE(GgufHeaderBytes(AsBytes(bytes), 8, "part.gguf").ok());
  EXPECT_FALSE(GgufHeaderBytes(AsBytes(bytes), 4, "part.gguf").value());
}

}  // namespace
}  // namespace altteul::formats

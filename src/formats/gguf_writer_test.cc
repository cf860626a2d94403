// SPDX-License-Identifier: Apache-2.0

#include "formats/gguf_writer.h"

#include <gtest/gtest.h>

#include <cstring>

#include "formats/test_bytes.h"

namespace altteul::formats {
namespace {

Shape ShapeOf(const std::vector<uint64_t>& dims) {
  Shape shape;
  for (const uint64_t extent : dims) shape.dims[shape.n_dims++] = extent;
  return shape;
}

/// Everything of `file` through the writer, tensor data in chunks of `chunk` bytes.
Status Copy(const GgufFile& file, const std::string& path, size_t chunk) {
  GgufWriter writer;
  writer.CopyMetadata(file);
  for (const GgufTensor& tensor : file.tensors()) {
    ALT_RETURN_IF_ERROR(writer.DeclareTensor(tensor.name, tensor.view.type, tensor.view.shape));
  }
  ALT_RETURN_IF_ERROR(writer.Begin(path));
  for (const GgufTensor& tensor : file.tensors()) {
    auto rest = tensor.view.bytes;
    while (!rest.empty()) {
      const size_t n = std::min(chunk, rest.size());
      ALT_RETURN_IF_ERROR(writer.WriteTensorData(rest.first(n)));
      rest = rest.subspan(n);
    }
  }
  return writer.Finish();
}

TEST(GgufWriterTest, ReproducesEveryValueAndTensorBitForBit) {
  // A signalling NaN does not survive a conversion to double and back.
  GgufBytes source = GoodGguf();
  std::string bytes = source.bytes();
  const size_t f32 = bytes.find("f32") + 3 + 4;
  const uint32_t signalling = 0x7f800001;
  std::memcpy(bytes.data() + f32, &signalling, sizeof(signalling));
  bytes += std::string(12, '\0');  // the writer pads after the last tensor, too

  const TempFolder folder;
  const GgufFile file = GgufFile::Parse(AsBytes(bytes), "source").value();
  ASSERT_TRUE(Copy(file, folder.Path("once.gguf"), 7).ok());
  EXPECT_EQ(ReadAll(folder.Path("once.gguf")), bytes);
  const GgufFile again = GgufFile::Open(folder.Path("once.gguf")).value();
  ASSERT_TRUE(Copy(again, folder.Path("twice.gguf"), 1000).ok());
  EXPECT_EQ(ReadAll(folder.Path("twice.gguf")), bytes);
}

TEST(GgufWriterTest, RemovedKeysLeaveTheOthersInTheirPlaces) {
  const TempFolder folder;
  GgufWriter writer;
  for (const char* key : {"a.x", "b.x", "a.y", "b.y"}) writer.SetNumber<uint32_t>(key, 1);
  writer.RemoveKeys("a.");
  writer.SetNumber<uint32_t>("b.y", 2);  // its place has moved
  writer.SetNumber<uint32_t>("a.x", 3);
  ASSERT_TRUE(writer.DeclareTensor("t", DType::kF32, ShapeOf({1})).ok());
  ASSERT_TRUE(writer.Begin(folder.Path("out.gguf")).ok());
  const float value = 1.0f;
  ASSERT_TRUE(writer.WriteTensorData(std::as_bytes(std::span(&value, 1))).ok());
  ASSERT_TRUE(writer.Finish().ok());
  const GgufFile file = GgufFile::Open(folder.Path("out.gguf")).value();
  std::string keys;
  for (const GgufEntry& entry : file.metadata()) {
    keys +=
        std::string(entry.key) + "=" + std::to_string(std::get<uint64_t>(entry.value.held)) + " ";
  }
  EXPECT_EQ(keys, "b.x=1 b.y=2 a.x=3 ");
}

TEST(GgufWriterTest, WritesWhatTheReaderReads) {
  const TempFolder folder;
  GgufWriter writer;
  const std::vector<std::string_view> words = {"", "two"};
  const std::vector<float> scores = {-1.5f, 0.0f};
  const bool flags[] = {true, false};
  writer.SetString("general.architecture", "llama");
  writer.SetNumber<uint32_t>("count", 1);
  writer.SetNumber<float>("f", 0.5f);
  writer.SetNumber<bool>("b", true);
  writer.SetNumber<int8_t>("i8", -1);
  writer.SetStrings("words", words);
  writer.SetNumbers<float>("scores", scores);
  writer.SetNumbers<bool>("flags", flags);
  writer.SetNumber<uint32_t>("general.alignment", 64);
  writer.SetNumber<uint32_t>("count", 2);  // replaced, in its place
  ASSERT_TRUE(writer.DeclareTensor("t", DType::kF32, ShapeOf({2, 3})).ok());
  ASSERT_TRUE(writer.DeclareTensor("u", DType::kQ8_0, ShapeOf({1, 32})).ok());
  ASSERT_TRUE(writer.Begin(folder.Path("out.gguf")).ok());
  ASSERT_TRUE(writer.WriteTensorData(AsBytes(std::string(24, 't'))).ok());
  ASSERT_TRUE(writer.WriteTensorData(AsBytes(std::string(34, 'u'))).ok());
  const uint64_t promised = writer.file_bytes();
  ASSERT_TRUE(writer.Finish().ok());

  const GgufFile file = GgufFile::Open(folder.Path("out.gguf")).value();
  EXPECT_EQ(file.file_bytes(), promised);
  EXPECT_EQ(file.alignment(), 64u);
  EXPECT_EQ(file.metadata()[1].key, "count");
  EXPECT_EQ(file.metadata()[1].value.type, GgufType::kU32);
  EXPECT_EQ(file.GetUint("count").value(), 2u);
  EXPECT_EQ(file.GetFloat("f").value(), 0.5);
  EXPECT_EQ(file.GetBool("b").value(), true);
  EXPECT_EQ(file.FindValue("i8")->type, GgufType::kI8);
  EXPECT_EQ(file.GetArray("words").value()->Strings().value(), words);
  EXPECT_EQ(file.GetArray("scores").value()->Floats().value(), scores);
  EXPECT_EQ(file.GetArray("flags").value()->Integers().value(), (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(file.FindTensor("t")->view.shape.ToString(), "[2, 3]");
  EXPECT_EQ(file.FindTensor("u")->view.bytes[33], std::byte{'u'});
}

TEST(GgufWriterTest, JoinsASplitModelWithoutTheSplitKeys) {
  const TempFolder folder;
  for (const uint16_t number : {uint16_t{0}, uint16_t{1}}) {
    GgufBytes part;
    part.Header(1, 2)
        .Entry<uint16_t>("split.no", GgufType::kU16, number)
        .Entry<uint16_t>("split.count", GgufType::kU16, 2)
        .Tensor(number == 0 ? "a" : "b", {8}, 0, 0)
        .Pad()
        .Data(32, 'x');
    folder.Write("m-0000" + std::to_string(number + 1) + "-of-00002.gguf", part.bytes());
  }
  const GgufFile split = GgufFile::Open(folder.Path("m-00001-of-00002.gguf")).value();
  ASSERT_TRUE(Copy(split, folder.Path("joined.gguf"), 100).ok());
  const GgufFile joined = GgufFile::Open(folder.Path("joined.gguf")).value();
  EXPECT_EQ(joined.tensors().size(), 2u);
  EXPECT_TRUE(joined.metadata().empty());
}

TEST(GgufWriterTest, RefusesTensorsThatNoReaderTakes) {
  GgufWriter writer;
  const auto refused = [&](std::string_view name, DType type, const std::vector<uint64_t>& dims) {
    return writer.DeclareTensor(name, type, ShapeOf(dims)).code() == ErrorCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused("", DType::kF32, {1}));
  EXPECT_TRUE(refused(std::string(64, 'n'), DType::kF32, {1}));
  EXPECT_TRUE(refused("five", DType::kF32, {1, 1, 1, 1, 1}));
  EXPECT_TRUE(refused("empty", DType::kF32, {0, 4}));
  EXPECT_TRUE(refused("empty", DType::kF32, {4, 0}));
  EXPECT_TRUE(refused("odd", DType::kQ4_0, {2, 33}));
  EXPECT_TRUE(refused("huge", DType::kF32, {uint64_t{1} << 40, uint64_t{1} << 40}));
  EXPECT_FALSE(refused("scalar", DType::kF32, {}));
  EXPECT_FALSE(refused(std::string(63, 'n'), DType::kF32, {1}));
  EXPECT_TRUE(refused(std::string(63, 'n'), DType::kF32, {1}));  // again
}

TEST(GgufWriterTest, CountsTheBytesOfEachTensor) {
  const TempFolder folder;
  {
    GgufWriter writer;
    ASSERT_TRUE(writer.DeclareTensor("t", DType::kF32, ShapeOf({4})).ok());
    ASSERT_TRUE(writer.Begin(folder.Path("out.gguf")).ok());
    const Status many = writer.WriteTensorData(AsBytes(std::string(17, 'x')));
    EXPECT_EQ(many.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(many.message(), "tensor \"t\": 17 bytes came after 0 of 16");
    ASSERT_TRUE(writer.WriteTensorData(AsBytes(std::string(15, 'x'))).ok());
    const Status few = writer.Finish();
    EXPECT_EQ(few.message(), "tensor \"t\": 15 of 16 bytes came");
    EXPECT_TRUE(folder.Names().empty()) << "something half-written is left";
  }
  GgufWriter writer;
  ASSERT_TRUE(writer.Begin(folder.Path("out.gguf")).ok());
  EXPECT_EQ(writer.WriteTensorData(AsBytes("x")).code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(writer.Finish().ok());
  EXPECT_TRUE(GgufFile::Open(folder.Path("out.gguf")).ok());
}

TEST(GgufWriterTest, ReproducesARealModel) {
  const char* models = std::getenv("ALTTEUL_TEST_MODELS");
  const std::string path = std::string(models == nullptr ? "$ALTTEUL_TEST_MODELS" : models);
  if (!std::filesystem::exists(path + "/smollm2.gguf")) {
    GTEST_SKIP() << "no " << path << "/smollm2.gguf";
  }
  const TempFolder folder;
  const GgufFile file = GgufFile::Open(path + "/smollm2.gguf").value();
  ASSERT_TRUE(Copy(file, folder.Path("copy.gguf"), 1 << 22).ok());
  EXPECT_TRUE(ReadAll(folder.Path("copy.gguf")) == ReadAll(path + "/smollm2.gguf"));
}

}  // namespace
}  // namespace altteul::formats

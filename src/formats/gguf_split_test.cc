// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include "formats/gguf.h"
#include "formats/test_bytes.h"

namespace altteul::formats {
namespace {

struct Part {
  uint16_t number;
  uint16_t n_parts;
  int32_t n_tensors;
  std::string tensor;
};

/// As llama.cpp's splitter writes them: the first part alone has the model's metadata.
std::string PartBytes(const Part& part) {
  GgufBytes bytes;
  bytes.Header(1, part.number == 0 ? 4 : 3);
  if (part.number == 0) bytes.TextEntry("general.name", "split");
  bytes.Entry<uint16_t>("split.no", GgufType::kU16, part.number)
      .Entry<uint16_t>("split.count", GgufType::kU16, part.n_parts)
      .Entry<int32_t>("split.tensors.count", GgufType::kI32, part.n_tensors);
  bytes.Tensor(part.tensor, {8}, 0, 0).Pad();
  return bytes.Data(32, static_cast<char>('0' + part.number)).bytes();
}

class GgufSplitTest : public ::testing::Test {
 protected:
  void WritePart(int place, const Part& part) {
    folder_.Write("m-0000" + std::to_string(place) + "-of-00003.gguf", PartBytes(part));
  }
  void WriteAll() {
    WritePart(1, {0, 3, 3, "a"});
    WritePart(2, {1, 3, 3, "b"});
    WritePart(3, {2, 3, 3, "c"});
  }
  std::string Path(int place) const {
    return folder_.Path("m-0000" + std::to_string(place) + "-of-00003.gguf");
  }
  void ExpectRefused(int place, ErrorCode code, const std::string& words) {
    const Status status = GgufFile::Open(Path(place)).status();
    EXPECT_EQ(status.code(), code) << status.message();
    EXPECT_NE(status.message().find(words), std::string::npos) << status.message();
  }

  TempFolder folder_;
};

TEST_F(GgufSplitTest, OpeningAnyPartOpensAll) {
  WriteAll();
  for (const int place : {1, 2, 3}) {
    const GgufFile file = GgufFile::Open(Path(place)).value();
    EXPECT_EQ(file.n_parts(), 3u);
    EXPECT_EQ(file.file_bytes(),
              PartBytes({0, 3, 3, "a"}).size() + 2 * PartBytes({1, 3, 3, "b"}).size());
    EXPECT_EQ(file.GetString("general.name").value(), "split");
    ASSERT_EQ(file.tensors().size(), 3u);
    EXPECT_EQ(file.tensors()[0].name, "a");
    ASSERT_NE(file.FindTensor("c"), nullptr);
    EXPECT_EQ(file.FindTensor("c")->view.bytes[0], std::byte{'2'});
    file.ReleasePages(file.FindTensor("c")->view.bytes);
  }
}

TEST_F(GgufSplitTest, NamesTheMissingPart) {
  WriteAll();
  std::filesystem::remove(Path(2));
  ExpectRefused(1, ErrorCode::kNotFound, "m-00002-of-00003.gguf");
}

TEST_F(GgufSplitTest, RefusesAPartThatSaysItIsAnother) {
  WriteAll();
  WritePart(3, {0, 3, 3, "c"});  // cyclic: the third would begin again
  ExpectRefused(
      1, ErrorCode::kUnsupported,
      "m-00003-of-00003.gguf: says it is part 0 of 3 (counting from 0), but its name says "
      "part 2 of 3; rename it to what it is");
  ExpectRefused(3, ErrorCode::kUnsupported, "its name must end in -00001-of-00003.gguf");
  WritePart(3, {2, 4, 3, "c"});
  ExpectRefused(1, ErrorCode::kUnsupported, "says it is part 2 of 4");
}

TEST_F(GgufSplitTest, RefusesAWrongCountOfTensorsAndANameInTwoParts) {
  WriteAll();
  WritePart(1, {0, 3, 4, "a"});
  ExpectRefused(1, ErrorCode::kCorruptFile, "split.tensors.count is 4, but the 3 part(s) hold 3");
  WriteAll();
  WritePart(3, {2, 3, 3, "a"});
  ExpectRefused(1, ErrorCode::kCorruptFile, "tensor \"a\" stands there twice");
}

TEST_F(GgufSplitTest, RefusesAPartBeyondTheCountAndAPartUnderAnotherName) {
  WritePart(1, {3, 3, 3, "a"});
  ExpectRefused(1, ErrorCode::kCorruptFile, "split.no is 3, but split.count is 3");
  const std::string path = folder_.Write("renamed.gguf", PartBytes({1, 3, 3, "b"}));
  const Status status = GgufFile::Open(path).status();
  EXPECT_EQ(status.code(), ErrorCode::kUnsupported);
  EXPECT_NE(status.message().find("must end in -00002-of-00003.gguf"), std::string::npos);
  EXPECT_NE(status.message().find("rename it to m-00002-of-00003.gguf"), std::string::npos)
      << status.message() << " (the first part beside it tells how)";
  EXPECT_EQ(GgufFile::Parse(AsBytes(PartBytes({1, 3, 3, "b"})), "part").status().code(),
            ErrorCode::kUnsupported);
}

TEST_F(GgufSplitTest, AFileThatIsTheOnlyPartNeedsNoSuffix) {
  const std::string path = folder_.Write("whole.gguf", PartBytes({0, 1, 1, "a"}));
  EXPECT_EQ(GgufFile::Open(path).value().tensors().size(), 1u);
}

}  // namespace
}  // namespace altteul::formats

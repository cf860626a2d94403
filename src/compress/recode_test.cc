// SPDX-License-Identifier: Apache-2.0

#include "compress/recode.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/test_model.h"
#include "formats/gguf.h"
#include "kernels/codecs/codec.h"

namespace altteul::compress {
namespace {

using engine::testing::TestFolder;
using engine::testing::TestModelOptions;
using engine::testing::WriteTestModel;

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::span<const std::byte> TensorBytes(const model::Checkpoint& file, const std::string& name) {
  const TensorView* view = file.Find(name);
  EXPECT_NE(view, nullptr) << name;
  return view == nullptr ? std::span<const std::byte>() : view->bytes;
}

bool SameBytes(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

class RecodeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(WriteTestModel(folder_.Path("source.gguf"), TestModelOptions{}).ok());
    source_ = Open("source.gguf");
  }
  std::unique_ptr<const model::Checkpoint> Open(const std::string& name) {
    auto file = model::Checkpoint::Open(folder_.Path(name));
    EXPECT_TRUE(file.ok()) << file.status().message();
    return std::move(file).value();
  }
  Result<RecodeReport> Recode(const std::string& out, DType type,
                              const std::vector<std::string>& exceptions = {}, int threads = 2,
                              const ProgressSink& progress = {}) {
    ThreadTeam team(threads);
    auto rules = TypeRules::Create(type, exceptions);
    EXPECT_TRUE(rules.ok()) << rules.status().message();
    return compress::Recode(*source_, rules.value(), {}, folder_.Path(out), team, progress);
  }

  TestFolder folder_;
  std::unique_ptr<const model::Checkpoint> source_;
};

TEST_F(RecodeTest, ThreadsDoNotChangeTheFile) {
  ASSERT_TRUE(Recode("one.gguf", DType::kQ4_0, {}, 1).ok());
  ASSERT_TRUE(Recode("three.gguf", DType::kQ4_0, {}, 3).ok());
  const std::string one = ReadAll(folder_.Path("one.gguf"));
  EXPECT_FALSE(one.empty());
  EXPECT_TRUE(one == ReadAll(folder_.Path("three.gguf")));
}

TEST_F(RecodeTest, EachValueIsWhatTheEncoderMakesOfIt) {
  ASSERT_TRUE(Recode("out.gguf", DType::kQ4_0).ok());
  const auto out = Open("out.gguf");
  const std::string name = "blk.1.ffn_down.weight";
  const TensorView* from = source_->Find(name);
  const size_t cols = from->shape.cols();
  const auto* values = reinterpret_cast<const float*>(from->bytes.data());
  const size_t row_bytes = *RowBytes(DType::kQ4_0, cols);
  std::vector<std::byte> expected(from->shape.rows() * row_bytes);
  for (size_t row = 0; row < from->shape.rows(); ++row) {
    kernels::FindCodec(DType::kQ4_0)->encode(values + row * cols, cols, &expected[row * row_bytes]);
  }
  EXPECT_EQ(out->Find(name)->type, DType::kQ4_0);
  EXPECT_TRUE(SameBytes(TensorBytes(*out, name), expected));
}

// With heads of 64 the output projection reads 256 columns: one block of a type with a codebook.
TEST_F(RecodeTest, TypesWithCodebooksAreWrittenWhereRowsAreWholeBlocks) {
  TestModelOptions heads;
  heads.head_dim = 64;
  ASSERT_TRUE(WriteTestModel(folder_.Path("wide.gguf"), heads).ok());
  source_ = Open("wide.gguf");
  const std::string wide = "blk.0.attn_output.weight", narrow = "blk.0.attn_q.weight";
  for (const DType type : {DType::kIQ1_M, DType::kIQ2_S}) {
    ASSERT_TRUE(Recode("one.gguf", type, {}, 1).ok());
    ASSERT_TRUE(Recode("three.gguf", type, {}, 3).ok());
    EXPECT_TRUE(ReadAll(folder_.Path("one.gguf")) == ReadAll(folder_.Path("three.gguf")));
    const auto out = Open("one.gguf");
    EXPECT_EQ(out->Find(wide)->type, type);
    EXPECT_EQ(out->Find(narrow)->type, DType::kIQ4_NL) << "rows of 64";
  }
}

TEST_F(RecodeTest, TensorsThatKeepTheirTypeAreBitEqual) {
  ASSERT_TRUE(Recode("out.gguf", DType::kQ4_0, {"attn_q=F32"}).ok());
  const auto out = Open("out.gguf");
  for (const char* name : {"output_norm.weight", "blk.0.attn_norm.weight", "blk.1.attn_q.weight"}) {
    EXPECT_TRUE(SameBytes(TensorBytes(*out, name), TensorBytes(*source_, name))) << name;
  }
}

TEST_F(RecodeTest, MetadataIsKeptExceptTheFileType) {
  ASSERT_TRUE(Recode("out.gguf", DType::kQ8_0).ok());
  const auto out = Open("out.gguf");
  for (const formats::GgufEntry& entry : source_->gguf()->metadata()) {
    if (entry.key == "general.file_type" || entry.key == "general.quantization_version") continue;
    const formats::GgufEntry* copy = nullptr;
    for (const formats::GgufEntry& each : out->gguf()->metadata()) {
      if (each.key == entry.key) copy = &each;
    }
    ASSERT_NE(copy, nullptr) << entry.key;
    EXPECT_TRUE(SameBytes(copy->value.bytes, entry.value.bytes)) << entry.key;
  }
  const auto file_type = out->gguf()->GetUint("general.file_type");
  ASSERT_TRUE(file_type.ok());
  EXPECT_EQ(file_type.value(), std::optional<uint64_t>(7));  // llama.cpp's "mostly Q8_0"
}

TEST_F(RecodeTest, NotesAreWrittenAndReplaceEarlierOnes) {
  ThreadTeam team(2);
  const TypeRules rules = TypeRules::Create(DType::kQ8_0, {}).value();
  const FileNotes first = {{"general.quantized_by", std::string("somebody")},
                           {"altteul.calibration.tokens", uint64_t{512}},
                           {"altteul.calibration.damping", 0.05},
                           {"altteul.calibration.feedback", true}};
  ASSERT_TRUE(
      compress::Recode(*source_, rules, {}, folder_.Path("one.gguf"), team, {}, first).ok());
  const auto one = Open("one.gguf");
  EXPECT_EQ(one->gguf()->GetString("general.quantized_by").value(), "somebody");
  EXPECT_EQ(one->gguf()->GetUint("altteul.calibration.tokens").value(), uint64_t{512});
  EXPECT_EQ(one->gguf()->GetFloat("altteul.calibration.damping").value(), 0.05);
  EXPECT_EQ(one->gguf()->GetBool("altteul.calibration.feedback").value(), true);

  // What they say of the first file would be untrue of the second.
  const FileNotes second = {{"altteul.source.sha256", std::string("00")}};
  ASSERT_TRUE(compress::Recode(*one, rules, {}, folder_.Path("two.gguf"), team, {}, second).ok());
  const auto two = Open("two.gguf");
  EXPECT_EQ(two->gguf()->FindValue("altteul.calibration.tokens"), nullptr);
  EXPECT_EQ(two->gguf()->GetString("altteul.source.sha256").value(), "00");
  EXPECT_EQ(two->gguf()->GetString("general.quantized_by").value(), "somebody");
  EXPECT_EQ(two->gguf()->metadata().size(), source_->gguf()->metadata().size() + 4)
      << "file type and version, who and from what";

  // Without notes nothing is added or taken away.
  ASSERT_TRUE(compress::Recode(*one, rules, {}, folder_.Path("three.gguf"), team, {}).ok());
  EXPECT_TRUE(ReadAll(folder_.Path("three.gguf")) == ReadAll(folder_.Path("one.gguf")));
}

TEST_F(RecodeTest, ThePlannedBytesAreThoseOfTheFileWithItsNotes) {
  ThreadTeam team(2);
  const TypeRules rules = TypeRules::Create(DType::kQ4_0, {}).value();
  for (size_t length = 0; length <= 64; length += 8) {  // over a step of the alignment
    const FileNotes notes = {{"altteul.target", std::string(length, 'x')}};
    const auto plan = PlanRecode(*source_, rules, notes);
    ASSERT_TRUE(plan.ok()) << plan.status().message();
    const std::string out = folder_.Path(std::to_string(length) + ".gguf");
    ASSERT_TRUE(compress::Recode(*source_, rules, {}, out, team, {}, notes).ok());
    EXPECT_EQ(plan.value().file_bytes, std::filesystem::file_size(out)) << length;
  }
}

TEST_F(RecodeTest, TheReportTellsTheFilesNumbers) {
  const auto report = Recode("out.gguf", DType::kQ4_0);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report.value().file_bytes, std::filesystem::file_size(folder_.Path("out.gguf")));
  EXPECT_EQ(report.value().source_bytes, std::filesystem::file_size(folder_.Path("source.gguf")));
  EXPECT_EQ(report.value().tensors.size(), source_->tensors().size());
  uint64_t bits = 0, elements = 0;
  const auto out = Open("out.gguf");
  for (const auto& tensor : out->tensors()) {
    bits += 8 * tensor.view.bytes.size();
    elements += tensor.view.shape.Elements();
  }
  EXPECT_DOUBLE_EQ(report.value().bits_per_weight,
                   static_cast<double>(bits) / static_cast<double>(elements));
  EXPECT_DOUBLE_EQ(report.value().source_bits_per_weight, 32.0);
}

TEST_F(RecodeTest, AFileCanBeRecodedAgain) {
  ASSERT_TRUE(Recode("q8.gguf", DType::kQ8_0).ok());
  source_ = Open("q8.gguf");
  ASSERT_TRUE(Recode("f16.gguf", DType::kF16).ok());
  source_ = Open("f16.gguf");
  ASSERT_TRUE(Recode("q8_again.gguf", DType::kQ8_0).ok());
  EXPECT_EQ(Open("q8_again.gguf")->Find("output.weight")->type, DType::kQ8_0);
}

TEST_F(RecodeTest, TheSourceIsNeverOverwritten) {
  const std::string before = ReadAll(folder_.Path("source.gguf"));
  std::filesystem::create_symlink(folder_.Path("source.gguf"), folder_.Path("link.gguf"));
  for (const char* name : {"source.gguf", "./source.gguf", "link.gguf"}) {
    const auto report = Recode(name, DType::kQ4_0);
    ASSERT_FALSE(report.ok()) << name;
    EXPECT_EQ(report.status().code(), ErrorCode::kInvalidArgument) << name;
  }
  EXPECT_TRUE(ReadAll(folder_.Path("source.gguf")) == before);
}

TEST_F(RecodeTest, InterruptedItLeavesNothing) {
  for (const uint64_t stop : {0, 1, 5}) {
    const auto report = Recode("out.gguf", DType::kQ4_0, {}, 2,
                               [stop](uint64_t done, uint64_t) { return done < stop; });
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.status().code(), ErrorCode::kCancelled);
    EXPECT_EQ(folder_.CountFiles(), 1u) << "only the source";
  }
}

TEST_F(RecodeTest, InterruptedItLeavesAnOlderFileAsItWas) {
  std::ofstream(folder_.Path("out.gguf")) << "older";
  EXPECT_FALSE(Recode("out.gguf", DType::kQ4_0, {}, 2, [](uint64_t done, uint64_t) {
                 return done < 3;
               }).ok());
  EXPECT_EQ(ReadAll(folder_.Path("out.gguf")), "older");
  EXPECT_EQ(folder_.CountFiles(), 2u);
}

// The limit makes writing fail in the middle, as a full disk does.
TEST_F(RecodeTest, AFullDiskLeavesNothing) {
  struct rlimit before {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small {
    .rlim_cur = 20000, .rlim_max = before.rlim_max
  };
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto report = Recode("out.gguf", DType::kQ8_0);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), ErrorCode::kIoError) << report.status().message();
  EXPECT_NE(report.status().message().find("out.gguf"), std::string::npos);
  EXPECT_EQ(folder_.CountFiles(), 1u) << "only the source";
}

TEST_F(RecodeTest, AFolderThatIsMissingIsNamed) {
  const auto report = Recode("missing/out.gguf", DType::kQ8_0);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), ErrorCode::kNotFound);
  EXPECT_NE(report.status().message().find("missing"), std::string::npos);
}

}  // namespace
}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

#include "formats/imatrix.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <sstream>

#include "formats/gguf.h"
#include "formats/test_bytes.h"

namespace altteul::formats {
namespace {

const std::string kGolden = ALT_SOURCE_DIR "/tests/golden/imatrix/";
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// A copy of exactly the right size lets the address sanitizer see a read one byte too far.
Result<Imatrix> Parse(std::string_view text) {
  const std::vector<std::byte> bytes(AsBytes(text).begin(), AsBytes(text).end());
  return ParseImatrix(bytes, "bad.imatrix");
}

void ExpectRefused(std::string_view text, const std::string& words) {
  const Status status = Parse(text).status();
  EXPECT_EQ(status.code(), ErrorCode::kCorruptFile) << "expected: " << words;
  EXPECT_NE(status.message().find(words), std::string::npos)
      << "expected: " << words << "\ngot: " << status.message();
  EXPECT_EQ(status.message().rfind("bad.imatrix: ", 0), 0u) << status.message();
}

/// Entries "a" and "b" in the GGUF form.
GgufBytes GgufForm(std::vector<float> sums = {2, 0, 8}, std::vector<float> counts = {4},
                   DType type = DType::kF32, const std::string& counts_name = "b.counts") {
  GgufBytes file;
  file.Header(4, 1).TextEntry("general.type", "imatrix");
  file.Tensor("a.in_sum2", {1}, 0, 0).Tensor("a.counts", {1}, 0, 32);
  file.Tensor("b.in_sum2", {sums.size()}, 0, 64);
  file.Tensor(counts_name, {counts.size()}, static_cast<uint32_t>(type), 96).Pad();
  file.Number(1.0f).Pad().Number(1.0f).Pad();
  for (const float sum : sums) file.Number(sum);
  file.Pad();
  for (const float count : counts) file.Number(count);
  return file.Pad();
}

/// One entry of the old form.
GgufBytes& OldEntry(GgufBytes& file, std::string_view name, int32_t n_calls,
                    const std::vector<float>& values) {
  file.Number(static_cast<int32_t>(name.size())).Raw(name);
  file.Number(n_calls).Number(static_cast<int32_t>(values.size()));
  for (const float value : values) file.Number(value);
  return file;
}

GgufBytes OldForm(int32_t n_calls = 2, const std::vector<float>& values = {2, 0, 8},
                  int32_t n_entries = 2) {
  GgufBytes file;
  OldEntry(file.Number(n_entries), "a", 1, {1});
  return OldEntry(file, "b", n_calls, values);
}

void ExpectSame(const Imatrix& got, const Imatrix& wanted, float relative) {
  EXPECT_EQ(got.datasets, wanted.datasets);
  EXPECT_EQ(got.chunk_count, wanted.chunk_count);
  EXPECT_EQ(got.chunk_size, wanted.chunk_size);
  ASSERT_EQ(got.entries.size(), wanted.entries.size());
  for (const auto& [name, entry] : wanted.entries) {
    ASSERT_EQ(got.entries.count(name), 1u) << name;
    const ImatrixEntry& other = got.entries.find(name)->second;
    EXPECT_EQ(other.counts, entry.counts) << name;
    ASSERT_EQ(other.mean_squares.size(), entry.mean_squares.size()) << name;
    for (size_t i = 0; i < entry.mean_squares.size(); ++i) {
      EXPECT_NEAR(other.mean_squares[i], entry.mean_squares[i], relative * entry.mean_squares[i])
          << name << " value " << i;
    }
  }
}

/// Two plain entries and one of three experts, the second of which saw nothing.
Imatrix Sample() {
  Imatrix imatrix;
  imatrix.entries["blk.0.attn_q.weight"] = {{0.1f, 0.0f, 3.7e-9f, 41.5f}, {5000}};
  imatrix.entries["blk.0.ffn_up_exps.weight"] = {{0.3f, 0.7f, 1, 1, 1e-7f, 2}, {4000, 0, 777}};
  imatrix.entries["output.weight"] = {{1.0f / 3}, {5000}};
  imatrix.datasets = {"first.txt", "second.txt"};
  imatrix.chunk_count = 10;
  imatrix.chunk_size = 512;
  return imatrix;
}

TEST(ImatrixTest, GoldenFilesOfBothFormsReadToTheBit) {
  std::ifstream expected(kGolden + "expected.txt");
  Imatrix imatrix;
  size_t n_entries = 0;
  for (std::string line, kind, name; std::getline(expected, line);) {
    std::istringstream fields(line);
    fields >> kind >> name;
    if (kind == "file") {
      auto read = ReadImatrix(kGolden + name);
      ASSERT_TRUE(read.ok()) << read.status().message();
      imatrix = std::move(read).value();
      EXPECT_EQ(imatrix.chunk_count, name == "old_without_end.dat" ? 0u : 3u) << name;
      EXPECT_EQ(imatrix.chunk_size, name.ends_with(".gguf") ? 16u : 0u) << name;
      continue;
    }
    std::string counts, hex, got_counts;
    fields >> counts >> hex;
    ASSERT_EQ(imatrix.entries.count(name), 1u) << name;
    const ImatrixEntry& entry = imatrix.entries[name];
    for (const uint64_t count : entry.counts) {
      got_counts += (got_counts.empty() ? "" : ",") + std::to_string(count);
    }
    EXPECT_EQ(got_counts, counts) << name;
    ASSERT_EQ(entry.mean_squares.size() * 8, hex.size()) << name;
    for (size_t i = 0; i < entry.mean_squares.size(); ++i) {
      EXPECT_EQ(std::bit_cast<uint32_t>(entry.mean_squares[i]),
                std::stoul(hex.substr(i * 8, 8), nullptr, 16))
          << name << " value " << i << " is " << entry.mean_squares[i];
    }
    ++n_entries;
  }
  EXPECT_EQ(n_entries, 9u);
}

TEST(ImatrixTest, ReadsTheDatasetsOfBothForms) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(ReadImatrix(kGolden + "plain.gguf").value().datasets,
            (Names{"first.txt", "second.txt"}));
  EXPECT_EQ(ReadImatrix(kGolden + "old.dat").value().datasets, Names{"first.txt"});
  EXPECT_EQ(ReadImatrix(kGolden + "old_without_end.dat").value().datasets, Names{});
}

TEST(ImatrixTest, WhatIsWrittenReadsBackInTheGgufForm) {
  const TempFolder folder;
  const std::string path = folder.Path("new.gguf");
  const Status status = WriteImatrix(Sample(), ImatrixForm::kGguf, path);
  ASSERT_TRUE(status.ok()) << status.message();
  // A product and a division, each off by at most half a unit in the last place.
  ExpectSame(ReadImatrix(path).value(), Sample(), 2 * 0x1p-24f);
}

TEST(ImatrixTest, WhatIsWrittenReadsBackInTheOldFormAsFarAsItGoes) {
  const TempFolder folder;
  const std::string path = folder.Path("old.dat");
  ASSERT_TRUE(WriteImatrix(Sample(), ImatrixForm::kOld, path).ok());
  Imatrix wanted = Sample();
  for (auto& [name, entry] : wanted.entries) entry.counts = {10};  // 5000 / 512, rounded up
  wanted.entries["blk.0.ffn_up_exps.weight"].counts = {8};
  wanted.datasets = {"second.txt"};
  wanted.chunk_size = 0;
  ExpectSame(ReadImatrix(path).value(), wanted, 2 * 0x1p-24f);
  // Counts are chunks already in what the old form gave, so once more changes nothing.
  const std::string again = folder.Path("again.dat");
  ASSERT_TRUE(WriteImatrix(ReadImatrix(path).value(), ImatrixForm::kOld, again).ok());
  ExpectSame(ReadImatrix(again).value(), wanted, 4 * 0x1p-24f);
}

TEST(ImatrixTest, WritesTheLayoutThatOtherWritersWrite) {
  const TempFolder folder;
  for (const char* name : {"plain.gguf", "experts.gguf"}) {
    const std::string golden = ReadAll(kGolden + name);
    ASSERT_TRUE(WriteImatrix(Parse(golden).value(), ImatrixForm::kGguf, folder.Path(name)).ok());
    const std::string written = ReadAll(folder.Path(name));
    ASSERT_EQ(written.size(), golden.size()) << name;
    const GgufFile file = GgufFile::Parse(AsBytes(golden), name).value();
    const auto header = static_cast<size_t>(file.tensors()[0].view.bytes.data() -
                                            reinterpret_cast<const std::byte*>(golden.data()));
    EXPECT_EQ(written.substr(0, header), golden.substr(0, header)) << name;
  }
}

TEST(ImatrixTest, RefusesAGoodFileCutAfterAnyByte) {
  for (const char* name : {"plain.gguf", "experts.gguf", "old.dat"}) {
    const std::string good = ReadAll(kGolden + name);
    // The old form may end after its entries, so there a cut cannot be seen.
    const size_t whole = ReadAll(kGolden + "old_without_end.dat").size();
    // Padding after the last tensor may be missing.
    const size_t needed =
        std::string_view(name).ends_with(".gguf") ? good.find_last_not_of('\0') + 1 : good.size();
    for (size_t length = 0; length < needed; ++length) {
      if (name == std::string_view("old.dat") && length == whole) continue;
      const Status status = Parse(std::string_view(good).substr(0, length)).status();
      EXPECT_EQ(status.code(), ErrorCode::kCorruptFile) << name << " cut after " << length;
      EXPECT_EQ(status.message().rfind("bad.imatrix: ", 0), 0u) << status.message();
    }
    EXPECT_TRUE(Parse(good).ok()) << name;
  }
}

TEST(ImatrixTest, RefusesHostileCountsOfTheGgufForm) {
  ASSERT_TRUE(Parse(GgufForm().bytes()).ok()) << Parse(GgufForm().bytes()).status().message();
  for (const float count : {-1.0f, 0.5f, kNan, kInfinity, 0x1p62f}) {
    ExpectRefused(GgufForm({2, 0, 8}, {count}).bytes(), "entry \"b\": a count of");
  }
  ExpectRefused(GgufForm({0, 0, 0}, {0}).bytes(), "entry \"b\": a count of 0");
  ExpectRefused(GgufForm({0, 0}, {0, 0}).bytes(), "entry \"b\": a count of 0");
  ExpectRefused(GgufForm({1, 2}, {0, 2}).bytes(), "entry \"b\": a sum over a count of 0");
  ExpectRefused(GgufForm({1, 2, 3}, {1, 2}).bytes(), "3 values cannot be shared among 2 counts");
  ExpectRefused(GgufForm({1}, {1, 2}).bytes(), "1 values cannot be shared among 2 counts");
  EXPECT_TRUE(Parse(GgufForm({0, 2}, {0, 2}).bytes()).ok());
}

TEST(ImatrixTest, RefusesValuesThatAreNoMeansOfSquares) {
  for (const float value : {-1.0f, kNan, kInfinity, -kInfinity}) {
    ExpectRefused(GgufForm({2, value, 8}).bytes(), "entry \"b\": value 1 has a mean square of");
    ExpectRefused(OldForm(2, {2, value, 8}).bytes(), "entry \"b\": value 1 has a mean square of");
  }
}

TEST(ImatrixTest, RefusesGgufFilesThatAreNoImatrix) {
  ExpectRefused(GgufForm({2}, {4}, DType::kI32).bytes(),
                "tensor \"b.counts\" is of type I32, must be F32");
  ExpectRefused(GgufForm({2}, {4}, DType::kF32, "c.counts").bytes(),
                "entry \"b\": sums without counts");
  ExpectRefused(GgufForm({2}, {4}, DType::kF32, "b.in_sum2").bytes(), "stands there twice");
  GgufBytes counts, nameless, model, nothing;
  counts.Header(1, 0).Tensor("w.counts", {1}, 0, 0).Pad().Number(1.0f);
  ExpectRefused(counts.bytes(), "entry \"w\": counts without sums");
  nameless.Header(1, 0).Tensor(".in_sum2", {1}, 0, 0).Pad().Number(1.0f);
  ExpectRefused(nameless.bytes(), "tensor \".in_sum2\" names no weight");
  model.Header(0, 1).TextEntry("general.type", "model");
  ExpectRefused(model.bytes(), "general.type is \"model\", must be \"imatrix\"");
  nothing.Header(1, 0).Tensor("w.weight", {1}, 0, 0).Pad().Number(1.0f);
  ExpectRefused(nothing.bytes(), "holds no importance matrix");
}

TEST(ImatrixTest, RefusesHostileLengthsOfTheOldForm) {
  ASSERT_TRUE(Parse(OldForm().bytes()).ok());
  ExpectRefused(OldForm(2, {1}, 0).bytes(), "a number of entries of 0");
  ExpectRefused(OldForm(2, {1}, -1).bytes(), "a number of entries of -1");
  ExpectRefused(OldForm(2, {1}, INT32_MAX).bytes(), "entry 2: need 4 bytes");
  ExpectRefused(OldForm(0).bytes(), "entry \"b\": a count of 0");
  ExpectRefused(OldForm(-3).bytes(), "entry \"b\": a count of -3");
  ExpectRefused(OldForm(2, {}).bytes(), "entry \"b\": a number of values of 0");
  GgufBytes name, values, twice;
  name.Number<int32_t>(1).Number<int32_t>(INT32_MAX);
  ExpectRefused(name.bytes(), "entry 0: need 2147483647 bytes");
  values.Number<int32_t>(1).Number<int32_t>(1).Raw("w").Number<int32_t>(1);
  values.Number<int32_t>(INT32_MAX);
  ExpectRefused(values.bytes(), "entry \"w\": need 8589934588 bytes");
  OldEntry(OldEntry(twice.Number<int32_t>(2), "w", 1, {1}), "w", 1, {1});
  ExpectRefused(twice.bytes(), "entry \"w\" stands there twice");
  ExpectRefused(OldForm().Number<int32_t>(-1).bytes(), "a number of chunks of -1");
  ExpectRefused(OldForm().Number<int32_t>(1).Number<int32_t>(-1).bytes(), "a dataset length of -1");
  ExpectRefused(OldForm().Number<int32_t>(1).Number<int32_t>(0).Raw("!").bytes(),
                "1 bytes follow the last field");
}

TEST(ImatrixTest, TellsAGitLfsPointerFromAnImatrix) {
  ExpectRefused("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
                "it is a Git LFS pointer");
}

TEST(ImatrixTest, RefusesToWriteWhatItWouldNotRead) {
  const TempFolder folder;
  const auto expect_refused = [&](const std::string& name, ImatrixEntry entry, const char* words) {
    for (const ImatrixForm form : {ImatrixForm::kGguf, ImatrixForm::kOld}) {
      Imatrix imatrix;
      imatrix.entries[name] = entry;
      const Status status = WriteImatrix(imatrix, form, folder.Path("bad"));
      EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument) << words;
      EXPECT_NE(status.message().find(words), std::string::npos) << status.message();
    }
  };
  expect_refused("", {{1}, {1}}, "entry \"\": no name");
  expect_refused("w", {{1}, {}}, "entry \"w\": no count");
  expect_refused("w", {{}, {1}}, "entry \"w\": no values");
  expect_refused("w", {{1}, {0}}, "entry \"w\": a count of 0");
  expect_refused("w", {{1, 2, 3}, {1, 1}}, "3 values cannot be shared among 2 counts");
  expect_refused("w", {{1, kNan}, {1}}, "entry \"w\": value 1 has a mean square of nan");
  expect_refused("w", {{3e38f}, {1000}}, "entry \"w\": a sum that f32 cannot hold");
  EXPECT_EQ(WriteImatrix(Imatrix{}, ImatrixForm::kGguf, folder.Path("bad")).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_TRUE(folder.Names().empty()) << "nothing may be left";
}

}  // namespace
}  // namespace altteul::formats

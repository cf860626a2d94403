// SPDX-License-Identifier: Apache-2.0

#include "compress/work_folder.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "engine/test_model.h"

namespace altteul::compress {
namespace {

using engine::testing::TestFolder;

constexpr Shape kShape{.n_dims = 2, .dims = {3, 64}};
constexpr size_t kBytes = 3 * 64 / 32 * 34;
const std::string kName = "blk.0.attn_q.weight";

Job MakeJob(const std::string& text = "a text", const std::string& type = "Q8_0") {
  return {.input = {{"source", "a model"}, {"text", text}}, .target = {{"type", type}}};
}

class WorkFolderTest : public ::testing::Test {
 protected:
  std::string path() const { return folder_.Path("out.gguf.work"); }
  std::string PathOfPiece() const { return path() + "/tensor-" + kName + ".piece"; }
  LogSink Log() {
    return [this](LogLevel, std::string_view sentence) { said_ += std::string(sentence) + "\n"; };
  }
  Result<WorkFolder> Resume(const Job& job = MakeJob()) {
    return WorkFolder::Resume(path(), job, Log());
  }
  void KeepOne(WorkFolder& work) {
    auto tensor = work.NewTensor(kName, DType::kQ8_0, kShape);
    ASSERT_TRUE(tensor.ok()) << tensor.status().message();
    ASSERT_EQ(tensor.value().bytes().size(), kBytes);
    for (size_t i = 0; i < kBytes; ++i) tensor.value().mutable_bytes()[i] = std::byte(i * 7);
    const Status kept = work.KeepTensor(kName, kShape, tensor.value());
    ASSERT_TRUE(kept.ok()) << kept.message();
  }
  void MakeWithOne() {
    auto work = WorkFolder::Create(path(), MakeJob(), Log());
    ASSERT_TRUE(work.ok()) << work.status().message();
    KeepOne(work.value());
  }
  void Overwrite(size_t at, char with) {
    std::fstream file(PathOfPiece(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(with);
  }

  TestFolder folder_;
  std::string said_;
};

TEST_F(WorkFolderTest, WhatWasKeptIsThereAgain) {
  MakeWithOne();
  auto work = Resume();
  ASSERT_TRUE(work.ok()) << work.status().message();
  const auto tensor = work.value().FindTensor(kName, DType::kQ8_0, kShape);
  ASSERT_TRUE(tensor.has_value());
  ASSERT_EQ(tensor->bytes().size(), kBytes);
  for (size_t i = 0; i < kBytes; ++i) ASSERT_EQ(tensor->bytes()[i], std::byte(i * 7)) << i;
  EXPECT_EQ(work.value().n_pieces(), 1u);
  EXPECT_FALSE(work.value().FindTensor("another", DType::kQ8_0, kShape).has_value());
  EXPECT_EQ(said_, "");
}

TEST_F(WorkFolderTest, TextsAreKeptUnderAnyName) {
  {
    auto work = WorkFolder::Create(path(), MakeJob(), Log());
    ASSERT_TRUE(work.ok());
    ASSERT_TRUE(work.value().KeepText("../a b/%\xc3\xa9", "one\ntwo").ok());
    ASSERT_TRUE(work.value().KeepText("empty", "").ok());
  }
  auto work = Resume();
  ASSERT_TRUE(work.ok());
  EXPECT_EQ(work.value().FindText("../a b/%\xc3\xa9"), "one\ntwo");
  EXPECT_EQ(work.value().FindText("empty"), "");
  EXPECT_FALSE(work.value().FindText("other").has_value());
  EXPECT_TRUE(WorkFolder::HasText(path(), "empty"));
  EXPECT_FALSE(WorkFolder::HasText(path(), "other"));
}

TEST_F(WorkFolderTest, AnUnfinishedPieceIsThrownAway) {
  {
    auto work = WorkFolder::Create(path(), MakeJob(), Log());
    ASSERT_TRUE(work.ok());
    ASSERT_TRUE(work.value().NewTensor(kName, DType::kQ8_0, kShape).ok());
    ASSERT_TRUE(RoomFor(uint64_t{200} << 20, "a test", &work.value()).ok());
  }
  EXPECT_TRUE(std::filesystem::exists(PathOfPiece() + ".unfinished"));
  auto work = Resume();
  ASSERT_TRUE(work.ok());
  EXPECT_FALSE(std::filesystem::exists(PathOfPiece() + ".unfinished"));
  EXPECT_FALSE(work.value().FindTensor(kName, DType::kQ8_0, kShape).has_value());
  KeepOne(work.value());
  EXPECT_TRUE(work.value().FindTensor(kName, DType::kQ8_0, kShape).has_value());
}

TEST_F(WorkFolderTest, ADamagedPieceIsNotTakenAndSaidSo) {
  MakeWithOne();
  const size_t size = std::filesystem::file_size(PathOfPiece());
  // Magic, type, a dimension, the size, both checksums, the first and the last byte.
  for (const size_t at : {size_t{0}, size_t{8}, size_t{24}, size_t{88}, size_t{96}, size_t{104},
                          size_t{4096}, size - 1}) {
    std::filesystem::remove_all(path());
    MakeWithOne();
    Overwrite(at, '\x5a');
    said_.clear();
    auto work = Resume();
    ASSERT_TRUE(work.ok());
    EXPECT_FALSE(work.value().FindTensor(kName, DType::kQ8_0, kShape).has_value()) << at;
    EXPECT_NE(said_.find(kName), std::string::npos) << at << said_;
  }
  for (const size_t cut : {size_t{0}, size_t{100}, size_t{4096}, size - 1}) {
    std::filesystem::remove_all(path());
    MakeWithOne();
    std::filesystem::resize_file(PathOfPiece(), cut);
    auto work = Resume();
    ASSERT_TRUE(work.ok());
    EXPECT_FALSE(work.value().FindTensor(kName, DType::kQ8_0, kShape).has_value()) << cut;
    KeepOne(work.value());
    EXPECT_TRUE(work.value().FindTensor(kName, DType::kQ8_0, kShape).has_value()) << cut;
  }
}

TEST_F(WorkFolderTest, AnotherTypeOrShapeIsNotTaken) {
  MakeWithOne();
  auto work = Resume();
  ASSERT_TRUE(work.ok());
  EXPECT_FALSE(work.value().FindTensor(kName, DType::kQ4_0, kShape).has_value());
  EXPECT_FALSE(
      work.value().FindTensor(kName, DType::kQ8_0, {.n_dims = 2, .dims = {6, 32}}).has_value());
}

TEST_F(WorkFolderTest, OtherWorkIsRefusedByWhatDiffers) {
  MakeWithOne();
  const auto text = Resume(MakeJob("other text"));
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.status().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(text.status().message().find("the text was a text and is other text"),
            std::string::npos)
      << text.status().message();
  EXPECT_EQ(text.status().message().find("source"), std::string::npos);
  const auto type = Resume(MakeJob("a text", "Q4_0"));
  ASSERT_FALSE(type.ok());
  EXPECT_NE(type.status().message().find("the type was Q8_0 and is Q4_0"), std::string::npos);
  EXPECT_TRUE(Resume().ok()) << "a refusal changes nothing";
}

TEST_F(WorkFolderTest, WhatWasMeasuredServesAnotherTarget) {
  {
    auto work = WorkFolder::Create(path(), MakeJob(), Log());
    ASSERT_TRUE(work.ok());
    ASSERT_TRUE(work.value().KeepText("measured", "numbers").ok());
  }
  {
    auto work = Resume(MakeJob("a text", "Q4_0"));
    ASSERT_TRUE(work.ok()) << work.status().message();
    EXPECT_EQ(work.value().FindText("measured"), "numbers");
    KeepOne(work.value());
  }
  EXPECT_FALSE(Resume().ok()) << "the new target is kept";
  EXPECT_TRUE(Resume(MakeJob("a text", "Q4_0")).ok());
}

TEST_F(WorkFolderTest, TensorsOfTrialsLieBesideEachOtherAndServeAnotherTarget) {
  const auto keep = [](WorkFolder& work, DType type, std::byte with) {
    auto tensor = work.NewTensor(kName, type, kShape, TensorUse::kTrial);
    ASSERT_TRUE(tensor.ok()) << tensor.status().message();
    std::fill(tensor.value().mutable_bytes().begin(), tensor.value().mutable_bytes().end(), with);
    ASSERT_TRUE(work.KeepTensor(kName, kShape, tensor.value(), TensorUse::kTrial).ok());
  };
  {
    auto work = WorkFolder::Create(path(), MakeJob(), Log());
    ASSERT_TRUE(work.ok());
    keep(work.value(), DType::kQ8_0, std::byte(8));
    keep(work.value(), DType::kQ4_0, std::byte(4));
  }
  auto work = Resume(MakeJob("a text", "Q4_0"));
  ASSERT_TRUE(work.ok()) << work.status().message();
  for (const DType type : {DType::kQ8_0, DType::kQ4_0}) {
    const auto tensor = work.value().FindTensor(kName, type, kShape, TensorUse::kTrial);
    ASSERT_TRUE(tensor.has_value());
    EXPECT_EQ(tensor->bytes()[0], std::byte(type == DType::kQ8_0 ? 8 : 4));
    EXPECT_FALSE(work.value().FindTensor(kName, type, kShape).has_value()) << "it is no result";
  }
  EXPECT_EQ(said_, "");
  ASSERT_TRUE(work.value().Finish().ok());
  EXPECT_EQ(folder_.CountFiles(), 0u);
}

TEST_F(WorkFolderTest, AJobThatCannotBeReadIsRefusedUnlessNothingIsThere) {
  MakeWithOne();
  std::ofstream(path() + "/job.json") << "{";
  EXPECT_EQ(Resume().status().code(), ErrorCode::kCorruptFile);
  std::filesystem::remove(path() + "/job.json");
  EXPECT_EQ(Resume().status().code(), ErrorCode::kCorruptFile);
  std::filesystem::remove(PathOfPiece());
  EXPECT_TRUE(Resume().ok()) << "stopped before anything was written";
}

TEST_F(WorkFolderTest, OneProcessAtATime) {
  auto work = WorkFolder::Create(path(), MakeJob(), Log());
  ASSERT_TRUE(work.ok());
  EXPECT_EQ(Resume().status().code(), ErrorCode::kRefused);
  EXPECT_EQ(WorkFolder::Remove(path()).code(), ErrorCode::kRefused);
  EXPECT_EQ(WorkFolder::Create(path(), MakeJob(), Log()).status().code(),
            ErrorCode::kInvalidArgument);
}

TEST_F(WorkFolderTest, IsRemovedWithWhatIsOursOnly) {
  MakeWithOne();
  EXPECT_TRUE(WorkFolder::Remove(path()).ok());
  EXPECT_FALSE(std::filesystem::exists(path()));
  EXPECT_TRUE(WorkFolder::Remove(path()).ok()) << "nothing to remove";
  MakeWithOne();
  std::ofstream(path() + "/thesis.txt") << "mine";
  const Status removed = WorkFolder::Remove(path());
  EXPECT_EQ(removed.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(removed.message().find("thesis.txt"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(path() + "/thesis.txt"));
  EXPECT_EQ(WorkFolder::Create(folder_.Path("no/such"), MakeJob(), {}).status().code(),
            ErrorCode::kNotFound);
}

TEST_F(WorkFolderTest, FinishLeavesNothing) {
  auto work = WorkFolder::Create(path(), MakeJob(), Log());
  ASSERT_TRUE(work.ok());
  KeepOne(work.value());
  EXPECT_TRUE(work.value().Finish().ok());
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(WorkFolderTest, ARemovalThatWasCutOffIsEnded) {
  MakeWithOne();
  const std::string removed = path() + ".removed";
  std::filesystem::rename(path(), removed);
  MakeWithOne();
  EXPECT_FALSE(std::filesystem::exists(removed)) << "by new work";
  std::filesystem::create_directory(removed);
  std::ofstream(removed + "/job.json") << "{}";
  EXPECT_TRUE(WorkFolder::Remove(path()).ok());
  EXPECT_FALSE(std::filesystem::exists(removed)) << "by the next removal";
  std::filesystem::create_directory(removed);
  std::ofstream(removed + "/thesis.txt") << "mine";
  std::ofstream(removed + "/job.json") << "{}";
  WorkFolder::EndRemoval(path());
  EXPECT_TRUE(std::filesystem::exists(removed + "/thesis.txt"));
  std::filesystem::remove(removed + "/thesis.txt");
  WorkFolder::EndRemoval(path());
  EXPECT_EQ(folder_.CountFiles(), 0u);
}

}  // namespace
}  // namespace altteul::compress

// SPDX-License-Identifier: Apache-2.0

// A NaN or an infinity among the weights is found at load, wherever it is, and named.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "engine/test_model.h"
#include "support/made_gguf.h"

namespace altteul::tests {
namespace {

using engine::testing::TestFolder;
using kernels::Precision;

std::string Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Loading {
  TestFolder folder;
  std::string path = folder.Path("model.gguf");
  const kernels::KernelTable* kernels = kernels::SelectKernels("", DetectCpuFeatures()).value();

  void Write(std::span<const DType> types) const {
    ASSERT_TRUE(WriteQuantizedModel(path, types, [](formats::GgufWriter& writer) {
                  writer.SetString("tokenizer.ggml.model", "none");
                }).ok());
  }
  Status Load(Precision precision = Precision::kFast, int threads = 2,
              std::function<bool()> go_on = {}) const {
    ThreadTeam team(threads);
    compute::CpuCompute compute(*kernels, team);
    return model::LoadModel(path, {.precision = precision, .go_on = std::move(go_on)}, compute, {})
        .status();
  }

  // Puts `bits` (little-endian) at a byte of the last block of a tensor's row.
  void Break(const std::string& tensor, size_t row, size_t offset_in_block, size_t n_bytes,
             uint64_t bits) const {
    std::string file = Read(path);
    {
      const auto checkpoint = std::move(model::Checkpoint::Open(path)).value();
      const TensorView& view = *checkpoint->Find(tensor);
      const size_t rows = view.shape.n_dims == 1 ? 1 : view.shape.dims[0];
      const size_t row_bytes = view.bytes.size() / rows;
      const std::string all(reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size());
      const size_t at = file.find(all) + (row + 1) * row_bytes - TraitsOf(view.type).block_bytes +
                        offset_in_block;
      ASSERT_LT(at, file.size());
      std::memcpy(file.data() + at, &bits, n_bytes);
    }
    std::ofstream(path, std::ios::binary) << file;
  }
};

void ExpectNamed(const Status& status, const std::string& tensor, const std::string& where,
                 const std::string& path) {
  EXPECT_EQ(status.code(), ErrorCode::kCorruptFile) << tensor << ": " << status.message();
  for (const std::string& part : {path + ": tensor " + tensor + " [", "], " + where + ": NaN"}) {
    EXPECT_NE(status.message().find(part), std::string::npos)
        << "'" << part << "' is not in: " << status.message();
  }
}

struct BadNumber {
  DType type;
  size_t offset;  // in a block
  size_t n_bytes;
  uint64_t bits;
};

// Types that rest in groups, and one (IQ4_XS) that may stay in the mapping.
const BadNumber kBadNumbers[] = {
    {DType::kQ4_0, 0, 2, 0x7e00}, {DType::kQ4_1, 2, 2, 0xfc00},    {DType::kQ8_0, 0, 2, 0x7c01},
    {DType::kQ4_K, 2, 2, 0x7c00}, {DType::kQ6_K, 208, 2, 0xffff},  {DType::kF16, 0, 2, 0x7c00},
    {DType::kBF16, 0, 2, 0x7f80}, {DType::kF32, 0, 4, 0x7fc00000}, {DType::kIQ4_XS, 0, 2, 0x7e00},
};

TEST(BrokenWeightsTest, OneBadNumberInTheLastRowIsFoundInEveryType) {
  for (const BadNumber& bad : kBadNumbers) {
    Loading loading;
    loading.Write({&bad.type, 1});
    ASSERT_TRUE(loading.Load().ok());
    loading.Break("blk.1.ffn_down.weight", 255, bad.offset, bad.n_bytes, bad.bits);
    for (const Precision precision : {Precision::kFast, Precision::kF32}) {
      for (const int threads : {1, 2, 5}) {
        ExpectNamed(loading.Load(precision, threads), "blk.1.ffn_down.weight", "row 255",
                    loading.path);
      }
    }
  }
}

TEST(BrokenWeightsTest, EveryKindOfTensorIsExamined) {
  const DType types[] = {DType::kQ4_0};
  // The embedding has 100 rows, so its last group is not full.
  const std::pair<const char*, size_t> places[] = {
      {"token_embd.weight", 99}, {"blk.0.attn_q.weight", 17}, {"blk.1.attn_output.weight", 0}};
  for (const auto& [tensor, row] : places) {
    Loading loading;
    loading.Write(types);
    loading.Break(tensor, row, 0, 2, 0x7e00);
    ExpectNamed(loading.Load(), tensor, "row " + std::to_string(row), loading.path);
  }
  for (const char* norm : {"output_norm.weight", "blk.1.post_ffw_norm.weight"}) {
    Loading loading;
    loading.Write(types);
    loading.Break(norm, 0, 0, 4, 0xff800000);
    ExpectNamed(loading.Load(), norm, "value 255", loading.path);
  }
}

TEST(BrokenWeightsTest, AnEmbeddingThatIsOnlyLookedUpIsExaminedToo) {
  Loading loading;
  ASSERT_TRUE(engine::testing::WriteTestModel(loading.path, {}).ok());
  loading.Break("token_embd.weight", engine::testing::kVocabulary - 1, 0, 4, 0x7f800000);
  ExpectNamed(loading.Load(), "token_embd.weight", "row 257", loading.path);
}

TEST(BrokenWeightsTest, TheFirstOfSeveralIsNamedWhateverTheThreads) {
  const DType types[] = {DType::kQ4_0};
  Loading loading;
  loading.Write(types);
  loading.Break("blk.1.ffn_up.weight", 3, 0, 2, 0x7e00);
  loading.Break("blk.0.ffn_up.weight", 300, 0, 2, 0x7e00);
  loading.Break("blk.0.ffn_up.weight", 77, 0, 2, 0x7e00);
  for (const int threads : {1, 2, 3}) {
    ExpectNamed(loading.Load(Precision::kFast, threads), "blk.0.ffn_up.weight", "row 77",
                loading.path);
  }
}

TEST(BrokenWeightsTest, LoadingEndsWhenItIsToldTo) {
  Loading loading;
  ASSERT_TRUE(engine::testing::WriteTestModel(loading.path, {}).ok());
  int asked = 0;
  const Status status = loading.Load(Precision::kFast, 2, [&] { return ++asked < 3; });
  EXPECT_EQ(status.code(), ErrorCode::kCancelled) << status.message();
  EXPECT_EQ(asked, 3);
}

}  // namespace
}  // namespace altteul::tests

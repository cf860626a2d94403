// SPDX-License-Identifier: Apache-2.0

// Models and their logits for tests above the layers: loaded piece by piece, because the golden
// models have no tokenizer, and run with any kernels, threads and cuts.

#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "compute/cpu_compute.h"
#include "engine/forward.h"
#include "kernels/kernel_table.h"
#include "model/model.h"
#include "text/tokenizer.h"

namespace altteul::tests {

/// An empty folder that goes away with everything in it.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// tests/golden in the source tree.
std::filesystem::path GoldenFolder();

/// The file of a real model in the folder that ALTTEUL_TEST_MODELS names, if it is there.
/// @param why_not  what to say when the test is skipped
std::optional<std::string> RealModel(const std::string& file_name, std::string* why_not);

/// The kernel tables that this machine can run, the reference first.
std::vector<const kernels::KernelTable*> KernelsHere();

/// model::LoadModel without tokenizer and chat template.
Result<std::unique_ptr<model::Model>> LoadBare(const std::string& path, compute::Compute& compute,
                                               kernels::Precision precision);

/// How a sequence is computed.
struct Way {
  size_t context = 0;  ///< the cache's, and what chooses rope factors
  size_t chunk = 0;    ///< tokens of one pass; 0: all at once
  kernels::KvType kv_type = kernels::KvType::kF32;
};

/// Logits behind every token, [tokens.size(), vocabulary]. Failures are the running test's.
std::vector<float> AllLogits(const model::Model& model, compute::Compute& compute,
                             std::span<const text::TokenId> tokens, const Way& way);

/// The same for several sequences side by side: in each pass, sequence s adds up to chunks[s]
/// tokens until all are done.
std::vector<std::vector<float>> BatchLogits(const model::Model& model, compute::Compute& compute,
                                            std::span<const std::vector<text::TokenId>> sequences,
                                            std::span<const size_t> chunks, const Way& way);

/// `n` tokens below `vocabulary`, the same for the same seed.
std::vector<text::TokenId> RandomTokens(size_t n, size_t vocabulary, uint64_t seed);

/// max |a[i] - b[i]|, infinite when sizes differ or a number is none.
double LargestDifference(std::span<const float> a, std::span<const float> b);

}  // namespace altteul::tests

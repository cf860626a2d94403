// SPDX-License-Identifier: Apache-2.0

#include "support/test_models.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

#include "base/machine.h"
#include "base/random.h"
#include "model/family.h"

namespace altteul::tests {

using engine::Forward;
using engine::KvCache;
using engine::SequenceInput;
using text::TokenId;

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "altteul_test_XXXXXX").string();
  path_ = mkdtemp(name.data());
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path GoldenFolder() {
  return std::filesystem::path(ALT_SOURCE_DIR) / "tests" / "golden";
}

std::optional<std::string> RealModel(const std::string& file_name, std::string* why_not) {
  const char* folder = std::getenv("ALTTEUL_TEST_MODELS");
  if (folder == nullptr) {
    *why_not = "ALTTEUL_TEST_MODELS does not name a folder with " + file_name;
    return std::nullopt;
  }
  const std::filesystem::path path = std::filesystem::path(folder) / file_name;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    *why_not = path.string() + " is not there";
    return std::nullopt;
  }
  return path.string();
}

std::vector<const kernels::KernelTable*> KernelsHere() {
  const CpuFeatures features = DetectCpuFeatures();
  std::vector<const kernels::KernelTable*> tables;
  for (const kernels::KernelTable* table : kernels::BuiltKernels()) {
    if (kernels::CanRun(*table, features)) tables.push_back(table);
  }
  return tables;
}

Result<std::unique_ptr<model::Model>> LoadBare(const std::string& path, compute::Compute& compute,
                                               kernels::Precision precision) {
  auto model = std::make_unique<model::Model>();
  ALT_ASSIGN_OR_RETURN(model->file, model::Checkpoint::Open(path));
  ALT_ASSIGN_OR_RETURN(model->config, model::ReadConfig(*model->file));
  const model::WeightOptions options{.precision = precision};
  ALT_ASSIGN_OR_RETURN(
      model->weights, model::LoadWeights(*model->file, model->config, options, compute, LogSink()));
  return model;
}

std::vector<float> AllLogits(const model::Model& model, compute::Compute& compute,
                             std::span<const TokenId> tokens, const Way& way) {
  const std::vector<TokenId> alone(tokens.begin(), tokens.end());
  const size_t chunk = way.chunk == 0 ? tokens.size() : way.chunk;
  auto logits = BatchLogits(model, compute, {&alone, 1}, {&chunk, 1}, way);
  return logits.empty() ? std::vector<float>() : std::move(logits.front());
}

std::vector<std::vector<float>> BatchLogits(const model::Model& model, compute::Compute& compute,
                                            std::span<const std::vector<TokenId>> sequences,
                                            std::span<const size_t> chunks, const Way& way) {
  const size_t vocabulary = model.config.vocabulary;
  size_t max_rows = 0;
  std::vector<KvCache> caches;
  std::vector<std::vector<float>> out;
  for (size_t s = 0; s < sequences.size(); ++s) {
    max_rows += chunks[s];
    auto cache = KvCache::Create(compute, model.config, way.kv_type, way.context, chunks[s]);
    if (!cache.ok()) {
      ADD_FAILURE() << cache.status().message();
      return {};
    }
    caches.push_back(std::move(cache).value());
    out.emplace_back(sequences[s].size() * vocabulary);
  }
  auto forward = Forward::Create(model, compute, max_rows, way.context);
  if (!forward.ok()) {
    ADD_FAILURE() << forward.status().message();
    return {};
  }
  for (;;) {
    std::vector<SequenceInput> inputs;
    std::vector<size_t> owners;
    for (size_t s = 0; s < sequences.size(); ++s) {
      const auto rest = std::span(sequences[s]).subspan(caches[s].length());
      if (rest.empty()) continue;
      inputs.push_back(
          {.cache = &caches[s], .tokens = rest.first(std::min(chunks[s], rest.size()))});
      owners.push_back(s);
    }
    if (inputs.empty()) return out;
    const Status status = forward.value()->Run(inputs);
    if (!status.ok()) {
      ADD_FAILURE() << status.message();
      return {};
    }
    size_t row = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const size_t n = inputs[i].tokens.size();
      const size_t first = inputs[i].cache->length() - n;
      const Status got = forward.value()->Logits(
          row, n, std::span(out[owners[i]]).subspan(first * vocabulary, n * vocabulary));
      if (!got.ok()) ADD_FAILURE() << got.message();
      row += n;
    }
  }
}

std::vector<TokenId> RandomTokens(size_t n, size_t vocabulary, uint64_t seed) {
  const RandomStream random(seed, "test tokens");
  std::vector<TokenId> tokens(n);
  for (size_t i = 0; i < n; ++i) tokens[i] = static_cast<TokenId>(random.Bits(i) % vocabulary);
  return tokens;
}

double LargestDifference(std::span<const float> a, std::span<const float> b) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  if (a.size() != b.size() || a.empty()) return kInfinite;
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!std::isfinite(difference)) return kInfinite;
    largest = std::max(largest, difference);
  }
  return largest;
}

}  // namespace altteul::tests

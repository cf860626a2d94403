// SPDX-License-Identifier: Apache-2.0

// For tests only: a model of a few kilobytes with a tokenizer, written as GGUF and loaded again.
//
// Two kinds. Random weights answer nonsense that depends on every earlier token: good for comparing
// paths. A scripted model has layers that add nothing and a head that knows one successor for each
// token: its greedy answer is known beforehand, whatever the kernels.

#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/machine.h"
#include "base/random.h"
#include "base/thread_team.h"
#include "compute/cpu_compute.h"
#include "engine/forward.h"
#include "formats/gguf_writer.h"
#include "kernels/kernel_table.h"
#include "model/model.h"
#include "text/byte_alphabet.h"

namespace altteul::engine::testing {

/// An empty folder that goes away with everything in it.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "altteul_test_XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  std::string Path(const std::string& name) const { return (path_ / name).string(); }
  size_t CountFiles() const {
    size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      n += entry.exists() ? 1 : 0;
    return n;
  }

 private:
  std::filesystem::path path_;
};

// The vocabulary: the 256 bytes, then two control tokens.
inline constexpr text::TokenId kBos = 256;
inline constexpr text::TokenId kEos = 257;
inline constexpr uint32_t kVocabulary = 258;
inline constexpr uint32_t kHidden = 64;
inline constexpr uint32_t kFfn = 96;
inline constexpr uint32_t kHeads = 4;
inline constexpr uint32_t kKvHeads = 2;

struct TestModelOptions {
  uint64_t seed = 1;
  uint32_t layers = 2;
  uint32_t head_dim = 32;
  uint32_t window = 0;     ///< sliding window of every layer, 0: none
  uint32_t context = 512;  ///< what the file says the model was trained for
  bool add_bos = false;
  bool tokenizer = true;
  bool swap_a_and_b = false;  ///< 'a' and 'b' have each other's token ids
  std::string chat_template = {};
  float perturb = 0;  ///< added to every weight, times a normal number of another stream
  /// Not empty: a scripted model, each token followed by the next. All different.
  std::vector<text::TokenId> script = {};
  bool script_repeats = false;  ///< behind the last token comes the first; else end of turn
};

inline std::vector<text::TokenId> BytesAsTokens(std::string_view text) {
  std::vector<text::TokenId> ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

class TestModelWriter {
 public:
  explicit TestModelWriter(const TestModelOptions& options) : options_(options) {}

  Status Write(const std::string& path) {
    SetHyperparameters();
    SetTokenizer();
    Plan();
    for (const Tensor& t : tensors_) {
      Shape shape;
      if (t.rows != 0) shape.dims[shape.n_dims++] = t.rows;
      shape.dims[shape.n_dims++] = t.cols;
      ALT_RETURN_IF_ERROR(writer_.DeclareTensor(t.name, DType::kF32, shape));
    }
    ALT_RETURN_IF_ERROR(writer_.Begin(path));
    for (const Tensor& t : tensors_) {
      const std::vector<float> values = Values(t);
      ALT_RETURN_IF_ERROR(writer_.WriteTensorData(std::as_bytes(std::span(values))));
    }
    return writer_.Finish();
  }

 private:
  struct Tensor {
    std::string name;
    uint32_t rows;  // 0: a norm
    uint32_t cols;
  };

  void SetHyperparameters() {
    writer_.SetString("general.architecture", "llama");
    writer_.SetString("general.name", "made up for tests");
    writer_.SetString("general.license", "0BSD");
    writer_.SetNumber<uint32_t>("llama.block_count", options_.layers);
    writer_.SetNumber<uint32_t>("llama.context_length", options_.context);
    writer_.SetNumber<uint32_t>("llama.embedding_length", kHidden);
    writer_.SetNumber<uint32_t>("llama.feed_forward_length", kFfn);
    writer_.SetNumber<uint32_t>("llama.attention.head_count", kHeads);
    writer_.SetNumber<uint32_t>("llama.attention.head_count_kv", kKvHeads);
    writer_.SetNumber<uint32_t>("llama.attention.key_length", options_.head_dim);
    writer_.SetNumber<uint32_t>("llama.attention.value_length", options_.head_dim);
    writer_.SetNumber<uint32_t>("llama.rope.dimension_count", options_.head_dim);
    writer_.SetNumber<float>("llama.rope.freq_base", 10000.0f);
    writer_.SetNumber<float>("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    writer_.SetNumber<uint32_t>("llama.vocab_size", kVocabulary);
    if (options_.window != 0) {
      writer_.SetNumber<uint32_t>("llama.attention.sliding_window", options_.window);
    }
  }

  void SetTokenizer() {
    if (!options_.tokenizer) {
      writer_.SetString("tokenizer.ggml.model", "none");
      return;
    }
    std::vector<std::string_view> tokens;
    for (int byte = 0; byte < 256; ++byte) {
      tokens.push_back(text::ByteLetter(static_cast<uint8_t>(byte)));
    }
    if (options_.swap_a_and_b) std::swap(tokens['a'], tokens['b']);
    tokens.push_back("<bos>");
    tokens.push_back("<eos>");
    std::vector<int32_t> kinds(256, 1);
    kinds.insert(kinds.end(), {3, 3});
    writer_.SetString("tokenizer.ggml.model", "gpt2");
    writer_.SetString("tokenizer.ggml.pre", "gpt-2");
    writer_.SetStrings("tokenizer.ggml.tokens", tokens);
    writer_.SetNumbers<int32_t>("tokenizer.ggml.token_type", kinds);
    writer_.SetStrings("tokenizer.ggml.merges", {});
    writer_.SetNumber<uint32_t>("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(kBos));
    writer_.SetNumber<uint32_t>("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(kEos));
    writer_.SetNumber<bool>("tokenizer.ggml.add_bos_token", options_.add_bos);
    if (!options_.chat_template.empty()) {
      writer_.SetString("tokenizer.chat_template", options_.chat_template);
    }
  }

  void Plan() {
    const uint32_t q = kHeads * options_.head_dim, kv = kKvHeads * options_.head_dim;
    tensors_ = {{"token_embd.weight", kVocabulary, kHidden},
                {"output.weight", kVocabulary, kHidden},
                {"output_norm.weight", 0, kHidden}};
    for (uint32_t layer = 0; layer < options_.layers; ++layer) {
      const std::string block = "blk." + std::to_string(layer) + ".";
      tensors_.push_back({block + "attn_norm.weight", 0, kHidden});
      tensors_.push_back({block + "attn_q.weight", q, kHidden});
      tensors_.push_back({block + "attn_k.weight", kv, kHidden});
      tensors_.push_back({block + "attn_v.weight", kv, kHidden});
      tensors_.push_back({block + "attn_output.weight", kHidden, q});
      tensors_.push_back({block + "ffn_norm.weight", 0, kHidden});
      tensors_.push_back({block + "ffn_gate.weight", kFfn, kHidden});
      tensors_.push_back({block + "ffn_up.weight", kFfn, kHidden});
      tensors_.push_back({block + "ffn_down.weight", kHidden, kFfn});
    }
  }

  std::vector<float> Values(const Tensor& tensor) const {
    if (tensor.rows == 0) return std::vector<float>(tensor.cols, 1.0f);
    if (!options_.script.empty() && tensor.name == "output.weight") return ScriptedHead();
    std::vector<float> values(static_cast<size_t>(tensor.rows) * tensor.cols, 0.0f);
    const bool silent =
        tensor.name.ends_with("attn_output.weight") || tensor.name.ends_with("ffn_down.weight");
    if (!options_.script.empty() && silent) return values;
    const RandomStream random(options_.seed, tensor.name);
    const RandomStream noise(options_.seed, tensor.name + " noise");
    // Larger than 1 / sqrt(cols), so that attention is far from uniform and answers differ.
    const bool embedding = tensor.name == "token_embd.weight";
    const float scale = embedding ? 1.0f : 2.0f / std::sqrt(static_cast<float>(tensor.cols));
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = scale * (random.Normal(i) + options_.perturb * noise.Normal(i));
    }
    return values;
  }

  // Row of the successor = embedding of the token before it. Random vectors of 64 normal numbers:
  // |e|^2 is about 64, a product with another one about +-8, so the successor always wins.
  std::vector<float> ScriptedHead() const {
    std::vector<float> head(size_t{kVocabulary} * kHidden, 0.0f);
    const RandomStream embedding(options_.seed, "token_embd.weight");
    for (size_t i = 0; i < options_.script.size(); ++i) {
      const bool last = i + 1 == options_.script.size();
      const text::TokenId end = options_.script_repeats ? options_.script.front() : kEos;
      const auto next = static_cast<size_t>(last ? end : options_.script[i + 1]);
      const auto from = static_cast<size_t>(options_.script[i]);
      for (size_t c = 0; c < kHidden; ++c) {
        head[next * kHidden + c] = embedding.Normal(from * kHidden + c);
      }
    }
    return head;
  }

  const TestModelOptions& options_;
  formats::GgufWriter writer_;
  std::vector<Tensor> tensors_;
};

inline Status WriteTestModel(const std::string& path, const TestModelOptions& options) {
  return TestModelWriter(options).Write(path);
}

/// A loaded test model with everything a Forward needs. Aborts when that cannot be had.
struct TestModel {
  TestFolder folder;
  const kernels::KernelTable* kernels = kernels::SelectKernels("", DetectCpuFeatures()).value();
  ThreadTeam team{2};
  compute::CpuCompute compute{*kernels, team};
  SteadyClock clock;
  std::unique_ptr<const model::Model> model;

  explicit TestModel(const TestModelOptions& options,
                     kernels::Precision precision = kernels::Precision::kFast) {
    const Status written = WriteTestModel(path(), options);
    if (!written.ok()) std::fprintf(stderr, "%s\n", written.message().c_str());
    ALT_CHECK(written.ok());
    auto loaded = model::LoadModel(path(), {.precision = precision}, compute, {});
    if (!loaded.ok()) std::fprintf(stderr, "%s\n", loaded.status().message().c_str());
    model = std::move(loaded).value();
  }
  std::string path() const { return folder.Path("model.gguf"); }

  std::unique_ptr<Forward> NewForward(size_t max_rows, size_t context) {
    return std::move(Forward::Create(*model, compute, max_rows, context)).value();
  }
};

}  // namespace altteul::engine::testing

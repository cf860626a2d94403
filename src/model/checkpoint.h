// SPDX-License-Identifier: Apache-2.0

// A model as it lies on disk, whoever wrote it: a GGUF file or a Hugging Face folder.
//
// Both are read through one vocabulary, GGUF's: hyperparameters by the part of the key behind the
// architecture ("block_count"), tensors by GGUF names ("blk.0.attn_q.weight"). A folder's names are
// translated by one table (hf_names.h), so that a family is described once.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/sinks.h"
#include "base/status.h"
#include "tensor/tensor_view.h"
#include "text/tokenizer.h"

namespace altteul::formats {
class GgufFile;
}

namespace altteul::model {

class Checkpoint {
 public:
  virtual ~Checkpoint() = default;

  /// Opens a .gguf file or a folder with config.json, by what is there.
  /// @param log  hears of everything in the file that is wrong but does no harm, here and below
  static Result<std::unique_ptr<const Checkpoint>> Open(const std::string& path,
                                                        const LogSink& log = {});

  /// GGUF's name of the architecture: "llama", "qwen2", "gemma3".
  virtual std::string_view architecture() const = 0;
  virtual const std::string& path() const = 0;
  virtual uint64_t file_bytes() const = 0;  ///< of all files that hold tensors

  /// Hyperparameters: nothing when absent, kCorruptFile when of another type. A number of another
  /// type that is the same number is taken (512.0 for a width); a whole number beyond 64 bits is
  /// the largest there is. Of windows and experts -1 means none.
  virtual Result<std::optional<uint64_t>> Uint(std::string_view key) const = 0;
  /// A number for each of n layers: as many, or one for all of them.
  virtual Result<std::optional<std::vector<uint64_t>>> UintOfLayers(std::string_view key,
                                                                    size_t n) const = 0;
  virtual Result<std::optional<double>> Float(std::string_view key) const = 0;
  virtual Result<std::optional<bool>> Bool(std::string_view key) const = 0;
  virtual Result<std::optional<std::string>> String(std::string_view key) const = 0;

  /// Where a hyperparameter stands, in the file's own words, for messages: "m.gguf:
  /// llama.block_count", "folder/config.json: num_hidden_layers".
  virtual std::string PlaceOf(std::string_view key) const = 0;

  /// Numbers that the file leaves out and its writer's own reader knows. Float() has them already.
  struct TakenNumber {
    std::string key;
    double value = 0.0;
  };
  virtual std::span<const TakenNumber> taken_numbers() const { return {}; }

  Result<uint64_t> RequiredUint(std::string_view key) const;
  Result<double> RequiredFloat(std::string_view key) const;

  /// The folder's config.json, or null for GGUF. Where the two differ in more than names, a family
  /// reads it directly.
  virtual const nlohmann::json* hf_config() const { return nullptr; }
  /// The file behind a GGUF checkpoint, or null.
  virtual const formats::GgufFile* gguf() const { return nullptr; }

  struct NamedTensor {
    std::string name;  ///< GGUF name; a folder's own where there is no translation
    TensorView view;
  };
  const std::vector<NamedTensor>& tensors() const { return tensors_; }  ///< in file order
  const TensorView* Find(std::string_view name) const;

  /// Gives mapped pages back (see Buffer::ReleasePages).
  virtual void ReleasePages(std::span<const std::byte> bytes) const = 0;

  virtual Result<text::TokenizerSpec> ReadTokenizer(const LogSink& log) const = 0;
  /// The model's own chat template, empty when it has none.
  virtual Result<std::string> ReadChatTemplate(const LogSink& log) const = 0;
  /// The licence as the file states it, empty when it does not.
  virtual std::string License() const = 0;

 protected:
  /// Whether a negative number under this key means none.
  static bool NegativeMeansNone(std::string_view key) {
    return key == "attention.sliding_window" || key == "expert_count";
  }

  /// kCorruptFile when the name is taken.
  Status AddTensor(std::string name, const TensorView& view);

 private:
  std::vector<NamedTensor> tensors_;
  std::map<std::string, size_t, std::less<>> index_;  // name -> place in tensors_
};

}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

// ERNIE 4.5, the dense ones (Baidu): Llama's shape, with the pairs of rope side by side in folders
// as in GGUF files, so that no rows change their places between the two.

#include <array>

#include <nlohmann/json.hpp>

#include "model/family.h"
#include "model/gguf_form.h"

namespace altteul::model {
namespace {

constexpr HfDefault kDefaults[] = {
    {"hidden_size", "1024"},      {"intermediate_size", "3072"},
    {"num_hidden_layers", "18"},  {"num_attention_heads", "16"},
    {"num_key_value_heads", "2"}, {"head_dim", "128"},
    {"hidden_act", "\"silu\""},   {"max_position_embeddings", "131072"},
    {"rms_norm_eps", "1e-5"},     {"rope_theta", "500000.0"},
};
constexpr HfClass kHf[] = {{.architecture = "Ernie4_5ForCausalLM",
                            .model_type = "ernie4_5",
                            .ties_head = true,
                            .defaults = kDefaults}};
constexpr std::array kBiased = {"attn_q",   "attn_k", "attn_v",  "attn_output",
                                "ffn_gate", "ffn_up", "ffn_down"};

bool UsesBias(const Checkpoint& folder) {
  const auto found = folder.hf_config()->find("use_bias");
  return found != folder.hf_config()->end() && found->is_boolean() && found->get<bool>();
}

// One switch is for all products of all layers. A bias that is missing, or that the class would not
// look at, makes another model.
Status CheckBiases(const Checkpoint& folder, size_t n_layers) {
  const bool uses = UsesBias(folder);
  for (size_t layer = 0; layer < n_layers; ++layer) {
    for (const char* stem : kBiased) {
      const std::string name = "blk." + std::to_string(layer) + "." + stem + ".bias";
      if ((folder.Find(name) != nullptr) == uses) continue;
      return Status(ErrorCode::kCorruptFile,
                    folder.path() + "/config.json: use_bias is " +
                        (uses ? "true, but " + name + " is missing"
                              : "not true, but there is a tensor " + name));
    }
  }
  return Status();
}

Status Fill(const Checkpoint& file, const LogSink& log, ModelConfig& config) {
  ALT_RETURN_IF_ERROR(FillRope(file, log, config));
  const size_t n_rotated = config.ropes[0].n_rotated();
  const size_t head_dim = config.layers[0].attention()->key_dim;
  // Neither transformers nor GGUF's readers have a way to turn a part.
  if (n_rotated != head_dim) {
    return Status(ErrorCode::kUnsupported, file.path() + ": rope turns " +
                                               std::to_string(n_rotated) + " of a head's " +
                                               std::to_string(head_dim) + " dimensions; " +
                                               config.family + " turns all of them");
  }
  return file.hf_config() == nullptr ? Status() : CheckBiases(file, config.n_layers());
}

// GGUF's readers do not add the bias of attn_output, and have none in the feed-forward.
Status Describe(const Checkpoint& folder, const ModelConfig& config, GgufForm&) {
  if (!UsesBias(folder)) return Status();
  return Status(ErrorCode::kUnsupported, folder.path() +
                                             "/config.json: use_bias is true; GGUF files of " +
                                             config.family + " have no words for all biases");
}

}  // namespace

extern const Family kErnie4_5;
const Family kErnie4_5 = {.gguf_architecture = "ernie4_5",
                          .hf_classes = kHf,
                          .hf_tensor_names = {},
                          .fill = Fill,
                          .gguf_rope_pairs = kernels::RopePairs::kInterleaved,
                          .hf_rope_pairs = kernels::RopePairs::kInterleaved,
                          .describe = Describe};

}  // namespace altteul::model

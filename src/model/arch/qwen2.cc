// SPDX-License-Identifier: Apache-2.0

// Qwen 2 and 2.5 (Yang et al., arXiv 2407.10671): Llama with biases on q, k and v.

#include <string>

#include "model/arch/qwen_windows.h"
#include "model/family.h"

namespace altteul::model {
namespace {

constexpr HfDefault kDefaults[] = {
    {"hidden_size", "4096"},
    {"intermediate_size", "22016"},
    {"num_hidden_layers", "32"},
    {"num_attention_heads", "32"},
    {"num_key_value_heads", "32"},
    {"hidden_act", "\"silu\""},
    {"max_position_embeddings", "32768"},
    {"rms_norm_eps", "1e-6"},
    {"rope_theta", "10000.0"},
    {"sliding_window", "4096", "use_sliding_window"},
    {"max_window_layers", "28", "use_sliding_window"},
};
constexpr HfClass kHf[] = {
    {.architecture = "Qwen2ForCausalLM", .model_type = "qwen2", .defaults = kDefaults}};

// The class always has them; a folder that has lost them would give other answers without a word.
Status CheckBiases(const Checkpoint& file, const ModelConfig& config) {
  if (file.hf_config() == nullptr) return Status();
  for (size_t layer = 0; layer < config.n_layers(); ++layer) {
    for (const char* stem : {"attn_q", "attn_k", "attn_v"}) {
      const std::string name = "blk." + std::to_string(layer) + "." + stem + ".bias";
      if (file.Find(name) != nullptr) continue;
      return Status(ErrorCode::kCorruptFile, file.path() + ": tensor " + name + " is missing");
    }
  }
  return Status();
}

Status Fill(const Checkpoint& file, const LogSink& log, ModelConfig& config) {
  ALT_RETURN_IF_ERROR(CheckBiases(file, config));
  ALT_RETURN_IF_ERROR(FillRope(file, log, config));
  return FillQwenWindows(file, config);
}

Status Describe(const Checkpoint& folder, const ModelConfig& config, GgufForm&) {
  return CheckNoWindows(folder, config);
}

}  // namespace

extern const Family kQwen2;
const Family kQwen2 = {.gguf_architecture = "qwen2",
                       .hf_classes = kHf,
                       .hf_tensor_names = {},
                       .fill = Fill,
                       .describe = Describe};

}  // namespace altteul::model

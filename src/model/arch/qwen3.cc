// SPDX-License-Identifier: Apache-2.0

// Qwen 3, dense (Yang et al., arXiv 2505.09388): norms on q and k instead of biases.

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
    {"head_dim", "128"},
    {"hidden_act", "\"silu\""},
    {"max_position_embeddings", "32768"},
    {"rms_norm_eps", "1e-6"},
    {"rope_theta", "10000.0"},
    {"sliding_window", "4096", "use_sliding_window"},
    {"max_window_layers", "28", "use_sliding_window"},
};
constexpr HfClass kHf[] = {
    {.architecture = "Qwen3ForCausalLM", .model_type = "qwen3", .defaults = kDefaults}};

Status Fill(const Checkpoint& file, const LogSink& log, ModelConfig& config) {
  for (LayerPlan& layer : config.layers) layer.attention()->qk_norm = true;
  ALT_RETURN_IF_ERROR(FillRope(file, log, config));
  return FillQwenWindows(file, config);
}

Status Describe(const Checkpoint& folder, const ModelConfig& config, GgufForm&) {
  return CheckNoWindows(folder, config);
}

}  // namespace

extern const Family kQwen3;
const Family kQwen3 = {.gguf_architecture = "qwen3",
                       .hf_classes = kHf,
                       .hf_tensor_names = {},
                       .fill = Fill,
                       .describe = Describe};

}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

// EXAONE 4 (LG AI Research, arXiv 2507.11407), a Korean and English family: norms after each
// sub-block only, norms on q and k, and in the large model three local layers with rope, then a
// global one without.

#include <array>

#include "model/family.h"
#include "model/gguf_form.h"

namespace altteul::model {
namespace {

constexpr HfDefault kDefaults[] = {
    {"hidden_size", "4096"},
    {"intermediate_size", "16384"},
    {"num_hidden_layers", "32"},
    {"num_attention_heads", "32"},
    {"num_key_value_heads", "32"},
    {"hidden_act", "\"silu\""},
    {"max_position_embeddings", "2048"},
    {"rms_norm_eps", "1e-5"},
    {"rope_theta", "10000.0"},
    {"sliding_window", "4096"},
};
constexpr HfClass kHf[] = {
    {.architecture = "Exaone4ForCausalLM", .model_type = "exaone4", .defaults = kDefaults}};
constexpr std::array kTensorNames = {
    NamePair{"post_attention_layernorm", "post_attention_norm"},
    NamePair{"post_feedforward_layernorm", "post_ffw_norm"},
};
constexpr uint64_t kPeriod = 4;  // every fourth layer is global

Status Fill(const Checkpoint& file, const LogSink& log, ModelConfig& config) {
  for (LayerPlan& layer : config.layers) {
    layer.pre_norm = false;
    layer.post_norm = true;
    layer.attention()->qk_norm = true;
  }
  ALT_RETURN_IF_ERROR(FillRope(file, log, config));
  ALT_ASSIGN_OR_RETURN(const auto window, file.Uint("attention.sliding_window"));
  if (!window || *window == 0) return Status();

  ALT_ASSIGN_OR_RETURN(const std::vector<bool> local,
                       LocalLayers(file, config.n_layers(), kPeriod));
  for (size_t layer = 0; layer < config.n_layers(); ++layer) {
    if (!local[layer]) config.layers[layer].attention()->rope.reset();
  }
  return FillWindows(file, local, config);
}

Status Describe(const Checkpoint&, const ModelConfig& config, GgufForm& form) {
  ALT_RETURN_IF_ERROR(DescribeWindow(config, form));
  std::vector<bool> local;
  bool any = false;
  for (const LayerPlan& layer : config.layers) {
    local.push_back(layer.attention()->window != 0);
    any = any || local.back();
  }
  if (any) form.SetBools("attention.sliding_window_pattern", local);
  return Status();
}

}  // namespace

extern const Family kExaone4;
const Family kExaone4 = {.gguf_architecture = "exaone4",
                         .hf_classes = kHf,
                         .hf_tensor_names = kTensorNames,
                         .fill = Fill,
                         .gguf_rope_freqs = true,
                         .describe = Describe};

}  // namespace altteul::model

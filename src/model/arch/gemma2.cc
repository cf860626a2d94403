// SPDX-License-Identifier: Apache-2.0

// Gemma 2 (Gemma Team, arXiv 2408.00118): local and global layers in turn, softcaps.

#include <string>
#include <vector>

#include "model/arch/gemma_common.h"

namespace altteul::model {
namespace {

constexpr HfDefault kDefaults[] = {
    {"hidden_size", "2304"},
    {"intermediate_size", "9216"},
    {"num_hidden_layers", "26"},
    {"num_attention_heads", "8"},
    {"num_key_value_heads", "4"},
    {"head_dim", "256"},
    {"hidden_activation", "\"gelu_pytorch_tanh\""},
    {"max_position_embeddings", "8192"},
    {"rms_norm_eps", "1e-6"},
    {"query_pre_attn_scalar", "256"},
    {"sliding_window", "4096"},
    {"rope_theta", "10000.0"},
    {"final_logit_softcapping", "30.0"},
    {"attn_logit_softcapping", "50.0"},
};
constexpr HfClass kHf[] = {{.architecture = "Gemma2ForCausalLM",
                            .model_type = "gemma2",
                            .ties_head = true,
                            .defaults = kDefaults}};
constexpr size_t kLargest = 46;  // layers of the 27B model
constexpr uint64_t kPeriod = 2;  // every second layer is global

// What llama.cpp takes where a GGUF file does not say it: files of June 2024 do not.
constexpr float kAttentionSoftcap = 50.0f, kFinalSoftcap = 30.0f;
constexpr size_t kWindow = 4096;

Status TakeUsual(const Checkpoint& file, const std::vector<bool>& local, const LogSink& log,
                 ModelConfig& config) {
  ALT_ASSIGN_OR_RETURN(const auto attention, file.Float("attn_logit_softcapping"));
  ALT_ASSIGN_OR_RETURN(const auto final_cap, file.Float("final_logit_softcapping"));
  ALT_ASSIGN_OR_RETURN(const auto window, file.Uint("attention.sliding_window"));
  std::string taken;
  const auto take = [&taken](const std::string& what) {
    taken += (taken.empty() ? "" : ", ") + what;
  };
  if (!attention) {
    for (LayerPlan& layer : config.layers) layer.attention()->softcap = kAttentionSoftcap;
    take("attn_logit_softcapping = 50");
  }
  if (!final_cap) {
    config.final_softcap = kFinalSoftcap;
    take("final_logit_softcapping = 30");
  }
  if (!window) {
    for (size_t layer = 0; layer < config.n_layers(); ++layer) {
      if (local[layer]) config.layers[layer].attention()->window = kWindow;
    }
    take("attention.sliding_window = 4096");
  }
  if (!taken.empty() && log) {
    log(LogLevel::kWarning, file.path() + ": is an early file of gemma2 and leaves out keys; " +
                                "taken as usual: " + taken);
  }
  return Status();
}

Status Fill(const Checkpoint& file, const LogSink& log, ModelConfig& config) {
  ALT_RETURN_IF_ERROR(FillGemma(file, kLargest, config));
  ALT_RETURN_IF_ERROR(FillSoftcaps(file, config));
  ALT_RETURN_IF_ERROR(FillRope(file, log, config));
  ALT_ASSIGN_OR_RETURN(const std::vector<bool> local,
                       LocalLayers(file, config.n_layers(), kPeriod));
  ALT_RETURN_IF_ERROR(FillWindows(file, local, config));
  return file.hf_config() == nullptr ? TakeUsual(file, local, log, config) : Status();
}

Status Describe(const Checkpoint& folder, const ModelConfig& config, GgufForm& form) {
  ALT_RETURN_IF_ERROR(CheckAttentionScale(folder, kLargest, config));
  ALT_RETURN_IF_ERROR(CheckUsualLocalLayers(folder, config, kPeriod));
  // llama.cpp takes the usual caps where a file says none.
  if (config.layers[0].attention()->softcap == 0 || config.final_softcap == 0) {
    return Status(ErrorCode::kUnsupported,
                  folder.path() + ": a gemma2 without softcaps cannot be said in GGUF");
  }
  return DescribeGemma(config, form);
}

}  // namespace

extern const Family kGemma2;
const Family kGemma2 = {.gguf_architecture = "gemma2",
                        .hf_classes = kHf,
                        .hf_tensor_names = kGemmaTensorNames,
                        .fill = Fill,
                        .describe = Describe};

}  // namespace altteul::model

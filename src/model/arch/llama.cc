// SPDX-License-Identifier: Apache-2.0

// Llama 2 and 3 (Touvron et al., arXiv 2307.09288; Dubey et al., arXiv 2407.21783) and what has
// their shape: Mistral, SmolLM2, and many others that say "llama".

#include <nlohmann/json.hpp>

#include "model/family.h"
#include "model/gguf_form.h"

namespace altteul::model {
namespace {

constexpr HfDefault kLlamaDefaults[] = {
    {"hidden_size", "4096"},     {"intermediate_size", "11008"},
    {"num_hidden_layers", "32"}, {"num_attention_heads", "32"},
    {"hidden_act", "\"silu\""},  {"max_position_embeddings", "2048"},
    {"rms_norm_eps", "1e-6"},    {"rope_theta", "10000.0"},
};
constexpr HfDefault kMistralDefaults[] = {
    {"hidden_size", "4096"},
    {"intermediate_size", "14336"},
    {"num_hidden_layers", "32"},
    {"num_attention_heads", "32"},
    {"num_key_value_heads", "8"},
    {"hidden_act", "\"silu\""},
    {"max_position_embeddings", "131072"},
    {"rms_norm_eps", "1e-6"},
    {"rope_theta", "10000.0"},
    {"sliding_window", "4096"},
};
constexpr HfClass kHf[] = {
    {.architecture = "LlamaForCausalLM", .model_type = "llama", .defaults = kLlamaDefaults},
    {.architecture = "MistralForCausalLM", .model_type = "mistral", .defaults = kMistralDefaults},
};
// GGUF converters permute the rows of q and k so that a pair is (2i, 2i + 1).
constexpr kernels::RopePairs kGgufPairs = kernels::RopePairs::kInterleaved;

// Of transformers' classes only Mistral's looks for a window, on every layer. GGUF files of
// llama.cpp's converter carry none; those that do are ours.
bool HasWindows(const Checkpoint& file) {
  const auto* config = file.hf_config();
  if (config == nullptr) return true;
  return (*config)["architectures"].front() == kHf[1].architecture;
}

Status Fill(const Checkpoint& file, const LogSink& log, ModelConfig& config) {
  ALT_RETURN_IF_ERROR(FillRope(file, log, config));
  return FillWindows(file, std::vector<bool>(config.n_layers(), HasWindows(file)), config);
}

// (llama.cpp does not look for the window of a "llama".)
Status Describe(const Checkpoint&, const ModelConfig& config, GgufForm& form) {
  return DescribeWindow(config, form);
}

}  // namespace

extern const Family kLlama;
const Family kLlama = {.gguf_architecture = "llama",
                       .hf_classes = kHf,
                       .hf_tensor_names = {},
                       .fill = Fill,
                       .gguf_rope_pairs = kGgufPairs,
                       .gguf_rope_freqs = true,
                       .describe = Describe};

}  // namespace altteul::model

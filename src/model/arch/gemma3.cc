// SPDX-License-Identifier: Apache-2.0

// Gemma 3, text (Gemma Team, arXiv 2503.19786): five local layers, then a global one with a rope of
// its own; norms on q and k. In folders global layers may have heads of their own.

#include <algorithm>
#include <utility>

#include "model/arch/gemma_common.h"

namespace altteul::model {
namespace {

using nlohmann::json;

constexpr HfDefault kDefaults[] = {
    {"hidden_size", "2304"},
    {"intermediate_size", "9216"},
    {"num_hidden_layers", "26"},
    {"num_attention_heads", "8"},
    {"num_key_value_heads", "4"},
    {"head_dim", "256"},
    {"hidden_activation", "\"gelu_pytorch_tanh\""},
    {"max_position_embeddings", "131072"},
    {"rms_norm_eps", "1e-6"},
    {"query_pre_attn_scalar", "256"},
    {"sliding_window", "4096"},
    {"rope_theta", "1000000.0"},
};
constexpr HfClass kHf[] = {{.architecture = "Gemma3ForCausalLM",
                            .model_type = "gemma3_text",
                            .ties_head = true,
                            .defaults = kDefaults}};
// Ollama's engine, model/models/gemma3: its converter writes none of these for the sizes that see
// pictures, and the bases under its own names for the smallest. Models of the long context were
// trained with scaled global layers.
constexpr OllamaDefault kOllama[] = {
    {.key = "attention.layer_norm_rms_epsilon", .own_key = {}, .value = 1e-6},
    {.key = "rope.freq_base", .own_key = "rope.global.freq_base", .value = 1e6},
    {.key = "rope.freq_base_swa", .own_key = "rope.local.freq_base", .value = 1e4},
    {.key = "rope.scaling.factor", .own_key = {}, .value = 8.0, .from_context = 131072},
};
constexpr size_t kLargest = 62;  // layers of the 27B model
constexpr uint64_t kPeriod = 6;  // every sixth layer is global

// GGUF has no words for a scaling of the local layers, and no published model has one.
Status CheckLocalScaling(const Checkpoint& file) {
  const json* local = HfRopeParameters(file, "sliding_attention");
  if (local == nullptr || local == HfRopeParameters(file, "full_attention")) return Status();
  const std::string type = HfRopeType(*local);
  if (type == "default") return Status();
  return Status(ErrorCode::kUnsupported,
                file.path() + ": rope scaling '" + type + "' of the local layers is not supported");
}

// Local layers turn by a base of their own and are never scaled.
Result<double> LocalBase(const Checkpoint& file) {
  constexpr double kDefault = 10000.0;
  if (file.hf_config() == nullptr) return RopeBase(file, "rope.freq_base_swa", kDefault);
  // In f32, as GGUF holds it.
  const auto in_f32 = [](const json& value) { return static_cast<double>(value.get<float>()); };
  const json& config = *file.hf_config();
  const auto old_key = config.find("rope_local_base_freq");
  if (old_key != config.end() && old_key->is_number()) return in_f32(*old_key);
  const json* theta = HfRopeTheta(config, "sliding_attention");
  // Without a group for local layers this is the base of the global ones.
  if (theta == nullptr || theta == HfRopeTheta(config, "full_attention")) return kDefault;
  return theta->is_number() ? in_f32(*theta) : kDefault;
}

/// Heads of the layers that look at everything, in Gemma 4's spelling. (GGUF has no words for
/// them.)
Status FillGlobalHeads(const Checkpoint& folder, const std::vector<bool>& local,
                       ModelConfig& config) {
  for (size_t layer = 0; layer < config.n_layers(); ++layer) {
    if (local[layer]) continue;
    AttentionPlan& plan = *config.layers[layer].attention();
    ALT_ASSIGN_OR_RETURN(const size_t width, WidthOr(folder, "global_head_dim", plan.key_dim));
    ALT_ASSIGN_OR_RETURN(const size_t n_kv_heads,
                         WidthOr(folder, "num_global_key_value_heads", plan.n_kv_heads));
    ALT_RETURN_IF_ERROR(SetHeads(folder, n_kv_heads, width, plan));
  }
  return Status();
}

/// Of the layers of one kind; of any where there is none.
size_t HeadWidth(const ModelConfig& config, const std::vector<bool>& local, bool of_local) {
  const auto first = std::find(local.begin(), local.end(), of_local);
  const size_t layer = first == local.end() ? 0 : static_cast<size_t>(first - local.begin());
  return config.layers[layer].attention()->key_dim;
}

/// ropes[0] turns global layers, ropes[1] local ones.
Status FillRopes(const Checkpoint& file, const LogSink& log, const std::vector<bool>& local,
                 ModelConfig& config) {
  ALT_ASSIGN_OR_RETURN(RopePlan global_rope,
                       ReadRope(file, log, config, HeadWidth(config, local, false)));
  ALT_RETURN_IF_ERROR(CheckLocalScaling(file));
  ALT_ASSIGN_OR_RETURN(const double local_base, LocalBase(file));
  if (!(local_base > 0) || !std::isfinite(local_base)) {
    return Status(ErrorCode::kCorruptFile,
                  file.path() + ": the local rope base is " + std::to_string(local_base));
  }
  RopePlan local_rope;
  local_rope.pairs = global_rope.pairs;
  // GGUF's readers multiply every rope by it, scaled or not.
  ALT_ASSIGN_OR_RETURN(const auto magnitude, file.Float("rope.scaling.attn_factor"));
  local_rope.magnitude = magnitude.value_or(1.0);
  ALT_ASSIGN_OR_RETURN(const size_t n_rotated, RotatedDims(file, HeadWidth(config, local, true)));
  local_rope.frequencies = PlainFrequencies(local_base, n_rotated);
  config.ropes = {std::move(global_rope), std::move(local_rope)};
  for (size_t layer = 0; layer < config.n_layers(); ++layer) {
    config.layers[layer].attention()->rope = local[layer] ? 1 : 0;
  }
  return Status();
}

Status Fill(const Checkpoint& file, const LogSink& log, ModelConfig& config) {
  ALT_ASSIGN_OR_RETURN(std::vector<bool> local, LocalLayers(file, config.n_layers(), kPeriod));
  ALT_ASSIGN_OR_RETURN(const auto window, file.Uint("attention.sliding_window"));
  // A GGUF file without a window (Rnj-1) has no local layers at all.
  if (file.hf_config() == nullptr && window.value_or(0) == 0)
    local.assign(config.n_layers(), false);
  if (file.hf_config() != nullptr) {
    ALT_RETURN_IF_ERROR(FillGlobalHeads(file, local, config));
  }
  ALT_RETURN_IF_ERROR(FillGemma(file, kLargest, config));
  ALT_RETURN_IF_ERROR(FillSoftcaps(file, config));
  ALT_RETURN_IF_ERROR(FillRopes(file, log, local, config));
  for (LayerPlan& layer : config.layers) layer.attention()->qk_norm = true;
  return FillWindows(file, local, config);
}

Status Describe(const Checkpoint& folder, const ModelConfig& config, GgufForm& form) {
  ALT_RETURN_IF_ERROR(CheckAttentionScale(folder, kLargest, config));
  ALT_RETURN_IF_ERROR(CheckUsualLocalLayers(folder, config, kPeriod));
  ALT_ASSIGN_OR_RETURN(const double local_base, LocalBase(folder));
  form.SetFloat("rope.freq_base_swa", local_base);
  return DescribeGemma(config, form);
}

}  // namespace

extern const Family kGemma3;
const Family kGemma3 = {.gguf_architecture = "gemma3",
                        .hf_classes = kHf,
                        .hf_tensor_names = kGemmaTensorNames,
                        .fill = Fill,
                        .describe = Describe,
                        .ollama_defaults = kOllama};

}  // namespace altteul::model

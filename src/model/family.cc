// SPDX-License-Identifier: Apache-2.0

#include "model/family.h"

#include <array>
#include <cmath>
#include <string>

#include <nlohmann/json.hpp>

#include "formats/gguf.h"
#include "model/gguf_form.h"
#include "model/hf_config.h"

namespace altteul::model {

// arch/<name>.cc
extern const Family kLlama, kQwen2, kQwen3, kGemma2, kGemma3, kPhi3, kExaone4, kErnie4_5;

namespace {

constexpr std::array kFamilies = {&kLlama,  &kQwen2, &kQwen3,   &kGemma2,
                                  &kGemma3, &kPhi3,  &kExaone4, &kErnie4_5};

// Bounds that no published model comes near; beyond them sizes stop being believable.
constexpr uint64_t kMaxLayers = 1024;
constexpr uint64_t kMaxWidth = uint64_t{1} << 20;
constexpr uint64_t kMaxVocabulary = uint64_t{1} << 24;

Result<size_t> Size(const Checkpoint& file, std::string_view key, uint64_t limit) {
  ALT_ASSIGN_OR_RETURN(const uint64_t value, file.RequiredUint(key));
  if (value == 0 || value > limit) {
    return Status(ErrorCode::kCorruptFile, file.PlaceOf(key) + " is " + std::to_string(value) +
                                               ", expected 1 to " + std::to_string(limit));
  }
  return static_cast<size_t>(value);
}

/// The same for every layer: one number for all of them, or a list.
Result<std::vector<size_t>> SizesOfLayers(const Checkpoint& file, std::string_view key,
                                          uint64_t limit, size_t n_layers) {
  ALT_ASSIGN_OR_RETURN(const auto values, file.UintOfLayers(key, n_layers));
  if (!values) return file.RequiredUint(key).status();
  for (size_t layer = 0; layer < n_layers; ++layer) {
    const uint64_t value = (*values)[layer];
    if (value != 0 && value <= limit) continue;
    return Status(ErrorCode::kCorruptFile,
                  file.PlaceOf(key) + " of layer " + std::to_string(layer) + " is " +
                      std::to_string(value) + ", expected 1 to " + std::to_string(limit));
  }
  return std::vector<size_t>(values->begin(), values->end());
}

/// Of the keys and values of each head.
Result<size_t> HeadWidth(const Checkpoint& file, size_t hidden, size_t n_heads) {
  ALT_ASSIGN_OR_RETURN(const auto key_dim, file.Uint("attention.key_length"));
  if (!key_dim && hidden % n_heads != 0) {
    return Status(ErrorCode::kCorruptFile, file.path() + ": width " + std::to_string(hidden) +
                                               " cannot be cut into " + std::to_string(n_heads) +
                                               " heads");
  }
  ALT_ASSIGN_OR_RETURN(const size_t width, WidthOr(file, "attention.key_length", hidden / n_heads));
  ALT_ASSIGN_OR_RETURN(const auto value_dim, file.Uint("attention.value_length"));
  if (value_dim && *value_dim != width) {
    return Status(ErrorCode::kUnsupported, file.path() + ": values of " +
                                               std::to_string(*value_dim) + " beside keys of " +
                                               std::to_string(width) + " are not supported");
  }
  return width;
}

/// Attention and a dense feed-forward in every layer.
Status FillLayers(const Checkpoint& file, ModelConfig& config) {
  ALT_ASSIGN_OR_RETURN(const size_t n, Size(file, "block_count", kMaxLayers));
  ALT_ASSIGN_OR_RETURN(const auto inner, SizesOfLayers(file, "feed_forward_length", kMaxWidth, n));
  ALT_ASSIGN_OR_RETURN(const auto heads, SizesOfLayers(file, "attention.head_count", kMaxWidth, n));
  std::vector<size_t> kv_heads = heads;
  ALT_ASSIGN_OR_RETURN(const auto given, file.UintOfLayers("attention.head_count_kv", n));
  if (given) {
    ALT_ASSIGN_OR_RETURN(kv_heads, SizesOfLayers(file, "attention.head_count_kv", kMaxWidth, n));
  }
  config.layers.resize(n);
  for (size_t i = 0; i < n; ++i) {
    AttentionPlan plan{.n_heads = heads[i]};
    ALT_ASSIGN_OR_RETURN(const size_t width, HeadWidth(file, config.hidden, plan.n_heads));
    ALT_RETURN_IF_ERROR(SetHeads(file, kv_heads[i], width, plan));
    config.layers[i].mixer = plan;
    config.layers[i].feed_forward = DensePlan{.inner = inner[i]};
  }
  return Status();
}

// Some files say that there is no limit by a number that no text can reach.
Status FillContext(const Checkpoint& file, const LogSink& log, ModelConfig& config) {
  constexpr uint64_t kMost = UINT32_MAX;
  ALT_ASSIGN_OR_RETURN(const auto context, file.Uint("context_length"));
  if (!context) return Status();
  if (*context == 0) {
    return Status(ErrorCode::kCorruptFile, file.PlaceOf("context_length") + " is 0");
  }
  if (*context > kMost && log) {
    log(LogLevel::kWarning, file.PlaceOf("context_length") + " is longer than any text; taken as " +
                                std::to_string(kMost));
  }
  config.context = static_cast<size_t>(std::min(*context, kMost));
  return Status();
}

Status FillCommon(const Checkpoint& file, const LogSink& log, ModelConfig& config) {
  // Mixtral's GGUF files call themselves "llama".
  ALT_ASSIGN_OR_RETURN(const auto experts, file.Uint("expert_count"));
  if (experts.value_or(0) > 1) {
    return Status(
        ErrorCode::kUnsupported,
        file.path() + ": mixtures of " + std::to_string(*experts) + " experts are not supported");
  }
  ALT_ASSIGN_OR_RETURN(config.hidden, Size(file, "embedding_length", kMaxWidth));
  ALT_RETURN_IF_ERROR(FillLayers(file, config));
  ALT_RETURN_IF_ERROR(FillContext(file, log, config));
  ALT_ASSIGN_OR_RETURN(const double eps, file.RequiredFloat("attention.layer_norm_rms_epsilon"));
  if (!(eps >= 0 && eps < 1)) {
    return Status(ErrorCode::kCorruptFile,
                  file.PlaceOf("attention.layer_norm_rms_epsilon") + " is " + std::to_string(eps));
  }
  config.norm_eps = static_cast<float>(eps);

  const TensorView* embedding = file.Find("token_embd.weight");
  if (embedding == nullptr || embedding->shape.n_dims != 2 ||
      embedding->shape.cols() != config.hidden || embedding->shape.rows() > kMaxVocabulary) {
    return Status(ErrorCode::kCorruptFile,
                  file.path() + ": token_embd.weight is " +
                      (embedding == nullptr ? "missing" : embedding->shape.ToString()) +
                      ", expected [vocabulary, " + std::to_string(config.hidden) + "]");
  }
  config.vocabulary = embedding->shape.rows();
  return Status();
}

// A zero or a NaN among a file's factors must not become an angle.
Status CheckRopes(const Checkpoint& file, const ModelConfig& config) {
  for (const RopePlan& rope : config.ropes) {
    bool finite = std::isfinite(rope.magnitude);
    for (const double frequency : rope.frequencies) finite = finite && std::isfinite(frequency);
    for (const double frequency : rope.frequencies_long)
      finite = finite && std::isfinite(frequency);
    if (finite) continue;
    return Status(ErrorCode::kCorruptFile,
                  file.path() + ": the rope factors give frequencies that are no numbers");
  }
  for (const LayerPlan& layer : config.layers) {
    const AttentionPlan* plan = layer.attention();
    if (plan == nullptr || !plan->rope) continue;
    const size_t n_rotated = config.ropes[*plan->rope].n_rotated();
    if (n_rotated <= plan->key_dim) continue;
    return Status(ErrorCode::kCorruptFile, file.path() + ": rope turns " +
                                               std::to_string(n_rotated) + " of a head's " +
                                               std::to_string(plan->key_dim) + " dimensions");
  }
  return Status();
}

// A folder names its activation; a GGUF file leaves it to the architecture.
Status CheckActivation(const Checkpoint& file, const ModelConfig& config) {
  if (file.hf_config() == nullptr) return Status();
  const DensePlan* dense = config.layers[0].dense();
  const bool silu = dense == nullptr || dense->activation == kernels::Activation::kSilu;
  // Gemma's classes look at a key of their own; the usual one in their folders is a leftover.
  const char* key = silu ? "hidden_act" : "hidden_activation";
  const auto found = file.hf_config()->find(key);
  if (found == file.hf_config()->end() || found->is_null()) return Status();
  const bool known = silu ? *found == "silu" || *found == "swish" : *found == "gelu_pytorch_tanh";
  if (known) return Status();
  return Status(ErrorCode::kUnsupported, file.path() + "/config.json: the activation " +
                                             found->dump() + " (" + key + ") is not supported in " +
                                             config.family);
}

// Which layers are local, in the file's words; empty and no period where it says nothing.
struct LocalPattern {
  std::vector<bool> layers;
  std::optional<uint64_t> period;  ///< every so-many-th layer is global
};

Result<LocalPattern> GgufPattern(const Checkpoint& file, size_t n_layers) {
  constexpr std::string_view kKey = "attention.sliding_window_pattern";
  const std::string key = std::string(file.architecture()) + "." + std::string(kKey);
  LocalPattern pattern;
  const formats::GgufValue* value = file.gguf()->FindValue(key);
  if (value == nullptr) return pattern;
  if (value->type != formats::GgufType::kArray) {
    ALT_ASSIGN_OR_RETURN(pattern.period, file.Uint(kKey));
    return pattern;
  }
  ALT_ASSIGN_OR_RETURN(const auto array, file.gguf()->GetArray(key));
  const auto flags = array->Integers();
  if (!flags.ok() || flags.value().size() != n_layers) {
    return Status(ErrorCode::kCorruptFile, file.path() + ": " + key + " is no list of " +
                                               std::to_string(n_layers) + " truth values");
  }
  for (const int64_t flag : flags.value()) pattern.layers.push_back(flag != 0);
  return pattern;
}

// "sliding_window_pattern" of folders: 6, or "LLLG" repeated over the layers.
LocalPattern HfPattern(const Checkpoint& file, size_t n_layers) {
  LocalPattern pattern;
  for (const char* key : {"sliding_window_pattern", "_sliding_window_pattern"}) {
    const auto found = file.hf_config()->find(key);
    if (found == file.hf_config()->end()) continue;
    if (found->is_number()) {
      pattern.period = HfWholeNumber(*found);
      return pattern;  // what transformers saves under the other key is no word of the owner's
    }
    if (!found->is_string() || found->get<std::string>().empty()) continue;
    const auto letters = found->get<std::string>();
    for (size_t layer = 0; layer < n_layers; ++layer) {
      pattern.layers.push_back(letters[layer % letters.size()] == 'L');
    }
    return pattern;
  }
  return pattern;
}

}  // namespace

std::span<const Family* const> AllFamilies() { return kFamilies; }

const Family* FindFamily(std::string_view gguf_architecture) {
  for (const Family* family : kFamilies) {
    if (family->gguf_architecture == gguf_architecture) return family;
  }
  return nullptr;
}

HfFamily FindFamilyByHf(std::string_view hf_architecture) {
  for (const Family* family : kFamilies) {
    for (const HfClass& each : family->hf_classes) {
      if (each.architecture == hf_architecture) return {family, &each};
    }
  }
  return {};
}

HfFamily FindFamilyByModelType(std::string_view model_type) {
  for (const Family* family : kFamilies) {
    for (const HfClass& each : family->hf_classes) {
      if (each.model_type == model_type) return {family, &each};
    }
  }
  return {};
}

Result<size_t> WidthOr(const Checkpoint& file, std::string_view key, size_t fallback) {
  ALT_ASSIGN_OR_RETURN(const auto present, file.Uint(key));
  if (!present) return fallback;
  return Size(file, key, kMaxWidth);
}

Status SetHeads(const Checkpoint& file, size_t n_kv_heads, size_t head_dim, AttentionPlan& plan) {
  if (plan.n_heads % n_kv_heads != 0) {
    return Status(ErrorCode::kCorruptFile, file.path() + ": " + std::to_string(plan.n_heads) +
                                               " heads cannot share " + std::to_string(n_kv_heads) +
                                               " KV heads");
  }
  if (head_dim * plan.n_heads > kMaxWidth) {
    return Status(ErrorCode::kCorruptFile, file.path() + ": " + std::to_string(plan.n_heads) +
                                               " heads of " + std::to_string(head_dim));
  }
  plan.n_kv_heads = n_kv_heads;
  plan.key_dim = plan.value_dim = head_dim;
  plan.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  return Status();
}

kernels::RopePairs RopePairsOf(const Checkpoint& file) {
  const Family& family = *FindFamily(file.architecture());
  return file.hf_config() != nullptr ? family.hf_rope_pairs : family.gguf_rope_pairs;
}

Result<ModelConfig> ReadConfig(const Checkpoint& file, const LogSink& log) {
  const Family* family = FindFamily(file.architecture());
  if (family == nullptr) {
    std::string known;
    for (const Family* each : kFamilies) {
      known += (known.empty() ? "" : ", ") + std::string(each->gguf_architecture);
    }
    return Status(ErrorCode::kUnsupported, file.path() + ": architecture '" +
                                               std::string(file.architecture()) +
                                               "' is not supported; these are: " + known);
  }
  ModelConfig config;
  config.family = file.architecture();
  ALT_RETURN_IF_ERROR(FillCommon(file, log, config));
  ALT_RETURN_IF_ERROR(family->fill(file, log, config));
  ALT_RETURN_IF_ERROR(CheckRopes(file, config));
  ALT_RETURN_IF_ERROR(CheckActivation(file, config));
  return config;
}

Result<std::vector<bool>> HfLocalLayers(const Checkpoint& file, size_t n_layers) {
  std::vector<bool> local;
  if (file.hf_config() == nullptr) return local;
  const auto types = file.hf_config()->find("layer_types");
  if (types == file.hf_config()->end() || types->is_null()) return local;
  if (!types->is_array() || types->size() != n_layers) {
    return Status(ErrorCode::kCorruptFile,
                  file.path() + ": layer_types is no list of " + std::to_string(n_layers));
  }
  for (const auto& type : *types) {
    if (type != "sliding_attention" && type != "full_attention") {
      return Status(ErrorCode::kUnsupported,
                    file.path() + ": layer type " + type.dump() + " is not supported");
    }
    local.push_back(type == "sliding_attention");
  }
  return local;
}

Result<std::vector<bool>> LocalLayers(const Checkpoint& file, size_t n_layers,
                                      uint64_t usual_period) {
  ALT_ASSIGN_OR_RETURN(std::vector<bool> local, HfLocalLayers(file, n_layers));
  if (!local.empty()) return local;
  LocalPattern pattern;
  if (file.hf_config() != nullptr) {
    pattern = HfPattern(file, n_layers);
  } else if (file.gguf() != nullptr) {
    ALT_ASSIGN_OR_RETURN(pattern, GgufPattern(file, n_layers));
  }
  if (!pattern.layers.empty()) return pattern.layers;
  const uint64_t period = pattern.period.value_or(usual_period);
  if (period == 0) {
    return Status(ErrorCode::kCorruptFile, file.path() + ": sliding_window_pattern is 0");
  }
  for (size_t layer = 0; layer < n_layers; ++layer) local.push_back((layer + 1) % period != 0);
  return local;
}

Status FillWindows(const Checkpoint& file, const std::vector<bool>& local, ModelConfig& config) {
  ALT_ASSIGN_OR_RETURN(const auto window, file.Uint("attention.sliding_window"));
  if (!window || *window == 0) return Status();
  for (size_t layer = 0; layer < config.n_layers(); ++layer) {
    if (local[layer]) config.layers[layer].attention()->window = static_cast<size_t>(*window);
  }
  return Status();
}

Status DescribeWindow(const ModelConfig& config, GgufForm& form) {
  for (const LayerPlan& layer : config.layers) {
    const size_t window = layer.attention()->window;
    if (window != 0) return form.SetUint("attention.sliding_window", window);
  }
  return Status();
}

Status CheckUsualLocalLayers(const Checkpoint& folder, const ModelConfig& config, size_t period) {
  const size_t usual = config.layers[0].attention()->window;
  for (size_t layer = 0; layer < config.n_layers(); ++layer) {
    const bool local = (layer + 1) % period != 0;
    const size_t window = config.layers[layer].attention()->window;
    if (usual != 0 && window == (local ? usual : 0)) continue;
    return Status(ErrorCode::kUnsupported,
                  folder.path() + ": layer " + std::to_string(layer) + " has a window of " +
                      std::to_string(window) + "; GGUF files of " + config.family +
                      " mean one window in all but every " + std::to_string(period) + "th layer");
  }
  return Status();
}

Status CheckNoWindows(const Checkpoint& folder, const ModelConfig& config) {
  for (const LayerPlan& layer : config.layers) {
    const size_t window = layer.attention()->window;
    if (window == 0) continue;
    return Status(ErrorCode::kUnsupported, folder.path() + ": has a sliding window of " +
                                               std::to_string(window) + "; GGUF files of " +
                                               config.family + " have no word for one");
  }
  return Status();
}

}  // namespace altteul::model

// SPDX-License-Identifier: Apache-2.0

// Phi-3 and Phi-4-mini (Abdin et al., arXiv 2404.14219): q, k, v fused, gate and up fused, and for
// long contexts a second set of rope frequencies (LongRoPE, Ding et al., arXiv 2402.13753).

#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

#include "model/family.h"
#include "model/gguf_form.h"
#include "model/hf_config.h"
#include "model/tensor_values.h"

namespace altteul::model {
namespace {

using nlohmann::json;

constexpr HfDefault kDefaults[] = {
    {"hidden_size", "3072"},     {"intermediate_size", "8192"},
    {"num_hidden_layers", "32"}, {"num_attention_heads", "32"},
    {"hidden_act", "\"silu\""},  {"max_position_embeddings", "4096"},
    {"rms_norm_eps", "1e-5"},    {"rope_theta", "10000.0"},
};
constexpr HfClass kHf[] = {
    {.architecture = "Phi3ForCausalLM", .model_type = "phi3", .defaults = kDefaults}};

struct LongRope {
  std::vector<double> short_factors, long_factors;
  double original_context = 0;
  double magnitude = 1.0;
};

// transformers' default: how much softmax must sharpen when positions are squeezed.
double Magnitude(double factor, double original) {
  return factor <= 1.0 ? 1.0 : std::sqrt(1.0 + std::log(factor) / std::log(original));
}

Result<std::vector<double>> Factors(const Checkpoint& file, const json& parameters,
                                    const char* key) {
  const auto found = parameters.find(key);
  if (found == parameters.end() || !found->is_array()) {
    return Status(ErrorCode::kCorruptFile, file.path() + ": longrope lacks the list " + key);
  }
  std::vector<double> values;
  for (const json& value : *found) {
    if (!value.is_number()) {
      return Status(ErrorCode::kCorruptFile, file.path() + ": " + key + " holds no number");
    }
    values.push_back(value.get<float>());  // as GGUF holds them
  }
  return values;
}

// The class has a number of its own, which goes before the one among rope's parameters.
double OriginalOfFolder(const Checkpoint& file, const json& parameters, const LogSink& log) {
  constexpr const char* kKey = "original_max_position_embeddings";
  constexpr double kOfClass = 4096;
  const json said = file.hf_config()->value(kKey, json());
  if (said.is_number()) return said.get<double>();
  const json among = parameters.value(kKey, json());
  if (log) {
    log(LogLevel::kWarning,
        file.path() + "/config.json: " + kKey + " is missing; 4096 is taken, as transformers does" +
            (among.is_number() && among != kOfClass
                 ? " for phi3, though rope_scaling says " + among.dump().substr(0, 60)
                 : ""));
  }
  return kOfClass;
}

// Nothing when the folder's rope is a plain one.
Result<std::optional<LongRope>> FromFolder(const Checkpoint& file, const ModelConfig& config,
                                           const LogSink& log) {
  const json* parameters = HfRopeParameters(file, "full_attention");
  if (parameters == nullptr) return std::optional<LongRope>();
  // "su" and "yarn" are what this family called longrope at first.
  const std::string type = HfRopeType(*parameters);
  const bool named = type == "longrope" || type == "su" || type == "yarn";
  if (!named && !parameters->contains("long_factor")) return std::optional<LongRope>();
  LongRope rope;
  ALT_ASSIGN_OR_RETURN(rope.short_factors, Factors(file, *parameters, "short_factor"));
  ALT_ASSIGN_OR_RETURN(rope.long_factors, Factors(file, *parameters, "long_factor"));
  rope.original_context = OriginalOfFolder(file, *parameters, log);
  const json given = parameters->value("attention_factor", json());
  const json factor = parameters->value("factor", json());
  rope.magnitude = given.is_number()
                       ? given.get<double>()
                       : Magnitude(factor.is_number() ? factor.get<double>()
                                                      : static_cast<double>(config.context) /
                                                            rope.original_context,
                                   rope.original_context);
  rope.magnitude = static_cast<float>(rope.magnitude);
  return std::optional<LongRope>(std::move(rope));
}

Result<std::vector<double>> FactorTensor(const Checkpoint& file, const std::string& name,
                                         size_t n) {
  const TensorView* view = file.Find(name);
  if (view == nullptr) {
    return Status(ErrorCode::kCorruptFile, file.path() + ": tensor " + name + " is missing");
  }
  ALT_ASSIGN_OR_RETURN(const std::vector<float> values, ReadVector(*view, n, name));
  return std::vector<double>(values.begin(), values.end());
}

Result<std::optional<LongRope>> FromGguf(const Checkpoint& file, size_t n_pairs) {
  if (file.Find("rope_factors_long.weight") == nullptr) return std::optional<LongRope>();
  LongRope rope;
  ALT_ASSIGN_OR_RETURN(rope.short_factors,
                       FactorTensor(file, "rope_factors_short.weight", n_pairs));
  ALT_ASSIGN_OR_RETURN(rope.long_factors, FactorTensor(file, "rope_factors_long.weight", n_pairs));
  ALT_ASSIGN_OR_RETURN(const uint64_t original,
                       file.RequiredUint("rope.scaling.original_context_length"));
  rope.original_context = static_cast<double>(original);
  ALT_ASSIGN_OR_RETURN(const auto magnitude, file.Float("rope.scaling.attn_factor"));
  rope.magnitude = magnitude.value_or(1.0);
  return std::optional<LongRope>(std::move(rope));
}

Status FillLongRope(const Checkpoint& file, const LogSink& log, ModelConfig& config) {
  ALT_ASSIGN_OR_RETURN(const double base, RopeBase(file, "rope.freq_base", 10000.0));
  ALT_ASSIGN_OR_RETURN(const size_t n_rotated,
                       RotatedDims(file, config.layers[0].attention()->key_dim));
  const bool folder = file.hf_config() != nullptr;
  ALT_ASSIGN_OR_RETURN(const std::optional<LongRope> longrope,
                       folder ? FromFolder(file, config, log) : FromGguf(file, n_rotated / 2));
  if (!longrope) return FillRope(file, log, config);

  RopePlan rope;
  rope.pairs = RopePairsOf(file);
  rope.frequencies = PlainFrequencies(base, n_rotated);
  rope.frequencies_long = rope.frequencies;
  if (longrope->short_factors.size() != n_rotated / 2 ||
      longrope->long_factors.size() != n_rotated / 2 || !(longrope->original_context >= 1) ||
      !(longrope->original_context <= UINT32_MAX)) {
    return Status(ErrorCode::kCorruptFile,
                  file.path() + ": longrope has an original context of " +
                      std::to_string(longrope->original_context) + ", " +
                      std::to_string(longrope->short_factors.size()) + " short and " +
                      std::to_string(longrope->long_factors.size()) + " long factors, expected " +
                      std::to_string(n_rotated / 2) + " of each");
  }
  for (size_t i = 0; i < n_rotated / 2; ++i) {
    rope.frequencies[i] /= longrope->short_factors[i];
    rope.frequencies_long[i] /= longrope->long_factors[i];
  }
  rope.original_context = static_cast<size_t>(longrope->original_context);
  rope.magnitude = longrope->magnitude;
  config.ropes = {std::move(rope)};
  for (LayerPlan& layer : config.layers) layer.attention()->rope = 0;
  return Status();
}

Status Fill(const Checkpoint& file, const LogSink& log, ModelConfig& config) {
  for (LayerPlan& layer : config.layers) {
    layer.attention()->fused_qkv = true;
    layer.dense()->fused_gate_up = true;
  }
  ALT_RETURN_IF_ERROR(FillLongRope(file, log, config));
  // Both spellings carry the window. (llama.cpp ignores it for phi3; transformers does not.)
  return FillWindows(file, std::vector<bool>(config.n_layers(), true), config);
}

// What a plain rope's file says: the context itself.
size_t OriginalContext(const Checkpoint& folder, const ModelConfig& config) {
  if (config.ropes[0].original_context != 0) return config.ropes[0].original_context;
  const auto given = folder.hf_config()->find("original_max_position_embeddings");
  if (given == folder.hf_config()->end()) return config.context;
  return static_cast<size_t>(HfWholeNumber(*given).value_or(config.context));
}

Status Describe(const Checkpoint& folder, const ModelConfig& config, GgufForm& form) {
  ALT_RETURN_IF_ERROR(
      form.SetUint("rope.scaling.original_context_length", OriginalContext(folder, config)));
  // llama.cpp refuses a phi3 that says nothing about a window.
  ALT_RETURN_IF_ERROR(
      form.SetUint("attention.sliding_window", config.layers[0].attention()->window));
  const RopePlan& rope = config.ropes[0];
  if (rope.frequencies_long.empty()) return Status();
  form.SetFloat("rope.scaling.attn_factor", rope.magnitude);
  ALT_ASSIGN_OR_RETURN(const double base, RopeBase(folder, "rope.freq_base", 10000.0));
  const std::vector<double> plain = PlainFrequencies(base, rope.n_rotated());
  form.AddQuotients("rope_factors_short.weight", plain, rope.frequencies);
  form.AddQuotients("rope_factors_long.weight", plain, rope.frequencies_long);
  return Status();
}

}  // namespace

extern const Family kPhi3;
const Family kPhi3 = {.gguf_architecture = "phi3",
                      .hf_classes = kHf,
                      .hf_tensor_names = {},
                      .fill = Fill,
                      .describe = Describe};

}  // namespace altteul::model

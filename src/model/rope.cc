// SPDX-License-Identifier: Apache-2.0

// How a file's words about rope become frequencies.

#include <cmath>
#include <numbers>

#include <nlohmann/json.hpp>

#include "model/family.h"
#include "model/gguf_form.h"
#include "model/tensor_values.h"
#include "model/yarn.h"

namespace altteul::model {
namespace {

using nlohmann::json;

Status Unsupported(const Checkpoint& file, const ModelConfig& config, const std::string& type) {
  const bool longrope = type == "longrope" || type == "su";
  return Status(ErrorCode::kUnsupported,
                file.path() + ": rope scaling '" + type + "' is not supported" +
                    (longrope ? " in " + config.family + ", only in phi3"
                              : " (linear, llama3, yarn, and longrope in phi3 are)"));
}

// transformers turns by the plain frequencies up to the model's own context, and by others that
// depend on a text's length beyond it.
void WarnOfDynamic(const Checkpoint& file, const ModelConfig& config, const LogSink& log) {
  if (!log) return;
  log(LogLevel::kWarning, file.path() + "/config.json: rope scaling 'dynamic' is followed up to " +
                              std::to_string(config.context) +
                              " tokens, where it changes nothing; in longer texts rope stays as it "
                              "is, and answers are other ones than those of transformers");
}

// The number as GGUF holds it, so that a folder and the file made of it turn by the same angles.
double InF32(double value) { return static_cast<double>(static_cast<float>(value)); }

// Llama 3.1's rule: long wavelengths are stretched by `factor`, short ones kept, the band between
// blended (transformers, modeling_rope_utils, "llama3").
Status ScaleLlama3(const Checkpoint& file, const ModelConfig& config, const json& parameters,
                   RopePlan& rope) {
  double values[4] = {0, 0, 0, static_cast<double>(config.context)};
  const char* names[4] = {"factor", "low_freq_factor", "high_freq_factor",
                          "original_max_position_embeddings"};
  const json& own = *file.hf_config();
  for (int i = 0; i < 4; ++i) {
    json found = parameters.value(names[i], json());
    // The config's own word goes before the one among rope's.
    if (i == 3) found = own.value(names[i], found);
    if (i == 3 && found.is_null()) break;  // the context, as in transformers
    if (!found.is_number()) {
      return Status(ErrorCode::kCorruptFile,
                    file.path() + ": llama3 rope scaling lacks the number '" + names[i] + "'");
    }
    values[i] = found.get<double>();
  }
  const double factor = values[0], low = values[1], high = values[2], original = values[3];
  for (double& frequency : rope.frequencies) {
    const double wavelength = 2.0 * std::numbers::pi / frequency;
    if (wavelength > original / low) {
      frequency /= InF32(factor);
    } else if (wavelength >= original / high) {
      const double blend = (original / wavelength - low) / (high - low);
      frequency /= InF32(1.0 / ((1.0 - blend) / factor + blend));
    }
  }
  return Status();
}

Result<double> LinearFactor(const Checkpoint& file, const json& parameters) {
  const auto factor = parameters.find("factor");
  if (factor == parameters.end() || !factor->is_number() || !(factor->get<double>() > 0) ||
      !std::isfinite(factor->get<double>())) {
    return Status(ErrorCode::kCorruptFile,
                  file.path() + ": linear rope scaling lacks a positive 'factor'");
  }
  return InF32(factor->get<double>());
}

// Words that mean something and that nobody can follow: "linear" where {"type": "linear"} belongs.
// What Python takes for false is none.
Status CheckRopeWords(const Checkpoint& file) {
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const json words = file.hf_config()->value(key, json());
    const bool is_none =
        words.is_null() || words == false || words == 0 || words == "" || words == json::array();
    if (is_none || words.is_object()) continue;
    return Status(ErrorCode::kUnsupported, file.path() + "/config.json: " + key + " is " +
                                               words.dump().substr(0, 60) +
                                               ", expected an object with \"rope_type\"");
  }
  return Status();
}

Status ScaleFromFolder(const Checkpoint& file, const ModelConfig& config, double base,
                       const LogSink& log, RopePlan& rope) {
  const json* parameters = HfRopeParameters(file, "full_attention");
  if (parameters == nullptr) return Status();
  const std::string type = HfRopeType(*parameters);
  if (type == "default") {
    const bool said = parameters->contains("rope_type") || parameters->contains("type");
    if (!said && parameters->contains("factor") && log) {
      log(LogLevel::kWarning, file.path() +
                                  "/config.json: rope is not scaled, as in transformers: "
                                  "there is a factor of " +
                                  (*parameters)["factor"].dump().substr(0, 60) +
                                  ", but no \"rope_type\" that says what to do with it");
    }
    return Status();
  }
  if (type == "dynamic") {
    WarnOfDynamic(file, config, log);
    return Status();
  }
  if (type == "llama3") return ScaleLlama3(file, config, *parameters, rope);
  if (type == "yarn") {
    ALT_ASSIGN_OR_RETURN(const Yarn yarn, YarnOfFolder(file, config, *parameters));
    ScaleYarn(yarn, base, rope);
    return Status();
  }
  if (type != "linear") return Unsupported(file, config, type);
  ALT_ASSIGN_OR_RETURN(const double factor, LinearFactor(file, *parameters));
  for (double& frequency : rope.frequencies) frequency /= factor;
  return Status();
}

// rope.scaling.factor, or its name of 2023; absent and 0 mean 1.
Result<double> GgufFactor(const Checkpoint& file) {
  for (const char* key : {"rope.scaling.factor", "rope.scale_linear"}) {
    ALT_ASSIGN_OR_RETURN(const auto factor, file.Float(key));
    if (!factor) continue;
    if (*factor >= 0 && std::isfinite(*factor)) return *factor == 0 ? 1.0 : *factor;
    return Status(ErrorCode::kCorruptFile,
                  file.path() + ": " + key + " is " + std::to_string(*factor));
  }
  return 1.0;
}

Status ScaleFromGguf(const Checkpoint& file, const ModelConfig& config, double base,
                     const LogSink& log, RopePlan& rope) {
  if (const TensorView* divisors = file.Find("rope_freqs.weight")) {
    ALT_ASSIGN_OR_RETURN(const std::vector<float> values,
                         ReadVector(*divisors, rope.frequencies.size(), "rope_freqs.weight"));
    for (size_t i = 0; i < values.size(); ++i) rope.frequencies[i] /= values[i];
  }
  ALT_ASSIGN_OR_RETURN(const auto magnitude, file.Float("rope.scaling.attn_factor"));
  rope.magnitude = magnitude.value_or(1.0);
  ALT_ASSIGN_OR_RETURN(const auto said, file.String("rope.scaling.type"));
  const std::string type = said.value_or("linear");  // what a factor alone means
  if (type == "none") return Status();
  ALT_ASSIGN_OR_RETURN(const double factor, GgufFactor(file));
  if (type.empty() && factor == 1.0) return Status();  // none, whatever its writer meant
  if (type.empty()) {
    return Status(ErrorCode::kUnsupported, file.PlaceOf("rope.scaling.type") +
                                               " is empty beside a factor of " +
                                               std::to_string(factor) + ": scaled or not?");
  }
  if (type != "linear" && type != "yarn") return Unsupported(file, config, type);
  if (type == "yarn") {
    ALT_ASSIGN_OR_RETURN(const Yarn yarn, YarnOfGguf(file, config, factor, log));
    ScaleYarn(yarn, base, rope);
    return Status();
  }
  for (double& frequency : rope.frequencies) frequency /= factor;
  return Status();
}

// The parameters of one kind of layer under a key of config.json, or null.
const json* RopeGroup(const json& config, const char* key, std::string_view layer_type) {
  const auto found = config.find(key);
  if (found == config.end() || !found->is_object() || found->empty()) return nullptr;
  const auto group = found->find(layer_type);
  return group != found->end() && group->is_object() ? &*group : &*found;
}

// Where both are, the older key goes before: it is what owners are told to add.
constexpr const char* kRopeKeys[] = {"rope_scaling", "rope_parameters"};

}  // namespace

std::vector<double> PlainFrequencies(double base, size_t n_rotated) {
  std::vector<double> frequencies(n_rotated / 2);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    frequencies[i] = std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(n_rotated));
  }
  return frequencies;
}

const json* HfRopeParameters(const Checkpoint& file, std::string_view layer_type) {
  if (file.hf_config() == nullptr) return nullptr;
  for (const char* key : kRopeKeys) {
    if (const json* group = RopeGroup(*file.hf_config(), key, layer_type)) return group;
  }
  return nullptr;
}

std::string HfRopeType(const json& parameters) {
  for (const char* key : {"rope_type", "type"}) {
    const auto found = parameters.find(key);
    if (found != parameters.end() && found->is_string()) return found->get<std::string>();
  }
  return "default";
}

const json* HfRopeTheta(const json& config, std::string_view layer_type) {
  for (const char* key : kRopeKeys) {
    const json* group = RopeGroup(config, key, layer_type);
    if (group == nullptr) continue;
    const auto theta = group->find("rope_theta");
    if (theta != group->end() && !theta->is_null()) return &*theta;
  }
  const auto theta = config.find("rope_theta");
  return theta != config.end() && !theta->is_null() ? &*theta : nullptr;
}

Result<size_t> RotatedDims(const Checkpoint& file, size_t head_dim) {
  uint64_t n_rotated = head_dim;
  if (file.hf_config() != nullptr) {
    double factor = 1.0;
    for (const json* place : {HfRopeParameters(file, "full_attention"), file.hf_config()}) {
      if (place == nullptr) continue;
      const auto found = place->find("partial_rotary_factor");
      if (found == place->end() || !found->is_number()) continue;
      factor = found->get<double>();
      break;
    }
    if (!(factor > 0 && factor <= 1)) {
      return Status(ErrorCode::kCorruptFile, file.path() + ": partial_rotary_factor is " +
                                                 std::to_string(factor) + ", not in (0, 1]");
    }
    n_rotated = static_cast<uint64_t>(static_cast<double>(head_dim) * factor);
  } else {
    ALT_ASSIGN_OR_RETURN(const auto count, file.Uint("rope.dimension_count"));
    n_rotated = count.value_or(head_dim);
  }
  if (n_rotated == 0 || n_rotated % 2 != 0 || n_rotated > head_dim) {
    return Status(ErrorCode::kCorruptFile, file.path() + ": rope turns " +
                                               std::to_string(n_rotated) + " of a head's " +
                                               std::to_string(head_dim) + " dimensions");
  }
  return static_cast<size_t>(n_rotated);
}

Result<double> RopeBase(const Checkpoint& file, std::string_view key, double fallback) {
  ALT_ASSIGN_OR_RETURN(const auto base, file.Float(key));
  const double value = InF32(base.value_or(fallback));
  if (!(value > 0) || !std::isfinite(value)) {
    return Status(ErrorCode::kCorruptFile, file.PlaceOf(key) + " is " + std::to_string(value));
  }
  return value;
}

Result<RopePlan> ReadRope(const Checkpoint& file, const LogSink& log, const ModelConfig& config,
                          size_t head_dim) {
  RopePlan rope;
  rope.pairs = RopePairsOf(file);
  ALT_ASSIGN_OR_RETURN(const double base, RopeBase(file, "rope.freq_base", 10000.0));
  ALT_ASSIGN_OR_RETURN(const size_t n_rotated, RotatedDims(file, head_dim));
  rope.frequencies = PlainFrequencies(base, n_rotated);
  if (file.hf_config() != nullptr) {
    ALT_RETURN_IF_ERROR(CheckRopeWords(file));
    ALT_RETURN_IF_ERROR(ScaleFromFolder(file, config, base, log, rope));
  } else {
    ALT_RETURN_IF_ERROR(ScaleFromGguf(file, config, base, log, rope));
  }
  return rope;
}

Status FillRope(const Checkpoint& file, const LogSink& log, ModelConfig& config) {
  ALT_ASSIGN_OR_RETURN(RopePlan rope,
                       ReadRope(file, log, config, config.layers[0].attention()->key_dim));
  config.ropes = {std::move(rope)};
  for (LayerPlan& layer : config.layers) layer.attention()->rope = 0;
  return Status();
}

Status DescribeRope(const Checkpoint& folder, const ModelConfig& config, bool freqs,
                    GgufForm& form) {
  const RopePlan& rope = config.ropes[0];
  ALT_ASSIGN_OR_RETURN(const double base, RopeBase(folder, "rope.freq_base", 10000.0));
  ALT_RETURN_IF_ERROR(form.SetUint("rope.dimension_count", rope.n_rotated()));
  form.SetFloat("rope.freq_base", base);
  if (!rope.frequencies_long.empty()) return Status();  // its factors are the family's to say
  const json* parameters = HfRopeParameters(folder, "full_attention");
  const std::string type = parameters == nullptr ? "default" : HfRopeType(*parameters);
  if (type == "linear") {
    ALT_ASSIGN_OR_RETURN(const double factor, LinearFactor(folder, *parameters));
    form.SetString("rope.scaling.type", "linear");
    form.SetFloat("rope.scaling.factor", factor);
    return Status();
  }
  if (type == "yarn") {
    ALT_ASSIGN_OR_RETURN(const Yarn yarn, YarnOfFolder(folder, config, *parameters));
    if (DescribeYarn(yarn, base, config, form)) return Status();
  }
  const std::vector<double> plain = PlainFrequencies(base, rope.n_rotated());
  if (rope.frequencies == plain && rope.magnitude == 1.0) return Status();
  if (!freqs) {
    return Status(ErrorCode::kUnsupported,
                  folder.path() + ": GGUF files of " + config.family +
                      " have no word for the rope scaling '" + type +
                      "' with these parameters: " + parameters->dump().substr(0, 300));
  }
  form.AddQuotients("rope_freqs.weight", plain, rope.frequencies);
  if (rope.magnitude != 1.0) form.SetFloat("rope.scaling.attn_factor", rope.magnitude);
  return Status();
}

}  // namespace altteul::model

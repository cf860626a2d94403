// SPDX-License-Identifier: Apache-2.0

#include "model/hf_config.h"

#include <cmath>
#include <utility>

#include "formats/json_file.h"
#include "formats/quote.h"
#include "model/hf_quantized.h"

namespace altteul::model {
namespace {

using nlohmann::json;

void Warn(const std::string& path, const std::string& what, const LogSink& log) {
  if (log) log(LogLevel::kWarning, path + ": " + what);
}

const json* Text(const json& value) { return value.is_string() ? &value : nullptr; }

/// The first of "architectures", or null.
const json* ArchitectureOf(const json& config) {
  const auto names = config.find("architectures");
  if (names == config.end() || !names->is_array() || names->empty()) return nullptr;
  return Text((*names)[0]);
}

Status UnknownArchitecture(const std::string& path, const std::string& name) {
  std::string known;
  for (const Family* each : AllFamilies()) {
    for (const HfClass& hf : each->hf_classes) {
      known += (known.empty() ? "" : ", ") + std::string(hf.architecture);
    }
  }
  return Status(ErrorCode::kUnsupported,
                path + ": architecture '" + name + "' is not supported; these are: " + known);
}

/// Names of their own, as owners of fine-tunes give them. Heads for other tasks and models without
/// a head end otherwise.
bool IsCausalModel(std::string_view architecture) {
  return architecture.ends_with("ForCausalLM") || architecture.ends_with("LMHeadModel");
}

/// By the architecture, or as transformers does where that is absent or not its own, by the model
/// type.
Result<HfFamily> FindOwnFamily(const std::string& path, const json& config, const LogSink& log) {
  const json* name = ArchitectureOf(config);
  const std::string architecture = name == nullptr ? "" : name->get<std::string>();
  if (name != nullptr) {
    const HfFamily found = FindFamilyByHf(architecture);
    if (found.family != nullptr) return found;
    if (!IsCausalModel(architecture)) return UnknownArchitecture(path, architecture);
  }
  const auto type = config.find("model_type");
  if (type == config.end() || !type->is_string()) {
    if (name != nullptr) return UnknownArchitecture(path, architecture);
    return Status(ErrorCode::kCorruptFile,
                  path + ": 'architectures' is missing, and 'model_type' too");
  }
  const HfFamily found = FindFamilyByModelType(type->get<std::string>());
  if (found.family == nullptr) {
    return UnknownArchitecture(path, name == nullptr ? type->get<std::string>() : architecture);
  }
  const std::string why =
      name == nullptr ? "'architectures' is missing"
                      : "the architecture " + formats::Quote(architecture) + " is not known";
  Warn(path,
       why + "; " + std::string(found.hf_class->architecture) + " is taken, the model type being " +
           type->get<std::string>(),
       log);
  return found;
}

bool IsTrue(const json& config, std::string_view key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_boolean() && found->get<bool>();
}

/// A null is a word too where a class has one for none.
bool NullMeansNone(std::string_view key) {
  return key == "num_key_value_heads" || key == "head_dim" || key == "sliding_window" ||
         key == "query_pre_attn_scalar" || key.ends_with("_softcapping");
}

void TakeDefaults(const std::string& path, const HfClass& hf_class, const LogSink& log,
                  json& config) {
  for (const HfDefault& each : hf_class.defaults) {
    const auto found = config.find(each.key);
    const bool is_null = found != config.end() && found->is_null();
    if (found != config.end() && (!is_null || NullMeansNone(each.key))) continue;
    if (!each.only_if.empty() && !IsTrue(config, each.only_if)) continue;
    if (each.key == "rope_theta" && HfRopeTheta(config, "full_attention") != nullptr) continue;
    config[std::string(each.key)] = json::parse(each.value);
    Warn(path,
         std::string(each.key) + (is_null ? " is null; " : " is missing; ") +
             std::string(each.value) + " is taken, as transformers does for " +
             std::string(hf_class.architecture) + (is_null ? " where it is missing" : ""),
         log);
  }
}

}  // namespace

std::optional<uint64_t> HfWholeNumber(const json& value) {
  if (value.is_number_unsigned()) return value.get<uint64_t>();
  if (!value.is_number()) return std::nullopt;
  const auto number = value.get<double>();
  if (!(number >= 0) || number != std::floor(number)) return std::nullopt;
  constexpr double kBeyond = 18446744073709551616.0;  // 2^64
  return number < kBeyond ? static_cast<uint64_t>(number) : UINT64_MAX;
}

Result<HfConfig> ReadHfConfig(const std::string& folder, const LogSink& log) {
  const std::string path = folder + "/config.json";
  HfConfig config;
  ALT_ASSIGN_OR_RETURN(config.values, formats::ReadJsonFile(path, formats::kWrittenByPython, log));
  if (!config.values.is_object()) {
    return Status(ErrorCode::kCorruptFile, path + ": is no JSON object");
  }
  ALT_ASSIGN_OR_RETURN(const HfFamily found, FindOwnFamily(path, config.values, log));
  ALT_RETURN_IF_ERROR(RefuseQuantized(folder, config.values));
  config.family = found.family;
  // What a family asks for is the class that was found.
  config.values["architectures"] = json::array({std::string(found.hf_class->architecture)});
  const auto tie = config.values.find("tie_word_embeddings");
  config.ties_head = tie != config.values.end() && tie->is_boolean() ? tie->get<bool>()
                                                                     : found.hf_class->ties_head;
  TakeDefaults(path, *found.hf_class, log, config.values);
  return config;
}

}  // namespace altteul::model

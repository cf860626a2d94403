// SPDX-License-Identifier: Apache-2.0

#include "model/hf_config.h"

#include <utility>

#include "formats/json_file.h"
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

/// By the architecture, or as transformers does where there is none, by the model type.
Result<HfFamily> FindOwnFamily(const std::string& path, const json& config, const LogSink& log) {
  if (const json* name = ArchitectureOf(config)) {
    const HfFamily found = FindFamilyByHf(name->get<std::string>());
    if (found.family == nullptr) return UnknownArchitecture(path, name->get<std::string>());
    return found;
  }
  const auto type = config.find("model_type");
  if (type == config.end() || !type->is_string()) {
    return Status(ErrorCode::kCorruptFile,
                  path + ": 'architectures' is missing, and 'model_type' too");
  }
  const HfFamily found = FindFamilyByModelType(type->get<std::string>());
  if (found.family == nullptr) return UnknownArchitecture(path, type->get<std::string>());
  Warn(path,
       "'architectures' is missing; " + std::string(found.hf_class->architecture) +
           " is taken, the model type being " + type->get<std::string>(),
       log);
  return found;
}

bool IsTrue(const json& config, std::string_view key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_boolean() && found->get<bool>();
}

void TakeDefaults(const std::string& path, const HfClass& hf_class, const LogSink& log,
                  json& config) {
  for (const HfDefault& each : hf_class.defaults) {
    // A null is a word too: none.
    if (config.contains(each.key)) continue;
    if (!each.only_if.empty() && !IsTrue(config, each.only_if)) continue;
    if (each.key == "rope_theta" && HfRopeTheta(config, "full_attention") != nullptr) continue;
    config[std::string(each.key)] = json::parse(each.value);
    Warn(path,
         std::string(each.key) + " is missing; " + std::string(each.value) +
             " is taken, as transformers does for " + std::string(hf_class.architecture),
         log);
  }
}

}  // namespace

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
  const auto tie = config.values.find("tie_word_embeddings");
  config.ties_head = tie != config.values.end() && tie->is_boolean() ? tie->get<bool>()
                                                                     : found.hf_class->ties_head;
  TakeDefaults(path, *found.hf_class, log, config.values);
  return config;
}

}  // namespace altteul::model

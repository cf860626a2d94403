// SPDX-License-Identifier: Apache-2.0

#include "model/hf_quantized.h"

#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "formats/json_file.h"
#include "formats/quote.h"
#include "model/unused_tensors.h"

namespace altteul::model {
namespace {

using nlohmann::json;

struct Method {
  std::string name;
  std::optional<uint64_t> bits;
};

/// @param proof  how it is known, where config.json does not say it
Status Refuse(const std::string& folder, const Method& method, const std::string& proof = "") {
  std::string bits;
  if (method.bits) bits = " to " + std::to_string(*method.bits) + " bits";
  return Status(ErrorCode::kUnsupported,
                folder + ": its weights are quantized by " + method.name + bits + proof +
                    ", which is not read here. Take the folder that it was made from, or a GGUF "
                    "file of the model");
}

struct KnownName {
  std::string_view hf, usual;
};
constexpr KnownName kNames[] = {
    {"gptq", "GPTQ"},
    {"awq", "AWQ"},
    {"fp8", "FP8"},
    {"fbgemm_fp8", "FP8"},
    {"hqq", "HQQ"},
    {"eetq", "EETQ"},
    {"aqlm", "AQLM"},
    {"vptq", "VPTQ"},
    {"mxfp4", "MXFP4"},
    {"higgs", "HIGGS"},
    {"spqr", "SpQR"},
    {"auto-round", "AutoRound"},
    {"modelopt", "ModelOpt"},
    {"quanto", "Quanto"},
    {"torchao", "torchao"},
    {"quark", "Quark"},
    {"intel/auto-round", "AutoRound"},
};

std::string UsualName(const std::string& method) {
  for (const KnownName& each : kNames) {
    if (each.hf == method) return std::string(each.usual);
  }
  // "bitsandbytes", "compressed-tensors" and what comes after us, without the quotation marks.
  const std::string quoted = formats::Quote(method);
  return quoted.substr(1, quoted.rfind('"') - 1);
}

bool IsTrue(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::optional<uint64_t> BitsIn(const json& object) {
  for (const char* key : {"bits", "w_bit", "wbits", "num_bits", "nbits"}) {
    const auto found = object.find(key);
    if (found != object.end() && found->is_number_unsigned()) return found->get<uint64_t>();
  }
  if (IsTrue(object, "load_in_4bit")) return 4;
  if (IsTrue(object, "load_in_8bit")) return 8;
  return std::nullopt;
}

/// compressed-tensors says its bits for groups of layers.
std::optional<uint64_t> BitsOfGroups(const json& words) {
  const auto groups = words.find("config_groups");
  if (groups == words.end() || !groups->is_object()) return std::nullopt;
  for (const json& group : *groups) {
    const auto weights = group.is_object() ? group.find("weights") : group.end();
    if (group.is_object() && weights != group.end() && weights->is_object()) {
      return BitsIn(*weights);
    }
  }
  return std::nullopt;
}

struct OwnKey {
  const char* key;
  const char* method;
};
// What only one method has, for words without "quant_method".
constexpr OwnKey kOwnKeys[] = {
    {"load_in_4bit", "bitsandbytes"},
    {"load_in_8bit", "bitsandbytes"},
    {"w_bit", "AWQ"},
    {"q_group_size", "AWQ"},
    {"desc_act", "GPTQ"},
    {"wbits", "GPTQ"},
    {"quant_algo", "ModelOpt"},
};

/// @param otherwise  the method where the words do not name one
Method MethodOf(const json& words, const char* otherwise) {
  Method method{otherwise, BitsIn(words)};
  if (!method.bits) method.bits = BitsOfGroups(words);
  const auto name = words.find("quant_method");
  if (name != words.end() && name->is_string()) {
    method.name = UsualName(name->get<std::string>());
  } else {
    for (const OwnKey& each : kOwnKeys) {
      if (words.contains(each.key)) method.name = each.method;
    }
  }
  if (method.name == "FP8" && !method.bits) method.bits = 8;
  return method;
}

const json* Object(const json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_object() && !found->empty() ? &*found : nullptr;
}

struct Beside {
  const char* file;
  const char* method;
};
// What writers of 2023 put beside a config.json that said nothing.
constexpr Beside kBeside[] = {{"quantize_config.json", "GPTQ"},
                              {"quant_config.json", "AWQ"},
                              {"hf_quant_config.json", "ModelOpt"}};

/// How a method's tensors are known. Of several marks in a folder the first of the list counts.
struct Mark {
  std::string_view suffix;
  std::string_view weight_type;  ///< how the type of the ".weight" beside it begins; or empty
  const char* method;
  uint64_t bits;  ///< 0: as the folder does not say
};
constexpr Mark kMarks[] = {
    {".quant_state.bitsandbytes__nf4", "", "bitsandbytes", 4},
    {".quant_state.bitsandbytes__fp4", "", "bitsandbytes", 4},
    {".absmax", "", "bitsandbytes", 4},
    {".SCB", "", "bitsandbytes", 8},
    {".weight._data", "", "Quanto", 0},
    {"._weight_qdata", "", "torchao", 0},
    {".W_q", "", "HQQ", 0},
    {".codebooks", "", "AQLM", 0},
    {".centroids.weight", "", "VPTQ", 0},
    {".weight_packed", "", "compressed-tensors", 0},
    {".weight_scale_2", "", "ModelOpt", 0},
    {".weight_scale_inv", "", "FP8", 8},
    {".weight_scale", "F8_", "FP8", 8},
    {".weight_scale", "", "compressed-tensors", 0},
    {".weight_scales", "", "EETQ", 8},
    {"_proj_blocks", "", "MXFP4", 4},
    {".g_idx", "", "GPTQ", 0},
    {".qweight", "", "GPTQ or AWQ", 0},
    {".scales", "U32", "MLX", 0},
    {".scales", "", "a method that config.json does not name", 0},
};

/// Every tensor's type by its name, as safetensors spells it. Towers may be quantized or not.
std::map<std::string_view, std::string_view> TypesOf(const formats::SafetensorsModel& weights) {
  std::map<std::string_view, std::string_view> types;
  for (const auto& tensor : weights.tensors()) {
    if (CompanionKind(tensor.name).empty()) types[tensor.name] = TraitsOf(tensor.view.type).name;
  }
  for (const auto& tensor : weights.unread()) {
    if (CompanionKind(tensor.name).empty()) types[tensor.name] = tensor.type;
  }
  return types;
}

}  // namespace

Status RefuseQuantized(const std::string& folder, const json& config) {
  // MLX copies have both, with the same words and without a method.
  if (const json* words = Object(config, "quantization")) {
    return Refuse(folder, MethodOf(*words, "MLX"));
  }
  for (const char* key : {"quantization_config", "compression_config"}) {
    if (const json* words = Object(config, key)) {
      return Refuse(folder, MethodOf(*words, "a method that config.json does not name"));
    }
  }
  for (const Beside& each : kBeside) {
    const std::string path = folder + "/" + each.file;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) continue;
    const auto words = formats::ReadJsonFile(path, formats::kWrittenByPython);
    const bool read = words.ok() && words.value().is_object();
    return Refuse(folder, read ? MethodOf(words.value(), each.method) : Method{each.method, {}});
  }
  return Status();
}

Status RefuseQuantizedTensors(const std::string& folder, const formats::SafetensorsModel& weights) {
  const auto types = TypesOf(weights);
  const auto is_marked = [&](std::string_view name, const Mark& mark) {
    if (!name.ends_with(mark.suffix)) return false;
    if (mark.weight_type.empty()) return true;
    name.remove_suffix(mark.suffix.size());
    const auto weight = types.find(std::string(name) + ".weight");
    return weight != types.end() && weight->second.starts_with(mark.weight_type);
  };
  for (const Mark& mark : kMarks) {
    for (const auto& each : types) {
      if (!is_marked(each.first, mark)) continue;
      return Refuse(folder, {mark.method, mark.bits == 0 ? std::nullopt : std::optional(mark.bits)},
                    " (it has a tensor " + formats::Quote(each.first) + ")");
    }
  }
  return Status();
}

}  // namespace altteul::model

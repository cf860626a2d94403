// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "plan/machine_rates.h"

namespace altteul::plan {
namespace {

using kernels::KvType;
using nlohmann::ordered_json;

constexpr int kFileVersion = 2;

}  // namespace

std::string MachineRatesToJson(const MachineRates& rates) {
  ordered_json out = {{"version", kFileVersion},
                      {"processor", rates.processor},
                      {"isa", rates.isa},
                      {"threads", rates.threads},
                      {"read_bytes_per_s", rates.read_bytes_per_s},
                      {"int8_ops_per_s", rates.peaks.int8_ops_per_s},
                      {"bf16_flops", rates.peaks.bf16_flops},
                      {"f32_flops", rates.peaks.f32_flops},
                      {"layer_seconds", rates.layer_seconds},
                      {"value_seconds", rates.value_seconds},
                      {"spread", rates.spread},
                      {"own_share", rates.load.own_share},
                      {"stolen_share", rates.load.stolen_share},
                      {"others_cores", rates.load.others_cores}};
  for (const TypeRate& rate : rates.types) {
    out["types"][std::string(TraitsOf(rate.type).name)] = {{"bytes_per_s", rate.bytes_per_s},
                                                           {"ops_per_s", rate.ops_per_s}};
  }
  for (const AttentionRate& rate : rates.attention) {
    out["attention"].push_back({{"kv", std::string(KvTypeName(rate.kv))},
                                {"head_dim", rate.head_dim},
                                {"bytes_per_s", rate.bytes_per_s},
                                {"ops_per_s", rate.ops_per_s}});
  }
  return out.dump(1) + "\n";
}

Result<MachineRates> ParseMachineRates(std::string_view text, const std::string& name) {
  const auto corrupt = [&name](const std::string& what) {
    return Status(ErrorCode::kCorruptFile, name + ": " + what);
  };
  const ordered_json file = ordered_json::parse(text, nullptr, false);
  if (!file.is_object()) return corrupt("is not a JSON object");
  try {  // the library throws for fields that are missing or of another type
    if (file.at("version").get<int>() != kFileVersion) return corrupt("is of another version");
    MachineRates rates;
    rates.processor = file.at("processor").get<std::string>();
    rates.isa = file.at("isa").get<std::string>();
    rates.threads = file.at("threads").get<int>();
    rates.read_bytes_per_s = file.at("read_bytes_per_s").get<double>();
    rates.peaks.int8_ops_per_s = file.at("int8_ops_per_s").get<double>();
    rates.peaks.bf16_flops = file.at("bf16_flops").get<double>();
    rates.peaks.f32_flops = file.at("f32_flops").get<double>();
    rates.layer_seconds = file.at("layer_seconds").get<double>();
    rates.value_seconds = file.at("value_seconds").get<double>();
    rates.spread = file.at("spread").get<double>();
    rates.load.own_share = file.at("own_share").get<double>();
    rates.load.stolen_share = file.at("stolen_share").get<double>();
    rates.load.others_cores = file.at("others_cores").get<double>();
    for (const auto& item : file.at("types").items()) {
      const auto type = DTypeFromName(item.key());
      if (!type) return corrupt("knows a type " + item.key());
      rates.types.push_back({*type, item.value().at("bytes_per_s").get<double>(),
                             item.value().at("ops_per_s").get<double>()});
    }
    for (const ordered_json& row : file.at("attention")) {
      const auto kv = std::find_if(
          std::begin(kMeasuredKv), std::end(kMeasuredKv),
          [&](KvType each) { return KvTypeName(each) == row.at("kv").get<std::string>(); });
      if (kv == std::end(kMeasuredKv)) return corrupt("knows another type of KV cache");
      rates.attention.push_back({*kv, row.at("head_dim").get<size_t>(),
                                 row.at("bytes_per_s").get<double>(),
                                 row.at("ops_per_s").get<double>()});
    }
    std::vector<double> positive = {rates.read_bytes_per_s, rates.spread,
                                    static_cast<double>(rates.threads)};
    for (const TypeRate& rate : rates.types) {
      positive.insert(positive.end(), {rate.bytes_per_s, rate.ops_per_s});
    }
    for (const AttentionRate& rate : rates.attention) {
      positive.insert(positive.end(),
                      {rate.bytes_per_s, rate.ops_per_s, static_cast<double>(rate.head_dim)});
    }
    const bool are_positive = std::all_of(positive.begin(), positive.end(), [](double value) {
      return value > 0 && std::isfinite(value);
    });
    if (!are_positive || rates.types.empty() || rates.attention.empty()) {
      return corrupt("has a rate that is no rate");
    }
    return rates;
  } catch (const ordered_json::exception& error) {
    return corrupt(error.what());
  }
}

}  // namespace altteul::plan

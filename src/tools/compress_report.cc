#include "tools/compress_report.h"

#include <cstdio>
#include <map>
#include <utility>
#include <vector>

#include "base/human_units.h"
#include "report/table.h"

namespace altteul::tools {
namespace {

using compress::PlannedTypes;
using compress::TypePlan;

std::string NameOf(DType type) { return std::string(TraitsOf(type).name); }

/// About twenty of the front's sizes, evenly spread over its steps; the first and the last among
/// them.
std::vector<PlannedTypes> Spread(const TypePlan& plan) {
  constexpr size_t kMost = 20;
  std::vector<PlannedTypes> front = plan.Front();
  if (front.size() <= kMost) return front;
  std::vector<PlannedTypes> some;
  for (size_t i = 0; i < kMost; ++i) {
    some.push_back(std::move(front[i * (front.size() - 1) / (kMost - 1)]));
  }
  return some;
}

}  // namespace

void PrintRecoded(const std::string& out, const compress::RecodeReport& report) {
  struct Sum {
    size_t count = 0;
    uint64_t from_bytes = 0, to_bytes = 0;
  };
  std::map<std::pair<std::string, std::string>, Sum> kinds;
  for (const auto& tensor : report.tensors) {
    Sum& sum = kinds[{NameOf(tensor.from) + " to " + NameOf(tensor.to), tensor.note}];
    ++sum.count;
    sum.from_bytes += tensor.from_bytes;
    sum.to_bytes += tensor.to_bytes;
  }
  report::Table table({"tensors", "change", "before", "after", "why"});
  for (const auto& kind : kinds) {
    table.AddRow({std::to_string(kind.second.count), kind.first.first,
                  FormatBytes(kind.second.from_bytes), FormatBytes(kind.second.to_bytes),
                  kind.first.second});
  }
  std::printf("%s\n%s: %s, %s bits a weight (before: %s, %s bits a weight)\n",
              table.ToString().c_str(), out.c_str(), FormatBytes(report.file_bytes).c_str(),
              FormatFixed(report.bits_per_weight, 2).c_str(),
              FormatBytes(report.source_bytes).c_str(),
              FormatFixed(report.source_bits_per_weight, 2).c_str());
}

nlohmann::ordered_json RecodedAsJson(const std::string& out, const compress::RecodeReport& report) {
  nlohmann::ordered_json json = {{"file", out},
                                 {"bytes", report.file_bytes},
                                 {"bits_per_weight", report.bits_per_weight},
                                 {"source_bytes", report.source_bytes},
                                 {"source_bits_per_weight", report.source_bits_per_weight}};
  for (const auto& tensor : report.tensors) {
    nlohmann::ordered_json row = {{"name", tensor.name},
                                  {"from", NameOf(tensor.from)},
                                  {"to", NameOf(tensor.to)},
                                  {"bytes", tensor.to_bytes}};
    if (!tensor.note.empty()) row["note"] = tensor.note;
    json["tensors"].push_back(std::move(row));
  }
  return json;
}

void PrintFront(const TypePlan& plan) {
  report::Table table({"file", "expected KL", "types"});
  for (const PlannedTypes& planned : Spread(plan)) {
    std::map<DType, size_t> counts;
    for (const DType type : planned.types) ++counts[type];
    std::string types;
    for (const auto& count : counts) {
      types +=
          (types.empty() ? "" : ", ") + std::to_string(count.second) + " " + NameOf(count.first);
    }
    table.AddRow({FormatBytes(planned.file_bytes), FormatFixed(planned.kl, 4), types});
  }
  std::printf("%s\n", table.ToString().c_str());
}

nlohmann::ordered_json FrontAsJson(const TypePlan& plan) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const PlannedTypes& planned : plan.Front()) {
    json.push_back({{"bytes", planned.file_bytes}, {"kld_expected", planned.kl}});
  }
  return json;
}

nlohmann::ordered_json SurveyAsJson(const TypePlan& plan, const PlannedTypes* chosen) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (size_t i = 0; i < plan.surveys().size(); ++i) {
    const compress::TensorSurvey& survey = plan.surveys()[i];
    nlohmann::ordered_json row = {{"name", survey.name}, {"measured", NameOf(survey.measured)}};
    if (chosen != nullptr) row["chosen"] = NameOf(chosen->types[i]);
    for (const compress::TypeCost& cost : survey.costs) {
      row["types"].push_back(
          {{"type", NameOf(cost.type)}, {"bytes", cost.bytes}, {"kld_expected", cost.kl}});
    }
    json.push_back(std::move(row));
  }
  return json;
}

nlohmann::ordered_json DivergenceAsJson(const eval::Divergence& divergence) {
  return {{"kld_mean", divergence.mean},
          {"kld_stderr", divergence.stderr_},
          {"kld_p99", divergence.p99},
          {"same_top", divergence.same_top}};
}

}  // namespace altteul::tools

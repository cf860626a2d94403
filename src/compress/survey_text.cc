// SPDX-License-Identifier: Apache-2.0

#include "compress/survey_text.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <type_traits>
#include <utility>

namespace altteul::compress {
namespace {

// %a: hexadecimal, exact.
std::string Exact(double value) {
  char text[64];
  std::snprintf(text, sizeof(text), "%a", value);
  return text;
}

template <typename T>
bool ReadNumber(std::istream& in, T& out) {
  std::string word;
  if (!(in >> word)) return false;
  char* end = nullptr;
  if constexpr (std::is_floating_point_v<T>) {
    out = std::strtod(word.c_str(), &end);
  } else {
    out = static_cast<T>(std::strtoull(word.c_str(), &end, 10));
  }
  return *end == '\0';
}

bool ReadType(std::istream& in, DType& out) {
  std::string word;
  in >> word;
  const auto type = DTypeFromName(word);
  if (type) out = *type;
  return type.has_value();
}

}  // namespace

// NAME\nSOURCE MEASURED INTERPOLATED COSTS\n, then TYPE BYTES ERROR KL\n for each.
std::string SurveysAsText(const std::vector<TensorSurvey>& surveys) {
  const auto name = [](DType type) { return std::string(TraitsOf(type).name); };
  std::string text;
  for (const TensorSurvey& survey : surveys) {
    text += survey.name + "\n" + name(survey.source) + " " + name(survey.measured) +
            (survey.interpolated ? " 1 " : " 0 ") + std::to_string(survey.costs.size()) + "\n";
    for (const TypeCost& cost : survey.costs) {
      text += name(cost.type) + " " + std::to_string(cost.bytes) + " " + Exact(cost.error) + " " +
              Exact(cost.kl) + "\n";
    }
  }
  return text;
}

std::optional<std::vector<TensorSurvey>> SurveysFromText(std::string_view text) {
  constexpr size_t kMostCosts = 1000;
  std::istringstream in{std::string(text)};
  std::vector<TensorSurvey> surveys;
  std::string name;
  while (std::getline(in, name)) {
    TensorSurvey survey;
    survey.name = name;
    size_t n_costs = 0;
    if (!ReadType(in, survey.source) || !ReadType(in, survey.measured)) return std::nullopt;
    if (!ReadNumber(in, survey.interpolated)) return std::nullopt;
    if (!ReadNumber(in, n_costs) || n_costs > kMostCosts) return std::nullopt;
    for (size_t i = 0; i < n_costs; ++i) {
      TypeCost cost;
      if (!ReadType(in, cost.type) || !ReadNumber(in, cost.bytes) || !ReadNumber(in, cost.error) ||
          !ReadNumber(in, cost.kl)) {
        return std::nullopt;
      }
      survey.costs.push_back(cost);
    }
    if (in.get() != '\n') return std::nullopt;
    surveys.push_back(std::move(survey));
  }
  return surveys;
}

}  // namespace altteul::compress

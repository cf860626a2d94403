// SPDX-License-Identifier: Apache-2.0

#include "tools/series_spec.h"

namespace altteul::tools {
namespace {

constexpr size_t kMostDigits = 9;

/// Takes the digits at the front of `text`; nothing when there are none, too many, or a zero first
/// (a name has one spelling).
std::optional<size_t> TakeNumber(std::string_view* text) {
  size_t value = 0;
  size_t digits = 0;
  while (digits < text->size() && (*text)[digits] >= '0' && (*text)[digits] <= '9') {
    if (digits == kMostDigits) return std::nullopt;
    value = value * 10 + static_cast<size_t>((*text)[digits] - '0');
    ++digits;
  }
  if (digits == 0 || (digits > 1 && text->front() == '0')) return std::nullopt;
  text->remove_prefix(digits);
  return value;
}

/// Takes `word` and the number behind it; false when the word is there and no number follows.
bool TakeOption(std::string_view word, std::string_view* text, size_t* value) {
  if (!text->starts_with(word)) return true;
  text->remove_prefix(word.size());
  const auto number = TakeNumber(text);
  if (number) *value = *number;
  return number.has_value();
}

}  // namespace

std::string SeriesSpec::Name() const {
  std::string name = (kind == Kind::kPrompt ? "pp" : "tg") + std::to_string(tokens);
  if (sequences != 1) name += "x" + std::to_string(sequences);
  if (depth != 0) name += "@d" + std::to_string(depth);
  return name;
}

std::optional<SeriesSpec> ParseSeriesName(std::string_view name) {
  SeriesSpec spec;
  if (name.starts_with("tg")) {
    spec.kind = SeriesSpec::Kind::kAnswer;
  } else if (!name.starts_with("pp")) {
    return std::nullopt;
  }
  name.remove_prefix(2);
  const auto tokens = TakeNumber(&name);
  if (!tokens) return std::nullopt;
  spec.tokens = *tokens;
  if (!TakeOption("x", &name, &spec.sequences) || !TakeOption("@d", &name, &spec.depth)) {
    return std::nullopt;
  }
  const bool senseless = spec.tokens == 0 || spec.sequences == 0 ||
                         (spec.kind == SeriesSpec::Kind::kPrompt && spec.sequences != 1);
  if (!name.empty() || senseless) return std::nullopt;
  return spec;
}

std::vector<SeriesSpec> PlanSeries(const SeriesRequest& request) {
  std::vector<SeriesSpec> specs;
  for (const size_t depth : request.depths) {
    if (request.n_prompt != 0) {
      specs.push_back(
          {.kind = SeriesSpec::Kind::kPrompt, .tokens = request.n_prompt, .depth = depth});
    }
    if (request.n_answer == 0) continue;
    for (const size_t batch : request.batches) {
      specs.push_back({.kind = SeriesSpec::Kind::kAnswer,
                       .tokens = request.n_answer,
                       .sequences = batch,
                       .depth = depth});
    }
  }
  return specs;
}

}  // namespace altteul::tools

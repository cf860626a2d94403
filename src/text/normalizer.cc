// SPDX-License-Identifier: Apache-2.0

#include "text/normalizer.h"

#include <utility>

#include "text/utf8.h"

namespace altteul::text {
namespace {

using Kind = NormalizeStep::Kind;

NormalForm FormOf(Kind kind) {
  switch (kind) {
    case Kind::kNfd:
      return NormalForm::kNfd;
    case Kind::kNfkc:
      return NormalForm::kNfkc;
    case Kind::kNfkd:
      return NormalForm::kNfkd;
    default:
      return NormalForm::kNfc;
  }
}

// A step may make a text longer, and the next one again: a file could ask for any amount of memory.
constexpr size_t kMaxGrowth = 32;
constexpr size_t kMaxGrowthBytes = 1 << 20;

}  // namespace

Result<Normalizer> Normalizer::Make(const std::vector<NormalizeStep>& steps) {
  Normalizer normalizer;
  for (const NormalizeStep& step : steps) {
    Step made{.step = step, .pattern = std::nullopt};
    if (step.kind == Kind::kReplace) {
      // One literal space is what nearly all files replace; it needs no care.
      const auto origin = step.pattern == " " ? Pattern::Origin::kOurs : Pattern::Origin::kFile;
      ALT_ASSIGN_OR_RETURN(made.pattern, Pattern::Compile(step.pattern, origin));
    }
    normalizer.steps_.push_back(std::move(made));
  }
  return normalizer;
}

Result<std::string> Normalizer::Replace(const Step& step, std::string_view text,
                                        Pattern::Scratch& scratch) {
  std::string result;
  result.reserve(text.size());
  std::vector<TextRange> matches;
  while (!text.empty()) {
    const std::string_view valid = text.substr(0, ValidPrefixLength(text));
    if (valid.empty()) {
      result.push_back(text.front());
      text.remove_prefix(1);
      continue;
    }
    matches.clear();
    ALT_RETURN_IF_ERROR(step.pattern->FindAll(valid, scratch, matches));
    size_t end = 0;
    for (const TextRange& match : matches) {
      result += valid.substr(end, match.begin - end);
      result += step.step.text;
      end = match.end;
    }
    result += valid.substr(end);
    text.remove_prefix(valid.size());
  }
  return result;
}

Result<std::string> Normalizer::Run(std::string_view text, Pattern::Scratch& scratch) const {
  std::string now(text);
  for (const Step& step : steps_) {
    if (step.step.kind == Kind::kPrepend) {
      if (!now.empty()) now.insert(0, step.step.text);
    } else {
      ALT_ASSIGN_OR_RETURN(now, step.step.kind == Kind::kReplace
                                    ? Replace(step, now, scratch)
                                    : NormalizeUnicode(now, FormOf(step.step.kind)));
    }
    if (now.size() / kMaxGrowth > text.size() + kMaxGrowthBytes) {
      return Status(ErrorCode::kInvalidArgument, "normalizing makes " + std::to_string(now.size()) +
                                                     " bytes of " + std::to_string(text.size()));
    }
  }
  return now;
}

}  // namespace altteul::text

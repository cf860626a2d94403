// SPDX-License-Identifier: Apache-2.0

#include "text/pre_tokenizer.h"

#include <utility>

#include "text/utf8.h"

namespace altteul::text {
namespace {

/// A stretch of text that a pattern matched, or that lies between two matches.
struct Stretch {
  TextRange range;
  bool is_match = false;
};

std::vector<Stretch> StretchesOf(size_t size, const std::vector<TextRange>& matches, bool invert) {
  std::vector<Stretch> stretches;
  size_t end = 0;
  for (const TextRange& match : matches) {
    if (match.begin > end) stretches.push_back({{end, match.begin}, invert});
    stretches.push_back({match, !invert});
    end = match.end;
  }
  if (end < size) stretches.push_back({{end, size}, invert});
  return stretches;
}

/// Joins stretches as the behaviour says. Stretches touch, so joining is moving an end.
std::vector<TextRange> Join(const std::vector<Stretch>& stretches, SplitBehavior behavior) {
  std::vector<TextRange> joined;
  bool previous_is_match = false;
  for (size_t i = 0; i < stretches.size(); ++i) {
    const Stretch& stretch = stretches[i];
    bool join = false;
    switch (behavior) {
      case SplitBehavior::kIsolated:
        break;
      case SplitBehavior::kRemoved:
        if (stretch.is_match) continue;
        break;
      case SplitBehavior::kMergedWithPrevious:
        join = stretch.is_match && !previous_is_match;
        break;
      case SplitBehavior::kMergedWithNext:
        join = !stretch.is_match && previous_is_match;
        break;
      case SplitBehavior::kContiguous:
        join = stretch.is_match == previous_is_match;
        break;
    }
    previous_is_match = stretch.is_match;
    if (join && !joined.empty()) {
      joined.back().end = stretch.range.end;
    } else {
      joined.push_back(stretch.range);
    }
  }
  return joined;
}

}  // namespace

Result<PreTokenizer> PreTokenizer::Make(const std::vector<PrePattern>& patterns) {
  constexpr size_t kMaxSteps = 64;  // published chains have at most six
  if (patterns.size() > kMaxSteps) {
    return Status(ErrorCode::kUnsupported, "a pre-tokenizer of " + std::to_string(patterns.size()) +
                                               " patterns, at most 64 are applied");
  }
  PreTokenizer result;
  for (const PrePattern& pattern : patterns) {
    Step step{.digits = DigitGroups::Of(pattern.pattern),
              .pattern = std::nullopt,
              .behavior = pattern.behavior,
              .invert = pattern.invert};
    if (!step.digits) {
      const bool published = IsPublishedPattern(pattern.pattern);
      ALT_ASSIGN_OR_RETURN(
          step.pattern,
          Pattern::Compile(published ? LinearForm(pattern.pattern) : pattern.pattern,
                           published ? Pattern::Origin::kOurs : Pattern::Origin::kFile));
    }
    result.steps_.push_back(std::move(step));
  }
  return result;
}

Status PreTokenizer::Apply(const Step& step, std::string_view text, Pattern::Scratch& scratch,
                           std::vector<std::string_view>& pieces) {
  std::vector<TextRange> matches;
  if (step.digits) {
    step.digits->FindAll(text, matches);
  } else {
    ALT_RETURN_IF_ERROR(step.pattern->FindAll(text, scratch, matches));
  }
  for (const TextRange& range :
       Join(StretchesOf(text.size(), matches, step.invert), step.behavior)) {
    if (range.size() > 0) pieces.push_back(text.substr(range.begin, range.size()));
  }
  return Status();
}

Status PreTokenizer::Split(std::string_view text, Pattern::Scratch& scratch,
                           std::vector<std::string_view>& pieces) const {
  if (steps_.empty()) {
    if (!text.empty()) pieces.push_back(text);
    return Status();
  }
  while (!text.empty()) {
    const size_t n_valid = ValidPrefixLength(text);
    std::vector<std::string_view> now;
    if (n_valid > 0) now.push_back(text.substr(0, n_valid));
    Status status;
    for (const Step& step : steps_) {
      std::vector<std::string_view> next;
      for (const std::string_view piece : now) {
        if (status.ok()) status = Apply(step, piece, scratch, next);
      }
      now = std::move(next);
    }
    ALT_RETURN_IF_ERROR(status);
    pieces.insert(pieces.end(), now.begin(), now.end());
    text.remove_prefix(n_valid);
    size_t n_invalid = 0;
    while (n_invalid < text.size() && CharacterLength(text.substr(n_invalid)) == 0) ++n_invalid;
    if (n_invalid > 0) pieces.push_back(text.substr(0, n_invalid));
    text.remove_prefix(n_invalid);
  }
  return Status();
}

}  // namespace altteul::text

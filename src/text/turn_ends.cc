// SPDX-License-Identifier: Apache-2.0

#include "text/turn_ends.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace altteul::text {
namespace {

// DeepSeek's, between full-width bars; cut in two, for "e" would be read as a digit.
constexpr std::string_view kEndOfSentence =
    "<\xEF\xBD\x9C"
    "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>";

constexpr std::string_view kTurnEnds[] = {
    "</s>",
    "<EOT>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|call|>",
    "<|calls|>",
    "<|end_of_text|>",
    "<|end_of_turn|>",
    "<|endoftext|>",
    "<|end|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|flush|>",
    "<|im_end|>",
    "<|return|>",
    "<|tool_response>",
    kEndOfSentence,
    "[EOS]",
    "[EOT]",
    "[e~[",
    "[|endofturn|]",
    "_<EOT>",
};

/// The tokens that decide what two of the texts mean.
struct Company {
  bool returns = false;
  bool calls = false;
  bool flushes = false;
  bool has_html = false;  ///< a vocabulary of Gemma or PLaMo, in which </s> ends struck out text

  bool EndsMessagesOnly() const { return calls && (returns || flushes); }
};

Company CompanyOf(const std::vector<std::string>& tokens) {
  Company company;
  for (const std::string& token : tokens) {
    if (token == "<|return|>") company.returns = true;
    if (token == "<|call|>" || token == "<|calls|>") company.calls = true;
    if (token == "<|flush|>") company.flushes = true;
    if (token == "<end_of_turn>" || token == "<turn|>" || token == "<|tool_response>" ||
        token == "<|plamo:eos|>") {
      company.has_html = true;
    }
  }
  return company;
}

void SayMended(const TokenizerSpec& spec, const std::vector<TokenId>& mended, const LogSink& log) {
  if (mended.empty() || !log) return;
  constexpr size_t kNamed = 4;
  std::string names;
  for (size_t i = 0; i < std::min(kNamed, mended.size()); ++i) {
    names += (i > 0 ? ", " : "") + spec.tokens[static_cast<size_t>(mended[i])];
  }
  if (mended.size() > kNamed) names += " and others";
  log(LogLevel::kWarning,
      "the file does not mark " + names +
          " as control, but such a text ends a turn or a message and is taken so");
}

}  // namespace

bool IsTurnEnd(std::string_view token) {
  return std::find(std::begin(kTurnEnds), std::end(kTurnEnds), token) != std::end(kTurnEnds);
}

void MarkTurnEnds(TokenizerSpec& spec, const LogSink& log) {
  std::vector<TokenId>& ends = spec.end_of_turn;
  const Company company = CompanyOf(spec.tokens);
  std::vector<TokenId> mended;
  for (size_t at = 0; at < spec.tokens.size(); ++at) {
    const std::string& token = spec.tokens[at];
    const auto id = static_cast<TokenId>(at);
    if (!IsTurnEnd(token)) continue;
    if (token == "</s>" && company.has_html) continue;
    if (token == "<|end|>" && company.EndsMessagesOnly()) {
      // Files of this format name it as the end of a turn all the same.
      ends.erase(std::remove(ends.begin(), ends.end(), id), ends.end());
    } else {
      ends.push_back(id);
    }
    if (spec.kinds[at] == TokenKind::kControl) continue;
    spec.kinds[at] = TokenKind::kControl;
    mended.push_back(id);
  }
  if (spec.eos) ends.push_back(*spec.eos);
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  SayMended(spec, mended, log);
}

}  // namespace altteul::text

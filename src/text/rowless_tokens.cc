// SPDX-License-Identifier: Apache-2.0

#include "text/rowless_tokens.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace altteul::text {
namespace {

/// The parts of "left right"; nothing for the second where there is no space.
std::pair<std::string_view, std::string_view> PartsOf(std::string_view merge) {
  const size_t space = merge.find(' ', 1);
  if (space == merge.npos) return {merge, {}};
  return {merge.substr(0, space), merge.substr(space + 1)};
}

}  // namespace

void ForgetRowlessTokens(TokenizerSpec& spec, size_t n_rows, const LogSink& log) {
  const size_t n_tokens = spec.tokens.size();
  if (n_tokens <= n_rows) return;
  const auto rowless = [&](TokenId id) { return static_cast<size_t>(id) >= n_rows; };

  const auto first = spec.tokens.begin() + static_cast<std::ptrdiff_t>(n_rows);
  const std::unordered_set<std::string> kept(spec.tokens.begin(), first);
  std::unordered_set<std::string> gone;
  for (auto token = first; token != spec.tokens.end(); ++token) {
    if (kept.count(*token) == 0) gone.insert(*token);
  }
  const auto speaks_of_gone = [&](std::string_view left, std::string_view right) {
    std::string both(left);
    both += right;
    return gone.count(std::string(left)) != 0 || gone.count(std::string(right)) != 0 ||
           gone.count(both) != 0;
  };
  const auto erase_if = [](auto& list, const auto& leaves) {
    list.erase(std::remove_if(list.begin(), list.end(), leaves), list.end());
  };
  erase_if(spec.merges, [&](const std::string& merge) {
    const auto parts = PartsOf(merge);
    return speaks_of_gone(parts.first, parts.second);
  });
  erase_if(spec.merge_ids, [&](const std::pair<TokenId, TokenId>& merge) {
    return rowless(merge.first) || rowless(merge.second) ||
           speaks_of_gone(spec.tokens[static_cast<size_t>(merge.first)],
                          spec.tokens[static_cast<size_t>(merge.second)]);
  });
  erase_if(spec.added, [&](const AddedToken& token) { return rowless(token.id); });
  erase_if(spec.end_of_turn, rowless);
  for (std::optional<TokenId>* id : {&spec.bos, &spec.eos, &spec.unk, &spec.pad}) {
    if (*id && rowless(**id)) id->reset();
  }
  if (log) {
    log(LogLevel::kWarning,
        "the tokenizer has " + std::to_string(n_tokens) + " tokens, but the embedding only " +
            std::to_string(n_rows) + " rows: \"" + first->substr(0, 80) + "\"" +
            (n_tokens - n_rows > 1 ? " and all behind it are" : " is") + " never used");
  }
  spec.tokens.resize(n_rows);
  spec.kinds.resize(std::min(spec.kinds.size(), n_rows));
  if (spec.scores.size() > n_rows) spec.scores.resize(n_rows);
}

}  // namespace altteul::text

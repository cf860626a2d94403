// SPDX-License-Identifier: Apache-2.0

#include "text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "text/bpe_merger.h"
#include "text/utf8.h"

namespace altteul::text {
namespace {

constexpr size_t kMaxAddedTokenBytes = 1024;

bool Touches(const TextRange& range, std::span<const TextRange> plain) {
  // The first plain range that ends after this one begins is the only one that need be asked.
  const auto after =
      std::upper_bound(plain.begin(), plain.end(), range.begin,
                       [](size_t begin, const TextRange& p) { return begin < p.end; });
  return after != plain.end() && after->begin < range.end;
}

bool EndsWithWord(std::string_view text) {
  const size_t length = LastCharacterLength(text);
  return length > 0 && IsWordCharacter(CodePointAt(text.substr(text.size() - length)));
}

bool BeginsWithWord(std::string_view text) {
  return CharacterLength(text) > 0 && IsWordCharacter(CodePointAt(text));
}

/// `range` with the whitespace that the token asks for, but nothing before `low`.
TextRange Widen(std::string_view text, TextRange range, size_t low, const AddedToken& token) {
  while (token.lstrip && range.begin > low) {
    const std::string_view before = text.substr(low, range.begin - low);
    const size_t length = LastCharacterLength(before);
    if (length == 0 || !IsWhitespace(CodePointAt(before.substr(before.size() - length)))) break;
    range.begin -= length;
  }
  while (token.rstrip && range.end < text.size()) {
    const std::string_view rest = text.substr(range.end);
    const size_t length = CharacterLength(rest);
    if (length == 0 || !IsWhitespace(CodePointAt(rest))) break;
    range.end += length;
  }
  return range;
}

}  // namespace

Result<AddedTokenMatcher> AddedTokenMatcher::Make(std::vector<Entry> entries) {
  AddedTokenMatcher matcher;
  for (Entry& entry : entries) {
    if (entry.text.size() > kMaxAddedTokenBytes) {
      return Status(ErrorCode::kCorruptFile, "added token " + std::to_string(entry.token.id) +
                                                 " has " + std::to_string(entry.text.size()) +
                                                 " bytes, at most 1024 are allowed");
    }
    if (!entry.text.empty()) matcher.entries_.push_back(std::move(entry));
  }
  // Of two with the same text the lower id wins, so it must come first and stay.
  std::sort(matcher.entries_.begin(), matcher.entries_.end(), [](const Entry& a, const Entry& b) {
    return a.text != b.text ? a.text < b.text : a.token.id < b.token.id;
  });
  matcher.entries_.erase(
      std::unique(matcher.entries_.begin(), matcher.entries_.end(),
                  [](const Entry& a, const Entry& b) { return a.text == b.text; }),
      matcher.entries_.end());
  size_t next = 0;
  for (size_t byte = 0; byte < 256; ++byte) {
    matcher.first_[byte] = static_cast<uint32_t>(next);
    while (next < matcher.entries_.size() &&
           static_cast<uint8_t>(matcher.entries_[next].text[0]) == byte) {
      ++next;
    }
  }
  matcher.first_[256] = static_cast<uint32_t>(next);
  return matcher;
}

const AddedTokenMatcher::Entry* AddedTokenMatcher::Longest(std::string_view text, size_t at,
                                                           bool parse_special,
                                                           std::span<const TextRange> plain) const {
  const auto first_byte = static_cast<uint8_t>(text[at]);
  auto low = entries_.begin() + first_[first_byte];
  auto high = entries_.begin() + first_[first_byte + 1u];
  const Entry* longest = nullptr;
  // Entries are sorted, so those that agree with the text's next bytes are a shrinking range, and
  // one that ends here is the first of it.
  for (size_t depth = 1; low != high; ++depth) {
    if (low->text.size() == depth) {
      const bool allowed =
          !low->control || (parse_special && !Touches(TextRange{at, at + depth}, plain));
      if (allowed) longest = &*low;
      ++low;
    }
    if (low == high || at + depth == text.size()) break;
    const auto byte = static_cast<uint8_t>(text[at + depth]);
    const auto before = [depth](const Entry& entry, uint8_t b) {
      return static_cast<uint8_t>(entry.text[depth]) < b;
    };
    const auto after = [depth](uint8_t b, const Entry& entry) {
      return b < static_cast<uint8_t>(entry.text[depth]);
    };
    low = std::lower_bound(low, high, byte, before);
    high = std::upper_bound(low, high, byte, after);
  }
  return longest;
}

void AddedTokenMatcher::Split(std::string_view text, bool parse_special,
                              std::span<const TextRange> plain, std::vector<Part>& parts) const {
  size_t end = 0;  // of what has been handed out
  size_t at = 0;
  while (at < text.size() && !entries_.empty()) {
    const Entry* entry = Longest(text, at, parse_special, plain);
    if (entry == nullptr) {
      ++at;
      continue;
    }
    const TextRange found{at, at + entry->text.size()};
    at = found.end;
    if (entry->token.single_word &&
        (EndsWithWord(text.substr(0, found.begin)) || BeginsWithWord(text.substr(found.end)))) {
      continue;
    }
    const TextRange range = Widen(text, found, end, entry->token);
    if (range.begin > end) parts.push_back(Part{{end, range.begin}, kNoToken});
    parts.push_back(Part{range, entry->token.id});
    at = end = range.end;
  }
  if (end < text.size()) parts.push_back(Part{{end, text.size()}, kNoToken});
}

}  // namespace altteul::text

// SPDX-License-Identifier: Apache-2.0

#include "text/digit_groups.h"

#include "text/published_patterns.h"
#include "text/utf8.h"

namespace altteul::text {
namespace {

/// What `\b` takes for a part of a word in Oniguruma, the engine of the models' own tokenizer: also
/// Latin-1's raised digits and fractions, and letters in circles and squares.
bool GoesOnAWord(char32_t c) {
  return IsWordCharacter(c) || c == 0xB2 || c == 0xB3 || c == 0xB9 || (c >= 0xBC && c <= 0xBE) ||
         (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
         (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

}  // namespace

std::optional<DigitGroups> DigitGroups::Of(std::string_view pattern) {
  if (pattern == published::kThousands) return DigitGroups(Kind::kNumbers);
  if (pattern == published::kThousandsOfWords) return DigitGroups(Kind::kWords);
  if (pattern == published::kThousandsMarks) return DigitGroups(Kind::kMarks);
  return std::nullopt;
}

void DigitGroups::FindAll(std::string_view text, std::vector<TextRange>& matches) const {
  std::vector<size_t> digits;  // where each begins; at last where the number ends
  for (size_t at = 0; at < text.size();) {
    digits.clear();
    char32_t next = 0;
    while (at < text.size()) {
      next = CodePointAt(text.substr(at));
      if (kind_ == Kind::kNumbers ? !IsNumber(next) : !IsDecimalDigit(next)) break;
      digits.push_back(at);
      at += CharacterLength(text.substr(at));
      next = 0;
    }
    const size_t n = digits.size();
    digits.push_back(at);
    const bool cut = n > 0 && (kind_ != Kind::kWords || !GoesOnAWord(next));
    for (size_t i = 0; cut && i < n;) {
      const size_t to_next = i == 0 && n % 3 != 0 ? n % 3 : 3;
      if (kind_ != Kind::kMarks) {
        matches.push_back(TextRange{digits[i], digits[i + to_next]});
      } else if ((n - i) % 3 == 0) {
        matches.push_back(TextRange{digits[i], digits[i]});
      }
      i += to_next;
    }
    if (at < text.size()) at += CharacterLength(text.substr(at));
  }
}

}  // namespace altteul::text

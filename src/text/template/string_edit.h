// SPDX-License-Identifier: Apache-2.0

// Edits of strings that keep the origin of each byte: split, replace, join, case.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "text/template/value.h"

namespace altteul::text::jinja {

/// str.split / str.rsplit. No separator: any space. Negative limit: no limit.
Result<Value> SplitText(Heap& heap, const OriginText& text,
                        std::optional<std::string_view> separator, int64_t limit, bool from_right);
Result<Value> SplitTextLines(Heap& heap, const OriginText& text, bool keep_ends);

/// str.replace. Negative limit: no limit.
Result<Value> ReplaceText(Heap& heap, const OriginText& text, std::string_view from,
                          const OriginText& to, int64_t limit);

/// The items as str() gives them, with `separator` between.
Result<Value> JoinTexts(Heap& heap, const std::vector<Value>& items, const OriginText& separator);

enum class Case : uint8_t {
  kUpper,
  kLower,
  kCapital,     ///< the first upper, the others lower
  kTitle,       ///< str.title: a letter after a non-letter is upper
  kTitleWords,  ///< Jinja's title filter: what follows a space or one of - ( { [ < is upper
};
Result<Value> ChangeCase(Heap& heap, const OriginText& text, Case to);

/// str.isupper / str.islower.
bool HasOneCase(std::string_view bytes, bool upper);

}  // namespace altteul::text::jinja

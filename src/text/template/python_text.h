// SPDX-License-Identifier: Apache-2.0

// Values as text: Python's str() and repr(), and JSON as json.dumps() writes it.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "text/template/value.h"

namespace altteul::text::jinja {

/// repr() of a string: quotes chosen and characters escaped as Python does.
void AppendQuoted(std::string& out, std::string_view bytes);
/// repr() of a float: the shortest digits that read back, "1.0", "1e+16", "inf", "nan".
std::string FloatText(double value);

/// str(). Keeps the origins of a string; everything else counts as written by a value.
Result<OriginText> ToText(Heap& heap, const Value& value);
/// repr().
Result<std::string> Repr(Heap& heap, const Value& value);

struct JsonOptions {
  bool ensure_ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent;  ///< one level's
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
/// json.dumps(). @return kInvalidArgument for what JSON cannot hold
Result<std::string> ToJson(Heap& heap, const Value& value, const JsonOptions& options);

}  // namespace altteul::text::jinja

// SPDX-License-Identifier: Apache-2.0

// JSON documents as values of the interpreter.

#pragma once

#include <cstdint>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/status.h"
#include "text/template/value.h"

namespace altteul::text::jinja {

/// Where a document comes from.
enum class JsonSource : uint8_t {
  kToken,    ///< the model's own special token: counts as written by the template
  kContext,  ///< given to the template: a message's role counts as written by the template too
  kText,     ///< read by the template itself: all counts as values
};

/// Every string with its origin. @return kInvalidArgument for integers beyond 64 bits, kRefused
Result<Value> ValueOfJson(Heap& heap, const nlohmann::ordered_json& json, JsonSource source);

/// json.loads(). @return kInvalidArgument where the text is no JSON
Result<Value> ParseJsonText(Heap& heap, std::string_view text);

}  // namespace altteul::text::jinja

// SPDX-License-Identifier: Apache-2.0

// The parts of tokenizer.json that say how text becomes pieces and pieces become text again:
// normalizer, pre_tokenizer, decoder, post_processor. Each is a component with a "type", or a
// Sequence of them; one that is not known is refused by its name.

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/status.h"
#include "text/tokenizer.h"

namespace altteul::text {

/// The member `key` of an object; null when it is absent, JSON's null, or `object` is no object.
const nlohmann::json* JsonMember(const nlohmann::json& object, const char* key);

/// A member that must be a boolean where it is given.
Result<bool> JsonBool(const nlohmann::json& object, const char* key, bool absent);

/// A member that must be a string where it is given.
Result<std::string> JsonString(const nlohmann::json& object, const char* key,
                               std::string_view absent);

/// Each adds to `spec` what its component asks for. The order of calls is that of the file.
Status ReadNormalizer(const nlohmann::json& component, TokenizerSpec& spec);
Status ReadPreTokenizer(const nlohmann::json& component, TokenizerSpec& spec);
Status ReadDecoder(const nlohmann::json& component, TokenizerSpec& spec);

/// The tokens a post_processor puts around a text, by their texts; "" for none.
struct AroundText {
  std::string before;
  std::string after;
};
Status ReadPostProcessor(const nlohmann::json& component, AroundText& around);

}  // namespace altteul::text

// SPDX-License-Identifier: Apache-2.0

// What a model brings for a chat: its template, and what else its owner set beside it. Where that
// is found is no business of text.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace altteul::text {

struct ChatSource {
  std::string chat_template = {};      ///< Jinja; empty: the model has none
  std::string system = {};             ///< where a chat has no system message; may be empty
  std::vector<std::string> stop = {};  ///< texts that end an answer
};

/// Whether two templates write conversations alike: with and without a system message, and with an
/// answer in between. A token that begins the text does not count: some templates write it, for
/// others whoever encodes the text adds it. False where one of them is no template.
bool WriteAlike(std::string_view a, std::string_view b);

}  // namespace altteul::text

// SPDX-License-Identifier: Apache-2.0

// What a model says of its licence: in a GGUF file's metadata, or at the head of the card in a
// folder and in the file beside it. People write the head by hand, so all forms of YAML that are
// met there are read: words, quoted ones, lists of both kinds, texts folded over lines, comments.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/checkpoint.h"

namespace altteul::tools {

struct CardLicense {
  std::vector<std::string> ids;  ///< as the source has them, mostly one identifier; may be empty
  std::string name;              ///< of one that hubs do not know ("llama3.2"); may be empty
  std::string link;              ///< to its text, often relative to the repository; may be empty
  std::string text;              ///< of the folder's LICENSE, in UTF-8; may be empty
  bool is_cut = false;           ///< there is more of the text
  bool is_mended = false;        ///< bytes that were no UTF-8 became U+FFFD

  bool IsStated() const { return !ids.empty() || !name.empty() || !link.empty() || !text.empty(); }
};

CardLicense LicenseOf(const model::Checkpoint& source);

/// The values of a key at the top level of the YAML between the "---" at the head of a card; those
/// of a list one by one. None where there is no head or no such key.
std::vector<std::string> CardValues(std::string_view card, std::string_view key);

/// A licence's text as a page can have it. @param most_bytes  of it that are kept, whole lines
void TakeText(std::string text, size_t most_bytes, CardLicense* license);

/// The first `most_bytes` of a file; empty when it cannot be read.
std::string ReadBeginning(const std::string& path, size_t most_bytes);

}  // namespace altteul::tools

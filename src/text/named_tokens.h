// SPDX-License-Identifier: Apache-2.0

// The tokens that stand beside a tokenizer.json: in tokenizer_config.json, and in older folders in
// special_tokens_map.json and added_tokens.json. They are added to the vocabulary in the order in
// which transformers' fast tokenizers add them, because the order decides about ids.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/sinks.h"
#include "base/status.h"
#include "text/added_vocabulary.h"
#include "text/tokenizer.h"

namespace altteul::text {

/// A token with a role: "bos_token", "image_token".
struct NamedToken {
  std::string role;
  DeclaredToken token;
  bool is_text_only = false;  ///< the file gives no flags
};

struct NamedTokens {
  std::map<int64_t, DeclaredToken> declared;  ///< by the ids they are written with: for the order
  bool is_older =
      false;  ///< without added_tokens_decoder: what tokenizer.json adds is declared too
  std::vector<NamedToken> named;     ///< in transformers' order
  std::vector<NamedToken> nameless;  ///< additional_special_tokens
  std::optional<bool> add_bos;
  std::optional<bool> add_eos;

  const NamedToken* Find(const std::string& role) const;
};

/// @param log  hears of values that are no tokens and are ignored
/// @return kCorruptFile for what is no JSON
Result<NamedTokens> ReadNamedTokens(const TokenizerFolder& folder, const LogSink& log);

/// Adds them all. Those that are new and for which the embedding has no row are left out.
/// @param n_rows  rows of the embedding; 0: none beyond the vocabulary
/// @param log     hears of what is left out
void AddNamedTokens(const NamedTokens& tokens, size_t n_rows, AddedVocabulary& vocabulary,
                    const LogSink& log);

}  // namespace altteul::text

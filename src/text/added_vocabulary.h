// SPDX-License-Identifier: Apache-2.0

// The vocabulary of a tokenizer.json with the tokens that were added to it, as the Hugging Face
// library `tokenizers` counts them: an added token keeps the id of the same text, else it gets the
// next one. The ids that files write beside added tokens do not decide; models were trained with
// these.

#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/sinks.h"
#include "base/status.h"
#include "text/tokenizer.h"

namespace altteul::text {

/// An added token as files describe it.
struct DeclaredToken {
  std::string content;
  bool special = false;  ///< a control token
  bool lstrip = false;
  bool rstrip = false;
  bool single_word = false;
  std::optional<bool> normalized = {};  ///< nothing: unless it is special
};

class AddedVocabulary {
 public:
  using ByText = std::unordered_map<std::string, TokenId>;

  /// @param model  model.vocab; ids are not below 0, and few are left out
  explicit AddedVocabulary(ByText model) : by_text_(std::move(model)), n_model_(by_text_.size()) {}

  /// The id of a text of the model or an added one.
  std::optional<TokenId> Find(const std::string& text) const;
  const ByText& by_text() const { return by_text_; }
  bool IsAdded(const std::string& text) const;
  std::map<TokenId, DeclaredToken> added() const;

  /// The id that the next new text gets.
  size_t next_id() const { return std::max(n_model_, n_below_added_); }

  /// Adds a token, or gives one that is there already these flags.
  /// @pre content is not empty, next_id() is a TokenId
  TokenId Add(const DeclaredToken& token);

  /// Lays all tokens out by id: tokens, kinds and added of `spec`. Ids without a token are left as
  /// unused: the model may have rows for them.
  /// @param log  hears of an added token that takes the id of another
  /// @return kCorruptFile for two texts of the model with one id
  Status LayOut(TokenizerSpec& spec, const LogSink& log) const;

 private:
  struct Entry {
    DeclaredToken token;              // as it was added last
    bool is_raw = false;              // looked for in the raw text,
    bool is_normalized = false;       // in the normalized text
    bool is_letter_of_model = false;  // of one character, and in model.vocab
  };

  ByText by_text_;
  size_t n_model_;
  size_t n_below_added_ = 0;  // the highest id of an added token, and one
  std::map<TokenId, Entry> added_;
};

}  // namespace altteul::text

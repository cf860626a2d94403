// SPDX-License-Identifier: Apache-2.0

// A TokenizerSpec after it was proved: what encoding and decoding look things up in.

#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "text/added_tokens.h"
#include "text/bpe_merger.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"

namespace altteul::text {

struct TokenizerTables {
  /// @return kCorruptFile when the tables contradict themselves, kUnsupported for a pre-tokenizer
  ///         that is not known
  static Result<std::unique_ptr<TokenizerTables>> Make(TokenizerSpec spec, const LogSink& log);

  /// The token that text is merged into; kNoToken when there is none. Control tokens and byte
  /// tokens are not text: they cannot be written by merging.
  TokenId FindText(std::string_view text) const {
    const auto found = texts.find(text);
    return found == texts.end() ? kNoToken : found->second;
  }

  TokenizerSpec spec;
  std::vector<std::string> bytes;        ///< [tokens] what Decode writes
  std::vector<std::string> merge_texts;  ///< [tokens] what pieces are compared with
  MergeRules::Texts texts;               ///< merge_texts -> id; views into merge_texts
  std::array<TokenId, 256> byte_ids{};   ///< byte tokens (SentencePiece), or kNoToken
  bool unknown_is_used = false;          ///< characters without a token become spec.unk
  MergeRules rules;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  AddedTokenMatcher raw_tokens;
  AddedTokenMatcher normalized_tokens;

  TokenizerTables() = default;
  TokenizerTables(const TokenizerTables&) = delete;  // texts and rules point into it
  TokenizerTables& operator=(const TokenizerTables&) = delete;

 private:
  Status Prove() const;
  Status FillTexts();
  Status FillMerges(const LogSink& log);
  void NameMerges(const LogSink& log);
  Status FillSteps();
  Status FillAddedTokens();
};

}  // namespace altteul::text

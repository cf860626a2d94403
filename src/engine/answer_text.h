// SPDX-License-Identifier: Apache-2.0

// Tokens of an answer to text, shown as it becomes certain: never half a character, never a part of
// a stop text.

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/stop_filter.h"
#include "text/tokenizer.h"

namespace altteul::engine {

/// Gets text as it becomes certain, often none; false ends the answer.
using ShowText = std::function<bool(std::string_view)>;

class AnswerText {
 public:
  /// @param tokenizer  must outlive the result
  /// @param stops      texts that end the answer
  /// @param show       may be empty
  AnswerText(const text::Tokenizer& tokenizer, const std::vector<std::string>& stops, ShowText show)
      : tokenizer_(&tokenizer), decoder_(tokenizer), filter_(stops), show_(std::move(show)) {}

  /// False: whoever reads it wants no more.
  bool Push(text::TokenId id);
  /// A token that is not shown, but may be stopped at.
  bool PushHidden(text::TokenId id) {
    return Emit(filter_.PushHidden(tokenizer_->TokenBytes(id, true)));
  }
  /// Shows what was held back.
  void Finish();

  bool stopped() const { return filter_.stopped(); }
  const std::string& all() const { return all_; }

 private:
  bool Emit(const std::string& piece) {
    all_ += piece;
    return !show_ || show_(piece);
  }

  const text::Tokenizer* tokenizer_;
  text::StreamDecoder decoder_;
  StopFilter filter_;
  ShowText show_;
  std::string all_;
};

}  // namespace altteul::engine

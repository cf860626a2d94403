// SPDX-License-Identifier: Apache-2.0

#include "engine/answer_text.h"

namespace altteul::engine {

bool AnswerText::Push(text::TokenId id) {
  // Control and unknown tokens today; what else a tokenizer keeps to itself is hidden too.
  if (tokenizer_->TokenBytes(id, false).empty()) return PushHidden(id);
  return Emit(filter_.Push(decoder_.Push(id)));
}

void AnswerText::Finish() {
  if (filter_.stopped()) return;
  // One after the other: operands of + are evaluated in any order.
  std::string rest = filter_.Push(decoder_.Finish());
  rest += filter_.Finish();
  Emit(rest);
}

}  // namespace altteul::engine

// SPDX-License-Identifier: Apache-2.0

#include "text/tokenizer.h"
#include "text/utf8.h"

namespace altteul::text {

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool show_special)
    : tokenizer_(tokenizer), show_special_(show_special) {}

std::string StreamDecoder::Push(TokenId id) {
  std::string bytes = tokenizer_.TokenBytes(id, show_special_);
  if (first_ && !bytes.empty() && !tokenizer_.IsSpecial(id)) {
    if (tokenizer_.spec().strip_first_space && bytes.front() == ' ') bytes.erase(0, 1);
    first_ = false;
  }
  held_ += bytes;
  const size_t tail = IncompleteTailLength(held_);
  std::string shown = held_.substr(0, held_.size() - tail);
  held_.erase(0, shown.size());
  return shown;
}

std::string StreamDecoder::Finish() {
  std::string shown;
  shown.swap(held_);
  first_ = true;
  return shown;
}

}  // namespace altteul::text

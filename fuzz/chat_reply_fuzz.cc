// SPDX-License-Identifier: Apache-2.0

// Whatever a server answers is refused or yields a text; a letter read from it is one of those
// asked for.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "eval/endpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace altteul::eval;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto reply = ParseChatReply(body);
  for (const size_t n : {size_t{2}, kMostChoices}) {
    const auto of_body = ParseLetter(body, n);
    if (of_body && *of_body >= n) std::abort();
    if (!reply.ok()) continue;
    const auto of_text = ParseLetter(reply.value().text, n);
    if (of_text && *of_text >= n) std::abort();
  }
  if (NormalizedAnswer(body).find('\n') != std::string_view::npos) std::abort();
  return 0;
}

// SPDX-License-Identifier: Apache-2.0

// Any bytes may be refused as a tokenizer.json; none may crash or hang, and what is accepted must
// make a tokenizer that can be used, or be refused there. The same in GGUF's words.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "text/gguf_words.h"
#include "text/rowless_tokens.h"
#include "text/tokenizer.h"

namespace {

void Use(altteul::text::TokenizerSpec spec) {
  auto made = altteul::text::MakeTokenizer(std::move(spec));
  if (!made.ok()) return;
  const altteul::text::Tokenizer& tokenizer = *made.value();
  for (const bool parse_special : {false, true}) {
    size_t n_dropped = 0;
    auto ids = tokenizer.Encode(
        "ab <s>a\xED\x95\x9C 12  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xFF",
        {.parse_special = parse_special, .add_bos_eos = true, .n_dropped_bytes = &n_dropped});
    if (!ids.ok()) continue;
    for (const auto id : ids.value()) {
      if (id < 0 || static_cast<size_t>(id) >= tokenizer.vocabulary()) std::abort();
    }
    (void)tokenizer.Decode(ids.value(), true);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view all(reinterpret_cast<const char*>(data), size);
  // Up to six files, one after the other, with a zero byte between.
  std::string_view files[6];
  for (std::string_view& file : files) {
    file = all.substr(0, all.find('\0'));
    all.remove_prefix(file.size() < all.size() ? file.size() + 1 : all.size());
  }
  constexpr size_t kRows = 300;  // so that some named tokens get a row, and some none
  auto spec = altteul::text::ParseTokenizerJson(
      {files[0], files[1], files[2], files[3], files[4], files[5], kRows});
  if (!spec.ok()) return 0;
  if (auto words = altteul::text::InGgufWords(spec.value()); words.ok()) {
    if (words.value().explicit_steps) std::abort();
    Use(std::move(words).value());
  }
  altteul::text::TokenizerSpec half = spec.value();
  altteul::text::ForgetRowlessTokens(half, half.tokens.size() / 2, {});
  Use(std::move(half));
  Use(std::move(spec).value());
  return 0;
}

// SPDX-License-Identifier: Apache-2.0

// A tokenizer whose steps a file spelled out (tokenizer.json), in the words that GGUF has for it: a
// pre-tokenizer's name beside a list of merges, or scores beside pieces.

#pragma once

#include "base/status.h"
#include "text/tokenizer.h"

namespace altteul::text {

/// The spec that a reader of a GGUF file would make: `explicit_steps` is off, byte-level models
/// have `pre_tokenizer` and `merges`, SentencePiece-type ones `scores` and `add_space_prefix`. Ids
/// that have no token get a text of their own. Any text becomes the same ids, except for what GGUF
/// cannot say (docs/formats/tokenizers.md): normal form NFC, flags of added tokens, and a prefix
/// before the very first word only.
/// @return kUnsupported, naming the step, for a tokenizer that would cut or merge otherwise
Result<TokenizerSpec> InGgufWords(TokenizerSpec spec);

}  // namespace altteul::text

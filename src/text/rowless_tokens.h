// SPDX-License-Identifier: Apache-2.0

// Tokens for which a model has no row in its embedding: added to a tokenizer (a padding token, more
// control tokens) after which nobody resized the model.

#pragma once

#include <cstddef>

#include "base/sinks.h"
#include "text/tokenizer.h"

namespace altteul::text {

/// Leaves of `spec` the first `n_rows` tokens, and forgets all that speaks of the others: merges,
/// special ids, ends. No text becomes such an id then; theirs is spelled out like any other. The
/// log hears how many there were.
void ForgetRowlessTokens(TokenizerSpec& spec, size_t n_rows, const LogSink& log);

}  // namespace altteul::text

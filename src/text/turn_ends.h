// SPDX-License-Identifier: Apache-2.0

// Tokens that end a turn in the published families although their files name only one as eos.

#pragma once

#include "base/sinks.h"
#include "text/tokenizer.h"

namespace altteul::text {

/// Makes spec.end_of_turn whole and ascending: what the file names, eos, and every token that
/// IsTurnEnd(), whatever type the file gives it. Those become control tokens, so that an answer
/// does not show them and a text cannot spell them; the log hears of it once.
///
/// Two texts mean something else in some vocabularies: `<|end|>` ends a message, not the turn,
/// where there are `<|return|>` and `<|call|>` (harmony), and `</s>` is HTML in Gemma's.
void MarkTurnEnds(TokenizerSpec& spec, const LogSink& log);

}  // namespace altteul::text

// SPDX-License-Identifier: Apache-2.0

// The same plain paragraph in English and in Korean, our own words: how many tokens a tokenizer
// makes of a page in either language.

#pragma once

#include <string_view>

#include "base/status.h"
#include "text/tokenizer.h"

namespace altteul::plan {

std::string_view EnglishSample();
std::string_view KoreanSample();

/// Tokens for a thousand characters (code points) of `sample`.
/// @return what Tokenizer::Encode returns
Result<double> TokensPerThousandCharacters(const text::Tokenizer& tokenizer,
                                           std::string_view sample);

}  // namespace altteul::plan

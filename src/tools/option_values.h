// SPDX-License-Identifier: Apache-2.0

// What the value of an option may be, said so that a person can read it: "-c -5: at least 0", never
// a number of 309 digits. Every verb's options are checked by these.

#pragma once

#include <cstdint>
#include <string>

#include "tools/cli_forward.h"

namespace altteul::tools {

/// Tokens of a context or a prompt: far beyond every model and memory, so that what is asked for
/// fails by its bytes, and products of it with bytes a token do not wrap.
inline constexpr int64_t kMostTokens = int64_t{1} << 40;

/// Counts of which nobody has so many.
inline constexpr int64_t kMostCount = INT32_MAX;

/// Decimal digits with or without a minus, from `least` to `most`.
/// @param meaning  said behind the bounds, for example "0 means all"; may be empty
CLI::Validator WholeNumber(int64_t least, int64_t most, const std::string& meaning = "");

/// A finite number from `least` to `most`.
CLI::Validator RealNumber(double least, double most);

/// A finite number above 0.
CLI::Validator AboveZero();

/// Any text but none: a variable of the shell that is not set must not become another wish.
CLI::Validator NotEmpty();

}  // namespace altteul::tools

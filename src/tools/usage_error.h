// SPDX-License-Identifier: Apache-2.0

// What the option parser found wrong with a command line, in words a person can read.

#pragma once

#include <span>
#include <string>

#include "base/status.h"
#include "tools/cli_forward.h"

namespace altteul::tools {

/// @param words  what was typed behind the verb: an option is called as the user called it
/// @return kInvalidArgument
Status UsageError(const CLI::ParseError& error, std::span<const std::string> words,
                  const CLI::App& verb);

}  // namespace altteul::tools

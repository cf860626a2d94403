// SPDX-License-Identifier: Apache-2.0

// The command line that gives a report again, as a shell takes it.

#pragma once

#include <string>

#include "tools/cli_forward.h"

namespace altteul::tools {

/// `word` quoted for a shell where that is needed.
std::string ShellWord(const std::string& word);

/// "altteul VERB ..." with all that the user gave, in the order in which the options were declared.
std::string CommandLineOf(const CLI::App& verb);

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// "\n" typed as two characters: what -e makes of the texts of a command line, as llama.cpp does.

#pragma once

#include <string>
#include <string_view>

namespace altteul::tools {

/// \n, \r, \t, \', \", \\ and \xHH become what they stand for; any other backslash stays.
std::string Unescape(std::string_view text);

}  // namespace altteul::tools

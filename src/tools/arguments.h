// SPDX-License-Identifier: Apache-2.0

// The words of a command line, made those that the verb's options know: llama.cpp's spellings and
// options are understood (llama_cpp_options.h), and what nobody knows is told with the nearest
// name.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tools/cli_forward.h"

namespace altteul::tools {

struct Arguments {
  std::vector<std::string> words;  ///< for the parser
  std::vector<std::string> notes;  ///< to be told: what was ignored, and why
};

/// @param words  what was typed behind the verb
/// A value that an option must have is taken as it is, also where it looks like an option.
/// @return kInvalidArgument for an option that the verb does not have, naming the nearest, or that
///         would change answers in a way that is not offered, naming what is
Result<Arguments> ReadArguments(std::span<const std::string> words, const CLI::App& verb);

/// "--ctx-size" for "--ctxsize"; "" when nothing of `names` is near.
std::string NearestName(std::string_view typed, std::span<const std::string> names);

}  // namespace altteul::tools

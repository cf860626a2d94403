// SPDX-License-Identifier: Apache-2.0

// What of a compression is not as it was asked for, in sentences.

#pragma once

#include <string>
#include <vector>

#include "compress/recode.h"

namespace altteul::tools {

/// Tensors that got another type than theirs because of the width of their rows (a sentence for all
/// of a kind, with their number) or because of their values (a sentence each, with the number of
/// values), those that were left out, and those that nothing here uses.
std::vector<std::string> WarningsOf(const compress::RecodeReport& report);

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// Expressions for names of tensors, as --only and --keep take them, held against the names that a
// model has: one that is for nothing is a wish that would not come true, after work of hours.

#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "compress/type_rules.h"
#include "model/checkpoint.h"

namespace altteul::tools {

/// @param rules  made of `only` and then `keep`
/// @param only   "REGEX=TYPE"
/// @param keep   "REGEX"
/// @return kInvalidArgument for an expression that matches no tensor, with the names that there
///         are, the nearest first; or one whose tensors keep another type whatever is asked for
Status CheckPatterns(const compress::TypeRules& rules, const std::vector<std::string>& only,
                     const std::vector<std::string>& keep, const model::Checkpoint& source);

}  // namespace altteul::tools

// SPDX-License-Identifier: Apache-2.0

// Which names a template takes from its context: what its author lets a caller choose.

#pragma once

#include <string>
#include <vector>

#include "text/template/syntax_tree.h"

namespace altteul::text::jinja {

/// Names that are read where the template has not surely set them itself, ascending, without global
/// functions. `{% if not defined x %}{% set x = 1 %}{% endif %}{{ x }}` reads x.
std::vector<std::string> FreeNames(const StatementList& program);

}  // namespace altteul::text::jinja

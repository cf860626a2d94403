// SPDX-License-Identifier: Apache-2.0

// The two tables of filters, by what they work on.

#pragma once

#include <span>

#include "text/template/builtin.h"

namespace altteul::text::jinja {

std::span<const BuiltinRow> ValueFilters();     ///< strings, numbers, any value
std::span<const BuiltinRow> SequenceFilters();  ///< lists, dicts, what can be walked over

}  // namespace altteul::text::jinja

// SPDX-License-Identifier: Apache-2.0

// Text of any origin made fit for HTML and SVG: content and quoted attribute values.

#pragma once

#include <string>
#include <string_view>

namespace altteul::report {

/// The five characters with a meaning become entities; bytes that are no UTF-8, control characters
/// and code points that XML forbids become U+FFFD. The result is well-formed in both.
std::string EscapeMarkup(std::string_view text);

}  // namespace altteul::report

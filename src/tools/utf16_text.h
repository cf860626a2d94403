// SPDX-License-Identifier: Apache-2.0

// Text files of Windows: PowerShell's ">" and Notepad's "Unicode" write UTF-16 with a byte order
// mark. Read as bytes, each letter would be two tokens and none a word.

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace altteul::tools {

/// The text as UTF-8, without its mark; nothing where `bytes` does not begin with the mark of
/// UTF-16. What is no character (half of a pair, an odd byte at the end) becomes U+FFFD.
std::optional<std::string> Utf8OfUtf16(std::string_view bytes);

}  // namespace altteul::tools

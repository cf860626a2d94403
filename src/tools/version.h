// SPDX-License-Identifier: Apache-2.0

// Which program this is, for --version and for reports.

#pragma once

#include <string_view>

namespace altteul::tools {

/// "0.1.0 (1a2b3c4d)": the release and the commit it was built from, "..., changed" when files
/// differed from it; the release alone where the source came without its history.
std::string_view ProgramVersion();

}  // namespace altteul::tools
